"""Penalties on weights and activations, and constraints: in the loss and after the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.programs import HEAD, LINEAR, compare, convert
from transpile import keras2torch

START = "kernel_initializer=keras.initializers.Constant(0.1)"
REG, CON = "keras.regularizers", "keras.constraints"


def program(first: str, second: str = "", between: str = "", more: str = "", kind: str = "Sequential") -> str:
    """Two layers of constants, which the inputs soon make different."""
    layers = f'[keras.Input((4,)), layers.Dense(3, activation="tanh", {START}{first}), {between}layers.Dense(3, {START}{second})]'
    return HEAD + (
        f"model = keras.{kind}({layers})\n"
        'model.compile(keras.optimizers.SGD(0.3, momentum=0.5), "mse", metrics=["mae"])\n'
        f"history = model.fit(x, real, batch_size=6, epochs=2, shuffle=False, verbose=0, validation_split=0.2{more})\n"
    )


PENALTIES = {
    "strings": (', kernel_regularizer="l2", bias_regularizer="l1"', ""),
    "l1_l2": (f", kernel_regularizer={REG}.L1L2(0.01, 0.02)", f", bias_regularizer={REG}.L1(0.05)"),
    "activity": (f", activity_regularizer={REG}.L2(0.1)", f", activity_regularizer={REG}.L1L2(l1=0.01, l2=0.03)"),
    "activity and weights": (', activity_regularizer="l1", kernel_regularizer="l2"', ""),
    "frozen": (', trainable=False, kernel_regularizer="l2"', ', kernel_regularizer="l2"'),
}
CONSTRAINTS = {
    "max_norm": (f", kernel_constraint={CON}.MaxNorm(0.3)", ', kernel_constraint="max_norm", bias_constraint="non_neg"'),
    "max_norm of old": (f", kernel_constraint={CON}.max_norm(max_value=0.2, axis=1)", ""),
    "unit_norm": (f", kernel_constraint={CON}.UnitNorm()", f", kernel_constraint={CON}.unit_norm(axis=1)"),
    "non_neg": (f", kernel_constraint={CON}.NonNeg()", ""),
    "min_max_norm": (f", kernel_constraint={CON}.MinMaxNorm(0.3, 0.35, 0.7)", f", kernel_constraint={CON}.MinMaxNorm(0.5)"),
    "both axes": (f", kernel_constraint={CON}.MaxNorm(0.3, axis=[0, 1])", ""),
    "with a penalty": (f', kernel_regularizer="l2", kernel_constraint={CON}.MaxNorm(0.3)', ""),
}  # fmt: skip


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties(name: str) -> None:
    """They are part of the loss that is reported, in training and validation."""
    compare(program(*PENALTIES[name]), tolerance=2e-6)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name: str) -> None:
    compare(program(*CONSTRAINTS[name]), tolerance=2e-6)


def test_activity_layer() -> None:
    compare(program("", between="layers.ActivityRegularization(l1=0.02, l2=0.1), "), tolerance=2e-6)


def test_softmax_stays_under_a_penalty() -> None:
    """The penalty is on the probabilities, so they remain in the model."""
    source = HEAD + (
        f'model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax", {START}, '
        'activity_regularizer="l2")])\n'
        'model.compile(keras.optimizers.SGD(0.3), "categorical_crossentropy")\n'
        "history = model.fit(x, onehot, batch_size=6, epochs=2, shuffle=False, verbose=0)\n"
    )
    compare(source, tolerance=2e-6)


def test_a_model_inside_brings_its_own() -> None:
    source = HEAD + (
        f'inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, {START}, kernel_regularizer="l2", '
        f"kernel_constraint={CON}.MaxNorm(0.3))])\n"
        'inputs = keras.Input((4,), name="a")\n'
        f'outputs = layers.Dense(3, {START}, activity_regularizer="l2")(inner(inputs))\n'
        "model = keras.Model(inputs, outputs)\n"
        'model.compile(keras.optimizers.SGD(0.3), "mse")\n'
        "history = model.fit(x, real, batch_size=6, epochs=2, shuffle=False, verbose=0)\n"
    )
    code = convert(source).code
    assert "+ self.inner.regularization_loss()" in " ".join(code.split()) or "self.inner.regularization_loss()" in code
    assert "self.inner.apply_constraints()" in code
    compare(source, tolerance=2e-6)


def test_a_frozen_layer_has_no_penalty() -> None:
    """Keras penalises what it trains, at the time of training."""
    source = HEAD + (
        f'first = layers.Dense(3, {START}, kernel_regularizer="l2")\n'
        f'model = keras.Sequential([keras.Input((4,)), first, layers.Dense(3, {START}, kernel_regularizer="l2")])\n'
        "first.trainable = False\n"
        'model.compile(keras.optimizers.SGD(0.3), "mse")\n'
        "history = model.fit(x, real, batch_size=6, epochs=2, shuffle=False, verbose=0)\n"
    )
    assert "if w.requires_grad" in " ".join(convert(source).code.split())
    compare(source, tolerance=2e-6)


def test_axes_of_a_convolution() -> None:
    """Keras's first three axes of a kernel are PyTorch's last three; the default axis is its third."""
    source = HEAD + (
        "model = keras.Sequential([keras.Input((8, 8, 2)), "
        f"layers.Conv2D(3, 2, kernel_constraint={CON}.MaxNorm(2, axis=[0, 1, 2]), bias_constraint={CON}.UnitNorm()), "
        f"layers.Conv2D(3, 2, kernel_constraint={CON}.UnitNorm())])\n"
        'model.compile("sgd", "mse")\n'
    )
    code = convert(source).code
    assert "max_norm(self.conv2d.weight, 2, dim=(1, 2, 3))" in code
    assert "self.conv2d_1.weight.norm(dim=2, keepdim=True)" in code


@pytest.mark.parametrize(
    "option",
    [
        "kernel_constraint=my_constraint",
        "kernel_regularizer=lambda w: 0.1 * keras.ops.sum(w)",
        f"kernel_constraint={CON}.MaxNorm(2, axis=axis)",
        "activity_regularizer=my_regularizer()",
    ],
)
def test_left(option: str) -> None:
    from transpile import keras2torch

    result = keras2torch(
        HEAD
        + f'model = keras.Sequential([keras.Input((4,)), layers.Dense(3, {option})])\nmodel.compile("sgd", "mse")\n'
    )
    assert "K2T107" in [d.code for d in result.diagnostics]
    assert option in result.code


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_orthogonality(mode: str) -> None:
    """Keras's rows are inputs, PyTorch's are units. (Keras 3 fails on columns and in float64.)"""
    import numpy as np
    import torch
    from torch.nn import functional

    from transpile.backends.templates import helper

    names: dict[str, Any] = {"torch": torch, "F": functional}
    exec(helper("orthogonality"), names)
    kernel = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    names["w"] = torch.as_tensor(kernel.T)
    source = program("", f', kernel_regularizer={REG}.OrthogonalRegularizer(0.2, mode="{mode}")')
    code = convert(source).code
    term = next(t for t in ("orthogonality(self.dense_1.weight.T)", "orthogonality(self.dense_1.weight)") if t in code)
    ours = 0.2 * eval(term.replace("self.dense_1.weight", "w"), names)
    rows = kernel if mode == "rows" else kernel.T
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [abs(rows[i] @ rows[j]) for i in range(len(rows)) for j in range(i)]
    assert float(ours) == pytest.approx(0.2 * np.mean(pairs), rel=1e-5)


# Trained on what the layers add to the loss, and on nothing else.
ADDING = """\
class Spread(layers.Layer):
    def call(self, inputs):
        data, output = inputs
        self.add_loss(keras.ops.mean(keras.ops.square(output - data[:, :3]), axis=None))
        return output


