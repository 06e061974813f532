"""Functions of Keras's that read data for a pipeline, written out, against Keras's own."""

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
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
"""


def batches(source: str) -> tuple[list[Any], list[Any]]:
    """The list `batches` that both programs leave, as arrays."""
    theirs, ours = run_keras(HEAD + source), run_torch(convert(HEAD + source).code)
    assert len(theirs["batches"]) == len(ours["batches"]) > 0
    return theirs["batches"], ours["batches"]


def _decoded(array: np.ndarray) -> list[Any]:
    return [v.decode() if isinstance(v, bytes) else v for v in array.ravel().tolist()]


@pytest.mark.parametrize(
    "arguments",
    [
        "series, series[4:], 6", "series, None, sequence_length=5, sequence_stride=3, batch_size=4",
        "series[:-2], targets=series[2:, 0], sequence_length=4, sampling_rate=3, batch_size=7",
        "series, series[:33], 6, start_index=5, end_index=30, sampling_rate=2",
    ],
)  # fmt: skip
def test_windows(arguments: str) -> None:
    theirs, ours = batches(
        "series = np.arange(80.0).reshape(40, 2)\n"
        f"data = keras.utils.timeseries_dataset_from_array({arguments}, shuffle=False)\nbatches = list(data)\n"
    )
    for a, b in zip(theirs, ours, strict=True):
        pairs = [(a, b)] if "None" in arguments else zip(a, b, strict=True)
        for x, y in pairs:
            np.testing.assert_array_equal(np.asarray(y), np.asarray(x))


def test_shuffled_windows_come_once_each() -> None:
    theirs, ours = batches(
        "series = np.arange(40)\n"
        "data = keras.utils.timeseries_dataset_from_array(series, series, 3, shuffle=True, seed=1, batch_size=8)\n"
        "batches = list(data)\n"
    )
    first, second = (np.concatenate([np.asarray(b[1]) for b in side]) for side in (theirs, ours))
    assert sorted(first) == sorted(second) != list(second)
    assert all((np.asarray(x)[:, 0] == np.asarray(y)).all() for x, y in ours)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders of texts, one of them with a folder inside."""
    root = tmp_path_factory.mktemp("texts")
    for i, name in enumerate(("b", "a", "c/d", "c")):
        (root / name).mkdir(parents=True, exist_ok=True)
        for j in range(5 + i):
            (root / name / f"{j}.{'TXT' if j == 2 else 'txt'}").write_bytes(f"Été {name} {j}\r\nend".encode())
        (root / name / "note.md").write_text("no text")
    return root


@pytest.mark.parametrize(
    "arguments",
    [
        "shuffle=False", 'batch_size=5, label_mode="categorical", shuffle=False',
        'label_mode="int", class_names=["c", "b"], shuffle=False', "label_mode=None, shuffle=False, batch_size=None",
        "labels=None, shuffle=False, max_length=9",
        'validation_split=0.3, subset="validation", seed=4', 'validation_split=0.3, subset="training", seed=4',
    ],
)  # fmt: skip
def test_texts(texts: Path, arguments: str) -> None:
    """The same texts with the same labels; those that are drawn are the same, in another order."""
    theirs, ours = batches(
        f'data = keras.utils.text_dataset_from_directory("{texts}", {arguments})\nbatches = list(data)\n'
    )
    rows = []
    for side in (theirs, ours):
        if "labels=None" in arguments or "label_mode=None" in arguments:
            found = [(t,) for b in side for t in _decoded(np.asarray(b))]
        else:
            found = [(t, np.asarray(y).tolist()) for b in side for t, y in zip(_decoded(np.asarray(b[0])), b[1])]
            assert {np.asarray(b[1]).dtype.kind for b in side} == {np.asarray(theirs[0][1]).dtype.kind}
        rows.append(found if "shuffle=False" in arguments else sorted(found))
    assert rows[0] == rows[1]


