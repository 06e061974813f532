"""Keras, as the comparison uses it: Keras 3 on any of its backends, or tf_keras for older programs.

Imported in the child process only. Everything runs eagerly. Python floats of layers, losses
and optimizers become np.float64: TensorFlow passes a plain one through float32 on its way
into a float64 computation (`tf.cast(0.999, "float64")` is 0.99900001287).
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from transpile.verify import backends, datasets, draws
from transpile.verify.fixed_modes import FixedModes
from transpile.verify.floors import exact_penalties
from transpile.verify.frozen import Flags
from transpile.verify.programs import line_in
from transpile.verify.recipes import Array
from transpile.verify.structures import as_given, flatten, tensors_of


class KerasSide:
    """One Keras in this process: how to reset it and what to switch off."""

    def __init__(self, legacy: bool, name: backends.Name = "tensorflow") -> None:
        self.backend = backends.backend(name)
        if legacy:
            import tf_keras as keras
        else:
            import keras
        self.keras, self.legacy = keras, legacy
        self.layer_class: Any = keras.layers.Layer
        self.calls: list[tuple[Any, Any]] | None = None
        self._order = itertools.count()
        self.modes = None if legacy else FixedModes(keras)
        self._patch()

    @property
    def version(self) -> str:
        """As the report names it."""
        if self.legacy:
            return f"tf_keras {self.keras.__version__}"
        where = f" on {self.backend.device}" if self.backend.device != "cpu" else ""
        return f"Keras {self.keras.__version__} ({self.keras.config.backend()}{where})"

    def reset(self, dtype: str) -> None:
        """A fresh session in that dtype."""
        keras = self.keras
        keras.backend.clear_session()
        keras.backend.set_floatx(dtype)
        keras.backend.set_image_data_format("channels_last")
        if self.legacy:
            keras.mixed_precision.set_global_policy(dtype)
        else:
            keras.config.set_dtype_policy(dtype)
            keras.config.disable_traceback_filtering()
        keras.utils.get_custom_objects().clear()
        self.flags.forget()
        keras.utils.set_random_seed(0)

    def _patch(self) -> None:
        """Records the order of creation and the calls of layers; takes training away."""
        side, layer = self, self.layer_class
        first_init, first_call = layer.__init__, layer.__call__

        def init(self: Any, *args: Any, **options: Any) -> None:
            if "_transpile_order" not in self.__dict__:
                object.__setattr__(self, "_transpile_order", next(side._order))
                object.__setattr__(self, "_transpile_line", line_in("keras_program"))
            first_init(self, *args, **options)

        def call(self: Any, *args: Any, **options: Any) -> Any:
            result = first_call(self, *args, **options)
            if side.modes is not None and options.get("training") is not None:
                side.modes.note(result if isinstance(result, (list, tuple)) else [result], options["training"])
            if side.calls is not None:
                side.calls.append((self, result))
            return result

        layer.__init__, layer.__call__ = init, call
        if not self.legacy:
            exact_penalties(self.keras.regularizers.L1)
        datasets.install(self.keras.datasets)
        self.flags = Flags(self.keras)
        if self.legacy:
            _old_rates(self.keras)
        self.real: dict[tuple[Any, str], Any] = {}
        for owner in (self.keras.Model, self.keras.Sequential):
            for name in _NOTHING:
                if hasattr(owner, name):
                    self.real[owner, name] = vars(owner).get(name)
        self._without_training()

    def _without_training(self) -> None:
        for owner, name in self.real:
            setattr(owner, name, _stub(_NOTHING[name]))

    @contextlib.contextmanager
    def real_methods(self) -> Iterator[None]:
        """Models train, evaluate and save for a while."""
        for (owner, name), method in self.real.items():
            if method is None:
                delattr(owner, name)
            else:
                setattr(owner, name, method)
        try:
            yield
        finally:
            self._without_training()

    @contextlib.contextmanager
    def same_draws(self) -> Iterator[None]:
        """Replaces random draws (see `draws`)."""
        with draws.replaced(draws.keras_draws(self.keras, self.backend)):
            yield

    @contextlib.contextmanager
    def real_draws(self) -> Iterator[None]:
        """Random draws as they are, in the dtype of the comparison."""
        changes = {}
        if isinstance(self.backend, backends.TensorFlow):
            changes = draws.wide_draws(self.keras, self.backend.tf)
        with draws.replaced(changes):
            yield


class _History:
    """What `fit` returns when it does nothing."""

    def __init__(self) -> None:
        self.history: defaultdict[str, list[float]] = defaultdict(lambda: [0.0])
        self.epoch = [0]
        self.params: dict[str, object] = {}


class _Scores(float):
    """What a step gives when it does nothing: a loss, or the loss with its metrics, as the program reads it."""

    def __iter__(self) -> Iterator[float]:
        return iter((0.0, 0.0))

    def __getitem__(self, index: int) -> float:
        return 0.0


_NOTHING: dict[str, Any] = {
    "fit": _History,
    "fit_generator": _History,
    "evaluate": _Scores,
    "train_on_batch": _Scores,
    "test_on_batch": _Scores,
    "save": lambda: None,
    "save_weights": lambda: None,
    "load_weights": lambda: None,
    "summary": lambda: None,
}


def _old_rates(keras: Any) -> None:
    """`lr` and `decay` as Keras 2 meant them; the optimizers of tf_keras ignore or refuse them."""
    for kind in vars(keras.optimizers).values():
        if isinstance(kind, type) and "learning_rate" in _names(vars(kind).get("__init__")):
            setattr(kind, "__init__", _with_old_rates(vars(kind)["__init__"], keras))  # noqa: B010


def _names(function: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters) if callable(function) else ()


def _with_old_rates(first: Any, keras: Any) -> Any:
    def init(self: Any, *args: Any, **options: Any) -> None:
        if "lr" in options:
            options["learning_rate"] = options.pop("lr")
        decay = options.pop("decay", 0)
        if decay:
            default = inspect.signature(first).parameters["learning_rate"].default
            rate = np.float64(options.pop("learning_rate", args[0] if args else default))
            schedule = keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)
            args, options = args[1:], {**options, "learning_rate": schedule}
        first(self, *args, **options)

    return init


def _stub(result: Any) -> Any:
    return lambda self, *args, **options: result()


class KerasModel:
    """A Keras model with its weights, run on arrays."""

    def __init__(self, side: KerasSide, model: Any) -> None:
        self.side, self.model = side, model
        self.separate = False  # several inputs go in as arguments of their own
        self.densified = False  # an embedding's gradient came as rows and was summed

    def settle(self) -> None:
        """After the model is built: exact floats, no augmentation."""
        for weight in self.model.weights:  # of a layer of the user's: no attribute of its layer
            if hasattr(getattr(weight, "regularizer", None), "get_config"):
                self._exact_floats(weight.regularizer)
        for layer in self.all_layers():
            self._exact_floats(layer)
            if type(layer).__name__.startswith("Random"):
                _without_training(layer)
            if hasattr(layer, "_inverse_sqrt_key_dim"):
                exact = 1.0 / np.sqrt(np.float64(layer._key_dim))
                object.__setattr__(layer, "_inverse_sqrt_key_dim", exact)

    @property
    def weights(self) -> list[Any]:
        """Every weight once, in Keras's order."""
        return list({id(w): w for w in self.model.weights}.values())

    @property
    def compiled(self) -> bool:
        """The program compiled the model with a loss."""
        return bool(getattr(self.model, "compiled", False) or self._legacy_compiled())

    def _legacy_compiled(self) -> bool:
        return bool(getattr(self.model, "_is_compiled", False))

    def all_layers(self) -> list[Any]:
        """Every layer at any depth, the model itself left out."""
        return list(self.model._flatten_layers(include_self=False, recursive=True))

    def visible_layers(self) -> list[Any]:
        """The layers that the program's text makes, by order of creation.

        The inside of Keras's own composite layers (Bidirectional, MultiHeadAttention) is
        left out; that of models and of the program's own layers is included.
        """
        found: dict[int, Any] = {}

        def visit(layer: Any) -> None:
            for inner in layer._flatten_layers(include_self=False, recursive=False):
                if id(inner) in found or inner is layer:
                    continue
                found[id(inner)] = inner
                own = type(inner).__module__.partition(".")[0] not in {"keras", "tf_keras"}
                if own or isinstance(inner, self.side.keras.Model):
                    visit(inner)

        visit(self.model)
        return sorted(found.values(), key=lambda x: getattr(x, "_transpile_order", 0))

    def tensor(self, array: Array) -> Any:
        """A tensor with the same dtype."""
        return self.side.backend.tensor(array)

    def call(self, inputs: Sequence[Array], training: bool) -> Any:
        """The raw result of the model."""
        tensors = [self.tensor(x) for x in inputs]
        argument = tensors[0] if len(tensors) == 1 else tensors
        argument = as_given(argument, getattr(self.model, "_inputs_struct", None))
        if self.separate:
            return self.model(*tensors, training=training)
        return self.model(argument, training=training)

    def outputs(self, inputs: Sequence[Array], training: bool) -> list[Any]:
        """The tensors that the model gives; of a dict in the order in which the program names them."""
        result, struct = self.call(inputs, training), getattr(self.model, "_outputs_struct", None)
        return flatten([result[key] for key in struct] if isinstance(struct, dict) else result)

    def forward(self, inputs: Sequence[Array], training: bool) -> list[Array]:
        """The outputs as arrays."""
        with self.side.same_draws():
            return [self.side.backend.array(o) for o in self.outputs(inputs, training)]

    def layer_outputs(self, inputs: Sequence[Array], training: bool) -> list[tuple[Any, Any]]:
        """Each layer that ran, with its output, in order."""
        self.side.calls = []
        try:
            self.forward(inputs, training)
            return self.side.calls
        finally:
            self.side.calls = None

    def loss_and_gradients(
        self, inputs: Sequence[Array], targets: Any, training: bool = True
    ) -> tuple[float, list[Any]]:
        """The compiled loss (penalties included), and a gradient per trainable weight."""
        backend, model = self.side.backend, self.model
        y = as_given(tensors_of(backend, targets), getattr(model, "_outputs_struct", None))

        def loss() -> Any:
            outputs = self.call(inputs, training)
            options = {} if self.side.legacy else {"training": training}
            return model.compute_loss(x=None, y=y, y_pred=outputs, **options)

        with self.side.same_draws():
            value, gradients = backend.gradients(loss, model, self.trainable())
        return value, self._dense(gradients)

    def projected_gradients(self, inputs: Sequence[Array], directions: Sequence[Array]) -> tuple[float, list[Any]]:
        """The gradient of the sum of outputs times fixed random directions."""
        backend = self.side.backend

        def loss() -> Any:
            return backend.projected(self.outputs(inputs, True), directions)

        with self.side.same_draws():
            value, gradients = backend.gradients(loss, self.model, self.trainable())
        return value, self._dense(gradients)

    def _dense(self, gradients: Sequence[Any]) -> list[Any]:
        self.densified |= any(self.side.backend.is_rows(g) for g in gradients)
        return [self.side.backend.dense(g) for g in gradients]

    def trainable(self) -> list[Any]:
        """The variables of the backend (or of tf_keras) that training changes."""
        if self.side.legacy:
            return list(self.model.trainable_weights)
        return [w.value for w in self.model.trainable_weights]

    def step(self, gradients: Sequence[Any]) -> None:
        """One update by the compiled optimizer."""
        optimizer, variables = self.model.optimizer, self.model.trainable_weights
        if self.side.legacy:
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        else:
            optimizer.apply(list(gradients), list(variables))

    def read(self) -> list[Array]:
        """The values of `weights`."""
        return [np.array(self.side.backend.array(w)) for w in self.weights]

    def write(self, values: Sequence[Array]) -> None:
        """Sets the values of `weights`."""
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)
        self.settle_statistics()

    def settle_statistics(self) -> None:
        """A Normalization computes with copies of its weights."""
        for layer in self.all_layers():
            if type(layer).__name__ == "Normalization" and layer.built:
                layer.finalize_state()

    def settle_training(self) -> None:
        """Exact floats in the optimizer, its schedule and the losses."""
        optimizer = self.model.optimizer
        self._exact_floats(optimizer)
        if self.side.legacy:
            return  # a schedule's dtype is fixed once the optimizer is made
        for name in ("_learning_rate", "learning_rate"):
            schedule = vars(optimizer).get(name)
            if hasattr(schedule, "get_config"):
                self._exact_floats(schedule)

    def _exact_floats(self, thing: Any) -> None:
        """Keeps TensorFlow, which makes float32 of a Python number, from rounding what an object holds."""
        if self.side.backend.name != "tensorflow":
            return
        for name, value in list(vars(thing).items()):
            if type(value) is float:
                vars(thing)[name] = np.float64(value)
            elif name.endswith("regularizer") and hasattr(value, "get_config"):
                self._exact_floats(value)


def weight_name(weight: Any) -> str:
    """`kernel`, whatever the framework puts around it."""
    name: str = weight.name
    return name.rpartition("/")[2].partition(":")[0]


def find_weight(layer: Any, path: str) -> Any | None:
    """The weight of a layer by a path such as `kernel` or `forward_layer/kernel`."""
    *inner, name = path.split("/")
    for part in inner:
        found = getattr(layer, part, None)
        if not hasattr(found, "weights"):
            inside = layer._flatten_layers(include_self=False, recursive=False)
            named = [x for x in inside if x.name == part or x.name.endswith("_" + part)]
            found = named[0] if named else getattr(layer, f"_{part}_dense", None)
        if found is None:
            return None
        layer = found
    matching = [w for w in layer.weights if weight_name(w) == name]
    return matching[0] if matching else None


def _without_training(layer: Any) -> None:
    call = layer.call

    def still(*args: Any, **options: Any) -> Any:
        return call(*args, **(options | {"training": False}))

    object.__setattr__(layer, "call", still)
