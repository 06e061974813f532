"""Padding, cropping and resizing of spatial axes.

`F.pad` counts from the last axis. Keras's "nearest" of a resize is PyTorch's "nearest-exact"; its
bilinear one doesn't align the corners. Bicubic kernels differ.
https://keras.io/api/layers/reshaping_layers/ https://keras.io/api/layers/preprocessing_layers/
https://docs.pytorch.org/docs/stable/generated/torch.nn.Upsample.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    Diagnostics,
    channels_last,
    elements,
    input_shape,
    is_known,
    known,
    refused,
    run_time,
    tupled,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Expand, Lowered, Op, spell
from transpile.shapes import ShapeRule, add, multiply, value

Pairs = tuple[tuple[Expr, Expr], ...]
_SAMPLE = {1: (9, 4), 2: (8, 9, 4), 3: (6, 7, 8, 4)}
_OLD = {"dim_ordering": "data_format", "length": "size"}
_MODES = {"nearest": "nearest", "bilinear": "bilinear", "bicubic": "bicubic"}
_BICUBIC = (("K2T203", "bicubic interpolation has another kernel in PyTorch"),)


def pairs(expr: Expr, rank: int) -> Pairs | None:
    """(before, after) of each axis, from 1, (1, 2) or ((1, 1), (2, 2)); None if not known."""
    if isinstance(expr.value, int):
        return ((expr, expr),) * rank
    parts = elements(expr)
    if parts is None:
        return None
    if rank == 1 and len(parts) == 2:
        return ((parts[0], parts[1]),)
    if len(parts) != rank:
        return None
    result = []
    for part in parts:
        inner = (part, part) if isinstance(part.value, int) else elements(part)
        if inner is None or len(inner) != 2:
            return None
        result.append((inner[0], inner[1]))
    return tuple(result)


def resized(rank: int, argument: str, sign: int) -> ShapeRule:
    """The shape rule of padding (+1) and cropping (-1)."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape, amounts = inputs[0], pairs(args[argument], rank)
        if shape is None or len(shape) != rank + 2:
            return None
        if amounts is None:
            return (shape[0], *[FREE] * rank, shape[-1])
        space: list[Dim] = []
        for dim, (before, after) in zip(shape[1:-1], amounts, strict=True):
            numbers = value(dim), value(before), value(after)
            if None in numbers:
                space.append(add([dim, before, after]) if sign > 0 else FREE)
            else:
                space.append(literal((numbers[0] or 0) + sign * ((numbers[1] or 0) + (numbers[2] or 0))))
        return (shape[0], *space, shape[-1])

    return rule


def _expand_padding(rank: int) -> Expand:
    def expand(op: Op, node: Node, context: Context) -> Lowered:
        amounts = pairs(node.args["padding"], rank)
        wrong = channels_last(node)
        if amounts is None:
            wrong += run_time(node.args["padding"], "padding")
        if wrong or amounts is None:
            return refused(*wrong)
        texts = [e.text for pair in reversed(amounts) for e in pair]
        same = texts[0] if len(set(texts)) == 1 else f"({', '.join(texts)})"
        return Lowered(f"nn.ZeroPad{rank}d({same})")

    return expand


def zero_padding(rank: int) -> Op:
    """ZeroPaddingND."""
    layer, module = f"layers.ZeroPadding{rank}D", f"nn.ZeroPad{rank}d"
    default = {1: "1", 2: "(1, 1)", 3: "((1, 1), (1, 1), (1, 1))"}[rank]
    forms = {
        1: (("", "1"), ("2", "2"), ("(1, 2)", "(1, 2)")),
        2: (("", "1"), ("3", "3"), ("(1, 2)", "(2, 2, 1, 1)"), ("((0, 1), (2, 3))", "(2, 3, 0, 1)")),
        3: (("2", "2"), ("((0, 1), (2, 3), (4, 5))", "(4, 5, 2, 3, 0, 1)")),
    }[rank]
    return Op(
        name=f"zero_padding{rank}d",
        keras=f"{layer}(padding={default}, data_format=None)",
        torch=f"{module}(padding)",
        layout="torch",
        shape=resized(rank, "padding", 1),
        expand=_expand_padding(rank),
        renamed=_OLD,
        examples=tuple(Example(f"{layer}({k})", f"{module}({t})", input=_SAMPLE[rank]) for k, t in forms),
    )


def _slice(before: int, after: int) -> str:
    return f"{before or ''}:{f'-{after}' if after else ''}"


def _expand_cropping(rank: int) -> Expand:
    def expand(op: Op, node: Node, context: Context) -> Lowered:
        amounts = pairs(node.args["cropping"], rank)
        wrong = channels_last(node)
        numbers = [(value(a), value(b)) for a, b in amounts or ()]
        if not numbers or any(None in pair for pair in numbers):
            wrong += run_time(node.args["cropping"], "cropping")
        if wrong:
            return refused(*wrong)
        first = ":, :" if context.layout == "torch" else ":"
        return Lowered(call="{x}[" + ", ".join([first, *(_slice(a or 0, b or 0) for a, b in numbers)]) + "]")

    return expand


