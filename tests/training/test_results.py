"""What `fit` returns, wherever the program keeps it."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, convert, run_keras, run_torch
from transpile import keras2torch

BUILD = (
    f"def build():\n    model = keras.Sequential([keras.Input((4,)), {LINEAR}])\n"
    '    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])\n    return model\nmodel = build()\n'
)
FIT = "model.fit(x, real, batch_size=8, epochs=2, shuffle=False, verbose=0)"
RESULTS = {
    "of the model": f"{FIT}\nread = model.history.history['mae'], model.history.epoch\n",
    "of the model, in a variable, too": f"h = {FIT}\nread = model.history.history['mae'], h.history\n",
    "of the model, handed on": "def last(run):\n    return run.history['mae'][-1]\n"
    + f"{FIT}\nread = last(model.history)\n",
    "in an expression": f"read = {FIT}.history['loss'][-1], 3\n",
    "in a call": f"read = sorted({FIT}.history)\n",
    "in a list": f"runs = []\nruns.append({FIT})\nruns.append({FIT})\nread = [r.history['loss'] for r in runs]\n",
    "in a dict": f"runs = {{}}\nfor k in 'ab':\n    model = build()\n    runs[k] = {FIT}\n"
    "read = [(k, r.history['loss']) for k, r in runs.items()]\n",
    "of an object, read outside": "class Trainer:\n    def __init__(self):\n        self.model = build()\n    def run(self):\n"
    f"        self.history = self.{FIT}\ntrainer = Trainer()\ntrainer.run()\nread = trainer.history.history['loss']\n",
}


@pytest.mark.parametrize("rest", RESULTS.values(), ids=RESULTS)
def test_results_of_fit(rest: str) -> None:
    source = HEAD + BUILD + rest
    assert_alike(run_torch(convert(source).code)["read"], run_keras(source)["read"])


def assert_alike(ours: object, theirs: object) -> None:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        assert_alike(sorted(ours.items()), sorted(theirs.items()))
    elif isinstance(theirs, list | tuple) and isinstance(ours, list | tuple):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs):
            assert_alike(mine, other)
    else:
        assert ours == (pytest.approx(theirs, rel=1e-6) if isinstance(theirs, float) else theirs)


def test_a_history_behind_a_computation_is_left() -> None:
    """What a statement computes in front of the training stays in front of it."""
    result = keras2torch(HEAD + BUILD + f"read = max(len(x), {FIT}.history['loss'][-1])\n")
    assert [d.code for d in result.diagnostics if d.level == "error"] == ["K2T125"]
    assert f"len(x), {FIT}" in result.code
