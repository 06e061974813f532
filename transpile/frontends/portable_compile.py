"""The arguments of `compile` in words that are valid in another place of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from transpile.frontends.keras_training import Use
from transpile.frontends.texts import names
from transpile.interpret.values import Frame
from transpile.ir import Expr, literal
from transpile.training_ir import Compiled, Custom


class NotPortable(Exception):
    """A text means something in one function only."""


def portable(compiled: Compiled, use: Use, *parts: str) -> Compiled:
    """The record with texts that need nothing of the function in which `compile` stands.

    `parts`: what is moved: "loop" (arguments that are written into functions at module level),
    "loss", "optimizer". Values that are known replace the names of locals. Raises NotPortable.
    """
    frame = use.first.frame
    if frame.function is None:
        return compiled
    fix = _Values(frame, use)
    weights = tuple(None if w is None else fix.expr(w) for w in compiled.weights)
    metrics = tuple(replace(m, args=fix.args(m.args), custom=fix.own(m.custom)) for m in compiled.metrics)
    clips = ("clipnorm", "clipvalue", "global_clipnorm")
    if "loop" in parts:
        optimizer = {n: fix.expr(e) if n in clips else e for n, e in compiled.optimizer.args.items()}
        compiled = replace(
            compiled, optimizer=replace(compiled.optimizer, args=optimizer), metrics=metrics, weights=weights
        )
    if "optimizer" in parts:
        before = compiled.optimizer
        chosen = replace(before, args=fix.args(before.args), schedule_args=fix.args(before.schedule_args))
        picked = compiled.picked
        compiled = replace(compiled, optimizer=chosen, picked=None if picked is None else fix.expr(picked))
    if "loss" in parts:
        losses = tuple(replace(x, args=fix.args(x.args), custom=fix.own(x.custom)) for x in compiled.losses)
        compiled = replace(compiled, losses=losses)
    return compiled


class _Values:
    def __init__(self, frame: Frame, use: Use) -> None:
        self.local = set(frame.names)
        self.frames = [e.frame for e in use.events]

    def args(self, args: Mapping[str, Expr]) -> dict[str, Expr]:
        return {n: self.expr(e) for n, e in args.items()}

    def own(self, custom: Custom | None) -> Custom | None:
        """Something of the user's, which must be known at module level."""
        if custom is not None:
            self.expr(Expr(custom.text))
        return custom

    def expr(self, expr: Expr) -> Expr:
        local = names(expr.text) & self.local
        if not local:
            return expr
        if not isinstance(expr.value, int | float | str | tuple) or len({id(f) for f in self.frames}) > 1:
            message = f"{expr.text} of compile is only known inside the function that compiles the model"
            raise NotPortable(message)
        return literal(expr.value)
