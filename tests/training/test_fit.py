"""The loop: splits, validation, callbacks, class weights, several inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.programs import (
    HEAD,
    LINEAR,
    SIGMOID,
    SINGLE,
    SOFTMAX,
    compare,
    convert,
    history,
    model,
    run_keras,
    run_torch,
    weights,
)  # fmt: skip

COMPILE = 'model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["accuracy"])\n'


def fit(options: str, data: str = "x, onehot") -> str:
    return f"history = model.fit({data}, shuffle=False, verbose=0, {options})\n"


def softmax(options: str, data: str = "x, onehot") -> str:
    return HEAD + model(SOFTMAX) + COMPILE + fit(options, data)


@pytest.mark.parametrize("split", ["0.1", "0.25", "1/3", "0.05"])
def test_validation_split(split: str) -> None:
    """The last samples, before shuffling; their number is rounded up."""
    compare(softmax(f"validation_split={split}, batch_size=4, epochs=2"))


def test_validation_data() -> None:
    compare(softmax("validation_data=(x[:5], onehot[:5]), batch_size=4, epochs=2", "x[5:], onehot[5:]"))


def test_defaults() -> None:
    """Batches of 32, one epoch."""
    compare(HEAD + "x = np.concatenate([x] * 4)\nonehot = np.concatenate([onehot] * 4)\n" + model(SOFTMAX) + COMPILE
            + "history = model.fit(x, onehot, shuffle=False, verbose=0)\n")  # fmt: skip


def test_initial_epoch_and_history_epoch() -> None:
    source = softmax("initial_epoch=2, epochs=5, batch_size=8") + "ran = history.epoch\n"
    theirs, ours = compare(source)
    assert ours["ran"] == list(theirs["ran"])


def test_second_fit_goes_on() -> None:
    """The optimizer keeps its state."""
    source = (
        HEAD + model(LINEAR) + 'model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")\n'
        + fit("epochs=2", "x, real") + fit("epochs=2", "x, real")
    )  # fmt: skip
    compare(source, tolerance=2e-6)


def test_l2_is_part_of_the_loss() -> None:
    """l * sum(w^2), in training and in evaluation."""
    layer = LINEAR.replace("Dense(3,", "Dense(3, kernel_regularizer=keras.regularizers.L2(0.1),")
    source = (
        HEAD + model(layer) + 'model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])\n'
        + fit("epochs=2, validation_split=0.2", "x, real") + "score = model.evaluate(x, real, verbose=0)\n"
    )  # fmt: skip
    theirs, ours = compare(source)
    assert ours["score"] == pytest.approx(theirs["score"], rel=1e-6)


# Class weights


@pytest.mark.parametrize(
    ("layer", "loss", "targets"),
    [
        (SIGMOID, "binary_crossentropy", "yes"),
        (SOFTMAX, "categorical_crossentropy", "onehot"),
        (SOFTMAX, "sparse_categorical_crossentropy", "ids"),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
def test_class_weight(layer: str, loss: str, targets: str, kept: bool) -> None:
    """The mean over samples, in training only; a class without a weight has weight 1."""
    source = (
        HEAD + model(layer) + f'model.compile(keras.optimizers.SGD(0.1), "{loss}", metrics=["accuracy"])\n'
        + fit("class_weight={0: 0.5, 1: 3.0}, validation_split=0.2, epochs=2, batch_size=5", f"x, {targets}")
        + ("kept = [model]\n" if kept else "")
    )  # fmt: skip
    compare(source)


def test_class_weight_is_not_the_weight_of_cross_entropy_loss() -> None:
    """The trap: PyTorch divides by the sum of the weights."""
    source = softmax("class_weight={0: 0.5, 1: 3.0}, batch_size=5, epochs=2")
    code = convert(source).code
    wrong = code.replace("return (losses * class_weights[target.argmax(dim=1)]).mean()",
                         "w = class_weights[target.argmax(dim=1)]; return (losses * w).sum() / w.sum()")  # fmt: skip
    assert wrong != code
    assert np.abs(weights(run_keras(source))[0] - weights(run_torch(wrong))[0]).max() > 1e-3


# Callbacks

NOISY = """\
class Noise:
    pass
