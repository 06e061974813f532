"""How many weights a model has: where Keras and PyTorch cut them differently, they count differently."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.frontends.keras_model import trace
from transpile.frontends.scope import Unconvertible
from transpile.interpret.values import Apply, Layer, ModelValue
from transpile.ir import Node
from transpile.ops.pretrained import NETWORKS
from transpile.registry import weight_lines

_PLAIN = ("VGG16", "VGG19")  # networks without batch normalization
_STATISTICS = " -> running_"


class Uncounted(Exception):
    """Why it is not known how many weights Keras counts."""


def lines_of(model: ModelValue) -> list[str]:
    """The weight lines of all layers, each layer once. Raises Uncounted."""
    found: dict[int, Sequence[str]] = {}
    try:
        records = trace(model)
    except Unconvertible:
        records = None
    if records is None or model.instance is not None:
        raise Uncounted("how many weights Keras counts in a class of yours is not known")
    for record in records:
        layer = record.layer
        if isinstance(layer, ModelValue):
            found[id(layer)] = lines_of(layer)
        elif isinstance(layer, Layer):
            found[id(layer)] = found.get(id(layer)) or _lines(layer, record)
    return [line for lines in found.values() for line in lines]


def _lines(layer: Layer, record: Apply) -> Sequence[str]:
    if record.op is None:
        raise Uncounted(f"how many weights Keras counts in {layer.kind} is not known")
    if layer.kind in NETWORKS:  # that torchvision's differ a little is said where they are made
        return () if layer.kind in _PLAIN else (f"moving_mean{_STATISTICS}mean",)
    return weight_lines(record.op, Node(record.op.name, record.args))


def numbers(module: str, lines: Sequence[str]) -> str:
    """`model.count_params()`: the numbers in all weights. Raises Uncounted."""
    if not _has_spare(lines):
        return f"sum(p.numel() for p in {module}.state_dict().values() if p.is_floating_point())"
    if any(" -> bias_hh" in x and not x.startswith("0 ") for x in lines):
        raise Uncounted("only some of its recurrent layers have a second bias in Keras")
    state = f"{module}.state_dict().items()"
    return f'sum(p.numel() for name, p in {state} if p.is_floating_point() and "bias_hh" not in name)'


def count(module: str, attribute: str, lines: Sequence[str]) -> str:
    """`len(model.weights)` and its like. Raises Uncounted."""
    if any("[" in x for x in lines):
        raise Uncounted("Keras and PyTorch cut these weights differently")
    statistics = any(_STATISTICS in x for x in lines)
    if attribute in ("trainable_weights", "trainable_variables"):
        return f"sum(p.requires_grad for p in {module}.parameters())"
    if _has_spare(lines):
        raise Uncounted("recurrent layers have a second bias in PyTorch")
    if attribute == "weights":
        if statistics:
            return f'sum("num_batches" not in name for name in {module}.state_dict())'
        return f"len(list({module}.parameters()))"
    if statistics:
        raise Uncounted("the statistics of a batch normalization are no parameters in PyTorch")
    return f"sum(not p.requires_grad for p in {module}.parameters())"


def _has_spare(lines: Sequence[str]) -> bool:
    """Whether PyTorch has biases that Keras has not."""
    return any(x.startswith("0 ") for x in lines)
