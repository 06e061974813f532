"""Dropout and noise. Distributions are equal in both frameworks, values are not.

https://keras.io/api/layers/regularization_layers/
https://docs.pytorch.org/docs/stable/nn.html#dropout-layers
"""

from __future__ import annotations

from transpile.ir import Node
from transpile.ops._lowering import channels_last, refused, unsupported
from transpile.registry import Context, Example, Lowered, Op, spell, translate

_OLD = {"p": "rate", "sigma": "stddev", "dim_ordering": "data_format"}


def _expand_dropout(op: Op, node: Node, context: Context) -> Lowered:
    """Dropout, whose noise_shape (a mask shared along axes) has no module."""
    noise = node.args.get("noise_shape")
    if noise is not None and noise.value is not None:
        return refused(*unsupported(f"{op.keras_class}: noise_shape={noise.text}"))
    return Lowered(spell(op.torch, translate(op, "keras", node.args)))


def _expand_spatial(op: Op, node: Node, context: Context) -> Lowered:
    """Whole channels are dropped."""
    wrong = channels_last(node)
    return refused(*wrong) if wrong else Lowered(spell(op.torch, translate(op, "keras", node.args)))


def dropout(keras: str, torch: str) -> Op:
    """Dropout and AlphaDropout: single elements."""
    layer = f"layers.{keras}"
    return Op(
        name=torch.lower().removeprefix("nn."),
        keras=f"{layer}(rate, noise_shape=None, seed=None)",
        torch=f"{torch}(p)",
        same={"rate": "p"},
        mask="keep",
        expand=_expand_dropout,
        renamed=_OLD,
        ignored=("seed",),
        examples=(
            Example(f"{layer}(0.5)", f"{torch}(0.5)", input=(8,)),
            Example(f"{layer}(rate=0.25)", f"{torch}(0.25)", input=(5, 6, 8)),
            Example(f"{layer}(0.1, seed=1)", f"{torch}(0.1)", input=(8,)),
        ),
    )


def spatial(rank: int) -> Op:
    """SpatialDropoutND."""
    layer = f"layers.SpatialDropout{rank}D"
    data = "" if rank == 1 else "data_format=None, "
    sample = {1: (5, 8), 2: (5, 6, 8), 3: (3, 4, 5, 8)}[rank]
    return Op(
        name=f"dropout{rank}d",
        keras=f"{layer}(rate, {data}seed=None)",
        torch=f"nn.Dropout{rank}d(p)",
        same={"rate": "p"},
        layout="torch",
        mask="keep",
        expand=_expand_spatial,
        renamed=_OLD,
        ignored=("seed",),
        examples=(Example(f"{layer}(0.5)", f"nn.Dropout{rank}d(0.5)", input=sample),),
    )


def _expand_noise(op: Op, node: Node, context: Context) -> Lowered:
    module = spell(op.torch, translate(op, "keras", node.args))
    return Lowered(module, helpers=(op.torch.partition("(")[0],))


def noise(keras: str, helper: str, parameter: str) -> Op:
    """Noise that PyTorch has no module for: a class of five lines."""
    layer, name = f"layers.{keras}", {"GaussianNoise": "gaussian_noise"}.get(keras, "gaussian_dropout")
    return Op(
        name=name,
        keras=f"{layer}({parameter}, seed=None)",
        torch=f"{helper}({parameter})",
        same={parameter: parameter},
        mask="keep",
        expand=_expand_noise,
        renamed=_OLD,
        ignored=("seed",),
        examples=(Example(f"{layer}(0.1)", f"{helper}(0.1)", input=(5, 8)),),
    )


def _expand_activity(op: Op, node: Node, context: Context) -> Lowered:
    """Nothing happens to the input; the writer of classes notes the penalty on it."""
    return Lowered(call="{x}")


ACTIVITY = Op(
    name="activity_regularization",
    keras="layers.ActivityRegularization(l1=0.0, l2=0.0)",
    mask="keep",
    layout="any",
    expand=_expand_activity,
    examples=(Example("layers.ActivityRegularization(l1=0.1)", "", input=(4,)),),
)

OPS = (
    dropout("Dropout", "nn.Dropout"),
    dropout("AlphaDropout", "nn.AlphaDropout"),
    *(spatial(rank) for rank in (1, 2, 3)),
    noise("GaussianNoise", "AdditiveGaussianNoise", "stddev"),
    noise("GaussianDropout", "MultiplicativeGaussianNoise", "rate"),
    ACTIVITY,
)
