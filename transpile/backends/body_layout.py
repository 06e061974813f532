"""Statements that became too long for their line."""

from __future__ import annotations

import ast

from transpile.ir import Edit
from transpile.references import References
from transpile.splice import apply, fragment

_WIDTH = 88


def laid_out(references: References, node: ast.stmt, edits: list[Edit]) -> Edit | None:
    """One edit for a statement of one line that does not fit on it any more; None where it does."""
    start, end = references.start(node), references.end(node)
    source = references.data[start:end].decode()
    if not edits or "\n" in source or any(e.start < start or e.end > end or not e.text for e in edits):
        return None
    inner = [Edit(e.start - start, e.end - start, e.text) for e in edits]
    text = apply(source, inner)
    line = references.data[references.line_start(start) : start].decode()
    was = max(_WIDTH, len(line) + len(source))
    if line.strip() or len(line) + len(text) <= was or "\n" in text:
        return None
    laid = fragment(text, len(line))
    return Edit(start, end, laid) if ast.dump(ast.parse(text)) == ast.dump(ast.parse(laid)) else None
