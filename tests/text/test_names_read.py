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
