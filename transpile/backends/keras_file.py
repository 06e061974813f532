"""The last step to Keras: what is left of PyTorch, comments, imports, definitions; then the text."""

from __future__ import annotations

import ast

from transpile.backends.blank_lines import settle
from transpile.backends.file_parts import comments, definitions, tidied
from transpile.backends.torch_imports import write_imports
from transpile.ir import Span
from transpile.references import TORCH_ROOTS, Reference, References
from transpile.splice import Output, apply


def finish(references: References, output: Output) -> str:
    """The converted text. What remains of PyTorch gets a diagnostic and a comment above it."""
    _report_left(references, output)
    changes = tidied(references, output.edits)
    if not changes:
        return apply(references.text, comments(references, output.diagnostics, []))
    pieces = [*definitions(references, output.definitions, changes), *changes]
    text = apply(references.text, [*pieces, *comments(references, output.diagnostics, changes)])
    text = settle(write_imports(text, output.imports, roots=TORCH_ROOTS))
    ast.parse(text)
    return text


def _report_left(references: References, output: Output) -> None:
    """T2K100 for each name of PyTorch that no edit covers and no diagnostic names, once a statement."""
    covered = [*output.claimed, *(d.span for d in output.diagnostics if d.level == "error")]
    reported: set[ast.stmt] = set()
    for reference in references.references:
        statement = references.statement(reference.node)
        if statement in reported or _is_covered(reference, covered):
            continue
        reported.add(statement)
        span = references.span(reference.start, reference.end)
        output.report("T2K100", span, f"{reference.path} was left as it was")


def _is_covered(reference: Reference, spans: list[Span]) -> bool:
    return any(s.start <= reference.start and reference.end <= s.end for s in spans)
