"""Normalisation.

Keras's BatchNormalization keeps the biased variance for inference, PyTorch's modules the unbiased
one; the emitted subclass keeps Keras's. Epsilon and momentum differ by default, and Keras's
momentum is the share that is kept.
https://keras.io/api/layers/normalization_layers/
https://docs.pytorch.org/docs/stable/nn.html#normalization-layers
"""

from __future__ import annotations

from transpile.ir import Expr, Node, literal
from transpile.ops._lowering import (
    Diagnostics,
    axes_of,
    input_shape,
    is_known,
    known,
    rank,
    refused,
    run_time,
    tupled,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Lowered, Op, spell, translate

_AFFINE = "center=True, scale=True, beta_initializer='zeros', gamma_initializer='ones', "
_PENALTIES = "beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None"
_WEIGHTS = ("gamma: ... -> weight: ...", "beta: ... -> bias: ...")


def _affine(node: Node) -> tuple[bool, bool, Diagnostics]:
    """Whether there are a scale and a shift."""
    wrong = known(node, "scale", "center")
    return bool(not wrong and node.args["scale"].value), bool(not wrong and node.args["center"].value), wrong


def _without(scale: bool, center: bool, size: str) -> tuple[str, ...]:
    """Statements that take one of the two parameters away; `size`: the attribute with the extent.

    A scale is replaced by ones: on a GPU PyTorch (2.11) cannot train a batch normalization that has
    a shift and no scale.
    """
    if scale == center:
        return ()
    if scale:
        return ('{module}.register_parameter("bias", None)',)
    ones = f"torch.ones({{module}}.{size})"
    return ("del {module}.weight", f'{{module}}.register_buffer("weight", {ones}, persistent=False)')


def _affine_lines(node: Node) -> tuple[str, ...]:
    """The weight lines of the parameters that there are."""
    lines = zip(("scale", "center"), _WEIGHTS)
    return tuple(line for name, line in lines if node.args[name].value is not False)


def _batch_norm_lines(node: Node) -> tuple[str, ...]:
    moving = ("moving_mean: ... -> running_mean: ...", "moving_variance: ... -> running_var: ...")
    return (*_affine_lines(node), *moving)


def _expand_batch_norm(op: Op, node: Node, context: Context) -> Lowered:
    scale, center, wrong = _affine(node)
    shape, axes = input_shape(node), axes_of(node.args["axis"], rank(node))
    if node.mask:
        wrong += (("K2T113", "BatchNormalization of masked steps"),)
    if shape is None:
        wrong += (("K2T111", "the rank of the input of BatchNormalization is not known"),)
    elif not 2 <= len(shape) <= 5:
        wrong += (("K2T111", f"BatchNormalization of a tensor of rank {len(shape)}"),)
    elif axes is None and not is_known(node.args["axis"].value):
        wrong += run_time(node.args["axis"], "axis")
    elif axes is None or len(axes) != 1 or axes == (0,):
        wrong += unsupported(f"BatchNormalization: axis={node.args['axis'].text}")
    if wrong or shape is None or axes is None:
        return refused(*wrong)
    module = f"BatchNorm{max(len(shape) - 2, 1)}d"
    path = f"nn.{module}" if context.style == "idiomatic" else module
    target = {
        "num_features": shape[axes[0]],
        **translate(op, "keras", node.args),
        "affine": literal(scale or center),
    }
    call = "{module}({x})"
    if axes[0] != len(shape) - 1:
        at = axes[0] + (context.layout == "torch")
        call = "{module}({x}.transpose(1, " + f"{at})).transpose(1, {at})"
        call = "{module}({x})" if at == 1 else call
    text = spell(op.torch.replace("nn.BatchNorm2d", path), target)
    helpers = () if context.style == "idiomatic" else (module,)
    return Lowered(text, call, _without(scale, center, "num_features"), helpers)


def _batch_norm_examples(layer: str) -> tuple[Example, ...]:
    usual = "eps=0.001, momentum=0.01"
    return (
        Example(f"{layer}()", f"BatchNorm1d(8, {usual})", input=(8,)),
        Example(f"{layer}()", f"BatchNorm1d(8, {usual})", input=(5, 8)),
        Example(f"{layer}()", f"BatchNorm2d(8, {usual})", input=(5, 6, 8)),
        Example(f"{layer}()", f"BatchNorm3d(8, {usual})", input=(3, 4, 5, 8)),
        Example(f"{layer}(axis=3)", f"BatchNorm2d(8, {usual})", input=(5, 6, 8)),
        Example(f"{layer}(axis=1)", f"BatchNorm2d(5, {usual})", input=(5, 6, 8)),
        Example(f"{layer}(axis=2)", f"BatchNorm2d(6, {usual})", input=(5, 6, 8)),
        Example(f"{layer}(momentum=0.8)", "BatchNorm1d(8, eps=0.001, momentum=0.2)", input=(8,)),
        Example(f"{layer}(epsilon=1e-5)", "BatchNorm1d(8, momentum=0.01)", input=(8,)),
        Example(f"{layer}(scale=False)", f"BatchNorm1d(8, {usual})", input=(8,)),
        Example(f"{layer}(center=False)", f"BatchNorm2d(8, {usual})", input=(5, 6, 8)),
        Example(
            f"{layer}(center=False, scale=False)",
            f"BatchNorm2d(8, {usual}, affine=False)",
            input=(5, 6, 8),
        ),
    )


def batch_norm() -> Op:
    """BatchNormalization of any rank."""
    layer = "layers.BatchNormalization"
    return Op(
        name="batch_norm",
        keras=f"{layer}(axis=-1, momentum=0.99, epsilon=0.001, {_AFFINE}"
        f"moving_mean_initializer='zeros', moving_variance_initializer='ones', {_PENALTIES}, "
        "synchronized=False)",
        torch="nn.BatchNorm2d(num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
        same={"epsilon": "eps"},
        to_torch={"momentum": "1 - momentum"},
        to_keras={"momentum": "1 - momentum"},
        layout="torch",
        weights_of=_batch_norm_lines,
        mask="use+keep",
        expand=_expand_batch_norm,
        aliases=("layers.BatchNormalizationV1", "layers.BatchNormalizationV2"),
        renamed={
            "gamma_init": "gamma_initializer",
            "beta_init": "beta_initializer",
            "beta_init_value": "beta_initializer",
        },
        ignored=("synchronized", "fused"),
        examples=_batch_norm_examples(layer),
        note="the running variance is Keras's biased one; epsilon and momentum are Keras's",
    )


def _trailing(node: Node) -> tuple[tuple[Expr, ...], int | None, Diagnostics]:
    """The extents that are normalised, the axis to be moved to the end (None: at the end)."""
    shape, expr = input_shape(node), node.args["axis"]
    if shape is None and expr.value == -1:
        return (Expr(""),), None, ()
    axes = axes_of(expr, rank(node))
    if shape is None or axes is None:
        return (), None, run_time(expr, "axis")
    if 0 in axes or list(axes) != sorted(axes):
        return (), None, unsupported(f"axis={expr.text}")
    extents = tuple(shape[a] for a in axes)
    if axes == tuple(range(len(shape) - len(axes), len(shape))):
        return extents, None, ()
    if len(axes) > 1:
        return (), None, unsupported(f"axis={expr.text}: the axes are not the last ones")
    return extents, axes[0], ()


def _around(call: str, moved: int | None) -> str:
    """The call on a tensor whose axis `moved` was brought to the end."""
    return call if moved is None else call.replace("{x}", f"{{x}}.movedim({moved}, -1)") + f".movedim(-1, {moved})"


def _expand_layer_norm(op: Op, node: Node, context: Context) -> Lowered:
    scale, center, wrong = _affine(node)
    extents, moved, problem = _trailing(node)
    if wrong or problem:
        return refused(*wrong, *problem)
    target = translate(op, "keras", node.args) | {
        "normalized_shape": Expr(tupled(extents)),
        "elementwise_affine": literal(scale or center),
    }
    if scale and not center:
        target["bias"] = literal(False)
    setup = _without(scale, center, "normalized_shape") if center and not scale else ()
    return Lowered(spell(op.torch, target), _around("{module}({x})", moved), setup)


LAYER_NORM = Op(
    name="layer_norm",
    keras=f"layers.LayerNormalization(axis=-1, epsilon=0.001, {_AFFINE}{_PENALTIES})",
    torch="nn.LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True, bias=True)",
    same={"epsilon": "eps"},
    layout="keras",
    weights_of=_affine_lines,
    mask="keep",
    expand=_expand_layer_norm,
    examples=(
        Example("layers.LayerNormalization()", "nn.LayerNorm(8, eps=0.001)", input=(8,)),
        Example("layers.LayerNormalization(epsilon=1e-6)", "nn.LayerNorm(8, eps=1e-6)", input=(5, 8)),
        Example("layers.LayerNormalization(axis=[-2, -1])", "nn.LayerNorm((5, 8), eps=0.001)", input=(5, 8)),
        Example("layers.LayerNormalization(axis=1)", "nn.LayerNorm(5, eps=0.001)", input=(5, 8)),
        Example("layers.LayerNormalization()", "nn.LayerNorm(8, eps=0.001)", input=(4, 5, 8)),
        Example("layers.LayerNormalization(center=False)", "nn.LayerNorm(8, eps=0.001, bias=False)", input=(8,)),
        Example("layers.LayerNormalization(scale=False)", "nn.LayerNorm(8, eps=0.001)", input=(8,)),
        Example(
            "layers.LayerNormalization(center=False, scale=False)",
            "nn.LayerNorm(8, eps=0.001, elementwise_affine=False)",
            input=(8,),
        ),
    ),
)


def _expand_group_norm(op: Op, node: Node, context: Context) -> Lowered:
    scale, center, wrong = _affine(node)
    shape, axes = input_shape(node), axes_of(node.args["axis"], rank(node))
    if axes is not None and shape is not None and axes != (len(shape) - 1,):
        wrong += unsupported(f"GroupNormalization: axis={node.args['axis'].text}")
    if axes is None and node.args["axis"].value != -1:
        wrong += run_time(node.args["axis"], "axis")
    if scale != center:  # PyTorch's backward needs both parameters or none
        wrong += unsupported("GroupNormalization with only one of scale and center")
    if wrong:
        return refused(*wrong)
    channels = shape[-1] if shape else Expr("")
    groups = channels if node.args["groups"].value == -1 else node.args["groups"]
    target = translate(op, "keras", node.args) | {
        "num_groups": groups,
        "num_channels": channels,
        "affine": literal(scale or center),
    }
    return Lowered(spell(op.torch, target))


GROUP_NORM = Op(
    name="group_norm",
    keras=f"layers.GroupNormalization(groups=32, axis=-1, epsilon=0.001, {_AFFINE}{_PENALTIES})",
    torch="nn.GroupNorm(num_groups, num_channels, eps=1e-05, affine=True)",
    same={"epsilon": "eps"},
    layout="torch",
    weights_of=_affine_lines,
    mask="keep",
    expand=_expand_group_norm,
    examples=(
        Example("layers.GroupNormalization(4)", "nn.GroupNorm(4, 8, eps=0.001)", input=(5, 6, 8)),
        Example("layers.GroupNormalization(groups=-1)", "nn.GroupNorm(8, 8, eps=0.001)", input=(5, 6, 8)),
        Example("layers.GroupNormalization(2, epsilon=1e-5)", "nn.GroupNorm(2, 8)", input=(5, 8)),
        Example(
            "layers.GroupNormalization(2, center=False, scale=False)",
            "nn.GroupNorm(2, 8, eps=0.001, affine=False)",
            input=(8,),
        ),
    ),
)


def _expand_rms_norm(op: Op, node: Node, context: Context) -> Lowered:
    extents, moved, problem = _trailing(node)
    if moved is not None:  # Keras 3.15 itself fails on it
        problem = unsupported(f"RMSNormalization: axis={node.args['axis'].text}")
    if problem:
        return refused(*problem)
    target = translate(op, "keras", node.args) | {"normalized_shape": Expr(tupled(extents))}
    return Lowered(spell(op.torch, target))


RMS_NORM = Op(
    name="rms_norm",
    keras="layers.RMSNormalization(axis=-1, epsilon=1e-06)",
    torch="nn.RMSNorm(normalized_shape, eps=None)",
    same={"epsilon": "eps"},
    layout="keras",
    weights=("scale: ... -> weight: ...",),
    mask="keep",
    expand=_expand_rms_norm,
    examples=(
        Example("layers.RMSNormalization()", "nn.RMSNorm(8, eps=1e-06)", input=(5, 8)),
        Example("layers.RMSNormalization(epsilon=1e-3)", "nn.RMSNorm(8, eps=1e-3)", input=(4, 5, 8)),
    ),
)


def _expand_unit_norm(op: Op, node: Node, context: Context) -> Lowered:
    expr = node.args["axis"]
    if isinstance(expr.value, tuple | list) and len(expr.value) == 1:
        expr = literal(expr.value[0])
    if not isinstance(expr.value, int):
        return refused(*(run_time(expr, "axis") if not is_known(expr.value) else unsupported(f"axis={expr.text}")))
    return Lowered(call=spell("F.normalize(x, p=2.0, dim=1, eps=1e-12)", {"x": Expr("{x}"), "dim": expr}))


UNIT_NORM = Op(
    name="unit_norm",
    keras="layers.UnitNormalization(axis=-1)",
    function="F.normalize(x, p=2.0, dim=1, eps=1e-12)",
    same={"axis": "dim"},
    layout="keras",
    mask="keep",
    expand=_expand_unit_norm,
    examples=(
        Example("layers.UnitNormalization()", "F.normalize(x, dim=-1)", input=(5, 8)),
        Example("layers.UnitNormalization(axis=1)", "F.normalize(x)", input=(5, 8)),
    ),
)

OPS = (batch_norm(), LAYER_NORM, GROUP_NORM, RMS_NORM, UNIT_NORM)
