"""What each optimizer trains in programs whose models share a part that one of them freezes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.programs import HEAD, convert, run_keras, run_torch
from transpile import keras2torch

GAN = """\
def make_critic():
    model = keras.Sequential()
    model.add(keras.Input((4,)))
    model.add(layers.Dense(1, activation="sigmoid", kernel_initializer="ones"))
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.5))
    return model

def make_generator():
    model = keras.Sequential()
    model.add(keras.Input((4,)))
    model.add(layers.Dense(4, kernel_initializer=keras.initializers.Constant(0.1)))
    return model

def make_gan(generator, critic):
    critic.trainable = False
    model = keras.Sequential()
    model.add(generator)
    model.add(critic)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.5))
    return model

TRIED
critic = make_critic()
generator = make_generator()
gan = make_gan(generator, critic)
for step in range(3):
    critic.train_on_batch(x, yes)
    held = critic.get_weights()
    gan.train_on_batch(x, np.ones((22, 1)))
    kept = critic.get_weights()
made = generator.get_weights()
"""
HELPED = """\
def compiled(model, rate):
    model.compile("sgd", "mse")
    return model

critic = compiled(keras.Sequential([keras.Input((4,)), layers.Dense(1)]), 0.1)
generator = keras.Sequential([keras.Input((4,)), layers.Dense(4)])
critic.trainable = False
gan = compiled(keras.Sequential([generator, critic]), 0.1)
for step in range(3):
    critic.train_on_batch(x, yes)
    gan.train_on_batch(x, yes)
"""


TRIED = """\
tried_critic = make_critic()
tried_generator = make_generator()
tried = make_gan(tried_generator, tried_critic)
tried.summary()
"""


@pytest.mark.parametrize("tried", ["", TRIED])
def test_functions_that_make_several_models(tried: str) -> None:
    """A first set of models that is never trained does not hand the critic to the optimizer of the GAN."""
    source = HEAD + GAN.replace("TRIED\n", tried)
    assert "K2T352" in {d.code for d in convert(source).diagnostics}
    for names in (run_keras(source), run_torch(convert(source).code)):
        held, kept, made = (_arrays(names[n]) for n in ("held", "kept", "made"))
        for before, after in zip(held, kept, strict=True):
            np.testing.assert_array_equal(after, before)
        assert np.abs(made[0] - 0.1).max() > 1e-3  # the generator learns


def _arrays(weights: Any) -> list[np.ndarray]:
    """What get_weights() gave, or a state_dict()."""
    return [np.asarray(w) for w in (weights.values() if isinstance(weights, dict) else weights)]


def test_one_compile_for_both_is_left() -> None:
    """The same statement would need other parameters for each model."""
    assert "K2T118" in {d.code for d in keras2torch(HEAD + HELPED).diagnostics}
    assert "K2T118" not in {
        d.code for d in keras2torch(HEAD + HELPED.replace("critic.trainable = False\n", "")).diagnostics
    }
