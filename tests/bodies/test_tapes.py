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
# Variables of the program's own, as low-level programs keep them.
RAW = """rng = np.random.default_rng(0)
random_normal = tf.initializers.RandomNormal(stddev=0.3)
weights = {
    "h": tf.Variable(random_normal([6, 8])),
    "out": tf.Variable(tf.random.uniform([8, 3], -0.5, 0.5)),
}
biases = {"h": tf.Variable(tf.zeros([8])), "out": tf.Variable([0.1, 0.2, 0.3], name="b")}
images = rng.normal(size=(20, 6))
labels = rng.integers(0, 3, size=20).astype(np.uint8)


def net(x):
    hidden = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["h"]), biases["h"]))
    return tf.nn.softmax(tf.matmul(hidden, weights["out"]) + biases["out"])


def cross_entropy(y_pred, y_true):
    y_true = tf.one_hot(y_true, depth=3)
    return tf.reduce_mean(-tf.reduce_sum(y_true * tf.math.log(tf.clip_by_value(y_pred, 1e-9, 1.0)), axis=1))


def accuracy(y_pred, y_true):
    right = tf.equal(tf.argmax(y_pred, 1), tf.cast(y_true, tf.int64))
    return tf.reduce_mean(tf.cast(right, tf.float32), axis=-1)


optimizer = tf.optimizers.SGD(0.5)


def run_optimization(x, y):
    with tf.GradientTape() as g:
        loss = cross_entropy(net(x), y)
    trainable_variables = list(weights.values()) + list(biases.values())
    gradients = g.gradient(loss, trainable_variables)
    optimizer.apply_gradients(zip(gradients, trainable_variables))
    return loss


def train_step(x, y):
    run_optimization(x, y)
    pred = net(images.astype("float32"))
    return cross_entropy(pred, labels) + accuracy(pred, labels)


models = []
variables = [weights["h"], weights["out"], biases["h"], biases["out"]]
"""
# Steps without an optimizer, a loss that is minimized, and an array of float64 beside variables.
MANUAL = """data = np.linspace(-1.0, 1.0, 5)
w = tf.Variable(tf.random.truncated_normal([6, 3], stddev=0.1))
b = tf.Variable(np.zeros(3, "float32"))
slope = tf.Variable(0.5)
start = tf.constant(2.0)
kept = tf.Variable(start, trainable=False)
steps = tf.Variable(0)
optimizer = keras.optimizers.SGD(0.1, clipnorm=0.5)


def line(x):
    return slope * x + kept


def fit_line():
    return tf.reduce_mean(tf.square(line(data) - 1.0))


def train_step(x, y):
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.reduce_mean(tf.square(x @ w + b - tf.one_hot(y, 3)))
        other = tf.reduce_sum(w ** 2) * 0.01
    grads = tape.gradient(loss, [w, b])
    decay = tape.gradient(other, w)
    del tape
    w.assign_sub(0.1 * (grads[0] + decay))
    b.assign_sub(0.1 * grads[1])
    kept.assign_add(0.25)
    steps.assign_add(1)
    optimizer.minimize(fit_line, var_list=[slope])
    optimizer.minimize(lambda: tf.reduce_mean((slope * line(data)) ** 2), [slope])
    return loss + start + tf.cast(steps, tf.float32)


models = []
variables = [w, b, slope]
"""
# Convolutions and pools as functions.
CONVOLVED = """second = tf.Variable(tf.random.normal([3, 3, 4, 4]))
kernel = tf.Variable(tf.random.normal([2, 2, 1, 4]))
bias = tf.Variable(tf.zeros([4]))
out = tf.Variable(tf.random.normal([8, 3]))
variables = [kernel, second, bias, out]
optimizer = tf.optimizers.SGD(0.05, momentum=0.5)


def conv2d(x, W, b, strides=1):
    x = tf.nn.conv2d(x, W, strides=[1, strides, strides, 1], padding="SAME")
    return tf.nn.relu(tf.nn.bias_add(x, b))


def maxpool2d(x, k=2):
    x = tf.nn.max_pool(x, ksize=[1, k, k, 1], strides=[1, k, k, 1], padding="SAME")
    return tf.nn.avg_pool(tf.nn.max_pool2d(x, 3, 1, "SAME"), 3, 1, "SAME")


def train_step(x, y):
    with tf.GradientTape() as tape:
        images = tf.reshape(x, [-1, 3, 2, 1])
        pooled = maxpool2d(conv2d(conv2d(images, kernel, bias), second, bias, 1)) + tf.nn.avg_pool(images, 2, 2, "VALID")[:, :1, :1, :1]
        logits = tf.matmul(tf.reshape(pooled, [-1, 8]), out)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.cast(y, tf.int32), logits=logits))
    gradients = tape.gradient(loss, variables)
    optimizer.apply_gradients(zip(gradients, variables))
    return loss


models = []
"""
CHILD = """
import json, sys
import numpy as np
import tensorflow as tf, torch

from tensorflow import keras


def minimize(self, loss, var_list):  # as Keras 2 has it; Keras 3 took it away
    with tf.GradientTape() as tape:
        value = loss()
    self.apply_gradients(list(zip(tape.gradient(value, var_list), var_list)))


keras.optimizers.Optimizer.minimize = minimize
answers = []
for before, after in json.load(sys.stdin):
    theirs, ours = {}, {}
    exec(before, theirs)
    exec(after, ours)
    for k, t in zip(theirs["models"], ours["models"]):
        for value, parameter in zip(k.trainable_weights, t.parameters()):
            value = value.numpy()
            parameter.data.copy_(torch.tensor(value.T))
    own = list(zip(theirs.get("variables", []), ours.get("variables", []), strict=True))
    for value, parameter in own:
        parameter.data.copy_(torch.tensor(value.numpy()))
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
    for value, parameter in own:
        worst = max(worst, float(np.abs(value.numpy() - parameter.detach().numpy()).max()))
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
# The mode has another name, which only the program hands on.
FLAGGED = HANDED_MODE.replace("training=None", "is_training=False").replace("training=training", "training=is_training")
FLAGGED = FLAGGED.replace("x, training=is_training), from", "x, is_training=is_training), from")
PROBABILITIES = ONE.replace("layers.Dense(3)", 'layers.Dense(3, activation="softmax")')
PROGRAMS = {
    "softmax taken for logits": PROBABILITIES,
    "mode handed on": HANDED_MODE,
    "mode under another name": FLAGGED,
    "variables": RAW,
    "without optimizers": MANUAL,
    "functions of images": CONVOLVED,
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
    "variables that another place adds to": RAW + '\nweights["more"] = tf.Variable(tf.zeros([3]))\n',
    "a variable that is made again": MANUAL.replace("slope = tf.Variable(0.5)\n", "slope = tf.Variable(0.5)\n" * 2),
    "a variable of a function, an optimizer of the module": RAW.replace(
        "def run_optimization(x, y):\n", "def run_optimization(x, y):\n    weights = {'a': tf.Variable(tf.zeros([3]))}\n"
    ),
    "an optimizer that is handed in": ONE.replace("def train_step(x, y)", "def train_step(x, y, optimizer)"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    result = keras2torch(HEADER + LEFT[name])
    assert "K2T191" in {d.code for d in result.diagnostics}
    assert "with tf.GradientTape(" in result.code or "optimizer.minimize(" in result.code


def test_mode_under_another_name_that_keras_does_not_hand_on() -> None:
    """`fit` never gives `is_training`: its layers are in the mode of the default."""
    fitted = FLAGGED + "model.compile('sgd', 'mse')\nmodel.fit(np.zeros((4, 6)), np.zeros((4, 3)))\n"
    assert "K2T186" in {d.code for d in keras2torch(HEADER + fitted).diagnostics}


def test_mode_of_another_value_is_left() -> None:
    source = HANDED_MODE.replace("training=training)", "training=training and self.out.use_bias)")
    assert source != HANDED_MODE
    assert "K2T186" in {d.code for d in keras2torch(HEADER + source).diagnostics}


def test_crossentropy_behind_the_other_activation_is_left() -> None:
    """Keras on TensorFlow computes it from what goes into the activation."""
    source = PROBABILITIES.replace('"softmax"', '"sigmoid"')
    result = keras2torch(HEADER + source)
    assert "K2T186" in {d.code for d in result.diagnostics}
    assert "with tf.GradientTape() as tape:" in result.code


LOSS_OF = """
def mean_loss(labels, outputs):
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True))


@tf.function
"""


def test_function_that_is_handed_probabilities_is_left() -> None:
    """Only where it is called can be told that its argument comes out of a softmax."""
    source = HEADER + ONE.replace("loss_fn(y, logits)", "mean_loss(y, logits)").replace("\n@tf.function\n", LOSS_OF)
    source = source.replace("loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n", "")
    assert not keras2torch(source).diagnostics
    by_name = source.replace("mean_loss(y, logits)", "mean_loss(outputs=logits, labels=y)")
    assert not keras2torch(by_name).diagnostics
    for text in (source, by_name):
        text = text.replace("layers.Dense(3)", 'layers.Dense(3, activation="softmax")')
        assert "K2T186" in {d.code for d in keras2torch(text).diagnostics}


def test_what_may_be_a_model_is_left() -> None:
    result = keras2torch(HEADER + ONE + "\n\ndef answer(net, x):\n    return tf.square(net(x, training=False))\n")
    assert "K2T191" in {d.code for d in result.diagnostics}
    assert "tf.square(net(x, training=False))" in result.code
