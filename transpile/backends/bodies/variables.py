"""Variables of the program's own: `tf.Variable` is a parameter; tapes and optimizers take lists of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Argument, Bound, special
from transpile.backends.bodies.kinds import Kind, tensor
from transpile.backends.bodies.special import torch_dtype
from transpile.backends.torch_nodes import atomic
from transpile.ir import literal

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env

VARIABLE = "variable"  # the path of a tensor that is a parameter


class Variables(str):
    """Variables as they stand in a list: `weight`, `*weights.values()`."""

    __slots__ = ()


@special("initial_value trainable validate_shape caching_device name variable_def dtype", "tf.Variable")
def variable(b: Bound) -> tuple[str, Kind]:
    """A parameter with a memory of its own; a tensor, where no gradient is asked for."""
    value, trains = b["initial_value"], b.value("trainable", True)
    dtype = torch_dtype(b["dtype"]) if "dtype" in b and b["dtype"].kind.what != "none" else ""
    if "dtype" in b and b["dtype"].kind.what != "none" and not dtype:
        raise b.call.refuse(f"the dtype {b['dtype'].text} is not known")
    if trains not in (True, None, False) or value.kind.what in ("function", "text", "none", "object"):
        raise b.call.refuse("its initial value or trainable= is only known at run time")
    text = _fresh(value, dtype) if value.kind.what == "tensor" else _made(value, dtype, b.call.place)
    element = "float" if "float" in dtype else "int" if "int" in dtype else "bool" if dtype else element_of(value)
    shape = value.kind.shape if value.kind.what == "tensor" else () if value.kind.what == "number" else None
    if value.items is not None and all(i.kind.what == "number" for i in value.items):
        shape = (literal(len(value.items)),)
    if trains is False or element in ("int", "bool"):
        return text, tensor(element, shape)  # type: ignore[arg-type]
    return f"nn.Parameter({text})", replace(tensor("float", shape), path=VARIABLE)


def _fresh(value: Argument, dtype: str) -> str:
    closed = value.text if atomic(value.text) else f"({value.text})"
    if dtype:
        return f"{closed}.to({dtype})" if isinstance(value.node, ast.Call) else f"{closed}.to({dtype}, copy=True)"
    return value.text if isinstance(value.node, ast.Call | ast.BinOp) else f"{closed}.clone()"


def _made(value: Argument, dtype: str, place: str) -> str:
    rest = f", dtype={dtype}" if dtype else ""
    return f"torch.tensor({value.text}{rest}{f', device={place}' if place else ''})"


def element_of(value: Argument) -> str:
    """Whether numbers are floats: "" where that is not known."""
    if value.kind.what in ("tensor", "number") and value.kind.element:
        return value.kind.element
    if value.kind.what in ("tensor", "number", "array", "unknown"):
        return ""
    numbers = [n.value for n in ast.walk(value.node) if isinstance(n, ast.Constant)]
    if any(isinstance(n, ast.Call | ast.Name | ast.Attribute) for n in ast.walk(value.node)):
        return ""
    return "float" if any(isinstance(n, float) for n in numbers) else "int"


def is_variable(kind: Kind) -> bool:
    """Whether an expression is a variable of the program's own."""
    return kind.what == "tensor" and kind.path == VARIABLE


def holds_variables(kind: Kind) -> bool:
    """Whether an expression is a list or dict of variables, or one."""
    if kind.what in ("list", "dict") and kind.items:
        return all(holds_variables(k) for k in kind.items)
    return is_variable(kind) or (kind.what == "list" and kind.item is not None and is_variable(kind.item))


def variables_of(body: TapeBody, node: ast.expr, env: Env) -> tuple[Variables, ...]:
    """The variables that an expression lists, as an optimizer is given them; () for anything else."""
    if isinstance(node, ast.List | ast.Tuple):
        return _joined(_element(body, e, env) for e in node.elts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(variables_of(body, side, env) for side in (node.left, node.right))
    plain = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple")
    if plain and isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return variables_of(body, node.args[0], env)
    if not isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript) or node in body.paths:
        return ()
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Attribute) and node.func.attr == "values"):
        return ()
    value = body.visit(node, env)
    listed = value.kind.what == "list" and holds_variables(value.kind) and not value.edits
    return (Variables(f"*{body.references.code(node)}"),) if listed else ()


def _element(body: TapeBody, node: ast.expr, env: Env) -> tuple[Variables, ...]:
    if isinstance(node, ast.Starred):
        return variables_of(body, node.value, env)
    if not isinstance(node, ast.Name | ast.Attribute | ast.Subscript) or node in body.paths:
        return ()
    value = body.visit(node, env)
    return (Variables(body.references.code(node)),) if is_variable(value.kind) and not value.edits else ()


def _joined(parts: Iterator[tuple[Variables, ...]]) -> tuple[Variables, ...]:
    found = list(parts)
    return tuple(v for p in found for v in p) if found and all(found) else ()


def names_of(variables: Variables) -> set[str]:
    """The names that a list of variables begins with."""
    return {n.id for n in ast.walk(ast.parse(f"[{variables}]")) if isinstance(n, ast.Name)}
