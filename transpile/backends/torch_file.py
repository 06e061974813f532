"""The last step: what is left of Keras, comments, imports, definitions; then the text."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from transpile.backends.blank_lines import settle
from transpile.backends.bodies.classes import Classes
from transpile.backends.bodies.convert import NOTHING, convert_bodies
from transpile.backends.file_parts import comments, definitions, tidied
from transpile.backends.torch_aliases import avoid_names
from transpile.backends.torch_imports import plain_imports, write_imports
from transpile.backends.torch_inserted import rewrite_inserted
from transpile.backends.torch_utilities import convert_utilities
from transpile.interpret.interpreter import Interpreter
from transpile.ir import Span
from transpile.passes.leftovers import report_leftovers
from transpile.passes.unread import remove_unread
from transpile.references import References
from transpile.source import Source
from transpile.splice import Output, apply


def finish(
    source: Source,
    interpreter: Interpreter,
    output: Output,
    classes: Classes | None = None,
    converted: Mapping[int, bool] = NOTHING,
) -> str:
    """The converted text. What remains of Keras gets a diagnostic and a comment above it."""
    exports = interpreter.keras.exports
    references = References(source.text, exports)
    if not output.edits and not references.uses_keras:
        return source.text
    remove_unread(references, output)
    answered = convert_bodies(references, output, classes.kinds() if classes else {}, interpreter, converted)
    going = [*answered, *convert_utilities(references, interpreter, output)]
    report_leftovers(references, interpreter, output, [*going, *(classes.left() if classes else [])])
    changes = tidied(references, output.edits)
    if not changes and any(d.level == "error" for d in output.diagnostics):
        return apply(source.text, comments(references, output.diagnostics, []))
    defined = dict(output.definitions)
    pieces = [*definitions(references, defined, changes), *changes]
    pieces = rewrite_inserted(references, interpreter, output, pieces)
    new = {k: v for k, v in output.definitions.items() if k not in defined}
    pieces = [*definitions(references, new, changes), *pieces]
    pieces = avoid_names(references, output, pieces)
    text = apply(source.text, [*pieces, *comments(references, output.diagnostics, changes)])
    freed = plain_imports(references)
    text = settle(write_imports(text, output.imports, exports, freed, defined=output.definitions))
    ast.parse(text)
    return text


def regions(source: Source, output: Output) -> list[tuple[Span, str]]:
    """The file in pieces, "edit" and "verbatim"; in order they give the source back."""
    pieces: list[tuple[Span, str]] = []
    position = 0
    for edit in sorted(output.edits, key=lambda e: (e.start, e.end)):
        if edit.start > position:
            pieces.append((source.span_of(position, edit.start), "verbatim"))
        pieces.append((source.span_of(edit.start, edit.end), "edit"))
        position = max(position, edit.end)
    if position < len(source.data):
        pieces.append((source.span_of(position, len(source.data)), "verbatim"))
    return pieces


def concatenates(source: Source, output: Output) -> bool:
    """Whether the regions give the source back, byte for byte."""
    return b"".join(source.data[s.start : s.end] for s, _ in regions(source, output)) == source.data
