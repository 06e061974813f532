"""`add_loss` in classes of the user's, and the sum of a model's losses in steps by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from transpile import keras2torch
from transpile.verify import Session

HEADER = """import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

"""
LAYER = """
class Activity(layers.Layer):
    def call(self, inputs):
        self.add_loss(0.1 * tf.reduce_sum(tf.square(inputs)))
        return inputs

"""
# In a step by hand, with a regularizer beside it.
STEP = """
inputs = keras.Input(shape=(6,))
model = keras.Model(inputs, layers.Dense(3)(Activity()(layers.Dense(5, kernel_regularizer="l2")(inputs))))
optimizer = keras.optimizers.SGD(0.01)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss_value = loss_fn(y, logits)
        loss_value += sum(model.losses)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    return loss_value


x = np.random.default_rng(0).random((32, 6)).astype("float32")
y = np.arange(32) % 3
for epoch in range(3):
    print(f"loss {float(train_step(tf.constant(x), tf.constant(y))):.4f}")
"""
# A model with penalties is handed to a class, which is trained by fit.
HANDED = """
inputs = keras.Input(shape=(6,))
encoder = keras.Model(inputs, Activity()(layers.Dense(5, kernel_regularizer="l2")(inputs)))
decoder = keras.Sequential([keras.Input((5,)), layers.Dense(6)])


class Both(keras.Model):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def call(self, x):
        return self.decoder(self.encoder(x))


data = np.random.default_rng(0).random((32, 6)).astype("float32")
model = Both(encoder, decoder)
model.compile(optimizer="sgd", loss="mse")
history = model.fit(data, data, epochs=2, verbose=0)
print([round(value, 4) for value in history.history["loss"]])
"""
# The penalties are those of a model inside of it.
NESTED = HANDED.replace("encoder = keras.Model(inputs", "inner = keras.Model(inputs").replace(
    "decoder = keras",
    "part = keras.Input((6,))\nencoder = keras.Model(part, layers.Dense(5)(inner(part)))\ndecoder = keras",
)
PROGRAMS = {"a step by hand": STEP, "a model that is handed to a class": HANDED, "a model in it": NESTED}


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    pytest.importorskip("tensorflow")
    pytest.importorskip("torch")
    with Session(device="cpu", timeout=120) as running:
        yield running


@pytest.mark.parametrize("name", PROGRAMS)
def test_same_updates_and_the_same_weights_at_the_end(session: Session, name: str) -> None:
    source = HEADER + LAYER.replace("tf.reduce_", "keras.ops.").replace("tf.square", "keras.ops.square")
    result = keras2torch(source + PROGRAMS[name])
    assert {d.code for d in result.diagnostics} <= {"K2T350"}
    report = session.verify(source + PROGRAMS[name], result.code, result.models, levels=(6,))
    rows = {row.title: row.verdict for row in report.rows if row.level == 6}
    assert any(title.startswith("loss of ") for title in rows), report.as_table()
    assert set(rows.values()) == {"ok"}, report.as_table()


def test_two_losses_of_one_layer_are_added() -> None:
    twice = LAYER.replace(
        "        return inputs", "        self.add_loss(tf.reduce_sum(inputs))\n        return inputs"
    )
    code = keras2torch(HEADER + twice + STEP).code
    assert "self.added_loss = 0.1 * torch.square(inputs).sum()" in code
    assert "self.added_loss = self.added_loss + inputs.sum()" in code


ADDED = "self.add_loss(0.1 * tf.reduce_sum(tf.square(inputs)))"
LEFT = {
    "in a branch": (LAYER.replace(ADDED, f"if len(inputs.shape) == 2:\n            {ADDED}"), STEP, "K2T189"),
    "a function": (LAYER.replace(ADDED, "self.add_loss(lambda: 1.0)"), STEP, "K2T189"),
    "a layer applied twice": (LAYER, STEP.replace("Activity()(layers.Dense(5, kernel_regularizer=\"l2\")(inputs))",
                                                  "activity(activity(inputs))")
                              .replace("model =", "activity = Activity()\nmodel ="), "K2T189"),
    "single losses": (LAYER, STEP.replace("sum(model.losses)", "model.losses[0]"), "K2T191"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    layer, use, expected = LEFT[name]
    assert expected in {d.code for d in keras2torch(HEADER + layer + use).diagnostics}
