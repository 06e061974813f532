"""`compile`: its losses, optimizer and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.frontends.compile_objects import (
    Refused,
    arguments,
    item,
    own,
    own_class,
    per_output,
    refuse_lost,
    resolve,
)
from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_metrics import Metrics, growing
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.frontends.metric_names import MetricNames
from transpile.interpret.values import Event, Function, KerasObject
from transpile.ir import Expr, Shape, literal
from transpile.ops.loss import ACTIVATIONS, TARGETS_ARE_IDS
from transpile.training_ir import CUSTOM, Compiled, Loss, Metric

__all__ = ["Refused", "arguments", "growing", "read_compile", "read_loss"]

PARAMETERS = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
              "steps_per_execution", "jit_compile", "auto_scale_loss")  # fmt: skip
# Settings of how Keras runs, without an effect on what it computes.
_HOW = frozenset({"run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss",
                  "experimental_run_tf_function"})  # fmt: skip


def read_compile(
    event: Event, facts: ModelFacts, old_accuracy: bool = False, names: MetricNames | None = None
) -> Compiled:
    """What `compile` said. Raises Refused.

    `old_accuracy`: the file reads the accuracy under its old name "acc".
    """
    given = arguments(event, PARAMETERS)
    third = event.args[2] if len(event.args) > 2 else None
    if third is not None and isinstance(third.value, list) and third.value and isinstance(third.value[0], str):
        given["metrics"] = given.pop("loss_weights")  # the order of Keras 2
    for name, expr in given.items():
        empty = expr.value is None or (isinstance(expr.value, list) and not expr.value)
        unknown = name == "jit_compile" and not expr.known
        if (name not in PARAMETERS[:5] and name not in _HOW and not empty) or unknown:
            raise Refused("K2T125", f"compile({name}={expr.text}) cannot be converted")
    count = len(facts.output_shapes)
    loss = given.get("loss", literal(None))
    if loss.value is None and facts.has_regularization and facts.steps is None:
        return _without_loss(given)
    losses = _losses(loss, facts)
    weights = given.get("loss_weights", literal(None))
    reader = Metrics(losses, facts, old_accuracy, names or MetricNames())
    metrics = reader.read(given.get("metrics", literal(None)))
    weighted = tuple(replace(m, weighted=True) for m in reader.read(given.get("weighted_metrics", literal(None))))
    read = Compiled(
        losses,
        read_optimizer(given.get("optimizer", literal("rmsprop"))),
        _unique(metrics, weighted, facts.output_names if count > 1 else ()),
        per_output(weights, facts),
        facts.output_names if count > 1 else (),
        jitted=given.get("jit_compile", literal(False)).value is True,
    )
    if len(set(read.keys)) < len(read.keys):
        raise Refused("K2T122", "two metrics have the same name")
    return read


def _without_loss(given: Mapping[str, Expr]) -> Compiled:
    """A model that is trained on what its layers add to the loss, and on nothing else."""
    for name in ("loss_weights", "metrics", "weighted_metrics"):
        if name in given and given[name].value not in (None, []):
            raise Refused("K2T125", f"compile({name}={given[name].text}) without a loss cannot be converted")
    optimizer = read_optimizer(given.get("optimizer", literal("rmsprop")))
    return Compiled((), optimizer, jitted=given.get("jit_compile", literal(False)).value is True)


def _unique(metrics: Sequence[Metric], weighted: Sequence[Metric], names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics with Keras's names for those that occur twice."""
    keys = {m.key for m in metrics}
    renamed = []
    for metric in weighted:
        key = metric.key
        if key in keys:
            prefix = f"{names[metric.output]}_" if names else ""
            key = f"{prefix}weighted_{key.removeprefix(prefix)}"
        keys.add(key)
        renamed.append(replace(metric, key=key))
    return (*metrics, *renamed)


# Losses


def _losses(expr: Expr, facts: ModelFacts) -> tuple[Loss, ...]:
    count = len(facts.output_shapes)
    if count == 1 and isinstance(expr.value, list | tuple) and len(expr.value) == 1:
        expr = item(expr.text, 0, expr.value[0])
    if count == 1 and isinstance(expr.value, dict) and len(expr.value) == 1:
        key = next(iter(expr.value))
        expr = item(expr.text, str(key), expr.value[key])
    each = (expr,) if count == 1 else per_output(expr, facts)
    losses = []
    for i, one in enumerate(each):
        if one is None:
            raise Refused("K2T129", "an output of the model has no loss")
        losses.append(read_loss(one, facts.output_shapes[i], facts.final_activations[i]))
    return tuple(losses)


def read_loss(expr: Expr, shape: Shape | None, moved: str = "") -> Loss:
    """A loss given as a string, a function of Keras's, an object, or a function of the user's."""
    if isinstance(expr.value, Function):
        return Loss(CUSTOM, {}, shape, custom=own(expr, "loss"))
    if isinstance(expr.value, KerasObject) and expr.value.path.startswith("user."):
        return Loss(CUSTOM, {}, shape, custom=own_class(expr))
    op, args = resolve(expr, "losses", "K2T120")
    target = "ids" if op.name in TARGETS_ARE_IDS else "same"
    logits = False
    if "from_logits" in args:
        if args["from_logits"].value not in (True, False):
            raise Refused("K2T125", f"from_logits={args['from_logits'].text} is only known at run time")
        logits = args["from_logits"].value is True
        args["from_logits"] = literal(logits or (bool(moved) and op.name in ACTIVATIONS))
    if moved and op.name not in ACTIVATIONS:
        raise Refused("K2T120", f"the loss {op.name} does not fit an output without its {moved}")
    loss = Loss(op.name, args, shape, target, moved, logits)  # type: ignore[arg-type]
    refuse_lost(op, args, shape)
    return loss
