"""What stands in the arguments of `compile`: objects, strings and functions, of Keras's or the user's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import libcst as cst
from libcst import matchers

from transpile.frontends.facts import ModelFacts
from transpile.frontends.texts import element
from transpile.interpret.values import Event, Frame, Function, KerasObject, Layer, Ref, Tensor
from transpile.ir import Expr, Node, Shape, literal
from transpile.registry import Context, Op, UnknownArgument, bind, by_keras_path, lower
from transpile.training_ir import Custom, Problem

# The attributes of an optimizer that are its learning rate.
RATES = frozenset({"lr", "learning_rate"})


class Refused(Exception):
    """A call that cannot be converted, and why."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, hint)


def arguments(event: Event, parameters: Sequence[str]) -> dict[str, Expr]:
    """The arguments of a call by name. Refuses *args and **kwargs."""
    if "*" in event.kwargs or "**" in event.kwargs:
        raise Refused("K2T125", f"the arguments of {event.kind} are only known at run time")
    if len(event.args) > len(parameters):
        raise Refused("K2T125", f"{event.kind} has more arguments than Keras takes")
    return dict(zip(parameters, event.args)) | event.kwargs


def per_output(expr: Expr, facts: ModelFacts) -> tuple[Expr | None, ...]:
    """A list, a dict by name, or one value for all, as one value per output."""
    count = len(facts.output_shapes)
    value = expr.value
    if isinstance(value, dict):
        if value.keys() - set(facts.output_names):
            raise Refused("K2T129", f"the outputs of the model are called {', '.join(facts.output_names)}")
        return tuple(item(expr.text, n, value[n]) if n in value else None for n in facts.output_names)
    if isinstance(value, list | tuple) and len(value) == count:
        return tuple(item(expr.text, i, v) for i, v in enumerate(value))
    if value is None:
        return (None,) * count
    if isinstance(value, list | tuple):
        raise Refused("K2T129", "the list has not as many items as the model has outputs")
    return (expr,) * count


def item(text: str, key: int | str, value: object) -> Expr:
    """An element of the user's list or dict: its own text where that is written out."""
    return Expr(element(text, key), value)


def refuse_lost(op: Op, args: Mapping[str, Expr], shape: Shape | None) -> None:
    extra = {"moved": literal("")} if op.keras_path.startswith("metrics.") else {}
    lowered = lower(op, Node(op.name, {**args, **extra}, input_shapes=(shape,)), Context())
    for code, message in lowered.diagnostics:
        raise Refused(code, message)


def resolve(expr: Expr, section: str, code: str) -> tuple[Op, dict[str, Expr]]:
    """The registry's entry and the bound arguments of something of Keras's."""
    value = expr.value
    ops = by_keras_path()
    kind = {"losses": "loss", "metrics": "metric"}.get(section, "optimizer")
    if isinstance(value, Function):
        raise Refused("K2T121", f"the {kind} {expr.text} is a function of your own")
    if isinstance(value, str):
        op = ops.get(f"{section}.{value}")
        if op is not None:
            return op, bind(op, (), {})
    if isinstance(value, Ref):
        op = ops.get(re.sub(r"^(keras|tf)\.(losses|metrics)\.", f"{section}.", value.path))
        if op is not None:
            return op, bind(op, (), {})
    if isinstance(value, KerasObject):
        if value.path.startswith("user."):
            raise Refused("K2T123", f"the {kind} {expr.text} is a class of your own")
        op = ops.get(value.path.removeprefix("keras."))
        if value.attributes.keys() - (RATES if section == "optimizers" else ()):
            raise Refused("K2T125", f"the {kind} is changed after it is made")
        if op is not None and op.keras_path.startswith(section):
            return op, bound(op, value)
    raise Refused(code, f"the {kind} {expr.text} is not known")


def bound(op: Op, value: KerasObject) -> dict[str, Expr]:
    if "**" in value.kwargs or "*" in value.kwargs:
        raise Refused("K2T125", f"the arguments of {op.keras_class} are only known at run time")
    try:
        return bind(op, value.args, value.kwargs)
    except UnknownArgument as error:
        raise Refused("K2T125", f"{op.keras_class}: {error} cannot be converted") from None


def own(expr: Expr, kind: str) -> Custom:
    """A function of the user's that computes a loss or metric. Raises Refused."""
    function = expr.value
    assert isinstance(function, Function)
    for name in sorted(_read_in(function)):
        frame: Frame | None = function.closure
        while frame is not None and name not in frame.names:
            frame = frame.parent
        if frame is not None and isinstance(frame.names[name], Tensor | Layer):
            raise Refused(
                "K2T123", f"the {kind} {expr.text} reads {name}, a part of the model, beside what it is given"
            )
    return Custom(expr.text, function.node)


def own_class(expr: Expr) -> Custom:
    """An object of a class of the user's that computes a loss. Raises Refused."""
    value = expr.value
    assert isinstance(value, KerasObject)
    if "reduction" in value.kwargs or value.attributes:
        raise Refused("K2T123", f"the loss {expr.text} has a reduction of its own, or is changed after it is made")
    return Custom(expr.text, value.path.removeprefix("user."))


def _read_in(function: Function) -> set[str]:
    """The names in a function's body that are not its parameters."""
    found: set[str] = set()
    for name in matchers.findall(function.node.body, matchers.Name()):
        assert isinstance(name, cst.Name)
        found.add(name.value)
    return found - {p.name.value for p in function.node.params.params}
