"""Activations of what a model predicts, which gives logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from transpile import keras2torch

MODEL = """
import numpy as np
import tensorflow as tf
model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(2)])
x = np.random.RandomState(0).rand(4, 3)
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("tf.nn.sigmoid(model.predict(x, verbose=0).flatten())", lambda z: 1 / (1 + np.exp(-z.ravel()))),
        ("tf.math.sigmoid(model.predict(x, verbose=0)[:, 0])", lambda z: 1 / (1 + np.exp(-z[:, 0]))),
        (
            "tf.nn.softmax(\n    model.predict(x, verbose=0),\n)",
            lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True),
        ),
    ],
)
def test_activation_of_predictions(call: str, expected: Any) -> None:
    torch = pytest.importorskip("torch")
    result = keras2torch(f"{MODEL}found = {call}.numpy()\n")
    assert not result.diagnostics
    assert "tensorflow" not in result.code
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(result.code, "converted.py", "exec"), namespace)
    with torch.no_grad():
        logits = namespace["model"](torch.as_tensor(namespace["x"], dtype=torch.float32)).numpy()
    np.testing.assert_allclose(namespace["found"], expected(logits), rtol=1e-5)


@pytest.mark.parametrize(
    "call",
    [
        "tf.nn.softmax(model.predict(x, verbose=0), axis=0)",
        "tf.nn.sigmoid(unknown(model.predict(x, verbose=0)))",
    ],
)
def test_left(call: str) -> None:
    result = keras2torch(f"{MODEL}model.predict(x)\nfound = {call}\n")
    assert call.partition("(")[0] in result.code
    assert "K2T153" in {d.code for d in result.diagnostics}
