"""The arrays of a comparison: weights, inputs, labels. All random, none trivial, all seeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from transpile.result import InputInfo
from transpile.verify.recipes import Array

BATCH = 6
# What free dimensions (None) become, by the rank of the input with its batch.
FREE_SIZE = {2: 8, 3: 12, 4: 32, 5: 16}


def random_weight(name: str, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """A value that keeps activations near one; a variance stays positive."""
    if name in {"moving_variance", "variance"}:
        return rng.uniform(0.5, 1.5, shape)
    if name in {"gamma", "scale"}:
        return rng.uniform(0.6, 1.4, shape)
    if name == "alpha":
        return rng.uniform(0.1, 0.4, shape)
    if len(shape) < 2 or "bias" in name or name in {"beta", "moving_mean"}:
        return 0.3 * rng.standard_normal(shape)
    if name == "embeddings":
        return 0.5 * rng.standard_normal(shape)
    fan_in = int(np.prod(shape[:-1]))
    return np.asarray(rng.standard_normal(shape) / np.sqrt(max(fan_in, 1)))


def random_inputs(inputs: Sequence[InputInfo], dtype: str, rng: np.random.Generator) -> list[Array]:
    """One batch for every input."""
    return [_input(info, dtype, rng) for info in inputs]


def _input(info: InputInfo, dtype: str, rng: np.random.Generator) -> Array:
    assert info.shape is not None
    shape = [BATCH if info.shape[0] is None else info.shape[0]]
    free = FREE_SIZE.get(len(info.shape), 8)
    shape += [free if n is None else n for n in info.shape[1:]]
    if info.dtype == "bool":
        return rng.random(shape) < 0.7
    if info.high is not None or "int" in info.dtype:
        return rng.integers(0, info.high or 10, shape).astype("int32")
    return rng.standard_normal(shape).astype(dtype)


@dataclass(frozen=True, slots=True)
class Label:
    """The targets of one output. `kind` says what they are, so that forms can be derived."""

    kind: str
    array: Array

    def forms(self) -> list[Array]:
        """How a PyTorch file may want the same targets; Keras's own form first."""
        array = self.array
        forms = [array]
        if array.ndim > 1 and array.shape[-1] == 1:
            forms.append(array[..., 0])
        if self.kind == "onehot":
            forms.append(array.argmax(axis=-1))
        if self.kind in {"binary", "sign"}:
            forms += [form.astype("int64") for form in list(forms)]
        if self.kind in {"real", "binary", "ids"}:
            forms.append(array[..., None])
        return forms


def label_kind(loss: str) -> str:
    """What the targets of a loss are, by its name in any spelling."""
    name = loss.lower().replace("_", "")
    if name == "crossentropy":  # PyTorch's, written out
        return "ids"
    for word, kind in (
        ("sparse", "ids"),
        ("categoricalhinge", "onehot"),
        ("binary", "binary"),
        ("categorical", "onehot"),
        ("hinge", "sign"),
        ("kl", "distribution"),
        ("kullback", "distribution"),
        ("poisson", "positive"),
        ("log", "positive" if "squaredlog" in name else "real"),
        ("msle", "positive"),
        ("percentage", "positive"),
        ("mape", "positive"),
        ("dice", "binary"),
        ("tversky", "binary"),
    ):
        if word in name:
            return kind
    return "real"


def random_label(kind: str, shape: Sequence[int], dtype: str, rng: np.random.Generator) -> Label:
    """Targets for an output of that shape."""
    if kind == "ids":
        return Label(kind, rng.integers(0, shape[-1], shape[:-1]).astype("int64"))
    if kind == "onehot":
        ids = rng.integers(0, shape[-1], shape[:-1])
        return Label(kind, np.eye(shape[-1], dtype=dtype)[ids])
    if kind == "binary":
        return Label(kind, rng.integers(0, 2, shape).astype(dtype))
    if kind == "sign":
        return Label(kind, (2 * rng.integers(0, 2, shape) - 1).astype(dtype))
    if kind == "positive":
        return Label(kind, rng.uniform(0.5, 2.0, shape).astype(dtype))
    if kind == "distribution":
        raw = rng.uniform(0.1, 1.0, shape)
        return Label(kind, (raw / raw.sum(axis=-1, keepdims=True)).astype(dtype))
    return Label(kind, rng.standard_normal(shape).astype(dtype))


def difference(ours: Array, theirs: Array) -> float:
    """The largest difference, relative to the largest value.

    Infinite where shapes or non-finite values disagree.
    """
    if ours.shape != theirs.shape:
        return float("inf")
    if ours.size == 0:
        return 0.0
    a, b = ours.astype("float64"), theirs.astype("float64")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-300))


def trivial(array: Array) -> str:
    """Why an output proves nothing; empty if it does."""
    if array.size == 0:
        return "is empty"
    values = array.astype("float64")
    if not np.isfinite(values).all():
        return "is not finite"
    if array.size > 1 and np.ptp(values) == 0:
        return f"is constant ({values.flat[0]:g})"
    return ""
