"""Optimizers that treat a weight as a whole, where Keras and PyTorch cut the weights differently."""

from __future__ import annotations

import re
from collections.abc import Iterator

from transpile.frontends.keras_model import trace
from transpile.frontends.scope import Unconvertible
from transpile.interpret.values import Layer, ModelValue
from transpile.ir import Node
from transpile.registry import weight_lines
from transpile.training_ir import Optimizer


def weights_of(model: ModelValue) -> Iterator[str]:
    """The lines that relate the weights of a model's layers ("kernel: i o -> weight: o i")."""
    try:
        records = trace(model)
    except Unconvertible:
        return
    for record in records:
        if isinstance(record.layer, ModelValue):
            yield from weights_of(record.layer)
        elif isinstance(record.layer, Layer) and record.op is not None:
            yield from weight_lines(record.op, Node(record.op.name, record.args))


def cut_apart(optimizer: Optimizer, model: ModelValue) -> str:
    """What the optimizer would do differently, because one weight of Keras's is two here; "" if nothing."""
    whole = optimizer.op == "lamb" or optimizer.args["clipnorm"].value is not None
    if not whole or not any("[" in line.partition(":")[0] for line in weights_of(model)):
        return ""
    what = "Lamb scales" if optimizer.op == "lamb" else "clipnorm limits"
    return f"{what} each weight by its norm, and the biases of a GRU are one weight in Keras, two in PyTorch"


def factored_otherwise(optimizer: Optimizer, model: ModelValue) -> bool:
    """Whether Adafactor keeps the squares of other rows and columns than in Keras."""
    if optimizer.op != "adafactor":
        return False
    axes = (re.findall(r"\([^)]*\)|\S+", line.partition("->")[0].partition(":")[2]) for line in weights_of(model))
    return any(len(a) > 2 for a in axes)
