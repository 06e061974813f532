"""Losses and metrics of the user's own: functions of (target, output), which stay what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import libcst as cst

from transpile.backends.bodies.api import Kind, Refusal, Translated, translated
from transpile.backends.bodies.kinds import tensor
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Array, Function, KerasObject
from transpile.ir import Expr, Shape
from transpile.training_ir import CUSTOM, Compiled, Custom, Loss, Metric, Optimizer, Problem

Definition = cst.FunctionDef | cst.Lambda
Define = Callable[[Translated], None]


class NotOwn(Exception):
    """A function of the user's that is not converted, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def with_own(
    compiled: Compiled, interpreter: Interpreter, define: Define, classes: frozenset[str] = frozenset()
) -> Compiled:
    """The record with the user's functions checked and lambdas in PyTorch's words. Raises NotOwn.

    A `def` is translated where it stands, at the end of the conversion; `define` is given what a
    lambda needs. `classes` are those of the user's that are converted.
    """
    for loss in compiled.losses:
        if loss.custom is not None and isinstance(loss.custom.node, str):
            _check_class(loss.custom, interpreter, classes)
    _check_schedule(compiled.optimizer, interpreter, classes)
    losses = tuple(_loss(x, interpreter, define) for x in compiled.losses)
    metrics = tuple(_metric(m, interpreter, define) for m in compiled.metrics)
    return replace(compiled, losses=losses, metrics=metrics)


def _check_class(custom: Custom, interpreter: Interpreter, classes: frozenset[str]) -> None:
    """A class derived from keras.losses.Loss: an nn.Module of (target, output), one value per sample."""
    found = [c for c in interpreter.classes if c.node.name.value == custom.node]
    if custom.node not in classes or not all(c.keras_base == "keras.losses.Loss" for c in found):
        raise NotOwn(Problem("K2T123", f"the loss {custom.text} is a class of your own"))
    if any(re.search(r"\breduction\b", interpreter.source.code(c.node)) for c in found):
        raise NotOwn(Problem("K2T123", f"the loss {custom.text} has a reduction of its own"))


def _check_schedule(optimizer: Optimizer, interpreter: Interpreter, classes: frozenset[str]) -> None:
    """A class derived from LearningRateSchedule: an object that gives the rate of a step."""
    if optimizer.schedule != CUSTOM:
        return
    given = optimizer.schedule_args["schedule"]
    name = given.value.path.removeprefix("user.") if isinstance(given.value, KerasObject) else ""
    found = [c for c in interpreter.classes if c.node.name.value == name]
    if name not in classes or not all(c.keras_base.endswith(".LearningRateSchedule") for c in found):
        raise NotOwn(Problem("K2T125", f"the schedule {given.text} is a class of your own that was left"))


def _loss(loss: Loss, interpreter: Interpreter, define: Define) -> Loss:
    if loss.custom is None or isinstance(loss.custom.node, str):
        return loss
    return replace(loss, custom=_checked(loss.custom, loss.shape, "loss", interpreter, define))


def _metric(metric: Metric, interpreter: Interpreter, define: Define) -> Metric:
    if metric.custom is None:
        return metric
    return replace(metric, custom=_checked(metric.custom, metric.shape, "metric", interpreter, define))


def _checked(custom: Custom, shape: Shape | None, kind: str, interpreter: Interpreter, define: Define) -> Custom:
    node = custom.node
    assert isinstance(node, Definition)
    try:
        made = translated(interpreter, node, (tensor("float"), tensor("float")))
        returned = _returned(interpreter, node, shape, made)
    except Refusal as refusal:
        reason = f"the {kind} {custom.text} cannot be converted: {refusal}"
        raise NotOwn(Problem("K2T123", reason)) from None
    if kind == "metric" and (returned.what != "tensor" or returned.rank is None):
        message = f"it is not known whether the metric {custom.text} gives one value for each sample or one for all"
        raise NotOwn(Problem("K2T123", message))
    whole = returned.rank == 0
    if isinstance(node, cst.Lambda) and custom.text.startswith("lambda"):
        define(made)
        return replace(custom, text=made.text, whole=whole)
    return replace(custom, whole=whole)


def _returned(interpreter: Interpreter, node: Definition, shape: Shape | None, made: Translated) -> Kind:
    """What it returns, from the shape of the output where that has to be known."""
    if made.returned.rank is not None or shape is None:
        return made.returned
    known = tensor("float", shape)
    return translated(interpreter, node, (known, known)).returned


def unsure_targets(compiled: Compiled, targets: Sequence[Expr]) -> bool:
    """Whether a metric or loss class of the user's meets targets that may lack the output's axis of one."""
    readers = [(m.output, m.shape) for m in compiled.metrics if m.custom is not None and m.target != "ids"]
    readers += [(i, x.shape) for i, x in enumerate(compiled.losses) if x.custom and isinstance(x.custom.node, str)]
    for output, shape in readers:
        if not shape or shape[-1].value != 1 or output >= len(targets):
            continue
        value = targets[output].value
        known = value.shape if isinstance(value, Array) else None
        if known is None or len(known) < len(shape):
            return True
    return False


def unsure_ids(compiled: Compiled, targets: Sequence[Expr]) -> bool:
    """Whether a metric of the user's meets class ids that may have an axis of one, which the loss does without."""
    for metric in compiled.metrics:
        if metric.custom is None or metric.target != "ids" or not metric.shape or metric.output >= len(targets):
            continue
        value = targets[metric.output].value
        known = value.shape if isinstance(value, Array) else None
        if known is None or len(known) != len(metric.shape) - 1:
            return True
    return False


def own_inside(given: Expr) -> bool:
    """Whether something of the user's is among the losses or metrics: its name is still read."""
    values = given.value
    each = values.values() if isinstance(values, dict) else values if isinstance(values, list | tuple) else [values]
    return any(_is_own(v) or (isinstance(v, list | tuple) and own_inside(Expr("", v))) for v in each)


def _is_own(value: object) -> bool:
    return isinstance(value, Function) or (isinstance(value, KerasObject) and value.path.startswith("user."))
