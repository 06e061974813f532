"""What a pipeline yields tells a model that declares no input its sizes."""

from __future__ import annotations

import re

import pytest

from transpile import keras2torch

HEAD = """\
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

x = np.random.rand(20, 6).astype("float32")
y = np.random.randint(0, 3, size=20)
read = np.loadtxt("values.txt").reshape(-1, 6)


def double(a, b):
    return tf.cast(a, tf.float32) * 2.0, tf.one_hot(b, 3)


class Net(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.scores = layers.Dense(3)

    def call(self, x):
        return self.scores(x)


model = Net()
"""
FIT = 'model.compile("sgd", "mse")\nmodel.fit(DATA)\n'


@pytest.mark.parametrize(
    "data",
    [
        "ds((x, y)).batch(4)",
        "ds((read, y)).shuffle(20).batch(4).prefetch(1)",
        "ds((x, y)).map(double).repeat(2).batch(4, drop_remainder=True)",
        "ds((x, y)).map(lambda a, b: (a / 2, b)).batch(4).take(2)",
        "ds((x, y)).batch(4).unbatch().batch(5).skip(1)",
        "ds((x, y)).batch(4).map(double).cache()",
        "tf.data.Dataset.zip((ds(x), ds(y))).batch(4)",
    ],
)
def test_sizes_come_from_the_data(data: str) -> None:
    assert _size(FIT.replace("DATA", data.replace("ds(", "tf.data.Dataset.from_tensor_slices("))) == "nn.Linear(6, 3)"


@pytest.mark.parametrize(
    "loop",
    [
        "for a, b in batches:\n    out = model(a)\n",
        "for i, (a, b) in enumerate(batches):\n    out = model(a)\n",
        "a, b = next(iter(batches))\nout = model(a)\n",
        "for epoch in range(2):\n    for a, b in batches.take(3):\n        out = model(a)\n",
    ],
)
def test_loops_over_batches(loop: str) -> None:
    made = "batches = tf.data.Dataset.from_tensor_slices((x, y)).map(double).batch(4)\n"
    assert _size(made + loop) == "nn.Linear(6, 3)"


@pytest.mark.parametrize(
    "data",
    [
        "ds((np.loadtxt('a.txt'), y)).batch(4)",
        "ds((x, y)).map(unknown).batch(4)",
        "ds((x, y)).window(2).batch(4)",
    ],
)
def test_what_is_not_seen_stays_open(data: str) -> None:
    assert _size(FIT.replace("DATA", data.replace("ds(", "tf.data.Dataset.from_tensor_slices("))) == "nn.LazyLinear(3)"


def _size(program: str) -> str:
    found = re.search(r"self\.scores = (.*)", keras2torch(HEAD + program).code)
    return found[1] if found else ""
