"""The helpers compute what Keras's utilities compute: compared in a process with Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from transpile.files import templates_dir

pytest.importorskip("keras")

HELPERS = """
    to_categorical pad_sequences normalize cached_file load_mnist load_fashion_mnist cifar_archive
    load_cifar10 load_cifar100 load_boston_housing load_california_housing encode_words load_imdb
    load_reuters load_word_index MeanIoU
""".split()
PRELUDE = """\
import gzip, json, os, pickle, sys, tarfile
from pathlib import Path
from urllib.request import urlretrieve
import numpy as np
import torch
"""
CHECK = r"""
import importlib, keras
rng = np.random.default_rng(0)
root = Path(os.environ["KERAS_HOME"], "datasets")
failed = []


def same(name, ours, theirs):
    def equal(a, b):
        if isinstance(a, tuple):
            return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
        if isinstance(a, dict):
            return a == b
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype or a.shape != b.shape:
            print(name, a.dtype, b.dtype, a.shape, b.shape, file=sys.stderr)
            return False
        if a.dtype == object:
            return all(list(x) == list(y) for x, y in zip(a, b))
        return np.array_equal(a, b)
    if not equal(ours, theirs):
        failed.append(name)


u = keras.utils
for labels in ([0, 2, 1], np.array([[1], [3]]), np.array([[1, 2], [0, 1]]), np.uint8([255, 0]),
               np.array([1.0, 2.0]), np.array([-1, 1]), np.zeros((2, 1, 1), int), 2):
    for count in (None, 4, 300):
        if count == 4 and np.max(labels) > 3:
            continue
        same(f"to_categorical {labels} {count}", to_categorical(labels, count), u.to_categorical(labels, count))
texts = [[1, 2, 3, 4], [5], [], [6, 7]]
for options in ({}, {"maxlen": 3}, {"maxlen": 3, "padding": "post"}, {"maxlen": 2, "truncating": "post"},
                {"maxlen": 5, "value": 9.5, "dtype": "float32"}, {"dtype": "int64", "value": -1},
                {"maxlen": 3, "padding": "post", "truncating": "post", "dtype": object, "value": "x"}):
    same(f"pad_sequences {options}", pad_sequences(texts, **options), u.pad_sequences(texts, **options))
steps = [rng.random((n, 2)) for n in (3, 1, 4)]
same("pad_sequences 3d", pad_sequences(steps, 2, "float32"), u.pad_sequences(steps, 2, "float32"))
for array in (rng.random((3, 4)), np.zeros((2, 3)), rng.random(5)):
    same("normalize", normalize(array), u.normalize(array))
    same("normalize", normalize(array, order=1), u.normalize(array, order=1))
for options in ({}, {"ignore_class": 2}):
    ours, theirs = MeanIoU(5, **options), keras.metrics.MeanIoU(5, **options)
    for masks in (rng.integers(0, 4, (2, 3, 8, 8)), rng.integers(-1, 7, (2, 30)), rng.integers(0, 4, (2, 4, 1)) + 0.9):
        for metric in (ours, theirs):
            metric.update_state(masks[0], masks[1][..., None])
        if not np.isclose(ours.result().numpy(), theirs.result().cpu().numpy(), rtol=1e-6):
            failed.append(f"MeanIoU {options}")
        if not np.array_equal(ours.get_weights()[0], theirs.total_cm.numpy()):
            failed.append(f"MeanIoU counts {options}")
    for metric in (ours, theirs):
        metric.reset_state()
        metric.update_state([3, 3], [3, 1])
    if not np.isclose(float(ours.result()), float(theirs.result()), rtol=1e-6):
        failed.append(f"MeanIoU after a reset {options}")

# Small files in the places and forms of the real ones.
(root / "fashion-mnist").mkdir(parents=True)
images = {k: rng.integers(0, 255, (n, 28, 28)).astype("uint8") for k, n in (("x_train", 6), ("x_test", 3))}
images |= {k: rng.integers(0, 10, n).astype("uint8") for k, n in (("y_train", 6), ("y_test", 3))}
np.savez(root / "mnist.npz", **images)
for part, key in (("train", "train"), ("t10k", "test")):
    for kind, array, size in (("images-idx3", images[f"x_{key}"], 16), ("labels-idx1", images[f"y_{key}"], 8)):
        with gzip.open(root / "fashion-mnist" / f"{part}-{kind}-ubyte.gz", "wb") as file:
            file.write(bytes(size) + array.tobytes())
for name, features in (("boston_housing", 13), ("california_housing", 8)):
    np.savez(root / f"{name}.npz", x=rng.random((700, features)), y=rng.random(700))


def ragged(n):
    out = np.empty(n, dtype=object)
    for i in range(n):
        out[i] = rng.integers(1, 50, rng.integers(2, 12)).tolist()
    return out


np.savez(root / "imdb.npz", x_train=ragged(30), y_train=rng.integers(0, 2, 30),
         x_test=ragged(20), y_test=rng.integers(0, 2, 20))
np.savez(root / "reuters.npz", x=ragged(40), y=rng.integers(0, 46, 40))
for name in ("imdb", "reuters"):
    (root / f"{name}_word_index.json").write_text(json.dumps({"é": 1, "b": 2}), encoding="utf-8")
for folder, files, labels in (
    ("cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], b"labels"),
    ("cifar-100-python", ["train", "test"], b"fine_labels"),
):
    inner = root / f"{folder}-target" / folder
    inner.mkdir(parents=True)
    for file in files:
        data = rng.integers(0, 255, (10000 if "batch_" in file else 20, 3072)).astype("uint8")
        content = {b"data": data, labels: rng.integers(0, 10, len(data)).tolist()}
        (inner / file).write_bytes(pickle.dumps(content))


def get_file(fname=None, origin=None, cache_subdir="datasets", **_):
    return str(root.parent / cache_subdir / fname)


def theirs(name):
    module = importlib.import_module(f"keras.src.datasets.{name}")
    module.get_file = get_file
    return module


same("mnist", load_mnist(), theirs("mnist").load_data())
same("fashion_mnist", load_fashion_mnist(), theirs("fashion_mnist").load_data())
same("cifar100", load_cifar100(), theirs("cifar100").load_data())
same("cifar10", load_cifar10(), theirs("cifar10").load_data())
same("boston", load_boston_housing(test_split=0.3, seed=4), theirs("boston_housing").load_data(test_split=0.3, seed=4))
for version in ("small", "large"):
    same("california", load_california_housing(version), theirs("california_housing").load_data(version))
for options in ({}, {"num_words": 20}, {"num_words": 20, "skip_top": 5, "maxlen": 8}, {"oov_char": None, "num_words": 30},
                {"start_char": None, "index_from": 0}, {"start_char": None}, {"seed": 7, "index_from": 5}):
    same(f"imdb {options}", load_imdb(**options), theirs("imdb").load_data(**options))
    same(f"reuters {options}", load_reuters(**options), theirs("reuters").load_data(**options))
same("reuters split", load_reuters(test_split=0.5), theirs("reuters").load_data(test_split=0.5))
same("words", load_word_index("imdb_word_index.json"), theirs("imdb").get_word_index())
print(json.dumps(failed))
"""


def test_helpers_equal_keras(tmp_path: Path) -> None:
    texts = [(templates_dir() / "torch" / "helpers" / f"{name}.py").read_text(encoding="utf-8") for name in HELPERS]
    script = tmp_path / "check.py"
    script.write_text("\n\n".join([PRELUDE, *texts, CHECK]), encoding="utf-8")
    environment = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr[-3000:]
