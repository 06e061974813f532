"""Optimizers, callbacks, losses and metrics of Keras that a program makes and never uses."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from transpile.backends.blank_lines import removed
from transpile.backends.torch_helpers import Writing
from transpile.passes.leftovers import Covered
from transpile.references import Reference, References

_MADE = ("keras.callbacks.", "keras.optimizers.", "keras.losses.", "keras.metrics.")
_WITH_EFFECTS = ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr | ast.Lambda


def remove_unused(writing: Writing, left: Sequence[Reference]) -> None:
    """Takes `early = EarlyStopping(...)` out of a script that reads `early` nowhere."""
    references, output = writing.references, writing.output
    if not _is_script(references):
        return
    edits = Covered([(e.start, e.end) for e in output.edits])
    read = {n.id for n, _ in references.reads if not edits.holds(references.start(n), references.end(n))}
    read |= _exported(references)
    read |= {name for edit in output.edits for name in re.findall(r"\w+", edit.text)}
    paths = {r.node: r.path for r in left}
    found = []
    for reference in left:
        statement = references.statement(reference.node)
        if isinstance(statement, ast.Assign) and _makes_unused(statement, read, paths) and statement not in found:
            found.append(statement)
    for statement in found:
        text = " ".join(references.code(statement).split())
        text = text if len(text) <= 60 else text[:57] + "..."
        output.report("K2T346", writing.span(statement), f"{text} was left out: nothing uses it")
    output.edits += removed(references, found)


def _is_script(references: References) -> bool:
    """Whether the file does something when it is run: what a module makes may be used elsewhere."""
    return any(
        (isinstance(s, ast.Expr) and isinstance(s.value, ast.Call))
        or (isinstance(s, ast.If) and "__name__" in references.code(s.test))
        for s in references.tree.body
    )


def _exported(references: References) -> set[str]:
    """The names that `__all__`, `global` and strings may stand for: any that is written as a string."""
    strings = {n.value for n in ast.walk(references.tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    outer = {name for n in ast.walk(references.tree) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    return strings | outer


def _makes_unused(statement: ast.Assign, read: set[str], paths: dict[ast.expr, str]) -> bool:
    target, value = statement.targets[0], statement.value
    if len(statement.targets) > 1 or not isinstance(target, ast.Name) or target.id in read:
        return False
    calls = [n for n in ast.walk(value) if isinstance(n, ast.Call)]
    made = all(_is_made(paths.get(c.func, "")) for c in calls)
    return isinstance(value, ast.Call) and made and not any(isinstance(n, _WITH_EFFECTS) for n in ast.walk(value))


def _is_made(path: str) -> bool:
    """Whether a call of that path only makes an object."""
    return path.startswith(_MADE) and path.rpartition(".")[2][:1].isupper()
