"""Learning rates by a class of the user's own."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, compare, model
from transpile import keras2torch

WARM_UP = """\
import tensorflow as tf


class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, d_model, warmup_steps=4000, name=None):
        super().__init__()
        self.d_model = tf.cast(d_model, tf.float64)
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float64)
        arg1 = tf.math.rsqrt(step)
        arg2 = step * self.warmup_steps**-1.5
        return tf.math.rsqrt(self.d_model) * tf.math.minimum(arg1, arg2)

    def get_config(self):
        return {"d_model": self.d_model, "warmup_steps": self.warmup_steps}


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate=0.1, every=4):
        self.rate = rate
        self.every = every

    def __call__(self, step):
        return self.rate * 0.5 ** keras.ops.floor(step / self.every)


"""
FIT = "history = model.fit(x, real, batch_size=6, epochs=3, shuffle=False, verbose=0)\n"
RATES = {
    "a variable": ("rates = WarmUp(4, warmup_steps=5)\n", "SGD(rates)"),
    "in place": ("", "SGD(learning_rate=Halving(0.2, every=3))"),
    "under momentum": ("", "SGD(Halving(0.2), momentum=0.9)"),
    "an optimizer that is kept": ("rates = Halving()\noptimizer = keras.optimizers.SGD(rates)\n", "optimizer"),
}


def program(made: str, optimizer: str) -> str:
    text = optimizer if optimizer == "optimizer" else f"keras.optimizers.{optimizer}"
    return HEAD + WARM_UP + model(LINEAR) + made + f'model.compile({text}, "mse")\n' + FIT


@pytest.mark.parametrize("name", RATES)
def test_traces(name: str) -> None:
    compare(program(*RATES[name]), tolerance=2e-6)


def test_the_written_class() -> None:
    code = keras2torch(program(*RATES["a variable"])).code
    assert "class WarmUp:" in code
    assert "rates = WarmUp(4, warmup_steps=5)" in code
    assert "lr=1.0" in code


@pytest.mark.parametrize(
    "step",
    [
        "return self.inner(step)",
        "return tf.cond(step < 3, lambda: 0.1, lambda: 0.2)",
    ],
)
def test_left(step: str) -> None:
    source = (
        program("", "SGD(Halving())")
        .replace("return self.rate * 0.5 ** keras.ops.floor(step / self.every)", step)
        .replace(
            "self.every = every",
            "self.every = every\n        self.inner = keras.optimizers.schedules.CosineDecay(0.1, 3)",
        )
    )
    result = keras2torch(source)
    assert "K2T125" in {d.code for d in result.diagnostics}
    assert "class Halving(keras.optimizers.schedules.LearningRateSchedule)" in result.code
