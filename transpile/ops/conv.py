"""Convolutions.

The kernel is not flipped in either framework; only the order of its axes differs. Keras's
padding="same" depends on the size of the input where there is a stride.
https://keras.io/api/layers/convolution_layers/ https://docs.pytorch.org/docs/stable/nn.html#convolution-layers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node, Shape, literal
from transpile.ops._lowering import (
    Diagnostics,
    channels_last,
    factor,
    known,
    refused,
    unsupported,
)  # fmt: skip
from transpile.ops._padding import compact, mode, pads_of, spatial_pad, symmetric_same
from transpile.registry import Context, Example, Expand, Lowered, Op, channels, spell, translate
from transpile.shapes import ShapeRule, per_axis, window
from transpile.shapes import value as extent

OLD_NAMES = {
    "nb_filter": "filters",
    "filter_length": "kernel_size",
    "subsample": "strides",
    "subsample_length": "strides",
    "border_mode": "padding",
    "atrous_rate": "dilation_rate",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
SPACE = {1: "w", 2: "h w", 3: "d h w"}
SAMPLE = {1: (9, 8), 2: (9, 10, 8), 3: (5, 6, 7, 8)}
_BIAS = "bias: o -> bias: o"


def weight_options(kernel: str) -> str:
    """The arguments about weights, for the kernel of that name."""
    return (
        f"{kernel}_initializer='glorot_uniform', bias_initializer='zeros', {kernel}_regularizer=None, "
        f"bias_regularizer=None, activity_regularizer=None, {kernel}_constraint=None, bias_constraint=None"
    )


def ones(rank: int) -> str:
    """Keras's default stride, as text."""
    return repr((1,) * rank) if rank > 1 else "1"


def depth_of(shape: Shape, args: Mapping[str, Expr]) -> Expr:
    """The channels of a depthwise convolution."""
    times = args["depth_multiplier"]
    if times.value == 1:
        return shape[-1]
    if isinstance(shape[-1].value, int) and isinstance(times.value, int):
        return literal(shape[-1].value * times.value)
    return Expr(f"{factor(shape[-1])} * {factor(times)}" if shape[-1].text else "")


def conv_shape(rank: int) -> ShapeRule:
    """The output of a convolution of that rank: spatial extents by the window rule."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape = inputs[0]
        if shape is None or len(shape) != rank + 2:
            return None
        kernel, stride = per_axis(args["kernel_size"], rank), per_axis(args["strides"], rank)
        dilation = per_axis(args["dilation_rate"], rank)
        space = [
            window(extent(n), k, s, d, mode(args["padding"]))
            for n, k, s, d in zip(shape[1:-1], kernel, stride, dilation, strict=True)
        ]
        return (shape[0], *space, args["filters"] if "filters" in args else depth_of(shape, args))

    return rule


def problems(node: Node, rank: int) -> Diagnostics:
    """What no convolution can be converted with."""
    found = channels_last(node) + known(node, "padding")
    padding = mode(node.args["padding"])
    allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    if not found and padding not in allowed:
        found += unsupported(f"padding={node.args['padding'].text}")
    return found


def placed(node: Node, rank: int, first: str = "{module}") -> tuple[Expr | None, str, tuple[str, ...]]:
    """Keras's padding: the module's `padding` argument, the padded input, and helpers.

    `first` is the convolution that pads: the module, or its first part.
    """
    kernel, stride, dilation = (node.args[n] for n in ("kernel_size", "strides", "dilation_rate"))
    padding = mode(node.args["padding"])
    if padding == "valid":
        return None, "{x}", ()
    if padding == "causal":
        size, step = per_axis(kernel, 1)[0], per_axis(dilation, 1)[0]
        reach = f"({first}.kernel_size[0] - 1) * {first}.dilation[0]"
        if size is not None and step is not None:
            reach = str((size - 1) * step)
        return None, "F.pad({x}, (" + reach + ", 0))", ()
    both = symmetric_same(node, rank, kernel, stride, dilation)
    if both is not None:
        return (literal(compact(both)) if any(both) else None), "{x}", ()
    if all(s == 1 for s in per_axis(stride, rank)):
        return literal("same"), "{x}", ()
    pads = pads_of(node, rank, kernel, stride, dilation)
    if pads is not None:
        return None, "F.pad({x}, " + spatial_pad(pads) + ")", ()
    window_text = f"{first}.kernel_size, {first}.stride, {first}.dilation"
    return None, "pad_same({x}, " + window_text + ")", ("pad_same",)


def expand_conv(rank: int) -> Expand:
    """ConvND and DepthwiseConvND."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        wrong = problems(node, rank)
        target = translate(op, "keras", node.args, channels=channels(node))
        if "depth_multiplier" in node.args:
            shape = node.input_shapes[0]
            if shape is None or not shape[-1].text:
                wrong += (("K2T111", f"the channels of the input of {op.keras_class} are not known"),)
            else:
                target["out_channels"] = depth_of(shape, node.args)
        if wrong:
            return refused(*wrong)
        padding, x, helpers = placed(node, rank)
        if padding is not None:
            target["padding"] = padding
        return Lowered(spell(op.torch, target), "{module}(" + x + ")", helpers=helpers)

    return expand


