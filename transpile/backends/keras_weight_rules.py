"""Rules for weights in a script: tensors by name that are trained, and loops over the weights of a model."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import Part
from transpile.frontends.torch_leaves import IN_PLACE
from transpile.frontends.torch_variables import assigned_values

_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_OPS = ("from keras import ops",)


def variable(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`torch.randn(2, 1, requires_grad=True)`, `nn.Parameter(x)` where it is trained or differentiated by name."""
    if id(node) not in e.variables or not isinstance(node, ast.Call):
        return None
    e.variables.discard(id(node))
    inner = _initial(e, node)
    e.variables.add(id(node))
    if inner is None:
        return None
    e.needs(("import keras",), ())
    return f"keras.Variable({inner})"


def _initial(e: ScriptExpressions, node: ast.Call) -> str | None:
    """The first value of a variable."""
    path = e.path(node.func)
    match node.func:
        case ast.Attribute(value=inner, attr="requires_grad_") if not path:
            return e.text(inner)
        case ast.Attribute(value=ast.Call() as inner, attr="to" | "cuda" | "cpu") if not path:
            return _initial(e, inner)
    if path == "torch.tensor" and not any(k.arg == "dtype" for k in node.keywords) and _is_floats(node.args[0]):
        return e.text(node.args[0])
    for rule in e.rules:
        if rule is not variable and (text := rule(e, node)) is not None:
            return text
    return None


def _is_floats(node: ast.expr) -> bool:
    """Whether a list, or a number, is of floats only: Keras keeps it in its own precision."""
    match node:
        case ast.List(elts=elts) if elts:
            return all(_is_floats(x) for x in elts)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_floats(operand)
        case ast.Constant(value=float()):
            return True
    return False


def parameter(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`nn.Parameter(x)` of a script."""
    match node:
        case ast.Call(func=func, args=[inner, *_]) if e.path(func) in (
            "torch.nn.Parameter",
            "torch.nn.parameter.Parameter",
        ):
            return e.text(inner)
    return None


def weights(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`net.parameters()` where a loop goes over them."""
    match node:
        case ast.Call(func=ast.Attribute(value=model, attr="parameters"), args=[], keywords=[]):
            if id(node) in e.looped and e.kind(model).name == "model":
                return f"{e.text(model)}.trainable_variables"
    return None


def kept(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`old = w.clone()`: a variable changes, what was copied from it does not."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="clone"), args=[]):
            pass
        case _:
            return None
    while isinstance(inner, ast.Attribute | ast.Call):
        match inner:
            case (
                ast.Attribute(value=inner, attr="data")
                | ast.Call(func=ast.Attribute(value=inner, attr="detach"), args=[])
            ):
                pass
            case _:
                return None
    if not _is_weight(e, inner):
        return None
    e.needs(_OPS, ())
    return f"ops.copy({e.text(inner)})"


def _is_weight(e: ScriptExpressions, node: ast.AST) -> bool:
    """Whether a name stands for a variable of Keras's."""
    if not isinstance(node, ast.Name):
        return False
    if e.stored.holds(node):
        return True
    leaf = e.leaves.leaf(node)
    return (leaf is not None and id(leaf.value) in e.variables) or e.weight_loop(node) is not None


_REDUCTIONS = frozenset("mean sum norm max min std var prod".split())
_ALONG = frozenset("argmax argmin mean sum max min multinomial".split())


def may_have_axes(e: ScriptExpressions, node: ast.AST, depth: int = 8) -> bool:
    """Whether what `.item()` is called on may be an array of one element, as a tensor by name or an output may be."""
    if e.kind(node).name == "model" or not depth:
        return False
    match node:
        case ast.Name():
            values = assigned_values(e.kinds, node) or ([node] if e.leaves.leaf(node) else [])
            if e.leaves.leaf(node):
                return True
            return any(may_have_axes(e, v, depth - 1) for v in values)
        case (
            ast.Attribute(attr="grad") | Part() | ast.Subscript(value=ast.Call(func=ast.Attribute(attr="max" | "min")))
        ):
            return True
        case ast.Attribute(value=value, attr="data") | ast.Subscript(value=value) if e.leaves.all:
            return may_have_axes(e, value, depth - 1)
        case ast.Call(func=func):
            return _call_may(e, node, func, depth)
        case ast.BinOp(left=left, right=right):
            return may_have_axes(e, left, depth - 1) or may_have_axes(e, right, depth - 1)
    return False


def _call_may(e: ScriptExpressions, node: ast.Call, func: ast.expr, depth: int) -> bool:
    name = func.attr if isinstance(func, ast.Attribute) else ""
    listed = bool(node.args) and isinstance(node.args[0], ast.List | ast.Tuple)
    along = name in _ALONG and len(node.args) > bool(e.path(func))  # `x.argmax(1)`, `torch.sum(x, 1)`
    if e.kind(func).name == "model" or along or (listed and name.lower().endswith("tensor")):
        return True
    if isinstance(func, ast.Attribute) and not node.args and func.attr in _REDUCTIONS:
        return False
    function = e.kinds.called_function(node)
    if function is not None:
        returned = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
        given = node.args if e.leaves.all else []
        return any(may_have_axes(e, part, depth - 1) for part in (*returned, *given))
    inner = func.value if isinstance(func, ast.Attribute) and not e.path(func) else None
    return inner is not None and may_have_axes(e, inner, depth - 1)


def changed(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`w.data = w.data - lr * w.grad`, `w -= lr * w.grad`, `w.data.sub_(lr * w.grad)`."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=name, attr="data")], value=value) if _is_weight(e, name):
            text = f"{e.text(name)}.assign({e.text(value)})"
        case ast.Assign(targets=[ast.Subscript(value=name, slice=ast.Slice(None, None, None))], value=value) if (
            _is_weight(e, _bare(name))
        ):
            text = f"{e.text(_bare(name))}.assign({e.text(value)})"
        case ast.AugAssign(target=target, op=operator, value=value) if _is_weight(e, _bare(target)):
            if type(operator) not in _OPERATORS:
                return False
            text = _augmented(e.text(_bare(target)), _OPERATORS[type(operator)], e.text(value), value)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=attr)) as call) if attr in IN_PLACE:
            if not _is_weight(e, _bare(target)):
                return False
            found = _called(e, e.text(_bare(target)), attr, call)
            if found is None:
                return False
            text = found
        case _:
            return False
    e.script.plan.rewrite(statement, text)
    return True


