"""Callbacks with code of the user's: classes with any hook, LambdaCallback, learning rates in them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, LINEAR, convert, history, model, run_keras, run_torch, weights

BUILD = (
    HEAD + "y_train, y_val = real[:14], real[14:] - 2 * real[:8]\n" + model(LINEAR)
    + 'model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])\n'
)  # fmt: skip


def fit(callbacks: str, options: str = "", epochs: int = 4) -> str:
    return (
        f"history = model.fit(x[:14], y_train, validation_data=(x[14:], y_val), batch_size=5, epochs={epochs}, "
        f"shuffle=False, verbose=0, callbacks={callbacks}{options})\n"
    )


def both(source: str, *names: str, tolerance: float = 1e-6) -> str:
    """Runs both; weights, history and the named variables must agree. The converted code."""
    code = convert(source).code
    ours, theirs = run_torch(code), run_keras(source)
    expected, got = history(theirs), history(ours)
    assert list(got) == list(expected) or set(got) == set(expected)
    for key in expected:
        np.testing.assert_allclose(got[key], expected[key], rtol=tolerance, atol=1e-9, err_msg=key)
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=1e-9)
    for name in names:
        assert_same(ours[name], theirs[name], tolerance)
    return code


def assert_same(mine: object, other: object, tolerance: float) -> None:
    """Equal structure, numbers up to the tolerance."""
    if isinstance(other, dict):
        assert isinstance(mine, dict)
        assert set(mine) == set(other)
        for key in other:
            assert_same(mine[key], other[key], tolerance)
    elif isinstance(other, list | tuple):
        assert isinstance(mine, list | tuple)
        assert len(mine) == len(other)
        for a, b in zip(mine, other):
            assert_same(a, b, tolerance)
    elif isinstance(other, str | bool) or other is None:
        assert mine == other
    else:
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=tolerance, atol=1e-9)


EVERY = """\
class Trace(keras.callbacks.Callback):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def note(self, what, at=None, logs=None):
        self.seen.append([what, at, dict(logs or {})])

"""
HOOKS = {
    "on_train_begin": "logs=None", "on_train_end": "logs=None", "on_epoch_begin": "epoch, logs=None",
    "on_epoch_end": "epoch, logs=None", "on_train_batch_begin": "batch, logs=None",
    "on_train_batch_end": "batch, logs=None", "on_test_begin": "logs=None", "on_test_end": "logs=None",
    "on_test_batch_begin": "batch, logs=None", "on_test_batch_end": "batch, logs=None",
}  # fmt: skip


def traced(names: dict[str, str]) -> str:
    code = EVERY
    for name, parameters in names.items():
        at = parameters.partition(",")[0] if "," in parameters else "None"
        code += f'    def {name}(self, {parameters}):\n        self.note("{name}", {at}, logs)\n\n'
    return code + "seen = []\n"


def test_every_hook_in_order() -> None:
    """The same calls with the same values: the running means in a pass, all values at its end."""
    code = both(BUILD + traced(HOOKS) + fit("[Trace(seen)]", epochs=2), "seen")
    assert "class Trace:\n    def __init__(self, seen):\n        self.seen = seen\n" in code
    assert "trace = Trace(seen)\n" in code
    assert "keras" not in code


def test_old_names_of_batch_hooks() -> None:
    names = {"on_batch_begin": "batch, logs=None", "on_batch_end": "batch, logs=None"}
    both(BUILD + traced(names) + fit("[Trace(seen)]", epochs=2), "seen")


def test_two_objects_with_different_hooks() -> None:
    source = BUILD + traced({"on_batch_end": "batch, logs=None"})
    source += traced({"on_batch_begin": "batch, logs=None", "on_epoch_end": "epoch, logs=None"}).replace(
        "Trace", "Other"
    )
    source += "first, second = Trace(seen), Other(seen)\n" + fit("[first, second]", epochs=2)
    both(source, "seen")


def test_loss_history_without_a_model() -> None:
    """The class of Keras's documentation; what it does not use is not given to it."""
    source = BUILD + (
        "class LossHistory(keras.callbacks.Callback):\n"
        "    def on_train_begin(self, logs={}):\n"
        "        self.losses = []\n\n"
        "    def on_batch_end(self, batch, logs={}):\n"
        "        self.losses.append(logs.get('loss'))\n\n"
        "losses = LossHistory()\n" + fit("[losses]") + "values = losses.losses\n"
    )  # fmt: skip
    code = both(source, "values")
    assert "losses.on_train_begin()\n" in code
    assert "losses.model" not in code


