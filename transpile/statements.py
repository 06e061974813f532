"""Statements that go away, and the compound statements that go with them."""

from __future__ import annotations

import ast
from collections.abc import Callable

from transpile.references import References
from transpile.scopes import blocks


def import_before(references: References, offset: int) -> ast.stmt | None:
    """The last top-level import, or condition on imports, that begins before a place."""
    found = None
    for statement in references.tree.body:
        if references.start(statement) >= offset:
            break
        inner = [s for block in blocks(statement) for s in block]
        conditional = isinstance(statement, ast.Try | ast.If) and any(
            isinstance(s, ast.Import | ast.ImportFrom) for s in inner
        )
        if isinstance(statement, ast.Import | ast.ImportFrom) or conditional:
            found = statement
    return found


def widened(references: References, statements: set[ast.stmt], harmless: Callable[[ast.Call], bool]) -> set[ast.stmt]:
    """The statements, and the compound statements of which nothing remains without them.

    `harmless` tells whether a call in the header of a compound statement has no effect.
    """
    gone = set(statements)
    changed = True
    while changed:
        changed = False
        for parent in {references.parents[s] for s in gone}:
            outer = references.parents[parent] if isinstance(parent, ast.ExceptHandler) else parent
            if not isinstance(outer, ast.stmt) or outer in gone:
                continue
            if _is_hollow(outer, gone, harmless):
                gone.add(outer)
                changed = True
    return gone


def _is_hollow(node: ast.stmt, gone: set[ast.stmt], harmless: Callable[[ast.Call], bool]) -> bool:
    def empty(block: list[ast.stmt]) -> bool:
        return all(s in gone or isinstance(s, ast.Pass) for s in block)

    match node:
        case ast.Try(body=body, orelse=orelse, finalbody=finalbody):
            return empty(body) and empty(orelse) and empty(finalbody)
        case ast.If(test=header) | ast.For(iter=header):
            return _has_no_effect(header, harmless) and all(empty(b) for b in blocks(node))
    return False


def _has_no_effect(node: ast.expr, harmless: Callable[[ast.Call], bool]) -> bool:
    """Whether evaluating an expression does nothing but give a value."""
    active = ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr
    return not any(
        isinstance(part, active) or (isinstance(part, ast.Call) and not harmless(part)) for part in ast.walk(node)
    )
