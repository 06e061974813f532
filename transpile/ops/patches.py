"""Functions of images that rearrange pixels: patches, blocks, mirrors.

Their channels come last, and the order of what lands in one channel counts: they run in Keras's
layout.
https://www.tensorflow.org/api_docs/python/tf/image https://keras.io/api/ops/image/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    Diagnostics,
    channels_last,
    elements,
    factor,
    input_shape,
    known,
    refused,
    run_time,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Expand, Lowered, Op
from transpile.shapes import ShapeRule, multiply, value

_IMAGE = (8, 9, 4)


def _pair(expr: Expr) -> tuple[Expr, Expr] | None:
    """Height and width: of one number, of two, or of TensorFlow's four."""
    parts = elements(expr)
    if parts is None or len(parts) not in (1, 2, 4):
        return None
    if len(parts) == 4:
        return (parts[1], parts[2]) if parts[0].value == parts[3].value == 1 else None
    return parts[0], parts[-1]


def _steps(args: Mapping[str, Expr]) -> tuple[Expr, Expr] | None:
    """How far apart the patches lie: side by side where nothing is said."""
    given = args.get("strides")
    return _pair(args["size"] if given is None or given.value is None else given)


def _patches_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, size, steps = inputs[0], _pair(args["size"]), _steps(args)
    if shape is None or len(shape) != 4 or size is None or steps is None:
        return None
    space: list[Dim] = []
    for dim, extent, step in zip(shape[1:3], size, steps):
        numbers = value(dim), value(extent), value(step)
        same = str(args["padding"].value).lower() == "same"
        if None in numbers:
            space.append(FREE)
        else:
            total, patch, stride = (n or 0 for n in numbers)
            space.append(literal(-(-total // stride) if same else (total - patch) // stride + 1))
    return (shape[0], *space, multiply([*size, shape[3]]))


def _padding(node: Node, size: tuple[Expr, Expr], steps: tuple[Expr, Expr]) -> tuple[str, Diagnostics]:
    """What is done to the image before it is cut."""
    shape = input_shape(node)
    if str(node.args["padding"].value).lower() != "same":
        return "{x}", ()
    numbers = [(value(dim), value(extent), value(step)) for dim, extent, step in zip((shape or ())[1:3], size, steps)]
    if len(numbers) != 2 or any(None in n for n in numbers):
        return "{x}", (("K2T105", "the padding of the patches is only known at run time"),)
    amounts = []
    for total, patch, step in numbers:
        total, patch, step = total or 0, patch or 0, step or 0
        missing = max((-(-total // step) - 1) * step + patch - total, 0)
        amounts.append((missing // 2, missing - missing // 2))
    if not any(a + b for a, b in amounts):
        return "{x}", ()
    (top, bottom), (left, right) = amounts
    return "F.pad({x}, " + f"(0, 0, {left}, {right}, {top}, {bottom}))", ()


def _expand_patches(op: Op, node: Node, context: Context) -> Lowered:
    """Two unfolded axes; what lies in a patch goes to the end, channels last."""
    size, steps = _pair(node.args["size"]), _steps(node.args)
    wrong = known(node, "padding", "rates") + channels_last(node)
    rates = _pair(node.args["rates"])
    if not wrong and (rates is None or any(r.value != 1 for r in rates)):
        wrong += unsupported(f"{op.keras_path}: pixels that lie apart")
    if size is None or steps is None:
        return refused(*wrong, *run_time(node.args["size"], "size"))
    image, problem = _padding(node, size, steps)
    if wrong or problem:
        return refused(*wrong, *problem)
    cuts = "".join(f".unfold({axis}, {n.text}, {s.text})" for axis, (n, s) in enumerate(zip(size, steps), 1))
    return Lowered(call=image + cuts + ".permute(0, 1, 2, 4, 5, 3).flatten(3)")


_CUT = "x.unfold(1, 2, {0}).unfold(2, 2, {0}).permute(0, 1, 2, 4, 5, 3).flatten(3)"
TF_PATCHES = Op(
    name="tf_extract_patches",
    keras="tf.image.extract_patches(x, size, strides, rates, padding)",
    layout="keras",
    shape=_patches_shape,
    expand=_expand_patches,
    aliases=("tf.extract_image_patches", "tf.image.extract_image_patches"),
    renamed={"images": "x", "sizes": "size", "ksizes": "size"},
    examples=(
        Example(
            "tf.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], 'VALID')",
            _CUT.format(2), input=_IMAGE,
        ),
        Example(
            "tf.image.extract_patches(x, [1, 2, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], 'SAME')",
            "F.pad(x, (0, 0, 1, 1, 0, 0)).unfold(1, 2, 2).unfold(2, 3, 2).permute(0, 1, 2, 4, 5, 3).flatten(3)",
            input=_IMAGE,
        ),
    ),
)  # fmt: skip
PATCHES = Op(
    name="extract_patches",
    keras="ops.image.extract_patches(x, size, strides=None, rates=1, padding='valid', data_format=None)",
    layout="keras",
    shape=_patches_shape,
    expand=_expand_patches,
    renamed={"images": "x", "dilation_rate": "rates"},
    examples=(
        Example("ops.image.extract_patches(x, 2)", _CUT.format(2), input=_IMAGE),
        Example("ops.image.extract_patches(x, (2, 2), strides=1)", _CUT.format(1), input=_IMAGE),
    ),
)


def _mirror(name: str, axis: int) -> Op:
    """One axis of an image or a batch of them, the other way round."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        return Lowered(call="{x}.flip(" + f"{axis})")

    return Op(
        name=name,
        keras=f"tf.image.{name}(x)",
        layout="keras",
        expand=expand,
        renamed={"image": "x"},
        examples=(Example(f"tf.image.{name}(x)", f"x.flip({axis})", input=_IMAGE),),
    )


def _blocks_shape(deeper: bool) -> ShapeRule:
    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape, size = inputs[0], args["block_size"].value
        if shape is None or len(shape) != 4 or not isinstance(size, int):
            return None
        found: list[Dim] = [shape[0]]
        for dim, factors in zip(shape[1:], (1, 1, 2)):
            number, scale = value(dim), size**factors
            grows = (factors == 2) == deeper
            found.append(FREE if number is None else literal(number * scale if grows else number // scale))
        return tuple(found)

    return rule


def _expand_blocks(deeper: bool) -> Expand:
    """TensorFlow counts the channels of a block last, PyTorch's pixel (un)shuffle first."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        fmt = node.args["data_format"]
        if fmt.value not in ("NHWC", "channels_last", None):
            return refused(*unsupported(f"{op.keras_path}: data_format={fmt.text}"))
        size = factor(node.args["block_size"])
        if deeper:
            cut = f".unflatten(2, (-1, {size})).unflatten(1, (-1, {size}))"
            return Lowered(call="{x}" + cut + ".permute(0, 1, 3, 2, 4, 5).flatten(3)")
        apart = f".unflatten(3, ({size}, {size}, -1))"
        return Lowered(call="{x}" + apart + ".permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)")

    return expand


TO_DEPTH = Op(
    name="space_to_depth",
    keras="tf.nn.space_to_depth(x, block_size, data_format='NHWC')",
    layout="keras",
    shape=_blocks_shape(True),
    expand=_expand_blocks(True),
    aliases=("tf.space_to_depth",),
    renamed={"input": "x"},
    examples=(
        Example(
            "tf.nn.space_to_depth(x, 2)",
            "x.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).permute(0, 1, 3, 2, 4, 5).flatten(3)", input=(4, 6, 3),
        ),
    ),
)  # fmt: skip
TO_SPACE = Op(
    name="depth_to_space",
    keras="tf.nn.depth_to_space(x, block_size, data_format='NHWC')",
    layout="keras",
    shape=_blocks_shape(False),
    expand=_expand_blocks(False),
    aliases=("tf.depth_to_space",),
    renamed={"input": "x"},
    examples=(
        Example(
            "tf.nn.depth_to_space(x, 2)",
            "x.unflatten(3, (2, 2, -1)).permute(0, 1, 3, 2, 4, 5).flatten(3, 4).flatten(1, 2)", input=(4, 6, 8),
        ),
    ),
)  # fmt: skip

OPS = (
    TF_PATCHES,
    PATCHES,
    _mirror("flip_left_right", -2),
    _mirror("flip_up_down", -3),
    TO_DEPTH,
    TO_SPACE,
)
