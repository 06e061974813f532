"""Models with a training step of their own: what is written, and what stays as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cases.case import case
from transpile import keras2torch
from transpile.verify import Session

HEADER = """import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

net = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(4)])


class Model(keras.Model):
    def __init__(self, net):
        super().__init__()
        self.net = net
"""
STEP = """
    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.net(data) - data))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        return {"loss": loss}
"""
USE = """

x = np.zeros((32, 4), "float32")
model = Model(net)
model.compile(optimizer="sgd")
model.fit(x, epochs=2)
"""


def converted(text: str) -> tuple[str, set[str]]:
    """The code and the codes of the diagnostics."""
    result = keras2torch(text)
    return result.code, {d.code for d in result.diagnostics}


def test_loss_that_keras_reports_as_zero_is_noted() -> None:
    code, codes = converted(HEADER + STEP + USE)
    assert codes == {"K2T355"}
    assert "model.optimizer = torch.optim.SGD(model.parameters(), lr=0.01)" in code
    assert "loss = torch.square(self.net(data) - data).mean()" in code
    assert "keras" not in code


def test_two_names_are_reported_as_returned() -> None:
    step = STEP.replace('{"loss": loss}', '{"loss": loss, "twice": 2 * loss}')
    assert converted(HEADER + step + USE)[1] == set()


def test_gradients_are_clipped_as_the_optimizer_says() -> None:
    use = USE.replace('"sgd"', "keras.optimizers.SGD(0.1, clipvalue=0.5)")
    code, _ = converted(HEADER + STEP + use)
    assert "nn.utils.clip_grad_value_(self.parameters(), 0.5)\n        self.optimizer.step()" in code


def test_loss_that_only_keras_2_notes_is_noted() -> None:
    step = STEP.replace("tf.reduce_mean(tf.square(self.net(data) - data))", "self.compiled_loss(data, self.net(data))")
    step = step.replace('{"loss": loss}', "{m.name: m.result() for m in self.metrics}")
    code, codes = converted(HEADER + step + USE.replace('"sgd"', '"sgd", loss="mse"'))
    assert codes == {"K2T355"}
    assert "loss = (self.net(data) - data).square().mean()\n        self.loss_tracker.update_state(loss)" in code


MODES = """import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.Dense(4)])
optimizer = keras.optimizers.SGD(0.1)


def score(x):
    return tf.reduce_mean(model(x, training=False))


def train_step(x, y):
    model(x, training=True)
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
            loss += score(x)
            again = model(x, training=True)
            loss += tf.reduce_mean(again)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
    return loss
"""


def test_the_mode_is_set_again_in_a_loop_and_behind_functions() -> None:
    code, codes = converted(MODES)
    assert codes == set()
    loop = code.split("for _ in range(3):")[1]
    assert loop.index("model.train()") < loop.index("model(x)") < loop.index("score(x)")
    assert loop.index("score(x)") < loop.index("model.train()\n        again = model(x)")


def test_two_modes_in_one_statement_are_left() -> None:
    two = "model(x, training=True) - model(x, training=False)"
    assert "K2T191" in converted(MODES.replace("model(x, training=True) - y", two))[1]


MONITOR = """

class Monitor(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        made = self.model.net(tf.random.normal(shape=(2, 4)))
        made *= 255
        print(epoch, made.numpy().shape)

"""


def test_callbacks_call_models_of_the_model_without_gradients() -> None:
    step = STEP.replace('{"loss": loss}', '{"loss": loss, "twice": 2 * loss}')
    code, codes = converted(HEADER + step + MONITOR + USE.replace("epochs=2", "epochs=2, callbacks=[Monitor()]"))
    assert codes == set()
    assert "    @torch.no_grad()\n    def on_epoch_end(self, epoch, logs=None):" in code
    assert "made = self.model.net(torch.randn(2, 4, device=device))" in code


LEFT = {
    "no model is made": (STEP, "", "K2T181"),
    "returns what is computed elsewhere": (STEP.replace('{"loss": loss}', "make(loss)"), USE, "K2T181"),
    "metrics are gone through in another way": (
        STEP.replace('{"loss": loss}', "{m.name: float(m.result()) for m in self.metrics}"), USE, "K2T181",
    ),
    "the step of Keras": ("\n    def train_step(self, data):\n        return super().train_step(data)\n", USE, "K2T189"),
    "gradients are used": (STEP.replace("grads, self", "[2 * g for g in grads], self"), USE, "K2T189"),
    "another model's variables": (STEP.replace("(loss, self", "(loss, self.net"), USE, "K2T191"),
    "a loss that compile() is not given": (
        STEP.replace("tf.reduce_mean(tf.square(self.net(data) - data))", "self.compiled_loss(data, self.net(data))"),
        USE, "K2T181",
    ),
    "a metric that is no mean": (
        STEP.replace("return {", "self.compiled_metrics.update_state(data, data)\n        return {"),
        USE.replace('"sgd"', '"sgd", loss="mse", metrics=[keras.metrics.AUC()]'), "K2T181",
    ),
    "validation without a test_step": (STEP, USE.replace("epochs=2", "epochs=2, validation_data=x"), "K2T182"),
    "weights of samples": (STEP, USE.replace("epochs=2", "sample_weight=x[:, 0]"), "K2T182"),
    "train_on_batch": (STEP, USE.replace("fit(x, epochs=2)", "train_on_batch(x)"), "K2T182"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    step, use, expected = LEFT[name]
    code, codes = converted(HEADER + step + use)
    assert expected in codes
    if expected != "K2T182":
        assert "class Model(keras.Model):" in code


PROGRAMS = ("vae_train_step", "gan_train_step", "compiled_train_step", "added_losses", "gradient_tape_functions")


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    pytest.importorskip("tensorflow")
    pytest.importorskip("torch")
    with Session(device="cpu", timeout=120) as running:
        yield running


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_updates_and_the_same_weights_at_the_end(session: Session, name: str) -> None:
    program = case(name)
    report = session.verify(program.source, program.result.code, program.result.models, levels=(6,))
    rows = {row.title: row.verdict for row in report.rows if row.level == 6}
    assert any(title.startswith("loss of ") and title.endswith("updates") for title in rows), report.as_table()
    assert set(rows.values()) == {"ok"}, report.as_table()
