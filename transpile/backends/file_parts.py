"""Edits of whole statements, definitions and comments, common to both directions."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from transpile.backends.blank_lines import at_least, exactly, removed
from transpile.diagnostics import Diagnostic
from transpile.ir import Edit
from transpile.references import References
from transpile.scopes import blocks
from transpile.statements import import_before

_DEFINES = re.compile(r"(class|def|async def)\b|@")
_OURS = re.compile(r"^[ \t]*# (K2T|T2K)\d{3}: ", re.MULTILINE)

# Edits that take whole statements away


def tidied(references: References, edits: list[Edit]) -> list[Edit]:
    """The edits; where one deletes statements, their lines go as a whole."""
    deletions = [e for e in edits if not e.text.strip() and e.end > e.start]
    gone: set[ast.stmt] = set()
    kept = [e for e in edits if e not in deletions]
    wide: list[Edit] = []
    for edit in deletions:
        inside = _statements_in(references, edit)
        gone |= set(inside)
        (wide if inside else kept).append(edit)
    removals = removed(references, gone)
    merged = _merged(references, [*removals, *(_whole_lines(references, e) for e in wide)])
    # What is inserted at the end of a removal stands before the statement that follows.
    inner = {e for e in kept if any(r.start <= e.start < r.end and e.end <= r.end for r in merged)}
    kept = [e for e in kept if e not in inner]
    return [*kept, *merged, *_spaced(references, kept)]


def _statements_in(references: References, edit: Edit) -> list[ast.stmt]:
    """The outermost statements that lie in an edit as a whole."""
    found: list[ast.stmt] = []
    todo: list[ast.stmt] = list(references.tree.body)
    while todo:
        statement = todo.pop()
        start, end = references.start(statement), references.end(statement)
        if edit.start <= start and end <= edit.end:
            found.append(statement)
        elif start < edit.end and edit.start < end:
            todo += [s for block in blocks(statement) for s in block]
    return found


def _whole_lines(references: References, edit: Edit) -> Edit:
    """A deletion together with the white space around it on its lines."""
    data = references.data
    end = edit.end
    start = references.line_start(edit.start)
    start = edit.start if data[start : edit.start].strip() else start
    return Edit(start, end, "")


def _merged(references: References, edits: list[Edit]) -> list[Edit]:
    """Edits that overlap as one; its text is that of the removal among them."""
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        last = result[-1] if result else None
        if last is None or edit.start >= last.end:
            result.append(edit)
            continue
        text = last.text or edit.text
        if text == "pass" and edit.text == "pass":
            first = references.data[last.start : edit.end]
            indent = len(first) - len(first.lstrip(b" \t"))
            text = first[:indent].decode() + "pass"
        result[-1] = Edit(last.start, max(last.end, edit.end), text)
    return result


def _spaced(references: References, edits: list[Edit]) -> list[Edit]:
    """Marks for the two empty lines around functions and classes that edits bring."""
    marks = []
    for edit in edits:
        if edit.start != references.line_start(edit.start) or not _DEFINES.match(edit.text):
            continue
        before = _comment_start(references, edit.start)
        marks.append(Edit(before, before, exactly(2)))
        after = references.line_end(edit.end - 1)
        body = ast.parse(edit.text).body
        if isinstance(body[-1], ast.ClassDef | ast.FunctionDef) and not any(e.start < after < e.end for e in edits):
            marks.append(Edit(after, after, at_least(2)))
    return [m for m in marks if not any(e.start < m.start < e.end for e in edits)]


# Definitions


def definitions(references: References, definitions: Mapping[str, tuple[int, str]], edits: list[Edit]) -> list[Edit]:
    """Insertions of the functions, classes and variables that the edits need."""
    anchor = _first_framework_import(references)
    places: dict[int, list[str]] = {}
    for offset, text in definitions.values():
        statement = references.top_level(max(offset, anchor))
        at = references.start(statement) if statement else len(references.data)
        place = _comment_start if _DEFINES.match(text) else _behind_imports
        at = place(references, at)
        places.setdefault(_outside(references, at, edits), []).append(text.strip("\n"))
    result = []
    for at, texts in places.items():
        plain = [t for t in texts if not _DEFINES.match(t)]
        parts = [t for t in texts if _DEFINES.match(t)]
        text = "".join(f"{exactly(1)}{t}\n" for t in plain) + (at_least(1) if plain else "")
        text += "".join(f"{exactly(2)}{t}\n" for t in parts) + (exactly(2) if parts else "")
        newline = at > 0 and not references.data[:at].endswith(b"\n")
        result.append(Edit(at, at, ("\n" if newline else "") + text))
    return result


def _first_framework_import(references: References) -> int:
    """The byte behind the first top-level statement that imports Keras."""
    imports = [b for b in references.bindings if references.is_framework(b.path) and b.kind != "assign"]
    for statement in references.tree.body:
        if any(_within(references, b.statement, statement) for b in imports):
            return references.end(statement)
    return 0


def _within(references: References, inner: ast.stmt, outer: ast.stmt) -> bool:
    hidden = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return inner is outer or (outer in references.around(inner) and not isinstance(outer, hidden))


def _behind_imports(references: References, offset: int) -> int:
    """Right behind the last top-level import before a statement; else before the statement."""
    found = import_before(references, offset)
    if found is None:
        return _comment_start(references, offset)
    return references.line_end(references.end(found) - 1)


def _comment_start(references: References, offset: int) -> int:
    """Where the comment lines directly above a line begin."""
    start = references.line_start(offset)
    while start:
        above = references.line_start(start - 1)
        line = references.data[above:start].strip()
        first = line.startswith(b"#!") or (above == 0 and b"coding" in line)
        if not line.startswith(b"#") or first:
            break
        start = above
    return start


def _outside(references: References, offset: int, edits: list[Edit]) -> int:
    """The offset, or the start of the line of the edit that it lies in."""
    moved = True
    while moved:
        moved = False
        for edit in edits:
            if edit.start < offset < edit.end:
                offset, moved = references.line_start(edit.start), True
    return offset


# Comments above what was left


def comments(references: References, diagnostics: list[Diagnostic], edits: list[Edit]) -> list[Edit]:
    """`# K2T104: message` above the statement of each diagnostic, once per statement and code."""
    if _OURS.search(references.text):
        return []  # the output of an earlier conversion
    made: dict[tuple[int, str], str] = {}
    for diagnostic in sorted(diagnostics, key=lambda d: (d.span.start, d.code)):
        span = diagnostic.span
        whole = span.start >= span.end or (span.start == 0 and span.end >= len(references.data))
        statement = None if whole else references.statement_at(span.start)
        if diagnostic.level == "note" or statement is None:
            continue
        at = _outside(references, _line_of(references, statement), edits)
        code = diagnostic.code
        if (at, code) in made:
            continue
        message = " ".join(diagnostic.message.split())
        made[at, code] = f"{_indent(references, at, edits)}# {code}: {message}\n"
    places: dict[int, str] = {}
    for (at, _), text in made.items():
        places[at] = places.get(at, "") + text
    return [Edit(at, at, text) for at, text in places.items()]


def _indent(references: References, at: int, edits: list[Edit]) -> str:
    """The white space that a line begins with, after the edits that put it deeper or less deep."""
    found = re.match(rb"[ \t]*", references.data[at:])
    assert found is not None
    text, end = found[0].decode(), at + len(found[0])
    for edit in edits:
        if at <= edit.start and edit.end <= end:
            deeper = len(edit.text) if edit.text.isspace() and "\n" not in edit.text else 0
            less = edit.end - edit.start if not edit.text else 0
            text = (text + " " * deeper)[less:]
    return text


def _line_of(references: References, statement: ast.stmt) -> int:
    """The start of the line on which a statement begins, or what it shares that line with."""
    node: ast.AST = statement
    while True:
        start = references.start(node)
        line = references.line_start(start)
        if not references.data[line:start].strip():
            return line
        parent = references.parents[node]
        block = next((b for b in blocks(parent) if node in b), [node])
        first = block[0]
        if isinstance(parent, ast.ExceptHandler | ast.match_case):
            parent = references.parents[parent]
        before = [s for s in block[: block.index(node)] if references.end(s) > line]  # type: ignore[arg-type]
        node = before[0] if before else parent if first is node else first
        if isinstance(node, ast.Module):
            return line