def cropping(rank: int) -> Op:
    """CroppingND."""
    layer = f"layers.Cropping{rank}D"
    default = {1: "(1, 1)", 2: "((0, 0), (0, 0))", 3: "((1, 1), (1, 1), (1, 1))"}[rank]
    examples = {
        1: (("", ":, :, 1:-1"), ("2", ":, :, 2:-2"), ("(0, 1)", ":, :, :-1")),
        2: (("1", ":, :, 1:-1, 1:-1"), ("(1, 2)", ":, :, 1:-1, 2:-2"), ("((0, 1), (2, 0))", ":, :, :-1, 2:")),
        3: (("1", ":, :, 1:-1, 1:-1, 1:-1"),),
    }[rank]
    return Op(
        name=f"cropping{rank}d",
        keras=f"{layer}(cropping={default}{'' if rank == 1 else ', data_format=None'})",
        shape=resized(rank, "cropping", -1),
        expand=_expand_cropping(rank),
        renamed=_OLD,
        examples=tuple(Example(f"{layer}({k})", f"x[{t}]", input=_SAMPLE[rank]) for k, t in examples),
    )


def upsampled(rank: int) -> ShapeRule:
    """The shape rule of UpSamplingND."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape, size = inputs[0], args["size"]
        if shape is None or len(shape) != rank + 2:
            return None
        factors = (size,) * rank if isinstance(size.value, int) else elements(size)
        if factors is None or len(factors) != rank:
            return (shape[0], *[FREE] * rank, shape[-1])
        return (shape[0], *(multiply([d, f]) for d, f in zip(shape[1:-1], factors, strict=True)), shape[-1])

    return rule


def interpolation(node: Node, name: str) -> tuple[str, Diagnostics]:
    """The mode of an interpolation, and what is wrong with it."""
    expr = node.args.get(name, literal("nearest"))
    if not is_known(expr.value):
        return "", run_time(expr, name)
    path = getattr(expr.value, "path", "")
    kind = str(path or expr.value).rpartition(".")[2].lower().replace("_neighbor", "")
    if kind not in _MODES:
        return "", unsupported(f"{name}={expr.text}")
    return kind, _BICUBIC if kind == "bicubic" else ()


def _fatal(diagnostics: Diagnostics) -> bool:
    return any(code < "K2T2" for code, _ in diagnostics)


def _expand_upsampling(op: Op, node: Node, context: Context) -> Lowered:
    mode, wrong = interpolation(node, "interpolation")
    wrong += channels_last(node)
    if _fatal(wrong):
        return refused(*wrong)
    target = {"scale_factor": node.args["size"], "mode": literal(mode)}
    return Lowered(spell(op.torch, target), diagnostics=wrong)


def upsampling(rank: int) -> Op:
    """UpSamplingND."""
    layer = f"layers.UpSampling{rank}D"
    rest = {1: "", 2: ", data_format=None, interpolation='nearest'", 3: ", data_format=None"}[rank]
    forms = [("", "2" if rank == 1 else repr((2,) * rank)), ("3", "3")]
    if rank == 2:
        forms += [("(2, 3)", "(2, 3)"), ("2, interpolation='bilinear'", "2, mode='bilinear'")]
    return Op(
        name=f"upsampling{rank}d",
        keras=f"{layer}(size={'2' if rank == 1 else repr((2,) * rank)}{rest})",
        torch="nn.Upsample(size=None, scale_factor=None, mode='nearest', align_corners=None)",
        layout="torch",
        shape=upsampled(rank),
        expand=_expand_upsampling,
        renamed=_OLD,
        examples=tuple(
            Example(f"{layer}({k})", f"nn.Upsample(scale_factor={t})", input=_SAMPLE[rank]) for k, t in forms
        ),
    )


def _resizing_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0]
    return None if shape is None or len(shape) != 4 else (shape[0], args["height"], args["width"], shape[-1])


def _expand_resizing(op: Op, node: Node, context: Context) -> Lowered:
    """To a given size; the aspect ratio must not matter."""
    flags = ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias")
    wrong = channels_last(node) + known(node, *flags)
    mode, problem = interpolation(node, "interpolation")
    antialias = node.args["antialias"].value is True
    if mode == "bicubic" and antialias:
        problem = ()
    wrong += problem
    if not wrong or not _fatal(wrong):
        for flag in flags[:2]:
            if node.args[flag].value:
                wrong += unsupported(f"Resizing: {flag}={node.args[flag].text}")
    if _fatal(wrong):
        return refused(*wrong)
    size = Expr(tupled([node.args["height"], node.args["width"]]))
    target = {"size": size, "mode": literal("nearest-exact" if mode == "nearest" else mode)}
    if antialias and mode != "nearest":
        function = "F.interpolate(x, size=None, mode='nearest', antialias=False)"
        return Lowered(call=spell(function, target | {"x": Expr("{x}"), "antialias": literal(True)}), diagnostics=wrong)
    return Lowered(spell(op.torch, target), diagnostics=wrong)


RESIZING = Op(
    name="resizing",
    keras="layers.Resizing(height, width, interpolation='bilinear', crop_to_aspect_ratio=False, "
    "pad_to_aspect_ratio=False, fill_mode='constant', fill_value=0.0, antialias=False, data_format=None)",
    torch="nn.Upsample(size=None, scale_factor=None, mode='nearest', align_corners=None)",
    layout="torch",
    shape=_resizing_shape,
    expand=_expand_resizing,
    ignored=("fill_mode", "fill_value"),  # they fill what pad_to_aspect_ratio adds
    examples=(
        Example("layers.Resizing(5, 6)", "nn.Upsample(size=(5, 6), mode='bilinear')", input=(8, 9, 4)),
        Example("layers.Resizing(12, 11)", "nn.Upsample(size=(12, 11), mode='bilinear')", input=(8, 9, 4)),
        Example(
            "layers.Resizing(5, 6, interpolation='nearest')",
            "nn.Upsample(size=(5, 6), mode='nearest-exact')",
            input=(8, 9, 4),
        ),
        Example(
            "layers.Resizing(4, 4, antialias=True)",
            "F.interpolate(x, size=(4, 4), mode='bilinear', antialias=True)",
            input=(8, 9, 4),
        ),
    ),
)


def _image_resize_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, size = inputs[0], elements(args["size"])
    if shape is None or len(shape) != 4:
        return None
    return (shape[0], *(size if size is not None and len(size) == 2 else (FREE, FREE)), shape[-1])


def _expand_image_resize(op: Op, node: Node, context: Context) -> Lowered:
    """tf.image.resize on a batch of images."""
    shape, size = input_shape(node), elements(node.args["size"])
    mode, wrong = interpolation(node, "method")
    wrong += known(node, "preserve_aspect_ratio", "antialias")
    if shape is None or len(shape) != 4:
        wrong += (("K2T112", f"{op.keras_path} of what is no batch of images"),)
    if size is None or len(size) != 2:
        wrong += run_time(node.args["size"], "size")
    for flag in ("preserve_aspect_ratio", "antialias"):
        wrong += unsupported(f"{op.keras_path}: {flag}") if node.args[flag].value is True else ()
    if _fatal(wrong) or size is None:
        return refused(*wrong)
    target = {
        "x": Expr("{x}"),
        "size": Expr(tupled(size)),
        "mode": literal("nearest-exact" if mode == "nearest" else mode),
    }
    return Lowered(call=spell(op.function, target), diagnostics=wrong)


IMAGE_RESIZE = Op(
    name="image_resize",
    keras="tf.image.resize(x, size, method='bilinear', preserve_aspect_ratio=False, antialias=False)",
    function="F.interpolate(x, size=None, mode='nearest')",
    layout="torch",
    shape=_image_resize_shape,
    expand=_expand_image_resize,
    aliases=("tf.image.resize_images",),
    renamed={"images": "x"},
    examples=(
        Example("tf.image.resize(x, (5, 6))", "F.interpolate(x, size=(5, 6), mode='bilinear')", input=(8, 9, 4)),
        Example(
            "tf.image.resize(x, [5, 6], method='nearest')",
            "F.interpolate(x, size=(5, 6), mode='nearest-exact')",
            input=(8, 9, 4),
        ),
    ),
)


def _expand_center_crop(op: Op, node: Node, context: Context) -> Lowered:
    """The middle of an image that is large enough."""
    shape, wrong = input_shape(node), channels_last(node)
    sizes = [value(d) for d in shape[1:-1]] if shape is not None and len(shape) == 4 else [None]
    wanted = [value(node.args["height"]), value(node.args["width"])]
    if None in sizes or None in wanted:
        return refused(*wrong, ("K2T105", "CenterCrop: the sizes are only known at run time"))
    margins = [(n or 0) - (w or 0) for n, w in zip(sizes, wanted, strict=True)]
    if min(margins) < 0:
        wrong += unsupported("CenterCrop of an image that is too small, which Keras resizes")
    if wrong:
        return refused(*wrong)
    slices = [_slice(m // 2, m - m // 2) for m in margins]
    return Lowered(call="{x}[" + ", ".join([":, :" if context.layout == "torch" else ":", *slices]) + "]")


CENTER_CROP = Op(
    name="center_crop",
    keras="layers.CenterCrop(height, width, data_format=None)",
    shape=_resizing_shape,
    expand=_expand_center_crop,
    examples=(Example("layers.CenterCrop(4, 6)", "x[:, :, 2:-2, 1:-2]", input=(8, 9, 4)),),
)

OPS = (
    *(zero_padding(rank) for rank in (1, 2, 3)),
    *(cropping(rank) for rank in (1, 2, 3)),
    *(upsampling(rank) for rank in (1, 2, 3)),
    RESIZING,
    IMAGE_RESIZE,
    CENTER_CROP,
)
