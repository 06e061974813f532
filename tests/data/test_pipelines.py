"""Pipelines of tf.data: the same batches in the same order, and the same training."""

from __future__ import annotations

from typing import Any

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
        "data.window(3).flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(3), b.batch(3))))",
        "data.window(3).repeat(2)",
        "data.interleave(lambda a, b: (a, b)).batch(5)",
    ],
)
def test_left(pipeline: str) -> None:
    result = keras2torch(START + f"model.fit({pipeline})\n")
    assert "K2T171" in {d.code for d in result.diagnostics}
    assert "data = tf.data.Dataset.from_tensor_slices" in result.code


def test_functions_of_a_pipeline_that_was_left_stay() -> None:
    pipeline = "ds = data.interleave(f).map(lambda a, b: (tf.cast(a, tf.float32), b)).batch(5)"
    assert pipeline in keras2torch(START + f"{pipeline}\nmodel.fit(ds)\n").code


def test_methods_over_samples() -> None:
    """Windows, chains, numbers and generators: the same samples in the same order."""
    lines = [
        "series.window(5, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(5)).map(lambda w: (w[:-1], w[-1:]))",
        "series.window(3, shift=2, stride=2).flat_map(lambda w: w.batch(3))", "series.window(4).flat_map(lambda w: w)",
        "series.concatenate(series.take(2))", "series.enumerate(start=3)", "series.batch(4).unbatch()",
        "tf.data.Dataset.zip((series, pairs.skip(1)))", "pairs.batch(3).unbatch()",
        "tf.data.Dataset.from_generator(rows, output_signature=(\n"
        "    tf.TensorSpec(shape=(2,), dtype=tf.float32), tf.TensorSpec(shape=(), dtype=tf.int32)))",
        "tf.data.Dataset.from_generator(rows, (tf.float64, tf.int64), ((2,), ())).batch(3)",
        "tf.data.Dataset.from_generator(lambda: range(4), output_types=tf.int32)",
    ]  # fmt: skip
    source = START + "series = tf.data.Dataset.from_tensor_slices(np.arange(11.0))\npairs = data.take(9)\n"
    source += "def rows():\n    for i in range(7):\n        yield np.ones(2) * i, i\n"
    source += "history = model.fit(data.batch(5), verbose=0)\nfound = []\n"
    source += "".join(f"found.append(list({line}))\n" for line in lines)
    theirs, ours = compare(source)
    for line, a, b in zip(lines, theirs["found"], ours["found"], strict=True):
        assert len(a) == len(b) > 0, line
        for u, v in zip(map(_flat, a), map(_flat, b), strict=True):
            for x, y in zip(u, v, strict=True):
                assert x.dtype.kind == y.dtype.kind, line
                np.testing.assert_allclose(y, x, err_msg=line)


def _flat(sample: Any) -> list[np.ndarray]:
    if isinstance(sample, tuple | list):
        return [array for part in sample for array in _flat(part)]
    return [np.asarray(sample)]


def test_a_seeded_shuffle_can_keep_its_order() -> None:
    source = (
        START
        + "history = model.fit(data.batch(5), verbose=0)\nnumbers = tf.data.Dataset.from_tensor_slices(np.arange(50))\n"
    )
    source += "kept = numbers.shuffle(50, seed=1, reshuffle_each_iteration=False)\nanew = numbers.shuffle(50, seed=1)\n"
    source += "found = [[int(i) for i in d] for d in (kept, kept, anew, anew)]\n"
    for side in compare(source):
        first, second, third, fourth = side["found"]
        assert first == second != sorted(first) == list(range(50))
        assert third != fourth
