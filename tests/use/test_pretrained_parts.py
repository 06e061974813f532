"""Layers inside of pretrained networks: VGG's come in parts, the others are counted only."""

from __future__ import annotations

import re
import sys
import textwrap
import types
from typing import Any

import numpy as np
import pytest

from transpile import keras2torch
from transpile.ir import literal
from transpile.ops.pretrained import NETWORKS, inner_layers, layers_within

VGG = """
import numpy as np
from keras import layers
from keras.applications import VGG16
from keras.models import Model
base = VGG16(weights="imagenet", include_top=False, input_shape=(32, 32, 3))
"""
RESNET = """
from keras import layers
from keras.applications import ResNet50
from keras.models import Model
base = ResNet50(weights="imagenet", include_top=False, input_shape=(64, 64, 3))
x = layers.GlobalAveragePooling2D()(base.output)
model = Model(base.input, layers.Dense(5, activation="softmax")(x))
"""


def vgg16(weights: str | None = None) -> Any:
    """As torchvision's, with the same weights each time."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    parts, channels = [], 3
    for inner in inner_layers("VGG16"):
        if inner.name.endswith("pool"):
            parts.append(nn.MaxPool2d(2, 2))
        else:
            parts += [nn.Conv2d(channels, inner.channels, 3, padding=1), nn.ReLU(inplace=True)]
            channels = inner.channels
    return types.SimpleNamespace(features=nn.Sequential(*parts))


def run(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    module = types.ModuleType("torchvision")
    module.models = types.SimpleNamespace(vgg16=vgg16)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", module)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "converted.py", "exec"), namespace)
    return namespace


def test_parts_end_where_the_layers_of_keras_do() -> None:
    keras = pytest.importorskip("keras")
    torch = pytest.importorskip("torch")
    features = vgg16().features
    network = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    assert [x.name for x in network.layers[1:]] == [x.name for x in inner_layers("VGG16")]
    kernels = [m for m in features if isinstance(m, torch.nn.Conv2d)]
    network.set_weights([w for m in kernels for w in (m.weight.detach().permute(2, 3, 1, 0).numpy(), m.bias.detach())])
    x = np.random.RandomState(0).rand(1, 32, 32, 3).astype("float32")
    expected = keras.Model(network.input, [layer.output for layer in network.layers[1:]])(x)
    for inner, values in zip(inner_layers("VGG16"), expected):
        with torch.no_grad():
            found = features[: inner.stop](torch.as_tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        np.testing.assert_allclose(found.numpy(), np.asarray(values), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("network", ["VGG16", "VGG19", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0"])
def test_layers_are_counted_as_in_keras(network: str) -> None:
    keras = pytest.importorskip("keras")
    made = getattr(keras.applications, network)(weights=None, include_top=False, input_shape=(32, 32, 3))
    stop = inner_layers(network)[-1].stop if network.startswith("VGG") else 0
    args = {"network": literal(network), "weights": literal(None), "start": literal(0), "stop": literal(stop)}
    assert layers_within(args) == len(made.layers) - 1
    text = f"from keras.applications import {network}\nbase = {network}(weights=None, include_top=False)\n"
    result = keras2torch(text + "print(len(base.layers))\n")
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    assert f"print({len(made.layers)})" in result.code
    assert network in NETWORKS


@pytest.mark.parametrize(
    ("asked", "stop"),
    [
        ("base.get_layer('block3_conv3').output", 16),
        ("base.layers[10].output", 17),
        ("base.layers[-2].output", 30),
        ("base.get_layer(index=4).output", None),
    ],
)
def test_features_of_inner_layers(asked: str, stop: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    result = keras2torch(f"{VGG}extractor = Model(inputs=base.input, outputs={asked})\n")
    if stop is None:
        assert f"outputs={asked}" in result.code
        assert {d.code for d in result.diagnostics} == {"K2T233", "K2T110", "K2T178"}
        return
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    found = run(result.code, monkeypatch)
    x = torch.rand(2, 32, 32, 3)
    with torch.no_grad():
        features = vgg16().features
        for model, part in ((found["extractor"], features[:stop]), (found["base"], features)):
            expected = part(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            assert torch.allclose(model(x), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "bounds", "frozen"),
    [("base", "[:15]", 10), ("base", "[:-4]", 10), ("base", "[:4]", 2), ("head", "[:15]", 10), ("head", "[:-2]", 13)],
)
def test_parts_are_frozen(model: str, bounds: str, frozen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of base 19 layers, of head two more: the convolutions of the first ones get no gradient."""
    text = f"""
    x = layers.Flatten()(base.output)
    head = Model(base.input, layers.Dense(2)(x))
    for layer in {model}.layers{bounds}:
        layer.trainable = False
    """
    result = keras2torch(VGG + textwrap.dedent(text))
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    parameters = [p.requires_grad for p in run(result.code, monkeypatch)["head"].parameters()]
    assert parameters == [False] * (2 * frozen) + [True] * (2 * (14 - frozen))


def test_parts_that_the_program_computes_are_left() -> None:
    text = """
    n = 7
    inner = Model(base.input, base.layers[n].output)
    for i in range(10, 12):
        base.layers[i].trainable = False
    head = Model(base.input, layers.Dense(2)(layers.Flatten()(base.output)))
    for layer in head.layers[:-6]:
        layer.trainable = False
    """
    result = keras2torch(VGG + textwrap.dedent(text))
    assert "base.layers[n].output" in result.code
    assert "for layer in head.layers[:-6]:" in result.code
    assert "    base.layers[i].trainable = False" in result.code
    assert {d.code for d in result.diagnostics} == {"K2T233", "K2T110", "K2T178"}


@pytest.mark.parametrize("asked", ["model.layers[-4].output", "base.layers[5].output", "model.layers[1].output"])
def test_tensors_inside_of_other_networks_are_left(asked: str) -> None:
    result = keras2torch(f"{RESNET}inner = Model(model.input, {asked})\n")
    assert f"inner = Model(model.input, {asked})" in result.code
    assert {d.code for d in result.diagnostics} == {"K2T233", "K2T110", "K2T178"}


@pytest.mark.parametrize(
    ("use", "slices"),
    [
        ("base.layers[-1].output", []),
        ("base.output", []),
        ("base.layers[10].output", ["[:17]", "[17:]"]),
        ("base.get_layer('block4_pool').output", ["[:24]", "[24:]"]),
    ],
)
def test_no_more_parts_than_needed(use: str, slices: list[str]) -> None:
    result = keras2torch(f"{VGG}model = Model(base.input, layers.Flatten()({use}))\n")
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    assert re.findall(r"\.features(\[.*\])", result.code) == slices


def test_features_before_the_head() -> None:
    result = keras2torch(f"{RESNET}inner = Model(model.input, model.layers[-3].output)\n")
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    assert "inner = Inner(base).to(device)" in result.code
