"""Convolutions and pooling of torch.nn as layers of Keras.

PyTorch pads both sides alike and by any number; Keras's "same" agrees where the stride is 1 and
the window odd, elsewhere a padding layer goes before. The running direction is in conv.py,
conv_transpose.py and pool.py.
"""

from __future__ import annotations

from transpile.ir import Expr
from transpile.ops._modules import (
    Args,
    Fold,
    Folded,
    Module,
    Use,
    fan_in,
    flag,
    keras_call,
    one,
    product,
    refused,
    sizes,
    window_size,
)
from transpile.ops.conv import torch_conv
from transpile.registry import equal

_MODES = {"reflect": "ReflectionPadding", "replicate": "ReplicationPadding", "circular": "CircularPadding"}


def _padded_otherwise(args: Args, rank: int) -> tuple[str | None, tuple[str, ...], tuple[str, ...], str]:
    """The same where what is added is not zero: a layer in front."""
    padding, name = args["padding"], _MODES.get(str(args["padding_mode"].value))
    if name is None or rank > 2 or isinstance(padding.value, str):
        return None, (), (), f"padding_mode={args['padding_mode'].text}"
    text = padding.text
    if isinstance(padding.value, tuple | list):
        pairs = [(n, n) for n in padding.value]
        text = repr(tuple(pairs) if rank > 1 else pairs[0])
    return None, (f"{name}{rank}D({text})",), (f"{name}{rank}D",), ""


def _padded(args: Args, rank: int) -> tuple[str | None, tuple[str, ...], tuple[str, ...], str]:
    """Keras's `padding`, the layers before, helpers they need, or what is wrong."""
    padding, mode = args["padding"], args["padding_mode"].value
    if padding.value == "valid" or equal(padding.value, 0):
        return None, (), (), ""
    if mode != "zeros":
        return _padded_otherwise(args, rank)
    if padding.value == "same":
        return '"same"', (), (), ""
    if _is_same(args, rank):
        return '"same"', (), (), ""
    return None, (f"layers.ZeroPadding{rank}D({_only(padding, rank)})",), (), ""


def _only(expr: Expr, rank: int) -> str:
    """`(1,)` as Keras's one-dimensional layers take it."""
    if rank == 1 and isinstance(expr.value, tuple | list) and len(expr.value) == 1:
        return repr(expr.value[0])
    return expr.text


def _is_same(args: Args, rank: int) -> bool:
    """Whether a padding of that many zeros is Keras's "same"."""
    parts = [sizes(args[n], rank) for n in ("kernel_size", "stride", "padding", "dilation")]
    if any(p is None for p in parts):
        return False
    for axis in range(rank):
        k, s, p, d = (part[axis].value for part in parts if part is not None)
        known = all(isinstance(v, int) for v in (k, s, p, d))
        if not known or s != 1 or k % 2 == 0 or p != d * (k - 1) // 2:  # type: ignore[operator]
            return False
    return True


def _same_text(a: Expr, b: Expr) -> bool:
    return a.text.strip() == b.text.strip() or (isinstance(a.value, int) and a.value == b.value)


def _fold_conv(rank: int) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        padding, before, helpers, wrong = _padded(args, rank)
        strided = not equal(args["stride"].value, 1)
        if strided and not equal(args["dilation"].value, 1) and args["dilation"].known and args["stride"].known:
            wrong = wrong or "stride and dilation together"
        if wrong:
            return refused(f"nn.Conv{rank}d: {wrong}")
        groups, channels = args["groups"], args["in_channels"]
        per_group = channels if groups.value == 1 else _quotient(channels, groups)
        init, more = fan_in(product(per_group, *window_size(args["kernel_size"], rank, use)), use)
        common: list[tuple[str, str | None]] = [
            ("strides", args["stride"].text if strided else None),
            ("padding", padding),
            ("dilation_rate", None if equal(args["dilation"].value, 1) else args["dilation"].text),
        ]
        bias = ("use_bias", flag(args["bias"], True))
        if groups.value != 1 and rank < 3 and _same_text(groups, channels):
            times = _quotient(args["out_channels"], channels)
            depth = None if times.value == 1 else times.text
            init = [(n.replace("kernel", "depthwise"), t.replace("fan_in", "depthwise") if t else t) for n, t in init]
            more = tuple(h.replace("fan_in_uniform", "depthwise_uniform") for h in more)
            path = f"layers.DepthwiseConv{rank}D"
            given = [("", args["kernel_size"].text), *common, ("depth_multiplier", depth), bias, *init]
        else:
            path = f"layers.Conv{rank}D"
            split = ("groups", None if groups.value == 1 else groups.text)
            given = [("", args["out_channels"].text), ("", args["kernel_size"].text), *common, split, bias, *init]
        return Folded((*before, keras_call(path, given)), (*helpers, *more))

    return fold