def test_texts_through_a_vectorizer(texts: Path) -> None:
    theirs, ours = batches(
        f'data = keras.utils.text_dataset_from_directory("{texts}", shuffle=False, batch_size=8)\n'
        "vectorizer = layers.TextVectorization(max_tokens=9)\nvectorizer.adapt(data.map(lambda x, y: x))\n"
        "batches = list(data.map(lambda x, y: (vectorizer(x), y)).prefetch(tf.data.AUTOTUNE))\n"
        "strings = tf.data.Dataset.from_tensor_slices((['a é', 'end b'], [1, 0])).batch(2)\n"
        "def vectorize_text(text, label):\n    text = tf.expand_dims(text, -1)\n    return vectorizer(text), label\n"
        "batches += list(strings.map(vectorize_text))\n"
        "batches += list(strings.map(lambda t, label: (vectorizer(tf.expand_dims(t, axis=-1)), label)))\n"
    )
    for a, b in zip(theirs, ours, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(np.asarray(y), np.asarray(x))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of images of several sizes and formats, one of them with a folder inside."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.RandomState(0)
    for i, name in enumerate(("dog", "cat", "dog/old")):
        (root / name).mkdir()
        for j in range(4 + i):
            shape = (7 + j, 9, 4) if (i, j) == (0, 0) else (7 + j, 9) if j == 1 else (7 + j, 9, 3)
            image = PIL.Image.fromarray(rng.randint(0, 256, shape).astype("uint8"))
            image.save(root / name / f"{j}.{('png', 'PNG', 'bmp', 'png')[j % 4]}")
        (root / name / "note.txt").write_text("no image")
    return root


@pytest.mark.parametrize(
    "arguments",
    [
        "image_size=(6, 5), shuffle=False, batch_size=4", "image_size=[12, 16], label_mode='binary', shuffle=False",
        "image_size=(8, 8), labels=None, shuffle=False, batch_size=None",
        "image_size=(7, 9), class_names=['dog', 'cat'], label_mode='categorical', shuffle=False",
        "image_size=(8, 8), validation_split=0.3, subset='validation', seed=3",
        "image_size=(8, 8), validation_split=0.3, subset='training', seed=3, batch_size=3",
        "image_size=(8, 8), validation_split=0.3, subset='both', seed=3, batch_size=3",
        "image_size=(8, 8), validation_split=0.4, subset='both', shuffle=False",
    ],
)  # fmt: skip
def test_images(images: Path, arguments: str) -> None:
    """The same images with the same labels; those that are drawn are the same, in another order."""
    end = "batches = " + ("list(data[0]) + list(data[1])" if "both" in arguments else "list(data)")
    theirs, ours = batches(f'data = keras.utils.image_dataset_from_directory(r"{images}", {arguments})\n{end}\n')
    rows = []
    for side in (theirs, ours):
        if "labels=None" in arguments:
            rows.append([np.asarray(b).ravel().tolist() for b in side])
            continue
        assert {np.asarray(b[1]).dtype.kind for b in side} == {np.asarray(theirs[0][1]).dtype.kind}
        samples = [(x, y) for b in side for x, y in zip(np.asarray(b[0]), np.asarray(b[1]))]
        found = [[*np.ravel(y), *np.ravel(x)] for x, y in samples]
        rows.append(found if "shuffle=False" in arguments else sorted(found))
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-5, atol=1e-3)
    shapes = [[np.shape(b if "labels=None" in arguments else b[0]) for b in side] for side in (theirs, ours)]
    assert shapes[0] == shapes[1]


def test_names_and_paths_of_images(images: Path) -> None:
    call = f'keras.utils.image_dataset_from_directory(r"{images}", validation_split=0.3, subset="training", seed=3)'
    theirs, ours = batches(f"data = {call}\nbatches = [data.class_names, data.file_paths]\n")
    assert theirs == ours
    assert theirs[0] == ["cat", "dog"]


def test_tensor_code_in_functions_of_samples() -> None:
    """Functions and lambdas that a pipeline maps over its samples, with functions of TensorFlow's in them."""
    expressions = [
        "tf.cast(a, tf.float32) / 255.0", "tf.reshape(a, (4, 2))", "tf.expand_dims(a, -1)", "tf.squeeze(a[:1])",
        "tf.one_hot(b, 3)", "tf.transpose(tf.reshape(a, [4, -1]))", "tf.concat([a, a], axis=-1)", "tf.stack([a, a + 1])",
        "tf.math.sqrt(a)", "tf.clip_by_value(a, 0.2, 0.7)", "tf.where(a > 0.5, a, 0.0)", "tf.reduce_mean(a)",
        "tf.math.reduce_std(a)", "tf.argmax(a)", "tf.cast(b, tf.int64)", "tf.pad(a, [[1, 2]])", "tf.tile(a, [2])",
        "tf.nn.softmax(a)", "tf.reduce_max(a) - tf.reduce_min(a)", "tf.math.log(a + 1.0)", "tf.minimum(a, 0.5)",
        "tf.cast(tf.equal(b, 1), tf.float32)", "tf.ones_like(a)", "tf.square(a) + tf.abs(a) * tf.exp(a)",
    ]  # fmt: skip
    source = "data = tf.data.Dataset.from_tensor_slices((np.random.RandomState(0).rand(7, 8), np.arange(7) % 3))\nbatches = []\n"
    source += "def prepare(image, label):\n    image = tf.cast(image, tf.float32) / 2.0\n"
    source += "    image = tf.reshape(image, (2, 4))\n    return image, tf.one_hot(label, depth=3)\n"
    source += "batches += [list(b) for b in data.map(prepare, num_parallel_calls=tf.data.AUTOTUNE).batch(3)]\n"
    for expression in expressions:
        source += f"batches += [[b] for b in data.map(lambda a, b: {expression}).batch(4)]\n"
    for a, b in zip(*batches(source), strict=True):
        for x, y in zip(a, b, strict=True):
            assert np.asarray(x).dtype.kind == np.asarray(y).dtype.kind
            np.testing.assert_allclose(np.asarray(y), np.asarray(x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "call",
    [
        'text_dataset_from_directory("texts", follow_links=True)',
        "timeseries_dataset_from_array(series, series, 4, batch_size=None)",
        'image_dataset_from_directory("images", interpolation="bicubic")',
        'image_dataset_from_directory("images", crop_to_aspect_ratio=True)',
        'image_dataset_from_directory("images", "inferred", "int")',
        "timeseries_dataset_from_array(*arguments)",
    ],
)
def test_left(call: str) -> None:
    fit = 'model.compile("sgd", "mse")\n'
    result = keras2torch(HEAD + fit + f"data = keras.utils.{call}\nmodel.fit(data)\n")
    assert "K2T171" in {d.code for d in result.diagnostics}
    assert f"data = keras.utils.{call}" in result.code