def test_stop_at_an_accuracy_under_its_old_name() -> None:
    """`logs.get('acc')`, as programs for Keras 2 say."""
    source = BUILD.replace('metrics=["mae"]', 'metrics=["accuracy"]') + (
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs={}):\n"
        "        if logs.get('acc') > -1:\n"
        "            self.model.stop_training = True\n\n" + fit("[Stop()]")
    )
    ours = run_torch(convert(source).code)
    assert list(history(ours)) == ["loss", "acc", "val_loss", "val_acc"]
    assert len(history(ours)["acc"]) == 1


@pytest.mark.parametrize("where", ["on_epoch_end(self, epoch", "on_train_batch_end(self, batch"])
def test_stop_training(where: str) -> None:
    """Between two epochs, or in the middle of one: its logs are then those of what was seen."""
    source = BUILD + (
        "class Stop(keras.callbacks.Callback):\n"
        f"    def {where}, logs=None):\n"
        f"        if {where.partition(', ')[2]} == 1:\n"
        "            self.model.stop_training = True\n\n" + fit("[Stop()]")
    )
    both(source)


RATES = {
    "K.set_value": "K.set_value(self.model.optimizer.lr, K.get_value(self.model.optimizer.lr) * 0.5)",
    "assign": "self.model.optimizer.learning_rate.assign(self.model.optimizer.learning_rate.numpy() * 0.5)",
    "attribute": "self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5",
}


