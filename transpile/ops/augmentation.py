"""Random augmentation of images inside a model: nothing in inference, random while training.

The transformations are those of Keras 3 (https://keras.io/api/layers/preprocessing_layers/image_augmentation/):
coordinates turn, scale and move about the centre of the image, and what lies outside of it is
filled as `fill_mode` says. Draws have the same distribution in both frameworks.
"""

from __future__ import annotations

from transpile.ir import Expr, Node
from transpile.ops._lowering import Diagnostics, channels_last, known, rank, refused, unsupported
from transpile.registry import Context, Example, Lowered, Op

_PADDING = {"reflect": "", "constant": "zeros", "nearest": "border"}


def _refusals(node: Node, *names: str) -> Diagnostics:
    """What keeps an augmentation from being converted."""
    wrong = channels_last(node) + known(node, *names)
    if rank(node) != 4:
        wrong += (("K2T111", f"{node.op} of what is no batch of images"),)
    return wrong


def _sampling(node: Node) -> tuple[str, Diagnostics]:
    """The sampler's padding as one more argument, or why there is none."""
    fill, wrong = node.args["fill_mode"], known(node, "fill_mode", "fill_value", "interpolation")
    if wrong:
        return "", wrong
    if fill.value not in _PADDING:
        return "", unsupported(f"fill_mode={fill.text}")
    if fill.value == "constant" and node.args["fill_value"].value not in (0, None):
        return "", unsupported(f"fill_value={node.args['fill_value'].text}")
    if node.args["interpolation"].value != "bilinear":
        return "", unsupported(f"interpolation={node.args['interpolation'].text}")
    padding = _PADDING[str(fill.value)]
    return f', padding_mode="{padding}"' if padding else "", ()


def _bounds(expr: Expr) -> tuple[str, str] | None:
    """The lower and upper bound that a factor stands for: a number for both signs of it."""
    if isinstance(expr.value, int | float):
        text = expr.text if expr.value >= 0 else repr(abs(expr.value))
        return (f"-{text}" if text.replace(".", "").isalnum() else f"-({text})", text)
    values = expr.value if isinstance(expr.value, tuple | list) else ()
    if len(values) == 2 and all(isinstance(v, int | float) for v in values):
        low, high = sorted(values)
        return repr(low), repr(high)
    return None


def _expand(op: Op, node: Node, context: Context, name: str, factors: tuple[str, ...], pairs: bool) -> Lowered:
    wrong = _refusals(node, *factors)
    padding, refusal = _sampling(node)
    wrong += refusal
    given = [node.args[f] for f in factors if node.args[f].value is not None]
    bounds = [_bounds(expr) for expr in given]
    if wrong or None in bounds:
        return refused(*(wrong or unsupported(f"{name}: {given[0].text} as a factor")))
    texts = [f"({b[0]}, {b[1]})" if pairs else f"{b[0]}, {b[1]}" for b in bounds if b is not None]
    return Lowered(f"{name}({', '.join(texts)}{padding})", helpers=(name,))


def _expand_rotation(op: Op, node: Node, context: Context) -> Lowered:
    return _expand(op, node, context, "RandomRotation", ("factor",), pairs=False)


def _expand_zoom(op: Op, node: Node, context: Context) -> Lowered:
    return _expand(op, node, context, "RandomZoom", ("height_factor", "width_factor"), pairs=True)


def _expand_translation(op: Op, node: Node, context: Context) -> Lowered:
    return _expand(op, node, context, "RandomTranslation", ("height_factor", "width_factor"), pairs=True)


def _expand_contrast(op: Op, node: Node, context: Context) -> Lowered:
    """A lone number f draws from 1 to 1 + f: Keras bounds its negative by zero."""
    factor, limits = node.args["factor"], node.args["value_range"]
    wrong = _refusals(node, "factor", "value_range")
    if wrong:
        return refused(*wrong)
    bounds = (0, factor.value) if isinstance(factor.value, int | float) else factor.value
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        return refused(*unsupported(f"RandomContrast: factor={factor.text}"))
    low, high = sorted(float(b) for b in bounds)
    extra = "" if tuple(limits.value) == (0, 255) else f", value_range={limits.text}"  # type: ignore[arg-type]
    return Lowered(f"RandomContrast({1 - low:.15g}, {1 + high:.15g}{extra})", helpers=("RandomContrast",))


