"""`compile`: its losses, optimizer and metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import libcst as cst
from libcst import matchers

from transpile.frontends.facts import ModelFacts
from transpile.frontends.naming import snake
from transpile.interpret.values import Event, Frame, Function, KerasObject, Layer, Ref, Tensor
from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.ops.loss import ACTIVATIONS, TARGETS_ARE_IDS
from transpile.ops.metric import EITHER_TARGETS, GROWING, ORDER_ONLY
from transpile.ops.schedule import initial_rate
from transpile.registry import Context, Op, UnknownArgument, bind, by_keras_path, by_name, lower
from transpile.training_ir import CUSTOM, Compiled, Custom, Loss, Metric, Optimizer, Problem

PARAMETERS = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "run_eagerly",
              "steps_per_execution", "jit_compile", "auto_scale_loss")  # fmt: skip
# Settings of how Keras runs, without an effect on what it computes.
_HOW = frozenset({"run_eagerly", "steps_per_execution", "jit_compile", "auto_scale_loss",
                  "experimental_run_tf_function"})  # fmt: skip
# Losses that are metrics too, and take `from_logits` as losses do.
_CROSS_ENTROPIES = frozenset(ACTIVATIONS)


class Refused(Exception):
    """A call that cannot be converted, and why."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, message, hint)


def arguments(event: Event, parameters: Sequence[str]) -> dict[str, Expr]:
    """The arguments of a call by name. Refuses *args and **kwargs."""
    if "*" in event.kwargs or "**" in event.kwargs:
        raise Refused("K2T125", f"the arguments of {event.kind} are only known at run time")
    if len(event.args) > len(parameters):
        raise Refused("K2T125", f"{event.kind} has more arguments than Keras takes")
    return dict(zip(parameters, event.args)) | event.kwargs


def read_compile(event: Event, facts: ModelFacts, old_accuracy: bool = False) -> Compiled:
    """What `compile` said. Raises Refused.

    `old_accuracy`: the file reads the accuracy under its old name "acc".
    """
    given = arguments(event, PARAMETERS)
    third = event.args[2] if len(event.args) > 2 else None
    if third is not None and isinstance(third.value, list) and third.value and isinstance(third.value[0], str):
        given["metrics"] = given.pop("loss_weights")  # the order of Keras 2
    for name, expr in given.items():
        empty = expr.value is None or (isinstance(expr.value, list) and not expr.value)
        if name not in PARAMETERS[:4] and name not in _HOW and not empty:
            raise Refused("K2T125", f"compile({name}={expr.text}) cannot be converted")
    count = len(facts.output_shapes)
    losses = _losses(given.get("loss", literal(None)), facts)
    read = Compiled(
        losses,
        read_optimizer(given.get("optimizer", literal("rmsprop"))),
        _metrics(given.get("metrics", literal(None)), losses, facts, old_accuracy),
        _per_output(given.get("loss_weights", literal(None)), facts) if count > 1 else (),
        facts.output_names if count > 1 else (),
    )
    if len(set(read.keys)) < len(read.keys):
        raise Refused("K2T122", "two metrics have the same name")
    return read


# Losses


def _per_output(expr: Expr, facts: ModelFacts) -> tuple[Expr | None, ...]:
    """A list, a dict by name, or one value for all, as one value per output."""
    count = len(facts.output_shapes)
    value = expr.value
    if isinstance(value, dict):
        if value.keys() - set(facts.output_names):
            raise Refused("K2T129", f"the outputs of the model are called {', '.join(facts.output_names)}")
        return tuple(item(expr.text, n, value[n]) if n in value else None for n in facts.output_names)
    if isinstance(value, list | tuple) and len(value) == count:
        return tuple(item(expr.text, i, v) for i, v in enumerate(value))
    if value is None:
        return (None,) * count
    if isinstance(value, list | tuple):
        raise Refused("K2T129", "the list has not as many items as the model has outputs")
    return (expr,) * count


def item(text: str, key: int | str, value: object) -> Expr:
    """An element of the user's list or dict: its own text where that is written out."""
    from transpile.frontends.texts import element

    return Expr(element(text, key), value)


