"""Preprocessing layers inside a model.

Random augmentation does nothing in inference; a flip has the same distribution in both frameworks.
https://keras.io/api/layers/preprocessing_layers/
"""

from __future__ import annotations

from transpile.ir import Expr, Node
from transpile.ops._lowering import channels_last, factor, is_known, known, rank, refused, run_time, unsupported
from transpile.registry import Context, Example, Lowered, Op


def _number(expr: Expr) -> bool:
    return isinstance(expr.value, int | float)


def _expand_rescaling(op: Op, node: Node, context: Context) -> Lowered:
    """x * scale + offset, of numbers."""
    scale, offset = node.args["scale"], node.args["offset"]
    for name, expr in (("scale", scale), ("offset", offset)):
        if not is_known(expr.value):
            return refused(*run_time(expr, name))
        if not _number(expr):
            return refused(*unsupported(f"Rescaling: {name}={expr.text} is no number"))
    shift = "" if offset.value == 0 else f" + {factor(offset)}"
    if isinstance(offset.value, int | float) and offset.value < 0 and offset.text.startswith("-"):
        shift = f" - {offset.text[1:]}"
    return Lowered(call="{x} * " + factor(scale) + shift)


RESCALING = Op(
    name="rescaling",
    keras="layers.Rescaling(scale, offset=0.0)",
    mask="keep",
    expand=_expand_rescaling,
    examples=(
        Example("layers.Rescaling(1.0 / 255)", "x * (1.0 / 255)", input=(5, 6, 3)),
        Example("layers.Rescaling(scale=1 / 127.5, offset=-1)", "x * (1 / 127.5) - 1", input=(5, 6, 3)),
        Example("layers.Rescaling(2.0, 0.5)", "x * 2.0 + 0.5", input=(8,)),
    ),
)


def _expand_normalization(op: Op, node: Node, context: Context) -> Lowered:
    """With given statistics; those of `adapt` are not in the program's text."""
    mean, variance, axis = (node.args[n] for n in ("mean", "variance", "axis"))
    wrong = known(node, "axis", "invert")
    if mean.value is None or variance.value is None:
        wrong += unsupported("Normalization: its mean and variance come from adapt()")
    if node.args["invert"].value is True:
        wrong += unsupported("Normalization: invert=True")
    last = axis.value in (-1, None) or (rank(node) is not None and axis.value == (rank(node) or 0) - 1)
    if not wrong and not last:
        wrong += unsupported(f"Normalization: axis={axis.text}")
    if wrong:
        return refused(*wrong)
    return Lowered(f"Standardization({mean.text}, {variance.text})", helpers=("Standardization",))


NORMALIZATION = Op(
    name="normalization",
    keras="layers.Normalization(axis=-1, mean=None, variance=None, invert=False)",
    layout="keras",
    mask="keep",
    expand=_expand_normalization,
    examples=(
        Example("layers.Normalization(mean=0.5, variance=4.0)", "Standardization(0.5, 4.0)", input=(8,)),
        Example(
            "layers.Normalization(mean=[0.5, 0.25, -1.0], variance=[1.0, 4.0, 0.25])",
            "Standardization([0.5, 0.25, -1.0], [1.0, 4.0, 0.25])",
            input=(5, 6, 3),
        ),
    ),
)

_DIRECTIONS = {"horizontal": (1,), "vertical": (0,), "horizontal_and_vertical": (1, 0)}


def _expand_flip(op: Op, node: Node, context: Context) -> Lowered:
    mode = node.args["mode"]
    wrong = channels_last(node) + known(node, "mode")
    if rank(node) != 4:
        wrong += (("K2T111", "RandomFlip of what is no batch of images"),)
    axes = _DIRECTIONS.get(mode.value) if isinstance(mode.value, str) else None
    if wrong or axes is None:
        return refused(*wrong, *(() if wrong else unsupported(f"RandomFlip: mode={mode.text}")))
    first = 2 if context.layout == "torch" else 1
    dims = ", ".join(str(first + a) for a in axes)
    return Lowered(f"RandomImageFlip({dims})", helpers=("RandomImageFlip",))


RANDOM_FLIP = Op(
    name="random_flip",
    keras="layers.RandomFlip(mode='horizontal_and_vertical', seed=None, data_format=None)",
    mask="keep",
    expand=_expand_flip,
    ignored=("seed",),
    examples=(
        Example("layers.RandomFlip('horizontal')", "RandomImageFlip(2)", input=(5, 6, 3)),
        Example("layers.RandomFlip(mode='horizontal_and_vertical')", "RandomImageFlip(2, 1)", input=(5, 6, 3)),
    ),
)

OPS = (RESCALING, NORMALIZATION, RANDOM_FLIP)