_FILL = "fill_mode='reflect', interpolation='bilinear', seed=None, fill_value=0.0, data_format=None"

RANDOM_ROTATION = Op(
    name="random_rotation",
    keras=f"layers.RandomRotation(factor, {_FILL})",
    layout="torch",
    mask="keep",
    expand=_expand_rotation,
    ignored=("seed",),
    examples=(
        Example("layers.RandomRotation(0.1)", "RandomRotation(-0.1, 0.1)", input=(5, 6, 3)),
        Example("layers.RandomRotation((0.1, 0.1))", "RandomRotation(0.1, 0.1)", input=(5, 6, 3)),
        Example(
            "layers.RandomRotation((-0.15, -0.15), fill_mode='constant')",
            'RandomRotation(-0.15, -0.15, padding_mode="zeros")',
            input=(6, 4, 2),
        ),
        Example(
            "layers.RandomRotation(factor=(0.3, 0.2), fill_mode='nearest')",
            'RandomRotation(0.2, 0.3, padding_mode="border")',
            input=(6, 6, 1),
        ),
    ),
)

RANDOM_ZOOM = Op(
    name="random_zoom",
    keras=f"layers.RandomZoom(height_factor, width_factor=None, {_FILL})",
    layout="torch",
    mask="keep",
    expand=_expand_zoom,
    ignored=("seed",),
    examples=(
        Example("layers.RandomZoom(0.2)", "RandomZoom((-0.2, 0.2))", input=(5, 6, 3)),
        Example("layers.RandomZoom((-0.3, -0.3))", "RandomZoom((-0.3, -0.3))", input=(5, 6, 3)),
        Example(
            "layers.RandomZoom(height_factor=(0.2, 0.2), width_factor=(0.1, 0.3), fill_mode='constant')",
            'RandomZoom((0.2, 0.2), (0.1, 0.3), padding_mode="zeros")',
            input=(6, 4, 2),
        ),
    ),
)

RANDOM_TRANSLATION = Op(
    name="random_translation",
    keras=f"layers.RandomTranslation(height_factor, width_factor, {_FILL})",
    layout="torch",
    mask="keep",
    expand=_expand_translation,
    ignored=("seed",),
    examples=(
        Example("layers.RandomTranslation(0.1, 0.2)", "RandomTranslation((-0.1, 0.1), (-0.2, 0.2))", input=(5, 6, 3)),
        Example(
            "layers.RandomTranslation((0.3, 0.3), (-0.25, -0.25))",
            "RandomTranslation((0.3, 0.3), (-0.25, -0.25))",
            input=(5, 6, 3),
        ),
        Example(
            "layers.RandomTranslation(height_factor=(0.2, 0.4), width_factor=(0.1, 0.1), fill_mode='constant')",
            'RandomTranslation((0.2, 0.4), (0.1, 0.1), padding_mode="zeros")',
            input=(6, 4, 2),
        ),
    ),
)

RANDOM_CONTRAST = Op(
    name="random_contrast",
    keras="layers.RandomContrast(factor, value_range=(0, 255), seed=None)",
    layout="torch",
    mask="keep",
    expand=_expand_contrast,
    ignored=("seed",),
    examples=(
        Example("layers.RandomContrast(0.2)", "RandomContrast(1, 1.2)", input=(5, 6, 3)),
        Example("layers.RandomContrast(0.123456789)", "RandomContrast(1, 1.123456789)", input=(5, 6, 3)),
        Example(
            "layers.RandomContrast((0.3, 0.5), value_range=(-1, 1))",
            "RandomContrast(0.7, 1.5, value_range=(-1, 1))",
            input=(5, 6, 3),
        ),
    ),
)

OPS = (RANDOM_ROTATION, RANDOM_ZOOM, RANDOM_TRANSLATION, RANDOM_CONTRAST)
