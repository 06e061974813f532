"""Passes over a part of the data, and what shuffles them."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, SOFTMAX, compare, convert, model
from tests.training.test_fit import COMPILE, softmax

STEPS = {
    "part": "batch_size=4, steps_per_epoch=4",
    "more than there are": "batch_size=8, steps_per_epoch=9",
    "without a batch size": "steps_per_epoch=5",
    "validation": "batch_size=4, validation_data=(x, onehot), validation_steps=2",
    "validation without a batch size": "steps_per_epoch=2, validation_data=(x[:9], onehot[:9]), validation_steps=2",
}


@pytest.mark.parametrize("options", STEPS.values(), ids=STEPS)
def test_steps_of_arrays(options: str) -> None:
    """Training goes on in the data where the epoch before stopped; each validation begins anew."""
    compare(softmax(f"{options}, epochs=4"))


def test_steps_of_evaluate() -> None:
    source = softmax("batch_size=4, epochs=1")
    source += "few = model.evaluate(x, onehot, batch_size=4, steps=2, verbose=0)\n"
    source += "all = model.evaluate(x, onehot, steps=3, verbose=0)\n"
    theirs, ours = compare(source)
    assert ours["few"] == pytest.approx(theirs["few"], rel=1e-6)
    assert ours["all"] == pytest.approx(theirs["all"], rel=1e-6)


@pytest.mark.parametrize("repeat", ["", ".repeat()"])
def test_each_validation_on_a_pipeline_begins_anew(repeat: str) -> None:
    data = f"tf.data.Dataset.from_tensor_slices((x, onehot)).batch(4){repeat}"
    source = HEAD + "import tensorflow as tf\n" + model(SOFTMAX) + COMPILE
    source += f"train = {data}\nval = {data}\n"
    source += "history = model.fit(train, epochs=3, steps_per_epoch=4, validation_data=val, validation_steps=2)\n"
    compare(source)


@pytest.mark.parametrize("shuffle", ["0", "0.0", "None", "'batch'"])
def test_shuffle_by_its_truth(shuffle: str) -> None:
    """'batch' shuffles inside of batches of arrays, which changes nothing."""
    source = HEAD + model(SOFTMAX) + COMPILE
    compare(source + f"history = model.fit(x, onehot, batch_size=4, epochs=2, verbose=0, shuffle={shuffle})\n")


def test_a_shuffle_that_is_a_number_shuffles() -> None:
    source = HEAD + model(SOFTMAX) + COMPILE + "model.fit(x, onehot, epochs=2, shuffle=0.2)\n"
    assert "shuffle=True)" in convert(source).code
