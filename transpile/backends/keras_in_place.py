"""Tensors of a script that change in place: Keras's are constants, so the name gets a new one."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_in_place import seen_by, shared
from transpile.frontends.torch_kind import FUNCTION, Element
from transpile.frontends.torch_variables import assigned_values

_OPS = ("from keras import ops",)
_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**"}
_METHODS = {"copy_": "", "fill_": "", "zero_": "", "add_": "+", "sub_": "-", "mul_": "*", "div_": "/"}
_FLAGS = frozenset("requires_grad_ detach_ share_memory_".split())  # these change no value


def changes(node: ast.expr) -> bool:
    """Whether an expression calls a method that changes its tensor: `x.mul_(2)`."""
    match node:
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr.endswith("_") and not attr.endswith("__") and attr not in _FLAGS
    return False


def changed_tensor(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`x.add_(1)`, `x[:, 0] = y`, `x[i] += 1`, `x[0].zero_()`; the aliases that `x += 1` has are told of."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Subscript() as part, attr=attr)) as call):
            return changes(call) and _is_tensor(e, part.value) and _part(e, statement, part, attr, call.args)
        case ast.Expr(value=ast.Call() as call) if changes(call):
            return _whole(e, statement, call)
        case ast.Assign(targets=[ast.Subscript() as part], value=value) if _is_tensor(e, part.value):
            return _part(e, statement, part, "copy_", [value])
        case ast.AugAssign(target=ast.Subscript() as part, op=operator, value=value) if _is_tensor(e, part.value):
            method = next((m for m, sign in _METHODS.items() if sign == _OPERATORS.get(type(operator))), "")
            return _part(e, statement, part, method, [value])
        case ast.AugAssign(target=ast.Name() as name) if _is_tensor(e, name):
            scope = e.kinds.function_of(name)
            if isinstance(scope, FUNCTION | ast.Module) and (other := seen_by(scope, name.id, statement)):
                e.script.report("T2K203", statement, f"PyTorch changes {other} in place here, too")
    return False


def _is_tensor(e: ScriptExpressions, node: ast.expr) -> bool:
    """Whether a variable, or attribute of self, holds a tensor of Keras's, not an array that stays one."""
    own = isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and e.kinds.objects.owner(node.value) is not None
    )
    if not own or e.kind(node).name != "tensor":
        return False
    values = assigned_values(e.kinds, node)
    if any(isinstance(v, Element) for v in values):
        return False  # an element of what a loop goes over
    arrays = [
        v
        for v in values
        if isinstance(v, ast.Call) and e.path(v.func).rpartition(".")[2] in ("from_numpy", "as_tensor")
    ]
    return not (values and len(arrays) == len(values) and all(e.translated(a) == e.text(a.args[0]) for a in arrays))


def _whole(e: ScriptExpressions, statement: ast.stmt, call: ast.Call) -> bool:
    """The name gets what the method gives."""
    inner: ast.expr = call
    while isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and not e.path(inner.func):
        inner = inner.func.value
        if isinstance(inner, ast.Attribute) and inner.attr == "data":
            inner = inner.value
    if not _is_tensor(e, inner):
        return False
    text = e.translated(call)
    if text is None:
        return False  # the method is reported with the other leftovers
    text = text[1:-1] if text.startswith("(") and _closes_last(text) else text
    return _assign(e, statement, inner, text)


def _closes_last(text: str) -> bool:
    depth = [0]
    for char in text:
        depth.append(depth[-1] + (char == "(") - (char == ")"))
    return all(depth[1:-1])


def _part(e: ScriptExpressions, statement: ast.stmt, part: ast.Subscript, method: str, args: list[ast.expr]) -> bool:
    """The name gets a tensor with the part in it."""
    name, index = part.value, part.slice
    given = e.text(args[0]) if args else "0"
    by_mask = e.kind(index).name == "tensor" and e.kind(index).dtype == "bool"
    chosen = any(e.kind(n).name in ("tensor", "array", "sequence") for n in _indices(index))
    if method not in _METHODS or len(args) != (method != "zero_") or (chosen and not by_mask) or (
        by_mask and (_METHODS[method] or (args and e.kind(args[0]).name != "number"))
    ):  # fmt: skip
        code = e.references.code(part)
        e.script.report("T2K103", part, f"the assignment to {code}, a part of a tensor, has no counterpart")
        return True
    base = e.text(name)
    e.needs(_OPS, ())
    if by_mask:
        return _assign(e, statement, name, f"ops.where({e.text(index)}, {given}, {base})")
    shown = e.text(index)
    if sign := _METHODS[method]:
        given = f"{base}[{shown}] {sign} {f'({given})' if isinstance(args[0], ast.BinOp | ast.UnaryOp) else given}"
    plain = isinstance(index, ast.Constant | ast.Name)
    if not plain:
        e.needs(("import numpy as np",), ())
    e.script.define("assigned")
    return _assign(e, statement, name, f"assigned({base}, {shown if plain else f'np.s_[{shown}]'}, {given})")


def _indices(node: ast.expr) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _assign(e: ScriptExpressions, statement: ast.stmt, target: ast.expr, text: str) -> bool:
    """`x = ...`, with a warning where something else may hold what `x` was."""
    scope = e.kinds.function_of(target)
    why = ""
    if isinstance(target, ast.Name) and isinstance(scope, FUNCTION | ast.Module):
        why = shared(scope, target.id, statement, e.kinds.paths, lambda _: False)
    if why:
        e.script.report("T2K203", statement, f"PyTorch changes the tensor {e.references.code(target)} in place: {why}")
    e.script.plan.rewrite(statement, f"{e.text(target)} = {text}")
    return True
