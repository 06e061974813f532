"""Augmentation layers with a fixed draw turn, zoom and move pixels as Keras's do.

The verifier switches augmentation off on both sides, so it is compared here: one process runs the
Keras layers and the modules of the converted programs in training mode on the same images.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from transpile import keras2torch

FILLS = ("reflect", "constant", "nearest")
FIXED = [
    f"{layer}, fill_mode={fill!r})"
    for fill in FILLS
    for layer in (
        "RandomRotation((0.1, 0.1)",
        "RandomRotation((-0.2, -0.2)",
        "RandomZoom((-0.3, -0.3)",
        "RandomZoom((0.2, 0.2), (-0.1, -0.1)",
        "RandomTranslation((0.3, 0.3), (-0.25, -0.25)",
    )
]
DRAWN = ["RandomContrast(0.4)", "RandomContrast((0.2, 0.5))"]
SOURCE = """
import keras
model = keras.Sequential([keras.Input((7, 5, 2)), keras.layers.{layer}, keras.layers.Dense(2)])
"""

COMPARE = """
import json, sys
import keras, numpy as np, torch

images = np.random.default_rng(0).uniform(0, 255, (4, 7, 5, 2)).astype("float32")
mean = images.mean((1, 2), keepdims=True)


def keras_layer(text):
    layer = eval("keras.layers." + text)
    return lambda: np.array(layer(images, training=True))


def torch_layer(source):
    names = {}
    exec(source, names)
    module = next(m for m in names["model"].modules() if type(m).__name__.startswith("Random"))
    x = torch.tensor(images).permute(0, 3, 1, 2)
    return lambda: module.train()(x).permute(0, 2, 3, 1).numpy()


def factors(run):
    # of pixels that were not clipped
    found = [((run() - mean) / (images - mean))[(images > 90) & (images < 160)] for _ in range(200)]
    return [float(np.median(f)) for f in found]


def answer(text, source):
    ours, theirs = keras_layer(text), torch_layer(source)
    if "Contrast" in text:
        return [[min(f), max(f)] for f in (factors(ours), factors(theirs))]
    a, b = ours(), theirs()
    return [float(abs(a - b).max()), float(abs(a - images).max())]


print(json.dumps([answer(*job) for job in json.load(sys.stdin)]))
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, list[object]]:
    layers = [*FIXED, *DRAWN]
    jobs = [(layer, keras2torch(SOURCE.format(layer=layer)).code) for layer in layers]
    done = subprocess.run(
        [sys.executable, "-c", COMPARE], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(layers, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("layer", FIXED)
def test_same_pixels(answers: dict[str, list[float]], layer: str) -> None:
    error, moved = answers[layer]
    assert moved > 20
    assert error < 1e-3  # float32, of 255


@pytest.mark.parametrize("layer", DRAWN)
def test_same_range(answers: dict[str, list[list[float]]], layer: str) -> None:
    ours, theirs = answers[layer]
    assert theirs == pytest.approx(ours, abs=0.05)
    assert ours[1] - ours[0] > 0.2
