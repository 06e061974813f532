"""Losses. In Keras the output comes second; in the written code it comes first, as in PyTorch.

Keras takes the mean over the last axis, then over the rest: for arrays without weights that is
the mean over everything. https://keras.io/api/losses/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from transpile.ir import Expr, Node, literal
from transpile.registry import Context, Example, Expand, Lowered, Op, equal, signature, spell, translate

_TAIL = "reduction='sum_over_batch_size', name=None, dtype=None"
_IGNORED = ("name", "dtype", "fn")

# The activation that a loss can take over from the model, by the name of its op.
ACTIVATIONS = {
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
    "binary_crossentropy": "sigmoid",
}
# Losses of which the targets are class ids.
TARGETS_ARE_IDS = frozenset({"sparse_categorical_crossentropy", "categorical_generalized_cross_entropy"})


def problems(args: Mapping[str, Expr]) -> tuple[tuple[str, str], ...]:
    """What the arguments of a loss say that the written loop would not."""
    found = []
    if reduction(args) not in ("mean", "sum"):
        found.append(("K2T125", f"a loss with reduction={args['reduction'].text} cannot be converted"))
    axis = args.get("axis")
    if axis is not None and axis.value not in (-1, None):
        found.append(("K2T125", f"a loss with axis={axis.text} cannot be converted"))
    return tuple(found)


def reduction(args: Mapping[str, Expr]) -> str:
    """What becomes of the values of a batch: "mean", "sum", "" for anything else."""
    if "reduction" not in args:
        return "mean"
    value = args["reduction"].value
    value = getattr(value, "path", value)
    value = value.rpartition(".")[2].lower() if isinstance(value, str) else value
    known = {
        "sum_over_batch_size": "mean",
        "auto": "mean",
        "mean": "mean",
        "mean_with_sample_weight": "mean",
        "sum": "sum",
    }
    return known.get(value, "") if isinstance(value, str) else ""


def reduced(expand: Expand) -> Expand:
    """The lowering with its values added up where Keras does so."""

    def wrapped(op: Op, node: Node, context: Context) -> Lowered:
        made = expand(op, node, context)
        if reduction(node.args) != "sum":
            return made
        if made.module.startswith("nn.CrossEntropyLoss("):
            start = made.module.removesuffix(")")
            return replace(made, module=f"{start}{'' if start.endswith('(') else ', '}reduction='sum')")
        return replace(made, module=f"summed({made.module})", helpers=(*made.helpers, "summed"))

    return wrapped


def module(op: Op, node: Node, context: Context) -> Lowered:
    """A loss that PyTorch has as a module."""
    return Lowered(spell(op.torch, translate(op, "keras", node.args)), diagnostics=problems(node.args))


def formula(helper: str, *names: str) -> Expand:
    """A loss written out as a function of (output, target); `names` are its parameters."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        return Lowered(applied(op, helper, node, names), helpers=(helper,), diagnostics=problems(node.args))

    return expand


def applied(op: Op, helper: str, node: Node, names: tuple[str, ...]) -> str:
    """The helper's name, with the parameters that differ from its defaults bound to it."""
    defaults = signature(op.keras)[1]
    given = [
        f"{n}={node.args[n].text}"
        for n in names
        if n in node.args and not equal(node.args[n].value, (defaults[n] or literal(None)).value)
    ]
    return f"functools.partial({helper}, {', '.join(given)})" if given else helper


def _rank(node: Node) -> int:
    shape = node.input_shapes[0] if node.input_shapes else None
    return 2 if shape is None else len(shape)


def _logits(node: Node) -> bool:
    return node.args["from_logits"].value is True


