"""`model.add_loss(tensor)`, which Keras 2 takes: run by tf_keras, against the loop it becomes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.programs import HEAD, convert, history, keras_module, run_keras, run_torch
from transpile import keras2torch

MODELS = (
    HEAD.replace("import keras\nfrom keras import layers", "import tf_keras as keras\nfrom tf_keras import layers")
    + """\
from tf_keras import backend as K
from tf_keras.losses import mse
import tensorflow as tf

inputs = keras.Input((4,))
hidden = layers.Dense(5, activation="tanh", kernel_initializer=keras.initializers.Constant(0.2), name="hidden")(inputs)
mean = layers.Dense(2, kernel_initializer=keras.initializers.Constant(0.3), name="mean")(hidden)
log_var = layers.Dense(2, kernel_initializer=keras.initializers.Constant(-0.1), name="log_var")(hidden)
encoder = keras.Model(inputs, [mean, log_var], name="encoder")
code = keras.Input((2,))
decoder = keras.Model(code, layers.Dense(4, kernel_initializer=keras.initializers.Constant(0.1), name="out")(code), name="decoder")
outputs = decoder(encoder(inputs)[0])
model = keras.Model(inputs, outputs)
"""
)
KL = "kl = -0.5 * K.sum(1 + log_var - K.square(mean) - K.exp(log_var), axis=-1)\n"
COMPILE = "model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9){})\n"
FIT = "history = model.fit({}, batch_size=6, epochs=3, shuffle=False, verbose=0, validation_data={})\n"
ALONE, BESIDE = FIT.format("x[:18]", "(x[18:], None)"), FIT.format("x[:18], x[:18]", "(x[18:], x[18:])")
# Statements that add to the loss, and whether a loss is compiled as well.
CASES = {
    "all of it": (KL + "model.add_loss(K.mean(4 * mse(inputs, outputs) + kl))\n", False),
    "beside a loss": ("kl = -0.5 * tf.reduce_mean(log_var - tf.square(mean) - tf.exp(log_var) + 1)\nmodel.add_loss(kl)\n", True),
    "twice": (KL + "model.add_loss(0.1 * K.mean(kl))\nmodel.add_loss(tf.reduce_sum(hidden) * 0.01)\n", True),
    "crossentropy": ("chance = K.sigmoid(outputs)\nmodel.add_loss(K.mean(keras.losses.binary_crossentropy(K.sigmoid(inputs), chance)))\n", False),
    "of the backend": ("model.add_loss(K.mean(K.sum(K.binary_crossentropy(K.sigmoid(inputs), K.sigmoid(outputs)), axis=-1)))\n", False),
    "errors": ("model.add_loss(K.mean(keras.losses.mean_absolute_error(inputs, outputs)))\n", False),
}  # fmt: skip


def program(name: str) -> str:
    added, compiled = CASES[name]
    return (
        MODELS
        + added
        + COMPILE.format(', loss="mse", metrics=["mae"]' if compiled else "")
        + (BESIDE if compiled else ALONE)
    )


def kernels(names: dict[str, Any]) -> list[np.ndarray]:
    """The kernels of all layers, in the layout of Keras."""
    if isinstance(names["history"], dict):
        parts = dict(names["model"].named_parameters())
        return sorted((p.detach().numpy().T for n, p in parts.items() if n.endswith("weight")), key=lambda a: a.shape)
    return sorted((w.numpy() for w in names["model"].weights if "kernel" in w.name), key=lambda a: a.shape)


@pytest.mark.parametrize("name", CASES)
def test_traces_and_weights(name: str) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    keras_module()
    tf_keras.backend.set_floatx("float64")
    source = program(name)
    theirs, ours = run_keras(source), run_torch(convert(source).code)
    assert history(ours).keys() == history(theirs).keys()
    for key, values in history(theirs).items():
        np.testing.assert_allclose(history(ours)[key], values, rtol=2e-6, err_msg=key)
    for mine, other in zip(kernels(ours), kernels(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-6, atol=1e-9)


def test_the_written_model() -> None:
    code = keras2torch(program("twice")).code
    assert "self.added_loss = " in code
    assert "self.added_loss = self.added_loss + " in code


@pytest.mark.parametrize(
    "added",
    [
        KL + "model.add_loss(kl)\n",
        "model.add_loss(lambda: 1.0)\n",
        "if x[0, 0] > 0:\n    model.add_loss(K.mean(hidden))\n",
    ],
)
def test_left(added: str) -> None:
    result = keras2torch(MODELS + added + COMPILE.format(', loss="mse"') + BESIDE)
    assert "K2T183" in {d.code for d in result.diagnostics}
    assert "model.add_loss(" in result.code


def test_a_sequential_model() -> None:
    source = HEAD.replace(
        "import keras\nfrom keras import layers", "import tf_keras as keras\nfrom tf_keras import layers"
    ) + (
        "model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])\n"
        "model.add_loss(keras.backend.mean(model.output))\n"
        'model.compile("sgd", "mse")\nmodel.fit(x, real)\n'
    )
    code = convert(source).code
    assert "class Model(nn.Module)" in code
    assert "criterion(model(inputs), targets) + model.regularization_loss()" in code


def test_a_model_that_is_handed_to_a_class() -> None:
    source = (
        MODELS
        + KL
        + (
            "encoder.add_loss(K.mean(kl))\n\n\n"
            "class Both(keras.Model):\n"
            "    def __init__(self, encoder, decoder):\n"
            "        super().__init__()\n"
            "        self.encoder = encoder\n"
            "        self.decoder = decoder\n\n"
            "    def call(self, data):\n"
            "        return self.decoder(self.encoder(data)[0])\n\n\n"
            'both = Both(encoder, decoder)\nboth.compile("sgd", "mse")\nboth.fit(x, x)\n'
        )
    )
    assert "return self.encoder.regularization_loss()" in keras2torch(source).code


def test_numbers_that_are_made_behind_the_model() -> None:
    """The constructor cannot be given them: their values are written, or the model is left."""
    known = MODELS + "scale = 2 * 0.25\nmodel.add_loss(scale * K.mean(mean))\n" + COMPILE.format("") + ALONE
    assert "0.5 * " in convert(known).code
    unknown = known.replace("2 * 0.25", "float(input())")
    assert any(d.level == "error" for d in keras2torch(unknown).diagnostics)
