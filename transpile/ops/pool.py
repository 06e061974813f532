"""Pooling.

Keras pads "same" by the size of the input, with more on the right; the maximum ignores the
padding, and so does the average (semantics of TensorFlow). PyTorch says that natively where both
sides are padded alike, or where only one row is missing at the end (`ceil_mode`).
https://keras.io/api/layers/pooling_layers/ https://docs.pytorch.org/docs/stable/nn.html#pooling-layers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.ops._lowering import channels_last, known, refused, run_time
from transpile.ops._padding import compact, mode, pads_of, right_only, spatial_pad
from transpile.registry import Context, Example, Lowered, Op, spell, translate
from transpile.shapes import ShapeRule, per_axis, window
from transpile.shapes import value as extent

_OLD = {
    "pool_length": "pool_size",
    "stride": "strides",
    "border_mode": "padding",
    "dim_ordering": "data_format",
}
_SAMPLE = {1: (9, 4), 2: (9, 10, 4), 3: (5, 6, 7, 4)}


def pool_shape(rank: int) -> ShapeRule:
    """The output of a pooling of that rank."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape = inputs[0]
        if shape is None or len(shape) != rank + 2:
            return None
        size = per_axis(args["pool_size"], rank)
        stride = size if args["strides"].value is None else per_axis(args["strides"], rank)
        padding = mode(args["padding"])
        space = [window(extent(n), k, s, 1, padding) for n, k, s in zip(shape[1:-1], size, stride)]
        return (shape[0], *space, shape[-1])

    return rule


def expand_pool(rank: int, average: bool) -> Callable[[Op, Node, Context], Lowered]:
    """Max or average pooling with Keras's padding."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        wrong = channels_last(node) + known(node, "padding")
        if wrong:
            return refused(*wrong)
        target = translate(op, "keras", node.args)
        if mode(node.args["padding"]) == "valid":
            return Lowered(module=spell(op.torch, target))
        return _same(op, node, target, rank, average)

    return expand


def _same(op: Op, node: Node, target: dict[str, Expr], rank: int, average: bool) -> Lowered:
    size = node.args["pool_size"]
    stride = size if node.args["strides"].value is None else node.args["strides"]
    kernel, steps = per_axis(size, rank), per_axis(stride, rank)
    if None in kernel or None in steps:
        unknown = size if None in kernel else stride
        return refused(*run_time(unknown, "pool_size" if None in kernel else "strides"))
    pads = pads_of(node, rank, size, stride, literal(1))
    uncounted = {"count_include_pad": literal(False)} if average else {}
    if pads is not None and all(left == right for left, right in pads):
        both = compact(tuple(left for left, _ in pads))
        if both == 0:
            return Lowered(module=spell(op.torch, target))
        return Lowered(module=spell(op.torch, target | {"padding": literal(both)} | uncounted))
    if right_only(pads, kernel, steps):
        return Lowered(module=spell(op.torch, target | {"ceil_mode": literal(True)}))
    window_text = f"{literal(kernel).text}, {literal(steps).text}"
    if average:
        return Lowered(call="avg_pool_same({x}, " + window_text + ")", helpers=("pad_same", "avg_pool_same"))
    infinite = 'float("-inf")'
    if pads is not None:
        padded = "F.pad({x}, " + f"{spatial_pad(pads)}, value={infinite})"
        return Lowered(module=spell(op.torch, target), call="{module}(" + padded + ")")
    padded = "pad_same({x}, " + f"{window_text}, value={infinite})"
    return Lowered(module=spell(op.torch, target), call="{module}(" + padded + ")", helpers=("pad_same",))


def pooling(rank: int, average: bool) -> Op:
    """MaxPoolingND or AveragePoolingND."""
    kind, short = ("Average", "Avg") if average else ("Max", "Max")
    layer, module = f"layers.{kind}Pooling{rank}D", f"nn.{short}Pool{rank}d"
    default = "2" if rank == 1 else repr((2,) * rank)
    rest = "ceil_mode=False, count_include_pad=True" if average else "dilation=1, return_indices=False, ceil_mode=False"
    size = "pool_size" if average else f"pool_size={default}"
    first = default if average else ""
    same = "padding=1, count_include_pad=False" if average else "padding=1"
    examples = (
        Example(f"{layer}({first})", f"{module}({default})", input=_SAMPLE[rank]),
        Example(f"{layer}(3, strides=2)", f"{module}(3, stride=2)", input=_SAMPLE[rank]),
        Example(f"{layer}(2, padding='same')", f"{module}(2, ceil_mode=True)", input=_SAMPLE[rank]),
        Example(f"{layer}(3, strides=1, padding='same')", f"{module}(3, stride=1, {same})", input=_SAMPLE[rank]),
    )
    return Op(
        name=f"{kind.lower()}_pool{rank}d",
        keras=f"{layer}({size}, strides=None, padding='valid', data_format=None)",
        torch=f"{module}(kernel_size, stride=None, padding=0, {rest})",
        same={"pool_size": "kernel_size", "strides": "stride"},
        layout="torch",
        shape=pool_shape(rank),
        expand=expand_pool(rank, average),
        aliases=(f"layers.{short}Pool{rank}D",),
        renamed=_OLD,
        examples=examples,
    )


def global_shape(rank: int) -> ShapeRule:
    """The output of a global pooling."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape = inputs[0]
        if shape is None or len(shape) != rank + 2 or args["keepdims"].value is UNKNOWN:
            return None
        return (shape[0], *([literal(1)] * rank if args["keepdims"].value else []), shape[-1])

    return rule