"""
WITHOUT_LOSS = {
    "added": "given = keras.Input((4,))\nmodel = keras.Model(given, Spread()([given, {layer}(given)]))\n",
    "penalties": "model = keras.Sequential([keras.Input((4,)), {layer}])\n",
}
TRAININGS = {
    "plain": "fit(x, batch_size=6, epochs=3, shuffle=False, verbose=0)",
    "targets that nobody looks at": "fit(x, real, batch_size=6, epochs=2, shuffle=False, verbose=0)",
    "validated": "fit(x[:16], epochs=3, shuffle=False, verbose=0, validation_data=(x[16:], None))",
    "a split, a callback": "fit(x, epochs=3, shuffle=False, verbose=0, validation_split=0.25, "
    'callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=1)])',
}


def without_loss(form: str, training: str) -> str:
    penalties = ', kernel_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.1))'
    layer = LINEAR.removesuffix(")") + (penalties if form == "penalties" else ")")
    compiled = "model.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5))\n"
    return HEAD + ADDING + WITHOUT_LOSS[form].format(layer=layer) + compiled + f"history = model.{training}\n"


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("form", WITHOUT_LOSS)
def test_without_a_loss(form: str, training: str) -> None:
    source = without_loss(form, TRAININGS[training]) + "score = model.evaluate(x, verbose=0)\n"
    theirs, ours = compare(source, tolerance=2e-6)
    np.testing.assert_allclose(ours["score"], theirs["score"], rtol=2e-6)


@pytest.mark.parametrize(
    ("training", "code"),
    [
        ("fit(x, sample_weight=yes)", "K2T125"),
        ("fit(keras.utils.PyDataset())", "K2T127"),
        ("train_on_batch(x)", "K2T130"),
        ("fit(x, validation_data=unknown)", "K2T127"),
    ],
)
def test_without_a_loss_left(training: str, code: str) -> None:
    result = keras2torch(without_loss("added", training))
    assert code in {d.code for d in result.diagnostics}


def test_metrics_without_a_loss_are_left() -> None:
    source = without_loss("added", TRAININGS["plain"]).replace("momentum=0.5)", 'momentum=0.5), metrics=["mae"]')
    assert "K2T125" in {d.code for d in keras2torch(source).diagnostics}
