"""The learning rate of a model's optimizer, where the program reads or sets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from transpile.frontends.compile_objects import RATES
from transpile.frontends.keras_training import Use
from transpile.frontends.optimizers_in_turn import given_optimizer
from transpile.frontends.sites import Sites
from transpile.interpret.values import KerasObject, ModelValue
from transpile.source import Source
from transpile.training_ir import Compiled

if TYPE_CHECKING:
    from transpile.backends.torch_training import TrainingWriter
    from transpile.backends.torch_use import UseWriter

_READING = ("numpy", "read_value", "value", "eval", "item")


@dataclass(frozen=True)
class Change:
    """A node of the program, and what stands in its place."""

    node: cst.CSTNode
    text: str
    helpers: tuple[str, ...] = ()


def rate_change(
    node: cst.BaseExpression, optimizer: str, momentum: bool, sites: Sites, source: Source
) -> Change | None:
    """What becomes of an optimizer (`model.optimizer`) and the attribute or call around it; None: not known.

    `momentum`: the velocity must follow the rate.
    """
    rate = sites.parents.get(node)
    if not isinstance(rate, cst.Attribute) or rate.value is not node or rate.attr.value not in RATES:
        return None
    text = f'{optimizer}.param_groups[0]["lr"]'
    setting = _Setting(text, optimizer, momentum, source.code)
    parent = sites.parents.get(rate)
    match parent:
        case cst.AssignTarget():
            assign = sites.parents.get(parent)
            if isinstance(assign, cst.Assign) and len(assign.targets) == 1:
                return setting.to(assign, assign.value)
            return None
        case cst.AugAssign(target=target) if target is rate:
            return None if momentum else Change(rate, text)
        case cst.Arg():
            call = sites.parents.get(parent)
            return _in_call(call, rate, text, setting, source) if isinstance(call, cst.Call) else None
        case cst.Attribute(attr=attr):
            call = sites.parents.get(parent)
            if isinstance(call, cst.Call) and call.func is parent and attr.value in _READING:
                return Change(call, text)
            if isinstance(call, cst.Call) and attr.value == "assign" and len(call.args) == 1:
                return setting.to(call, call.args[0].value)
            return None
    return Change(rate, text)


@dataclass(frozen=True)
class _Setting:
    rate: str
    optimizer: str
    momentum: bool
    code: Callable[[cst.CSTNode], str]

    def to(self, node: cst.CSTNode, value: cst.BaseExpression) -> Change:
        if self.momentum:
            return Change(node, f"set_rate({self.optimizer}, {self.code(value)})", ("rescale_momentum", "set_rate"))
        return Change(node, f"{self.rate} = {self.code(value)}")


def _in_call(call: cst.Call, rate: cst.Attribute, text: str, setting: _Setting, source: Source) -> Change | None:
    name = source.code(call.func).rpartition(".")[2]
    if name in ("get_value", "convert_to_numpy", "eval") and len(call.args) == 1:
        return Change(call, text)
    if name == "set_value" and len(call.args) == 2 and call.args[0].value is rate:
        return setting.to(call, call.args[1].value)
    return Change(rate, text)


def write_rates(writer: TrainingWriter, uses: UseWriter) -> None:
    """Edits what the program does with the learning rates of optimizers that were converted."""
    changes: list[Change] = []
    for use in writer.reading.interpreter.attribute_uses.values():
        node, target = use.node, use.targets[0]
        if node.attr.value != "optimizer" or not isinstance(target, ModelValue):
            continue
        compiled = _compile_of(target, writer)
        optimizer = _optimizer(node, compiled, writer) if compiled is not None else ""
        if compiled is None or not optimizer or not isinstance(compiled.record, Compiled):
            continue
        momentum = compiled.record.optimizer.has_momentum
        change = rate_change(node, optimizer, momentum, writer.sites, writer.source)
        if change is not None and not compiled.record.optimizer.schedule:
            changes.append(change)
    changes += _of_variables(writer)
    for change in sorted(changes, key=lambda c: writer.source.span(c.node).end - writer.source.span(c.node).start):
        uses.replace(change.node, uses.text(change.text))
        writer.functions.helpers(change.helpers, writer.sites.top(change.node))


def rated(compiled: Use) -> list[cst.Attribute]:
    """Where the program asks the variable that holds an optimizer for its rate, or sets it, behind `compile`."""
    event = compiled.first
    given = given_optimizer(event)
    value = given.value if given is not None else None
    if not isinstance(value, KerasObject):
        return []
    return list(
        {id(u.node): u.node for u in value.uses if u.order >= event.order and u.node.attr.value in RATES}.values()
    )


def _of_variables(writer: TrainingWriter) -> list[Change]:
    """`optimizer.learning_rate`: of the objects that `compile` was given."""
    changes = []
    for compiled, home in writer.homes.items():
        if home.mode != "here" or not isinstance(compiled.record, Compiled) or compiled.record.optimizer.schedule:
            continue
        momentum = compiled.record.optimizer.has_momentum
        scope = writer.sites.function(compiled.call)
        for node in rated(compiled):
            change = rate_change(node.value, home.optimizer, momentum, writer.sites, writer.source)
            if change is not None and writer.sites.function(node) is scope:
                changes.append(change)
    return changes


def _compile_of(model: ModelValue, writer: TrainingWriter) -> Use | None:
    found = [u for u in writer.reading.uses if u.kind == "compile" and model in u.models and u in writer.homes]
    return found[-1] if found else None


def _optimizer(node: cst.Attribute, compiled: Use, writer: TrainingWriter) -> str:
    """The text of the optimizer where the program reads it; "" where it cannot be seen."""
    receiver, owner = writer.source.code(node.value), writer.sites.owner(node)
    if owner is not None and owner in writer.classes.written:
        return receiver.removesuffix("model") + "optimizer" if receiver.endswith(".model") else ""
    home = writer.homes[compiled]
    if home.mode == "attribute":
        return home.optimizer_of(receiver)
    scope = writer.sites.function(home.statement)
    visible = scope is None or scope is writer.sites.function(node)
    return home.optimizer if visible and receiver == home.model else ""
