"""Calls of models on data, outside of tapes: predictions, where only numbers are read of the result."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from tests.training.programs import HEAD, SINGLE, convert, run_keras, run_torch
from transpile import keras2torch

MODEL = HEAD + f"""\
import tensorflow as tf
model = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5), {SINGLE}])
model.compile(keras.optimizers.SGD(0.1), "mse")
model.fit(x, real[:, :1], shuffle=False, verbose=0)
"""  # fmt: skip


def seen(value: Any) -> Any:
    return value.numpy() if hasattr(value, "numpy") else value


@pytest.mark.parametrize(
    "use",
    [
        "y = model(x)\nout = np.mean(y)\n",
        "y = model(x)\nz = y\nout = z.numpy()\n",
        "y = model(x, training=False)\nout = y.numpy()\n",
        "y = model(x)\nout = [float(v) for v in y.numpy()[:3, 0]]\nprint(y, y.shape, f'{y[0, 0]:.2f}')\n",
        "out = float(model(x[:1])[0, 0])\n",
        "out = model(x)[:, 0].numpy()\n",
        "y = model(x) * 2 - 1\nout = np.where(y > 0.5, 1, 0)\n",
        "y = model(x)[:, 0]\nout = np.abs(-y)\n",
        "def guess(z):\n    scores = model(z)\n    return np.round(scores[0], 3)\nout = guess(x)\n",
        "from sklearn.metrics import mean_squared_error\ny = model(x)\nout = mean_squared_error(real[:, 0], y)\n",
        "y = model(x)\nmodel.train_on_batch(x, y)\nout = y.numpy()\n",
    ],
)
def test_numbers(use: str) -> None:
    """In the mode in which Keras calls a model: inference, whatever stood before."""
    ours, theirs = run_torch(_dropless(convert(MODEL + use).code)), run_keras(_dropless(MODEL + use))
    np.testing.assert_allclose(seen(ours["out"]), seen(theirs["out"]), rtol=1e-6, atol=1e-6)


def _dropless(source: str) -> str:
    """Without the draws of the training; the mode shows in the normalization."""
    return source.replace("Dropout(0.5)", "Dropout(0.0)").replace("Dropout(p=0.5)", "Dropout(p=0.0)")


@pytest.mark.parametrize(
    "use",
    [
        "y = model(x)\nz = y\nz = z + y\nprint(z.numpy())\n",
        "y = model(x)\nprint(tf.reduce_mean(y))\n",
        "y = model(x)\nfor i in range(2):\n    y = y + 1\nprint(y)\n",
        "y = model(x)\nprint(y.dtype)\n",
        "y = model(x)\nprint(y * x[:, :1])\n",
        "y = model(x, training=True)\nprint(np.mean(y))\n",
        "def guess(z):\n    return model(z)\nprint(guess(x))\n",
        "def guess():\n    global y\n    return y\ny = model(x)\nprint(y)\n",
        "with tf.GradientTape() as tape:\n    y = model(x)\n    print(y.numpy())\n",
        "for z in [x]:\n    y = model(z)\n    print(np.mean(y), tf.reduce_sum(z))\n",
    ],
)
def test_tensors_are_no_predictions(use: str) -> None:
    """Something needs the tensor: the call is translated as tensor code, or left."""
    code = keras2torch(MODEL + use).code
    assert "predict(model, " not in code


def test_the_mode_is_that_of_inference_behind_a_training() -> None:
    source = MODEL + "y = model(x)\nz = tf.sqrt(tf.abs(y)).numpy()\n"
    ours, theirs = run_torch(_dropless(convert(source).code)), run_keras(_dropless(source))
    np.testing.assert_allclose(ours["z"], theirs["z"], atol=1e-6)


def test_numbers_that_are_printed() -> None:
    source = MODEL + "y = model(x)\nprint(f'{y[0, 0]:.4f} {float(y[1, 0]):.4f}')\n"
    printed = []
    for code in (_dropless(convert(source).code).replace("torch.float32", "torch.float64"), _dropless(source)):
        import torch

        torch.set_default_dtype(torch.float64)
        out = io.StringIO()
        try:
            with contextlib.redirect_stdout(out):
                exec(compile(code, "program", "exec"), {"__name__": "__main__"})
        finally:
            torch.set_default_dtype(torch.float32)
        printed.append(out.getvalue().strip().splitlines()[-1])
    assert printed[0] == printed[1]
