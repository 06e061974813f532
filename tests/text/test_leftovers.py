"""Nothing of Keras remains without a code; what only looks like it stays untouched."""

from __future__ import annotations

import ast
import re
import textwrap

import pytest

from tests.text.test_utilities import codes, convert
from transpile import keras2torch

LEFT = {
    "from keras.preprocessing.text import Tokenizer\nt = Tokenizer(analyzer=f)\n": "K2T132",
    "import keras\nm = keras.models.load_model('m.h5')\n": "K2T131",
    "from keras.applications import Xception\nb = Xception()\n": "K2T115",
    "import keras\no = keras.optimizers.Adam()\n": "K2T121",
    "import keras\nf(keras.losses.mse)\n": "K2T120",
    "import keras\nm = [keras.metrics.AUC()]\n": "K2T122",
    "import keras\nc = keras.callbacks.TensorBoard()\n": "K2T126",
    "import keras\nr = {'relu': keras.layers.ReLU}\n": "K2T150",
    "from keras.wrappers.scikit_learn import KerasClassifier\ne = KerasClassifier(f)\n": "K2T151",
    "import keras\nimport tensorflow as tf\nd = tf.data.Dataset.range(3)\n": "K2T127",
    "import keras\nimport tensorflow as tf\nwith tf.device('/cpu:0'):\n    x = 1\n": "K2T133",
    "import keras\nimport tensorflow as tf\ndef g(x): return tf.square(x)\nd.map(g)\n": "K2T153",
    "import keras\nimport tensorflow as tf\nx = tf.strings.lower(y)\n": "K2T185",
    "import keras\nimport tensorflow as tf\nx = tf.gather(y, i, batch_dims=2)\n": "K2T186",
    "import keras\nimport tensorflow_datasets as tfds\nx = tfds.load('x')\n": "K2T154",
    "import keras\nclass A(keras.callbacks.Callback):\n    pass\n": "K2T126",
    "import keras\nclass A(keras.layers.Layer):\n    def call(self, x): return x\n": "K2T102",
    "import keras\nclass A(keras.Model):\n    def call(self, x):\n        return x\n": "K2T103",
    "import keras\nkeras.mixed_precision.set_global_policy('mixed_float16')\n": "K2T133",
}
COMMENT = re.compile(r"^[ \t]*# K2T\d{3}: .*\n", re.MULTILINE)


@pytest.mark.parametrize("before", LEFT)
def test_left(before: str) -> None:
    """A comment above the statement, and nothing else; a second run adds none."""
    text, output = convert(before)
    assert codes(output) == [LEFT[before]]
    assert COMMENT.sub("", text) == before
    assert len(COMMENT.findall(text)) == 1
    ast.parse(text)
    assert convert(text)[0] == text


UNTOUCHED = [
    "layers = [1]\nlayers.append(2)\nK = 3\nmodel = layers\n",
    "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    pass\n",
    "import numpy as np\nfrom mykeras import layers, keras\nlayers.Dense(3)\n",
    "# keras\nx = 'tf.keras.layers'\n",
    "import tensorflow as tf\nx = tf.constant(1)\n",
    "",
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_without_keras_nothing_changes(text: str) -> None:
    assert convert(text)[0] == text


def test_one_comment_for_the_tensor_code_of_a_function() -> None:
    text, output = convert(
        """\
        import keras
        import tensorflow as tf


        def f(x):
            y = tf.square(x)
            if True: z = tf.sqrt(y)
            return tf.reduce_mean(
                tf.py_function(y))


        a = f(1); b = tf.strings.lower(2)
        """
    )
    assert COMMENT.findall(text) == [
        "    # K2T185: tf.py_function has no counterpart in PyTorch that is known\n",
        "# K2T185: tf.strings.lower has no counterpart in PyTorch that is known\n",
    ]
    assert "is known\na = f(1); b" in text
    assert codes(output) == ["K2T185", "K2T185"]


def test_comment_stands_above_decorators_and_in_blocks() -> None:
    text, _ = convert(
        textwrap.dedent(
            """\
            import keras
            import tensorflow as tf
            for i in range(3):
                @tf.function
                def step(x):
                    return x
            """
        )
    )
    assert "\n    # K2T152: tf.function was left" in text
    assert "torch.compile\n    @tf.function\n" in text
    ast.parse(text)


def test_aliases_are_reported_where_they_are_used() -> None:
    text, output = convert("import tensorflow as tf\nL = tf.keras.layers\nx = [L.Dense(3)]\n")
    assert codes(output) == ["K2T150"]
    assert text.startswith("import tensorflow as tf\nL = tf.keras.layers\n# K2T150: L.Dense was")


def test_imports_and_aliases_that_nothing_uses() -> None:
    assert convert("import keras\nL = keras.layers\nx = 1\n")[0] == "x = 1\n"
    text, output = convert("import keras\nL = keras.layers\nf(keras.Model)\n")
    assert set(codes(output)) == {"K2T150"}
    assert "L = keras.layers" in text


def test_a_class_that_stays_keeps_its_models() -> None:
    """A Keras layer that cannot be converted is left whole: no nn.Sequential inside of it."""
    inside = """class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.projection = keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(4)])

    def call(self, inputs):
        return keras.ops.unknown_function(self.projection(inputs))
"""
    source = f"import keras\nfrom keras import layers\n\n\n{inside}"
    result = keras2torch(source + "\n\nmodel = keras.Sequential([keras.Input((4,)), layers.Dense(2)])\n")
    kept = "".join(line for line in result.code.splitlines(True) if "# K2T" not in line)
    assert inside in kept
    assert "model = nn.Sequential(nn.Linear(4, 2))" in result.code
    assert [d.code for d in result.diagnostics if d.level == "error"] == ["K2T185"]