def _losses(expr: Expr, facts: ModelFacts) -> tuple[Loss, ...]:
    count = len(facts.output_shapes)
    if count == 1 and isinstance(expr.value, list | tuple) and len(expr.value) == 1:
        expr = item(expr.text, 0, expr.value[0])
    if count == 1 and isinstance(expr.value, dict) and len(expr.value) == 1:
        key = next(iter(expr.value))
        expr = item(expr.text, str(key), expr.value[key])
    each = (expr,) if count == 1 else _per_output(expr, facts)
    losses = []
    for i, one in enumerate(each):
        if one is None:
            raise Refused("K2T129", "an output of the model has no loss")
        losses.append(read_loss(one, facts.output_shapes[i], facts.final_activations[i]))
    return tuple(losses)


def read_loss(expr: Expr, shape: Shape | None, moved: str = "") -> Loss:
    """A loss given as a string, a function of Keras's, an object, or a function of the user's."""
    if isinstance(expr.value, Function):
        return Loss(CUSTOM, {}, shape, custom=own(expr, "loss"))
    op, args = _resolve(expr, "losses", "K2T120")
    target = "ids" if op.name in TARGETS_ARE_IDS else "same"
    logits = False
    if "from_logits" in args:
        if args["from_logits"].value not in (True, False):
            raise Refused("K2T125", f"from_logits={args['from_logits'].text} is only known at run time")
        logits = args["from_logits"].value is True
        args["from_logits"] = literal(logits or moved == ACTIVATIONS.get(op.name, "none"))
    if moved and ACTIVATIONS.get(op.name) != moved:
        raise Refused("K2T120", f"the loss {op.name} does not fit an output without its {moved}")
    loss = Loss(op.name, args, shape, target, moved, logits)  # type: ignore[arg-type]
    _refuse_lost(op, args, shape)
    return loss


def own(expr: Expr, kind: str) -> Custom:
    """A function of the user's that computes a loss or metric. Raises Refused."""
    function = expr.value
    assert isinstance(function, Function)
    for name in sorted(_read_in(function)):
        frame: Frame | None = function.closure
        while frame is not None and name not in frame.names:
            frame = frame.parent
        if frame is not None and isinstance(frame.names[name], Tensor | Layer):
            raise Refused(
                "K2T123", f"the {kind} {expr.text} reads {name}, a part of the model, beside what it is given"
            )
    return Custom(expr.text, function.node)


def _read_in(function: Function) -> set[str]:
    """The names in a function's body that are not its parameters."""
    found: set[str] = set()
    for name in matchers.findall(function.node.body, matchers.Name()):
        assert isinstance(name, cst.Name)
        found.add(name.value)
    return found - {p.name.value for p in function.node.params.params}


def _refuse_lost(op: Op, args: Mapping[str, Expr], shape: Shape | None) -> None:
    extra = {"moved": literal("")} if op.keras_path.startswith("metrics.") else {}
    lowered = lower(op, Node(op.name, {**args, **extra}, input_shapes=(shape,)), Context())
    for code, message in lowered.diagnostics:
        raise Refused(code, message)


def _resolve(expr: Expr, section: str, code: str) -> tuple[Op, dict[str, Expr]]:
    """The registry's entry and the bound arguments of something of Keras's."""
    value = expr.value
    ops = by_keras_path()
    kind = {"losses": "loss", "metrics": "metric"}.get(section, "optimizer")
    if isinstance(value, Function):
        raise Refused("K2T121", f"the {kind} {expr.text} is a function of your own")
    if isinstance(value, str):
        op = ops.get(f"{section}.{value}")
        if op is not None:
            return op, bind(op, (), {})
    if isinstance(value, Ref):
        op = ops.get(re.sub(r"^(keras|tf)\.(losses|metrics)\.", f"{section}.", value.path))
        if op is not None:
            return op, bind(op, (), {})
    if isinstance(value, KerasObject):
        if value.path.startswith("user."):
            raise Refused("K2T123", f"the {kind} {expr.text} is a class of your own")
        op = ops.get(value.path.removeprefix("keras."))
        if value.attributes:
            raise Refused("K2T125", f"the {kind} is changed after it is made")
        if op is not None and op.keras_path.startswith(section):
            return op, _bound(op, value)
    raise Refused(code, f"the {kind} {expr.text} is not known")


