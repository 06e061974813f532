"""`compile`, `fit` and `evaluate` of a model with a training step of its own."""

from __future__ import annotations

from typing import TypeVar

from transpile.frontends.compile_objects import Refused
from transpile.frontends.facts import ModelFacts, Steps
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.interpret.values import Event
from transpile.ir import Expr, literal
from transpile.training_ir import Compiled, Evaluate, Fit

T = TypeVar("T", Fit, Evaluate)


def read_own(event: Event, steps: Steps) -> Compiled:
    """`compile`: its optimizers are read where they are written. Raises Refused."""
    if event.kind != "compile":
        raise Refused("K2T182", f"{event.kind} of a model with a training step of its own")
    chosen = [read_optimizer(e) for e in optimizers(event, steps).values()]
    if steps.compiles and any(o.schedule for o in chosen):
        raise Refused("K2T182", "a schedule of an optimizer that is given to a compile() of a model's own")
    first = chosen[0] if chosen else read_optimizer(literal("rmsprop"))
    return Compiled((), first, reported=(steps.trained, steps.tested))


def optimizers(event: Event, steps: Steps) -> dict[str, Expr]:
    """The optimizers of one `compile`, by its parameters."""
    if not steps.compiles:
        given = event.kwargs.get("optimizer") or (event.args[0] if event.args else literal("rmsprop"))
        return {"optimizer": given} if "optimizer" in steps.parameters else {}
    if event.args:
        raise Refused("K2T182", "arguments by position of a compile() of a model's own")
    return {n: e for n, e in event.kwargs.items() if n in steps.parameters}


def refuse_untested(record: T, facts: ModelFacts) -> T:
    """A validation needs a `test_step`. Raises Refused."""
    checks = isinstance(record, Evaluate) or record.validated
    if facts.steps is not None and checks and not facts.steps.has_test:
        raise Refused("K2T182", "a validation of a model that has a train_step and no test_step of its own")
    return record
