"""Models that a program keeps as attributes of a module: `tf.model = tf.keras.Sequential()`."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import verify

HEAD = "import numpy as np\nimport tensorflow as tf\n\n"
MODEL = "tf.model = tf.keras.Sequential()\ntf.model.add(tf.keras.layers.Dense(3, input_dim=4))\n"
TRAINING = "tf.model.compile('sgd', 'mse')\ntf.model.fit(np.ones((8, 4)), np.ones((8, 3)), epochs=1)\n"


def test_it_is_converted_as_a_variable() -> None:
    result = keras2torch(HEAD + MODEL + TRAINING + "w = tf.model.predict(np.ones((1, 4)))\n")
    assert not result.diagnostics
    assert "tf" not in result.code.replace("tf_", "")
    assert "model = nn.Sequential(nn.Linear(4, 3)).to(device)" in result.code
    assert [m.keras for m in result.models] == ["tf.model"]


def test_it_verifies() -> None:
    source = HEAD + MODEL + TRAINING
    result = keras2torch(source)
    report = verify(source, result.code, result.models)
    assert report.ok, report.as_table()


def test_positions_are_those_of_the_source() -> None:
    source = HEAD + MODEL + TRAINING + "text = tf.model.to_json()\n"
    found = [d for d in keras2torch(source).diagnostics if d.level != "note"]
    assert [(d.span.line, source[d.span.start : d.span.end]) for d in found] == [(8, "tf.model.to_json()")]


@pytest.mark.parametrize(
    "more",
    ["model = 1\n", "def f():\n    tf.model = tf.keras.Sequential()\n", "print(f'{tf.model}')\n"],
    ids=["taken", "function", "string"],
)
def test_what_cannot_be_a_variable_stays(more: str) -> None:
    assert "tf.model" in keras2torch(HEAD + MODEL + more).code
