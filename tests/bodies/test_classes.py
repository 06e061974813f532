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
    "a constraint of a weight": (
        "K2T188",
        """
        class A(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(3, 4), constraint="non_neg")

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
    "a layer of Keras's below it": (
        "K2T102",
        """
        class A(layers.LayerNormalization):
            def call(self, x):
                return x * self.gamma
        """,
    ),
    "layers that a Sequential is given": (
        "K2T189",
        """
        class A(keras.Sequential):
            def __init__(self, units):
                super().__init__([layers.Dense(units), layers.Dense(2)])
        """,
    ),
    "a penalty that Keras's constructor is given": (
        "K2T189",
        """
        class A(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(activity_regularizer="l2", **kwargs)
                self.dense = layers.Dense(3)

            def call(self, x):
                return self.dense(x)
        """,
    ),
    "an object that is not trained": (
        "K2T189",
        """
        class A(layers.Layer):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.dense = layers.Dense(3)

            def call(self, x):
                return self.dense(x)


        inputs = keras.Input((4,))
        model = keras.Model(inputs, A(trainable=False)(inputs))
        """,
    ),
    "initial values that differ": (
        "K2T107",
        """
        class A(layers.Layer):
            def __init__(self, start, **kwargs):
                super().__init__(**kwargs)
                self.start = start

            def build(self, shape):
                self.w = self.add_weight(shape=(4,), initializer=self.start)

            def call(self, x):
                return x * self.w


        inputs = keras.Input((4,))
        model = keras.Model(inputs, A("zeros")(A("ones")(inputs)))
        """,
    ),
    "initializers of one kind that differ": (
        "K2T107",
        """
        class A(layers.Layer):
            def __init__(self, start, **kwargs):
                super().__init__(**kwargs)
                self.w = self.add_weight(shape=(4,), initializer=start)

            def call(self, x):
                return x * self.w


        inputs = keras.Input((4,))
        outer = A(keras.initializers.Constant(2.0))(A(keras.initializers.Constant(1.0))(inputs))
        model = keras.Model(inputs, outer)
        """,
    ),
    "what an inherited method calls": (
        "K2T189",
        """
        class Template(layers.Layer):
            def call(self, x):
                return self.dense(x) + 1.0


        class A(Template):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(3, activation="relu")
        """,
    ),
    "a build in place of another": (
        "K2T189",
        """
        class Scale(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(shape=(3,))

            def call(self, x):
                return x * 2.0


        class A(Scale):
            def build(self, shape):
                self.v = self.add_weight(shape=(3,))
        """,
    ),
    "what an inherited build reads": (
        "K2T189",
        """
        class Scale(layers.Layer):
            def __init__(self):
                super().__init__()
                self.units = 3

            def build(self, shape):
                self.w = self.add_weight(shape=(self.units,))

            def call(self, x):
                return x * self.w


        class A(Scale):
            def __init__(self):
                super().__init__()
                self.units = 4
        """,
    ),
    "a mode that is fixed in a method": (
        "K2T186",
        """
        class A(layers.Layer):
            def __init__(self):
                super().__init__()
                self.drop = layers.Dropout(0.5)

            def noisy(self, x, training=True):
                return self.drop(x, training=training)

            def call(self, x):
                return self.noisy(x)
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


NESTED = """
        class Block(layers.Layer):
            def __init__(self):
                super().__init__()
                self.drop = layers.Dropout(0.3)

            def call(self, x, training=None):
                return self.drop(x, training)


        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.block = Block()
                self.head = keras.Sequential([layers.Dropout(0.5), layers.Dense(1)])

            def call(self, x, training=None):
                return self.head(self.block(x, training), training)


        model = Net()
        model.compile("sgd", "mse")
        model.fit(np.zeros((8, 4)), np.zeros((8, 1)))
        """


def test_mode_by_position() -> None:
    """Layers, classes and models inside take it as their second argument; modules know their mode."""
    text, codes = convert("import numpy as np" + NESTED.replace("\n        ", "\n"))
    assert not codes
    assert "return self.drop(x)\n" in text
    assert "return self.head(self.block(x))\n" in text


@pytest.mark.parametrize("given", ["False", "not training"])
def test_another_mode_by_position_is_left(given: str) -> None:
    source = NESTED.replace("\n        ", "\n").replace(
        "(self.block(x, training), training)", f"(self.block(x, training), {given})"
    )
    _, codes = convert("import numpy as np" + source)
    assert "K2T186" in codes


def test_call_without_training() -> None:
    """`fit` of Keras 3 does not tell such a model that it trains."""
    source = "import numpy as np" + NESTED.replace("\n        ", "\n")
    told = source.replace(
        "x, training=None):\n        return self.head(self.block(x, training), training)",
        "x):\n        return self.head(self.block(x))",
    )
    assert told != source
    _, codes = convert(told)
    assert codes == {"K2T356"}
    plain = told.replace("layers.Dropout(0.5)", "layers.ReLU()").replace("layers.Dropout(0.3)", "layers.ReLU()")
    assert not convert(plain)[1]


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


def test_initial_values_of_a_class_that_nothing_makes() -> None:
    text, codes = convert(
        """
        class Scale(layers.Layer):
            def __init__(self, start="zeros", **kwargs):
                super().__init__(**kwargs)
                self.w = self.add_weight(shape=(8,), initializer=start)
                self.v = self.add_weight(shape=(8,), initializer="ones")

            def call(self, x):
                return x * self.w + self.v
        """
    )
    assert codes == {"K2T206"}  # other files may give another start
    assert "nn.init.zeros_(self.w)" in text
    assert "nn.init.ones_(self.v)" in text


CHOSEN = """
class Unit(layers.Layer):
    def __init__(self, units, start="he_uniform", activation=None, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.start = keras.initializers.get(start)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], self.units), initializer=self.start, regularizer="l2")
        if self.use_bias:
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, x):
        y = tf.matmul(x, self.w)
        if self.use_bias:
            y = y + self.b
        return self.activation(y)


inputs = keras.Input((4,))
"""


@pytest.mark.parametrize(
    ("call", "written"),
    [
        ("Unit(4)", "Unit(4)"),
        ('Unit(4, "he_uniform", "relu", False)', 'Unit(4, activation="relu", use_bias=False)'),
        ("Unit(4, activation=tf.nn.relu)", "Unit(4, activation=F.relu)"),
        ("Unit(units=4, activation=keras.activations.softmax)", 'Unit(units=4, activation="softmax")'),
    ],
)
def test_arguments_that_only_keras_takes(call: str, written: str) -> None:
    text, codes = convert(f"{CHOSEN}model = keras.Model(inputs, {call}(inputs))")
    assert codes == {"K2T320"}
    assert f"= {written}\n" in text
    assert "def __init__(self, units, activation=None, use_bias=True):" in text
    assert "return 0.01 * self.w.square().sum()" in text
    assert "            self.b = nn.Parameter(torch.empty(self.units))\n            nn.init.zeros_(self.b)\n" in text


def test_a_name_that_no_activation_has() -> None:
    _, codes = convert(f'{CHOSEN}model = keras.Model(inputs, Unit(4, activation="hard_sigmoid")(inputs))')
    assert "K2T106" in codes


def test_methods_of_a_class_below_one_that_is_left() -> None:
    text, codes = convert(
        """
        class A(layers.Layer):
            def call(self, x):
                return self.mix(tf.py_function(len, [x], tf.float32))


        class B(A):
            def mix(self, x):
                return tf.matmul(x, x)
        """
    )
    assert {"K2T185", "K2T189"} <= codes
    assert "return tf.matmul(x, x)" in text


def test_keywords_that_go_up() -> None:
    text, codes = convert(
        """
        class Scale(layers.Layer):
            def __init__(self, units, rate=0.5, **kwargs):
                super().__init__(**kwargs)
                self.dense = layers.Dense(units)
                self.rate = rate

            def call(self, x):
                return self.dense(x) * self.rate


        class Shift(Scale):
            def __init__(self, by, **kwargs):
                super().__init__(4, **kwargs)
                self.by = by

            def call(self, x):
                return super(Shift, self).call(x) + self.by


        inputs = keras.Input((4,))
        model = keras.Model(inputs, Shift(1.0, rate=0.1, name="s")(inputs))
        """
    )
    assert not codes
    assert "def __init__(self, by, **kwargs):\n        super().__init__(4, **kwargs)\n" in text
    assert "return super().forward(x) + self.by" in text
    assert "Shift(1.0, rate=0.1)" in text


def test_what_build_reads_of_its_shape() -> None:
    text, codes = convert(
        """
        class Gate(layers.Layer):
            def __init__(self, rate=0.01, **kwargs):
                super().__init__(**kwargs)
                self.start = keras.initializers.RandomNormal(stddev=0.02)
                self.penalty = keras.regularizers.l2(rate)

            def build(self, input_shape):
                assert len(input_shape) == 3
                if input_shape[-1] % 2 != 0:
                    raise ValueError("odd")
                size = input_shape[-1]
                self.size = int(input_shape[2])
                self.w = self.add_weight(shape=(size, self.size), initializer=self.start, regularizer=self.penalty)
                self.g = self.add_weight(shape=input_shape[-1:], initializer="ones")

            def call(self, x):
                return tf.matmul(x, self.w) * self.g


        inputs = keras.Input((6, 8))
        model = keras.Model(inputs, Gate(rate=0.3)(inputs))
        """
    )
    assert not codes
    assert (
        "        size = 8\n        self.size = 8\n        self.w = nn.Parameter(torch.empty(size, self.size))\n" in text
    )
    assert "nn.init.normal_(self.w, 0.0, 0.02)" in text
    assert "raise" not in text
    assert "return self.rate * self.w.square().sum()" in text


def test_layers_that_differ_in_the_size_that_build_reads() -> None:
    _, codes = convert(
        """
        class Scale(layers.Layer):
            def build(self, input_shape):
                self.size = input_shape[-1]
                self.w = self.add_weight(shape=(1,))

            def call(self, x):
                return x * self.w / self.size


        inputs = keras.Input((8,))
        model = keras.Model(inputs, Scale()(layers.Dense(4)(Scale()(inputs))))
        """
    )
    assert "K2T188" in codes


def test_arguments_of_a_layer_in_a_sequential() -> None:
    text, codes = convert(
        """
        class Scale(layers.Layer):
            def __init__(self, by=1.0, start="ones", **kwargs):
                super().__init__(**kwargs)
                self.by = by
                self.w = self.add_weight(shape=(1,), initializer=start)

            def call(self, x):
                return x * self.by * self.w


        model = keras.Sequential([keras.Input((4,)), Scale(by=2.0), Scale(3.0, "ones", name="second")])
        """
    )
    assert codes == {"K2T320"}
    assert "nn.Sequential(Scale(by=2.0), Scale(3.0))" in text


def test_functions_of_other_files_are_told_of() -> None:
    """They may be written for Keras's tensors; NumPy's and the standard library's are known."""
    text, codes = convert(
        """
        import math

        import numpy as np
        from helpers import squash

        class Block(layers.Layer):
            def __init__(self):
                super().__init__()
                self.project = layers.Dense(4)

            def call(self, x):
                return squash(self.project(x)) * math.sqrt(2) * np.pi


        model = keras.Sequential([keras.Input((4,)), Block()])
        """
    )
    assert "K2T212" in codes
    assert "return squash(self.project(x)) * math.sqrt(2) * np.pi" in text
