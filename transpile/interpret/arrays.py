"""What is known about arrays without running anything: shapes of data sets and of numpy calls."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from transpile.interpret.values import Array
from transpile.ir import UNKNOWN, Expr

# Images and label shapes of keras.datasets (https://keras.io/api/datasets/).
_DATASETS: dict[str, tuple[tuple[int | None, ...], tuple[int | None, ...], int, int]] = {
    "mnist": ((28, 28), (), 60000, 10000),
    "fashion_mnist": ((28, 28), (), 60000, 10000),
    "cifar10": ((32, 32, 3), (1,), 50000, 10000),
    "cifar100": ((32, 32, 3), (1,), 50000, 10000),
    "boston_housing": ((13,), (), 404, 102),
    "california_housing": ((8,), (), 16512, 4128),
    "imdb": ((), (), 25000, 25000),
    "reuters": ((), (), 8982, 2246),
}
_SAME_SHAPE = frozenset("astype copy clip round view byteswap cumsum sort numpy exp log tolist_ fillna".split())
_DTYPES = {"float32", "float64", "int32", "int64", "uint8", "bool", "float16", "int8"}


# What Keras's functions without arguments return, as long as the program doesn't change it.
KERAS_CONSTANTS: dict[str, str | float] = {
    "keras.backend.image_data_format": "channels_last",
    "keras.backend.image_dim_ordering": "tf",
    "keras.config.image_data_format": "channels_last",
    "keras.backend.epsilon": 1e-07,
    "keras.config.epsilon": 1e-07,
    "keras.backend.floatx": "float32",
    "keras.config.floatx": "float32",
}


@dataclass(eq=False)
class OneHot(Array):
    """The result of `to_categorical`, with the labels that it was made of."""

    labels: Array | None = None


def dataset(path: str, kwargs: dict[str, Expr]) -> object:
    """`keras.datasets.X.load_data()`: two pairs of arrays."""
    parts = path.split(".")
    if parts[-1] != "load_data" or parts[2] not in _DATASETS:
        return UNKNOWN
    sample, label, train, test = _DATASETS[parts[2]]
    dtype = "float64" if "housing" in parts[2] else "uint8" if sample else "object"
    target = "float64" if "housing" in parts[2] else "int64"
    known = "test_split" not in kwargs

    def pair(n: int) -> tuple[Array, Array]:
        count = n if known else None
        return Array((count, *sample), dtype), Array((count, *label), target)

    return pair(train), pair(test)


def _size(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _shape(value: object) -> tuple[int | None, ...] | None:
    if isinstance(value, tuple | list):
        return tuple(_size(v) for v in value)
    return None if value is UNKNOWN else (_size(value),)


def _filled(values: Sequence[object], kwargs: dict[str, object]) -> object:
    return Array(_shape(values[0] if values else kwargs.get("shape", UNKNOWN)), "float64")


def _sized(position: int, dtype: str) -> Callable[[Sequence[object], dict[str, object]], object]:
    def make(values: Sequence[object], kwargs: dict[str, object]) -> object:
        size = values[position] if len(values) > position else kwargs.get("size")
        return UNKNOWN if size is None else Array(_shape(size), dtype)

    return make


def _rand(values: Sequence[object], kwargs: dict[str, object]) -> object:
    return Array(tuple(_size(v) for v in values), "float64")


def _from_data(values: Sequence[object], kwargs: dict[str, object]) -> object:
    value = values[0]
    if isinstance(value, Array):
        return value
    shape: list[int | None] = []
    while isinstance(value, list | tuple):
        shape.append(len(value))
        value = value[0] if value else None
    dtype = "int64" if isinstance(value, int) else "float64" if isinstance(value, float) else ""
    return Array(tuple(shape), dtype) if dtype else Array(None)


def _linspace(values: Sequence[object], kwargs: dict[str, object]) -> object:
    count = values[2] if len(values) > 2 else kwargs.get("num", 50)
    return Array((_size(count),), str(kwargs.get("dtype", "float64")))


def _arange(values: Sequence[object], kwargs: dict[str, object]) -> object:
    known = [v for v in values if isinstance(v, int)]
    return Array((len(range(*known)) if len(known) == len(values) else None,), "int64")


def _expand(values: Sequence[object], kwargs: dict[str, object]) -> object:
    array, axis = values[0], values[1] if len(values) > 1 else kwargs.get("axis", UNKNOWN)
    if not isinstance(array, Array) or array.shape is None or not isinstance(axis, int):
        return Array(None)
    at = axis % (len(array.shape) + 1)
    return Array((*array.shape[:at], 1, *array.shape[at:]), array.dtype)


def _reshape(values: Sequence[object], kwargs: dict[str, object]) -> object:
    array = values[0]
    return _reshaped(array, list(values[1:])) if isinstance(array, Array) else Array(None)


def _pad_sequences(values: Sequence[object], kwargs: dict[str, object]) -> object:
    length = values[1] if len(values) > 1 else kwargs.get("maxlen", UNKNOWN)
    source = values[0]
    count = source.shape[0] if isinstance(source, Array) and source.shape else None
    return Array((count, _size(length)), "int32")


def to_categorical(values: Sequence[object], kwargs: dict[str, object]) -> object:
    """One-hot labels: (n,) becomes (n, classes)."""
    labels = values[0] if values else UNKNOWN
    classes = values[1] if len(values) > 1 else kwargs.get("num_classes", kwargs.get("nb_classes"))
    if not isinstance(labels, Array) or labels.shape is None:
        return OneHot(None, "float64")
    shape = labels.shape[:-1] if len(labels.shape) > 1 and labels.shape[-1] == 1 else labels.shape
    return OneHot((*shape, _size(classes)), "float64", labels)


ARRAY_FUNCTIONS: dict[str, Callable[[Sequence[object], dict[str, object]], object]] = {
    "numpy.zeros": _filled, "numpy.ones": _filled, "numpy.empty": _filled, "numpy.full": _filled,
    "numpy.random.rand": _rand, "numpy.random.randn": _rand, "numpy.random.random": _filled,
    "numpy.random.normal": _sized(2, "float64"), "numpy.random.uniform": _sized(2, "float64"),
    "numpy.random.randint": _sized(2, "int64"), "numpy.random.integers": _sized(2, "int64"),
    "numpy.random.random_sample": _filled, "numpy.random.standard_normal": _filled,
    "numpy.random.choice": _sized(1, ""),
    "numpy.array": _from_data, "numpy.asarray": _from_data, "numpy.linspace": _linspace,
    "numpy.arange": _arange, "numpy.expand_dims": _expand, "numpy.reshape": _reshape,
    "tf.zeros": _filled, "tf.ones": _filled, "tf.random.normal": _filled, "tf.random.uniform": _filled,
    "keras.utils.to_categorical": to_categorical, "keras.utils.pad_sequences": _pad_sequences,
}  # fmt: skip


def _cast(values: Sequence[object], kwargs: dict[str, object]) -> object:
    array, dtype = values[0], values[1] if len(values) > 1 else kwargs.get("dtype", UNKNOWN)
    name = getattr(dtype, "path", dtype if isinstance(dtype, str) else "").rpartition(".")[2]
    assert isinstance(array, Array)
    return Array(array.shape, name if name in _DTYPES else "")


def _one_hot(values: Sequence[object], kwargs: dict[str, object]) -> object:
    labels, depth = values[0], values[1] if len(values) > 1 else kwargs.get("depth", UNKNOWN)
    assert isinstance(labels, Array)
    if len(values) > 2 or "axis" in kwargs:
        return Array(None, "float32")
    return Array(None if labels.shape is None else (*labels.shape, _size(depth)), "float32")


# The same of TensorFlow's functions, where they are given an array.
ON_ARRAYS: dict[str, Callable[[Sequence[object], dict[str, object]], object]] = {
    "tf.cast": _cast, "tf.one_hot": _one_hot, "tf.expand_dims": _expand, "tf.reshape": _reshape,
    "tf.convert_to_tensor": _from_data,
}  # fmt: skip


def array_method(array: Array, name: str, values: Sequence[object], kwargs: dict[str, object]) -> object:
    """`array.name(...)`."""
    if name == "reshape":
        return _reshaped(array, list(values))
    if name in ("flatten", "ravel"):
        known = array.shape is not None and None not in array.shape
        return Array(
            (math.prod(n or 0 for n in array.shape) if known and array.shape else None,),
            array.dtype,
        )
    if name == "astype" and values and isinstance(values[0], str) and values[0] in _DTYPES:
        return Array(array.shape, values[0])
    if name in _SAME_SHAPE:
        return Array(array.shape, array.dtype)
    return Array(None) if name not in ("max", "min", "sum", "mean", "std", "argmax", "item") else UNKNOWN


def _reshaped(array: Array, args: list[object]) -> Array:
    target = args[0] if len(args) == 1 and isinstance(args[0], tuple | list) else args
    if UNKNOWN in target and not isinstance(target, tuple | list):
        return Array(None, array.dtype)
    shape = [_size(v) for v in target] if isinstance(target, tuple | list) else [None]
    if -1 in shape:
        free = shape.index(-1)
        rest = [n for i, n in enumerate(shape) if i != free]
        whole = None if array.shape is None or None in array.shape else math.prod(n or 0 for n in array.shape)
        known = math.prod([n or 0 for n in rest]) if None not in rest else 0
        shape[free] = whole // known if whole is not None and known else None
    return Array(tuple(shape), array.dtype)
