"""Methods and attributes of tensors."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.kinds import NUMBER, SHAPE, UNSURE, Kind, tensor
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.walker import Env, Value, Walker

_SAME = frozenset("shape dtype ndim device".split())
OF_ARRAYS = frozenset("astype reshape transpose copy squeeze flatten clip round repeat swapaxes".split())


def attribute(walker: Walker, node: ast.Attribute, value: Value) -> Value:
    """`x.shape`, `x.dtype`, `x.shape.rank`."""
    from transpile.backends.bodies.walker import Value

    if node.attr == "shape":
        dims = value.kind.shape if value.kind.what == "tensor" else None
        items = tuple(Kind("number", "int", value=d.value) for d in dims) if dims is not None else None
        return Value(Kind("shape", items=items), value.edits)
    if value.kind.what == "shape" and node.attr in ("rank", "ndims"):
        inner = node.value
        if isinstance(inner, ast.Attribute) and inner.attr == "shape":
            base = walker.references.end(inner.value)
            end = walker.references.end(node)
            kept = tuple(e for e in value.edits if e.end <= base)
            return Value(NUMBER, (*kept, Edit(base, end, ".ndim")))
    if node.attr == "dtype":
        return Value(Kind("dtype"), value.edits)
    if node.attr == "ndim":
        return Value(NUMBER, value.edits)
    return Value(UNSURE, value.edits)


def call(walker: Walker, node: ast.Call, env: Env) -> Value | None:
    """A method of a tensor; None for the methods of anything else."""
    from transpile.backends.bodies.walker import Value

    assert isinstance(node.func, ast.Attribute)
    receiver, name = node.func.value, node.func.attr
    if name in OF_ARRAYS and walker.plain(receiver, env).kind.what == "array":
        parts = (receiver, *node.args, *(k.value for k in node.keywords))
        return Value(Kind("array"), tuple(e for part in parts for e in walker.plain(part, env).edits))
    if name == "values" and not node.args and (held := walker.plain(receiver, env)).kind.what == "dict":
        return Value(Kind("list", items=held.kind.items), held.edits)
    if name not in ("numpy", "get_shape", "as_list", "set_shape", "eval", "assign", "assign_add", "assign_sub"):
        return None
    value = walker.plain(receiver, env)
    text = walker.text(receiver, value)
    simple = isinstance(receiver, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    text = text if (simple and not value.edits) or _closed(text) else f"({text})"
    if name == "numpy" and not node.args and value.kind.what in ("tensor", "unknown"):
        return walker.replaced(node, f"{text}.detach().cpu().numpy()", Kind("array"))
    if name == "numpy" and value.kind.what == "number":
        return walker.replaced(node, text, value.kind)
    if name == "get_shape" and not node.args:
        return walker.replaced(node, f"{text}.shape", _shape(value.kind))
    if name == "as_list" and value.kind.what == "shape":
        return walker.replaced(node, f"list({text})", value.kind)
    if name == "set_shape" and value.kind.what == "tensor":
        return walker.replaced(node, "None", UNSURE)
    if name.startswith("assign") and len(node.args) == 1 and value.kind.what == "tensor":
        argument = walker.plain(node.args[0], env)
        verb = {"assign": "copy_", "assign_add": "add_", "assign_sub": "sub_"}[name]
        given = walker.text(node.args[0], argument)
        if verb == "copy_" and argument.kind.what == "number":
            verb = "fill_"
        return walker.replaced(node, f"{text}.data.{verb}({given})", tensor())
    return None


def _shape(kind: Kind) -> Kind:
    if kind.what == "tensor" and kind.shape is not None:
        return Kind("shape", items=tuple(Kind("number", "int", value=d.value) for d in kind.shape))
    return SHAPE


def _closed(text: str) -> bool:
    from transpile.backends.torch_nodes import atomic

    return atomic(text)
