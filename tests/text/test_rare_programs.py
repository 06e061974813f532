"""Programs on which the converter once stopped."""

from __future__ import annotations

import pytest

from transpile import keras2torch

HEAD = "import keras\nimport tensorflow as tf\nfrom keras import layers\n\n"


@pytest.mark.parametrize(
    "lines",
    [
        "def count(tree):\n    return sum([count(t) for t in [tree, tree]])\n\nprint(count([1]))\n",
        "if not tf.test.is_gpu_available():\n    raise SystemError('no GPU')\nraise ValueError('stop')\n",
        "x = tf.reshape(keras.Input(()), [])\n",
        "def f(x, axis):\n    return tf.reduce_max(x, axis=axis)\n\ny = f(keras.Input((3,)), keras.Input((1,), dtype='int32'))\n",
    ],
    ids=["recursion", "raise", "scalar", "axis"],
)
def test_it_converts(lines: str) -> None:
    keras2torch(HEAD + "model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n" + lines)


def test_what_follows_a_caught_error_is_seen() -> None:
    source = HEAD + "try:\n    raise ImportError\nexcept ImportError:\n    pass\n"
    source += "model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n"
    assert "nn.Linear(4, 1)" in keras2torch(source).code