def _bare(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.Attribute) and node.attr == "data" else node


def _augmented(name: str, operator: str, text: str, value: ast.expr) -> str:
    if operator in "+-":
        return f"{name}.assign_{'add' if operator == '+' else 'sub'}({text})"
    return f"{name}.assign({name} {operator} {_tight(text, value)})"


def _tight(text: str, value: ast.expr) -> str:
    return f"({text})" if isinstance(value, ast.BinOp | ast.UnaryOp | ast.IfExp) else text


def _called(e: ScriptExpressions, name: str, attr: str, call: ast.Call) -> str | None:
    """A method that changes a weight in place."""
    args = [e.text(a) for a in call.args]
    named = {k.arg: k.value for k in call.keywords}
    if attr in ("sub_", "add_"):
        factor = named.pop("alpha", None)
        if named or len(args) not in (1, 2) or (len(args) == 2 and factor is not None):
            return None
        scale = call.args[0] if len(args) == 2 else factor  # `add_(-lr, x)` of older PyTorch
        text = args[-1] if scale is None else f"{_tight(e.text(scale), scale)} * {_tight(args[-1], call.args[-1])}"
        return f"{name}.assign_{attr[:-1]}({text})"
    if named:
        return None
    match attr, args:
        case (("mul_" | "div_"), [text]):
            return _augmented(name, "*" if attr == "mul_" else "/", text, call.args[0])
        case "copy_", [text]:
            return f"{name}.assign({text})"
        case "clamp_", [low, high]:
            e.needs(_OPS, ())
            return f"{name}.assign(ops.clip({name}, {low}, {high}))"
        case "zero_", []:
            e.needs(_OPS, ())
            return f"{name}.assign(ops.zeros_like({name}))"
        case "fill_", [text]:
            e.needs(_OPS, ())
            return f"{name}.assign(ops.full_like({name}, {text}))"
    return None
