"""ImageDataGenerator, written out, against Keras's own on the same draws of numpy's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.training.programs import convert, run_keras, run_torch
from transpile import keras2torch

HEAD = """\
import numpy as np
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.preprocessing.image import ImageDataGenerator
model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
np.random.seed(1)
x = np.random.randint(0, 256, (10, 9, 7, 3)).astype("uint8")
y = np.arange(10) % 3
"""
FIVE = "batches = [next(data) for _ in range(5)]\n"


def compare(source: str, tolerance: float = 1e-4) -> list[Any]:
    """Runs both programs; the arrays in their lists `batches` are the same. Returns ours."""
    theirs, ours = (run(HEAD + source)["batches"] for run in (run_keras, lambda s: run_torch(convert(s).code)))
    assert len(theirs) == len(ours) > 0
    for a, b in zip(theirs, ours, strict=True):
        for u, v in [(a, b)] if isinstance(a, np.ndarray) else zip(a, b, strict=True):
            assert np.asarray(u).dtype.kind == np.asarray(v).dtype.kind  # Keras computes in float64 here
            np.testing.assert_allclose(v, u, rtol=1e-5, atol=tolerance)
    return ours


@pytest.mark.parametrize(
    "options",
    [
        "rescale=1 / 255", "rotation_range=40", "width_shift_range=0.3, height_shift_range=0.2", "width_shift_range=2",
        "height_shift_range=[-1, 0, 3]", "shear_range=20", "zoom_range=0.4", "zoom_range=[0.5, 1.2], fill_mode='reflect'",
        "horizontal_flip=True", "vertical_flip=True", "horizontal_flip=True, vertical_flip=True, channel_shift_range=40.0",
        "brightness_range=(0.4, 1.3)", "rotation_range=30, fill_mode='constant', cval=9.0", "samplewise_center=True",
        "samplewise_std_normalization=True", "preprocessing_function=lambda image: image[::-1] / 2, rescale=0.1",
        "rotation_range=30, width_shift_range=0.1, height_shift_range=0.1, shear_range=0.2, zoom_range=0.2, "
        "horizontal_flip=True, rescale=1.0 / 255, fill_mode='nearest', brightness_range=[0.8, 1.2]",
        "data_format='channels_last', zca_whitening=False, rescale=0.5",
    ],
)  # fmt: skip
def test_alterations(options: str) -> None:
    # A brightness goes through bytes, where a rounding may fall to the other side.
    level = 2 / 255 if "brightness" in options and "rescale" in options else 1e-4
    compare(f"data = ImageDataGenerator({options}).flow(x, y, batch_size=4, seed=5)\n" + FIVE, level)


@pytest.mark.parametrize(
    "flow",
    [
        "x, batch_size=3", "x, y, 4, False", "x, y=y, batch_size=4, shuffle=True, save_to_dir=None",
        "x, y[:, None], batch_size=20, seed=3",
    ],
)  # fmt: skip
def test_flow(flow: str) -> None:
    compare(
        f"generator = ImageDataGenerator(horizontal_flip=True)\ndata = generator.flow({flow})\n"
        "np.random.seed(2)\nbatches = [next(data) for _ in range(9)] + [np.array([data.n, data.batch_size, len(data)])]\n"
    )


def test_subsets_and_learned_statistics() -> None:
    compare(
        "generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, rescale=0.1,\n"
        "                               validation_split=0.3)\n"
        "generator.fit(x)\ny = np.zeros(10)\n"
        "data = [generator.flow(x, y, subset=s, shuffle=False) for s in ('training', 'validation')]\n"
        "batches = [next(d) for d in data] + [d[0] for d in data]\n"
    )


def test_passes_draw_a_new_order() -> None:
    """As a Sequence: batches by number, a new order when a pass is over."""
    compare(
        "data = ImageDataGenerator(horizontal_flip=True).flow(x, y, batch_size=4)\nnp.random.seed(3)\n"
        "batches = [data[2], data[0]]\ndata.on_epoch_end()\nbatches += [data[i] for i in range(len(data))]\n"
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of images of several sizes and formats, one of them with a folder inside."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.RandomState(0)
    for i, name in enumerate(("dog", "cat", "dog/old")):
        (root / name).mkdir()
        for j in range(4 + i):
            shape = (7 + j, 9, 4) if (i, j) == (0, 0) else (7 + j, 9) if j == 1 else (7 + j, 9, 3)
            image = PIL.Image.fromarray(rng.randint(0, 256, shape).astype("uint8"))
            image.save(
                root
                / name
                / f"{j}.{('png', 'JPG', 'bmp', 'jpeg')[j % 4] if len(shape) == 3 and shape[2] == 3 else 'png'}"
            )
        (root / name / "note.txt").write_text("no image")
    return root


@pytest.mark.parametrize(
    "flow",
    [
        "target_size=(6, 5), batch_size=4, class_mode='binary', shuffle=False",
        "target_size=(12, 8), seed=4", "batch_size=4, class_mode='sparse', classes=['dog', 'cat'], seed=1",
        "target_size=(7, 9), class_mode=None, color_mode='grayscale', shuffle=False",
        "target_size=(7, 9), class_mode='input', interpolation='bilinear', shuffle=False",
        "target_size=(6, 6), class_mode='categorical', subset='training', seed=2",
        "target_size=(6, 6), class_mode='binary', subset='validation', seed=2", "(6, 6), class_mode='binary', shuffle=False",
    ],
)  # fmt: skip
def test_directories(images: Path, flow: str) -> None:
    """PIL reads the files on both sides: even JPEG files are the same."""
    compare(
        f"generator = ImageDataGenerator(rescale=1 / 255, validation_split=0.4)\n"
        f'data = generator.flow_from_directory(r"{images}", {flow})\n'
        "batches = [next(data) for _ in range(3)]\ndata.reset()\nbatches.append(next(data))\n"
        "batches += [np.array([data.n, data.samples, len(data), data.num_classes]), data.classes]\n"
        "assert list(data.class_indices.values()) == [0, 1] and len(data.filenames) == len(data.filepaths) == data.n\n"
        "batches.append(np.array([[sum(map(ord, f)) for f in data.filenames], list(map(len, data.class_indices))[:1] * data.n]))\n"
    )


def test_a_file_that_only_prepares_data() -> None:
    """Without a model the generator is converted; beside one that was left, it stays."""
    alone = "from tensorflow.keras.preprocessing.image import ImageDataGenerator\n"
    made = "data = ImageDataGenerator(rescale=0.5).flow(x, y)\nprint(data[0][0].shape)\n"
    result = keras2torch(alone + made)
    assert [d.code for d in result.diagnostics] == ["K2T350"]
    assert "tensorflow" not in result.code
    left = alone + "from keras.models import load_model\nm = load_model('m.h5')\n" + made + "m.fit(data)\n"
    assert "tensorflow.keras.preprocessing.image import ImageDataGenerator" in keras2torch(left).code


FIT = 'model.compile("sgd", "mse")\n'


@pytest.mark.parametrize(
    "made",
    [
        "ImageDataGenerator(zca_whitening=True).flow(x, y)", "ImageDataGenerator(**options).flow(x, y)",
        "ImageDataGenerator().flow(x, y, save_to_dir='out')", "ImageDataGenerator().flow((x, x), y)",
        "ImageDataGenerator().flow_from_dataframe(frame)", "ImageDataGenerator(rescale=2).flow(x, y, sample_weight=y)",
        "ImageDataGenerator().flow_from_directory('images', class_mode=mode)", "ImageDataGenerator(True).flow(x, y)",
        "ImageDataGenerator(interpolation_order=3).flow(x, y)", "ImageDataGenerator().flow_from_directory('images', (6, 6), 'rgb')",
    ],
)  # fmt: skip
def test_left(made: str) -> None:
    result = keras2torch(HEAD + FIT + f"data = {made}\nmodel.fit(data, epochs=2)\n")
    assert "K2T172" in {d.code for d in result.diagnostics}
    assert f"data = {made}" in result.code
