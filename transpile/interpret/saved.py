"""Models made from another: `load_model` of a file that the program saved, `clone_model`, `model_from_json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.values import Event, Frame, KerasObject, ModelValue
from transpile.ir import Expr

if TYPE_CHECKING:
    from transpile.interpret.models import Models


def load_saved(
    models: Models, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
) -> ModelValue | None:
    """The model that was saved under that path (its layers are known), None if there is no one such."""
    path = _path(args, kwargs)
    events = models.interpreter.events
    found = {id(e.model): e.model for e in events for p in _saved(e) if path is not None and _same(p, path)}
    model = next(iter(found.values()), None)
    if len(found) != 1 or model is None or model.style not in ("sequential", "functional"):
        return None
    models._event("load_model", model, node, args, kwargs, frame)
    events[-1].values |= {"original": _visible(model, frame), "holder": _holder(models)}
    return model


def cloned(
    models: Models, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
) -> ModelValue | None:
    """`clone_model(model)`: the same layers with weights of its own."""
    given = args[0] if args else kwargs.get("model")
    model = given.value if given is not None else None
    if len(args) + len(kwargs) != 1 or given is None or not isinstance(model, ModelValue):
        return None
    if model.style not in ("sequential", "functional"):
        return None
    return _copied(models, model, given.text, node, args, kwargs, frame)


def described(
    models: Models, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
) -> ModelValue | None:
    """`model_from_json(text)`, where the program describes one model so: its layers with weights of their own."""
    how = models.interpreter.source.code(node.func).rpartition("_")[2]
    found = {id(e.model): e.model for e in models.interpreter.events if e.kind == f"to_{how}"}
    model = next(iter(found.values()), None)
    original = _visible(model, frame) if model is not None else ""
    if len(found) != 1 or model is None or not original or model.style not in ("sequential", "functional"):
        return None
    return _copied(models, model, original, node, args, kwargs, frame)


def _copied(
    models: Models, model: ModelValue, original: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr],
    frame: Frame,
) -> ModelValue:  # fmt: skip
    models._event("clone_model", model, node, args, kwargs, frame)
    models.interpreter.events[-1].values |= {"original": original, "holder": _holder(models)}
    return model


def _holder(models: Models) -> str:
    """The variable that the running statement sets."""
    statement = models.interpreter.statement
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return ""
    assign = statement.body[0]
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
        return ""
    return models.interpreter.source.code(assign.targets[0].target)


def _visible(model: ModelValue, frame: Frame) -> str:
    """The variable that holds the model at this moment, "" if none does."""
    scope: Frame | None = frame
    while scope is not None:
        if scope.names.get(model.variable) is model:
            return model.variable
        scope = scope.parent
    return ""


def _path(args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> Expr | None:
    return args[0] if args else kwargs.get("filepath")


def _saved(event: Event) -> Iterator[Expr]:
    """The paths to which an event saves its model."""
    if event.kind == "save":
        path = _path(event.args, event.kwargs)
        if path is not None:
            yield path
    callbacks = event.kwargs.get("callbacks")
    listed = callbacks.value if event.kind == "fit" and callbacks is not None else None
    for item in listed if isinstance(listed, list | tuple) else ():
        if isinstance(item, KerasObject) and item.path.endswith("ModelCheckpoint"):
            path = _path(item.args, item.kwargs)
            if path is not None:
                yield path


def _same(one: Expr, other: Expr) -> bool:
    if one.known and other.known:
        return isinstance(one.value, str) and one.value == other.value
    return one.text == other.text
