"""Metrics.

Two kinds. A mean is summed over the samples of each batch: `torch` is an expression over
`output`, `y` and `n` (the number of samples in the batch). The others need all outputs of an
epoch: `function` names a helper that is given them. https://keras.io/api/metrics/
"""

from __future__ import annotations

from collections.abc import Mapping

from transpile.ir import Expr, Node
from transpile.registry import Context, Example, Expand, Lowered, Op, equal

# Metrics that improve as they grow, by op: what mode="auto" of a callback goes by.
GROWING = frozenset(
    "accuracy_metric binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy "
    "sparse_top_k_categorical_accuracy auc precision recall cosine_similarity_metric true_positives true_negatives "
    "f1_score mean_iou".split()
)
# Metrics over the outputs of the whole epoch.
OVER_EPOCH = frozenset(
    "root_mean_squared_error auc precision recall true_positives true_negatives false_positives false_negatives".split()
)
# What of the output a metric reads: probabilities, or whatever orders the classes alike.
ORDER_ONLY = frozenset(
    "categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy "
    "sparse_top_k_categorical_accuracy".split()
)
_TAIL = "name=None, dtype=None"
_IGNORED = ("name", "dtype")


def _rank(node: Node) -> int:
    shape = node.input_shapes[0] if node.input_shapes else None
    return 2 if shape is None else len(shape)


def mean_of(text: str) -> Expand:
    """A mean over everything, such as an error."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        return Lowered(call=f"{text}.item() * n")

    return expand


def from_loss(helper: str) -> Expand:
    """A metric that is one of the written-out losses."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        sign = "-" if helper == "negative_cosine_similarity" else ""
        return Lowered(call=f"{sign}{helper}(output, y).item() * n", helpers=(helper,))

    return expand


def hits(sparse: bool) -> Expand:
    """How often the largest output is the right class."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        flat = _rank(node) == 2
        dim = 1 if flat else -1
        right = "y" if sparse else f"y.argmax(dim={dim})"
        same = f"output.argmax(dim={dim}) == {right}"
        return Lowered(call=f"({same}).sum().item()" if flat else f"({same}).float().mean().item() * n")

    return expand


def binary(op: Op, node: Node, context: Context) -> Lowered:
    """`sigmoid(logit) > 0.5` is `logit > 0`."""
    threshold = node.args["threshold"]
    logits = node.args["moved"].value == "sigmoid"
    half = equal(threshold.value, 0.5)
    above = "output > 0" if logits and half else f"{'output.sigmoid()' if logits else 'output'} > {threshold.text}"
    shape = node.input_shapes[0] if node.input_shapes else None
    single = shape is not None and len(shape) == 2 and shape[-1].value == 1
    return Lowered(call=f"(({above}) == y).sum().item()" if single else f"(({above}) == y).float().mean().item() * n")


def top_k(sparse: bool) -> Expand:
    def expand(op: Op, node: Node, context: Context) -> Lowered:
        right = "y" if sparse else "y.argmax(dim=-1)"
        return Lowered(call=f"top_k_hits(output, {right}, k={node.args['k'].text}) * n", helpers=("top_k_hits",))

    return expand


def over_epoch(helper: str, *names: str) -> Expand:
    """A metric of all outputs of an epoch. `names` are passed on."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        given = "".join(
            f", {n}={node.args[n].text}" for n in names if n in node.args and node.args[n].value is not None
        )
        return Lowered(
            call=f"{helper}(outputs, targets{given})", helpers=(helper,), diagnostics=_lost(node.args, names)
        )

    return expand


