"""Whose weights an optimizer changes."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_objects import unpacked


def parameters_of(kinds: Kinds, optimizer: ast.expr) -> ast.expr | None:
    """The first argument of the call that made an optimizer; None where it is not known."""
    made = kinds.of(optimizer).node
    if not isinstance(made, ast.Call):
        return None
    if made.args:
        return made.args[0]
    return next((k.value for k in made.keywords if k.arg == "params"), None)


def models_in(kinds: Kinds, parameters: ast.expr) -> list[ast.expr]:
    """The models whose `parameters()` an expression mentions, in order."""
    found = []
    for node in ast.walk(parameters):
        match node:
            case ast.Call(func=ast.Attribute(value=model, attr="parameters" | "named_parameters")):
                found.append((kinds.references.start(node), model))
    return [m for _, m in sorted(found, key=lambda f: f[0])]


def owned_models(kinds: Kinds, optimizer: ast.expr) -> list[str]:
    """The models of an optimizer by the names that they have where it steps; [] if unknown."""
    parameters = parameters_of(kinds, optimizer)
    if parameters is None:
        return []
    if isinstance(parameters, ast.Name):
        entries = kinds.assigned.get((id(kinds.function_of(parameters)), parameters.id), [])
        parameters = entries[-1][1] if entries and isinstance(entries[-1][1], ast.expr) else parameters
    there = [kinds.code(m) for m in models_in(kinds, parameters)] or tensors_in(kinds, parameters)
    return names_here(kinds, optimizer, there)


def tensors_in(kinds: Kinds, parameters: ast.expr) -> list[str]:
    """The tensors by name of a list that an optimizer gets."""
    parts = parameters.elts if isinstance(parameters, ast.List | ast.Tuple) else []
    return [p.id for p in parts if isinstance(p, ast.Name) and kinds.of(p).name in ("tensor", "unknown")]


def names_here(kinds: Kinds, optimizer: ast.expr, there: list[str]) -> list[str]:
    """Names of the place where an optimizer was made, as its function calls them."""
    function = kinds.function_of(optimizer)
    made = kinds.of(optimizer).node
    if not isinstance(function, FUNCTION) or made is None or kinds.function_of(made) is function:
        return there
    return [inside(kinds, function, name) for name in there]


def inside(kinds: Kinds, function: FUNCTION, name: str) -> str:
    """What a function calls a variable of its caller's."""
    found = _handed(kinds, function, name) or _kept(kinds, function, name)
    if not found and "." in name:  # a part of what is handed
        whole, _, part = name.rpartition(".")
        return f"{inside(kinds, function, whole)}.{part}"
    return found or name


def _handed(kinds: Kinds, function: FUNCTION, name: str) -> str:
    """The parameter that gets a variable of the caller's; "" if none does."""
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    for call in kinds.calls_of(function):
        for parameter in parameters:
            given = argument(call, function, parameter)
            if given is not None and kinds.code(given) == name:
                return parameter
    return ""


def _kept(kinds: Kinds, function: FUNCTION, name: str) -> str:
    """The attribute in which the object of a method keeps a variable of its constructor or of its maker."""
    owner = kinds.objects.owners.get(id(function))
    made = kinds.objects.method(owner, "__init__")
    if made is None:
        return ""
    return kinds.objects.holding(made, name) or kinds.objects.holding(made, _handed(kinds, made, name))


def given_from_outside(kinds: Kinds, method: FUNCTION, attribute: str) -> str:
    """What the maker of an object calls what it keeps as `self.model`; "" where that is not known."""
    owner = kinds.objects.owners.get(id(method))
    made = kinds.objects.method(owner, "__init__")
    calls = kinds.calls_of(made) if made else []
    values = [unpacked(v) for _, v, _ in kinds.objects.assigned.get((id(owner), attribute.removeprefix("self.")), [])]
    names = [v.id for v in values if isinstance(v, ast.Name)]
    if made is None or len(calls) != 1 or len(names) != 1:
        return ""
    given = argument(calls[0], made, names[0])
    return kinds.code(given) if given is not None else ""