def torch_conv(rank: int) -> str:
    """The signature of nn.ConvNd."""
    return (
        f"nn.Conv{rank}d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, "
        "groups=1, bias=True, padding_mode='zeros')"
    )


_SAME = {
    "kernel_size": "kernel_size",
    "strides": "stride",
    "dilation_rate": "dilation",
    "use_bias": "bias",
}


def _conv_examples(rank: int) -> tuple[Example, ...]:
    layer, module, sample = f"layers.Conv{rank}D", f"nn.Conv{rank}d", SAMPLE[rank]
    forms = [
        ("4, 3", "8, 4, 3"),
        ("4, 3, padding='same'", "8, 4, 3, padding=1"),
        ("4, 2, padding='same'", "8, 4, 2, padding='same'"),
        ("4, 3, strides=2", "8, 4, 3, stride=2"),
        ("4, 1, strides=2, padding='same'", "8, 4, 1, stride=2"),
        ("4, 3, 2, 'same'", "8, 4, 3, stride=2" + (", padding=1" if rank == 1 else "")),
        ("4, 2, dilation_rate=2", "8, 4, 2, dilation=2"),
        ("4, 3, padding='SAME', dilation_rate=2", "8, 4, 3, padding=2, dilation=2"),
        ("4, 2, groups=4, use_bias=False", "8, 4, 2, groups=4, bias=False"),
    ]
    if rank == 1:
        forms += [
            ("4, 2, padding='causal'", "8, 4, 2"),
            ("4, 3, padding='causal', dilation_rate=2", "8, 4, 3, dilation=2"),
            ("4, 3, strides=2, padding='causal'", "8, 4, 3, stride=2"),
        ]
    return tuple(Example(f"{layer}({k})", f"{module}({t})", input=sample) for k, t in forms)


def conv(rank: int) -> Op:
    """ConvND: the relation is the same for every rank."""
    return Op(
        name=f"conv{rank}d",
        keras=f"layers.Conv{rank}D(filters, kernel_size, strides={ones(rank)}, padding='valid', "
        f"data_format=None, dilation_rate={ones(rank)}, groups=1, activation=None, use_bias=True, "
        f"{weight_options('kernel')})",
        torch=torch_conv(rank),
        same={"filters": "out_channels", "groups": "groups"} | _SAME,
        to_torch={"in_channels": "channels"},
        layout="torch",
        shape=conv_shape(rank),
        weights=(f"kernel: {SPACE[rank]} i o -> weight: o i {SPACE[rank]}", _BIAS),
        expand=expand_conv(rank),
        aliases=(f"layers.Convolution{rank}D", *(("layers.AtrousConvolution2D",) if rank == 2 else ())),
        renamed=OLD_NAMES,
        examples=_conv_examples(rank),
    )