@pytest.mark.parametrize("how", RATES)
@pytest.mark.parametrize("momentum", [False, True])
def test_learning_rate_in_a_callback(how: str, momentum: bool) -> None:
    statement = RATES[how]
    source = BUILD.replace("SGD(0.1)", "SGD(0.1, momentum=0.9)" if momentum else "SGD(0.1)") + (
        "from keras import backend as K\n"
        "class Halve(keras.callbacks.Callback):\n"
        "    def on_train_begin(self, logs=None):\n"
        "        self.rates = []\n\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        f"        {statement}\n"
        "        self.rates.append(float(self.model.optimizer.learning_rate))\n\n"
        "halve = Halve()\n" + fit("[halve]") + "rates = halve.rates\n"
    )
    code = convert(source).code
    modern = source.replace("K.set_value(self.model.optimizer.lr, ", "self.model.optimizer.learning_rate.assign(")
    modern = modern.replace("K.get_value(self.model.optimizer.lr)", "self.model.optimizer.learning_rate.numpy()")
    ours, theirs = run_torch(code), run_keras(modern)
    np.testing.assert_allclose(ours["rates"], theirs["rates"], rtol=1e-6)
    for mine, other in zip(weights(ours), weights(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-6)
    assert "halve.optimizer = optimizer\n" in code
    assert "keras" not in code


def test_predictions_and_evaluation_in_a_callback() -> None:
    source = BUILD + (
        "class Look(keras.callbacks.Callback):\n"
        "    def __init__(self, data, targets):\n"
        "        self.data, self.targets, self.seen = data, targets, []\n\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        guess = self.model.predict(self.data, verbose=0)\n"
        "        score = self.model.evaluate(self.data, self.targets, verbose=0)\n"
        "        self.seen.append([guess.mean(), score[0], score[1]])\n\n"
        "look = Look(x[:6], real[:6])\n" + fit("[look]") + "seen = look.seen\n"
    )
    code = both(source, "seen")
    assert "guess = predict(self.model, self.data)" in code


def test_values_added_to_the_logs() -> None:
    """They are part of the history, and another callback may monitor them."""
    source = BUILD + (
        "class Score(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        logs['val_score'] = -logs['val_loss']\n\n"
        "stop = keras.callbacks.EarlyStopping(monitor='val_score', mode='max', patience=2)\n"
        + fit("[Score(), stop]", epochs=9)
    )  # fmt: skip
    code = both(source)
    assert "history = {}\n" in code


def test_parameters() -> None:
    source = BUILD + (
        "class Progress(keras.callbacks.Callback):\n"
        "    def on_train_begin(self, logs=None):\n"
        "        self.total = self.params['epochs'] * self.params['steps']\n\n"
        "progress = Progress()\n" + fit("[progress]") + "total = progress.total\n"
    )
    both(source, "total")


def test_lambda_callback() -> None:
    source = BUILD + (
        "seen = []\n"
        "def at_end(logs):\n    seen.append(['end', logs['loss']])\n\n"
        "log = keras.callbacks.LambdaCallback(\n"
        "    on_epoch_begin=lambda epoch, logs: seen.append(epoch),\n"
        "    on_epoch_end=lambda number, values: seen.append(values['val_mae']),\n"
        "    on_batch_end=lambda batch, logs: seen.append(logs['loss']),\n"
        "    on_train_end=at_end)\n" + fit("[log]", epochs=2)
    )
    code = both(source.replace("on_batch_end", "on_train_batch_end"), "seen")
    assert "    seen.append(epoch)\n" in code
    assert "at_end(logs)\n" in code
    assert convert(source).code == code


def test_lambda_callback_that_predicts() -> None:
    source = BUILD + (
        "seen = []\n"
        + fit("[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: "
              "seen.append(model.predict(x[:4], verbose=0).mean()))]")
    )  # fmt: skip
    both(source, "seen")


@pytest.mark.parametrize(
    "made",
    [
        "callbacks = [keras.callbacks.EarlyStopping(patience=1)]\ncallbacks.append(Trace(seen))\n",
        "callbacks = []\ncallbacks += [Trace(seen), keras.callbacks.EarlyStopping(patience=1)]\n",
        "trace = Trace(seen)\nstop = keras.callbacks.EarlyStopping(patience=1)\ncallbacks = [trace, stop]\n",
        "def make(patience):\n    stop = keras.callbacks.EarlyStopping(patience=patience)\n    return [stop, Trace(seen)]\n"
        "callbacks = make(1)\n",
    ],
)
def test_lists_of_callbacks(made: str) -> None:
    source = BUILD + traced({"on_epoch_end": "epoch, logs=None"}) + made + fit("callbacks", epochs=6)
    code = both(source, "seen")
    assert "keras" not in code


def test_callback_derived_from_another() -> None:
    source = (
        BUILD
        + traced({"on_epoch_end": "epoch, logs=None"}).replace("seen = []\n", "")
        + (
            "class Louder(Trace):\n"
            "    def on_epoch_end(self, epoch, logs=None):\n"
            "        super().on_epoch_end(epoch, logs)\n"
            "        self.seen.append('again')\n\n"
            "seen = []\n" + fit("[Louder(seen)]")
        )
    )
    code = both(source, "seen")
    assert "class Louder(Trace):" in code
    assert "super().on_epoch_end(epoch, logs)" in code


@pytest.mark.parametrize(
    ("callbacks", "code"),
    [
        ("[keras.callbacks.RemoteMonitor()]", "K2T166"),
        ("[Best()]", "K2T126"),
        ("[Odd()]", "K2T168"),
        ("make()", "K2T167"),
    ],
)
def test_left(callbacks: str, code: str) -> None:
    from transpile import keras2torch

    source = BUILD + (
        "class Best(keras.callbacks.ModelCheckpoint):\n    pass\n\n"
        "class Odd(keras.callbacks.Callback):\n    def set_model(self, model):\n        self.other = model\n\n"
        "def make():\n    path = str(rng.random()) + '.keras'\n    return [keras.callbacks.ModelCheckpoint(path)]\n\n"
        + fit(callbacks)
    )  # fmt: skip
    result = keras2torch(source)
    assert "model.fit(" in result.code
    assert code in [d.code for d in result.diagnostics]


LOOKS = {
    "its model": ("", "self.model"),
    "the program's model": ("", "model"),
    "a model that it was given": ("model", "self.given"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_prediction_between_two_batches_leaves_training_on(name: str) -> None:
    """The batches behind it train: a batch normalization takes their statistics."""
    given, text = LOOKS[name]
    hidden = 'layers.Dense(4, kernel_initializer="ones"), layers.BatchNormalization(), '
    source = (
        HEAD
        + model(LINEAR).replace("layers.Dense", hidden + "layers.Dense", 1)
        + f"""
class Look(keras.callbacks.Callback):
    def __init__(self, given=None):
        super().__init__()
        self.given, self.seen = given, []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append({text}.predict(x, verbose=0).mean())


look = Look({given})
model.compile(keras.optimizers.SGD(0.1), "mse")
history = model.fit(x, real, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[look])
"""
    )
    ours, theirs = run_torch(convert(source).code), run_keras(source)
    np.testing.assert_allclose(ours["look"].seen, theirs["look"].seen, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(history(ours)["loss"], history(theirs)["loss"], rtol=1e-5)


def test_an_evaluation_within_an_epoch_is_told() -> None:
    source = (
        HEAD
        + model(LINEAR)
        + """
class Look(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        print(self.model.evaluate(x, real, verbose=0))


model.compile("sgd", "mse")
model.fit(x, real, callbacks=[Look()])
"""
    )
    assert "K2T340" in {d.code for d in convert(source).diagnostics}
