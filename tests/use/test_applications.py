"""Pretrained networks. torchvision itself is not needed: a stand-in has the same names and shapes."""

from __future__ import annotations

import sys
import textwrap
import types
from typing import Any

import pytest

from transpile import keras2torch

SEQUENTIAL = """
import numpy as np
from tensorflow.keras.applications import VGG16
from tensorflow.keras.applications.vgg16 import preprocess_input
from tensorflow.keras import layers, models, optimizers

conv_base = VGG16(weights="imagenet", include_top=False, input_shape=(64, 64, 3))
rng = np.random.RandomState(0)
x = preprocess_input(rng.randint(0, 255, (12, 64, 64, 3)).astype("float32"))
y = rng.randint(0, 2, 12)

model = models.Sequential()
model.add(conv_base)
model.add(layers.Flatten())
model.add(layers.Dense(4, activation="relu"))
model.add(layers.Dense(1, activation="sigmoid"))

conv_base.trainable = False
model.compile(loss="binary_crossentropy", optimizer=optimizers.RMSprop(learning_rate=2e-5), metrics=["acc"])
model.fit(x, y, epochs=1, batch_size=6, verbose=0)

conv_base.trainable = True
model.compile(loss="binary_crossentropy", optimizer=optimizers.RMSprop(learning_rate=1e-5), metrics=["acc"])
model.fit(x, y, epochs=1, batch_size=6, verbose=0)
features = conv_base.predict(x)
"""

FUNCTIONAL = """
import numpy as np
from keras.applications import ResNet50
from keras.layers import Dense, GlobalAveragePooling2D
from keras.models import Model

base_model = ResNet50(weights='imagenet', include_top=False, input_shape=(64, 64, 3))
x = base_model.output
x = GlobalAveragePooling2D()(x)
predictions = Dense(5, activation='softmax')(x)
model = Model(inputs=base_model.input, outputs=predictions)
for layer in base_model.layers:
    layer.trainable = False
model.compile(optimizer='rmsprop', loss='sparse_categorical_crossentropy')
model.fit(np.random.rand(8, 64, 64, 3), np.arange(8) % 5, epochs=1, verbose=0)
"""


def stand_in(torch: Any) -> types.ModuleType:
    """What the converted programs ask of torchvision."""
    nn = torch.nn

    class VGG(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 512, 1), nn.MaxPool2d(32))

    class ResNet(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 2048, 1, stride=32)
            self.bn1 = nn.BatchNorm2d(2048)
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(2048, 1000)

    module = types.ModuleType("torchvision")
    models = types.SimpleNamespace(vgg16=lambda weights: VGG(), resnet50=lambda weights: ResNet())
    module.models = models  # type: ignore[attr-defined]
    return module


def run(text: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "torchvision", stand_in(torch))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "converted.py", "exec"), namespace)
    return namespace


def test_the_idiom_of_transfer_learning_comes_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    result = keras2torch(SEQUENTIAL)
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    assert 'torchvision.models.vgg16(weights="DEFAULT").features' in result.code
    assert "conv_base.requires_grad_(False)" in result.code
    assert "keras" not in result.code.lower().replace("than keras's", "").replace("from keras's", "")
    found = run(result.code, monkeypatch)
    assert found["features"].shape == (12, 2, 2, 512)
    assert abs(found["x"]).max() < 3


def test_frozen_statistics_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    result = keras2torch(FUNCTIONAL)
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    found = run(result.code, monkeypatch)
    norm = next(m for m in found["model"].modules() if type(m).__name__ == "BatchNorm2d")
    assert not norm.running_mean.any()
    found["base_model"].requires_grad_(True)
    assert found["model"].train() is found["model"]
    assert norm.training


@pytest.mark.parametrize(
    "call",
    [
        'Xception(weights="imagenet", include_top=False)',
        "VGG16(weights=None, include_top=False)",
        'VGG16(weights="imagenet")',
        'VGG16(weights="my.h5", include_top=False)',
    ],
)
def test_left(call: str) -> None:
    result = keras2torch(f"from keras.applications import {call.partition('(')[0]}\nbase = {call}\n")
    assert f"base = {call}" in result.code
    assert "K2T115" in {d.code for d in result.diagnostics}


def test_layers_inside_have_other_numbers() -> None:
    text = textwrap.dedent("""
    for layer in model.layers[:100]:
        layer.trainable = False
    for layer in model.layers[:-1]:
        layer.trainable = True
    """)
    result = keras2torch(FUNCTIONAL + text)
    assert "for layer in model.layers[:100]:" in result.code
    assert "for layer in (model.resnet50,):" in result.code
    assert {d.code for d in result.diagnostics} == {"K2T233", "K2T178"}
