"""Files indented with tabs: converted as if with spaces, and given their tabs back."""

from __future__ import annotations

import io
import tokenize
from dataclasses import replace

from transpile.ir import Span
from transpile.result import Result
from transpile.syntax import check_syntax

UNIT = " " * 4


class Indentation:
    """The white space at the beginning of a file's lines.

    `expanded` is the text with four spaces for every tab that begins a line (outside of strings).
    Raises UnusableInput if the text has tabs and is not Python 3.
    """

    def __init__(self, text: str) -> None:
        self.text = self.expanded = text
        if "\t" not in text:
            return
        check_syntax(text)
        self._lines = text.split("\n")
        inside = _inside_strings(text)
        self._wide = [line if i in inside else _expanded(line) for i, line in enumerate(self._lines)]
        self.expanded = "\n".join(self._wide)

    def restore(self, result: Result) -> Result:
        """The result of converting `expanded`, in terms of the text itself.

        New lines are indented with tabs if every block of the file is.
        """
        if self.expanded == self.text:
            return result
        found = tuple(replace(d, span=self._span(d.span)) for d in result.diagnostics)
        return replace(result, code=self._code(result.code), diagnostics=found, source=self.text)

    def _code(self, code: str) -> str:
        if code == self.expanded:
            return self.text
        if not _only_tabs(self.text):
            return code
        own = dict(zip(self._wide, self._lines, strict=True))
        inside = _inside_strings(code)
        lines = code.split("\n")
        return "\n".join(line if i in inside else own.get(line, _tabbed(line)) for i, line in enumerate(lines))

    def _span(self, span: Span) -> Span:
        added = [len(wide) - len(line) for wide, line in zip(self._wide, self._lines, strict=True)]
        row = span.line - 1
        last = self.expanded.encode()[: span.end].count(b"\n")
        return Span(
            span.start - sum(added[: row + 1]),
            span.end - sum(added[: last + 1]),
            span.line,
            max(1, span.column - added[row]),
        )


def _inside_strings(text: str) -> set[int]:
    """The lines (from 0) that begin inside of a string."""
    found: set[int] = set()
    opened: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            opened.append(token.start[0])
        elif name in ("STRING", "FSTRING_END"):
            first = opened.pop() if name == "FSTRING_END" else token.start[0]
            found.update(range(first, token.end[0]))
    return found


def _only_tabs(text: str) -> bool:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return all(not token.string.strip("\t") for token in tokens if token.type == tokenize.INDENT)


def _expanded(line: str) -> str:
    body = line.lstrip(" \t")
    return line[: len(line) - len(body)].replace("\t", UNIT) + body


def _tabbed(line: str) -> str:
    body = line.lstrip(" ")
    width = len(line) - len(body)
    return "\t" * (width // len(UNIT)) + " " * (width % len(UNIT)) + body
