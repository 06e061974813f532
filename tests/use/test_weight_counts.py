"""How many weights a model has, and how many numbers in them: asked on both sides."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import pytest

from transpile import keras2torch

HEAD = """\
import keras
from keras import layers
from keras.models import Sequential

"""
COUNTED = {
    "dense": """\
model = Sequential([keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(2, use_bias=False)])
print(len(model.weights), len(model.trainable_weights), len(model.non_trainable_weights), model.count_params())
model.layers[0].trainable = False
print(len(model.weights), len(model.trainable_variables), len(model.non_trainable_weights))
print(len(model.layers[0].trainable_weights), len(model.layers[1].trainable_weights), len(model.layers[1].weights))
""",
    "statistics": """\
base = Sequential([keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()])
model = Sequential([base, layers.Dropout(0.5), layers.Dense(3)])
print(len(model.weights), len(model.trainable_weights), model.count_params())
base.trainable = False
print(len(model.weights), len(model.trainable_weights), len(base.trainable_weights), base.count_params())
""",
    "one bias in Keras": """\
model = Sequential([
    keras.Input((5, 3)),
    layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
    layers.SimpleRNN(2, return_sequences=True),
    layers.GRU(3, reset_after=False),
    layers.Dense(1),
])
print(len(model.trainable_weights), model.count_params())
""",
    "two biases in Keras": """\
model = Sequential([keras.Input((5, 3)), layers.GRU(3), layers.Dense(1)])
print(model.count_params())
""",
    "shared": """\
inputs = keras.Input((4,))
shared = layers.Dense(4, activation="tanh")
model = keras.Model(inputs, layers.add([shared(inputs), shared(shared(inputs))]))
print(len(model.weights), len(model.trainable_weights), model.count_params())
""",
}


def printed(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "program.py", "exec"), {"__name__": "__main__"})
    return out.getvalue()


@pytest.mark.parametrize("name", COUNTED)
def test_counted_as_in_keras(name: str) -> None:
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    result = keras2torch(HEAD + COUNTED[name])
    assert not result.diagnostics
    assert printed(result.code) == printed(HEAD + COUNTED[name]) != ""


RECURRENT = "model = Sequential([keras.Input((5, 3)), layers.GRU(4, return_sequences=True), layers.LSTM(4)])\n"
LEFT: dict[str, tuple[str, Any]] = {
    "biases cut in two": (RECURRENT + "print(len(model.trainable_weights))\n", "cut these weights differently"),
    "biases of two kinds": (RECURRENT + "print(model.count_params())\n", "second bias"),
    "frozen biases": (
        "model = Sequential([keras.Input((5, 3)), layers.LSTM(4)])\nprint(len(model.weights))\n",
        "second bias",
    ),
    "statistics": (
        "model = Sequential([keras.Input((3,)), layers.BatchNormalization()])\nprint(len(model.non_trainable_weights))\n",
        "statistics",
    ),
    "learned from data": (
        "import numpy as np\nscale = layers.Normalization()\nscale.adapt(np.ones((4, 3)))\n"
        "model = Sequential([keras.Input((3,)), scale, layers.Dense(1)])\nprint(model.count_params())\n",
        "Normalization",
    ),
    "themselves": ("model = Sequential([keras.Input((3,)), layers.Dense(1)])\nprint(model.weights)\n", "weights"),
}


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    text, reason = LEFT[name]
    result = keras2torch(HEAD + text)
    assert [d.code for d in result.diagnostics] == ["K2T130"]
    assert reason in result.diagnostics[0].message
    assert text.splitlines()[-1] in result.code
