"""The batches of a data pipeline in loops that call models themselves: they move to the models' device."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.interpret.values import ModelValue, Stream
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env


def moved(body: TapeBody, node: ast.For, env: Env) -> list[Edit]:
    """The line at the start of a loop that moves what it reads of a batch."""
    names = _names(body, node, env)
    if not names:
        return []
    at, indent = body.references.start(node.body[0]), " " * node.body[0].col_offset
    line = f"{', '.join(names)} = {', '.join(f'{n}.to(device)' for n in names)}"
    return [Edit(at, at, f"{line}\n{indent}")]


def _names(body: TapeBody, node: ast.For, env: Env) -> list[str]:
    source, target = node.iter, node.target
    if isinstance(source, ast.Call) and isinstance(source.func, ast.Name) and len(source.args) == 1:
        if source.func.id == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            target = target.elts[1]
        source = source.args[0]
    held = body.object_of(source, env)
    calls = [n for part in node.body for n in ast.walk(part) if isinstance(n, ast.Call)]
    models = any(isinstance(body.object_of(c.func, env), ModelValue) for c in calls)
    if not isinstance(held, Stream) or held.kind != "dataset" or not models:
        return []
    read = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
    return [n.id for n in ast.walk(target) if isinstance(n, ast.Name) and n.id in read]
