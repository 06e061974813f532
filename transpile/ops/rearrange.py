"""Functions that rearrange a tensor, the batch axis among its axes.

They count axes as Keras's tensors have them, so they run in Keras's layout.
https://keras.io/api/ops/numpy/
https://docs.pytorch.org/docs/stable/torch.html#indexing-slicing-joining-mutating-ops
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from transpile.ir import FREE, UNKNOWN, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    axes_of,
    elements,
    input_shape,
    known,
    listed,
    rank,
    refused,
    run_time,
    tupled,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Expand, Lowered, Op
from transpile.shapes import multiply, value


def _full_target(expr: Expr, shape: Shape | None) -> tuple[Expr, ...] | None:
    """A shape with the batch in it; an unknown first extent must be proved to be the batch."""
    dims = elements(expr)
    if dims is None or is_integers(dims):
        return dims
    if shape is None or not is_integers(dims[1:]) or any(d.value == -1 for d in dims[1:]):
        return None
    sizes = [value(d) for d in shape[1:]]
    product = math.prod(value(d) or 0 for d in dims[1:])
    if None in sizes or math.prod(n or 0 for n in sizes) != product:
        return None
    return (literal(-1), *dims[1:])


def is_integers(dims: Sequence[Expr]) -> bool:
    """Whether each extent is known."""
    return all(isinstance(d.value, int) for d in dims)


def _full_reshape_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    dims = _full_target(args["shape"], shape) if "shape" in args else None
    if dims is None:
        given = elements(args["shape"]) if "shape" in args else None
        return tuple(d if isinstance(d.value, int) and d.value >= 0 else FREE for d in given) if given else None
    if not dims or dims[0].value != -1:
        return tuple(FREE if d.value == -1 else d for d in dims)
    batch = shape[0] if shape is not None else FREE
    same = shape is not None and multiply(shape[1:]).value == multiply(dims[1:]).value is not UNKNOWN
    return (batch if same else FREE, *dims[1:])


def _expand_full_reshape(op: Op, node: Node, context: Context) -> Lowered:
    if "shape" not in node.args:
        return refused(("K2T112", "a reshape to a shape that is computed from tensors"))
    dims = _full_target(node.args["shape"], input_shape(node))
    if dims is None:
        return refused(*run_time(node.args["shape"], "shape"))
    return Lowered(call="{x}.reshape(" + listed(dims) + ")")


FULL_RESHAPE = Op(
    name="reshape",
    keras="ops.reshape(x, shape)",
    layout="keras",
    shape=_full_reshape_shape,
    expand=_expand_full_reshape,
    aliases=("tf.reshape", "backend.reshape"),
    renamed={"newshape": "shape", "tensor": "x"},
    examples=(
        Example("ops.reshape(x, (-1, 4, 2))", "x.reshape(-1, 4, 2)", input=(8,)),
        Example("ops.reshape(x, [-1, 48, 5])", "x.reshape(-1, 48, 5)", input=(5, 6, 8)),
    ),
)


def _axes_list(node: Node, name: str) -> tuple[Expr, ...] | None:
    """A permutation; None in the call means: in reverse."""
    expr = node.args[name]
    if expr.value is None:
        size = rank(node)
        return None if size is None else tuple(literal(i) for i in reversed(range(size)))
    return elements(expr)


def _transpose_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    if shape is None:
        return None
    if args["axes"].value is None:
        return shape[::-1]
    axes = axes_of(args["axes"], len(shape))
    return tuple(shape[a] for a in axes) if axes is not None and len(axes) == len(shape) else None


def _expand_transpose(op: Op, node: Node, context: Context) -> Lowered:
    dims = _axes_list(node, "axes")
    if dims is None:
        return refused(*run_time(node.args["axes"], "axes"))
    return Lowered(call="{x}.permute(" + listed(dims) + ")")


TRANSPOSE = Op(
    name="transpose",
    keras="ops.transpose(x, axes=None)",
    layout="keras",
    shape=_transpose_shape,
    expand=_expand_transpose,
    aliases=("tf.transpose", "backend.permute_dimensions", "backend.transpose"),
    renamed={"perm": "axes", "pattern": "axes", "a": "x"},
    ignored=("conjugate",),
    examples=(
        Example("ops.transpose(x, (0, 2, 1))", "x.permute(0, 2, 1)", input=(5, 8)),
        Example("ops.transpose(x, axes=[0, 3, 1, 2])", "x.permute(0, 3, 1, 2)", input=(5, 6, 8)),
    ),
)


def _expand_dims_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, axis = inputs[0], args["axis"].value
    if shape is None or not isinstance(axis, int):
        return None
    at = axis % (len(shape) + 1)
    return (*shape[:at], literal(1), *shape[at:])


def _squeeze_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    axes = axes_of(args["axis"], len(shape)) if shape is not None else None
    return None if shape is None or axes is None else tuple(d for i, d in enumerate(shape) if i not in axes)


def _expand_axis(method: str) -> Expand:
    def expand(op: Op, node: Node, context: Context) -> Lowered:
        axis = node.args["axis"]
        if axis.value is None:
            return Lowered(call="{x}." + f"{method}()")
        if isinstance(axis.value, tuple | list):
            dims = elements(axis)
            if method != "squeeze" or dims is None:
                return refused(*unsupported(f"{op.name}: axis={axis.text}"))
            return Lowered(call="{x}.squeeze(" + tupled(dims) + ")")
        return Lowered(call="{x}." + f"{method}({axis.text})")

    return expand


BACKEND_EXPAND_DIMS = Op(
    name="backend_expand_dims",
    keras="backend.expand_dims(x, axis=-1)",
    layout="keras",
    shape=_expand_dims_shape,
    expand=_expand_axis("unsqueeze"),
    renamed={"dim": "axis"},
    examples=(Example("backend.expand_dims(x)", "x.unsqueeze(-1)", input=(5, 8)),),
)

EXPAND_DIMS = Op(
    name="expand_dims",
    keras="ops.expand_dims(x, axis)",
    layout="keras",
    shape=_expand_dims_shape,
    expand=_expand_axis("unsqueeze"),
    aliases=("tf.expand_dims",),
    renamed={"input": "x", "dim": "axis"},
    examples=(
        Example("ops.expand_dims(x, axis=1)", "x.unsqueeze(1)", input=(8,)),
        Example("ops.expand_dims(x, -1)", "x.unsqueeze(-1)", input=(5, 8)),
    ),
)

SQUEEZE = Op(
    name="squeeze",
    keras="ops.squeeze(x, axis=None)",
    layout="keras",
    shape=_squeeze_shape,
    expand=_expand_axis("squeeze"),
    aliases=("tf.squeeze", "backend.squeeze"),
    renamed={"input": "x", "squeeze_dims": "axis"},
    examples=(
        Example("ops.squeeze(x, axis=1)", "x.squeeze(1)", input=(1, 8)),
        Example("ops.squeeze(x, axis=-1)", "x.squeeze(-1)", input=(5, 1)),
        Example("ops.squeeze(x, axis=[1, 2])", "x.squeeze((1, 2))", input=(1, 1, 8)),
    ),
)


def _batch_flatten_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    return None if shape is None else (shape[0], multiply(shape[1:]))


def _expand_batch_flatten(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.flatten(1)")


BATCH_FLATTEN = Op(
    name="batch_flatten",
    keras="backend.batch_flatten(x)",
    layout="keras",
    shape=_batch_flatten_shape,
    expand=_expand_batch_flatten,
    examples=(Example("backend.batch_flatten(x)", "x.flatten(1)", input=(5, 8)),),
)


def _stack_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    axis = args["axis"].value
    if not inputs or any(s is None for s in inputs) or not isinstance(axis, int) or inputs[0] is None:
        return None
    at = axis % (len(inputs[0]) + 1)
    return (*inputs[0][:at], literal(len(inputs)), *inputs[0][at:])


def _expand_stack(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="torch.stack([{xs}], dim=" + node.args["axis"].text + ")")


STACK = Op(
    name="stack",
    keras="ops.stack(tensors, axis=0)",
    layout="keras",
    shape=_stack_shape,
    expand=_expand_stack,
    aliases=("tf.stack", "backend.stack"),
    renamed={"x": "tensors", "values": "tensors"},
    examples=(
        Example("ops.stack([x0, x1], axis=1)", "torch.stack([x0, x1], dim=1)", input=((5, 8), (5, 8))),
        Example("ops.stack([x0, x1], axis=-1)", "torch.stack([x0, x1], dim=-1)", input=((8,), (8,))),
    ),
)


def _tile_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, times = inputs[0], elements(args["repeats"])
    if shape is None or times is None or len(times) != len(shape):
        return None
    dims: list[Dim] = [multiply([d, t]) for d, t in zip(shape[1:], times[1:])]
    return (shape[0] if times[0].value == 1 else FREE, *dims)


def _expand_tile(op: Op, node: Node, context: Context) -> Lowered:
    times = elements(node.args["repeats"])
    if times is None or len(times) != (rank(node) or len(times)):
        return refused(*run_time(node.args["repeats"], "repeats"))
    return Lowered(call="{x}.repeat(" + listed(times) + ")")


TILE = Op(
    name="tile",
    keras="ops.tile(x, repeats)",
    layout="keras",
    shape=_tile_shape,
    expand=_expand_tile,
    aliases=("tf.tile", "backend.tile"),
    renamed={"multiples": "repeats", "input": "x", "n": "repeats"},
    examples=(Example("ops.tile(x, [1, 3, 2])", "x.repeat(1, 3, 2)", input=(5, 8)),),
)


def _elements_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    axes = axes_of(args["axis"], len(shape)) if shape is not None else None
    if shape is None or axes is None or len(axes) != 1:
        return None
    at = axes[0]
    return (*shape[:at], multiply([shape[at], args["repeats"]]) if at else FREE, *shape[at + 1 :])


def _expand_elements(op: Op, node: Node, context: Context) -> Lowered:
    axis = node.args["axis"]
    wrong = unsupported("repeat without an axis") if axis.value is None else ()
    wrong += unsupported("repeat: a list of counts") if isinstance(node.args["repeats"].value, list | tuple) else ()
    wrong += known(node, "repeats")
    if wrong:
        return refused(*wrong)
    return Lowered(call="{x}.repeat_interleave(" + node.args["repeats"].text + f", dim={axis.text})")


REPEAT_ELEMENTS = Op(
    name="repeat",
    keras="ops.repeat(x, repeats, axis=None)",
    layout="keras",
    shape=_elements_shape,
    expand=_expand_elements,
    aliases=("tf.repeat", "backend.repeat_elements"),
    renamed={"rep": "repeats", "input": "x"},
    examples=(Example("ops.repeat(x, 2, axis=1)", "x.repeat_interleave(2, dim=1)", input=(5, 8)),),
)


def _expand_flat(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.flatten()")


BACKEND_FLATTEN = Op(
    name="backend_flatten",
    keras="backend.flatten(x)",
    layout="keras",
    shape=lambda inputs, args: (FREE,),
    expand=_expand_flat,
    examples=(Example("backend.flatten(x)", "x.flatten()", input=(8,)),),
    note="the batch is flattened, too",
)

OPS = (
    FULL_RESHAPE, TRANSPOSE, EXPAND_DIMS, BACKEND_EXPAND_DIMS, SQUEEZE, BATCH_FLATTEN, STACK, TILE, REPEAT_ELEMENTS,
    BACKEND_FLATTEN,
)  # fmt: skip
