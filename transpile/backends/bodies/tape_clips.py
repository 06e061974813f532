"""Gradients that are clipped by hand between a tape and an optimizer."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transpile.backends.bodies.tape_steps import function_of, loads, parameters_of
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env


@dataclass(frozen=True)
class Clip:
    """`target, norm = tf.clip_by_global_norm(source, limit)`, or values between -limit and limit."""

    statement: ast.Assign
    source: str
    target: str
    limit: ast.expr
    norm: str = ""
    by_value: bool = False


def clip_of(body: TapeBody, node: ast.AST) -> Clip | None:
    """What a statement clips; None for any other."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    target, value = node.targets[0], node.value
    names = [e.id for e in target.elts if isinstance(e, ast.Name)] if isinstance(target, ast.Tuple) else []
    if isinstance(value, ast.Call) and body.paths.get(value.func) == "tf.clip_by_global_norm":
        source = value.args[0] if len(value.args) == 2 and not value.keywords else None
        if isinstance(source, ast.Name) and len(names) == 2:
            return Clip(node, source.id, names[0], value.args[1], names[1])
    if isinstance(value, ast.ListComp) and isinstance(target, ast.Name):
        return _by_value(body, node, target.id, value)
    return None


def _by_value(body: TapeBody, node: ast.Assign, target: str, value: ast.ListComp) -> Clip | None:
    """`[tf.clip_by_value(g, -1.0, 1.0) for g in gradients]`."""
    call, generator = value.elt, value.generators[0]
    if not isinstance(call, ast.Call) or body.paths.get(call.func) != "tf.clip_by_value" or len(call.args) != 3:
        return None
    plain = isinstance(generator.iter, ast.Name) and not generator.ifs and len(value.generators) == 1
    low, high = call.args[1:]
    even = isinstance(low, ast.UnaryOp) and isinstance(low.op, ast.USub) and ast.dump(low.operand) == ast.dump(high)
    if not plain or not even or ast.dump(call.args[0]) != ast.dump(ast.Name(_named(generator.target), ast.Load())):
        return None
    assert isinstance(generator.iter, ast.Name)
    return Clip(node, generator.iter.id, target, high, by_value=True)


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def clips_behind(body: TapeBody, node: ast.stmt, gradients: str) -> list[Clip]:
    """The statements that clip the gradients of one name, and what they give, in order."""
    found, names = [], {gradients}
    statements = [n for n in ast.walk(function_of(body.references, node)) if isinstance(n, ast.Assign)]
    for statement in sorted(statements, key=body.references.start):
        clip = clip_of(body, statement)
        behind = body.references.start(statement) > body.references.start(node)
        if behind and clip is not None and clip.source in names:
            names.add(clip.target)
            found.append(clip)
    return found


def clipped(body: TapeBody, node: ast.Assign, env: Env) -> bool:
    """Whether a statement clips gradients that a `backward` made; it is written then."""
    clip = clip_of(body, node)
    models = body.gradients.get(clip.source) if clip is not None else None
    if clip is None or models is None:
        return False
    limit = body.argument(clip.limit, env).text
    function = "clip_grad_value_" if clip.by_value else "clip_grad_norm_"
    text = f"nn.utils.{function}({parameters_of(models)}, {limit})"
    if clip.norm and loads(function_of(body.references, node), clip.norm):
        text = f"{clip.norm} = {text}"
    body.gradients[clip.target] = models
    body.edits.append(Edit(body.references.start(node), body.references.end(node), text))
    return True