def _bound(op: Op, value: KerasObject) -> dict[str, Expr]:
    if "**" in value.kwargs or "*" in value.kwargs:
        raise Refused("K2T125", f"the arguments of {op.keras_class} are only known at run time")
    try:
        return bind(op, value.args, value.kwargs)
    except UnknownArgument as error:
        raise Refused("K2T125", f"{op.keras_class}: {error} cannot be converted") from None


# Optimizers


def read_optimizer(expr: Expr) -> Optimizer:
    """An optimizer given as a string or an object."""
    value = expr.value
    if isinstance(value, str):
        named = {op.keras_class.lower(): op for p, op in by_keras_path().items() if p.startswith("optimizers.")}
        op = named.get(value.lower())
        if op is None:
            raise Refused("K2T121", f"the optimizer {expr.text} is not known")
        return Optimizer(op.name, bind(op, (), {}))
    op, args = _resolve(expr, "optimizers", "K2T121")
    assert isinstance(value, KerasObject)
    if op.name == "sgd" and len(value.args) > 2:
        raise Refused("K2T125", "the third argument of SGD means other things in other versions of Keras")
    schedule, schedule_args = _schedule(args, value)
    if schedule:
        args["learning_rate"] = initial_rate(schedule, schedule_args)
    _refuse_lost(op, args, None)
    clips = [n for n in ("clipnorm", "clipvalue", "global_clipnorm") if args[n].value is not None]
    if len(clips) > 1:
        raise Refused("K2T125", "Keras takes only one of clipnorm, clipvalue and global_clipnorm")
    return Optimizer(op.name, args, schedule, schedule_args)


def _schedule(args: Mapping[str, Expr], value: KerasObject) -> tuple[str, dict[str, Expr]]:
    """How the learning rate changes with every batch: the op and its arguments; "" if it does not."""
    rate, decay = args["learning_rate"], value.kwargs.get("decay")
    if isinstance(rate.value, Function):
        raise Refused("K2T125", "a learning rate that is a function is not converted yet")
    if isinstance(rate.value, KerasObject):
        op = by_keras_path().get(rate.value.path.removeprefix("keras."))
        if op is None or not op.keras_path.startswith("optimizers.schedules."):
            raise Refused("K2T125", f"the schedule {rate.text} is not converted yet")
        bound = _bound(op, rate.value)
        _refuse_lost(op, bound, None)
        return op.name, bound
    if decay is None or decay.value in (0, None) or not _is_old(value):
        return "", {}
    op = by_keras_path()["optimizers.InverseTimeDecay"]
    return op.name, bind(op, (rate, literal(1), decay), {})


def _is_old(value: KerasObject) -> bool:
    """Keras 3 refuses `lr=`, so whoever wrote it meant Keras 2's `decay=` too."""
    return "lr" in value.kwargs


def acts_around(optimizer: Optimizer) -> bool:
    """Whether something is done around every step of an optimizer, beside the step."""
    return bool(lower(by_name()[optimizer.op], Node(optimizer.op, optimizer.args), Context()).setup)


def old_decay(expr: Expr) -> Expr | None:
    """`decay=` of an optimizer, where it says something and Keras 3 ignores it."""
    value = expr.value
    decay = value.kwargs.get("decay") if isinstance(value, KerasObject) else None
    if decay is None or decay.value in (0, None) or (isinstance(value, KerasObject) and _is_old(value)):
        return None
    return decay


# Metrics


def _metrics(expr: Expr, losses: Sequence[Loss], facts: ModelFacts, old_accuracy: bool) -> tuple[Metric, ...]:
    if expr.value is None:
        return ()
    if expr.value is UNKNOWN:
        raise Refused("K2T122", f"the metrics {expr.text} are only known at run time")
    found: list[Metric] = []
    if len(losses) == 1:
        value = expr.value
        if isinstance(value, dict) and len(value) == 1:
            value = next(iter(value.values()))
        for one in _listed(Expr(expr.text, value)):
            found.append(_metric(one, losses[0], 0, "", old_accuracy))
        return tuple(found)
    if isinstance(expr.value, list | tuple) and not expr.value:
        return ()
    for i, each in enumerate(_per_output(expr, facts)):
        for one in _listed(each) if each is not None else ():
            found.append(_metric(one, losses[i], i, f"{facts.output_names[i]}_", old_accuracy))
    return tuple(found)


