"""Steps that are nothing but forward, loss, backward, step: what `train_on_batch` does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_owned import models_in, owned_models, parameters_of
from transpile.frontends.torch_steps import Step, loss_of


@dataclass(eq=False)
class PlainStep:
    """A step with one model, one input and one target.

    `output` is the variable that holds what the model returns ("" where there is none), `loss`
    that of the loss; `forward` their statements. `made` is the call that makes the
    optimizer, `model_there` the model's name at that place.
    """

    step: Step
    model: str
    model_there: str
    inputs: ast.expr
    target: ast.expr
    output: str
    loss: str
    criterion: ast.Call
    forward: list[ast.stmt]
    made: ast.Call


def plain_step(kinds: Kinds, step: Step, steps: list[Step]) -> PlainStep | None:
    """The step as a plain one; None if it is more than that."""
    parameters = parameters_of(kinds, step.optimizer)
    made = kinds.of(step.optimizer).node
    if step.problem or step.accumulates or len(step.backwards) != 1 or step.clips or step.region is None:
        return None
    if not isinstance(made, ast.Call) or parameters is None or not _is_whole(kinds, parameters):
        return None
    if any(s is not step and kinds.of(s.optimizer).node is made for s in steps):
        return None
    there = [kinds.code(m) for m in models_in(kinds, parameters)]
    models = owned_models(kinds, step.optimizer)
    if len(models) != 1 or len(there) != 1:
        return None
    found = _forward(kinds, step, models[0])
    if found is None:
        return None
    inputs, target, output, loss, criterion = found
    plain = PlainStep(step, models[0], there[0], inputs, target, output, loss, criterion, step.region.statements, made)
    return plain if _is_free(kinds, plain) else None


def _is_whole(kinds: Kinds, parameters: ast.expr) -> bool:
    """`model.parameters()` and nothing else."""
    match parameters:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr="parameters"), args=[]):
            return True
    return False


Found = tuple[ast.expr, ast.expr, str, str, ast.Call]


def _forward(kinds: Kinds, step: Step, model: str) -> Found | None:
    """The input, target, output and loss of `output = model(x); loss = criterion(output, y)`."""
    assert step.region is not None
    statements = step.region.statements
    named = loss_of(step.backwards[0])
    if not isinstance(named, ast.Name) or step.backwards[0] not in step.region.block:
        return None
    between = step.region.block[step.region.last + 1 : step.region.block.index(step.backwards[0])]
    if any(s not in step.zeros for s in between):
        return None
    loss = named.id
    match statements:
        case [ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call)] if name == loss:
            pair = _loss_arguments(kinds, call)
            inputs = pair and _model_input(kinds, pair[0], model)
            return None if not pair or inputs is None else (inputs, pair[1], "", loss, call)
        case [
            ast.Assign(targets=[ast.Name(id=output)], value=ast.Call() as forward),
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call),
        ] if name == loss:
            pair = _loss_arguments(kinds, call)
            inputs = _model_input(kinds, forward, model)
            if not pair or inputs is None or not isinstance(pair[0], ast.Name) or pair[0].id != output:
                return None
            return inputs, pair[1], output, loss, call
    return None


def _loss_arguments(kinds: Kinds, call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """(output, target) of a call of a loss."""
    path = kinds.path(call.func)
    functional = path.startswith("torch.nn.functional.")
    if kinds.of(call.func).name != "loss" and not functional:
        return None
    if len(call.args) != 2 or (call.keywords and not functional):
        return None
    return call.args[0], call.args[1]


def _model_input(kinds: Kinds, node: ast.expr, model: str) -> ast.expr | None:
    """The only argument of a call of the model."""
    match node:
        case ast.Call(func=func, args=[inputs], keywords=[]) if kinds.code(func) == model:
            return None if isinstance(inputs, ast.Starred) else inputs
    return None


def _is_free(kinds: Kinds, plain: PlainStep) -> bool:
    """Whether nothing else reads the output, and the loss is only read as a number."""
    function = kinds.function_of(plain.step.statement)
    for name in _reads(kinds, function, {plain.output, plain.loss} - {""}):
        statement = kinds.references.statement(name)
        if statement in plain.forward or statement in plain.step.backwards:
            continue
        if name.id == plain.output and not _is_elsewhere(kinds, name, plain):
            return False
        if name.id == plain.loss and not _is_elsewhere(kinds, name, plain) and not _as_number(kinds, name):
            return False
    return True


def _is_elsewhere(kinds: Kinds, name: ast.Name, plain: PlainStep) -> bool:
    """Whether a name was set anew between the step and its use (as in the validation)."""
    entries = kinds.assigned.get((id(kinds.function_of(name)), name.id), [])
    before = [at for end, _, at in entries if end <= kinds.references.start(name)]
    return bool(before) and before[-1] not in plain.forward


def _reads(kinds: Kinds, function: ast.AST, names: set[str]) -> Iterator[ast.Name]:
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            owner = kinds.function_of(node)
            if owner is function or (isinstance(owner, FUNCTION | ast.Lambda) and owner is not function):
                yield node


def _as_number(kinds: Kinds, name: ast.Name) -> bool:
    """`loss.item()`, `float(loss)`, `print(loss)`."""
    parent = kinds.references.parents[name]
    match parent:
        case ast.Attribute(attr="item" | "data" | "detach" | "cpu"):
            return True
        case ast.Call(func=ast.Name(id="float" | "print" | "str")):
            return True
        case ast.Call(func=ast.Attribute(attr="format" | "append")) | ast.FormattedValue():
            return True
        case ast.AugAssign(value=value):
            return value is name
    return False
