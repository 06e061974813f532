"""Calls of Keras's and TensorFlow's that give batches of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from transpile.interpret.image_batches import GENERATOR
from transpile.interpret.pipelines import GENERATED, SLICES, SOURCES, ZIP
from transpile.interpret.values import ImageBatches, Stream
from transpile.ir import Expr

if TYPE_CHECKING:
    from transpile.interpret.keras_calls import KerasCalls


def made(keras: KerasCalls, path: str, kwargs: Mapping[str, Expr]) -> object | None:
    """The pipeline (with `subset="both"` of a directory, two of them) or generator of a call; None of another."""
    if path == GENERATOR:
        return ImageBatches(keras.image_batches)
    if path not in (SLICES, ZIP, GENERATED) and path not in SOURCES:
        return None
    keras.has_pipelines = True
    if "subset" in kwargs and kwargs["subset"].value == "both":
        return Stream("dataset", problem=keras.pipelines), Stream("dataset", problem=keras.pipelines)
    return Stream("dataset", problem=keras.pipelines)
