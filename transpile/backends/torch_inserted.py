"""Utilities of Keras in the user's expressions that other back ends carried into their text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from transpile.backends.torch_imports import provided_by
from transpile.backends.torch_utilities import convert_inserted
from transpile.interpret.interpreter import Interpreter
from transpile.ir import Edit
from transpile.passes.leftovers import code_of, reason_of
from transpile.references import Reference, References
from transpile.splice import Output, apply


def rewrite_inserted(source: References, interpreter: Interpreter, output: Output, edits: Sequence[Edit]) -> list[Edit]:
    """The edits, with the utilities in their texts converted; what remains is reported."""
    ordered = sorted(edits, key=lambda e: (e.start, e.end))
    starts = _starts(ordered)
    text = apply(source.text, ordered)
    provided = {*provided_by(output.imports), *output.definitions}
    references = References(text, source.exports, provided)
    inside: dict[int, list[Reference]] = defaultdict(list)
    for reference in references.references:
        for i, (edit, start) in enumerate(zip(ordered, starts, strict=True)):
            if start <= reference.start and reference.end <= start + len(edit.text.encode()):
                inside[i].append(reference)
    if not inside:
        return list(edits)
    written = Output(imports=output.imports, definitions=output.definitions)
    written.edits.append(Edit(0, 0, ""))
    found = [r for part in inside.values() for r in part]
    left = convert_inserted(references, interpreter, written, found, _place(ordered, starts))
    for i, part in inside.items():
        _report(source, output, ordered[i], [r for r in part if r in left])
    return [
        Edit(edit.start, edit.end, _within(edit, start, written.edits))
        for edit, start in zip(ordered, starts, strict=True)
    ]


def _starts(edits: Sequence[Edit]) -> list[int]:
    """Where the text of each edit begins once all are made."""
    starts, shift = [], 0
    for edit in edits:
        starts.append(edit.start + shift)
        shift += len(edit.text.encode()) - (edit.end - edit.start)
    return starts


def _place(edits: Sequence[Edit], starts: Sequence[int]) -> Callable[[int], int]:
    def place(offset: int) -> int:
        shift = 0
        for edit, start in zip(edits, starts, strict=True):
            size = len(edit.text.encode())
            if offset < start:
                break
            if offset < start + size:
                return edit.start
            shift += size - (edit.end - edit.start)
        return offset - shift

    return place


def _within(edit: Edit, start: int, changes: Sequence[Edit]) -> str:
    size = len(edit.text.encode())
    own = [
        Edit(c.start - start, c.end - start, c.text)
        for c in changes
        if start <= c.start and c.end <= start + size and c.end > c.start
    ]
    return apply(edit.text, own)


def _report(source: References, output: Output, edit: Edit, left: list[Reference]) -> None:
    span = source.span(edit.start, max(edit.end, edit.start + 1))
    known = {d.code for d in output.diagnostics if span.start <= d.span.start < span.end}
    for reference in left:
        code = code_of(reference.path)
        if code not in known:
            known.add(code)
            output.report(code, span, f"{reference.path} was left: {reason_of(code)}")
