"""What steps by hand are given: arrays, targets of other types and shapes, variables of models.

Each program prints numbers, and prints the same when it is converted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from transpile import keras2torch
from transpile.diagnostics import CODES

HEADER = """import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.RandomState(0)
x = rng.rand(12, 4).astype("float32")
net = keras.Sequential([keras.Input((4,)), layers.Dense(UNITS, kernel_initializer="ones")])
opt = keras.optimizers.SGD(0.1)
"""
STEP = """
    grads = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(grads, net.trainable_variables))
    print(float(loss))
"""
TARGETS = """
y = rng.randint(0, 2, 12)
t = rng.rand(12)
bce = keras.losses.BinaryCrossentropy(from_logits=True)
mse = keras.losses.MeanSquaredError()
data = tf.data.Dataset.from_tensor_slices((x, y, t)).batch(4)
for a, b, c in data:
    with tf.GradientTape() as tape:
        out = net(a, training=True)
        loss = bce(b, out) + mse(c, out) + tf.reduce_mean(keras.losses.MAE(c, out))
"""
COLUMN_OF_IDS = """
y = rng.randint(0, 3, (12, 1))
sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
data = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
for a, b in data:
    with tf.GradientTape() as tape:
        out = net(a, training=True)
        loss = sparse(b, out)
"""
ARRAYS = """
y = rng.randint(0, 3, 12)
for step in range(3):
    with tf.GradientTape() as tape:
        out = net(x, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, out, from_logits=True))
"""
SUMS = """
y = rng.randint(0, 3, 12)
for step in range(3):
    with tf.GradientTape() as tape:
        out = net(x, training=True)
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, out, from_logits=True))
        squares = []
        for p in net.trainable_variables:
            squares.append(tf.nn.l2_loss(p))
        loss = loss + 0.01 * tf.reduce_sum(tf.stack(squares))
        loss += 0.1 * tf.add_n([tf.reduce_sum(tf.abs(v)) for v in net.trainable_weights])
"""
ONE_HOT = """

def prepare(features, label):
    label = tf.cast(label, tf.int32)
    return features, tf.one_hot(label, depth=3)


y = rng.randint(0, 3, 12).astype("uint8")
categorical = keras.losses.CategoricalCrossentropy(from_logits=True)
data = tf.data.Dataset.from_tensor_slices((x, y)).map(prepare).batch(4)
for a, b in data:
    with tf.GradientTape() as tape:
        out = net(a, training=True)
        loss = categorical(b, out)
"""
NOISE = """

def draw(n):
    noise = np.random.normal(0.5, 0.0, size=[n, 4]).astype(np.float32)
    return tf.reduce_sum(net(noise, training=False))


y = rng.rand(12, 3).astype("float32")
for step in range(2):
    with tf.GradientTape() as tape:
        out = net(x, training=True)
        loss = tf.reduce_mean(tf.square(out - y))
    print(float(draw(5)))
"""
DOUBLES = """
data = tf.data.Dataset.from_tensor_slices((x.astype("float64"), rng.rand(12, 3))).batch(4)
for a, b in data:
    with tf.GradientTape() as tape:
        out = net(a, training=True)
        loss = tf.reduce_mean(keras.losses.MSE(b, out))
"""
PROGRAMS = {
    "integers and vectors as targets of a column": HEADER.replace("UNITS", "1") + TARGETS + STEP,
    "a column of ids": HEADER.replace("UNITS", "3") + COLUMN_OF_IDS + STEP,
    "arrays": HEADER.replace("UNITS", "3") + ARRAYS + STEP,
    "sums over variables": HEADER.replace("UNITS", "3") + SUMS + STEP,
    "ids of 32 bits": HEADER.replace("UNITS", "3") + ONE_HOT + STEP,
    "noise of numpy": HEADER.replace("UNITS", "3") + NOISE + STEP,
    "data in double precision": HEADER.replace("UNITS", "3") + DOUBLES + STEP,
}
CHILD = """
import contextlib, io, json, sys

printed = []
for source in json.load(sys.stdin):
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(source, {"__name__": "__main__"})
    printed.append([float(line) for line in stream.getvalue().split()])
json.dump(printed, sys.stdout)
"""


@pytest.fixture(scope="module")
def printed() -> dict[str, tuple[list[float], list[float]]]:
    pytest.importorskip("tensorflow")
    pytest.importorskip("torch")
    sources = [s for p in PROGRAMS.values() for s in (p, keras2torch(p).code)]
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(sources), capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    return dict(zip(PROGRAMS, zip(numbers[::2], numbers[1::2]), strict=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_the_same(name: str, printed: dict[str, tuple[list[float], list[float]]]) -> None:
    result = keras2torch(PROGRAMS[name])
    assert not [d for d in result.diagnostics if CODES[d.code].level != "note"]
    theirs, ours = printed[name]
    assert len(theirs) >= 3
    assert ours == pytest.approx(theirs, rel=2e-5)


LEFT = {
    "by name": SUMS.replace("in net.trainable_weights", "in net.trainable_weights if 'bias' not in v.name"),
    "shapes": SUMS.replace("squares.append(tf.nn.l2_loss(p))", "squares.append(float(p.shape[0]))"),
    "largest": SUMS.replace("tf.reduce_sum(tf.abs(v))", "tf.reduce_max(tf.abs(v))"),
    "first": SUMS.replace("for p in net.trainable_variables", "for p in net.trainable_variables[:1]"),
    "statistics": SUMS.replace("for p in net.trainable_variables", "for p in net.weights"),
}


@pytest.mark.parametrize("name", LEFT)
def test_other_uses_of_variables_are_left(name: str) -> None:
    """PyTorch arranges them in another way."""
    source = HEADER.replace("UNITS", "3") + LEFT[name] + STEP
    assert LEFT[name] != SUMS
    result = keras2torch(source)
    assert {"K2T191", "K2T124"} <= {d.code for d in result.diagnostics}
    assert "with tf.GradientTape() as tape:" in result.code
