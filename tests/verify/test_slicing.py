"""Which statements are needed for a model; nothing runs here."""

from __future__ import annotations

import ast

import pytest

from transpile.verify.slicing import SliceProblem, slice_program


def kept(source: str, *expressions: str) -> list[str]:
    """The first line of every statement of the slice."""
    statements = slice_program(ast.parse(source), expressions or ("model",))
    return [ast.unparse(s).splitlines()[0] for s in statements]


def slice_text(tree: ast.Module) -> str:
    """The slice for `model`, as text."""
    return ast.unparse(ast.Module(slice_program(tree, ["model"]), []))


def test_training_and_output_are_left_out() -> None:
    source = """
import keras
import matplotlib.pyplot as plt
model = keras.Sequential()
model.add(keras.layers.Dense(2))
model.summary()
model.compile("sgd", "mse")
history = model.fit(x, y)
print(model.evaluate(x, y))
plt.plot(history.history["loss"])
model.save("m.keras")
keras.utils.plot_model(model)
"""
    assert kept(source) == [
        "import keras",
        "model = keras.Sequential()",
        "model.add(keras.layers.Dense(2))",
        "model.compile('sgd', 'mse')",
    ]


def test_parts_that_are_deleted() -> None:
    source = """
from torch import nn
model = nn.Sequential(nn.LayerNorm(6))
del model[0].weight
other = {}
del other["a"]
model[0].register_buffer("weight", None)
"""
    assert kept(source) == [
        "from torch import nn",
        "model = nn.Sequential(nn.LayerNorm(6))",
        "del model[0].weight",
        "model[0].register_buffer('weight', None)",
    ]


def test_data_that_sizes_the_model_is_kept() -> None:
    source = """
from keras.datasets import mnist
(x, y), (u, v) = mnist.load_data()
x = x / 255
u = u / 255
def build(n):
    return scale * n
scale = 2
model = build(x.shape[1])
"""
    assert kept(source, "model") == [
        "from keras.datasets import mnist",
        "(x, y), (u, v) = mnist.load_data()",
        "x = x / 255",
        "def build(n):",
        "scale = 2",
        "model = build(x.shape[1])",
    ]


def test_blocks_keep_what_is_needed() -> None:
    source = """
make, big = int, True
for n in (3, 4):
    model.add(n)
    print(n)
if big:
    rate = 1
    log = 2
else:
    rate = 3
model = make(rate)
"""
    statements = slice_program(ast.parse(source), ["model"])
    text = ast.unparse(ast.Module(statements, []))
    assert "print" not in text
    assert "log" not in text
    assert "rate = 3" in text
    assert "model.add" not in text  # before the model is made: it works on another object


def test_loop_that_adds_layers() -> None:
    source = "sizes = [1]\nmodel = make()\nfor n in sizes:\n    model.add(n)"
    assert kept(source) == ["sizes = [1]", "model = make()", "for n in sizes:"]


def test_locals_of_functions_are_not_needed() -> None:
    source = "loss = train()\ndef build():\n    loss = 1\n    return loss\nmodel = build()"
    assert kept(source) == ["def build():", "model = build()"]


def test_functions_that_train_are_not_called() -> None:
    source = """
def train(model):
    model.fit(1, 2)
def run(m):
    train(m)
model = make()
train(model)
run(model)
"""
    assert kept(source) == ["model = make()"]


def test_main_guard_is_top_level() -> None:
    source = "if __name__ == '__main__':\n    model = make()\n    model.fit(1)"
    assert kept(source) == ["model = make()"]


def test_variable_of_a_function() -> None:
    source = """
def main(units, rate=0.5):
    model = make(units, rate)
    model.fit(1)
main(8)
"""
    assert kept(source, "main.<locals>.model") == [
        "rate = 0.5",
        "units = 8",
        "model = make(units, rate)",
    ]


def test_reloaded_model_is_not_loaded() -> None:
    source = "model = make()\nmodel = keras.models.load_model('m')"
    assert kept(source) == ["model = make()"]


def test_an_earlier_model_of_the_same_name_is_not_built() -> None:
    source = """
model = first()
model.add(1)
model = second()
model.add(2)
"""
    assert kept(source) == ["model = second()", "model.add(2)"]


def test_settings_are_kept() -> None:
    source = """
import keras
import os
keras.backend.set_image_data_format('channels_first')
os.listdir()
model = keras.Model()
"""
    assert kept(source) == [
        "import keras",
        "keras.backend.set_image_data_format('channels_first')",
        "model = keras.Model()",
    ]


def test_unknown_name() -> None:
    with pytest.raises(SliceProblem, match="defines net"):
        kept("model = 1", "net")


@pytest.mark.parametrize(
    "change",
    [
        "for p in model.features.parameters():\n    p.requires_grad = False",
        "for i, layer in enumerate(model.layers):\n    layer.trainable = False",
        "for p in model.parameters():\n    p.requires_grad_(False)",
        "last = model.layers[-1]\nlast.trainable = False",
        "model.layers[0].trainable = False",
        "model.tag = 1",
    ],
)
def test_changes_of_parts_are_kept(change: str) -> None:
    tree = ast.parse("model = make()\n" + change)
    assert slice_text(tree) == ast.unparse(tree)


def test_training_loops_are_left_out() -> None:
    source = """
model = make()
optimizer = SGD(model.parameters())
for epoch in range(3):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
model.eval()
"""
    assert kept(source, "model", "optimizer") == [
        "model = make()",
        "optimizer = SGD(model.parameters())",
    ]


def test_variables_of_comprehensions_are_their_own() -> None:
    source = """
n, k = 3, 4
model = make([n, k])
history = train(model)
print({k: v for k, v in history.items()})
"""
    assert kept(source) == ["n, k = (3, 4)", "model = make([n, k])"]
