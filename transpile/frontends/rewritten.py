"""Programs of which parts are written in another way before they are converted."""

from __future__ import annotations

from dataclasses import replace

from transpile.ir import Edit, Span
from transpile.result import Result
from transpile.source import Source
from transpile.splice import apply


class Rewritten:
    """A source, its edits, and the way back: `expanded` is what is converted, the source's own text without edits."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.expanded = source.text
        self.edits: list[Edit] = []

    def rewrite(self, edits: list[Edit]) -> None:
        """Takes these edits for those that lead to the text which is converted."""
        self.edits = edits
        self.expanded = apply(self.source.text, edits)

    def restore(self, result: Result) -> Result:
        """The result of converting `expanded`, with the places of the source."""
        if not self.edits:
            return result
        found = dict.fromkeys(replace(d, span=self._span(d.span)) for d in result.diagnostics)
        code = self.source.text if result.code == self.expanded else result.code
        return replace(result, code=code, diagnostics=tuple(found), source=self.source.text)

    def _span(self, span: Span) -> Span:
        start, end = self._place(span.start), self._place(span.end)
        return self.source.span_of(start, max(start, end))

    def _place(self, offset: int) -> int:
        """Where a byte of the expanded text comes from; what was added comes from where it stands."""
        added = 0
        for edit in sorted(self.edits, key=lambda e: e.start):
            new = len(edit.text.encode())
            if offset < edit.start + added:
                break
            if offset < edit.start + added + new:
                return edit.start
            added += new - (edit.end - edit.start)
        return offset - added
