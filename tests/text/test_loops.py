"""Loops of which only the running program knows the length."""

from __future__ import annotations

import pytest

from transpile import keras2torch

HEAD = "import sys\nimport keras\nfrom keras import layers\n\nn = int(sys.argv[1])\n"


def test_a_loop_that_adds_layers_stays_a_loop() -> None:
    source = HEAD + (
        "model = keras.Sequential([keras.Input((8,))])\n"
        "for _ in range(n):\n    model.add(layers.Dense(16, activation='relu'))\n"
        "model.add(layers.Dense(1))\n"
    )
    result = keras2torch(source)
    assert not result.diagnostics
    assert "for _ in range(n):" in result.code
    assert "nn.Linear(channels, 16)" in result.code
    assert "nn.Linear(channels, 1)" in result.code  # of no pass, too


def test_a_width_that_changes_from_pass_to_pass() -> None:
    source = HEAD + (
        "def build(depth, filters=8):\n"
        "    inputs = keras.Input((32, 32, 3))\n"
        "    x = layers.Conv2D(filters, 3, padding='same')(inputs)\n"
        "    for _ in range(depth):\n        filters *= 2\n"
        "        x = layers.Conv2D(filters, 3, padding='same')(x)\n"
        "    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))\n\n"
        "model = build(n)\n"
    )
    result = keras2torch(source)
    assert not result.diagnostics
    assert "def __init__(self, depth, filters):" in result.code
    assert "nn.Conv2d(channels, filters, 3, padding=1)" in result.code


def test_a_model_made_anew_in_each_pass_is_no_such_loop() -> None:
    source = HEAD + (
        "model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n"
        "for part in load_parts(n):\n"
        "    model = keras.Sequential()\n    model.add(keras.Input((4,)))\n"
        "    model.add(layers.Dense(8))\n    model.add(layers.Dense(1))\n"
        "    print(model.predict(part))\n"
    )
    result = keras2torch(source)
    assert not result.diagnostics
    assert "nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1))" in result.code


def test_a_layer_that_may_be_left_out_is_reported() -> None:
    source = HEAD + (
        "model = keras.Sequential([keras.Input((8,))])\n"
        "for i in range(n):\n    model.add(layers.Dense(16))\n"
        "    if chosen(i):\n        model.add(layers.Dropout(0.5))\n"
        "model.add(layers.Dense(1))\n"
    )
    assert "K2T109" in [d.code for d in keras2torch(source).diagnostics]


GRAPH = HEAD + (
    "inputs = keras.Input((8,))\nx = layers.Dense(8)(inputs)\ncount, width = 0, 8\n"
    "for {head}:\n{body}    x = layers.Dense(8)(x)\nmodel = keras.Model(inputs, x)\n"
)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("i in range(n)", "    if i == 2:\n        x = layers.ReLU()(x)\n"),
        ("i in range(n)", "    if i <= 1:\n        x = layers.ReLU()(x)\n"),
        ("i in range(n)", "    count += 1\n    if count == 3:\n        x = layers.ReLU()(x)\n"),
        ("i in range(n)", "    count, width = count + 1, 8\n    if count == 3:\n        x = layers.ReLU()(x)\n"),
        ("i in range(n)", "    i = i % 2\n    if i == 0:\n        x = layers.ReLU()(x)\n"),
    ],
)
def test_a_condition_that_later_passes_may_decide_otherwise_is_reported(head: str, body: str) -> None:
    """Two passes stand for all: what holds in both need not hold in the third."""
    assert "K2T109" in [d.code for d in keras2torch(GRAPH.format(head=head, body=body)).diagnostics]


@pytest.mark.parametrize(
    ("head", "test"),
    [
        ("i in range(n, 9)", "i == 0"),
        ("i in range(3, n, -1)", "i > 2"),
        ("pair in enumerate(range(n))", "pair[0] == 0"),
    ],
)
def test_a_condition_on_the_item_of_a_pass_is_kept(head: str, test: str) -> None:
    result = keras2torch(GRAPH.format(head=head, body=f"    if {test}:\n        x = layers.ReLU()(x)\n"))
    assert not result.diagnostics
    assert f"        for {head}:\n            if {test}:\n                layers.append(nn.ReLU())" in result.code


@pytest.mark.parametrize(
    ("head", "test"),
    [
        ("i in range(n)", "i == 0"),
        ("i in range(n)", "i > 0"),
        ("i in range(1, n + 1)", "i != 1"),
        ("i, size in enumerate(range(n))", "i < 1"),
        ("i, size in enumerate(range(n), 5)", "i >= 6"),
    ],
)
def test_a_condition_on_the_first_pass_is_kept(head: str, test: str) -> None:
    result = keras2torch(GRAPH.format(head=head, body=f"    if {test}:\n        x = layers.ReLU()(x)\n"))
    assert not result.diagnostics
    assert f"for {head}:" in result.code
    assert f"if {test}:" in result.code


LONG = """
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

model = Sequential([Dense(1, input_shape=(3,))])
model.compile("sgd", "mse")
x, y = np.ones((8, 3)), np.ones((8, 1))
"""


@pytest.mark.parametrize(
    "loop",
    [
        "for step in range(100000):\n    model.train_on_batch(x, y)\n",
        "for epoch in range(60):\n    for k in range(60):\n        for step in range(500):\n"
        "            model.train_on_batch(x, y)\n",
        "def draw(p):\n    while True:\n        i = np.random.randint(3)\n        if p[i] > np.random.rand():\n"
        "            return i\n\nfor i in range(400):\n    for t in range(400):\n        draw(model.predict(x)[0])\n",
    ],
    ids=["long", "nested", "helper"],
)
def test_what_stands_behind_a_very_long_training_is_converted(loop: str) -> None:
    after = (
        "rate = 0.1\nsecond = Sequential([Dense(2, input_shape=(3,))])\n"
        "second.compile(optimizer=SGD(rate), loss='mse')\nsecond.fit(x, np.ones((8, 2)))\n"
    )
    result = keras2torch(LONG + "from keras.optimizers import SGD\n" + loop + after)
    assert [d.code for d in result.diagnostics if d.level != "note"] == []
    assert "second = nn.Sequential(nn.Linear(3, 2))" in result.code
    assert "keras" not in result.code
