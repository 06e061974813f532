"""Names of lambdas, comprehensions, loops and unpacked values are not the model's tensors."""

from __future__ import annotations

import pytest

from transpile import keras2torch

PROGRAM = """
import keras
from keras import layers

inputs = keras.Input((3,))
x = layers.Dense(4)(inputs)
outputs = layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
{after}
"""


def _codes(after: str) -> list[str]:
    return [d.code for d in keras2torch(PROGRAM.format(after=after)).diagnostics if d.level == "error"]


@pytest.mark.parametrize(
    "after",
    [
        "double = lambda x: 2 * x",
        "squares = [x * x for x in range(3)]",
        "for x in range(3):\n    print(x)",
        "def step(data):\n    x, y = data\n    return x + y",
        "with open('log') as x:\n    print(x.read())",
        "x.shape",
        "inputs.dtype",
    ],
)
def test_not_the_tensor(after: str) -> None:
    assert _codes(after) == []


@pytest.mark.parametrize("after", ["y = x + 1", "if x is None:\n    print('no')", "f = lambda y: x + y", "print(x)"])
def test_the_tensor(after: str) -> None:
    assert "K2T110" in _codes(after)


def test_idle_lines_go() -> None:
    assert "shape" not in keras2torch(PROGRAM.format(after="x.shape")).code


LAYER = """
import keras
from keras import layers

inputs = keras.Input((3,))
hidden = layers.Dense(4, name="hidden")
outputs = layers.Dense(1)(hidden(inputs))
model = keras.Model(inputs, outputs)
{after}
"""


def test_a_variable_that_holds_a_layer_is_the_models_module() -> None:
    result = keras2torch(LAYER.format(after="kernel, bias = hidden.get_weights()\nprint(hidden.name, kernel.shape)"))
    assert not result.diagnostics
    assert "model.hidden.weight" in result.code


def test_what_a_layer_cannot_be_asked_is_reported_there() -> None:
    result = keras2torch(LAYER.format(after="hidden.reset_parameters()"))
    assert [(d.code, d.span.line) for d in result.diagnostics] == [("K2T130", 9)]


def test_a_layer_that_is_handed_on_keeps_the_model() -> None:
    result = keras2torch(LAYER.format(after="inspect(hidden)"))
    assert "K2T110" in [d.code for d in result.diagnostics]


def test_a_model_of_an_own_class_among_trained_models() -> None:
    source = """
import keras
from keras import layers

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)

inputs = keras.Input((3,))
outputs = Net()(inputs)
model = keras.Model(inputs, outputs)
model.compile("adam", "mse")
"""
    assert "class Net(nn.Module)" in keras2torch(source).code
