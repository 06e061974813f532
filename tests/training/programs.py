"""Runs a small Keras program and what it converts to, in float64, and compares the two."""

from __future__ import annotations

import contextlib
import io
import os
import re
from functools import cache
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HEAD = """\
import numpy as np
import keras
from keras import layers

rng = np.random.default_rng(7)
x = rng.normal(size=(22, 4))
ids = rng.integers(0, 3, size=22)
onehot = np.eye(3)[ids]
yes = (rng.random(22) < 0.4).astype("float64")
real = rng.normal(size=(22, 3))
positive = rng.random((22, 3)) + 0.1
"""

# One layer that starts at fixed weights: nothing is drawn, so both sides start alike.
SOFTMAX = 'layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.Constant(0.1))'
SIGMOID = 'layers.Dense(1, activation="sigmoid", kernel_initializer=keras.initializers.Constant(0.1))'
LINEAR = "layers.Dense(3, kernel_initializer=keras.initializers.Constant(0.1))"
SINGLE = "layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.1))"


def model(layer: str, inputs: str = "keras.Input((4,))") -> str:
    """The statement that makes a model of one layer."""
    return f"model = keras.Sequential([{inputs}, {layer}])\n"


@cache
def keras_module() -> Any:
    """Keras in float64 on both accounts (a layer's and everything else's)."""
    import keras
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)  # a few steps are over before a graph is traced
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    return keras


def run_keras(source: str) -> dict[str, Any]:
    """The names that the Keras program leaves."""
    keras_module()
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, "keras_program", "exec"), names)
    return names


def convert(source: str) -> Any:
    """The conversion of a program, which must be clean."""
    from transpile import keras2torch

    result = keras2torch(source)
    errors = [d for d in result.diagnostics if d.level == "error"]
    assert not errors, errors
    return result


def run_torch(code: str, *, aligned: bool = False) -> dict[str, Any]:
    """The names that the converted program leaves, computed in float64.

    `aligned`: optimizers place epsilon where Keras's do (the one named convention).
    """
    import torch

    torch.set_default_dtype(torch.float64)
    code = code.replace("torch.float32", "torch.float64")
    if aligned:
        code = re.sub(
            r"^(\s*)(optimizer|opt) = (torch\.optim\.(?:.|\n)*?\))$", r"\1\2 = _align(\3)", code, flags=re.MULTILINE
        )
    names: dict[str, Any] = {"__name__": "__main__", "_align": _align}
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, "torch_program", "exec"), names)
    finally:
        torch.set_default_dtype(torch.float32)
    return names


def _align(optimizer: Any) -> Any:
    from transpile.verify.conventions import align_epsilon

    align_epsilon(optimizer)
    return optimizer


def weights(names: dict[str, Any], variable: str = "model") -> list[np.ndarray]:
    """The weights of a one-layer model in Keras's order and layout."""
    found = names[variable]
    if hasattr(found, "get_weights"):
        return [np.array(w) for w in found.get_weights()]
    return [p.detach().numpy().T for p in found.parameters()]


def history(names: dict[str, Any], variable: str = "history") -> dict[str, list[float]]:
    """The history of either side."""
    found = names[variable]
    return found if isinstance(found, dict) else found.history


def compare(source: str, *, tolerance: float = 1e-6, aligned: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs both and compares weights and history; the names of both for more."""
    ours = run_torch(convert(source).code, aligned=aligned)
    theirs = run_keras(source)
    expected, got = history(theirs), history(ours)
    assert set(got) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(got[key], values, rtol=tolerance, atol=tolerance, err_msg=key)
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)
    return theirs, ours
