"""`fit`, `evaluate`, `predict`: their data and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_callbacks import read_callbacks, shared
from transpile.frontends.keras_compile import Refused, arguments
from transpile.frontends.keras_streams import GENERATOR_METHODS, batches, modern_arguments, whole
from transpile.frontends.texts import element, is_simple, operand
from transpile.interpret.values import Array, Event, KerasObject, ModelValue, Tensor
from transpile.ir import UNKNOWN, Expr, Node, literal
from transpile.ops.loss import ACTIVATIONS, reduction
from transpile.registry import Context, by_name, lower
from transpile.source import Source
from transpile.training_ir import Batches, Compiled, Data, Evaluate, Fit, Predict, Step

FIT = ("x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data", "shuffle",
       "class_weight", "sample_weight", "initial_epoch", "steps_per_epoch", "validation_steps",
       "validation_batch_size", "validation_freq")  # fmt: skip
EVALUATE = ("x", "y", "batch_size", "verbose", "sample_weight", "steps", "callbacks", "return_dict")
STEP = ("x", "y", "sample_weight", "class_weight", "reset_metrics", "return_dict")
PREDICT = ("x", "batch_size", "verbose", "steps", "callbacks")
_LOADING = frozenset({"max_queue_size", "max_q_size", "workers", "nb_worker", "use_multiprocessing", "pickle_safe"})
_DEFAULT = {"batch_size": 32, "validation_freq": 1, "initial_epoch": 0, "shuffle": True}


def _given(event: Event, parameters: tuple[str, ...]) -> dict[str, Expr]:
    given = arguments(event, GENERATOR_METHODS.get(event.kind, ("", parameters))[1])
    if event.kind in GENERATOR_METHODS:
        given = modern_arguments(given)
    if "nb_epoch" in given:
        given["epochs"] = given.pop("nb_epoch")
    if "X" in given:
        given["x"] = given.pop("X")
    return {n: e for n, e in given.items() if n not in _LOADING and n != "show_accuracy"}


def _refuse_rest(event: Event, given: Mapping[str, Expr], known: tuple[str, ...]) -> None:
    for name, expr in given.items():
        if name in known or expr.value is None:
            continue
        if name in _DEFAULT and expr.value == _DEFAULT[name]:
            continue
        raise Refused("K2T125", f"{event.kind}({name}={expr.text}) cannot be converted")


_CONVERTED: tuple[str, ...] = (
    "x", "y", "batch_size", "epochs", "verbose", "callbacks", "validation_split", "validation_data", "class_weight",
    "initial_epoch", "validation_batch_size", "validation_freq", "sample_weight",
)  # fmt: skip


def read_fit(event: Event, compiled: Compiled, facts: ModelFacts, source: Source, others: Sequence[Event] = ()) -> Fit:
    """One call of `fit`; `others` are the other trainings of the program. Raises Refused."""
    given, known = _given(event, FIT), _CONVERTED
    refuse_weights(given, facts)
    shuffle = given.pop("shuffle", literal(True))
    if not shuffle.known:
        raise Refused("K2T125", f"fit(shuffle={shuffle.text}) is only known at run time")
    data = _weighted(
        _data(event, given, facts, "steps_per_epoch", compiled), given.get("sample_weight"), compiled, facts
    )
    validation = _validation(given.get("validation_data"), facts, compiled, given.get("validation_steps"))
    known += ("steps_per_epoch", *(("validation_steps",) if validation is not None else ()))
    _refuse_rest(event, given, known)
    if data.weight is not None and given.get("class_weight", literal(None)).value is not None:
        raise Refused("K2T125", "Keras takes no sample_weight together with class_weight")
    split = given.get("validation_split")
    split = None if split is None or split.value in (0, 0.0, None) else split
    if isinstance(data, Batches) and split is not None:
        raise Refused("K2T171", f"validation_split of {data.source.text}, which yields batches")
    batch = _batch(given.get("batch_size"), data, split)
    fit = Fit(
        data,
        batch,
        given.get("epochs", literal(1)),
        given.get("initial_epoch", literal(0)),
        # "batch" orders arrays anew inside of each batch only, which changes no result.
        bool(shuffle.value) and not (shuffle.value == "batch" and not isinstance(data, Batches)),
        None if validation else split,
        validation,
        _batch(given.get("validation_batch_size", given.get("batch_size")), validation),
        _class_weight(given.get("class_weight"), compiled),
        given.get("verbose"),
        validation_freq=_frequency(given.get("validation_freq")),
    )
    callbacks = given.get("callbacks")
    if callbacks is None or callbacks.value is None:
        return fit
    read = read_callbacks(callbacks, compiled, validated=fit.validated, event=event, source=source)
    read = shared(read, callbacks, event, others)
    return replace(fit, callbacks=read)


def _weighted(data: Data, expr: Expr | None, compiled: Compiled, facts: ModelFacts) -> Data:
    """The data with the weights of their samples, which batches bring along. Raises Refused."""
    if not isinstance(data, Batches):
        return replace(data, weight=sample_weight(expr, compiled))
    if expr is not None and expr.value is not None:
        raise Refused("K2T171", f"sample_weight of {data.source.text}, which yields batches")
    if facts.steps is None:
        sample_weight(data.weight, compiled)
    return data


def refuse_weights(given: Mapping[str, Expr], facts: ModelFacts) -> None:
    """Weights of samples are for a training step of a model's own to use."""
    weighted = [n for n in ("sample_weight", "class_weight") if n in given and given[n].value is not None]
    if facts.steps is not None and weighted:
        raise Refused("K2T182", f"{weighted[0]}= with a training step of the model's own")


