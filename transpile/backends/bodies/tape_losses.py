"""Losses and metrics that are objects, in steps by hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Argument, Call, translate
from transpile.backends.bodies.kinds import FLOATS, NUMBER, literal_kind, tensor
from transpile.backends.bodies.tape_operands import suit
from transpile.backends.bodies.tape_steps import dotted
from transpile.backends.bodies.walker import Env, Value
from transpile.backends.torch_nodes import closed
from transpile.interpret.values import ModelValue
from transpile.ir import Expr

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody

LOSS_NAMES = {
    "BinaryCrossentropy": "binary_crossentropy", "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy", "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error", "KLDivergence": "kl_divergence", "Poisson": "poisson",
}  # fmt: skip
METRICS = {
    "Mean": "Mean", "SparseCategoricalAccuracy": "SparseCategoricalAccuracy",
    "CategoricalAccuracy": "CategoricalAccuracy", "BinaryAccuracy": "BinaryAccuracy",
}  # fmt: skip


def penalty(body: TapeBody, node: ast.Call, env: Env) -> Value | None:
    """`sum(model.losses)`: what regularizers and layers add to the loss; None for any other call."""
    given = node.args[0] if len(node.args) == 1 and not node.keywords else None
    if not isinstance(given, ast.Attribute) or given.attr != "losses":
        return None
    if body.references.code(node.func) != "sum" and body.paths.get(node.func) not in ("tf.add_n", "tf.reduce_sum"):
        return None
    model = body.object_of(given.value, env)
    if not isinstance(model, ModelValue) or not body.is_converted(model) or id(model) not in body.converted:
        return None
    if not body.converted[id(model)]:
        return body.replaced(node, "0.0", NUMBER)
    return body.replaced(node, f"{dotted(given.value)}.regularization_loss()", tensor("float", ()))


def loss_value(
    body: TapeBody, node: ast.Call, name: str, given: Mapping[str, Expr], args: list[Argument], env: Env
) -> Value:
    """A loss object with these arguments applied to targets and outputs."""
    reduction = given.get("reduction")
    kwargs = {
        k: Argument(e.text, literal_kind(e.value), node) for k, e in given.items() if k not in ("reduction", "name")
    }
    call = Call(f"keras.losses.{name}", node, args, kwargs, body.place(env))
    suit(body, call, env)
    text, _ = translate(call)
    how = str(getattr(reduction, "value", None) or getattr(reduction, "text", "") or "mean").lower()
    if how.endswith("none"):
        return body.replaced(node, text, FLOATS)
    if how.endswith("sum"):
        return body.replaced(node, f"{closed(text)}.sum()", tensor("float", ()))
    short = re.sub(r', reduction="none"\)(\.mean\(dim=-1\))?$', ")", text)
    if short == text:
        short = f"{closed(text.removesuffix('.mean(dim=-1)'))}.mean()"
    return body.replaced(node, short, tensor("float", ()))
