"""Branches that a known test leaves out: `if not augment: model.fit(x, y)` behind `augment = True`.

The constant is a switch of the program: what stands behind the other setting is converted, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst
from libcst import matchers as m

from transpile.interpret.model_choice import ModelChoice, as_run
from transpile.interpret.uncertainty import Assigned
from transpile.interpret.values import Frame, Function, Layer, ModelValue, Tensor

if TYPE_CHECKING:
    from transpile.interpret.statements import Statements

# Methods of a model that change nothing of what the file builds or trains.
_ASIDE = frozenset({"load_weights", "save_weights", "save", "summary"})
_TRAINS = frozenset(
    """fit fit_generator evaluate evaluate_generator predict predict_generator predict_classes
    predict_proba predict_on_batch train_on_batch test_on_batch""".split()
)
# What a branch that is not taken must not do with what the others use.
_CHANGES = frozenset("add pop compile add_loss set_weights trainable".split())
# Layers of branches that are not taken come last in the order of creation, which gives names.
_LATE = 10**9


def untaken(branch: cst.CSTNode | None) -> Iterator[cst.BaseSuite]:
    """The suites of a branch, of all of an `elif`'s."""
    if isinstance(branch, cst.If):
        yield branch.body
        yield from untaken(branch.orelse)
    elif isinstance(branch, cst.Else):
        yield branch.body
    elif isinstance(branch, cst.BaseSuite):
        yield branch


def follow(interpreter: Statements, branch: cst.BaseSuite, frame: Frame, before: dict[str, object] | None) -> None:
    """Runs what can be run of a branch that is not taken, from the names `before` the test.

    Other calls of the function may take it; nothing that it does counts behind it. But models that
    it makes are as good as those that the same names hold: what is done with one is done with either.
    """
    if before is None or not _is_followed(interpreter, branch, frame):
        _aside(interpreter, branch, frame)
        return
    returned, made = len(frame.returned), len(interpreter.layers)
    after, frame.names = frame.names, dict(before)
    with interpreter.uncertainly(frame):
        interpreter.guarded(branch, frame)
    del frame.returned[returned:]
    for layer in interpreter.layers[made:]:
        layer.order += _LATE
    left, frame.names = frame.names, after
    for name, value in left.items():
        if value is not before.get(name) and isinstance(value, ModelValue | ModelChoice):
            choice = ModelChoice.of(after.get(name), value)
            taken = as_run(after.get(name))
            if isinstance(taken, ModelValue):
                after[name] = replace(choice, taken=taken) if isinstance(choice, ModelChoice) else choice


def _is_followed(interpreter: Statements, branch: cst.BaseSuite, frame: Frame) -> bool:
    attributes = {a.attr.value for a in m.findall(branch, m.Attribute()) if isinstance(a, cst.Attribute)}
    if attributes & _CHANGES:
        return False
    return bool(attributes & _TRAINS) or any(_builds(interpreter, line, frame) for line in branch.body)


def _builds(interpreter: Statements, line: cst.CSTNode, frame: Frame) -> bool:
    """`model = build(depth)`, but not `x = block(x)`: the graph of a model has what was taken."""
    match line:
        case cst.SimpleStatementLine(body=[cst.Assign(value=cst.Call(func=cst.Name(value=name)) as call)]):
            if not isinstance(interpreter.lookup(name, frame), Function):
                return False
            read = Assigned.of(call).read
            return not any(isinstance(interpreter.lookup(n, frame), Tensor | Layer | list) for n in read)
    return False


def _aside(interpreter: Statements, branch: cst.BaseSuite, frame: Frame) -> None:
    """`if weights: model.load_weights(weights)`."""
    changed = Assigned.of(branch).names
    with interpreter.uncertainly(frame):
        for line in branch.body:
            statement = line.body[0] if isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1 else None
            call = statement.value if isinstance(statement, cst.Expr) else None
            function = call.func if isinstance(call, cst.Call) else None
            if not isinstance(function, cst.Attribute) or function.attr.value not in _ASIDE:
                continue
            holder = function.value
            if isinstance(holder, cst.Name) and holder.value in changed:
                continue
            if isinstance(interpreter.expressions.evaluate(holder, frame), ModelValue | ModelChoice):
                interpreter.execute(line, frame)
