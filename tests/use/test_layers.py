"""Layers of a model that code outside of it asks for."""

from __future__ import annotations

import textwrap

import pytest

from transpile import keras2torch
from transpile.result import Result

MODEL = """\
import numpy as np
from keras import Input, Model, Sequential, layers

model = Sequential([
    Input((8, 8, 3)),
    layers.Conv2D(4, 3, name="conv", activation="relu"),
    layers.Flatten(),
    layers.Dense(5, activation="relu", name="features"),
    layers.Dense(2),
])
"""


def convert(text: str, model: str = MODEL) -> Result:
    return keras2torch(model + textwrap.dedent(text))


CASES = {
    "by position": ("layer = model.layers[0]", "layer = model.conv"),
    "from the end": ("layer = model.layers[-1]", "layer = model.dense"),
    "by name": ('layer = model.get_layer("features")', "layer = model.features"),
    "by index": ("layer = model.get_layer(index=2)", "layer = model.features"),
    "counted": ("print(len(model.layers))", "print(4)"),
    "named": ("print(model.layers[2].name)", 'print("features")'),
    "shape": ("print(model.output_shape, model.layers[1].output_shape)", "print((None, 2), (None, 144))"),
    "kernel of a Dense": (
        "w = model.layers[2].get_weights()[0]",
        "w = model.features.weight.detach().cpu().numpy().copy().T",
    ),
    "looked at": (
        "print(np.mean(model.layers[2].get_weights()[1]))",
        "print(np.mean(model.features.bias.detach().cpu().numpy()))",
    ),
    "kernel of a convolution": (
        "w, b = model.layers[0].get_weights()",
        "w, b = model.conv.weight.detach().cpu().numpy().copy().transpose(2, 3, 1, 0), "
        "model.conv.bias.detach().cpu().numpy().copy()",
    ),
    "set": (
        "model.layers[2].set_weights([np.ones((144, 5)), np.zeros(5)])",
        "model.features.weight.data.copy_(torch.as_tensor(np.ones((144, 5))).T)\n"
        "model.features.bias.data.copy_(torch.as_tensor(np.zeros(5)))",
    ),
    "frozen one by one": (
        "for layer in model.layers[:-1]:\n    layer.trainable = False",
        "for layer in (model.conv, model.features):\n    layer.requires_grad_(False)",
    ),
    "all frozen in a loop": (
        "for layer in model.layers:\n    layer.trainable = False",
        "for layer in model.children():\n    layer.requires_grad_(False)",
    ),
    "frozen": ("model.trainable = False", "model.requires_grad_(False)"),
}


@pytest.mark.parametrize("name", CASES)
def test_converted(name: str) -> None:
    before, after = CASES[name]
    result = convert(before)
    assert after in result.code
    assert not result.diagnostics


LEFT = {
    "no module": ("print(model.layers[1])", "K2T178"),
    "list": ("layers = model.layers[1:]", "K2T178"),
    "loop that reads": ("for layer in model.layers:\n    print(layer.get_config())", "K2T178"),
    "arrays of the whole model": ("weights = model.get_weights()\nprint(weights[0])", "K2T180"),
    "unknown position": ("import sys\nprint(model.layers[int(sys.argv[1])])", "K2T178"),
}


@pytest.mark.parametrize("name", LEFT)
def test_left(name: str) -> None:
    before, code = LEFT[name]
    result = convert(before)
    assert before.splitlines()[-1].strip() in result.code
    assert code in {d.code for d in result.diagnostics}


def test_weights_from_one_model_to_another() -> None:
    text = """
    def build():
        return Sequential([Input((4,)), layers.Dense(3)])


    online = build()
    target = build()
    target.set_weights(online.get_weights())
    """
    result = convert(text, "from keras import Input, Sequential, layers\n")
    assert "target.load_state_dict(online.state_dict())" in result.code
    assert not result.diagnostics


BRANCHES = """
from keras import Input, Model, layers

a = Input((4,), name="a")
b = Input((3,), name="b")
shared = layers.Dense(5, name="shared")
x = layers.Dense(4, name="left", activation="relu")(a)
x = shared(x)
y = shared(layers.Dense(4, name="right")(b))
y = layers.Dense(5, name="more")(y)
z = layers.Concatenate(name="both")([y, x])
z = layers.Dense(2, name="out")(z)
model = Model([a, b], z)
"""


def test_order_of_a_functional_model() -> None:
    """Keras counts by depth, then from the outputs."""
    keras = pytest.importorskip("keras")
    namespace: dict[str, object] = {}
    exec(BRANCHES, namespace)
    built = namespace["model"]
    assert isinstance(built, keras.Model)
    names = {i: layer.name for i, layer in enumerate(built.layers) if type(layer).__name__ != "InputLayer"}
    result = convert("".join(f"print(model.layers[{i}].name)\n" for i in names), BRANCHES)
    lines = [line for line in result.code.splitlines() if line.startswith('print("')]
    assert lines == [f'print("{name}")' for name in names.values()]