def _frequency(expr: Expr | None) -> Expr | None:
    """How often is validated: every so many epochs, or in those of a list."""
    if expr is None or expr.value == 1:
        return None
    if not isinstance(expr.value, int | list | tuple):
        raise Refused("K2T125", f"fit(validation_freq={expr.text}) is only known at run time")
    return expr


def _batch(expr: Expr | None, data: Data | None = None, split: Expr | None = None) -> Expr:
    """The size of a batch: with a number of steps and nothing else, all samples in that many batches."""
    if expr is None or expr.text == "None":
        if data is None or data.steps is None or isinstance(data, Batches):
            return literal(32)
        if split is not None:
            raise Refused("K2T125", "a number of steps with a validation_split needs a batch_size to be converted")
        return Expr(f"math.ceil(len({data.inputs[0].text}) / {operand(data.steps.text)})")
    return Expr(f"{expr.text} or 32") if expr.value is None else expr


def sample_weight(expr: Expr | None, compiled: Compiled) -> Expr | None:
    """The weights of the samples. Refuses what has no loss per sample."""
    if expr is None or expr.value is None:
        return None
    if not compiled.losses:
        raise Refused("K2T125", "sample weights cannot be converted for a model that is compiled without a loss")
    loss = compiled.losses[0]
    rank = len(loss.shape) if loss.shape is not None else None
    known = expr.value.shape if isinstance(expr.value, Array) else None
    if compiled.several:
        raise Refused("K2T125", "sample weights of several outputs cannot be converted")
    if rank != 2 and (rank is None or known is None or len(known) != 1):
        raise Refused("K2T125", "sample weights per time step or pixel cannot be converted")
    if loss.custom is not None:
        raise Refused("K2T125", "sample weights cannot be converted for a loss of your own")
    made = lower(by_name()[loss.op], Node(loss.op, loss.args, input_shapes=(loss.shape,)), Context())
    # A crossentropy of probabilities may yet become one of logits.
    if loss.op not in ACTIVATIONS and (not made.module.startswith("nn.") or made.helpers):
        raise Refused("K2T125", f"sample weights cannot be converted for the loss {loss.op}")
    if any(getattr(m, "weighted", False) for m in compiled.metrics):
        raise Refused("K2T125", "sample weights cannot be converted together with weighted_metrics")
    return expr