def _lost(args: Mapping[str, Expr], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    usual = {"num_thresholds": 200, "curve": "ROC", "summation_method": "interpolation"}
    return tuple(
        ("K2T122", f"the argument {n}={e.text} of this metric cannot be converted")
        for n, e in args.items()
        if n not in names and n not in ("name", "dtype", "moved")
        and e.value not in (None, False) and not equal(e.value, usual.get(n))
    )  # fmt: skip


def metric(name: str, cls: str, parameters: str, expand: Expand, *aliases: str) -> Op:
    """An entry; `aliases` are further spellings below `metrics.`."""
    keras = f"metrics.{cls}({parameters + ', ' if parameters else ''}{_TAIL})"
    spellings = tuple(f"metrics.{a}" for a in aliases)
    sample = (Example(f"metrics.{cls}()", "", input=(4,)),)
    return Op(name, keras, expand=expand, aliases=spellings, ignored=_IGNORED, examples=sample)


_COUNTS = "thresholds=None"

OPS = (
    metric("binary_accuracy", "BinaryAccuracy", "threshold=0.5", binary, "binary_accuracy"),
    metric("categorical_accuracy", "CategoricalAccuracy", "", hits(False), "categorical_accuracy"),
    metric("sparse_categorical_accuracy", "SparseCategoricalAccuracy", "", hits(True), "sparse_categorical_accuracy"),
    metric("top_k_categorical_accuracy", "TopKCategoricalAccuracy", "k=5", top_k(False), "top_k_categorical_accuracy"),
    metric("sparse_top_k_categorical_accuracy", "SparseTopKCategoricalAccuracy", "k=5", top_k(True),
           "sparse_top_k_categorical_accuracy"),
    metric("mean_absolute_error_metric", "MeanAbsoluteError", "", mean_of("F.l1_loss(output, y)"),
           "mean_absolute_error", "mae", "MAE"),
    metric("mean_squared_error_metric", "MeanSquaredError", "", mean_of("F.mse_loss(output, y)"),
           "mean_squared_error", "mse", "MSE"),
    metric("mape_metric", "MeanAbsolutePercentageError", "", from_loss("mean_absolute_percentage_error"),
           "mean_absolute_percentage_error", "mape", "MAPE"),
    metric("msle_metric", "MeanSquaredLogarithmicError", "", from_loss("mean_squared_logarithmic_error"),
           "mean_squared_logarithmic_error", "msle", "MSLE"),
    metric("log_cosh_metric", "LogCoshError", "", from_loss("log_cosh"), "log_cosh", "logcosh", "log_cosh_error"),
    metric("kl_divergence_metric", "KLDivergence", "", from_loss("kl_divergence"),
           "kl_divergence", "kld", "KLD", "kullback_leibler_divergence"),
    metric("poisson_metric", "Poisson", "", from_loss("poisson"), "poisson"),
    metric("hinge_metric", "Hinge", "", from_loss("hinge"), "hinge"),
    metric("squared_hinge_metric", "SquaredHinge", "", from_loss("squared_hinge"), "squared_hinge"),
    metric("cosine_similarity_metric", "CosineSimilarity", "", from_loss("negative_cosine_similarity"),
           "cosine_similarity"),
    metric("root_mean_squared_error", "RootMeanSquaredError", "", over_epoch("root_mean_squared_error"),
           "root_mean_squared_error", "rootmeansquarederror"),
    metric("precision", "Precision", f"{_COUNTS}, top_k=None, class_id=None", over_epoch("precision", "thresholds"),
           "precision"),
    metric("recall", "Recall", f"{_COUNTS}, top_k=None, class_id=None", over_epoch("recall", "thresholds"), "recall"),
    metric("true_positives", "TruePositives", _COUNTS, over_epoch("true_positives", "thresholds"), "true_positives"),
    metric("true_negatives", "TrueNegatives", _COUNTS, over_epoch("true_negatives", "thresholds"), "true_negatives"),
    metric("false_positives", "FalsePositives", _COUNTS, over_epoch("false_positives", "thresholds"),
           "false_positives"),
    metric("false_negatives", "FalseNegatives", _COUNTS, over_epoch("false_negatives", "thresholds"),
           "false_negatives"),
    metric("auc", "AUC", "num_thresholds=200, curve='ROC', summation_method='interpolation', thresholds=None, "
           "multi_label=False, num_labels=None, label_weights=None, from_logits=False",
           over_epoch("auc", "num_thresholds"), "auc"),
)  # fmt: skip
