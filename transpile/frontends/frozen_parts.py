"""Marks the parts of a model whose batch normalization it leaves as it is."""

from __future__ import annotations

from dataclasses import replace

from transpile.frontends.freezing import Freezing
from transpile.frontends.keras_model import Reading
from transpile.interpret.model_layers import leaves
from transpile.interpret.values import Layer
from transpile.ir import Expr, Node, literal
from transpile.ops.pretrained import NETWORKS, SAME

ARGUMENT = "frozen:statistics"  # of a node; its value: the ranks of the inputs


def with_frozen_parts(reading: Reading, freezing: Freezing) -> Reading:
    """The reading, with an argument at each node that is frozen in this model and trained in another."""
    ranks: dict[str, object] = {
        name: tuple(sorted({_rank(x) for x in leaves(part) if x.applications and x.kind == "BatchNormalization"}))
        for name, part in reading.layers.items()
        if freezing.sets and freezing.frozen_statistics(reading.value, part)
    }
    for name, part in reading.layers.items():
        if freezing.sets and isinstance(part, Layer) and part.kind in NETWORKS and part.kind not in SAME:
            ranks[name] = (4,)
    if ranks:
        body = tuple(
            replace(n, args={**n.args, ARGUMENT: literal(ranks[n.name])})
            if isinstance(n, Node) and n.name in ranks
            else n
            for n in reading.model.body
        )
        reading.model = replace(reading.model, body=body)
    return reading


def _rank(layer: Layer) -> int:
    return len(layer.applications[0].inputs[0].shape or ())


def has_frozen_parts(reading: Reading) -> bool:
    """Whether a part was marked."""
    return any(isinstance(n, Node) and ARGUMENT in n.args for n in reading.model.body)


def asked(node: Node) -> str:
    """What decides whether batch normalization is frozen: always, or the network's parameters."""
    return " and not module.weight.requires_grad" if node.op == "pretrained" else ""


def kinds_of(argument: Expr) -> str:
    """The classes of batch normalization in a part: `nn.BatchNorm2d`."""
    ranks = argument.value if isinstance(argument.value, tuple) else ()
    names = sorted({f"nn.BatchNorm{max(r - 2, 1)}d" for r in ranks})
    return names[0] if len(names) == 1 else f"({', '.join(names)})"