def _class_weight(expr: Expr | None, compiled: Compiled) -> Expr | None:
    if expr is None or expr.value is None:
        return None
    if not compiled.losses:
        raise Refused("K2T125", "fit(class_weight=...) cannot be converted for a model that is compiled without a loss")
    loss = compiled.losses[0]
    supported = ("categorical_crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy")
    flat = loss.shape is not None and len(loss.shape) == 2
    if compiled.several or loss.op not in supported or not flat:
        raise Refused("K2T125", "fit(class_weight=...) cannot be converted for this loss")
    if any(m.weighted for m in compiled.metrics):
        raise Refused("K2T125", "fit(class_weight=...) with weighted_metrics cannot be converted")
    plain = reduction(loss.args) == "mean" and all(
        loss.args[n].value in (0.0, None) for n in ("label_smoothing", "ignore_class") if n in loss.args
    )
    classes = loss.shape[-1].value if loss.shape else UNKNOWN
    if not plain or not isinstance(classes, int) or isinstance(expr.value, str):
        raise Refused("K2T125", "fit(class_weight=...) cannot be converted for this loss")
    return expr


def refuse_streams(expr: Expr) -> None:
    """Generators, Sequences and data sets."""
    if isinstance(expr.value, KerasObject | ModelValue | Tensor):
        raise Refused("K2T127", f"the data {expr.text} are not arrays")


def _data(
    event: Event, given: Mapping[str, Expr], facts: ModelFacts, steps: str = "", compiled: Compiled | None = None
) -> Data:
    x, y = given.get("x"), given.get("y")
    if x is None:
        raise Refused("K2T125", f"{event.kind} is given no data")
    found = batches(x, given.get(steps), required=event.kind in GENERATOR_METHODS)
    if found is not None:
        if compiled is not None and not compiled.losses and facts.steps is None:
            raise Refused("K2T171", f"{x.text} yields batches, and the model is compiled without a loss")
        return found
    refuse_streams(x)
    count = whole(given.get(steps))
    if compiled is not None and not compiled.losses and facts.steps is None:
        return Data(spread(x, facts.input_names), steps=count)  # Keras looks at no targets
    if (y is None or y.value is None) and facts.steps is not None:
        return Data((x,), steps=count)
    if y is None or y.value is None:
        raise Refused("K2T127", f"{x.text} yields inputs and targets together")
    refuse_streams(y)
    if facts.steps is not None:
        return Data((x,), (y,), steps=count)
    return Data(spread(x, facts.input_names), spread(y, facts.output_names), steps=count)


def spread(expr: Expr, names: tuple[str, ...]) -> tuple[Expr, ...]:
    """One text per input (or output) of the model."""
    value = expr.value
    if isinstance(value, dict):
        if len(names) == 1 and len(value) == 1:
            names = (str(next(iter(value))),)
        if set(value) != set(names):
            raise Refused("K2T125", f"the keys of {expr.text} are not the names that the model has")
        return tuple(Expr(element(expr.text, n), value[n]) for n in names)
    if len(names) == 1:
        if isinstance(value, list | tuple) and len(value) == 1 and not isinstance(value[0], int | float):
            return (Expr(element(expr.text, 0), value[0]),)
        return (expr,)
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise Refused("K2T125", f"{expr.text} has not as many items as the model has inputs or outputs")
        return tuple(Expr(element(expr.text, i), v) for i, v in enumerate(value))
    if not is_simple(expr.text):
        raise Refused("K2T125", f"{expr.text} is not written as a list of arrays")
    return tuple(Expr(element(expr.text, i)) for i in range(len(names)))