y_train, y_val = real[:14], -3 * real[14:]
"""


def stopping(options: str, extra: str = "") -> str:
    """Training that makes the validation worse: its targets contradict those of training."""
    return (
        HEAD + "y_train, y_val = real[:14], real[14:] - 2 * real[:8]\n" + model(LINEAR)
        + 'model.compile(keras.optimizers.SGD(0.3), "mse", metrics=["mae"])\n'
        + f"stop = keras.callbacks.EarlyStopping({options})\n"
        + f"history = model.fit(x[:14], y_train, validation_data=(x[14:], y_val), batch_size=5, epochs=12, "
        f"shuffle=False, verbose=0, callbacks=[stop{extra}])\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        "",
        "patience=1",
        "patience=2, restore_best_weights=True",
        "monitor='val_mae', patience=3",
        "monitor='loss', patience=2, min_delta=0.05",
        "monitor='val_loss', mode='max', patience=2, restore_best_weights=True",
        "patience=2, baseline=0.001",
        "patience=2, baseline=0.001, restore_best_weights=True",
        "patience=1, start_from_epoch=3",
        "patience=50, restore_best_weights=True",
    ],
)
def test_early_stopping(options: str) -> None:
    """The same number of epochs, and the same weights at the end."""
    theirs, ours = compare(stopping(options))
    assert len(history(ours)["loss"]) == len(history(theirs)["loss"])


def test_checkpoint_keeps_the_best(tmp_path: Path) -> None:
    path = tmp_path / "best.weights.h5"
    extra = (
        f", keras.callbacks.ModelCheckpoint({str(path)!r}, monitor='val_loss', save_best_only=True, "
        "save_weights_only=True)"
    )
    source = stopping("patience=50", extra) + f"model.load_weights({str(path)!r})\n"
    compare(source)
    assert (tmp_path / "best.pt").exists()


def test_checkpoint_names(tmp_path: Path) -> None:
    pattern = str(tmp_path / "w-{epoch:02d}-{val_loss:.2f}.keras")
    source = stopping("patience=50", f", keras.callbacks.ModelCheckpoint({pattern!r})")
    run_torch(convert(source).code)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert len(names) == 12
    assert names[0].startswith("w-01-")
    assert all(n.endswith(".pt") for n in names)


@pytest.mark.parametrize("options", ["factor=0.5, patience=2", "factor=0.2, patience=1, cooldown=2, min_lr=0.01",
                                     "patience=3, min_delta=0.01"])  # fmt: skip
def test_reduce_lr_on_plateau(options: str) -> None:
    extra = f", keras.callbacks.ReduceLROnPlateau({options})"
    compare(stopping("patience=50", extra), tolerance=2e-6)


def test_rate_changes_under_momentum() -> None:
    extra = ", keras.callbacks.ReduceLROnPlateau(factor=0.3, patience=1)"
    source = stopping("patience=50", extra).replace("SGD(0.3)", "SGD(0.1, momentum=0.9)")
    compare(source, tolerance=5e-6)


@pytest.mark.parametrize("function", ["lambda epoch: 0.1 / (epoch + 1)", "lambda epoch, lr: lr * 0.7"])
@pytest.mark.parametrize("named", [True, False])
def test_learning_rate_scheduler(function: str, named: bool) -> None:
    source = (
        HEAD + f"schedule = {function}\n" + model(LINEAR) + 'model.compile(keras.optimizers.SGD(0.3), "mse")\n'
        + fit(f"epochs=4, callbacks=[keras.callbacks.LearningRateScheduler({'schedule' if named else function})]",
              "x, real")
    )  # fmt: skip
    theirs = run_keras(source)
    ours = run_torch(convert(source).code)
    np.testing.assert_allclose(weights(ours)[0], weights(theirs)[0], rtol=2e-6)


def test_momentum_rolls_on_while_the_rate_is_zero() -> None:
    rates = "keras.callbacks.LearningRateScheduler(lambda epoch: 0.0 if epoch == 1 else 0.1)"
    compare(
        HEAD + model(LINEAR) + 'model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")\n'
        + fit(f"epochs=4, callbacks=[{rates}]", "x, real"), tolerance=2e-6,
    )  # fmt: skip


# Several inputs and outputs

TWO = """\
a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
merged = layers.Concatenate()([a, b])
first = layers.Dense(3, name="first", kernel_initializer=keras.initializers.Constant(0.1))(merged)
second = layers.Dense(1, activation="sigmoid", name="second", kernel_initializer=keras.initializers.Constant(0.1))(merged)
model = keras.Model([a, b], [first, second])
"""


@pytest.mark.parametrize(
    ("losses", "data"),
    [
        ('["mse", "binary_crossentropy"], loss_weights=[1.0, 0.3]', "[x, 2 * x], [real, yes]"),
        ('{"first": "mse", "second": "binary_crossentropy"}', '{"a": x, "b": 2 * x}, {"first": real, "second": yes}'),
        ('["mse", "binary_crossentropy"], metrics=[["mae"], ["accuracy"]]', "[x, 2 * x], [real, yes]"),
        ('"mse", metrics={"second": ["mae"]}', "[x, 2 * x], [real, yes]"),
        (
            '["mse", "binary_crossentropy"], metrics=[[keras.metrics.RootMeanSquaredError(name="r")], '
            '[keras.metrics.Precision(0.3, name="p"), "accuracy", keras.metrics.AUC(name="auc")]]',
            "[x, 2 * x], [real, yes]",
        ),
    ],
)
def test_two_outputs(losses: str, data: str) -> None:
    source = (
        HEAD + TWO + f"model.compile(optimizer=keras.optimizers.SGD(0.1), loss={losses})\n"
        + fit("epochs=2, batch_size=8, validation_split=0.2" if "{" not in data else "epochs=2, batch_size=8", data)
        + "outputs = [o[:3].tolist() for o in model.predict([x, 2 * x], verbose=0)]\n"
    )  # fmt: skip
    theirs, ours = run_keras(source), run_torch(convert(source).code)
    expected, got = history(theirs), history(ours)
    assert set(got) == set(expected)
    for key in expected:
        np.testing.assert_allclose(got[key], expected[key], rtol=2e-6, err_msg=key)
    for mine, other in zip(ours["outputs"], theirs["outputs"], strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-6)


# What is not converted


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("sample_weight=yes, class_weight={0: 2.0}", "K2T125"),
        ("steps_per_epoch=2, validation_split=0.5", "K2T125"),
        ("callbacks=[keras.callbacks.TensorBoard(update_freq='batch')]", "K2T126"),
        ("callbacks=[keras.callbacks.EarlyStopping(monitor='val_f1')]", "K2T126"),
        ("callbacks=make_callbacks()", "K2T126"),
        ("**options", "K2T125"),
        ("class_weight='balanced'", "K2T125"),
    ],
)
def test_left(options: str, code: str) -> None:
    from transpile import keras2torch

    result = keras2torch(HEAD + model(SOFTMAX) + COMPILE + f"model.fit(x, onehot, {options})\n")
    assert "model.fit(x, onehot" in result.code
    assert code in [d.code for d in result.diagnostics]
    assert "criterion = " in result.code  # compile itself is converted


def test_generators_are_left() -> None:
    from transpile import keras2torch

    result = keras2torch(HEAD + model(SOFTMAX) + COMPILE + "model.fit(batches(), epochs=2)\n")
    assert "model.fit(batches(), epochs=2)" in result.code
    assert "K2T127" in [d.code for d in result.diagnostics]


def test_custom_loss_is_left() -> None:
    from transpile import keras2torch

    source = HEAD + model(LINEAR) + (
        "def custom(y_true, y_pred):\n    return keras.ops.associative_scan(combine, y_true - y_pred)\n"
        'model.compile("sgd", custom)\nmodel.fit(x, real)\n'
    )  # fmt: skip
    result = keras2torch(source)
    assert 'model.compile("sgd", custom)' in result.code
    assert "model.fit(x, real)" in result.code
    assert "K2T123" in [d.code for d in result.diagnostics]


def test_single_value_outputs_in_a_function() -> None:
    """compile in a function that returns the model, fit elsewhere."""
    source = HEAD + (
        "def build(rate=0.05):\n"
        f"    model = keras.Sequential([keras.Input((4,)), {SINGLE}])\n"
        '    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])\n'
        "    return model\n\n"
        "model = build()\n"
        "history = model.fit(x, yes, epochs=2, shuffle=False, verbose=0)\n"
    )  # fmt: skip
    compare(source)


def test_builder_called_with_several_rates() -> None:
    """The rate is only known in the builder: the optimizer travels with the model."""
    source = HEAD + (
        "def build(rate):\n"
        f"    model = keras.Sequential([keras.Input((4,)), {SINGLE}])\n"
        '    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"])\n'
        "    return model\n\n"
        "for rate in (0.1, 0.02):\n"
        "    model = build(rate)\n"
        "    history = model.fit(x, yes, epochs=2, shuffle=False, verbose=0)\n"
    )  # fmt: skip
    compare(source)


def test_masked_outputs_are_left() -> None:
    """The mask of an embedding reaches the loss: padded steps don't count there."""
    from transpile import keras2torch

    source = HEAD + (
        "words = rng.integers(0, 9, size=(22, 6))\n"
        "tags = rng.integers(0, 3, size=(22, 6))\n"
        "model = keras.Sequential([keras.Input((6,)), layers.Embedding(9, 4, mask_zero=True),\n"
        "    layers.LSTM(5, return_sequences=True), layers.Dense(3, activation='softmax')])\n"
        'model.compile("adam", "sparse_categorical_crossentropy")\n'
        "model.fit(words, tags)\n"
    )  # fmt: skip
    result = keras2torch(source)
    assert "model.fit(words, tags)" in result.code
    assert [d.code for d in result.diagnostics if d.level == "error"] == ["K2T113"]