def _listed(expr: Expr) -> list[Expr]:
    if isinstance(expr.value, list | tuple):
        flat: list[Expr] = []
        for i, v in enumerate(expr.value):
            flat += _listed(item(expr.text, i, v))
        return flat
    return [expr] if expr.value is not None else []


def _metric(expr: Expr, loss: Loss, output: int, prefix: str, old_accuracy: bool) -> Metric:
    value = expr.value
    if isinstance(value, str) and value in ("accuracy", "acc", "Accuracy"):
        name = accuracy(loss)
        key = "acc" if old_accuracy and value == "accuracy" else value
        return Metric(prefix + key, name, bind(by_name()[name], (), {}), loss.shape, loss.target, loss.moved, output)
    if isinstance(value, Function):
        custom, key = own(expr, "metric"), snake(value.name)
        return Metric(prefix + key, CUSTOM, {}, loss.shape, loss.target, loss.moved, output, custom=custom)
    op, args = _metric_op(expr, loss)
    key = _key(expr, op, args)
    _refuse_lost(op, args, loss.shape)
    _refuse_misfit(op, loss, expr)
    return Metric(prefix + key, op.name, args, loss.shape, loss.target, loss.moved, output)


def _metric_op(expr: Expr, loss: Loss) -> tuple[Op, dict[str, Expr]]:
    value = expr.value
    name = value if isinstance(value, str) else getattr(value, "path", "").rpartition(".")[2]
    cross = by_keras_path().get(f"losses.{name}")
    if cross is not None and cross.name in _CROSS_ENTROPIES:
        args = _bound(cross, value) if isinstance(value, KerasObject) else bind(cross, (), {})
        moved = loss.moved == ACTIVATIONS[cross.name]
        args["from_logits"] = literal(moved or args["from_logits"].value is True)
        return cross, args
    return _resolve(expr, "metrics", "K2T122")


def _key(expr: Expr, op: Op, args: Mapping[str, Expr]) -> str:
    """What the history calls a metric."""
    if isinstance(expr.value, str):
        return expr.value
    if isinstance(expr.value, Ref):
        tail = expr.value.path.rpartition(".")[2]
        return op.name.removesuffix("_metric") if tail.lower() in ("mse", "mae", "mape", "msle") else tail
    named = expr.value.kwargs.get("name") if isinstance(expr.value, KerasObject) else None
    if named is not None and named.value is not None:
        if not isinstance(named.value, str):
            raise Refused("K2T122", f"the name {named.text} of a metric is only known at run time")
        return named.value
    return {"AUC": "auc", "LogCoshError": "logcosh", "KLDivergence": "kl_divergence", "FBetaScore": "fbeta_score"}.get(
        op.keras_class, snake(op.keras_class)
    )


def accuracy(loss: Loss) -> str:
    """The accuracy that Keras means, by the shapes of output and targets."""
    last = loss.shape[-1].value if loss.shape else UNKNOWN
    if last == 1 or (last is UNKNOWN and loss.op.startswith("binary")):
        return "binary_accuracy"
    return "sparse_categorical_accuracy" if loss.target == "ids" else "categorical_accuracy"


def _refuse_misfit(op: Op, loss: Loss, expr: Expr) -> None:
    """A metric that wants other targets than the loss."""
    if op.name in EITHER_TARGETS:
        return
    wants_ids = op.name.startswith("sparse_")
    if wants_ids != (loss.target == "ids"):
        raise Refused("K2T122", f"the metric {expr.text} does not fit the targets of the loss")
    if loss.from_logits and not loss.moved and op.name not in ORDER_ONLY and op.name.startswith("binary_c"):
        return


def growing(op: str) -> bool:
    """Whether a metric improves as it grows."""
    return op in GROWING
