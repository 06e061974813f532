"""A Keras program run to its end: eagerly, in order, with fixed draws, and noted."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from transpile.verify import conventions, draws
from transpile.verify.backends import TensorFlow
from transpile.verify.batches import random_weight
from transpile.verify.keras_side import KerasModel, KerasSide, weight_name
from transpile.verify.whole_record import Cuts, Record, numbers_of
from transpile.verify.whole_wide import wide

# Methods before which a model must have its first weights.
FIRST_USE = (
    "fit fit_generator evaluate predict predict_on_batch train_on_batch test_on_batch get_weights save save_weights"
).split()

Build = Callable[[tuple[int, int], KerasModel, tuple[Any, ...]], None]


class KerasRun:
    """Hooks into Keras for one run.

    `build` makes the weights of a model that has none yet, given what the program calls it with, where
    that is known. `summed`: the loss of an update is that of all gradients since the last one.
    """

    def __init__(self, side: KerasSide, cuts: Cuts, build: Build, summed: bool = False) -> None:
        self.side, self.cuts, self.build, self.summed = side, cuts, build, summed
        self.record = Record()
        self.fresh: dict[int, tuple[int, int]] = {}  # models without their first weights, by id
        self.unnamed: list[int] = []  # pairs that no variable names: the next model that is used
        self.started: set[int] = set()  # weights that have their first values
        self.exact: set[str] = set()  # optimizers that place epsilon as PyTorch does
        self.loss = 0.0
        self.depth = 0
        self.calls = 0  # of models, one inside of the other

    def seen(self, pair: int, model: Any) -> Any:
        """The program bound a model."""
        if isinstance(model, self.side.keras.Model):
            key = self.record.remember(pair, model)
            if key is not None:
                self.fresh[id(model)] = key
        return model

    def prepare(self, model: Any, given: tuple[Any, ...] = ()) -> None:
        """The model's first weights: the same as `Subject` gives it, whatever Keras drew."""
        known = any(model is one for one in self.record.models.values())
        if self.unnamed and not known:
            self.seen(self.unnamed.pop(0), model)
        key = self.fresh.pop(id(model), None)
        if key is None:
            return
        wrapped = KerasModel(self.side, model)
        self.calls += 1  # what it calls has its weights from it
        self.build(key, wrapped, given)
        self.calls -= 1
        wrapped.settle()
        for weight, value in zip(wrapped.weights, first_weights(wrapped), strict=True):
            if id(weight) not in self.started:
                weight.assign(value)
                self.started.add(id(weight))
        wrapped.settle_statistics()

    def prepare_inner(self, model: Any) -> None:
        """The models inside a model that has a training step of its own, and is no model of a pair."""
        for layer in getattr(model, "_flatten_layers", lambda **_: ())(include_self=False):
            if id(layer) in self.fresh:
                self.prepare(layer)

    @contextlib.contextmanager
    def hooked(self) -> Iterator[None]:
        """Real methods, watched."""
        keras = self.side.keras
        changes: dict[tuple[Any, str], Any] = dict(draws.keras_draws(keras, self.side.backend, lambda: self.calls > 0))
        if self.summed and isinstance(self.side.backend, TensorFlow) and keras.backend.floatx() == "float64":
            changes |= wide(keras, self.side.backend.tf)
        with self.side.real_methods(), self.eagerly():
            model = keras.Model
            changes[model, "__call__"] = self._called(model.__call__)
            for name in FIRST_USE:
                if hasattr(model, name):
                    changes[model, name] = self._first_use(getattr(model, name))
            changes[model, "fit"] = self._fit(model.fit)
            changes[model, "evaluate"] = self._evaluate(model.evaluate)
            changes[model, "predict"] = self._quiet(model.predict)
            changes |= self._losses()
            changes[model, "summary"] = lambda self, *args, **options: None
            changes[model, "load_weights"] = self._first_use(model.load_weights)
            for name in ("fit", "train_on_batch"):
                changes[model, name] = self.side.flags.during(changes[model, name])
            self._optimizers(changes)
            with draws.replaced(changes):
                yield

    @contextlib.contextmanager
    def eagerly(self) -> Iterator[None]:
        """The program's own tf.functions too."""
        backend = self.side.backend
        if not isinstance(backend, TensorFlow):
            yield
            return
        backend.tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            backend.tf.config.run_functions_eagerly(False)

    def _losses(self) -> dict[tuple[Any, str], Any]:
        """Where the loss of the next update is seen."""
        backend = self.side.backend
        if isinstance(backend, TensorFlow):
            tape = backend.tf.GradientTape
            return {(tape, "gradient"): self._gradient(tape.gradient, backend.tf)}
        model = self.side.keras.Model
        return {(model, "compute_loss"): self._computed(model.compute_loss)}

    def _computed(self, first: Any) -> Any:
        """The loss that `fit` computes."""
        run = self

        def compute_loss(self: Any, *args: Any, **options: Any) -> Any:
            loss = first(self, *args, **options)
            run.loss = float(run.side.backend.array(loss))
            return loss

        return compute_loss

    def _optimizers(self, changes: dict[tuple[Any, str], Any]) -> None:
        base, name = self.side.keras.optimizers.Optimizer, "apply_gradients" if self.side.legacy else "apply"
        first, run, dense = getattr(base, name), self, self.side.backend.dense

        def apply(self: Any, grads: Any, *args: Any, **options: Any) -> Any:
            pairs = [(dense(g), v) for g, v in grads] if run.side.legacy else [dense(g) for g in grads]
            run.record.updates.append(run.loss)
            run.exact |= {type(self).__name__} if conventions.as_torch(self) else set()
            run.loss = 0.0 if run.summed else run.loss
            return first(self, pairs, *args, **options)

        changes[base, name] = apply

    def _gradient(self, first: Any, tf: Any) -> Any:
        """What a tape differentiates is the loss of the next update, of `fit` as of the program's own loops."""
        run = self

        def gradient(self: Any, target: Any, *args: Any, **options: Any) -> Any:
            leaves = [leaf for leaf in tf.nest.flatten(target) if leaf is not None]
            loss = float(sum(float(tf.reduce_sum(leaf)) for leaf in leaves))
            run.loss = run.loss + loss if run.summed else loss
            return first(self, target, *args, **options)

        return gradient

    def _first_use(self, first: Any) -> Any:
        run = self

        def method(self: Any, *args: Any, **options: Any) -> Any:
            run.prepare(self, samples_of(args, options))
            return first(self, *args, **options)

        return method

    def _called(self, first: Any) -> Any:
        """The program's own loops call models on tensors."""
        run = self
        symbolic = getattr(self.side.keras, "KerasTensor", ())

        def call(self: Any, *args: Any, **options: Any) -> Any:
            outermost = not run.calls and not any(isinstance(a, symbolic) for a in _leaves(args))
            run.calls += 1
            try:
                if outermost and id(self) in run.fresh and args:
                    run.prepare(self, args if all(hasattr(leaf, "shape") for leaf in _leaves(args)) else ())
                return first(self, *args, **options)
            finally:
                run.calls -= 1

        return call

    def _quiet(self, first: Any) -> Any:
        run = self

        def predict(self: Any, *args: Any, **options: Any) -> Any:
            run.prepare(self, samples_of(args, options))
            self.run_eagerly = True
            return first(self, *args, **(options | {"verbose": 0}))

        return predict

    def _fit(self, first: Any) -> Any:
        run, names = self, inspect.signature(first)

        def fit(self: Any, *args: Any, **options: Any) -> Any:
            run.prepare(self, samples_of(args, options))
            run.prepare_inner(self)
            given = dict(names.bind(self, *args, **options).arguments)
            given.pop("self")
            self.run_eagerly = True
            KerasModel(run.side, self).settle_training()
            run.depth += 1
            try:
                history = first(self, **run.shortened(given))
            finally:
                run.depth -= 1
            run.epochs(history.history)
            return history

        return fit

    def shortened(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `fit`, in order, silent and cut."""
        given = given | {"verbose": 0, "shuffle": False}
        if self.cuts.epochs is not None:
            start = given.get("initial_epoch", 0)
            given["epochs"] = min(given.get("epochs", 1), start + self.cuts.epochs)
        rows = self.cuts.rows(given.get("batch_size") or 32)
        if rows is None or not _arrays(given.get("x")):
            return given
        split = given.pop("validation_split", 0.0)
        if split and given.get("validation_data") is None:
            size = len(_leaves(given["x"])[0])
            border = int(np.floor(size * (1.0 - split)))
            parts = [given.get(name) for name in ("x", "y", "sample_weight")]
            held = [None if p is None else _cut(p, border, size) for p in parts]
            given["validation_data"] = tuple(held if held[2] is not None else held[:2])
            given |= {n: _cut(p, 0, border) for n, p in zip(("x", "y", "sample_weight"), parts) if p is not None}
        for name in ("x", "y", "sample_weight", "validation_data"):
            if given.get(name) is not None and _arrays(given[name]):
                given[name] = _cut(given[name], 0, rows)
        return given

    def epochs(self, history: dict[str, list[float]]) -> None:
        """The metrics of every epoch, those of the validation apart."""
        length = max((len(values) for values in history.values()), default=0)
        for epoch in range(length):
            here = {n: float(v[epoch]) for n, v in history.items() if epoch < len(v)}
            self.record.training.append({n: v for n, v in here.items() if not n.startswith("val_")})
            held = {n.removeprefix("val_"): v for n, v in here.items() if n.startswith("val_")}
            if held:
                self.record.evaluation.append(held)

    def _evaluate(self, first: Any) -> Any:
        run, names = self, inspect.signature(first)

        def evaluate(self: Any, *args: Any, **options: Any) -> Any:
            if run.depth:
                return first(self, *args, **options)
            run.prepare(self, samples_of(args, options))
            self.run_eagerly = True
            given = dict(names.bind(self, *args, **options).arguments)
            given.pop("self")
            extra = given.pop("kwargs", {})
            as_dict = given.pop("return_dict", False)
            rows = run.cuts.rows(given.get("batch_size") or 32)
            for name in ("x", "y", "sample_weight"):
                if rows is not None and given.get(name) is not None and _arrays(given[name]):
                    given[name] = _cut(given[name], 0, rows)
            logs = first(self, **(given | extra | {"verbose": 0, "return_dict": True}))
            run.record.evaluation.append(numbers_of(logs))
            ordered = getattr(self, "_flatten_metrics_in_order", lambda logs: list(logs.values()))
            values = ordered(logs)
            if not isinstance(values, list):
                values = [values]
            return logs if as_dict else values[0] if len(values) == 1 else values

        return evaluate


def first_weights(model: KerasModel) -> list[Any]:
    """Values for every weight; integers (a counter) stay. As in `Subject.random_weights`."""
    rng = np.random.default_rng(20)
    values = []
    for weight, old in zip(model.weights, model.read(), strict=True):
        floating = np.issubdtype(old.dtype, np.floating)
        values.append(random_weight(weight_name(weight), old.shape, rng).astype(old.dtype) if floating else old)
    return values


def samples_of(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, ...]:
    """What `fit` and its kin hand to the model, where that is arrays or a data set; else nothing."""
    x = args[0] if args else options.get("x")
    if x is not None and type(x).__module__.startswith("tensorflow.") and hasattr(x, "element_spec"):
        x = next(iter(x.take(1)), None)
        x = x[0] if isinstance(x, tuple) else x
    known = x is not None and not _plain(x) and all(hasattr(leaf, "shape") for leaf in _leaves(x))
    return (x,) if known else ()


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for v in value.values() for leaf in _leaves(v)]
    if isinstance(value, (list, tuple)) and not _plain(value):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value]


def _plain(value: Any) -> bool:
    """A list of numbers, which stands for one array."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], (int, float))


def _arrays(value: Any) -> bool:
    return all(leaf is None or hasattr(leaf, "shape") or _plain(leaf) for leaf in _leaves(value))


def _cut(value: Any, start: int, end: int) -> Any:
    if isinstance(value, dict):
        return {name: _cut(v, start, end) for name, v in value.items()}
    if isinstance(value, (list, tuple)) and not _plain(value):
        return type(value)(_cut(v, start, end) for v in value)
    return None if value is None else value[start:end]
