"""Whether a variable of one place of a script is the same at another."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_objects import unpacked


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


def is_handed(kinds: Kinds, node: ast.expr) -> bool:
    """Whether a caller outside of the file hands an expression in: a parameter, or an attribute that keeps one."""
    if isinstance(node, ast.Attribute):
        owner = kinds.objects.owner(node.value)
        values = kinds.objects.assigned.get((id(owner), node.attr), []) if owner else []
        parts = [unpacked(value) for _, value, _ in values]
        return bool(parts) and all(isinstance(p, ast.Name) and is_handed(kinds, p) for p in parts)
    if not isinstance(node, ast.Name):
        return False
    function = kinds.function_of(node)
    while isinstance(function, FUNCTION) and (id(function), node.id) not in kinds.assigned:
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        if node.id in names:
            return not kinds.calls_of(function)
        function = kinds.function_of(function)
    return False


def assigned_values(kinds: Kinds, node: ast.expr) -> list[ast.AST]:
    """All that is assigned to a variable of this function, or to an attribute of the object whose method this is."""
    entries = []
    if isinstance(node, ast.Name):
        entries = kinds.assigned.get((id(kinds.function_of(node)), node.id), [])
    elif isinstance(node, ast.Attribute) and (owner := kinds.objects.owner(node.value)) is not None:
        entries = kinds.objects.assigned.get((id(owner), node.attr), [])
    return [value for _, value, _ in entries]
