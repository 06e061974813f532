"""The last step to Keras: what is left of PyTorch, comments, imports, definitions; then the text."""

from __future__ import annotations

import ast

from transpile.backends.blank_lines import settle
from transpile.backends.file_parts import comments, definitions, tidied
from transpile.backends.keras_expressions import UNPARSED
from transpile.backends.torch_imports import named_in, plain_imports, write_imports
from transpile.ir import Span
from transpile.references import NEUTRAL, TORCH_ROOTS, Reference, References
from transpile.splice import Output, Overlap, apply


def finish(references: References, output: Output) -> str:
    """The converted text. What remains of PyTorch gets a diagnostic and a comment above it."""
    _report_left(references, output)
    try:
        return _finished(references, output)
    except (SyntaxError, Overlap):
        _undo_unparsed(references, output)
    try:
        return _finished(references, output)
    except (SyntaxError, Overlap):
        output.edits.clear()
        first = references.tree.body[0]
        span = references.span(references.start(first), references.end(first))
        output.report("T2K156", span, f"the whole file was left: {UNPARSED}")
        return apply(references.text, comments(references, output.diagnostics, []))


def _finished(references: References, output: Output) -> str:
    """The converted text. Raises SyntaxError if it is no Python."""
    changes = tidied(references, output.edits)
    if not changes:
        return apply(references.text, comments(references, output.diagnostics, []))
    pieces = [*definitions(references, output.definitions, changes), *changes]
    text = apply(references.text, pieces)
    ast.parse(text)  # before the imports are written, which read it
    shifts = [p for p in pieces if p.start == p.end and p.text.isspace() and "\n" not in p.text]  # behind comments
    rest = [p for p in pieces if p not in shifts]
    text = apply(references.text, [*rest, *comments(references, output.diagnostics, changes), *shifts])
    imports = named_in(text, output.imports)
    text = settle(write_imports(text, imports, freed=plain_imports(references), roots=TORCH_ROOTS))
    ast.parse(text)
    return text


def _undo_unparsed(references: References, output: Output) -> None:
    """Leaves the statements of the module whose new text does not parse, with a code."""
    for statement in references.tree.body:
        start, end = references.start(statement), references.end(statement)
        inside = [e for e in output.edits if start <= e.start and e.end <= end]
        try:
            ast.parse(apply(references.text, tidied(references, inside)))
        except (SyntaxError, Overlap):
            output.edits = [e for e in output.edits if e not in inside]
            output.report("T2K156", references.span(start, end), f"this was left: {UNPARSED}")


def _report_left(references: References, output: Output) -> None:
    """T2K100 for each name of PyTorch that no edit covers and no diagnostic names, once a statement."""
    covered = [*output.claimed, *(d.span for d in output.diagnostics if d.level == "error")]
    reported: set[ast.stmt] = set()
    for reference in references.references:
        statement = references.statement(reference.node)
        if statement in reported or _is_covered(reference, covered) or NEUTRAL.match(reference.path):
            continue
        if _is_spent(references, statement, covered):
            continue
        reported.add(statement)
        span = references.span(reference.start, reference.end)
        output.report("T2K100", span, f"{reference.path} was left as it was")


def _is_spent(references: References, statement: ast.stmt, covered: list[Span]) -> bool:
    """Whether a statement gives a name of PyTorch another name whose uses are all converted: it goes."""
    aliases = [b for b in references.bindings if b.kind == "assign" and b.statement is statement]
    if not aliases:
        return False
    uses = [r for r in references.references if r.binding is aliases[0]]
    read = [n for n, _ in references.reads if n.id == aliases[0].name]
    return bool(uses) and len(uses) == len(read) and all(_is_covered(r, covered) for r in uses)


def _is_covered(reference: Reference, spans: list[Span]) -> bool:
    return any(s.start <= reference.start and reference.end <= s.end for s in spans)
