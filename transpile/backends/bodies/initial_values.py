"""Initialisers that are called by hand: `random_normal([784, 10])` draws a tensor."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Argument, Refusal
from transpile.backends.bodies.kinds import tensor
from transpile.backends.bodies.special import dims_of, dims_text, dtype_name
from transpile.backends.torch_nodes import atomic
from transpile.interpret.values import KerasObject
from transpile.ir import Expr
from transpile.ops.initializer import UnknownInitializer, drawn_values

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env, Value


def drawn(body: TapeBody, node: ast.Call, held: KerasObject, env: Env) -> Value:
    """The tensor that an initialiser makes for a shape."""
    given = dict(zip(("shape", "dtype"), (body.argument(a, env) for a in node.args)))
    given |= {str(k.arg): body.argument(k.value, env) for k in node.keywords}
    if set(given) - {"shape", "dtype"} or "shape" not in given:
        raise Refusal("K2T186", "an initializer that is called with more than a shape", node)
    dtype = dtype_name(given["dtype"]) if "dtype" in given else "float32"
    if dtype != "float32":
        raise Refusal("K2T186", "an initializer of another type than float32", node)
    shape, place = given["shape"], body.place(env)
    empty = f"torch.empty({dims_text(shape)}{f', device={place}' if place else ''})"
    try:
        text = drawn_values(Expr(body.references.code(node.func), held), empty, extents(shape))
    except UnknownInitializer as error:
        raise Refusal(error.code, error.message, node) from None
    return body.replaced(node, text, tensor("float", dims_of(shape)))


def extents(shape: Argument) -> list[str]:
    """The extents as operands; [] where they are not written out."""
    return [i.text if atomic(i.text) else f"({i.text})" for i in shape.items or ()]