def cross_entropy(op: Op, node: Node, context: Context) -> Lowered:
    """Classes in the last axis; one-hot targets or ids."""
    found = problems(node.args)
    sparse = op.name.startswith("sparse_")
    options = "ignore_class" if sparse else "label_smoothing"
    if not _logits(node):
        helper = "sparse_cross_entropy_of_probabilities" if sparse else "cross_entropy_of_probabilities"
        if sparse and node.args["ignore_class"].value is not None:
            found += (("K2T125", "ignore_class on probabilities cannot be converted"),)
        return Lowered(applied(op, helper, node, () if sparse else (options,)), helpers=(helper,), diagnostics=found)
    target = translate(op, "keras", node.args)
    if sparse and node.args["ignore_class"].value is None:
        target.pop("ignore_index")
    if _rank(node) == 2:
        return Lowered(spell(op.torch, target), diagnostics=found)
    given = [f"{n}={e.text}" for n, e in target.items() if not equal(e.value, 0.0)]
    helper = "positionwise_cross_entropy"
    text = f"functools.partial({helper}, {', '.join(given)})" if given else helper
    return Lowered(text, helpers=(helper,), diagnostics=found)


def binary_cross_entropy(op: Op, node: Node, context: Context) -> Lowered:
    found = problems(node.args)
    smoothing = node.args["label_smoothing"]
    if not _logits(node):
        helper = "clipped_binary_cross_entropy"
    elif equal(smoothing.value, 0.0):
        return Lowered("nn.BCEWithLogitsLoss()", diagnostics=found)
    else:
        helper = "smoothed_binary_cross_entropy"
    return Lowered(applied(op, helper, node, ("label_smoothing",)), helpers=(helper,), diagnostics=found)


def loss(name: str, cls: str, parameters: str = "", *, torch: str = "", expand: Expand, function: str = "",
         aliases: tuple[str, ...] = (), examples: tuple[Example, ...] = (), **relation: Mapping[str, str]) -> Op:  # fmt: skip
    """An entry: a class, its function, and their other names."""
    spellings = (f"losses.{function or name}", *(f"losses.{a}" for a in aliases))
    keras = f"losses.{cls}({parameters + ', ' if parameters else ''}{_TAIL})"
    made = reduced(expand)
    return Op(name, keras, torch, expand=made, aliases=spellings, ignored=_IGNORED, examples=examples, **relation)  # type: ignore[arg-type]


def _example(keras: str, torch: str, *shape: int) -> tuple[Example, ...]:
    return (Example(f"losses.{keras}", torch, input=shape or (4,)),)