# Weights of samples

WEIGHTED = HEAD + "w = rng.random(22) * 3\n"


@pytest.mark.parametrize(
    ("layer", "loss", "targets"),
    [
        (SIGMOID, "binary_crossentropy", "yes"),
        (SOFTMAX, "categorical_crossentropy", "onehot"),
        (SOFTMAX, "sparse_categorical_crossentropy", "ids"),
        (LINEAR, "mse", "real"),
        (SINGLE, "mae", "yes"),
    ],
)
@pytest.mark.parametrize("options", ["validation_split=0.2", "validation_data=(x[:5], {}[:5], w[:5])"])
def test_sample_weight(layer: str, loss: str, targets: str, options: str) -> None:
    """Loss times weight, a mean over the samples; metrics don't see the weights."""
    metric = "accuracy" if targets == "ids" else "mse"
    source = (
        WEIGHTED + model(layer) + f'model.compile(keras.optimizers.SGD(0.1), "{loss}", metrics=["{metric}"])\n'
        + fit(f"sample_weight=w, epochs=2, batch_size=5, {options.format(targets)}", f"x, {targets}")
        + f"score = model.evaluate(x, {targets}, sample_weight=w, verbose=0)\n"
        + f"plain = model.evaluate(x, {targets}, verbose=0)\n"
    )  # fmt: skip
    theirs, ours = compare(source)
    assert ours["score"] == pytest.approx(theirs["score"], rel=1e-6)
    assert ours["plain"] == pytest.approx(theirs["plain"], rel=1e-6)


@pytest.mark.parametrize("options", ["", ', metrics=["mae"]'])
def test_weight_of_the_only_loss(options: str) -> None:
    """It scales the gradients and what is reported, in the loop without a function of its own, too."""
    compiled = f'model.compile(keras.optimizers.SGD(0.1), "mse", loss_weights=[0.5]{options})\n'
    compare(HEAD + model(LINEAR) + compiled + fit("batch_size=4, epochs=2", "x, real"))
