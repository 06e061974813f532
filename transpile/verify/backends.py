"""What the comparison asks of the library that Keras computes on: tensors, gradients, devices.

Imported in the child process only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol

import numpy as np

from transpile.verify.recipes import Array

Name = Literal["tensorflow", "jax", "torch"]
NAMES: tuple[Name, ...] = ("tensorflow", "jax", "torch")


def installed() -> Name:
    """The backend to take where none is asked for: the first that is installed."""
    return next((name for name in NAMES if find_spec(name) is not None), "tensorflow")


class Backend(Protocol):
    """One of Keras's backends."""

    name: Name

    def settle(self, device: str) -> None:
        """Once, before anything is computed: full precision, deterministic kernels, few threads."""

    @property
    def device(self) -> str:
        """Where it computes: "cpu" or "cuda"."""

    def tensor(self, array: Any) -> Any:
        """A tensor with the dtype of the array."""

    def array(self, tensor: Any) -> Array:
        """The values of a tensor."""

    def gradients(self, loss: Callable[[], Any], model: Any, variables: Sequence[Any]) -> tuple[float, list[Any]]:
        """The loss, and its gradient by each variable: None for one that it does not depend on."""

    def projected(self, outputs: Sequence[Any], directions: Sequence[Array]) -> Any:
        """The sum of outputs times fixed directions, as a scalar tensor."""

    def is_rows(self, gradient: Any) -> bool:
        """Whether a gradient came as rows of a matrix, as that of an embedding does."""

    def dense(self, gradient: Any) -> Any:
        """Such a gradient as a matrix."""

    def filled(self, shape: Any, value: Any, dtype: str) -> Any:
        """A tensor of one value."""


class _Dense:
    """What holds where gradients are arrays and tensors have a `sum`."""

    def tensor(self, array: Any) -> Any:
        raise NotImplementedError

    def projected(self, outputs: Sequence[Any], directions: Sequence[Array]) -> Any:
        """The sum of outputs times fixed directions, as a scalar tensor."""
        return sum((o * self.tensor(d)).sum() for o, d in zip(outputs, directions, strict=True))

    def is_rows(self, gradient: Any) -> bool:
        """Never."""
        return False

    def dense(self, gradient: Any) -> Any:
        """As it is."""
        return gradient


class TensorFlow:
    """Eager TensorFlow, with a tape."""

    name: Name = "tensorflow"

    def __init__(self) -> None:
        import tensorflow

        self.tf = tensorflow

    def settle(self, device: str) -> None:
        """Two threads, no TF32."""
        tf = self.tf
        tf.get_logger().setLevel("ERROR")
        tf.config.threading.set_intra_op_parallelism_threads(2)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        if device != "cpu":
            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
            tf.config.experimental.enable_tensor_float_32_execution(False)

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cuda" if self.tf.config.list_physical_devices("GPU") else "cpu"

    def tensor(self, array: Any) -> Any:
        """A constant."""
        return self.tf.constant(array)

    def array(self, tensor: Any) -> Array:
        """Its values."""
        return np.asarray(tensor)

    def gradients(self, loss: Callable[[], Any], model: Any, variables: Sequence[Any]) -> tuple[float, list[Any]]:
        """By a tape."""
        with self.tf.GradientTape() as tape:
            value = loss()
        return float(value), list(tape.gradient(value, list(variables)))

    def projected(self, outputs: Sequence[Any], directions: Sequence[Array]) -> Any:
        """The sum of outputs times fixed directions, as a scalar tensor."""
        tf = self.tf
        return tf.add_n([tf.reduce_sum(tf.cast(o, d.dtype) * d) for o, d in zip(outputs, directions, strict=True)])

    def is_rows(self, gradient: Any) -> bool:
        """Whether a gradient came as rows of a matrix, as that of an embedding does."""
        return isinstance(gradient, self.tf.IndexedSlices)

    def dense(self, gradient: Any) -> Any:
        """Such a gradient as a matrix."""
        return self.tf.convert_to_tensor(gradient) if self.is_rows(gradient) else gradient

    def filled(self, shape: Any, value: Any, dtype: str) -> Any:
        """A tensor of one value."""
        return self.tf.fill(shape, self.tf.constant(value, dtype))


class Torch(_Dense):
    """PyTorch below Keras."""

    name: Name = "torch"

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def settle(self, device: str) -> None:
        """What concerns PyTorch is set by its own side."""
        _keep_float64()

    @property
    def device(self) -> str:
        """Where it computes."""
        from keras.src.backend.torch import core

        return str(core.get_device()).partition(":")[0]

    def tensor(self, array: Any) -> Any:
        """A tensor where Keras computes."""
        from keras import ops

        array = np.asarray(array)
        return ops.convert_to_tensor(array, dtype=str(array.dtype))

    def array(self, tensor: Any) -> Array:
        """Its values."""
        from keras import ops

        return np.array(ops.convert_to_numpy(tensor))

    def gradients(self, loss: Callable[[], Any], model: Any, variables: Sequence[Any]) -> tuple[float, list[Any]]:
        """By autograd."""
        value = loss()
        if not value.requires_grad:
            return float(value), [None] * len(variables)
        found = self.torch.autograd.grad(value, list(variables), allow_unused=True)
        return float(value.detach()), list(found)

    def filled(self, shape: Any, value: Any, dtype: str) -> Any:
        """A tensor of one value."""
        return self.tensor(np.full(tuple(int(n) for n in shape), value, dtype))


class Jax(_Dense):
    """JAX, without jit: functions of the values of the model's variables."""

    name: Name = "jax"

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax

    def settle(self, device: str) -> None:
        """No kernels of cuDNN for recurrent layers: they know float32 alone."""
        rnn: Any = import_module("keras.src.backend.jax.rnn")  # as an attribute of its package it is a function
        rnn.cudnn_ok = lambda *args, **options: False
        _keep_float64()

    @property
    def device(self) -> str:
        """Where it computes."""
        return "cpu" if self.jax.default_backend() == "cpu" else "cuda"

    def tensor(self, array: Any) -> Any:
        """An array of JAX."""
        return self.jax.numpy.asarray(array)

    def array(self, tensor: Any) -> Array:
        """Its values."""
        return np.asarray(tensor)

    def gradients(self, loss: Callable[[], Any], model: Any, variables: Sequence[Any]) -> tuple[float, list[Any]]:
        """By `jax.value_and_grad` in a stateless scope; what the pass writes (moving averages) is kept."""
        import keras

        trained = list(model.trainable_variables)
        others = list(model.non_trainable_variables)

        def of_values(values: list[Any]) -> tuple[Any, list[Any]]:
            mapping = list(zip(trained, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                value = loss()
            written = [scope.get_current_value(v) for v in others]
            return value, [v.value if new is None else new for v, new in zip(others, written, strict=True)]

        function = self.jax.value_and_grad(of_values, has_aux=True)
        (value, after), found = function([v.value for v in trained])
        for variable, new in zip(others, after, strict=True):
            variable.assign(new)
        return float(value), list(found)

    def filled(self, shape: Any, value: Any, dtype: str) -> Any:
        """A tensor of one value."""
        return self.jax.numpy.full(tuple(shape), value, dtype)


def _keep_float64() -> None:
    """Keras computes some layers in float32 on these backends, whatever the dtype of the model is."""
    from keras.src.backend.common import dtypes

    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"


def backend(name: Name) -> Backend:
    """The backend of that name. Raises ImportError where it is not installed."""
    kinds: dict[Name, type[TensorFlow | Torch | Jax]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Torch}
    return kinds[name]()
