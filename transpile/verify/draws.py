"""The same random draws on both sides.

Seeds cannot give the two frameworks the same numbers, so while the comparison runs every draw
is replaced by a fixed value that still depends on its distribution: dropout multiplies by
1 - rate/2, a normal draw is mean + stddev, a uniform one the middle of its range. A missing,
misplaced or wrongly sized dropout, or one that is active in inference, is then a difference
of the outputs like any other. Random augmentation layers are switched off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from transpile.verify.backends import Backend, TensorFlow

_DTYPE = 4  # the position of the dtype in TensorFlow's draws, from 1


def kept(rate: Any) -> Any:
    """What dropout with that rate multiplies by."""
    return 1.0 - float(rate) / 2.0


@contextlib.contextmanager
def replaced(changes: Mapping[tuple[Any, str], Any]) -> Iterator[None]:
    """Sets attributes of modules and classes for a while; absent ones are left out."""
    present = {key: getattr(*key) for key in changes if hasattr(*key)}
    try:
        for owner, name in present:
            setattr(owner, name, changes[owner, name])
        yield
    finally:
        for (owner, name), old in present.items():
            setattr(owner, name, old)


def keras_draws(keras: Any, side: Backend) -> dict[tuple[Any, str], Any]:
    """The replacements for Keras 3 on its backend, or for tf_keras."""

    def dtype_of(dtype: Any) -> str:
        found = dtype if dtype is not None else keras.backend.floatx()
        return str(getattr(found, "name", found)).removeprefix("torch.")

    def dropout(inputs: Any, rate: Any, *_: Any, **__: Any) -> Any:
        return inputs * side.tensor(np.asarray(kept(rate), dtype_of(inputs.dtype)))

    def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, *_: Any, **__: Any) -> Any:
        return side.filled(shape, float(mean) + float(stddev), dtype_of(dtype))

    def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, *_: Any, **__: Any) -> Any:
        return side.filled(shape, (minval + maxval) / 2, dtype_of(dtype))

    def alpha_dropout(self: Any, inputs: Any, training: Any = None) -> Any:
        return dropout(inputs, self.rate) if training else inputs

    changes: dict[tuple[Any, str], Any] = {(keras.layers.AlphaDropout, "call"): alpha_dropout}
    if keras.__name__ == "tf_keras":
        changes |= _legacy_draws(keras, dropout, normal, uniform)
    else:
        from keras.src import backend

        changes[backend.random, "dropout"] = dropout
        changes[backend.random, "normal"] = normal
        changes[backend.random, "uniform"] = uniform
    if isinstance(side, TensorFlow):
        changes |= _tensorflow_draws(side.tf, normal, uniform)
    return changes


def _tensorflow_draws(tf: Any, normal: Any, uniform: Any) -> dict[tuple[Any, str], Any]:
    """The functions of TensorFlow that a program calls itself."""
    changes: dict[tuple[Any, str], Any] = {(tf.random, "normal"): normal, (tf.random, "uniform"): uniform}
    old_spelling = getattr(getattr(tf, "keras", None), "backend", None)
    if old_spelling is not None:
        changes[old_spelling, "random_normal"] = normal
        changes[old_spelling, "random_uniform"] = uniform
    return changes


def wide_draws(keras: Any, tf: Any) -> dict[tuple[Any, str], Any]:
    """TensorFlow's own draws, by default in the dtype of the comparison as Keras's are."""

    def of(function: Callable[..., Any]) -> Callable[..., Any]:
        def drawn(*args: Any, **options: Any) -> Any:
            if len(args) < _DTYPE:
                options.setdefault("dtype", keras.backend.floatx())
            return function(*args, **options)

        return drawn

    return {(tf.random, name): of(getattr(tf.random, name)) for name in ("normal", "uniform")}


def _legacy_draws(keras: Any, dropout: Any, normal: Any, uniform: Any) -> dict[tuple[Any, str], Any]:
    """Where tf_keras draws."""
    from tf_keras.src import backend as old

    generator = old.RandomGenerator
    changes: dict[tuple[Any, str], Any] = {
        (generator, "dropout"): _method(dropout),
        (generator, "random_normal"): _method(normal),
        (generator, "random_uniform"): _method(uniform),
    }
    for module in (old, keras.backend):
        changes[module, "random_normal"] = normal
        changes[module, "random_uniform"] = uniform
    return changes


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **options: function(*args, **options)


def torch_draws(torch: Any) -> dict[tuple[Any, str], Any]:
    """The replacements for PyTorch."""
    functional = torch.nn.functional
    attention = functional.scaled_dot_product_attention

    def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        return input * kept(p) if training else input

    def off(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
        return dropout(input, p, training)  # the alpha variants

    def attend(query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Any:
        rate = options.pop("dropout_p", args[1] if len(args) > 1 else 0.0)
        args = args[:1] + ((0.0, *args[2:]) if len(args) > 1 else ())
        return attention(query, key, value, *args, **options) * kept(rate)

    def like(value: float) -> Callable[..., Any]:
        return lambda input, **o: torch.full_like(input, value, **_known(o))

    def filled(value: float) -> Callable[..., Any]:
        return lambda *size, **o: torch.full(_size(size, o), value, **_known(o))

    def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **options: Any) -> Any:
        if size is not None:
            return torch.full(tuple(size), float(mean) + float(std), **_known(options))
        return mean + std

    changes: dict[tuple[Any, str], Any] = {
        (torch, "randn_like"): like(1.0),
        (torch, "rand_like"): like(0.5),
        (torch, "randn"): filled(1.0),
        (torch, "rand"): filled(0.5),
        (torch, "normal"): normal,
        (torch, "dropout"): dropout,
        (torch.Tensor, "normal_"): lambda x, mean=0.0, std=1.0, **_: x.fill_(mean + std),
        (functional, "alpha_dropout"): off,
        (functional, "feature_alpha_dropout"): off,
        (functional, "scaled_dot_product_attention"): attend,
    }
    return changes | {(functional, n): dropout for n in ("dropout", "dropout1d", "dropout2d", "dropout3d")}


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """The options of `torch.full`, without those of a draw alone."""
    return {k: v for k, v in options.items() if k not in {"generator", "size"}}


def _size(size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    if not size:
        return tuple(options["size"])
    return tuple(size[0]) if isinstance(size[0], (tuple, list)) else size