def expand_global(rank: int, average: bool) -> Callable[[Op, Node, Context], Lowered]:
    """A reduction over the spatial axes, in whatever layout the input lies."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        wrong = channels_last(node) + known(node, "keepdims")
        if wrong:
            return refused(*wrong)
        keep = bool(node.args["keepdims"].value)
        first = 2 if context.layout == "torch" else 1
        if average and rank == 1 and node.mask:
            return _masked_mean(node.mask, first, keep)
        if average and context.layout == "torch" and not context.in_class:
            pool = f"nn.AdaptiveAvgPool{rank}d(1)"
            return Lowered(module=pool if keep else f"nn.Sequential({pool}, nn.Flatten())")
        dims = literal(first if rank == 1 else tuple(range(first, first + rank)))
        method = "mean" if average else "amax"
        return Lowered(call="{x}." + f"{method}(dim={dims.text}{', keepdim=True' if keep else ''})")

    return expand


def _masked_mean(mask: str, time: int, keep: bool) -> Lowered:
    """The mean of the steps that the mask keeps."""
    aligned = f"{mask}.unsqueeze({1 if time == 2 else -1})"
    kept = ", keepdim=True" if keep else ""
    total = "({x} * " + f"{aligned}).sum(dim={time}{kept})"
    if keep:
        return Lowered(call=f"{total} / {aligned}.sum(dim={time}, keepdim=True)")
    return Lowered(call=f"{total} / {mask}.sum(dim=1, keepdim=True)")


def global_pooling(rank: int, average: bool) -> Op:
    """GlobalAveragePoolingND or GlobalMaxPoolingND."""
    kind, short = ("Average", "Avg") if average else ("Max", "Max")
    layer = f"layers.Global{kind}Pooling{rank}D"
    method = "mean" if average else "amax"
    dims = "2" if rank == 1 else repr(tuple(range(2, rank + 2)))
    return Op(
        name=f"global_{kind.lower()}_pool{rank}d",
        keras=f"{layer}(data_format=None, keepdims=False)",
        layout="any",
        shape=global_shape(rank),
        mask="use" if average and rank == 1 else "drop",
        expand=expand_global(rank, average),
        aliases=(f"layers.Global{short}Pool{rank}D",),
        renamed={"dim_ordering": "data_format"},
        examples=(
            Example(f"{layer}()", f"x.{method}(dim={dims})", input=_SAMPLE[rank]),
            Example(f"{layer}(keepdims=True)", f"x.{method}(dim={dims}, keepdim=True)", input=_SAMPLE[rank]),
        ),
    )


OPS = (
    *(pooling(rank, average) for average in (False, True) for rank in (1, 2, 3)),
    *(global_pooling(rank, average) for average in (True, False) for rank in (1, 2, 3)),
)
