"""Removes statements, inserts blocks, and leaves the blank lines as a person would.

Where lines go or come, a mark is left: a comment that no file contains. When all is in place,
`settle` replaces the run of blank lines around each mark. Lines without a mark beside them stay
as they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from itertools import pairwise

from transpile.ir import Edit
from transpile.references import References
from transpile.scopes import blocks
from transpile.statements import widened

_PREFIX = "#\ue000"
REMOVED = f"{_PREFIX}r\n"  # lines went away: the larger of the gaps on both sides remains
_REMOVED_DEFINITION = f"{_PREFIX}d\n"  # a function or class, whose two empty lines go with it
_DEFINITION = re.compile(r"[ \t]*(@|class\b|def\b|async def\b)")
_MARK = re.compile(rf"^{_PREFIX}([rd=>])(\d*)$")


def exactly(count: int) -> str:
    """A mark: that many blank lines here."""
    return f"{_PREFIX}={count}\n"


def at_least(count: int) -> str:
    """A mark: that many blank lines here, or as many as there are."""
    return f"{_PREFIX}>{count}\n"


def settle(text: str) -> str:
    """The text without marks."""
    if _PREFIX not in text:
        return text
    lines = text.split("\n")
    result: list[str] = []
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and _is_gap(lines[end]):
            end += 1
        run = lines[at:end]
        if not any(_MARK.match(line) for line in run):
            result += run
        else:
            last = end == len(lines)
            before = result[-1] if result else None
            following = None if last else lines[end]
            result += [*_gap(run, before, following), *([""] if last else [])]
        if end < len(lines):
            result.append(lines[end])
        at = end + 1
    return "\n".join(result)


def _is_gap(line: str) -> bool:
    return not line.strip(" \t\f") or line.startswith(_PREFIX)


def _gap(run: list[str], before: str | None, following: str | None) -> list[str]:
    """The blank lines that replace a run of blank lines and marks."""
    if before is None or following is None:
        return []
    groups: list[list[str]] = [[]]
    counts, kinds = [], set()
    for line in run:
        mark = _MARK.match(line)
        if mark is None:
            groups[-1].append(line)
            continue
        groups.append([])
        kinds.add(mark[1])
        if mark[2]:
            counts.append(int(mark[2]))
    largest = max(groups, key=len)
    if counts:
        count = max(counts)
        return largest if ">" in kinds and len(largest) > count else [""] * count
    if before.rstrip().endswith(":") and not before.lstrip().startswith("#"):
        return []  # the first line of a block
    plain = not before.startswith((" ", "\t")) and not _DEFINITION.match(following)
    return largest[:1] if "d" in kinds and plain else largest


def removed(
    references: References,
    statements: Iterable[ast.stmt],
    harmless: Callable[[ast.Call], bool] = lambda call: False,
) -> list[Edit]:
    """Edits that remove statements whole, with what follows them on their line.

    Blocks that become empty go as well, where nothing in their headers has an effect
    (`harmless` tells it of calls); otherwise they keep a `pass`.
    """
    gone = widened(references, set(statements), harmless)
    outermost = [s for s in gone if not any(a in gone for a in references.around(s))]
    touched = {id(b): (b, p) for s in outermost for b, p in [_block_of(references, s)]}
    edits: list[Edit] = []
    for block, parent in touched.values():
        for run in _runs(references, block):
            if any(s in gone for s in run):
                edits += _removals(references, run, block, gone, parent)
    return sorted(edits, key=lambda e: e.start)


def _runs(references: References, block: list[ast.stmt]) -> list[list[ast.stmt]]:
    """The statements of a block, those on one line together."""
    runs: list[list[ast.stmt]] = []
    for statement in block:
        end = references.line_end(references.end(runs[-1][-1]) - 1) if runs else 0
        if runs and references.start(statement) < end:
            runs[-1].append(statement)
        else:
            runs.append([statement])
    return runs


def _removals(
    references: References,
    run: list[ast.stmt],
    block: list[ast.stmt],
    gone: set[ast.stmt],
    parent: ast.AST,
) -> list[Edit]:
    """Edits for the statements of one line (or one statement of several lines)."""
    start, end = references.start(run[0]), references.end(run[-1])
    kept = [i for i, s in enumerate(run) if s not in gone]
    if kept:
        pairs = list(pairwise(run))[: kept[-1]]
        edits = [Edit(references.start(s), references.start(following), "") for s, following in pairs if s in gone]
        if kept[-1] + 1 < len(run):
            edits.append(Edit(references.end(run[kept[-1]]), end, ""))
        return edits
    first_line = references.line_start(start)
    behind_colon = bool(references.data[first_line:start].strip())
    emptied = not isinstance(parent, ast.Module) and all(s in gone for s in block)
    if behind_colon or (emptied and run[0] is block[0]):
        return [Edit(start, end, "pass")]
    definition = isinstance(run[0], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    mark = _REMOVED_DEFINITION if definition else REMOVED
    return [Edit(first_line, references.line_end(end - 1), mark)]


def _block_of(references: References, statement: ast.stmt) -> tuple[list[ast.stmt], ast.AST]:
    """The block that a statement stands in, and what the block belongs to."""
    parent = references.parents[statement]
    return next(b for b in blocks(parent) if statement in b), parent