def _validation(expr: Expr | None, facts: ModelFacts, compiled: Compiled, steps: Expr | None) -> Data | None:
    if expr is None or expr.value is None:
        return None
    found = batches(expr, steps)
    if found is not None and not compiled.losses and facts.steps is None:
        raise Refused("K2T171", f"{expr.text} yields batches, and the model is compiled without a loss")
    if found is not None:
        return _weighted(found, None, compiled, facts)
    refuse_streams(expr)
    return replace(_validation_arrays(expr, facts, compiled), steps=whole(steps))


def _validation_arrays(expr: Expr, facts: ModelFacts, compiled: Compiled) -> Data:
    value = expr.value
    if not compiled.losses and facts.steps is None:
        if isinstance(value, list | tuple):
            expr = Expr(element(expr.text, 0), value[0])
        elif not isinstance(value, Array):
            raise Refused("K2T127", f"whether {expr.text} holds targets is not seen")
        return Data(spread(expr, facts.input_names))
    if facts.steps is not None and not isinstance(value, list | tuple):
        return Data((expr,))
    if isinstance(value, list | tuple) and len(value) in (2, 3):
        x, y, *weights = (Expr(element(expr.text, i), v) for i, v in enumerate(value))
        if y.value is None:
            raise Refused("K2T127", f"{x.text} yields inputs and targets together")
        refuse_streams(x)
        refuse_streams(y)
        if facts.steps is not None and not weights:
            return Data((x,), (y,))
        weight = sample_weight(weights[0] if weights else None, compiled)
        return Data(spread(x, facts.input_names), spread(y, facts.output_names), weight)
    raise Refused("K2T127", f"the validation data {expr.text} are not a pair of arrays")


def read_evaluate(event: Event, compiled: Compiled, facts: ModelFacts) -> Evaluate:
    """One call of `evaluate`."""
    given = _given(event, EVALUATE)
    refuse_weights(given, facts)
    data = _weighted(_data(event, given, facts, "steps", compiled), given.get("sample_weight"), compiled, facts)
    _refuse_rest(event, given, ("x", "y", "batch_size", "verbose", "return_dict", "sample_weight", "steps"))
    as_dict = given.get("return_dict", literal(False)).value
    if as_dict not in (True, False):
        raise Refused("K2T125", "evaluate(return_dict=...) is only known at run time")
    return Evaluate(data, _batch(given.get("batch_size"), data), bool(as_dict))


def read_step(event: Event, facts: ModelFacts) -> Step:
    """One call of `train_on_batch` or `test_on_batch`."""
    given = _given(event, STEP)
    data = _data(event, given, facts)
    if given.pop("reset_metrics", literal(True)).value is not True:
        raise Refused("K2T125", f"{event.kind}(reset_metrics=False) cannot be converted")
    _refuse_rest(event, given, ("x", "y", "return_dict"))
    as_dict = given.get("return_dict", literal(False)).value
    if as_dict not in (True, False):
        raise Refused("K2T125", f"{event.kind}(return_dict=...) is only known at run time")
    return Step(data, event.kind == "train_on_batch", bool(as_dict))


def read_predict(event: Event, facts: ModelFacts) -> Predict:
    """One call of `predict` and its relatives."""
    given = _given(event, PREDICT)
    if "x" not in given:
        raise Refused("K2T125", f"{event.kind} is given no data")
    found = batches(given["x"], given.get("steps"), required=event.kind in GENERATOR_METHODS)
    _refuse_rest(event, given, ("x", "batch_size", "verbose", *(("steps",) if found is not None else ())))
    if found is not None:
        if len(facts.input_dtypes) != 1 or len(facts.output_shapes) != 1:
            raise Refused("K2T171", f"{event.kind} of batches by a model with several inputs or outputs")
        return Predict(found)
    refuse_streams(given["x"])
    batch = given.get("batch_size")
    batch = None if batch is None or batch.value in (None, 32) else batch
    classes = event.kind == "predict_classes"
    if classes and len(facts.output_shapes) != 1:
        raise Refused("K2T130", "predict_classes of a model with several outputs")
    return Predict(Data(spread(given["x"], facts.input_names)), batch, classes)
