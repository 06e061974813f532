"""Transposed convolutions.

Keras cuts the full result so that n becomes n * stride with padding="same". Where kernel minus
stride is even that is PyTorch's `padding`; where it is odd, one more row and column goes at the
end. (`padding=1, output_padding=1` for a kernel of 3 would be shifted by one pixel.)
https://keras.io/api/layers/convolution_layers/convolution2d_transpose/
https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transpile.ir import FREE, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    Diagnostics,
    channels_last,
    is_known,
    known,
    refused,
    run_time,
    unsupported,
)  # fmt: skip
from transpile.ops._padding import compact, mode
from transpile.ops.conv import OLD_NAMES, SAMPLE, SPACE, ones, weight_options
from transpile.registry import Context, Example, Expand, Lowered, Op, channels, spell, translate
from transpile.shapes import ShapeRule, per_axis
from transpile.shapes import value as extent


@dataclass(frozen=True)
class Cut:
    """One axis: PyTorch's `padding` and `output_padding`, and what is dropped at the end."""

    padding: int
    output_padding: int
    dropped: int
    growth: int  # output = (n - 1) * stride + growth


def cut(kernel: int, stride: int, dilation: int, output_padding: int | None, same: bool) -> Cut:
    """Keras's rule for one axis; the input's size does not matter."""
    reach = (kernel - 1) * dilation + 1
    if output_padding is None:
        growth = stride if same else max(reach, stride)
    else:
        growth = reach - (2 * (reach // 2) if same else 0) + output_padding
    left = max(reach - growth, 0) // 2 if same else 0
    right = reach - growth - left
    return Cut(left, max(left - right, 0), max(right - left, 0), growth)


def cuts(args: Mapping[str, Expr], rank: int) -> tuple[Cut, ...] | None:
    """The rule for each axis, None where an argument is not known."""
    padding, extra = mode(args["padding"]), args["output_padding"]
    outputs = (None,) * rank if extra.value is None else per_axis(extra, rank)
    names = ("kernel_size", "strides", "dilation_rate")
    sizes = [per_axis(args[n], rank) for n in names]
    if any(None in size for size in sizes) or (extra.value is not None and None in outputs):
        return None
    if padding not in ("valid", "same"):
        return None
    triples = zip(*sizes, outputs, strict=True)
    return tuple(cut(k or 1, s or 1, d or 1, o, padding == "same") for k, s, d, o in triples)


def transposed_shape(rank: int) -> ShapeRule:
    """The output of a transposed convolution."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape, rules = inputs[0], cuts(args, rank)
        if shape is None or len(shape) != rank + 2:
            return None
        space: list[Dim] = [FREE] * rank
        if rules is not None:
            steps = per_axis(args["strides"], rank)
            sizes = [extent(d) for d in shape[1:-1]]
            space = [
                FREE if n is None else literal((n - 1) * (s or 1) + r.growth)
                for n, s, r in zip(sizes, steps, rules, strict=True)
            ]
        return (shape[0], *space, args["filters"])

    return rule


def _problems(node: Node) -> Diagnostics:
    found = channels_last(node) + known(node, "padding")
    if not found and mode(node.args["padding"]) not in ("valid", "same"):
        found += unsupported(f"padding={node.args['padding'].text}")
    return found


def _expand(rank: int) -> Expand:
    def expand(op: Op, node: Node, context: Context) -> Lowered:
        wrong = _problems(node)
        rules = cuts(node.args, rank)
        if not wrong and rules is None:
            names = ("kernel_size", "strides", "dilation_rate", "output_padding")
            unknown = [n for n in names if not is_known(node.args[n].value)]
            wrong += tuple(d for n in unknown for d in run_time(node.args[n], n))
        if wrong or rules is None:
            return refused(*wrong)
        target = translate(op, "keras", node.args, channels=channels(node))
        target["padding"] = literal(compact(tuple(r.padding for r in rules)))
        target["output_padding"] = literal(compact(tuple(r.output_padding for r in rules)))
        call = "{module}({x})"
        if any(r.dropped for r in rules):
            call += f"[..., {', '.join(f':-{r.dropped}' if r.dropped else ':' for r in rules)}]"
        return Lowered(spell(op.torch, target), call)

    return expand


_FORMS = (
    ("4, 3", "8, 4, 3"),
    ("4, 4, strides=2, padding='same'", "8, 4, 4, stride=2, padding=1"),
    ("4, 3, strides=2, padding='same'", "8, 4, 3, stride=2"),
    ("4, 5, strides=2, padding='same', use_bias=False", "8, 4, 5, stride=2, padding=1, bias=False"),
    ("4, 2, strides=2, padding='same'", "8, 4, 2, stride=2"),
    ("4, 3, padding='same'", "8, 4, 3, padding=1"),
    ("4, 2, strides=3", "8, 4, 2, stride=3, output_padding=1"),
    ("4, 2, strides=3, padding='same'", "8, 4, 2, stride=3, output_padding=1"),
    ("4, 3, strides=2, padding='same', output_padding=1", "8, 4, 3, stride=2"),
    ("4, 3, strides=2, padding='same', output_padding=0", "8, 4, 3, stride=2, padding=1"),
    ("4, 3, strides=2, output_padding=1", "8, 4, 3, stride=2, output_padding=1"),
)


def transposed(rank: int) -> Op:
    """ConvNDTranspose."""
    layer, module = f"layers.Conv{rank}DTranspose", f"nn.ConvTranspose{rank}d"
    order = "data_format=None, output_padding=None" if rank == 3 else "output_padding=None, data_format=None"
    return Op(
        name=f"conv{rank}d_transpose",
        keras=f"{layer}(filters, kernel_size, strides={ones(rank)}, padding='valid', {order}, "
        f"dilation_rate={ones(rank)}, activation=None, use_bias=True, "
        f"{weight_options('kernel')})",
        torch=f"{module}(in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, "
        "groups=1, bias=True, dilation=1, padding_mode='zeros')",
        same={
            "filters": "out_channels",
            "kernel_size": "kernel_size",
            "strides": "stride",
            "use_bias": "bias",
            "dilation_rate": "dilation",
        },
        to_torch={"in_channels": "channels"},
        layout="torch",
        shape=transposed_shape(rank),
        weights=(f"kernel: {SPACE[rank]} o i -> weight: i o {SPACE[rank]}", "bias: o -> bias: o"),
        expand=_expand(rank),
        aliases=(
            f"layers.Convolution{rank}DTranspose", f"layers.Deconv{rank}D", f"layers.Deconvolution{rank}D",
        ),
        renamed=OLD_NAMES,
        examples=tuple(
            Example(f"{layer}({k})", f"{module}({t})", input=SAMPLE[rank]) for k, t in _FORMS
        ),
    )  # fmt: skip


OPS = tuple(transposed(rank) for rank in (1, 2, 3))
