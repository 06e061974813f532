"""Calls of the methods of a class of the user's, its own and inherited ones, inside of the class."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import TENSOR, UNSURE
from transpile.backends.bodies.modules import Module
from transpile.backends.bodies.own import OwnClass
from transpile.backends.bodies.statements import Body
from transpile.backends.bodies.walker import Env, Value
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.forward import ForwardBody


def methods_of(own: OwnClass) -> dict[str, ast.FunctionDef]:
    """The methods of a class and of those above it, by their names."""
    above = methods_of(own.parent) if own.parent is not None else {}
    return above | {n.name: n for n in own.node.body if isinstance(n, ast.FunctionDef)}


def method_call(body: ForwardBody, node: ast.Call, env: Env) -> Value | None:
    """`super().call(x)` as `super().forward(x)`, and `self.encode(x, training=training)` without the mode."""
    func = node.func
    if not isinstance(func, ast.Attribute):
        return None
    above = ast.unparse(func.value).startswith("super(")
    if above and func.attr == "call" and body.parent is not None:
        inputs, _ = body.inputs(node, Module(own=body.parent), env)
        value = body._opaque(node, Module(own=body.parent), "super().forward", inputs)
        return replace(value, kind=UNSURE if body.parent.several else TENSOR)  # the sizes may be other ones here
    mine = isinstance(func.value, ast.Name) and func.value.id == body.owner and bool(body.owner)
    method = body.methods.get(func.attr) if mine or above else None
    mode = _mode(body, method, node) if method is not None and func.attr != "call" else None
    if mode is None:
        return None
    parts: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    at = parts.index(mode)
    start = body.references.end(parts[at - 1]) if at else body.references.start(mode)
    end = body.references.start(parts[1]) if not at and len(parts) > 1 else body.references.end(mode)
    args, keywords = [a for a in node.args if a is not mode], [k for k in node.keywords if k is not mode]
    rest = ast.copy_location(ast.Call(func, args, keywords), node)
    value = Body._Call(body, rest, env)
    return Value(value.kind, (*value.edits, Edit(start, end, "")))


def _mode(body: ForwardBody, method: ast.FunctionDef, node: ast.Call) -> ast.expr | ast.keyword | None:
    """The argument that tells a method the mode, which it reads from the module by now. Raises Refusal."""
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in method.decorator_list)
    names = [a.arg for a in method.args.args[0 if static else 1 :]]
    given: Mapping[str, ast.expr | ast.keyword] = {
        **dict(zip(names, node.args)),
        **{k.arg: k for k in node.keywords if k.arg is not None},
    }
    mode = given.get("training")
    if mode is None:
        if _default(method) is not None:  # None is the mode of the call that is running
            raise Refusal("K2T186", f"{method.name}() without training=", node)
        return None
    value = mode.value if isinstance(mode, ast.keyword) else mode
    if not isinstance(value, ast.Name) or value.id != body.training or not body.training:
        raise Refusal("K2T186", "training= with another value than the parameter of that name", value)
    return mode


def _default(method: ast.FunctionDef) -> object:
    """What the mode is where a call does not tell it."""
    args = method.args
    defaults = dict(zip([a.arg for a in args.args][::-1], args.defaults[::-1]))
    defaults |= {a.arg: d for a, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None}
    given = defaults.get("training")
    return ast.unparse(given) if given is not None and ast.unparse(given) != "None" else None
