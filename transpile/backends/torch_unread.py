"""Results that nothing reads are called `_`."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def without_unread(lines: Sequence[str]) -> list[str]:
    """The statements of a function, with `_` for what a call of several results gives to nobody."""
    text = "\n".join(lines)
    body = ast.parse(text).body if "," in text and not text.startswith(" ") else []
    edits: dict[int, list[tuple[int, int]]] = {}
    for at, statement in enumerate(body):
        for name in _targets(statement):
            if _is_unread(name, statement, body[at + 1 :]):
                edits.setdefault(name.lineno - 1, []).append((name.col_offset, len(name.id)))
    rows = text.split("\n")
    for row, places in edits.items():
        data = rows[row].encode()
        for column, length in sorted(places, reverse=True):
            data = data[:column] + b"_" + data[column + length :]
        rows[row] = data.decode()
    return rows if edits else list(lines)


def _targets(statement: ast.stmt) -> list[ast.Name]:
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Tuple):
        return []
    return [e for e in statement.targets[0].elts if isinstance(e, ast.Name)]


def _is_unread(name: ast.Name, statement: ast.stmt, following: Sequence[ast.stmt]) -> bool:
    if any(other.id == name.id and other.col_offset > name.col_offset for other in _targets(statement)):
        return True
    for later in following:
        names = [n for n in ast.walk(later) if isinstance(n, ast.Name) and n.id == name.id]
        if any(isinstance(n.ctx, ast.Load) for n in names) or (names and not isinstance(later, ast.Assign)):
            return False
        if names:
            return True
    return True
