"""For other back ends: one function or lambda of the user's in PyTorch's words."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.convert import Bodies
from transpile.backends.bodies.kinds import TENSOR, Kind
from transpile.interpret.interpreter import Interpreter
from transpile.references import References
from transpile.splice import Output, apply

__all__ = ["TENSOR", "Kind", "Refusal", "Translated", "translated"]


@dataclass(frozen=True)
class Translated:
    """A function: its text (a `def`'s with its decorators, without indentation of its first
    line), the files of templates/torch/helpers that it calls, and what it returns."""

    text: str
    helpers: tuple[str, ...]
    returned: Kind


def translated(interpreter: Interpreter, node: cst.FunctionDef | cst.Lambda, kinds: Sequence[Kind] = ()) -> Translated:
    """The function in PyTorch's words; `kinds` are those of its first parameters.

    Nothing is edited. A `def` that stays where it stands is edited by `convert_bodies`, at the
    end of the conversion: call this to learn whether that will succeed. Raises Refusal, which has
    a code and a message, and `span` for its place.
    """
    references = References(interpreter.source.text, interpreter.keras.exports)
    bodies = Bodies(references, Output())
    start = interpreter.source.span(node).start
    found = _at(references, start, node)
    bodies.prepare()
    names = [p.arg for p in (*found.args.posonlyargs, *found.args.args)]
    if names and names[0] in ("self", "cls"):
        names = names[1:]
    edits, returned = bodies.body.function(found, bodies.body.module, dict(zip(names, kinds)))
    begin = references.start(found)
    shifted = [type(e)(e.start - begin, e.end - begin, e.text) for e in dict.fromkeys(edits)]
    return Translated(apply(references.code(found), shifted), tuple(dict.fromkeys(bodies.body.helpers)), returned)


def _at(references: References, start: int, node: cst.FunctionDef | cst.Lambda) -> ast.FunctionDef | ast.Lambda:
    wanted = ast.Lambda if isinstance(node, cst.Lambda) else ast.FunctionDef
    for found in ast.walk(references.tree):
        if not isinstance(found, wanted):
            continue
        begin = references.start(found)
        if begin == start or (isinstance(found, ast.FunctionDef) and start in (begin, _definition(references, found))):
            return found
    raise LookupError("the function is not in the file")


def _definition(references: References, node: ast.FunctionDef) -> int:
    return references.offset(node.lineno, node.col_offset)
