"""Calls of Keras's and TensorFlow's that give batches of data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.elements import element_after, sliced
from transpile.interpret.image_batches import GENERATOR
from transpile.interpret.pipelines import GENERATED, SLICES, SOURCES, ZIP
from transpile.interpret.values import Function, ImageBatches, Stream
from transpile.ir import UNKNOWN, Expr

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter
    from transpile.interpret.keras_calls import KerasCalls


def made(keras: KerasCalls, path: str, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> object | None:
    """The pipeline (with `subset="both"` of a directory, two of them) or generator of a call; None of another."""
    if path == GENERATOR:
        return ImageBatches(keras.image_batches)
    if path not in (SLICES, ZIP, GENERATED) and path not in SOURCES:
        return None
    keras.has_pipelines = True
    if "subset" in kwargs and kwargs["subset"].value == "both":
        return Stream("dataset", problem=keras.pipelines), Stream("dataset", problem=keras.pipelines)
    parts = args[0].value if args and path in (SLICES, ZIP) else None
    three = (isinstance(parts, tuple) and len(parts) == 3) or (path == ZIP and len(args) == 3)
    weighted = three or (path == GENERATED and bool(args) and yields_three(args[0].value))
    element: object = UNKNOWN
    if path == SLICES:
        element = sliced(parts)
    elif path == ZIP:
        joined = parts if isinstance(parts, tuple) else [a.value for a in args]
        element = tuple(p.element if isinstance(p, Stream) else UNKNOWN for p in joined)
    return Stream("dataset", problem=keras.pipelines, weighted=weighted, element=element)


def after(interpreter: Interpreter, stream: Stream, method: str, args: Sequence[Expr]) -> Stream:
    """A pipeline behind one more method: a `map` may add the weights of samples, or take them away."""
    function = args[0].value if method == "map" and args else None
    weighted = yields_three(function) if isinstance(function, Function) else stream.weighted
    element = element_after(interpreter, stream, method, args)
    return replace(stream, weighted=weighted, element=element)


def yields_three(function: object) -> bool:
    """Whether a function yields (or returns) three values: inputs, targets and weights of samples."""
    if not isinstance(function, Function):
        return False
    if isinstance(function.node, cst.Lambda):
        return _is_triple(function.node.body)
    return any(_is_triple(value) for value in _results(function.node.body))


def _results(node: cst.CSTNode) -> Iterator[cst.CSTNode | None]:
    """What the statements of a function return or yield; not those of functions inside of it."""
    if isinstance(node, cst.FunctionDef | cst.Lambda | cst.ClassDef):
        return
    if isinstance(node, cst.Return | cst.Yield):
        yield node.value
    for child in node.children:
        yield from _results(child)


def _is_triple(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Tuple) and len(node.elements) == 3
