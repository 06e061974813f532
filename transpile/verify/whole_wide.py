"""float32 means float64 in a whole Keras program that was PyTorch's, as on the other side."""

from __future__ import annotations

from typing import Any

import numpy as np


def wide(keras: Any, tf: Any) -> dict[tuple[Any, str], Any]:
    """Replacements: what the program casts to float32, or puts into a data set, comes out double."""
    ops, dataset = keras.ops, tf.data.Dataset

    def double(dtype: Any) -> Any:
        return "float64" if dtype in ("float32", np.float32, tf.float32) else dtype

    def widened(value: Any) -> Any:
        dtype = str(getattr(getattr(value, "dtype", None), "name", ""))
        if dtype != "float32":
            return value
        return value.astype("float64") if isinstance(value, np.ndarray) else tf.cast(value, "float64")

    def cast(x: Any, dtype: Any, first: Any = ops.cast) -> Any:
        return first(x, double(dtype))

    def convert(x: Any, dtype: Any = None, sparse: Any = None, first: Any = ops.convert_to_tensor) -> Any:
        return first(widened(x), double(dtype), sparse)

    def slices(tensors: Any, name: Any = None, first: Any = dataset.from_tensor_slices) -> Any:
        return first(tf.nest.map_structure(widened, tensors), name)

    return {
        (ops, "cast"): cast,
        (ops, "convert_to_tensor"): convert,
        (dataset, "from_tensor_slices"): staticmethod(slices),
    }
