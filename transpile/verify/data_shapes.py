"""Input shapes of models that are only built when they are fitted: from the file's own data."""

from __future__ import annotations

import ast
import contextlib
from dataclasses import replace

from transpile.result import InputInfo, ModelPair
from transpile.verify.loaders import no_network
from transpile.verify.programs import Program, ProgramProblem
from transpile.verify.reading import called
from transpile.verify.slicing import local_expression


def from_data(program: Program, pair: ModelPair) -> tuple[InputInfo, ...]:
    """The inputs with sizes filled in from the arrays that `fit` is given.

    Sequences of ids keep their free length: it does not size the model.
    """
    if all(i.high is not None or (i.shape and None not in i.shape[1:]) for i in pair.inputs):
        return pair.inputs
    prefix, inside, model = pair.keras.rpartition(".<locals>.")
    for argument in _fitted(program.tree, model):
        with contextlib.suppress(ProgramProblem), no_network():
            expression = prefix + inside + argument
            program.load([expression])
            value = program.evaluate(expression)
            arrays = list(value) if isinstance(value, (list, tuple)) else [value]
            shapes = [getattr(array, "shape", None) for array in arrays]
            if len(shapes) == len(pair.inputs) and None not in shapes:
                return tuple(
                    _filled(info, tuple(shape))
                    for info, shape in zip(pair.inputs, shapes, strict=True)
                    if shape is not None
                )
    return pair.inputs


def _filled(info: InputInfo, shape: tuple[int, ...]) -> InputInfo:
    if info.high is not None or (info.shape is not None and len(info.shape) != len(shape)):
        return info
    known = info.shape or (None,) * len(shape)
    sizes = (n if k is None else k for k, n in zip(known[1:], shape[1:], strict=True))
    return replace(info, shape=(known[0], *sizes))


def _fitted(tree: ast.Module, model: str) -> list[str]:
    """What the model is fitted on, as text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in {"fit", "evaluate", "predict"}:
            receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
            if receiver is not None and ast.unparse(receiver) == local_expression(model):
                named = [k.value for k in node.keywords if k.arg == "x"]
                found += [ast.unparse(a) for a in [*node.args[:1], *named]]
    return found
