"""Draws of random numbers in a graph: the shape is that of a tensor, or begins with its batch.

Distributions are equal, values are not.
https://keras.io/api/random/random_ops/ https://docs.pytorch.org/docs/stable/generated/torch.randn_like.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Expr, Node, Shape, literal
from transpile.ops._lowering import Diagnostics, factor, refused, unsupported
from transpile.registry import Context, Example, Lowered, Op
from transpile.shapes import value

_NUMBER = re.compile(r"-?[\d.e-]+")
_FLOAT = (None, "float32", "tf.float32", "float", "float64", "tf.float64")


def _sizes(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The extents: numbers, and "axis 0" for that of the tensor which the draw is made for."""
    given = args["shape"].value
    if not isinstance(given, tuple | list):
        return None
    like = inputs[0] or ()
    dims = []
    for part in given:
        axis = int(part.removeprefix("axis ")) if isinstance(part, str) else None
        dims.append(literal(part) if axis is None else like[axis] if axis < len(like) else FREE)
    return tuple(dims)


def _made(node: Node, name: str) -> str | None:
    """`torch.randn_like({x})`, or with its sizes; None where they are not known."""
    given = node.args["shape"].value
    like = node.input_shapes[0] if node.input_shapes else None
    if not isinstance(given, tuple | list) or not all(isinstance(p, int | str) for p in given):
        return None
    same = like is not None and len(like) == len(given)
    if same and all(part == f"axis {i}" or part == value(dim) for i, (part, dim) in enumerate(zip(given, like or ()))):
        return f"torch.{name}_like({{x}})"
    sizes = [f"{{x}}.shape[{p.removeprefix('axis ')}]" if isinstance(p, str) else str(p) for p in given]
    return f"torch.{name}({', '.join(sizes)}, device={{x}}.device)"


def _problems(op: Op, node: Node) -> Diagnostics:
    dtype = node.args["dtype"]
    named = getattr(dtype.value, "path", dtype.value)
    return () if named in _FLOAT else unsupported(f"{op.keras_path}: dtype={dtype.text}")


def _expand_normal(op: Op, node: Node, context: Context) -> Lowered:
    made, problems = _made(node, "randn"), _problems(op, node)
    if made is None or problems:
        return refused(*(problems or (("K2T105", "the shape of this draw is only known at run time"),)))
    mean, deviation = node.args["mean"], node.args["stddev"]
    if deviation.value != 1:
        made = f"{made} * {factor(deviation)}"
    if mean.value != 0:
        made = f"{made} + {factor(mean)}"
    return Lowered(call=made)


def _expand_uniform(op: Op, node: Node, context: Context) -> Lowered:
    made, problems = _made(node, "rand"), _problems(op, node)
    if made is None or problems:
        return refused(*(problems or (("K2T105", "the shape of this draw is only known at run time"),)))
    low, high = node.args["minval"], node.args["maxval"]
    if low.value != 0:
        known = isinstance(low.value, int | float) and isinstance(high.value, int | float)
        width = repr(high.value - low.value) if known else f"({factor(high)} - {factor(low)})"  # type: ignore[operator]
        least = low.text if _NUMBER.fullmatch(low.text) else factor(low)
        return Lowered(call=f"{least} + {made} * {width}")
    return Lowered(call=made if high.value == 1 else f"{made} * {factor(high)}")


NORMAL = Op(
    name="random_normal",
    keras="tf.random.normal(shape, mean=0.0, stddev=1.0, dtype='float32', seed=None)",
    layout="keras",
    shape=_sizes,
    expand=_expand_normal,
    aliases=("backend.random_normal", "random.normal", "tf.random_normal", "tf.keras.backend.random_normal"),
    renamed={"std": "stddev"},
    ignored=("name",),
    examples=(
        Example("tf.random.normal(tf.shape(x), 0.0, 2.0)", "torch.randn_like(x) * 2.0", input=(5,)),
        Example("tf.random.normal((tf.shape(x)[0], 5), mean=0.5)", "torch.randn_like(x) + 0.5", input=(5,)),
        Example("tf.random.normal((tf.shape(x)[0], 1))", "torch.randn(x.shape[0], 1, device=x.device)", input=(5,)),
    ),
    note="a draw on one side only, or with another deviation",
)
UNIFORM = Op(
    name="random_uniform",
    keras="tf.random.uniform(shape, minval=0.0, maxval=1.0, dtype='float32', seed=None)",
    layout="keras",
    shape=_sizes,
    expand=_expand_uniform,
    aliases=("backend.random_uniform", "random.uniform", "tf.random_uniform"),
    renamed={"low": "minval", "high": "maxval"},
    ignored=("name",),
    examples=(
        Example("tf.random.uniform(tf.shape(x), -1.0, 1.0)", "-1.0 + torch.rand_like(x) * 2.0", input=(5,)),
        Example("tf.random.uniform(tf.shape(x), maxval=0.5)", "torch.rand_like(x) * 0.5", input=(4, 6, 3)),
    ),
    note="a draw on one side only, or from another range",
)

OPS = (NORMAL, UNIFORM)
