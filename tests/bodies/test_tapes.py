"""Training steps by hand: the same steps from the same weights in both frameworks."""

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

"""
ONE = """model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(3)])
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.SGD(0.1, momentum=0.9)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = loss_fn(y, logits)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


models = [model]
"""
# The optimizers are made before the models; both losses read both models.
TWO = """a_optimizer = keras.optimizers.SGD(0.05)
b_optimizer = keras.optimizers.SGD(0.1)
a = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(6)])
b = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
bce = keras.losses.BinaryCrossentropy(from_logits=True)


def b_loss(real, fake):
    return bce(tf.ones_like(real), real) + bce(tf.zeros_like(fake), fake)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as a_tape, tf.GradientTape() as b_tape:
        fake = b(a(x, training=True), training=True)
        real = b(x, training=True)
        loss_a = bce(tf.ones_like(fake), fake)
        loss_b = b_loss(real, fake)
    a_grads = a_tape.gradient(loss_a, a.trainable_variables)
    b_grads = b_tape.gradient(loss_b, b.trainable_variables)
    a_optimizer.apply_gradients(zip(a_grads, a.trainable_variables))
    b_optimizer.apply_gradients(zip(b_grads, b.trainable_variables))
    return loss_a + loss_b


models = [a, b]
"""
# The gradient with respect to an input is part of the loss.
PENALTY = """model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
optimizer = keras.optimizers.SGD(0.05)


def penalty(x):
    with tf.GradientTape() as inner:
        inner.watch(x)
        score = model(x, training=True)
    gradient = inner.gradient(score, x)
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=1) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(x, training=True)) + 10.0 * penalty(x)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss


models = [model]
"""
# One optimizer for two models, which clips; their variables have a name.
JOINT = """a = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh")])
b = keras.Sequential([keras.Input((8,)), layers.Dense(6)])
optimizer = keras.optimizers.SGD(0.5, clipnorm=0.1)
mse = keras.losses.MeanSquaredError()


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = mse(x, b(a(x))) + tf.reduce_mean(tf.losses.mse(x, b(a(x))))
    variables = a.trainable_variables + b.trainable_variables
    grads = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(grads, variables))
    return loss


models = [a, b]
"""
# Gradients are clipped by hand, all together and each value.
CLIPPED = """model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), layers.Dense(6)])
optimizer = keras.optimizers.SGD(0.5)


def small_step(x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.losses.MSE(x, model(x)))
    grads = tape.gradient(loss, model.trainable_variables)
    small = [tf.clip_by_value(g, -0.01, 0.01) for g in grads]
    optimizer.apply_gradients(zip(small, model.trainable_variables))
    return loss


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = 10 * tf.reduce_mean(tf.losses.MSE(x, model(x)))
    grads = tape.gradient(loss, model.trainable_variables)
    grads, norm = tf.clip_by_global_norm(grads, 0.5)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss + norm + small_step(x)


models = [model]
"""
CHILD = """
import json, sys
import numpy as np
import tensorflow as tf, torch

answers = []
for before, after in json.load(sys.stdin):
    theirs, ours = {}, {}
    exec(before, theirs)
    exec(after, ours)
    for k, t in zip(theirs["models"], ours["models"]):
        for value, parameter in zip(k.trainable_weights, t.parameters()):
            value = value.numpy()
            parameter.data.copy_(torch.tensor(value.T))
    rng = np.random.default_rng(2)
    worst = 0.0
    for _ in range(6):
        x, y = rng.normal(size=(10, 6)).astype("float32"), rng.integers(0, 3, size=(10,))
        expected = float(theirs["train_step"](tf.constant(x), tf.constant(y)))
        got = ours["train_step"](torch.tensor(x), torch.tensor(y)).item()
        worst = max(worst, abs(expected - got))
    for k, t in zip(theirs["models"], ours["models"]):
        for value, parameter in zip(k.trainable_weights, t.parameters()):
            value = value.numpy()
            worst = max(worst, float(np.abs(value.T - parameter.detach().numpy()).max()))
    answers.append(worst)
