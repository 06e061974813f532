"""Losses as functions: one value for each row, or for each element."""

from __future__ import annotations

from transpile.backends.bodies.calls import Behind, Bound, special
from transpile.backends.bodies.functions import axes
from transpile.backends.bodies.kinds import FLOATS, HANDED, Kind, tensor
from transpile.ir import UNKNOWN


@special("labels logits axis", "tf.nn.softmax_cross_entropy_with_logits", "tf.nn.softmax_cross_entropy_with_logits_v2",
         dim="axis")  # fmt: skip
def softmax_cross_entropy(b: Bound) -> tuple[str, Kind]:
    """One value for each row of classes."""
    axis = axes(b) or "-1"
    if b["logits"].kind.rank == 2 and axis in ("-1", "1"):
        return b.fill('F.cross_entropy({logits}, {labels}, reduction="none")'), FLOATS
    return b.fill("-({labels} * F.log_softmax({logits}, dim=" + f"{axis})).sum(dim={axis})"), FLOATS


@special("labels logits", "tf.nn.sparse_softmax_cross_entropy_with_logits")
def sparse_softmax_cross_entropy(b: Bound) -> tuple[str, Kind]:
    """One value for each row of classes."""
    labels = "{labels}.long()"
    logits = "{logits}" if b["logits"].kind.rank == 2 else "{logits}.movedim(-1, 1)"
    return b.fill(f'F.cross_entropy({logits}, {labels}, reduction="none")'), FLOATS


# Losses as functions: one value for each row

_LOSS = "y_true y_pred"


def _loss(names: str, template: str, parameters: str = _LOSS) -> None:
    paths = [f"losses.{n}" for n in names.split()] + [f"metrics.{n}" for n in names.split()]

    def handle(b: Bound) -> tuple[str, Kind]:
        return b.fill(template), FLOATS

    special(parameters, *paths)(handle)


_loss("mean_squared_error mse MSE", "({y_pred} - {y_true}).square().mean(dim=-1)")
_loss("mean_absolute_error mae MAE", "({y_pred} - {y_true}).abs().mean(dim=-1)")
_loss(
    "kl_divergence kullback_leibler_divergence kld KLD",
    "({y_true}.clamp(1e-7, 1) * ({y_true}.clamp(1e-7, 1) / {y_pred}.clamp(1e-7, 1)).log()).sum(dim=-1)",
)
_loss("poisson", "({y_pred} - {y_true} * ({y_pred} + 1e-7).log()).mean(dim=-1)")
_loss("cosine_similarity", "-F.cosine_similarity({y_true}, {y_pred}, dim=-1)")


def _smoothed(b: Bound) -> None:
    b.only("label_smoothing", 0, 0.0)
    b.only("axis", -1)
    if b.value("from_logits", False) is UNKNOWN:
        raise b.call.refuse("from_logits is only known at run time")


def _on_logits(b: Bound, activation: str) -> bool:
    """Whether the outputs are logits. Keras on TensorFlow looks behind the activation that a model's
    output comes out of, whatever `from_logits` says, and whether or not it is the one that fits.
    """
    end = b["y_pred"].kind.path.removeprefix(HANDED)
    from_logits = bool(b.value("from_logits", False))
    refusal = b.call.refuse(f"a crossentropy behind a {end}: Keras on TensorFlow computes it from what goes into that")
    if end != b["y_pred"].kind.path and (end != activation or from_logits):
        raise Behind(refusal.code, refusal.message, refusal.node)
    if end and end != activation:
        raise refusal
    return from_logits and not end


def _binary(b: Bound) -> str:
    if _on_logits(b, "sigmoid"):
        return b.fill('F.binary_cross_entropy_with_logits({y_pred}, {y_true}, reduction="none")')
    return b.fill('F.binary_cross_entropy({y_pred}.clamp(1e-7, 1 - 1e-7), {y_true}, reduction="none")')


@special("y_true y_pred from_logits", "backend.binary_crossentropy", "ops.binary_crossentropy", target="y_true",
         output="y_pred")  # fmt: skip
def elementwise_binary(b: Bound) -> tuple[str, Kind]:
    """One value for each element."""
    _smoothed(b)
    return _binary(b), tensor("float", b["y_pred"].kind.shape)


@special("y_true y_pred from_logits label_smoothing axis", "losses.binary_crossentropy", "metrics.binary_crossentropy")
def binary(b: Bound) -> tuple[str, Kind]:
    """One value for each row."""
    _smoothed(b)
    return f"{_binary(b)}.mean(dim=-1)", FLOATS


@special("y_true y_pred from_logits label_smoothing axis", "losses.categorical_crossentropy",
         "metrics.categorical_crossentropy")  # fmt: skip
def categorical(b: Bound) -> tuple[str, Kind]:
    """One value for each row."""
    _smoothed(b)
    return _categorical(b)


@special("y_true y_pred from_logits axis", "backend.categorical_crossentropy", "ops.categorical_crossentropy",
         target="y_true", output="y_pred")  # fmt: skip
def backend_categorical(b: Bound) -> tuple[str, Kind]:
    """One value for each row."""
    _smoothed(b)
    return _categorical(b)


def _categorical(b: Bound) -> tuple[str, Kind]:
    if _on_logits(b, "softmax"):
        if b["y_pred"].kind.rank == 2:
            return b.fill('F.cross_entropy({y_pred}, {y_true}, reduction="none")'), FLOATS
        return b.fill("-({y_true} * F.log_softmax({y_pred}, dim=-1)).sum(dim=-1)"), FLOATS
    scaled = "F.normalize({y_pred}, p=1, dim=-1).clamp(1e-7, 1 - 1e-7)"
    return b.fill("-({y_true} * " + scaled + ".log()).sum(dim=-1)"), FLOATS


@special("y_true y_pred from_logits ignore_class axis", "losses.sparse_categorical_crossentropy",
         "metrics.sparse_categorical_crossentropy")  # fmt: skip
def sparse(b: Bound) -> tuple[str, Kind]:
    """One value for each row; labels without an axis of one."""
    _smoothed(b)
    b.only("ignore_class", None)
    return _sparse(b)


@special("y_true y_pred from_logits axis", "backend.sparse_categorical_crossentropy",
         "ops.sparse_categorical_crossentropy", target="y_true", output="y_pred")  # fmt: skip
def backend_sparse(b: Bound) -> tuple[str, Kind]:
    """One value for each row."""
    _smoothed(b)
    return _sparse(b)


def _sparse(b: Bound) -> tuple[str, Kind]:
    scores = "{y_pred}" if _on_logits(b, "softmax") else "{y_pred}.clamp(1e-7, 1 - 1e-7).log()"
    if b["y_pred"].kind.rank != 2:
        scores += ".movedim(-1, 1)"
    return b.fill("F.cross_entropy(" + scores + ', {y_true}.long(), reduction="none")'), FLOATS