def depthwise(rank: int) -> Op:
    """DepthwiseConvND: a grouped convolution. Keras calls its weight "kernel", too."""
    layer, module = f"layers.DepthwiseConv{rank}D", f"nn.Conv{rank}d"
    forms = (
        ("3", "8, 8, 3, groups=8"),
        ("3, padding='same'", "8, 8, 3, padding=1, groups=8"),
        ("3, depth_multiplier=2", "8, 16, 3, groups=8"),
        ("3, strides=2, padding='same', use_bias=False", "8, 8, 3, stride=2, groups=8, bias=False"),
        ("2, dilation_rate=2", "8, 8, 2, dilation=2, groups=8"),
    )
    sample = {1: (10, 8), 2: (10, 10, 8)}[rank]
    return Op(
        name=f"depthwise_conv{rank}d",
        keras=f"{layer}(kernel_size, strides={ones(rank)}, padding='valid', depth_multiplier=1, "
        f"data_format=None, dilation_rate={ones(rank)}, activation=None, use_bias=True, "
        f"{weight_options('kernel')})",
        torch=torch_conv(rank),
        same=_SAME,
        to_torch={"in_channels": "channels", "groups": "channels"},
        layout="torch",
        shape=conv_shape(rank),
        weights=(f"kernel: {SPACE[rank]} c m -> weight: (c m) 1 {SPACE[rank]}", _BIAS),
        expand=expand_conv(rank),
        renamed=OLD_NAMES | {f"depthwise_{n}": f"kernel_{n}" for n in ("initializer", "regularizer", "constraint")},
        examples=tuple(Example(f"{layer}({k})", f"{module}({t})", input=sample) for k, t in forms),
    )


def _expand_separable(rank: int) -> Expand:
    """A depthwise convolution without bias, then one over single points."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        wrong = problems(node, rank)
        shape = node.input_shapes[0]
        if shape is None or not shape[-1].text:
            wrong += (("K2T111", f"the channels of the input of {op.keras_class} are not known"),)
        if wrong or shape is None:
            return refused(*wrong)
        padding, x, helpers = placed(node, rank, "{module}[0]")
        middle = depth_of(shape, node.args)
        names = {"kernel_size": "kernel_size", "strides": "stride", "dilation_rate": "dilation"}
        first = {t: node.args[k] for k, t in names.items()}
        first |= {"in_channels": shape[-1], "out_channels": middle, "groups": shape[-1], "bias": literal(False)}
        if padding is not None:
            first["padding"] = padding
        second = {
            "in_channels": middle,
            "out_channels": node.args["filters"],
            "kernel_size": literal(1),
            "bias": node.args["use_bias"],
        }
        module = f"nn.Sequential({spell(torch_conv(rank), first)}, {spell(torch_conv(rank), second)})"
        return Lowered(module, "{module}(" + x + ")", helpers=helpers)

    return expand


def separable(rank: int) -> Op:
    """SeparableConvND."""
    layer, module, sample = f"layers.SeparableConv{rank}D", f"nn.Conv{rank}d", SAMPLE[rank]
    space = SPACE[rank]
    point = " ".join("1" for _ in range(rank))
    forms = (
        ("4, 3", "8, 8, 3, groups=8, bias=False", "8, 4, 1"),
        ("4, 3, padding='same', use_bias=False", "8, 8, 3, padding=1, groups=8, bias=False", "8, 4, 1, bias=False"),
        ("4, 3, depth_multiplier=2", "8, 16, 3, groups=8, bias=False", "16, 4, 1"),
    )
    options = weight_options("depthwise").replace(
        "bias_initializer", "pointwise_initializer='glorot_uniform', bias_initializer"
    )
    options = options.replace(" bias_regularizer", " pointwise_regularizer=None, bias_regularizer")
    options = options.replace(" bias_constraint", " pointwise_constraint=None, bias_constraint")
    return Op(
        name=f"separable_conv{rank}d",
        keras=f"{layer}(filters, kernel_size, strides={ones(rank)}, padding='valid', data_format=None, "
        f"dilation_rate={ones(rank)}, depth_multiplier=1, activation=None, use_bias=True, {options})",
        torch=torch_conv(rank),
        layout="torch",
        shape=conv_shape(rank),
        weights=(
            f"depthwise_kernel: {space} c m -> 0.weight: (c m) 1 {space}",
            f"pointwise_kernel: {point} i o -> 1.weight: o i {point}",
            "bias: o -> 1.bias: o",
        ),
        expand=_expand_separable(rank),
        aliases=(f"layers.SeparableConvolution{rank}D",),
        renamed={k: v for k, v in OLD_NAMES.items() if k != "init"},
        examples=tuple(
            Example(f"{layer}({k})", f"nn.Sequential({module}({a}), {module}({b}))", input=sample) for k, a, b in forms
        ),
    )


OPS = (
    *(conv(rank) for rank in (1, 2, 3)),
    *(depthwise(rank) for rank in (1, 2)),
    *(separable(rank) for rank in (1, 2)),
)
