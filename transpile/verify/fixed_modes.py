"""Layers that a functional model calls with a mode: `base(x, training=False)` keeps it.

In Keras 2 it does. In Keras 3 the mode in which the whole model runs (`fit`, `predict`,
`model(x, training=True)`) takes its place (`keras.src.models.functional.operation_fn`); the
comparison goes back to what the program says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

AS_WRITTEN = "training= at the call of a layer in a functional model: it holds in every mode, as in Keras 2"


class _Fixed(int):
    """A mode that the program wrote down."""


class FixedModes:
    """Marks those modes in the graphs of functional models, which then keep them."""

    def __init__(self, keras: Any) -> None:
        self.found = False
        from keras.src.models import functional

        self._tensor: Any = keras.KerasTensor
        first: Any = functional.operation_fn

        def operation_fn(operation: Any, *args: Any, **context: Any) -> Any:
            usual = first(operation, *args, **context)

            def call(*inputs: Any, **options: Any) -> Any:
                mode = options.get("training")
                if isinstance(mode, _Fixed):
                    return operation(*inputs, **{**options, "training": bool(mode)})
                return usual(*inputs, **options)

            return call

        functional.operation_fn = operation_fn

    def note(self, results: Iterable[Any], mode: Any) -> None:
        """What a layer's call with `training=mode` returned."""
        for result in results:
            if isinstance(result, self._tensor) and isinstance(mode, bool):
                operation, index, _ = result._keras_history
                operation._inbound_nodes[index].arguments.kwargs["training"] = _Fixed(mode)
                self.found = True
