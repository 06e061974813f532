"""Replaces spans of the user's text; whatever is not replaced cannot change."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from transpile.diagnostics import Diagnostic
from transpile.ir import Edit, Span

DEVICE = 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")'


@dataclass
class Output:
    """What the back ends collect for one file.

    `imports` are statements such as "from torch import nn". `definitions` are functions and
    classes that must stand before the top-level statement at a byte offset: name -> (offset,
    text); a helper that several places need is written once, before the first of them.
    `claimed` are spans of the source that a back end has dealt with.
    """

    edits: list[Edit] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    definitions: dict[str, tuple[int, str]] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    claimed: list[Span] = field(default_factory=list)

    def edit(self, span: Span, text: str) -> None:
        """Replaces a span of the source and claims it."""
        self.edits.append(Edit(span.start, span.end, text))
        self.claimed.append(span)

    def define(self, name: str, offset: int, text: str) -> None:
        """A definition that must stand before `offset`; the earliest caller decides."""
        earlier = self.definitions.get(name)
        at = min(offset, earlier[0]) if earlier else offset
        self.definitions[name] = (at, text)

    def device(self, offset: int) -> None:
        """The device that models and batches are moved to; stands right behind the imports."""
        self.imports.add("import torch")
        self.define("device", offset, DEVICE)

    def report(self, code: str, span: Span, message: str, hint: str = "") -> None:
        """Adds a diagnostic, once."""
        found = Diagnostic(code, span, message, hint)
        if found not in self.diagnostics:
            self.diagnostics.append(found)


class Overlap(Exception):
    """Two edits want the same bytes: an error of ours."""


def apply(source: str, edits: Iterable[Edit]) -> str:
    """The source with the edits made. Without edits it is the identity.

    Raises Overlap if two edits touch.
    """
    data = source.encode()
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda e: (e.start, e.end)):
        if edit.start < position:
            raise Overlap(f"bytes {edit.start}-{edit.end} are edited twice")
        pieces += [data[position : edit.start], edit.text.encode()]
        position = edit.end
    return b"".join([*pieces, data[position:]]).decode()


def fragment(text: str, indent: int = 0) -> str:
    """A piece of code as black writes it, indented; its first line is not (the source has it)."""
    import black

    mode = black.Mode(line_length=88 - indent, magic_trailing_comma=False)
    body = black.format_str(text, mode=mode).rstrip("\n")
    return textwrap.indent(body, " " * indent).lstrip(" ")