OPS = (
    loss("mean_squared_error", "MeanSquaredError", torch="nn.MSELoss(reduction='mean')", expand=module,
         aliases=("mse", "MSE"), examples=_example("MeanSquaredError()", "nn.MSELoss()")),
    loss("mean_absolute_error", "MeanAbsoluteError", torch="nn.L1Loss(reduction='mean')", expand=module,
         aliases=("mae", "MAE"), examples=_example("MeanAbsoluteError()", "nn.L1Loss()")),
    loss("huber", "Huber", "delta=1.0", torch="nn.HuberLoss(reduction='mean', delta=1.0)", expand=module,
         same={"delta": "delta"}, aliases=("huber_loss",),
         examples=(*_example("Huber()", "nn.HuberLoss()"), *_example("Huber(delta=0.5)", "nn.HuberLoss(delta=0.5)"))),
    loss("log_cosh", "LogCosh", expand=formula("log_cosh"), aliases=("logcosh",),
         examples=_example("LogCosh()", "log_cosh")),
    loss("mean_absolute_percentage_error", "MeanAbsolutePercentageError",
         expand=formula("mean_absolute_percentage_error"), aliases=("mape", "MAPE"),
         examples=_example("MeanAbsolutePercentageError()", "mean_absolute_percentage_error")),
    loss("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError",
         expand=formula("mean_squared_logarithmic_error"), aliases=("msle", "MSLE"),
         examples=_example("MeanSquaredLogarithmicError()", "mean_squared_logarithmic_error")),
    loss("poisson", "Poisson", expand=formula("poisson"), examples=_example("Poisson()", "poisson")),
    loss("kl_divergence", "KLDivergence", expand=formula("kl_divergence"),
         aliases=("kld", "KLD", "kullback_leibler_divergence"), examples=_example("KLDivergence()", "kl_divergence")),
    loss("cosine_similarity", "CosineSimilarity", "axis=-1", expand=formula("negative_cosine_similarity"),
         aliases=("cosine_proximity", "cosine"),
         examples=_example("CosineSimilarity()", "negative_cosine_similarity")),
    loss("hinge", "Hinge", expand=formula("hinge"), examples=_example("Hinge()", "hinge")),
    loss("squared_hinge", "SquaredHinge", expand=formula("squared_hinge"),
         examples=_example("SquaredHinge()", "squared_hinge")),
    loss("categorical_hinge", "CategoricalHinge", expand=formula("categorical_hinge"),
         examples=_example("CategoricalHinge()", "categorical_hinge")),
    loss("categorical_crossentropy", "CategoricalCrossentropy", "from_logits=False, label_smoothing=0.0, axis=-1",
         torch="nn.CrossEntropyLoss(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0)",
         expand=cross_entropy, same={"label_smoothing": "label_smoothing"},
         examples=(*_example("CategoricalCrossentropy()", "cross_entropy_of_probabilities"),
                   *_example("CategoricalCrossentropy(from_logits=True)", "nn.CrossEntropyLoss()"),
                   *_example("CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)",
                             "nn.CrossEntropyLoss(label_smoothing=0.1)"),
                   *_example("CategoricalCrossentropy(from_logits=True)", "positionwise_cross_entropy", 5, 4))),
    loss("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", "from_logits=False, ignore_class=None, axis=-1",
         torch="nn.CrossEntropyLoss(weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0)",
         expand=cross_entropy, same={"ignore_class": "ignore_index"},
         examples=(*_example("SparseCategoricalCrossentropy()", "sparse_cross_entropy_of_probabilities"),
                   *_example("SparseCategoricalCrossentropy(from_logits=True)", "nn.CrossEntropyLoss()"),
                   *_example("SparseCategoricalCrossentropy(from_logits=True)", "positionwise_cross_entropy", 5, 4))),
    loss("binary_crossentropy", "BinaryCrossentropy", "from_logits=False, label_smoothing=0.0, axis=-1",
         torch="nn.BCEWithLogitsLoss(weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None)",
         expand=binary_cross_entropy, aliases=("bce", "BCE"),
         examples=(*_example("BinaryCrossentropy()", "clipped_binary_cross_entropy"),
                   *_example("BinaryCrossentropy(from_logits=True)", "nn.BCEWithLogitsLoss()"),
                   *_example("BinaryCrossentropy(from_logits=True, label_smoothing=0.1)",
                             "functools.partial(smoothed_binary_cross_entropy, label_smoothing=0.1)"))),
    loss("binary_focal_crossentropy", "BinaryFocalCrossentropy",
         "apply_class_balancing=False, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1",
         expand=formula("binary_focal_cross_entropy", "apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing"),
         examples=_example("BinaryFocalCrossentropy()", "binary_focal_cross_entropy")),
    loss("categorical_focal_crossentropy", "CategoricalFocalCrossentropy",
         "alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1",
         expand=formula("categorical_focal_cross_entropy", "alpha", "gamma", "from_logits", "label_smoothing"),
         examples=_example("CategoricalFocalCrossentropy()", "categorical_focal_cross_entropy")),
    loss("categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy", "q=0.5",
         expand=formula("generalized_cross_entropy", "q"),
         examples=_example("CategoricalGeneralizedCrossEntropy()", "generalized_cross_entropy")),
    loss("dice", "Dice", "axis=None", expand=formula("dice_loss"), examples=_example("Dice()", "dice_loss")),
    loss("tversky", "Tversky", "alpha=0.5, beta=0.5, axis=None", expand=formula("tversky_loss", "alpha", "beta"),
         examples=_example("Tversky(alpha=0.3)", "functools.partial(tversky_loss, alpha=0.3)")),
)  # fmt: skip
