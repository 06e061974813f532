"""Sizes of a graph's tensors as the program reads them, and the draws that are made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.attributes import shape_tuple
from transpile.interpret.values import Apply, Extent, Frame, Tensor
from transpile.ir import UNKNOWN, Expr, literal
from transpile.registry import Op, UnknownArgument, bind, by_keras_path

if TYPE_CHECKING:
    from transpile.interpret.graph import Graph

STATIC = ("keras.backend.int_shape", "keras.backend.ndim")
_SHAPES = ("tf.shape", "keras.ops.shape", "keras.backend.shape")
DRAWS = ("random_normal", "random_uniform")


def sizes(path: str, values: Sequence[object], named: Mapping[str, object]) -> object:
    """What `K.int_shape(x)` and `tf.shape(x)` give for a tensor of a graph; None for any other call."""
    tensor = next((v for v in (*values, *named.values()) if isinstance(v, Tensor)), None)
    if tensor is None or path not in (*STATIC, *_SHAPES):
        return None
    if tensor.shape is None:
        return UNKNOWN
    if path.endswith(".ndim"):
        return len(tensor.shape)
    if path in STATIC:
        return shape_tuple(tensor.shape)
    return tuple(d.value if isinstance(d.value, int) else Extent(tensor, i) for i, d in enumerate(tensor.shape))


def draw(
    graph: Graph, path: str, node: cst.Call, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame
) -> object:
    """A draw whose shape holds sizes of a tensor: part of the graph. None for any other call."""
    op = by_keras_path().get(path.removeprefix("keras."))
    if op is None or op.name not in DRAWS:
        return None
    given = kwargs.get("shape", args[0] if args else literal(None))
    parts = given.value if isinstance(given.value, tuple | list) else ()
    tensor = next((p.tensor for p in parts if isinstance(p, Extent)), None)
    if tensor is None:
        return None
    sizes = tuple(f"axis {p.axis}" if isinstance(p, Extent) and p.tensor is tensor else p for p in parts)
    record = Apply(
        op, {}, (tensor,), None, graph.interpreter.source.span(node), frame, graph.interpreter.next_order(),
        graph.interpreter.statement,
    )  # fmt: skip
    record.args = _bound(op, args, kwargs, record) | {"shape": Expr(given.text, sizes)}
    return graph.outputs(record)


def _bound(op: Op, args: Sequence[Expr], kwargs: Mapping[str, Expr], record: Apply) -> dict[str, Expr]:
    try:
        return bind(op, args, kwargs)
    except UnknownArgument as error:
        record.problems.append(("K2T104", f"{op.keras_path}: {error} cannot be converted"))
        return bind(op, args[:1], {})
