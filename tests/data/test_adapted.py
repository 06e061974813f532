"""Normalization that learns its statistics by `adapt`: a module of its own, in models and alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, LINEAR, convert, run_keras, run_torch
from transpile import keras2torch

START = "import tensorflow as tf\n" + HEAD
FIT = 'model.compile(keras.optimizers.SGD(0.05), "mse")\nhistory = model.fit(x, real, epochs=2, verbose=0, shuffle=False)\nloss = model.evaluate(x, real, verbose=0)\n'


def agree(source: str, *names: str) -> None:
    """The named values are the same in both programs."""
    theirs, ours = run_keras(START + source), run_torch(convert(START + source).code)
    for name in names:
        np.testing.assert_allclose(np.asarray(ours[name]), np.asarray(theirs[name]), rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("axis", ["", "axis=-1, name='norm'", "axis=None, input_shape=(4,)"])
def test_in_a_sequential_model(axis: str) -> None:
    agree(
        f"normalizer = layers.Normalization({axis})\nnormalizer.adapt(x * 3 + 1)\n"
        f"model = keras.Sequential([keras.Input((4,)), normalizer, {LINEAR}])\n" + FIT + "outputs = model.predict(x)\n",
        *("loss", "outputs"),
    )


def test_shared_by_two_models_of_functions() -> None:
    agree(
        f"""\
normalizer = layers.Normalization()
normalizer.adapt(tf.data.Dataset.from_tensor_slices(x * 5).batch(4))
def build():
    inputs = keras.Input((4,))
    return keras.Model(inputs, {LINEAR}(normalizer(inputs)))
model = build()
other = keras.Sequential([keras.Input((4,)), normalizer])
"""
        + FIT
        + "scaled, alone = other.predict(x), np.asarray(normalizer(x))\n",
        *("loss", "scaled", "alone"),
    )


def test_alone() -> None:
    agree("n = layers.Normalization()\nn.adapt(x)\nscaled = np.asarray(n(x * 2))\n", "scaled")


@pytest.mark.parametrize(
    ("layer", "code"), [("layers.Normalization()", "K2T194"), ("layers.Normalization(invert=True)", "K2T104")]
)
def test_left(layer: str, code: str) -> None:
    result = keras2torch(START + f"model = keras.Sequential([keras.Input((4,)), {layer}, {LINEAR}])\n" + FIT)
    assert code in {d.code for d in result.diagnostics}
    assert layer in result.code
