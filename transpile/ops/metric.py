"""Metrics.

Two kinds. A mean is summed over the samples of each batch: `torch` is an expression over
`output`, `y` and `n` (the number of samples in the batch). The others need all outputs of an
epoch: `function` names a helper that is given them. https://keras.io/api/metrics/
"""

from __future__ import annotations

from collections.abc import Mapping

from transpile.ir import Expr, Node, literal
from transpile.registry import Context, Example, Expand, Lowered, Op, equal

# Metrics that improve as they grow, by op: what mode="auto" of a callback goes by.
GROWING = frozenset(
    "accuracy_metric binary_accuracy categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy "
    "sparse_top_k_categorical_accuracy auc precision recall cosine_similarity_metric true_positives true_negatives "
    "f1_score fbeta_score r2_score mean_iou iou one_hot_iou one_hot_mean_iou binary_iou equality".split()
)
# Metrics over the outputs of the whole epoch.
OVER_EPOCH = frozenset(
    "root_mean_squared_error auc precision recall true_positives true_negatives false_positives false_negatives "
    "mean_iou iou one_hot_iou one_hot_mean_iou binary_iou f1_score fbeta_score r2_score".split()
)
# What of the output a metric reads: probabilities, or whatever orders the classes alike.
ORDER_ONLY = frozenset(
    "categorical_accuracy sparse_categorical_accuracy top_k_categorical_accuracy "
    "sparse_top_k_categorical_accuracy".split()
)
# Metrics that take class ids or an array of the output's shape.
EITHER_TARGETS = frozenset({"mean_iou", "iou", "binary_iou"})
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
        chosen, several = node.args.get("class_id"), node.args.get("thresholds")
        column = f"[..., {chosen.text}]" if chosen is not None and chosen.value is not None else ""
        found = _lost(node.args, (*names, "class_id"))
        if several is not None and isinstance(several.value, list | tuple):
            found = (*found, ("K2T122", "a metric with several thresholds has several values"))
        call = f"{helper}(outputs{column}, targets{column}{given})"
        return Lowered(call=call, helpers=(helper,), diagnostics=found)

    return expand


def area(op: Op, node: Node, context: Context) -> Lowered:
    """The area under a curve; with several labels, the mean of their areas."""
    args = node.args
    given = f", num_thresholds={args['num_thresholds'].text}"
    given = "" if equal(args["num_thresholds"].value, 200) else given
    curve = args["curve"].value
    helper = {"ROC": "auc", "PR": "pr_auc"}.get(curve if isinstance(curve, str) else "", "")
    found = _lost(args, ("num_thresholds", "curve", "multi_label", "num_labels", "from_logits"))
    if not helper or any(args[n].value not in (True, False) for n in ("multi_label", "from_logits")):
        found = (*found, ("K2T122", f"AUC(curve={args['curve'].text}) cannot be converted"))
    outputs = "outputs.sigmoid()" if args["from_logits"].value is True else "outputs"
    text = f"{helper}({outputs}, targets{given})"
    if args["multi_label"].value is True:
        pairs = f"zip({outputs}.unbind(dim=1), targets.unbind(dim=1))"
        text = f"sum({helper}(scores, labels{given}) for scores, labels in {pairs}) / targets.shape[1]"
    return Lowered(call=text, helpers=(helper,), diagnostics=found)


def overlap(op: Op, node: Node, context: Context) -> Lowered:
    """Intersection over union. Without an argmax, what is not a whole number is cut off, as in Keras."""
    args = node.args
    found = _lost(
        args, ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true", "sparse_y_pred", "threshold")
    )
    outputs, targets = "outputs", "targets"
    if op.name == "binary_iou":
        outputs, classes, count = f"(outputs >= {args['threshold'].text})", args["target_class_ids"].text, "2"
    else:
        count = args["num_classes"].text
        classes = args["target_class_ids"].text if "target_class_ids" in args else f"range({count})"
        outputs += "" if args["sparse_y_pred"].value is True else ".argmax(dim=-1)"
        targets += "" if args.get("sparse_y_true", literal(False)).value is True else ".argmax(dim=-1)"
    ignored = args.get("ignore_class", literal(None))
    given = "" if ignored.value is None else f", ignore_class={ignored.text}"
    return Lowered(call=f"iou({outputs}, {targets}, {count}, {classes}{given})", helpers=("iou",), diagnostics=found)


