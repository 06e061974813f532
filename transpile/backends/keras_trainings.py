"""What the verifier must know of the models that are compiled now."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_plain_steps import PlainStep


@dataclass(frozen=True)
class ScriptTraining:
    """A model that the module trains over a loader, with the names of PyTorch's loss and optimizer.

    `made` is the expression that makes the model: of which class it is.
    """

    model: str
    made: str
    criterion: str
    optimizer: str


def trainings_of(kinds: Kinds, plain: Sequence[PlainStep]) -> list[ScriptTraining]:
    """The trainings that both programs hold at the level of the module."""
    found = []
    for step in plain:
        loop = next((a for a in kinds.references.around(step.step.statement) if isinstance(a, ast.For)), None)
        made = kinds.of(step.criterion.func).node
        named = isinstance(step.criterion.func, ast.Name) and isinstance(made, ast.Call)
        places = [kinds.function_of(n) for n in (step.made, step.step.statement, made or step.made)]
        if loop is None or not named or not all(isinstance(p, ast.Module) for p in places):
            continue
        if not kinds.element(loop.iter) or kinds.element(loop.iter).name == "number":
            continue
        model = kinds.of(_model(step)).node
        if isinstance(model, ast.Call):
            criterion = kinds.code(step.criterion.func)
            optimizer = kinds.code(step.step.optimizer)
            found.append(ScriptTraining(step.model_there, kinds.code(model), criterion, optimizer))
    return found


def _model(step: PlainStep) -> ast.expr:
    """The model, where its optimizer is made."""
    call = step.made.args[0] if step.made.args else step.made.keywords[0].value
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    return call.func.value
