"""Changes to kept code: expressions replaced, statements rewritten or removed, blocks indented.

Everything is written down first; `edits` turns it into edits of the text, when it is known how
deep each line stands in the end.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import defaultdict

from transpile.backends.blank_lines import exactly, removed
from transpile.ir import Edit
from transpile.references import References
from transpile.splice import fragment

UNIT = "    "


class EditPlan:
    """The changes of one file."""

    def __init__(self, references: References) -> None:
        self.references = references
        self.removed: set[ast.stmt] = set()
        self._replaced: dict[tuple[int, int], str] = {}
        self.unwrapped: set[ast.stmt] = set()  # blocks without their headers
        self._rewritten: dict[ast.stmt, list[str]] = {}
        self._before: dict[int, list[tuple[int, str]]] = defaultdict(list)  # line -> (its own indent, text)
        self._behind: dict[ast.stmt, list[str]] = defaultdict(list)
        self._depth: dict[int, int] = defaultdict(int)  # line -> columns to the right
        self._dropped_lines: set[int] = set()
        self._marks: list[Edit] = []
        self.laid_out: set[ast.stmt] = set()
        self._strings = self._inside_strings()

    def _inside_strings(self) -> set[int]:
        lines: set[int] = set()
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.Constant | ast.JoinedStr) and isinstance(getattr(node, "value", ""), str | bytes):
                lines |= set(range(node.lineno + 1, (node.end_lineno or node.lineno) + 1))
        return lines

    # What to do

    def replace(self, start: int, end: int, text: str) -> None:
        """Another text for a piece of a line."""
        self._replaced[start, end] = text

    def rewrite(self, statement: ast.stmt, *lines: str) -> None:
        """Other statements in the place of one."""
        self._rewritten[statement] = list(lines)

    def lay_out(self, statement: ast.stmt, text: str) -> None:
        """The same statement with other expressions, laid out anew."""
        self.rewrite(statement, text)
        self.laid_out.add(statement)

    def texts(self) -> list[str]:
        """Every new text."""
        lines = [t for lines in (*self._rewritten.values(), *self._behind.values()) for t in lines]
        return [*self._replaced.values(), *lines]

    def remove(self, statement: ast.stmt) -> None:
        self.removed.add(statement)

    def is_gone(self, statement: ast.stmt) -> bool:
        """Whether a statement was removed or rewritten, or one around it."""
        chain = [statement, *(a for a in self.references.around(statement) if isinstance(a, ast.stmt))]
        return any(s in self.removed or s in self._rewritten for s in chain)

    def drop_comments_above(self, statement: ast.stmt) -> None:
        """Removes the comment lines right above a statement that is about what went away."""
        line = statement.lineno - 1
        while line > 0 and self._own_comment(line):
            self._dropped_lines.add(line)
            line -= 1

    def insert_before(self, statement: ast.stmt, *lines: str) -> None:
        """Statements of ours before one of the user's."""
        self._before[self._first_line(statement)] += [(statement.col_offset, text) for text in lines]

    def is_removed(self, node: ast.AST) -> bool:
        """Whether the statement of a node, or one around it, went away."""
        statement = self.references.statement(node)
        return any(s in self.removed for s in (statement, *self.references.around(statement)))

    def insert_at_start(self, loop: ast.For, text: str) -> None:
        """A statement of ours as the first of a loop, before the comments of the user's first one."""
        first = loop.body[0]
        line = self._first_line(first)
        while line - 1 > loop.iter.end_lineno and (self._own_comment(line - 1) or self._is_blank(line - 1)):  # type: ignore[operator]
            line -= 1
        self._before[line].append((first.col_offset, text))

    def _is_blank(self, line: int) -> bool:
        start = self.references.offset(line, 0)
        return not self.references.data[start : self.references.line_end(start)].strip()

    def insert_behind(self, statement: ast.stmt, *lines: str) -> None:
        """Statements of ours behind one of the user's."""
        self._behind[statement] += lines

    def set_apart(self, statement: ast.stmt) -> None:
        """Blank lines around what a statement was rewritten to, as around a function."""
        count = 1 if statement.col_offset else 2
        start = self.references.line_start(self.references.start(statement))
        end = self.references.line_end(self.references.end(statement) - 1)
        self._marks += [Edit(start, start, exactly(count)), Edit(end, end, exactly(count))]

    def wrap(self, first: ast.stmt, last: ast.stmt, header: str) -> None:
        """Puts a run of statements under a header."""
        self._before[self._first_line(first)].append((first.col_offset, header))
        for line in range(self._first_line(first), (last.end_lineno or last.lineno) + 1):
            self._depth[line] += len(UNIT)

    def unwrap(self, statement: ast.With | ast.For) -> None:
        """Takes the header of a block away; the block stays."""
        self.unwrapped.add(statement)
        first = statement.body[0]
        for line in range(statement.lineno, first.lineno):
            if line < first.lineno and not self._own_comment(line):
                self._dropped_lines.add(line)
        columns = first.col_offset - statement.col_offset
        for line in range(statement.lineno + 1, (statement.end_lineno or first.lineno) + 1):
            self._depth[line] -= columns

    def _own_comment(self, line: int) -> bool:
        start = self.references.offset(line, 0)
        return self.references.data[start : self.references.line_end(start)].strip().startswith(b"#")

    def _first_line(self, statement: ast.stmt) -> int:
        decorators = getattr(statement, "decorator_list", None)
        lines: list[int] = [d.lineno for d in decorators or ()]
        return min([statement.lineno, *lines])

    # The edits

    def edits(self) -> list[Edit]:
        """All changes as edits of the text."""
        gone = removed(self.references, self.removed) if self.removed else []
        found = [*gone]
        pieces = [e for e in self._pieces() if not _inside(e, gone)]
        found += pieces
        found += [e for e in self._lines() if not _inside(e, gone) and not any(_splits(p, e) for p in pieces)]
        found += self._marks
        return sorted(found, key=lambda e: (e.start, e.end))

    def undo_unparsed(self) -> list[ast.stmt]:
        """Takes back the statements whose new text is no Python, and says which."""
        found = [s for s, lines in self._rewritten.items() if not _parses([*lines, *self._behind.get(s, ())])]
        for statement in found:
            del self._rewritten[statement]
            self._behind.pop(statement, None)
        return found

    def spans(self) -> list[tuple[int, int]]:
        """What the changes cover, of the original text."""
        found = [*self._replaced]
        found += [(self.references.start(s), self.references.end(s)) for s in (*self._rewritten, *self.removed)]
        found += [(self.references.offset(n, 0), self.references.line_end(self.references.offset(n, 0)))
                  for n in self._dropped_lines]  # fmt: skip
        return found

    def keeps(self, start: int, end: int, name: str) -> bool:
        """Whether the text that comes in the place of a name still has it."""
        found = {(self.references.start(s), self.references.end(s)): "\n".join(t) for s, t in self._rewritten.items()}
        around = [(a - b, text) for (a, b), text in (self._replaced | found).items() if a <= start and end <= b]
        return bool(around) and bool(re.search(rf"(?<![\w.]){re.escape(name)}\b", min(around)[1]))

    def _pieces(self) -> list[Edit]:
        statements = []
        for statement, lines in self._rewritten.items():
            text = self._joined(statement, [*lines, *self._behind.get(statement, ())])
            statements.append(Edit(self.references.start(statement), self.references.end(statement), text))
        for statement, lines in self._behind.items():
            if statement not in self._rewritten:
                at = self.references.end(statement)
                text = self._joined(statement, ["", *lines])
                statements.append(Edit(at, at, text))
        pieces = [Edit(start, end, text) for (start, end), text in self._replaced.items()]
        return [*statements, *(p for p in pieces if not any(_covers(s, p) for s in statements))]

    def _joined(self, statement: ast.stmt, lines: list[str]) -> str:
        indent = max(0, statement.col_offset + self._depth[statement.lineno])
        laid_out = [_laid_out(t, indent) for t in lines]
        return f"\n{' ' * indent}".join(t.replace("\n", f"\n{' ' * indent}") for t in laid_out)

    def _lines(self) -> list[Edit]:
        found = []
        for line in sorted({*self._depth, *self._before, *self._dropped_lines}):
            start = self.references.offset(line, 0)
            end = self.references.line_end(start)
            text = "".join(self._header(line, i) for i in range(len(self._before.get(line, ()))))
            if line in self._dropped_lines:
                found.append(Edit(start, end, text))
                continue
            if text:
                found.append(Edit(start, start, text))
            content = self.references.data[start:end]
            shift = self._depth[line] if line not in self._strings and content.strip() else 0
            if shift < 0:
                found.append(Edit(start, start - shift, ""))
            elif shift:  # behind the white space: comments may be put at the start of the line
                at = start + len(content) - len(content.lstrip())
                found.append(Edit(at, at, " " * shift))
        return found

    def _header(self, line: int, index: int) -> str:
        """An inserted line; one that opens a block stands one step further left than its block."""
        own, text = self._before[line][index]
        later = sum(t.endswith(":") for _, t in self._before[line][index:])
        indent = " " * max(0, own + self._depth[line] - later * len(UNIT))
        return "".join(f"{indent}{part}\n" for part in text.split("\n"))


def _parses(lines: list[str]) -> bool:
    try:
        ast.parse("\n".join(lines))
    except SyntaxError:
        return False
    return True


def _laid_out(text: str, indent: int) -> str:
    """A statement as black writes it, where it is too long; its lines are not indented."""
    if not _is_wide(text, indent):
        return text
    return textwrap.dedent(" " * indent + fragment(text, indent))


def _is_wide(text: str, indent: int) -> bool:
    """Whether a statement does not fit on its lines (the head of a block is left alone)."""
    if text.endswith(":") or text.startswith(" "):
        return False
    return max(map(len, text.split("\n"))) + indent > 88


def _inside(edit: Edit, removals: list[Edit]) -> bool:
    return any(
        r.start <= edit.start < r.end
        and edit.end <= r.end
        and not (r.text == "pass" and edit.end == r.start)
        and not (edit.start == edit.end == r.start and edit.text.endswith("\n"))  # a line of ours before
        for r in removals
    )


def _splits(piece: Edit, shift: Edit) -> bool:
    """Whether a line begins inside of a piece that has a new text."""
    return piece.start < shift.end and shift.start < piece.end and piece.start < shift.start


def _covers(outer: Edit, inner: Edit) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and outer.start < outer.end
