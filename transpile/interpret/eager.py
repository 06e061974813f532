"""What Keras's and TensorFlow's functions give inside of the user's layers, where code runs eagerly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.attributes import shape_tuple
from transpile.interpret.values import Apply, Phi, Tensor
from transpile.ir import FREE, UNKNOWN, Dim, Expr, Shape, literal
from transpile.registry import same_shape
from transpile.shapes import value as extent

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

NOTHING = object()
_SHAPES = ("tf.shape", "keras.ops.shape", "keras.backend.shape", "keras.backend.int_shape")
_RANGES = ("tf.range", "keras.ops.arange", "keras.backend.arange")
_NEW = frozenset(
    f"{root}.{name}"
    for root in ("tf", "tf.random", "keras.ops", "keras.random", "keras.backend")
    for name in ("zeros", "ones", "fill", "full", "normal", "uniform", "truncated_normal", "random_normal",
                 "random_uniform")
)  # fmt: skip
_KEEPING = frozenset("binary matmul tf_extract_patches extract_patches image_resize tf_matmul".split())


def function(
    interpreter: Interpreter, path: str, node: cst.Call, values: Sequence[object], named: Mapping[str, object]
) -> object:
    """The value of a call that a graph would not hold; NOTHING for any other."""
    if path in _SHAPES and values and isinstance(values[0], Tensor):
        return shape_tuple(values[0].shape)  # a number for each axis, None for the batch
    shape: Shape | None = None
    if path in _RANGES:
        shape = (_length(values, named),)
    elif path in _NEW:
        dims = named.get("shape", named.get("dims", values[0] if values else UNKNOWN))
        if not isinstance(dims, tuple | list):
            return NOTHING
        shape = tuple(literal(d) if isinstance(d, int) else FREE for d in dims)
    else:
        return NOTHING
    return Tensor(shape, Phi("a tensor of new numbers", interpreter.source.span(node)))


def _length(values: Sequence[object], named: Mapping[str, object]) -> Dim:
    """The extent of `tf.range(...)` of known integers."""
    start, stop = (values[0], values[1]) if len(values) > 1 else (0, values[0] if values else UNKNOWN)
    given = [named.get("start", start), named.get("limit", named.get("stop", stop))]
    given.append(named.get("delta", named.get("step", values[2] if len(values) > 2 else 1)))
    if not all(isinstance(v, int) for v in given) or not given[2]:
        return FREE
    first, last, step = (v for v in given if isinstance(v, int))
    return literal(len(range(first, last, step)))


def reshaped(tensor: Tensor, target: object) -> Shape | None:
    """The shape of `tf.reshape(x, [batch, -1, size])`: None stands for the batch of a tensor at hand."""
    if not isinstance(target, tuple | list) or not target:
        return None
    dims = [literal(d) if isinstance(d, int) and d >= 0 else FREE for d in target]
    rest = list(target[1:])
    sizes = [extent(d) for d in tensor.shape[1:]] if tensor.shape is not None else [None]
    fixed = [d for d in rest if isinstance(d, int) and d >= 0]
    if target[0] is None and not tensor.merged and rest.count(-1) == 1 and len(fixed) == len(rest) - 1:
        others = math.prod(fixed)
        if None not in sizes and others:
            dims[1 + rest.index(-1)] = literal(math.prod(n or 0 for n in sizes) // others)
    return tuple(dims)


def loses_batch(record: Apply) -> bool:
    """Whether the first extent of the results may be something else than the batch."""
    if any(t.merged for t in record.inputs):
        return True
    op, args = record.op, record.args
    if record.layer is not None or op is None:
        return record.layer is None
    name = op.name
    if name == "reshape":
        return not _keeps(record.inputs[0], args.get("shape", Expr("")).value)
    if name == "transpose":
        axes = args.get("axes", Expr("")).value
        return not (isinstance(axes, tuple | list) and len(axes) > 0 and axes[0] == 0)
    if name == "getitem":
        return not args["index"].text.lstrip("([ ").startswith((":", "..."))
    if "axis" in args:
        axis = args["axis"].value
        several = axis if isinstance(axis, tuple | list) else (axis,)
        return not all(isinstance(a, int) and a != 0 and not isinstance(a, bool) for a in several)
    return not (op.shape is same_shape or name in _KEEPING)


def _keeps(tensor: Tensor, target: object) -> bool:
    """Whether a reshape leaves the batch alone, as far as that is sure."""
    if not isinstance(target, tuple | list) or not target:
        return False
    if target[0] is None:
        return True
    sizes = [extent(d) for d in tensor.shape[1:]] if tensor.shape is not None else [None]
    rest = [d for d in target[1:] if isinstance(d, int) and d >= 0]
    whole = len(rest) == len(target) - 1 and None not in sizes
    return target[0] == -1 and whole and math.prod(rest) == math.prod(n or 0 for n in sizes)
