"""Losses and metrics that are objects, in steps by hand."""

from __future__ import annotations

from dataclasses import replace

from transpile.backends.bodies.calls import Argument
from transpile.backends.torch_nodes import atomic

LOSS_NAMES = {
    "BinaryCrossentropy": "binary_crossentropy", "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy", "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error", "KLDivergence": "kl_divergence", "Poisson": "poisson",
}  # fmt: skip
METRICS = {
    "Mean": "Mean", "SparseCategoricalAccuracy": "SparseCategoricalAccuracy",
    "CategoricalAccuracy": "CategoricalAccuracy", "BinaryAccuracy": "BinaryAccuracy",
}  # fmt: skip


def shaped(targets: Argument, outputs: Argument) -> Argument:
    """Targets of shape (n,) for outputs of shape (n, 1), as Keras's losses take them."""
    shape = outputs.kind.shape
    if shape is None or len(shape) != 2 or shape[-1].value != 1 or targets.kind.rank == 2:
        return targets
    return replace(targets, text=f"{closed(targets.text)}.reshape(-1, 1)", kind=outputs.kind)


def closed(text: str) -> str:
    """A text for before an attribute or operator."""
    return text if atomic(text) else f"({text})"
