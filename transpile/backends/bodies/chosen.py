"""What Keras's `get` functions give in a class of the user's: activations by name, and what only layers take."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import Kind
from transpile.backends.bodies.modules import Module
from transpile.backends.bodies.tables import FUNCTIONS
from transpile.backends.bodies.walker import Env, Value
from transpile.backends.templates import helper
from transpile.interpret.values import Ref

if TYPE_CHECKING:
    from transpile.backends.bodies.class_init import Making

_TAKEN = ("keras.initializers.", "keras.regularizers.", "keras.constraints.")
# What an attribute holds that only constructions of layers and weights read: they say what it does.
TAKEN = Kind("object", path="taken")


def is_taken(methods: Making, node: ast.stmt, paths: tuple[str, ...] = _TAKEN) -> bool:
    """`self.kernel_initializer = initializers.get(kernel_initializer)`, or an object that is made there."""
    call = node.value if isinstance(node, ast.Assign) else None
    return isinstance(call, ast.Call) and methods.paths.get(call.func, "").startswith(paths)


def activation(methods: Making, node: ast.Call, env: Env) -> Value:
    """`activations.get(activation)`: a function that keeps the shape of a tensor."""
    if len(node.args) + len(node.keywords) != 1:
        raise Refusal("K2T186", "these arguments of activations.get", node)
    given = node.args[0] if node.args else node.keywords[0].value
    name = given.value if isinstance(given, ast.Constant) else None
    known = FUNCTIONS.get(f"activations.{name}") if isinstance(name, str) else None
    if known is None:
        value = methods.body.plain(given, env)
        methods.own.chosen |= {given.id} if isinstance(given, ast.Name) else set()
        methods.body.helpers.append("activation_of")
        text = f"activation_of({methods.body.text(given, value)})"
    else:
        text = known
    return methods.body._whole(node, text, Kind("module", node=Module(text, chosen=True)))


def unknown_name(value: object) -> str:
    """The name of an activation that the helper does not know; "" for any other value."""
    name = value.path.removeprefix("keras.activations.") if isinstance(value, Ref) else ""
    named = isinstance(value, Ref) and value.path.startswith("keras.activations.")
    return name if named and f'"{name}":' not in helper("activation_of") else ""
