"""Data whose shape differs from the model's: vectors for columns, and shapes that nothing tells."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, compare, convert, run_torch, weights
from transpile import keras2torch

LINE = """\
first = layers.Dense(1, input_shape=[1], kernel_initializer="ones")
model = keras.Sequential([first])
model.compile(keras.optimizers.SGD(0.1), "mse")
xs, ys = np.arange(6) / 6.0, np.arange(6) * 2.0 - 1
history = model.fit(xs, ys, epochs=3, batch_size=4, shuffle=False, verbose=0)
predicted = model.predict(np.array([0.5, 10.0]), verbose=0)
"""


def test_a_vector_for_inputs_of_one_number() -> None:
    """Keras makes a column of it, for training and predictions."""
    ours, theirs = compare(HEAD + LINE)
    assert ours["predicted"].shape == (2, 1)
    np.testing.assert_allclose(ours["predicted"], theirs["predicted"], rtol=1e-5)


def test_a_list_for_inputs_of_one_number() -> None:
    names = run_torch(convert(HEAD + LINE.replace("np.array([0.5, 10.0])", "[0.5, 10.0]")).code)
    assert names["predicted"].shape == (2, 1)


UNKNOWN = """\
def split(data):  # as that of a library
    return data[:40], data[40:]


train, test = eval("split(np.arange(200.0).reshape(50, 4) / 200)")
y_train, y_test = eval("split(np.arange(50.0) / 50)")
model = keras.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
model.fit(train, y_train, epochs=1, batch_size=8, verbose=0)
loss = model.evaluate(test, y_test, verbose=0)
predicted = model.predict(test, verbose=0)
"""


def test_targets_of_a_model_that_begins_with_dense() -> None:
    """Nothing tells the shapes of the data; a loss of (n, 1) and (n,) would be one of (n, n)."""
    source = HEAD + UNKNOWN
    result = keras2torch(source)
    assert {d.code for d in result.diagnostics} == {"K2T301"}
    assert ".reshape(-1, 1)" in result.code
    names = run_torch(result.code)
    errors = names["predicted"][:, 0] - names["y_test"]
    assert names["loss"] == pytest.approx([np.square(errors).mean(), np.abs(errors).mean()], rel=1e-5)


BUILT = """\
def build():
    m = keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_initializer="ones")])
    m.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
    return m


model = build()
callbacks = [keras.callbacks.ModelCheckpoint("best.weights.h5", save_best_only=True, save_weights_only=True)]
history = model.fit(x, real, epochs=2, callbacks=callbacks, validation_split=0.2, shuffle=False, verbose=0)
"""


def test_criterion_stands_before_the_fit_whose_callbacks_go(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Lines that are inserted where a statement was deleted stay."""
    monkeypatch.chdir(tmp_path)
    ours, theirs = compare(HEAD + BUILT)
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)
