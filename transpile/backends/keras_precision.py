"""Mixed precision in a script: Keras sets it by a policy, before the model is made, so it goes from the loop."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions

AUTOCAST = ("torch.autocast", "torch.amp.autocast", "torch.cuda.amp.autocast", "torch.cuda.amp.autocast_mode.autocast",
            "torch.cpu.amp.autocast")  # fmt: skip


def is_autocast(e: ScriptExpressions, statement: ast.With) -> bool:
    """`with autocast():`"""
    calls = [i.context_expr for i in statement.items]
    found = all(e.path(c.func if isinstance(c, ast.Call) else c) in AUTOCAST for c in calls)
    if found:
        _report(e, statement)
    return found


def drops_scaler(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`scaler = GradScaler()`, `scaler.unscale_(optimizer)`, `scaler.update()`."""
    match statement:
        case ast.Assign(targets=[ast.Name() | ast.Attribute()], value=ast.Call() as made):
            if e.kind(made).name != "scaler" or not e.path(made.func):
                return False
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=scaler, attr="unscale_" | "update"))):
            if e.kind(scaler).name != "scaler":
                return False
        case _:
            return False
    _report(e, statement)
    e.script.plan.remove(statement)
    return True


def _report(e: ScriptExpressions, node: ast.AST) -> None:
    """One note a file."""
    if not any(d.code == "T2K330" for d in e.script.output.diagnostics):
        e.script.report("T2K330", node, "mixed precision went: what was converted computes in float32")
