"""What training steps return carries a gradient: `loss.numpy()` elsewhere in the file has to let go of it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from transpile.ir import Edit
from transpile.references import References

Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


def detached(references: References, steps: Iterable[str]) -> list[Edit]:
    """The edits for `.numpy()` on results of the functions `steps`, and of those that hand them on."""
    scopes: list[Scope] = [n for n in ast.walk(references.tree) if isinstance(n, Scope)]
    known = set(steps)
    while True:
        held = {id(scope): _held(scope, known) for scope in scopes}
        more = {s.name for s in scopes if not isinstance(s, ast.Module) and _returns(s, held[id(s)])} - known
        if not more:
            break
        known |= more
    found = []
    for scope in scopes:
        for call in own_nodes(scope):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.args:
                continue
            value = call.func.value
            of_step = (isinstance(value, ast.Name) and value.id in held[id(scope)]) or _calls(value, known)
            if call.func.attr == "numpy" and of_step:
                end = references.end(value)
                found.append(Edit(end, references.end(call), ".detach().cpu().numpy()"))
    return found


def _held(scope: Scope, steps: set[str]) -> set[str]:
    """The names of a scope that hold what a step returned."""
    names: set[str] = set()
    for node in own_nodes(scope):
        if isinstance(node, ast.Assign) and _calls(node.value, steps):
            names |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return names


def _returns(function: ast.FunctionDef | ast.AsyncFunctionDef, held: set[str]) -> bool:
    returned = [n.value for n in own_nodes(function) if isinstance(n, ast.Return) and n.value is not None]
    parts = [p for value in returned for p in (value.elts if isinstance(value, ast.Tuple) else [value])]
    return any(isinstance(p, ast.Name) and p.id in held for p in parts)


def _calls(node: ast.expr, functions: set[str]) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions in it."""
    pending: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)
