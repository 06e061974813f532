"""Small stand-ins for the data sets that come with Keras: the right shapes, random values.

Models are often sized by their data (`x_train.shape[1:]`); the comparison itself makes its
own inputs. The values are the same in every run, so both programs see the same arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TRAIN, TEST = 256, 64
WORDS = 1000

Split = tuple[tuple[Any, Any], tuple[Any, Any]]


def _images(shape: tuple[int, ...], classes: int, column: bool) -> Callable[..., Split]:
    def load_data(*_: object, **__: object) -> Split:
        rng = np.random.default_rng(0)

        def part(count: int) -> tuple[Any, Any]:
            x = rng.integers(0, 256, (count, *shape)).astype("uint8")
            y = (np.arange(count) % classes).astype("int64" if column else "uint8")
            return x, y.reshape(-1, 1) if column else y

        return part(TRAIN), part(TEST)

    return load_data


def _texts(classes: int) -> Callable[..., Split]:
    def load_data(path: str = "", num_words: int | None = None, *_: object, **options: Any) -> Split:
        rng = np.random.default_rng(0)
        high = min(num_words or options.get("nb_words") or WORDS, WORDS)

        def part(count: int) -> tuple[Any, Any]:
            x = np.empty(count, dtype=object)
            for i in range(count):
                x[i] = [1, *rng.integers(3, max(high, 4), rng.integers(10, 120)).tolist()]
            return x, (np.arange(count) % classes).astype("int64")

        return part(TRAIN), part(TEST)

    return load_data


def _numbers(features: int) -> Callable[..., Split]:
    def load_data(*_: object, **__: object) -> Split:
        rng = np.random.default_rng(0)

        def part(count: int) -> tuple[Any, Any]:
            return rng.normal(size=(count, features)), rng.uniform(5, 50, count)

        return part(TRAIN), part(TEST)

    return load_data


def word_index(*_: object, **__: object) -> dict[str, int]:
    """What `get_word_index` returns."""
    return {f"word{i}": i for i in range(1, WORDS + 1)}


LOADERS: dict[str, Callable[..., Split]] = {
    "mnist": _images((28, 28), 10, column=False),
    "fashion_mnist": _images((28, 28), 10, column=False),
    "cifar10": _images((32, 32, 3), 10, column=True),
    "cifar100": _images((32, 32, 3), 100, column=True),
    "imdb": _texts(2),
    "reuters": _texts(46),
    "boston_housing": _numbers(13),
    "california_housing": _numbers(8),
}


def install(datasets: Any) -> None:
    """Puts the stand-ins into a `keras.datasets` module."""
    for name, loader in LOADERS.items():
        module = getattr(datasets, name, None)
        if module is not None:
            module.load_data = loader
            if hasattr(module, "get_word_index"):
                module.get_word_index = word_index
