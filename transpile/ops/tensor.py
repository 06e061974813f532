"""Layers and functions that rearrange a tensor.

Keras's layers count axes without the batch, or from one; its channels come last, so everything
here runs in Keras's layout.
https://keras.io/api/layers/reshaping_layers/
https://docs.pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    axes_of,
    elements,
    input_shape,
    is_known,
    listed,
    rank,
    refused,
    run_time,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Lowered, Op
from transpile.shapes import multiply, value


def _flatten_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    return None if shape is None else (shape[0], multiply(shape[1:]))


def _expand_flatten(op: Op, node: Node, context: Context) -> Lowered:
    """Flatten; with channels first Keras still flattens channels last."""
    expr = node.args["data_format"]
    if not is_known(expr.value):
        return refused(*run_time(expr, "data_format"))
    if rank(node) == 1:
        return Lowered(call="{x}.unsqueeze(1)")
    if expr.value == "channels_first" and rank(node) != 2:
        if rank(node) is None:
            return refused(*unsupported(f"Flatten: data_format={expr.text} of an unknown shape"))
        return Lowered(call="{x}.movedim(1, -1).flatten(1)")
    return Lowered(call="{x}.flatten(1)") if context.in_class else Lowered(module="nn.Flatten()")


FLATTEN = Op(
    name="flatten",
    keras="layers.Flatten(data_format=None)",
    torch="nn.Flatten()",
    function="torch.flatten(x, start_dim)",
    to_torch={"start_dim": "1"},
    layout="keras",
    shape=_flatten_shape,
    expand=_expand_flatten,
    renamed={"dim_ordering": "data_format"},
    examples=(
        Example("layers.Flatten()", "x.flatten(1)", input=(5, 6, 8)),
        Example("layers.Flatten()", "nn.Flatten()", input=(5, 8)),
        Example("layers.Flatten()", "x.flatten(1)", input=(8,)),
        Example("layers.Flatten()", "x.unsqueeze(1)", input=()),
        Example("layers.Flatten(data_format='channels_first')", "x.movedim(1, -1).flatten(1)", input=(5, 6, 8)),
    ),
)


def _target(expr: Expr, shape: Shape | None) -> tuple[Expr, ...] | None:
    """The extents of a target shape, with -1 computed where that is possible."""
    dims = elements(expr)
    if dims is None or sum(d.value == -1 for d in dims) != 1 or shape is None:
        return dims
    sizes = [value(d) for d in shape[1:]]
    rest = [value(d) for d in dims if d.value != -1]
    if None in sizes or None in rest:
        return dims
    free = math.prod(n or 0 for n in sizes) // max(math.prod(n or 0 for n in rest), 1)
    return tuple(literal(free) if d.value == -1 else d for d in dims)


def _reshape_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    dims = _target(args["target_shape"], inputs[0])
    if dims is None:
        return None
    batch = inputs[0][0] if inputs[0] is not None else FREE
    return (batch, *(FREE if d.value in (-1, None) else d for d in dims))


def _expand_reshape(op: Op, node: Node, context: Context) -> Lowered:
    """Reshape of everything but the batch."""
    expr = node.args["target_shape"]
    dims = _target(expr, input_shape(node))
    flat = rank(node) == 2
    sure = dims is not None and all(isinstance(d.value, int) and d.value >= 0 for d in dims)
    if context.in_class and sure and dims is not None:
        return Lowered(call="{x}.reshape(" + listed([literal(-1), *dims]) + ")")
    text = expr.text if dims is None else f"({listed(dims)}{',' if len(dims) == 1 else ''})"
    if not context.in_class:
        if dims is not None and len(dims) == 1:
            return Lowered(module="nn.Flatten()")
        unflatten = f"nn.Unflatten(1, {text})"
        return Lowered(module=unflatten if flat else f"nn.Sequential(nn.Flatten(), {unflatten})")
    return Lowered(call="{x}." + ("" if flat else "flatten(1).") + f"unflatten(1, {text})")


RESHAPE = Op(
    name="reshape_layer",
    keras="layers.Reshape(target_shape)",
    layout="keras",
    shape=_reshape_shape,
    expand=_expand_reshape,
    renamed={"dims": "target_shape"},
    examples=(
        Example("layers.Reshape((4, 2))", "x.reshape(-1, 4, 2)", input=(8,)),
        Example("layers.Reshape((4, 2))", "nn.Unflatten(1, (4, 2))", input=(8,)),
        Example("layers.Reshape((40,))", "x.reshape(-1, 40)", input=(5, 8)),
        Example("layers.Reshape((40,))", "nn.Flatten()", input=(5, 8)),
        Example("layers.Reshape((-1, 4))", "x.reshape(-1, 10, 4)", input=(5, 8)),
        Example("layers.Reshape([3, 5, 16])", "x.reshape(-1, 3, 5, 16)", input=(5, 6, 8)),
    ),
)


def _permute_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, dims = inputs[0], args["dims"].value
    if shape is None or axes_of(args["dims"], len(shape)) is None or not isinstance(dims, tuple | list):
        return None
    return (shape[0], *(shape[d] for d in dims)) if len(dims) == len(shape) - 1 else None


def _expand_permute(op: Op, node: Node, context: Context) -> Lowered:
    dims = elements(node.args["dims"])
    if dims is None:
        return refused(*run_time(node.args["dims"], "dims"))
    return Lowered(call="{x}.permute(0, " + listed(dims) + ")")


PERMUTE = Op(
    name="permute",
    keras="layers.Permute(dims)",
    layout="keras",
    shape=_permute_shape,
    expand=_expand_permute,
    examples=(
        Example("layers.Permute((2, 1))", "x.permute(0, 2, 1)", input=(5, 8)),
        Example("layers.Permute((3, 1, 2))", "x.permute(0, 3, 1, 2)", input=(5, 6, 8)),
    ),
)


def _repeat_vector_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    return None if shape is None else (shape[0], args["n"], *shape[1:])


def _expand_repeat_vector(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.unsqueeze(1).expand(-1, " + node.args["n"].text + ", -1)")


REPEAT_VECTOR = Op(
    name="repeat_vector",
    keras="layers.RepeatVector(n)",
    layout="keras",
    shape=_repeat_vector_shape,
    expand=_expand_repeat_vector,
    examples=(Example("layers.RepeatVector(3)", "x.unsqueeze(1).expand(-1, 3, -1)", input=(8,)),),
)


OPS = (FLATTEN, RESHAPE, PERMUTE, REPEAT_VECTOR)
