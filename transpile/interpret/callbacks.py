"""Callbacks: objects of the user's classes, and what hooks do to the model that is trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.attributes import class_attribute
from transpile.interpret.record import OutOfSteps
from transpile.interpret.values import Event, Frame, Function, Instance, KerasObject, UserClass
from transpile.ir import UNKNOWN, Expr

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

# In the order in which Keras calls them.
HOOKS = (
    "on_train_begin", "on_epoch_begin", "on_batch_begin", "on_train_batch_begin", "on_batch_end",
    "on_train_batch_end", "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
    "on_epoch_end", "on_train_end",
)  # fmt: skip
_FIT_POSITION = 5


def made(
    interpreter: Interpreter, cls: UserClass, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
) -> Instance:
    """An object of a user's class that derives from Keras's `Callback`; its constructor is run."""
    span = interpreter.source.span(node)
    how = KerasObject(f"user.{cls.node.name.value}", tuple(args), kwargs, node, span, frame)
    instance = Instance(cls, made=how)
    constructor = class_attribute(cls, "__init__")
    if isinstance(constructor, Function):
        named = {k: e.value for k, e in kwargs.items() if k not in ("*", "**")}
        interpreter.call_function(constructor, (instance, *(a.value for a in args)), named, frame)
    return instance


def callbacks_of(event: Event) -> list[object]:
    """The values of the callbacks that a `fit` is given."""
    given = event.kwargs.get("callbacks") or dict(enumerate(event.args)).get(_FIT_POSITION)
    if given is None or not event.kind.startswith("fit") or given.value is None:
        return []
    return list(given.value) if isinstance(given.value, list | tuple) else [given.value]


def run_hooks(interpreter: Interpreter, event: Event) -> None:
    """Runs what the callbacks of a `fit` do, with epochs and logs that are not known."""
    for value in callbacks_of(event):
        for function, first in _functions(value, event):
            _run(interpreter, function, first)


def _functions(value: object, event: Event) -> Iterator[tuple[Function, tuple[object, ...]]]:
    if isinstance(value, Instance):
        value.attributes["model"] = event.model
        for hook in HOOKS:
            function = class_attribute(value.cls, hook)
            if isinstance(function, Function):
                yield function, (value,)
    elif isinstance(value, KerasObject) and value.path.startswith("keras.callbacks."):
        for expr in (*value.args, *value.kwargs.values()):
            if isinstance(expr.value, Function):
                yield expr.value, ()


def _run(interpreter: Interpreter, function: Function, first: tuple[object, ...]) -> None:
    params = function.node.params
    count = len(params.params) + len(params.posonly_params) - len(first)
    state = interpreter.depth, interpreter.loops, interpreter.uncertain
    interpreter.rest()
    try:
        interpreter.call_function(function, (*first, *[UNKNOWN] * count), {})
    except OutOfSteps:
        interpreter.depth, interpreter.loops, interpreter.uncertain = state
        if interpreter.exhausted:
            raise
