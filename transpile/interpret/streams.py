"""Calls of Keras's and TensorFlow's that give batches of data."""

from __future__ import annotations

from collections.abc import Mapping

from transpile.interpret.values import Stream
from transpile.ir import Expr


def dataset(kwargs: Mapping[str, Expr], problem: str) -> Stream | tuple[Stream, Stream]:
    """What makes a pipeline; with `subset="both"` of a directory, one for training and one for validation."""
    if "subset" in kwargs and kwargs["subset"].value == "both":
        return Stream("dataset", problem=problem), Stream("dataset", problem=problem)
    return Stream("dataset", problem=problem)
