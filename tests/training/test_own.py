"""Losses and metrics of the user's own: plain functions, functions of functions, lambdas."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, SIGMOID, SINGLE, SOFTMAX, compare, convert, model

FIT = (
    "history = model.fit(x[:18], {y}[:18], batch_size=8, epochs=3, shuffle=False, verbose=0, "
    "validation_data=(x[18:], {y}[18:]))\n"
)
HEADS = "import tensorflow as tf\nfrom keras import backend as K, ops\n"

FUNCTIONS = """\
def root(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true), axis=-1) + 0.01)


def dice(y_true, y_pred, smooth=1.0):
    both = tf.reduce_sum(y_true * y_pred)
    return (2.0 * both + smooth) / (tf.reduce_sum(y_true) + tf.reduce_sum(y_pred) + smooth)


def dice_loss(y_true, y_pred):
    return 1 - dice(y_true, y_pred)


def focal(gamma=2.0, alpha=0.25):
    def focal_fixed(y_true, y_pred):
        right = tf.where(tf.equal(y_true, 1), y_pred, 1 - y_pred)
        return -tf.reduce_mean(alpha * tf.pow(1.0 - right, gamma) * tf.math.log(right + 1e-7))
    return focal_fixed


def rounded(y_true, y_pred):
    return ops.mean(ops.equal(y_true, ops.round(y_pred)), axis=-1)


def bias(y_true, y_pred):
    return ops.mean(y_pred - y_true)


class Weighted(keras.losses.Loss):
    def __init__(self, weight=0.5, name="weighted"):
        super().__init__(name=name)
        self.weight = weight

    def call(self, y_true, y_pred):
        error = ops.square(y_true - y_pred)
        return ops.mean(self.weight * error + ops.abs(error), axis=-1)


"""

CASES = {
    "samples": (LINEAR, "root", "real", ""),
    "batch": (SIGMOID, "dice_loss", "yes[:, None]", "dice"),
    "batch, several columns": (SOFTMAX, "dice_loss", "onehot", '"accuracy", dice'),
    "made": (SIGMOID, "focal(gamma=1.5)", "yes[:, None]", "focal(alpha=0.5)"),
    "made before": (SIGMOID, "chosen", "yes", ""),
    "lambda": (LINEAR, "lambda y, p: ops.mean(ops.abs(y - p), axis=-1)", "real", "lambda y, p: ops.max(ops.abs(p - y))"),
    "in a list": (LINEAR, "[root]", "real", "[root]"),
    "metric by sample": (SIGMOID, '"binary_crossentropy"', "yes[:, None]", 'rounded, "accuracy"'),
    "metric by batch": (LINEAR, '"mse"', "real", 'bias, "mae"'),
    "class": (LINEAR, "Weighted(weight=0.2)", "real", '"mae"'),
    "object": (SINGLE, "object", "yes[:, None]", ""),
    "single": (SINGLE, "root", "yes", ""),
}  # fmt: skip


def program(name: str) -> str:
    layer, loss, targets, metrics = CASES[name]
    return (
        HEAD
        + HEADS
        + FUNCTIONS
        + "chosen = focal()\nobject = Weighted(0.7)\n"
        + model(layer)
        + (
            f"model.compile(optimizer=keras.optimizers.SGD(0.05), loss={loss}, metrics=[{metrics}])\n"
            + FIT.format(y=targets)
        )
    )


@pytest.mark.parametrize("name", CASES)
def test_history(name: str) -> None:
    """Three batches of 8, 8 and 2: a metric of one value for a batch is the mean over batches."""
    compare(program(name), tolerance=2e-6)


def test_text() -> None:
    code = convert(program("batch")).code
    assert "criterion = averaged(dice_loss)" in code
    assert "def dice_loss(y_true, y_pred):\n    return 1 - dice(y_true, y_pred)\n" in code
    assert "dice_values.append(dice(y, output).item())" in code


def test_left() -> None:
    """What has no counterpart, and what reads tensors of the model."""
    from transpile import keras2torch

    for body in ("tf.py_function(f, [y_true, y_pred], tf.float32)", "ops.mean(y_true - y_pred) + ops.sum(hidden)"):
        source = (
            HEAD
            + HEADS
            + (
                "inputs = keras.Input((4,))\nhidden = layers.Dense(3)(inputs)\nmodel = keras.Model(inputs, layers.Dense(3)(hidden))\n"
                f"def mine(y_true, y_pred):\n    return {body}\n"
                'model.compile("sgd", mine)\nmodel.fit(x, real)\n'
            )
        )
        result = keras2torch(source)
        assert {"K2T110", "K2T123"} & {d.code for d in result.diagnostics}
        assert 'model.compile("sgd", mine)' in result.code
        assert "model.fit(x, real)" in result.code


def test_a_class_with_a_reduction_is_left() -> None:
    from transpile import keras2torch

    text = FUNCTIONS.replace("super().__init__(name=name)", 'super().__init__(name=name, reduction="sum")')
    source = HEAD + HEADS + text + model(LINEAR) + 'model.compile("sgd", Weighted())\nmodel.fit(x, real)\n'
    result = keras2torch(source)
    assert "K2T123" in [d.code for d in result.diagnostics]
    assert 'model.compile("sgd", Weighted())' in result.code


@pytest.mark.parametrize(("targets", "warned"), [("yes", True), ("np.zeros((22, 1))", False), ("load()", True)])
def test_targets_of_one_dimension(targets: str, warned: bool) -> None:
    """Keras 2 and 3 differ there, so somebody must look."""
    from transpile import keras2torch

    source = (
        HEAD
        + HEADS
        + FUNCTIONS
        + model(SIGMOID)
        + (f'model.compile("sgd", "binary_crossentropy", metrics=[dice])\nmodel.fit(x, {targets})\n')
    )
    codes = [d.code for d in keras2torch(source).diagnostics]
    assert codes == (["K2T220"] if warned else [])


@pytest.mark.parametrize(("targets", "warned"), [("ids", False), ("ids[:, None]", True), ("load()", True)])
def test_ids_in_a_column(targets: str, warned: bool) -> None:
    """A sparse loss takes them, a function of the user's gets them as they are."""
    from transpile import keras2torch

    source = (
        HEAD
        + HEADS
        + FUNCTIONS
        + model(SOFTMAX)
        + ('model.compile("sgd", "sparse_categorical_crossentropy", metrics=[bias])\n' + f"model.fit(x, {targets})\n")
    )
    codes = [d.code for d in keras2torch(source).diagnostics]
    assert codes == (["K2T229"] if warned else [])
