"""Layers that learn from data before any training: `normalizer.adapt(x)`."""

from __future__ import annotations

from transpile.interpret.values import Apply, Layer
from transpile.ir import Shape

# The arguments that the module of its own takes; others say nothing to it.
_NORMALIZATION = {"axis", "name", "input_shape", "trainable", "dtype"}


def note_adapted(layer: Layer) -> None:
    """Marks a layer whose statistics are not in the program's text but come from `adapt`."""
    if layer.kind != "Normalization" or layer.problems or layer.args["mean"].value is not None:
        return
    plain = layer.args["axis"].value in (-1, None) and layer.args["invert"].value is False
    layer.adapted = plain and set(layer.common) <= _NORMALIZATION


def adapted_shape(record: Apply) -> Shape | None:
    """The shape of what such a layer gives."""
    return record.inputs[0].shape
