"""Pipelines of tf.data: the same batches in the same order, and the same training."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, SOFTMAX, compare, model
from transpile import keras2torch

START = (
    "import tensorflow as tf\n"
    + HEAD
    + model(SOFTMAX)
    + 'model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["accuracy"])\n'
    + "data = tf.data.Dataset.from_tensor_slices((x, onehot))\n"
)
PIPELINES = [
    "data.batch(5)",
    "data.batch(5, drop_remainder=True).prefetch(tf.data.AUTOTUNE)",
    "data.map(lambda a, b: (a * 2 - 1, b), num_parallel_calls=tf.data.AUTOTUNE).batch(4).cache()",
    "data.filter(lambda a, b: a[0] > 0).batch(3)",
    "data.skip(3).take(12).repeat(2).batch(7)",
    "data.batch(5).skip(1).take(2)",
]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_batches_and_training(pipeline: str) -> None:
    theirs, ours = compare(
        START
        + f"""\
train = {pipeline}
history = model.fit(train, epochs=2, verbose=0, validation_data=train)
score = model.evaluate(train, verbose=0)
outputs = model.predict(train, verbose=0)
batches = [(a.numpy(), b.numpy()) for a, b in train]
"""
    )
    assert len(ours["batches"]) == len(theirs["batches"])
    for got, wanted in zip(ours["batches"], theirs["batches"], strict=True):
        for a, b in zip(got, wanted, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b)
    np.testing.assert_allclose(ours["score"], theirs["score"], rtol=1e-6)
    np.testing.assert_allclose(ours["outputs"], theirs["outputs"], rtol=1e-6)


@pytest.mark.parametrize("steps", [2, 3, 5])
def test_steps(steps: int) -> None:
    """A pass goes on where the one before stopped."""
    fit = f"history = model.fit(data.batch(5).repeat(), epochs=4, steps_per_epoch={steps}, verbose=0)\n"
    compare(START + fit)
    compare(START + fit.replace(".repeat()", ""))


def test_a_shuffled_pipeline_holds_every_sample_once() -> None:
    source = START + "history = model.fit(data.batch(5), verbose=0)\nnumbers = tf.data.Dataset.from_tensor_slices("
    source += "np.arange(50)).shuffle(8).batch(10)\nfirst, second = list(numbers), list(numbers)\n"
    _, ours = compare(source)
    first, second = (np.concatenate([b.numpy() for b in ours[n]]) for n in ("first", "second"))
    assert sorted(first) == sorted(second) == list(range(50))
    assert list(first) != list(second)


@pytest.mark.parametrize(
    "pipeline",
    [
        "data.map(lambda a, b: (tf.cast(a, tf.float32), b)).batch(5)",
        "data.map(lambda a, b: (model(a), b)).batch(5)",
        "data.window(3)",
        "data.shuffle(8, seed=3).batch(5)",
    ],
)
def test_left(pipeline: str) -> None:
    result = keras2torch(START + f"model.fit({pipeline})\n")
    assert "K2T171" in {d.code for d in result.diagnostics}
    assert "data = tf.data.Dataset.from_tensor_slices" in result.code
