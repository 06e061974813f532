"""The same random draws on both sides.

Seeds cannot give the two frameworks the same numbers, so while the comparison runs every draw
is replaced by a fixed value that still depends on its distribution: dropout multiplies by
1 - rate/2, a normal draw is mean + stddev, a uniform one the middle of its range. A missing,
misplaced or wrongly sized dropout, or one that is active in inference, is then a difference
of the outputs like any other. Random augmentation layers are switched off.

What whole programs draw outside of their models (their data, the latents of a generator) varies from
number to number, the same way for one shape on both sides: constant data would show no mistake of
order. Inside of models the layouts differ. Whole numbers vary likewise, and orders stay as they were.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from transpile.verify.backends import Backend, TensorFlow

MIDDLE = 0.5  # of a uniform draw
_DTYPE = 4  # the position of the dtype in TensorFlow's draws, from 1


def always() -> bool:
    """A draw inside of a model, for all that is known."""
    return True


def varied(shape: Any, uniform: bool = False) -> Any:
    """Standard normal or uniform numbers that depend on the shape alone."""
    sizes = [int(n) for n in np.atleast_1d(np.asarray(shape))]
    rng = np.random.default_rng([len(sizes), *sizes])
    return rng.uniform(size=sizes) if uniform else rng.normal(size=sizes)


def is_known(shape: Any) -> bool:
    """Whether the sizes are numbers, as they are not while Keras infers the shapes of a graph."""
    try:
        return all(int(n) >= 0 for n in shape)
    except (TypeError, ValueError, NotImplementedError):
        return False


def integers(shape: Any, low: Any, high: Any) -> Any:
    """Whole numbers of a range that depend on the shape alone."""
    return np.floor(int(low) + varied(shape, uniform=True) * (int(high) - int(low))).astype("int64")


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


def keras_draws(keras: Any, side: Backend, inside: Callable[[], bool] = always) -> dict[tuple[Any, str], Any]:
    """The replacements for Keras 3 on its backend, or for tf_keras; `inside`: whether a model runs."""

    def dtype_of(dtype: Any) -> str:
        found = dtype if dtype is not None else keras.backend.floatx()
        return str(getattr(found, "name", found)).removeprefix("torch.")

    def dropout(inputs: Any, rate: Any, *_: Any, **__: Any) -> Any:
        return inputs * side.tensor(np.asarray(kept(rate), dtype_of(inputs.dtype)))

    def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, *_: Any, **__: Any) -> Any:
        if not inside() and is_known(shape):
            return side.tensor((mean + stddev * varied(shape)).astype(dtype_of(dtype)))
        return side.filled(shape, float(mean) + float(stddev), dtype_of(dtype))

    def uniform(shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, *_: Any, **__: Any) -> Any:
        if not inside() and is_known(shape):
            if "int" in dtype_of(dtype):
                return side.tensor(integers(shape, minval, maxval).astype(dtype_of(dtype)))
            return side.tensor((minval + (maxval - minval) * varied(shape, uniform=True)).astype(dtype_of(dtype)))
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
        changes |= _integer_draws(backend.random, side)
    if isinstance(side, TensorFlow):
        changes |= _tensorflow_draws(side.tf, normal, uniform)
    return changes


def _integer_draws(module: Any, side: Backend) -> dict[tuple[Any, str], Any]:
    """Whole numbers and orders of Keras 3."""

    def randint(shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", *_: Any, **__: Any) -> Any:
        name = str(getattr(dtype, "name", dtype)).removeprefix("torch.")
        return side.tensor(integers(shape, minval, maxval).astype(name))

    return {(module, "randint"): randint, (module, "shuffle"): lambda x, *_, **__: x}


def _tensorflow_draws(tf: Any, normal: Any, uniform: Any) -> dict[tuple[Any, str], Any]:
    """The functions of TensorFlow that a program calls itself."""
    changes: dict[tuple[Any, str], Any] = {(tf.random, "normal"): normal, (tf.random, "uniform"): uniform}
    changes[tf.data.Dataset, "shuffle"] = lambda self, *_, **__: self
    changes[tf.random, "shuffle"] = lambda value, *_, **__: value
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


def torch_draws(torch: Any, inside: Callable[[], bool] = always) -> dict[tuple[Any, str], Any]:
    """The replacements for PyTorch; `inside`: whether a module runs."""
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

    changes: dict[tuple[Any, str], Any] = {
        (torch, "dropout"): dropout,
        (functional, "alpha_dropout"): off,
        (functional, "feature_alpha_dropout"): off,
        (functional, "scaled_dot_product_attention"): attend,
    }
    changes |= {(functional, n): dropout for n in ("dropout", "dropout1d", "dropout2d", "dropout3d")}
    return changes | _torch_numbers(torch, inside) | _torch_integers(torch)


def _torch_numbers(torch: Any, inside: Callable[[], bool]) -> dict[tuple[Any, str], Any]:
    """Draws of floats."""

    def like(value: float) -> Callable[..., Any]:
        return lambda input, **o: drawn(tuple(input.shape), value, torch.full_like(input, value, **_known(o)))

    def filled(value: float) -> Callable[..., Any]:
        return lambda *size, **o: drawn(_size(size, o), value, torch.full(_size(size, o), value, **_known(o)))

    def drawn(size: tuple[int, ...], value: float, fixed: Any) -> Any:
        if inside():
            return fixed
        with torch.no_grad():
            return fixed.copy_(torch.from_numpy(varied(size, uniform=value == MIDDLE)))

    def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, **options: Any) -> Any:
        if size is not None:
            fixed = torch.full(tuple(size), float(mean) + float(std), **_known(options))
            return fixed if inside() else mean + std * drawn(tuple(size), 1.0, fixed)
        return mean + std

    return {
        (torch, "randn_like"): like(1.0),
        (torch, "rand_like"): like(MIDDLE),
        (torch, "randn"): filled(1.0),
        (torch, "rand"): filled(MIDDLE),
        (torch, "normal"): normal,
        (torch.Tensor, "normal_"): lambda x, mean=0.0, std=1.0, **_: x.fill_(mean + std),
    }


def _torch_integers(torch: Any) -> dict[tuple[Any, str], Any]:
    """Draws of whole numbers and orders."""

    def randint(*args: Any, **options: Any) -> Any:
        names = ("low", "high", "size")
        *bounds, size = [*args, *(options[name] for name in names if name in options)]
        low, high = bounds if len(bounds) > 1 else (0, bounds[0])
        tensor = torch.from_numpy(integers(size, low, high))
        return tensor.to(dtype=options.get("dtype", tensor.dtype), device=options.get("device"))

    def randperm(n: int, **options: Any) -> Any:
        return torch.arange(n, **_known(options))

    return {(torch, "randint"): randint, (torch, "randperm"): randperm}


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """The options of `torch.full`, without those of a draw alone."""
    return {k: v for k, v in options.items() if k not in {"generator", "size"}}


def _size(size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    if not size:
        return tuple(options["size"])
    return tuple(size[0]) if isinstance(size[0], (tuple, list)) else size
