"""`compile`: its metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transpile.frontends.compile_objects import Refused, bound, item, own, per_output, refuse_lost, resolve
from transpile.frontends.facts import ModelFacts
from transpile.frontends.metric_names import MetricNames, UnknownName
from transpile.frontends.naming import snake
from transpile.interpret.values import Function, KerasObject
from transpile.ir import UNKNOWN, Expr, literal
from transpile.ops.loss import ACTIVATIONS
from transpile.ops.metric import EITHER_TARGETS, GROWING, ORDER_ONLY
from transpile.registry import Op, bind, by_keras_path, by_name
from transpile.training_ir import CUSTOM, Loss, Metric

# Losses that are metrics too, and take `from_logits` as losses do.
_CROSS_ENTROPIES = frozenset(ACTIVATIONS)


@dataclass
class Metrics:
    """Reads the metrics of one `compile`."""

    losses: Sequence[Loss]
    facts: ModelFacts
    old_accuracy: bool
    names: MetricNames

    def read(self, expr: Expr) -> tuple[Metric, ...]:
        """All of them, by output."""
        if expr.value is None:
            return ()
        if expr.value is UNKNOWN:
            raise Refused("K2T122", f"the metrics {expr.text} are only known at run time")
        if len(self.losses) == 1:
            value = expr.value
            if isinstance(value, dict) and len(value) == 1:
                value = next(iter(value.values()))
            return tuple(self._one(one, 0, "") for one in _listed(Expr(expr.text, value)))
        if isinstance(expr.value, list | tuple) and not expr.value:
            return ()
        return tuple(
            self._one(one, i, f"{self.facts.output_names[i]}_")
            for i, each in enumerate(self._each(expr))
            if each is not None
            for one in _listed(each)
        )

    def _each(self, expr: Expr) -> Sequence[Expr | None]:
        """The metrics of each output. Keras 2 takes a list of another length for every output."""
        value = expr.value
        flat = isinstance(value, list | tuple) and not any(isinstance(v, list | tuple | dict) for v in value)
        if isinstance(value, list | tuple) and flat and len(value) != len(self.losses):
            return (expr,) * len(self.losses)
        return per_output(expr, self.facts)

    def _one(self, expr: Expr, output: int, prefix: str) -> Metric:
        value, loss = expr.value, self.losses[output]
        if isinstance(value, str) and value in ("accuracy", "acc", "Accuracy"):
            name = accuracy(loss)
            key = "acc" if self.old_accuracy and value == "accuracy" else value
            args = bind(by_name()[name], (), {})
            return Metric(prefix + key, name, args, loss.shape, loss.target, loss.moved, output)
        if isinstance(value, Function):
            custom, key = own(expr, "metric"), snake(value.name)
            return Metric(prefix + key, CUSTOM, {}, loss.shape, loss.target, loss.moved, output, custom=custom)
        op, args = _metric_op(expr, loss)
        try:
            key = self.names.key(expr, op)
        except UnknownName as name:
            raise Refused("K2T122", f"the name {name} of a metric is only known at run time") from None
        refuse_lost(op, args, loss.shape)
        _refuse_misfit(op, loss, expr)
        return Metric(prefix + key, op.name, args, loss.shape, loss.target, loss.moved, output)


def _listed(expr: Expr) -> list[Expr]:
    if isinstance(expr.value, list | tuple):
        flat: list[Expr] = []
        for i, v in enumerate(expr.value):
            flat += _listed(item(expr.text, i, v))
        return flat
    return [expr] if expr.value is not None else []


def _metric_op(expr: Expr, loss: Loss) -> tuple[Op, dict[str, Expr]]:
    value = expr.value
    name = value if isinstance(value, str) else getattr(value, "path", "").rpartition(".")[2]
    cross = by_keras_path().get(f"losses.{name}")
    if cross is not None and cross.name in _CROSS_ENTROPIES:
        args = bound(cross, value) if isinstance(value, KerasObject) else bind(cross, (), {})
        args["from_logits"] = literal(bool(loss.moved) or args["from_logits"].value is True)
        return cross, args
    return resolve(expr, "metrics", "K2T122")


def accuracy(loss: Loss) -> str:
    """The accuracy that Keras means, by the shapes of output and targets."""
    last = loss.shape[-1].value if loss.shape else UNKNOWN
    if last == 1 or (last is UNKNOWN and loss.op.startswith("binary")):
        return "binary_accuracy"
    return "sparse_categorical_accuracy" if loss.target == "ids" else "categorical_accuracy"


def _refuse_misfit(op: Op, loss: Loss, expr: Expr) -> None:
    """A metric that wants other targets than the loss."""
    if op.name in EITHER_TARGETS:
        return
    wants_ids = op.name.startswith("sparse_")
    if wants_ids != (loss.target == "ids"):
        raise Refused("K2T122", f"the metric {expr.text} does not fit the targets of the loss")
    if loss.from_logits and not loss.moved and op.name not in ORDER_ONLY and op.name.startswith("binary_c"):
        return


def growing(op: str) -> bool:
    """Whether a metric improves as it grows."""
    return op in GROWING