json.dump(answers, sys.stdout)
"""
HANDED_MODE = """
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4)
        self.norm = layers.BatchNormalization()
        self.out = layers.Dense(3)

    def call(self, inputs, training=None):
        return self.out(tf.nn.relu(self.norm(self.hidden(inputs), training=training)))


model = Net()
model(tf.zeros((1, 6)))
optimizer = keras.optimizers.SGD(0.1)


def loss_of(net, x, y, is_training):
    return tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(y, net(x, training=is_training), from_logits=True))


def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(model, x, y, True)
    grads = tape.gradient(loss, model.trainable_variables)
    total = loss_of(model, x, y, False)
    for g in grads:
        total += tf.reduce_sum(tf.square(g))
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return total + loss


models = [model]
"""
PROBABILITIES = ONE.replace("layers.Dense(3)", 'layers.Dense(3, activation="softmax")')
PROGRAMS = {
    "softmax taken for logits": PROBABILITIES,
    "mode handed on": HANDED_MODE,
    "one": ONE,
    "two": TWO,
    "penalty": PENALTY,
    "joint": JOINT,
    "clipped": CLIPPED,
}


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    pytest.importorskip("tensorflow")
    pytest.importorskip("torch")
    pairs = [(HEADER + p, keras2torch(HEADER + p).code) for p in PROGRAMS.values()]
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(pairs), capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(PROGRAMS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_steps(name: str, differences: dict[str, float]) -> None:
    result = keras2torch(HEADER + PROGRAMS[name])
    assert not [d for d in result.diagnostics if CODES[d.code].level != "note"]
    assert "tf." not in result.code
    assert differences[name] < 2e-5


def test_mode_by_position() -> None:
    """Keras 2 took it; Keras 3 wants the keyword."""
    old = HANDED_MODE.replace("training=is_training)", "is_training)")
    assert old != HANDED_MODE
    assert keras2torch(HEADER + old).code == keras2torch(HEADER + HANDED_MODE).code


LEFT = {
    "variables of two models": ONE.replace("grads = tape.gradient(loss, model.trainable_variables)",
                                           "grads = tape.gradient(loss, model.trainable_variables + [])"),
    "a model that is handed in": ONE.replace("def train_step(x, y)", "def train_step(x, y, model)"),
    "models that are handed in and differ": ONE.replace("def train_step(x, y)", "def train_step(x, y, model)")
    + "\nother = keras.Sequential([keras.Input((6,)), layers.Dense(3)])\nbatch = tf.zeros((2, 6)), tf.zeros((2,))\n"
    "train_step(*batch, model)\ntrain_step(*batch, other)\n",
    "gradients that are clipped in another way": ONE.replace(
        "    optimizer.apply", "    grads = [tf.clip_by_value(g, -0.1, 0.2) for g in grads]\n    optimizer.apply"
    ),
    "an optimizer that is handed in": ONE.replace("def train_step(x, y)", "def train_step(x, y, optimizer)"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    result = keras2torch(HEADER + LEFT[name])
    assert "K2T191" in {d.code for d in result.diagnostics}
    assert "with tf.GradientTape() as tape:" in result.code


def test_crossentropy_behind_the_other_activation_is_left() -> None:
    """Keras on TensorFlow computes it from what goes into the activation."""
    source = PROBABILITIES.replace('"softmax"', '"sigmoid"')
    result = keras2torch(HEADER + source)
    assert "K2T186" in {d.code for d in result.diagnostics}
    assert "with tf.GradientTape() as tape:" in result.code


def test_what_may_be_a_model_is_left() -> None:
    result = keras2torch(HEADER + ONE + "\n\ndef answer(net, x):\n    return tf.square(net(x, training=False))\n")
    assert "K2T191" in {d.code for d in result.diagnostics}
    assert "tf.square(net(x, training=False))" in result.code
