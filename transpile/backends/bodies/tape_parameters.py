"""Variables of models that a program's own step goes over, as for a penalty on the weights."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import FLOATS, Kind
from transpile.backends.bodies.tape_steps import VARIABLES, dotted
from transpile.interpret.graph import RECURRENT
from transpile.interpret.values import ModelValue

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env, Value

# What is the same however the numbers are arranged, and in however many tensors.
_SUMS = frozenset("tf.nn.l2_loss keras.ops.sum tf.reduce_sum tf.math.reduce_sum keras.backend.sum".split())
_EACH = frozenset(
    "tf.square tf.math.square tf.abs tf.math.abs keras.ops.square keras.ops.abs keras.ops.absolute "
    "keras.backend.square keras.backend.abs".split()
)


def parameters(body: TapeBody, node: ast.Attribute, env: Env) -> Value | None:
    """`for w in model.trainable_variables: ...`, where only sums over `w` are made. Raises Refusal for other
    uses of a model's variables, and gives None for other attributes."""
    own = body.loaded or node.attr not in VARIABLES  # a class with steps says itself what it takes
    model = None if own else body.object_of(node.value, env)
    if not isinstance(model, ModelValue) or not body.is_converted(model):
        return None
    if not node.attr.startswith("trainable_") or not _is_summed(body, node):
        raise Refusal("K2T191", f"this use of a model's {node.attr}: PyTorch arranges them in another way", node)
    name = dotted(node.value)
    text = f"{name}.parameters()"
    if _holds_fixed(body):
        text = f"[p for p in {text} if p.requires_grad]"
    return body.replaced(node, text, Kind("list", item=FLOATS))


def _is_summed(body: TapeBody, node: ast.Attribute) -> bool:
    """Whether an expression is gone over, and only sums are made over what a pass gets."""
    parent = body.references.parents.get(node)
    if not isinstance(parent, ast.For | ast.comprehension) or parent.iter is not node:
        return False
    scope = parent if isinstance(parent, ast.For) else body.references.parents.get(parent)
    if not isinstance(parent.target, ast.Name) or scope is None:
        return False
    uses = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == parent.target.id]
    return all(_in_sum(body, use) for use in uses if use is not parent.target)


def _in_sum(body: TapeBody, node: ast.expr) -> bool:
    """Whether an expression is what a sum is made over, alone or squared."""
    parent = body.references.parents.get(node)
    if isinstance(parent, ast.BinOp):
        power = isinstance(parent.op, ast.Pow) and parent.left is node
        square = isinstance(parent.op, ast.Mult) and ast.dump(parent.left) == ast.dump(parent.right)
        return (power or square) and _in_sum(body, parent)
    if not isinstance(parent, ast.Call) or parent.args != [node] or parent.keywords:
        return False
    path = body.paths.get(parent.func, "")
    return path in _SUMS or (path in _EACH and _in_sum(body, parent))


def _holds_fixed(body: TapeBody) -> bool:
    """Whether a program may have parameters that are not trained: frozen ones, or second biases of recurrences."""
    layers = body.interpreter.layers
    return any(e.kind == "trainable" for e in body.interpreter.events) or any(
        "trainable" in layer.args or (layer.op is not None and layer.op.name in RECURRENT) for layer in layers
    )
