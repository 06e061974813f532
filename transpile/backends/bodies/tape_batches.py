"""The batches of a data pipeline in loops that call models themselves: they move to the models' device."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.handed import takes_tensor
from transpile.backends.bodies.variables import is_variable
from transpile.interpret.values import ModelValue, Stream
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env

_SAME = ("take", "skip", "batch", "shuffle", "repeat", "prefetch", "cache", "padded_batch")


def moved(body: TapeBody, node: ast.For, names: list[str]) -> list[Edit]:
    """The line at the start of a loop that moves what it reads of a batch."""
    if not names:
        return []
    at, indent = body.references.start(node.body[0]), " " * node.body[0].col_offset
    line = f"{', '.join(names)} = {', '.join(f'{n}.to(device)' for n in names)}"
    return [Edit(at, at, f"{line}\n{indent}")]


def moved_names(body: TapeBody, node: ast.For, env: Env) -> list[str]:
    """The names of a loop over batches that models, or functions of tensors, are called with."""
    source, target = node.iter, node.target
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and source.args:
        if source.func.id == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            target = target.elts[1]
        source = source.args[0]
    while isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute) and source.func.attr in _SAME:
        source = source.func.value
    held = body.object_of(source, env)
    if not isinstance(held, Stream) or held.kind != "dataset":
        return []
    names = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
    calls = [n for part in node.body for n in ast.walk(part) if isinstance(n, ast.Call)]
    read = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
    if not any(_computes(body, c, names, env) for c in calls) and not any(is_variable(env.get(n)) for n in read):
        return []
    return [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id in read]


def _computes(body: TapeBody, call: ast.Call, names: set[str], env: Env) -> bool:
    """Whether a call needs a batch on the device; a function with a tape moves it there itself."""
    if isinstance(body.object_of(call.func, env), ModelValue):
        return True
    callee = env.get(call.func.id).node if isinstance(call.func, ast.Name) else None
    if not isinstance(callee, ast.FunctionDef) or "GradientTape" in body.references.code(callee):
        return False
    parameters = [a.arg for a in callee.args.args]
    given = [p for p, a in zip(parameters, call.args) if isinstance(a, ast.Name) and a.id in names]
    return any(takes_tensor(body, callee, p) for p in given)
