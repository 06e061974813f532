"""Keeps the branch that is taken where a condition has become a comparison of two literals."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping

from transpile.ir import Edit
from transpile.references import References
from transpile.splice import Output


def fold(references: References, output: Output, literals: Mapping[tuple[int, int], str]) -> None:
    """Replaces `if "a" == "b": ... else: ...` by its branch.

    `literals` are the edits (span and text) that put a literal in the place of a call. A branch
    in which something else is edited stays, with the literal in its condition.
    """
    for node in ast.walk(references.tree):
        if not isinstance(node, ast.If) or not isinstance(node.test, ast.Compare):
            continue
        taken = _taken(references, node.test, literals)
        if taken is None or _is_elif(references, node) or _has_elif(references, node):
            continue
        start, end = references.start(node), references.end(node)
        test = (references.start(node.test), references.end(node.test))
        inside = [e for e in output.edits if start <= e.start and e.end <= end]
        if any(not (test[0] <= e.start and e.end <= test[1]) for e in inside):
            continue
        block = node.body if taken else node.orelse
        if not block or any(_in(r.node, block, references) for r in references.references):
            continue
        text = _dedented(references, node, block)
        output.edits = [e for e in output.edits if e not in inside]
        output.edits.append(Edit(start, end, text))


def _taken(references: References, test: ast.Compare, literals: Mapping[tuple[int, int], str]) -> bool | None:
    """The truth of a comparison of such a literal with another."""
    if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq | ast.NotEq):
        return None
    values: list[object] = []
    for side in (test.left, test.comparators[0]):
        text = literals.get((references.start(side), references.end(side)))
        if text is not None:
            values.append(ast.literal_eval(text))
        elif isinstance(side, ast.Constant):
            values.append(side.value)
        else:
            return None
    return (values[0] == values[1]) == isinstance(test.ops[0], ast.Eq)


def _is_elif(references: References, node: ast.If) -> bool:
    return references.data[references.start(node) :].startswith(b"elif")


def _has_elif(references: References, node: ast.If) -> bool:
    if len(node.orelse) != 1 or not isinstance(node.orelse[0], ast.If):
        return False
    return _is_elif(references, node.orelse[0])


def _in(node: ast.AST, block: list[ast.stmt], references: References) -> bool:
    return any(a in block for a in references.around(node))


def _dedented(references: References, node: ast.If, block: list[ast.stmt]) -> str:
    """The lines of a block, with its comments, at the indentation of its `if`."""
    first = references.line_start(references.start(block[0]))
    while first > references.start(node):
        above = references.line_start(first - 1)
        if not references.data[above:first].strip().startswith(b"#"):
            break
        first = above
    end = references.end(block[-1])
    text = references.data[first:end].decode()
    depth = block[0].col_offset - node.col_offset
    inside = _string_lines(references)
    number = references.data[:first].count(b"\n") + 1
    lines = []
    for i, line in enumerate(text.split("\n")):
        cut = line[:depth].strip() == "" and number + i not in inside
        lines.append(line[depth:] if cut else line)
    return "\n".join(lines).lstrip(" \t")


def _string_lines(references: References) -> set[int]:
    """The lines that begin inside a string."""
    found: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(references.text).readline):
        if token.type == tokenize.STRING or token.type > tokenize.ENCODING:
            found |= set(range(token.start[0] + 1, token.end[0] + 1))
    return found
