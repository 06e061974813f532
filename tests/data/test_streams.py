"""Training on generators and Sequences: the traces of both frameworks on the same batches."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, SOFTMAX, compare, convert, history, model, run_keras, run_torch
from transpile import keras2torch

START = (
    HEAD
    + """\
def generate(x, y, size):
    while True:
        for i in range(0, len(x), size):
            yield x[i : i + size], y[i : i + size]

class Batches(keras.utils.Sequence):
    def __init__(self, x, y, size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.size, self.ended = x, y, size, 0

    def __len__(self):
        return int(np.ceil(len(self.x) / self.size))

    def __getitem__(self, i):
        rows = slice(i * self.size, (i + 1) * self.size)
        return self.x[rows], self.y[rows]

    def on_epoch_end(self):
        self.ended += 1

"""
    + model(SOFTMAX)
    + 'model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["accuracy"])\n'
)


@pytest.mark.parametrize(
    "call",
    [
        "fit(generate(x, onehot, 5), steps_per_epoch=3, epochs=4, verbose=0)",
        "fit(generate(x, onehot, 5), steps_per_epoch=5, epochs=2, verbose=0, validation_data=(x[:7], onehot[:7]))",
        "fit(generate(x, onehot, 5), steps_per_epoch=5, epochs=1, verbose=0, "
        "validation_data=generate(x, onehot, 4), validation_steps=2)",
        "fit(x, onehot, shuffle=False, epochs=1, verbose=0, validation_data=generate(x, onehot, 6), "
        "validation_steps=4)",
        "fit(Batches(x, onehot, 5), shuffle=False, epochs=3, verbose=0)",
        "fit(Batches(x, onehot, 5), shuffle=False, epochs=5, steps_per_epoch=2, verbose=0)",
        "fit(Batches(x, onehot, 11), shuffle=False, epochs=4, steps_per_epoch=1, verbose=0)",
        "fit(Batches(x, onehot, 5), shuffle=False, epochs=2, verbose=0, class_weight={0: 2.0, 1: 0.5})",
        "fit(Batches(x, onehot, 5), shuffle=False, epochs=2, verbose=0, validation_data=Batches(x, onehot, 9))",
    ],
)
def test_traces(call: str) -> None:
    compare(START + f"history = model.{call}\n")


def test_parts_of_batches_count_up() -> None:
    """Keras 2 goes on while fewer batches than `steps` were taken; Keras 3 has no counts like 4.4."""
    call = "history = model.fit(generate(x, onehot, 5), steps_per_epoch=STEPS, epochs=2, verbose=0)\n"
    source = START + call
    theirs = run_keras(source.replace("STEPS", "5"))
    ours = run_torch(convert(source.replace("STEPS", "len(x) / 5")).code)
    for key, values in history(theirs).items():
        np.testing.assert_allclose(history(ours)[key], values, rtol=1e-6, err_msg=key)


WEIGHTED = (
    START.replace(", y[i : i + size]", ", y[i : i + size], weights(i, size)")
    .replace(
        "return self.x[rows], self.y[rows]", "return self.x[rows], self.y[rows], weights(i * self.size, self.size)"
    )
    .replace(
        "def generate", "def weights(i, size):\n    return np.linspace(0.1, 2.0, 22)[i : i + size]\n\ndef generate"
    )
)


@pytest.mark.parametrize(
    "call",
    [
        "fit(generate(x, onehot, 4), steps_per_epoch=5, epochs=2, verbose=0)",
        "fit(Batches(x, onehot, 4), shuffle=False, epochs=2, verbose=0, validation_data=(x[:7], onehot[:7]))",
        "fit(x, onehot, shuffle=False, epochs=1, verbose=0, validation_data=generate(x, onehot, 4), "
        "validation_steps=4)",
        "fit(Batches(x, onehot, 4), shuffle=False, verbose=0, validation_data=(x[:7], onehot[:7], weights(0, 7)))",
    ],
)
def test_batches_with_weights(call: str) -> None:
    compare(WEIGHTED.replace("range(0, len(x), size)", "range(0, 20, size)") + f"history = model.{call}\n")


@pytest.mark.parametrize(
    "made",
    [
        "tf.data.Dataset.from_tensor_slices((x, onehot, np.linspace(0.1, 2.0, 22))).batch(4)",
        "tf.data.Dataset.from_tensor_slices((x, onehot)).batch(4).map(lambda x, y: (x, y, y[:, 0] + 0.5))",
    ],
)
def test_pipelines_with_weights(made: str) -> None:
    compare(START + f"import tensorflow as tf\ndata = {made}\nhistory = model.fit(data, epochs=2, verbose=0)\n")


def test_evaluate_and_predict() -> None:
    theirs, ours = compare(
        START
        + """\
train = Batches(x, onehot, 6, workers=1)
history = model.fit(train, shuffle=False, verbose=0)
scores = [model.evaluate(generate(x, onehot, 8), steps=2, verbose=0), model.evaluate(Batches(x, onehot, 8), verbose=0)]
once = model.predict(Batches(x, onehot, 8), verbose=0)
part = model.predict(generate(x, onehot, 4), steps=3, verbose=0)
"""
    )
    np.testing.assert_allclose(ours["scores"], theirs["scores"], rtol=1e-6)
    for name in ("once", "part"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


def test_on_epoch_end() -> None:
    source = START + "train = Batches(x, onehot, 5)\nhistory = model.fit(train, shuffle=False, epochs=3, verbose=0)\n"
    theirs, ours = compare(source)
    assert ours["train"].ended == 3
    assert theirs["train"].ended == 4  # once before the first pass
    assert "K2T349" in {d.code for d in keras2torch(source).diagnostics}


def test_names_of_old() -> None:
    source = START + "history = model.fit(generate(x, onehot, 5), steps_per_epoch=3, epochs=2)\n"
    old = source.replace("model.fit(", "model.fit_generator(").replace("epochs=2", "nb_epoch=2, nb_worker=2")
    assert keras2torch(old).code == keras2torch(source).code


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("fit_generator(generate(x, onehot, 5), samples_per_epoch=20, nb_epoch=2)", "K2T171"),
        ("fit_generator(unknown, steps_per_epoch=20)", "K2T127"),
        ("fit(Batches(x, onehot, 5), validation_split=0.2)", "K2T171"),
        ("fit(Batches(x, onehot, 5), sample_weight=positive[:, 0])", "K2T171"),
    ],
)
def test_left(call: str, code: str) -> None:
    result = keras2torch(START + f"model.{call}\n")
    assert code in {d.code for d in result.diagnostics}
    assert f"model.{call}" in result.code


def test_a_sequence_that_reads_what_keras_keeps_stays() -> None:
    source = START.replace("self.ended += 1", "self.ended += self.workers")
    result = keras2torch(source + "model.fit(Batches(x, onehot, 5))\n")
    assert "K2T127" in {d.code for d in result.diagnostics}
