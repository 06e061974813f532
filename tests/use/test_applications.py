"""Pretrained networks. torchvision itself is not needed: a stand-in has the same names and shapes."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import numpy as np
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

    class Features(nn.Module):  # type: ignore[name-defined,misc]
        """VGG, MobileNet, EfficientNet: features and a classifier of logits."""

        def __init__(self, channels: int, classes: int = 1000) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, channels, 1), nn.MaxPool2d(32))
            self.classifier = nn.Linear(channels, classes)

        def forward(self, x: Any) -> Any:
            return self.classifier(self.features(x).mean(dim=(2, 3)))

    class ResNet(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(3, 2048, 1, stride=32)
            self.bn1 = nn.BatchNorm2d(2048)
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(2048, 1000)

    class Inception(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, weights: str | None) -> None:
            super().__init__()
            self.aux_logits, self.transform_input = True, weights is not None
            self.conv = nn.Conv2d(3, 2048, 3, stride=32)
            self.AuxLogits = nn.Linear(2048, 1000)
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.dropout = nn.Dropout()
            self.fc = nn.Linear(2048, 1000)

        def forward(self, x: Any) -> Any:
            assert not self.transform_input
            assert not self.aux_logits
            assert self.AuxLogits is None
            return self.fc(self.avgpool(self.conv(x)).flatten(1))

    module = types.ModuleType("torchvision")
    module.models = types.SimpleNamespace(  # type: ignore[attr-defined]
        vgg16=lambda weights, num_classes=1000, dropout=0.5: Features(512, num_classes),
        resnet50=lambda weights: ResNet(),
        inception_v3=Inception,
        mobilenet_v2=lambda weights: Features(1280),
        mobilenet_v3_small=lambda weights: Features(576),
        efficientnet_b0=lambda weights: Features(1280),
        efficientnet_v2_l=lambda weights: Features(1280),
    )
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
        'ResNet50V2(weights="imagenet")',
        'VGG16(weights="my.h5", include_top=False)',
        "VGG16(weights=None, input_shape=(64, 64, 3), classes=4)",
        "VGG16(weights=None, input_shape=(64, 64, 1), include_top=False)",
        "VGG16(classes=10)",
        'VGG16(classifier_activation="sigmoid")',
        "MobileNetV2((96, 96, 3), 0.5, include_top=False)",
        "MobileNetV3Small(include_top=False, include_preprocessing=False)",
    ],
)
def test_left(call: str) -> None:
    result = keras2torch(f"from keras.applications import {call.partition('(')[0]}\nbase = {call}\n")
    assert f"base = {call}" in result.code
    assert "K2T115" in {d.code for d in result.diagnostics}


IMAGES = """
import numpy as np
from keras.applications import {network}
base = {network}({arguments})
x = np.random.RandomState(0).randint(0, 255, (2, 64, 64, 3)).astype("float32")
features = base.predict(x, verbose=0)
"""
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.mark.parametrize(
    ("network", "function", "mean", "deviation"),
    [
        ("EfficientNetB0", "efficientnet_b0", MEAN, DEVIATION),
        ("EfficientNetV2L", "efficientnet_v2_l", [0.5] * 3, [0.5] * 3),
        ("MobileNetV3Small", "mobilenet_v3_small", MEAN, DEVIATION),
        ("MobileNetV2", "mobilenet_v2", [0.0] * 3, [1 / 255] * 3),
    ],
)
def test_networks_that_scale_images_do_so(
    network: str, function: str, mean: list[float], deviation: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    text = IMAGES.format(network=network, arguments="include_top=False, input_shape=(64, 64, 3)")
    result = keras2torch(text)
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    found = run(result.code, monkeypatch)
    images = (torch.as_tensor(found["x"]) / 255 - torch.tensor(mean)) / torch.tensor(deviation)
    with torch.no_grad():
        expected = getattr(found["base"], function)(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(found["features"], expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "classes", "text"),
    [
        ("VGG16()", 1000, 'vgg16(weights="DEFAULT", dropout=0.0)'),
        ("VGG16(weights=None, classes=7)", 7, "vgg16(weights=None, num_classes=7, dropout=0.0)"),
        ("InceptionV3()", 1000, 'inception_v3(weights="DEFAULT")'),
        ("MobileNetV2((64, 64, 3), 1.0, True, 'imagenet')", 1000, 'mobilenet_v2(weights="DEFAULT")'),
        ("VGG16(classifier_activation=None)", 1000, 'vgg16(weights="DEFAULT", dropout=0.0)'),
    ],
)
def test_classifiers_give_probabilities(call: str, classes: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    name = call.partition("(")[0]
    result = keras2torch(f"from keras.applications import {name}\nmodel = {call}\n")
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    assert text in re.sub(r"\(\n\s+(.*)\n\s+\)", r"(\1)", result.code)
    model = run(result.code, monkeypatch)["model"]
    x = torch.rand(2, 64, 64, 3)
    network = next(iter(model.children()))
    with torch.no_grad():
        logits, found = network(x.permute(0, 3, 1, 2)), model(x)
    assert found.shape == (2, classes)
    assert torch.allclose(found, logits if "None)" in call else logits.softmax(dim=1), atol=1e-6)


def test_class_names_are_those_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("keras.src.applications.imagenet_utils")
    classes = {str(i): [f"n{i:08}", f"class_{i}"] for i in range(1000)}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "imagenet_class_index.json").write_text(json.dumps(classes))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(utils, "CLASS_INDEX", classes)
    preds = np.random.RandomState(0).rand(3, 1000).astype("float32")
    result = keras2torch(
        "from keras.applications.vgg16 import decode_predictions\n"
        "def best(preds):\n    return decode_predictions(preds), decode_predictions(preds, top=3)\n"
    )
    assert not result.diagnostics
    found = run(result.code, monkeypatch)["best"](preds)
    assert found == (utils.decode_predictions(preds), utils.decode_predictions(preds, top=3))


PREPROCESSING = """
import numpy as np
from keras.applications import {network}
from keras.applications.{module} import preprocess_input
base = {network}(include_top=False, input_shape=(96, 96, 3))
x = np.linspace(0, 255, 6, dtype="float32").reshape(1, 1, 2, 3)
x = preprocess_input({argument})
"""


@pytest.mark.parametrize(
    ("network", "module", "expected"),
    [
        ("InceptionV3", "inception_v3", lambda x: x / 127.5 - 1),
        ("EfficientNetB0", "efficientnet", lambda x: x),
        ("VGG16", "resnet50", lambda x: (x / 255 - MEAN) / DEVIATION),
        ("VGG16", "imagenet_utils", lambda x: (x / 255 - MEAN) / DEVIATION),
    ],
)
def test_images_are_scaled_as_the_network_takes_them(
    network: str, module: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = keras2torch(PREPROCESSING.format(network=network, module=module, argument="x"))
    assert [d.code for d in result.diagnostics] == ["K2T233"]
    images = np.linspace(0, 255, 6).reshape(1, 1, 2, 3)
    np.testing.assert_allclose(run(result.code, monkeypatch)["x"], expected(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("network", "module", "argument"),
    [
        ("InceptionV3", "vgg16", "x"),
        ("VGG16", "xception", "x"),
        ("VGG16", "vgg16", "x, data_format='channels_first'"),
    ],
)
def test_scaling_for_another_network_is_left(network: str, module: str, argument: str) -> None:
    result = keras2torch(PREPROCESSING.format(network=network, module=module, argument=argument))
    assert f"x = preprocess_input({argument})" in result.code
    assert [d.code for d in result.diagnostics] == ["K2T233", "K2T115"]


INSIDE = """
import keras
from keras import layers
preprocess_input = keras.applications.mobilenet_v2.preprocess_input
base = keras.applications.MobileNetV2(include_top=False, input_shape=(64, 64, 3), pooling="max")
inputs = keras.Input((64, 64, 3))
x = base(preprocess_input(inputs), training=False)
model = keras.Model(inputs, layers.Dense(5)(x))
"""


def test_images_are_scaled_inside_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    result = keras2torch(INSIDE)
    assert [d.code for d in result.diagnostics] == ["K2T233", "K2T360"]
    model = run(result.code, monkeypatch)["model"].eval()
    images = torch.rand(2, 64, 64, 3) * 255
    scaled = (images / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    with torch.no_grad():
        expected = model.dense(model.base.mobilenet_v2(scaled.permute(0, 3, 1, 2)).amax(dim=(2, 3)))
        assert torch.allclose(model(images), expected, rtol=1e-4, atol=1e-5)


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
