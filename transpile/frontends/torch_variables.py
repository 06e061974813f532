"""Whether a variable of one place of a script is the same at another."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds


def is_local(kinds: Kinds, function: ast.AST, name: str) -> bool:
    """Whether a function has a variable of its own of this name."""
    parameters = isinstance(function, FUNCTION) and name in [
        a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    ]
    return parameters or (id(function), name) in kinds.assigned


def is_constant(kinds: Kinds, name: ast.Name) -> bool:
    """Whether a variable of this function keeps its value from here on."""
    entries = kinds.assigned.get((id(kinds.function_of(name)), name.id), [])
    return all(end <= kinds.references.start(name) for end, _, _ in entries)