def _quotient(a: Expr, b: Expr) -> Expr:
    if isinstance(a.value, int) and isinstance(b.value, int) and b.value:
        return Expr(str(a.value // b.value), a.value // b.value)
    if _same_text(a, b):
        return Expr("1", 1)
    return Expr(
        f"{a.text} // {b.text}" if b.text.isidentifier() and a.text.isidentifier() else f"({a.text}) // ({b.text})"
    )


def _fold_transpose(rank: int) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        if args["groups"].value != 1:
            return refused(f"nn.ConvTranspose{rank}d: groups={args['groups'].text}")
        if args["padding_mode"].value != "zeros":
            return refused(f"nn.ConvTranspose{rank}d: padding_mode={args['padding_mode'].text}")
        k, s = sizes(args["kernel_size"], rank), sizes(args["stride"], rank)
        wide = (
            k is not None
            and s is not None
            and all(isinstance(a.value, int) and isinstance(b.value, int) and a.value >= b.value for a, b in zip(k, s))
        )
        extra = args["output_padding"]
        init, more = fan_in(product(args["out_channels"], *window_size(args["kernel_size"], rank, use)), use)
        layer = keras_call(
            f"layers.Conv{rank}DTranspose",
            [
                ("", args["out_channels"].text),
                ("", args["kernel_size"].text),
                ("strides", None if equal(args["stride"].value, 1) else args["stride"].text),
                ("output_padding", None if wide and equal(extra.value, 0) else _only(extra, rank)),
                ("dilation_rate", None if equal(args["dilation"].value, 1) else args["dilation"].text),
                ("use_bias", flag(args["bias"], True)),
                *init,
            ],
        )
        crop = () if equal(args["padding"].value, 0) else (f"layers.Cropping{rank}D({_only(args['padding'], rank)})",)
        return Folded((layer, *crop), more)

    return fold


def _fold_max_pool(rank: int) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        if not equal(args["dilation"].value, 1):
            return refused(f"nn.MaxPool{rank}d: dilation={args['dilation'].text}")
        if args["return_indices"].value is not False:
            return refused(f"nn.MaxPool{rank}d: return_indices={args['return_indices'].text}")
        strides = _strides(args)
        plain = equal(args["padding"].value, 0) and args["ceil_mode"].value is False
        if plain:
            return one(keras_call(f"layers.MaxPooling{rank}D", [("", args["kernel_size"].text), ("strides", strides)]))
        whole = args["stride"].value is None
        if not whole and _is_same({**args, "dilation": Expr("1", 1)}, rank):  # pads with the smallest number, too
            return one(
                keras_call(
                    f"layers.MaxPooling{rank}D",
                    [("", args["kernel_size"].text), ("strides", "1"), ("padding", '"same"')],
                )
            )
        given = [
            ("", args["kernel_size"].text),
            ("strides", strides),
            ("padding", None if equal(args["padding"].value, 0) else args["padding"].text),
            ("ceil_mode", flag(args["ceil_mode"], False)),
        ]
        return one(
            keras_call("PaddedMaxPooling", [*given, ("rank", None if rank == 2 else str(rank))]), "PaddedMaxPooling"
        )

    return fold


def _strides(args: Args) -> str | None:
    stride = args["stride"]
    same = (
        stride.value is None
        or stride.text == args["kernel_size"].text
        or equal(stride.value, args["kernel_size"].value)
    )
    return None if same else stride.text


def _fold_avg_pool(rank: int) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        if args["ceil_mode"].value is not False:
            return refused(f"nn.AvgPool{rank}d: ceil_mode={args['ceil_mode'].text}")
        layer = f"layers.AveragePooling{rank}D"
        given = [("", args["kernel_size"].text), ("strides", _strides(args))]
        if equal(args["padding"].value, 0):
            return one(keras_call(layer, given))
        if args["count_include_pad"].value is True:
            return Folded((f"layers.ZeroPadding{rank}D({_only(args['padding'], rank)})", keras_call(layer, given)))
        if args["stride"].value is not None and _is_same({**args, "dilation": Expr("1", 1)}, rank):
            return one(keras_call(layer, [("", args["kernel_size"].text), ("strides", "1"), ("padding", '"same"')]))
        return refused(f"nn.AvgPool{rank}d: padding={args['padding'].text} that is not counted")

    return fold


def _fold_adaptive(rank: int, average: bool) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        size = args["output_size"]
        kind = "Average" if average else "Max"
        if equal(size.value, 1):
            return one(f"layers.Global{kind}Pooling{rank}D(keepdims=True)")
        if (isinstance(size.value, tuple | list) and None in size.value) or size.value is None:
            return refused(f"nn.Adaptive{kind}Pool{rank}d: output_size={size.text}")
        return one(f"layers.Adaptive{kind}Pooling{rank}D({size.text})")

    return fold


_TRANSPOSE = (
    "(in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, "
    "dilation=1, padding_mode='zeros')"
)
_MAX = "(kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False)"
_AVG = "(kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)"
MODULES = tuple(
    module
    for r in (1, 2, 3)
    for module in (
        Module(torch_conv(r), _fold_conv(r), r + 2, "last"),
        Module(f"nn.ConvTranspose{r}d{_TRANSPOSE}", _fold_transpose(r), r + 2, "last"),
        Module(f"nn.MaxPool{r}d{_MAX}", _fold_max_pool(r), r + 2, "last"),
        Module(f"nn.AvgPool{r}d{_AVG}", _fold_avg_pool(r), r + 2, "last"),
        Module(f"nn.AdaptiveAvgPool{r}d(output_size)", _fold_adaptive(r, True), r + 2, "last"),
        Module(f"nn.AdaptiveMaxPool{r}d(output_size, return_indices=False)", _fold_adaptive(r, False), r + 2, "last"),
    )
)
