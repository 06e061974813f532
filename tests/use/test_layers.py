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


WHOLE = {
    "kept": (
        "best = model.get_weights()\nmodel.set_weights(best)",
        "best = copy.deepcopy(model.state_dict())\nmodel.load_state_dict(best)",
    ),
    "kept if better": (
        "loss, best = 9.0, None\nif loss < 10:\n    best = model.get_weights()\n"
        "if best is not None:\n    model.set_weights(best)",
        "    best = copy.deepcopy(model.state_dict())\nif best is not None:\n    model.load_state_dict(best)",
    ),
    "scaled": (
        "model.set_weights([w * 0.5 for w in model.get_weights()])",
        "model.load_state_dict(dict(zip(model.state_dict(), [w * 0.5 for w in model.state_dict().values()])))",
    ),
    "moved one by one": (
        "new, old = None, None\nnew = model.get_weights()\nold = model.get_weights()\n"
        "for i in range(len(new)):\n    old[i] = 0.1 * new[i] + 0.9 * old[i]\nmodel.set_weights(old)",
        "old = [w.clone() for w in model.state_dict().values()]\n"
        "for i in range(len(new)):\n    old[i] = 0.1 * new[i] + 0.9 * old[i]\n"
        "model.load_state_dict(dict(zip(model.state_dict(), old)))",
    ),
    "in pairs": (
        "kept = model.get_weights()\nmodel.set_weights([0.1 * a + 0.9 * b for a, b in zip(model.get_weights(), kept)])",
        "kept = [w.clone() for w in model.state_dict().values()]\n"
        "model.load_state_dict(dict(zip(model.state_dict(), [0.1 * a + 0.9 * b "
        "for a, b in zip(model.state_dict().values(), kept)])))",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_weights_of_whole_models(name: str) -> None:
    before, after = WHOLE[name]
    result = convert(before)
    assert not result.diagnostics
    assert after in result.code


SEEN = {
    "a position": "weights = model.get_weights()\nweights[0] *= 0\nmodel.set_weights(weights)",
    "a shape": "weights = model.get_weights()\nprint(weights[0].shape)\nmodel.set_weights(weights)",
    "from elsewhere": "weights = list(np.load('w.npy', allow_pickle=True))\nmodel.set_weights(weights)",
    "a product": "kept = model.get_weights()\nmodel.set_weights([w @ w for w in kept if len(w)])",
    "a function": "model.set_weights([np.linalg.inv(w) for w in model.get_weights()])",
    "parts": "a = model.get_weights()\nb = model.get_weights()\nmodel.set_weights(a[:2] + b[2:])",
}


@pytest.mark.parametrize("name", SEEN)
def test_order_and_layout_that_are_seen(name: str) -> None:
    assert "K2T180" in {d.code for d in convert(SEEN[name]).diagnostics}