def f_score(op: Op, node: Node, context: Context) -> Lowered:
    args = node.args
    average, beta = args["average"], args.get("beta", literal(1.0))
    shape = node.input_shapes[0] if node.input_shapes else None
    found = _lost(args, ("average", "beta", "threshold"))
    if average.value not in ("micro", "macro", "weighted") and not (shape and shape[-1].value == 1):
        found = (*found, ("K2T122", f"{op.keras_class} without an average has several values"))
    given = f", {average.text if average.value is not None else repr('macro')}"
    given += "" if equal(beta.value, 1.0) else f", beta={beta.text}"
    given += "" if args["threshold"].value is None else f", threshold={args['threshold'].text}"
    return Lowered(call=f"fbeta_score(outputs, targets{given})", helpers=("fbeta_score",), diagnostics=found)


def explained(op: Op, node: Node, context: Context) -> Lowered:
    how = node.args["class_aggregation"].value
    found = _lost(node.args, ("class_aggregation",))
    if how not in ("uniform_average", "variance_weighted_average"):
        found = (*found, ("K2T122", "R2Score without an average has several values"))
    given = ", weighted=True" if how == "variance_weighted_average" else ""
    return Lowered(call=f"r2_score(outputs, targets{given})", helpers=("r2_score",), diagnostics=found)


def same_values(op: Op, node: Node, context: Context) -> Lowered:
    """How often output and target are equal: `keras.metrics.Accuracy`."""
    return Lowered(call="(output == y).float().mean().item() * n")


def _lost(args: Mapping[str, Expr], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    usual = {
        "num_thresholds": 200,
        "curve": "ROC",
        "summation_method": "interpolation",
        "axis": -1,
        "num_regressors": 0,
    }
    return tuple(
        ("K2T122", f"the argument {n}={e.text} of this metric cannot be converted")
        for n, e in args.items()
        if n not in names and n not in ("name", "dtype", "moved")
        and e.value not in (None, False) and not equal(e.value, usual.get(n))
    )  # fmt: skip


def metric(name: str, cls: str, parameters: str, expand: Expand, *aliases: str) -> Op:
    """An entry; `aliases` are further spellings below `metrics.`."""
    tail = "" if "name=" in parameters else f", {_TAIL}" if parameters else _TAIL
    keras = f"metrics.{cls}({parameters}{tail})"
    spellings = tuple(f"metrics.{a}" for a in aliases)
    sample = (Example(f"metrics.{cls}()", "", input=(4,)),)
    return Op(name, keras, expand=expand, aliases=spellings, ignored=_IGNORED, examples=sample)


_COUNTS = "thresholds=None"
_IOU = f"{_TAIL}, ignore_class=None"

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
           "multi_label=False, num_labels=None, label_weights=None, from_logits=False", area, "auc"),
    metric("equality", "Accuracy", "", same_values),
    metric("mean_iou", "MeanIoU", f"num_classes, {_IOU}, sparse_y_true=True, sparse_y_pred=True, axis=-1", overlap),
    metric("iou", "IoU", f"num_classes, target_class_ids, {_IOU}, sparse_y_true=True, sparse_y_pred=True, axis=-1", overlap),
    metric("one_hot_iou", "OneHotIoU", f"num_classes, target_class_ids, {_IOU}, sparse_y_pred=False, axis=-1", overlap),
    metric("one_hot_mean_iou", "OneHotMeanIoU", f"num_classes, {_IOU}, sparse_y_pred=False, axis=-1", overlap),
    metric("binary_iou", "BinaryIoU", "target_class_ids=(0, 1), threshold=0.5", overlap),
    metric("f1_score", "F1Score", "average=None, threshold=None", f_score, "f1_score"),
    metric("fbeta_score", "FBetaScore", "average=None, beta=1.0, threshold=None", f_score, "fbeta_score"),
    metric("r2_score", "R2Score", "class_aggregation='uniform_average', num_regressors=0", explained, "r2_score"),
    metric("categorical_hinge_metric", "CategoricalHinge", "", from_loss("categorical_hinge"), "categorical_hinge"),
)  # fmt: skip
