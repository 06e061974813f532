"""Classes of the user's that derive from Keras's: what converts, and what must stay with its reason."""

from __future__ import annotations

import ast
import textwrap

import pytest

from transpile import keras2torch

HEADER = """import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

"""


def convert(body: str) -> tuple[str, set[str]]:
    result = keras2torch(HEADER + textwrap.dedent(body))
    ast.parse(result.code)
    return result.code, {d.code for d in result.diagnostics}


LEFT = {
    "train_step": (
        "K2T181",
        """
        class A(keras.Model):
            def call(self, x):
                return tf.square(x)

            def train_step(self, data):
                return super().train_step(data)
        """,
    ),
    "frozen": (
        "K2T189",
        """
        class A(layers.Layer):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(3)
                self.dense.trainable = False

            def call(self, x):
                return self.dense(x)
        """,
    ),
    "new weights at each call": (
        "K2T187",
        """
        class A(layers.Layer):
            def call(self, x):
                return layers.Dense(3)(x)
        """,
    ),
    "a regularizer of a weight": (
        "K2T188",
        """
        class A(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(3, 4), regularizer="l2")

            def call(self, x):
                return tf.matmul(x, self.w)
        """,
    ),
    "a size that nothing tells": (
        "K2T188",
        """
        class A(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(shape[-1], 4))

            def call(self, x):
                return tf.matmul(x, self.w)
        """,
    ),
    "a mask": (
        "K2T113",
        """
        class A(layers.Layer):
            def __init__(self):
                super().__init__()
                self.embedding = layers.Embedding(9, 4, mask_zero=True)
                self.lstm = layers.LSTM(3)

            def call(self, x):
                return self.lstm(self.embedding(x))
        """,
    ),
    "no counterpart": (
        "K2T185",
        """
        class A(layers.Layer):
            def call(self, x):
                return tf.py_function(len, [x], tf.float32)
        """,
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_left_whole(name: str) -> None:
    code, body = LEFT[name]
    text, codes = convert(body)
    assert code in codes
    stripped = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("# K2T"))
    assert textwrap.dedent(body).strip() in stripped


def test_a_mask_into_a_layer_that_reads_it() -> None:
    _, codes = convert(
        """
        class A(layers.Layer):
            def call(self, x, mask=None):
                if mask is not None:
                    x = x * tf.cast(mask, tf.float32)[:, :, None]
                return tf.reduce_sum(x, axis=1)


        inputs = keras.Input((5,), dtype="int32")
        x = layers.Embedding(9, 4, mask_zero=True)(inputs)
        model = keras.Model(inputs, A()(x))
        """
    )
    assert "K2T113" in codes


def test_sizes_come_from_the_call() -> None:
    text, codes = convert(
        """
        class Block(layers.Layer):
            def __init__(self, units, name=None, **kwargs):
                super().__init__(name=name, **kwargs)
                self.first = layers.Dense(units, activation="relu")
                self.second = layers.Dense(units)

            def call(self, x, training=None):
                # two steps
                return self.second(self.first(x)) + x


        inputs = keras.Input((7,))
        model = keras.Model(inputs, Block(7, name="b")(inputs))
        """
    )
    assert not codes
    assert "def __init__(self, units):\n        super().__init__()\n        self.first = nn.Linear(7, units)" in text
    assert "self.second = nn.Linear(units, units)" in text or "self.second = nn.Linear(7, units)" in text
    assert (
        "    def forward(self, x):\n        # two steps\n        return self.second(F.relu(self.first(x))) + x" in text
    )
    assert "self.block = Block(7)" in text


def test_a_loss_class() -> None:
    text, codes = convert(
        """
        class Scaled(keras.losses.Loss):
            def __init__(self, factor=2.0, **kwargs):
                super().__init__(**kwargs)
                self.factor = factor

            def call(self, y_true, y_pred):
                return self.factor * tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)
        """
    )
    assert not codes
    assert "class Scaled(nn.Module):" in text
    assert "def forward(self, y_true, y_pred):" in text
    assert "return self.factor * torch.abs(y_true - y_pred).mean(dim=-1)" in text


@pytest.mark.parametrize(
    ("call", "written"),
    [
        ("A()(i, 2.0)", "self.a(i, 2.0)"),
        ("A()(i, scale=2.0)", "self.a(i, scale=2.0)"),
        ("A()(i, context=j)", "self.a(i, context=j)"),
        ("A()(context=j, x=i)", "self.a(context=j, x=i)"),
        ("A()(i, scale=cfg.scale)", "K2T112"),
        ("A()(i, training=True)", "K2T112"),
    ],
)
def test_the_arguments_of_a_call_keep_their_places(call: str, written: str) -> None:
    """The trap: numbers dropped, and tensors given by name handed on by position."""
    source = (
        "import keras\nfrom keras import layers\nfrom config import cfg\n\n\nclass A(layers.Layer):\n"
        "    def call(self, x, scale=1.0, context=None):\n        y = x * scale\n"
        "        return y if context is None else y + 2 * context\n\n\n"
        f"i = keras.Input((4,))\nj = keras.Input((4,))\nmodel = keras.Model([i, j], {call})\n"
    )
    assert written in keras2torch(source).code
