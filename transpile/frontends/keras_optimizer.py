"""`compile`: its optimizer, and how the rate changes with every batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from transpile.frontends.compile_objects import Refused, bound, refuse_lost, resolve
from transpile.interpret.values import Function, KerasObject
from transpile.ir import Expr, Node, literal
from transpile.ops.schedule import initial_rate
from transpile.registry import Context, bind, by_keras_path, by_name, lower
from transpile.training_ir import CUSTOM, Optimizer

# The optimizers of TensorFlow 1 that compute what one of Keras's computes: its name, what their arguments are called
# there, and defaults that differ. (RMSPropOptimizer and AdagradOptimizer place epsilon elsewhere.)
_OF_TENSORFLOW_1: dict[str, tuple[str, tuple[str, ...], dict[str, Expr]]] = {
    "AdamOptimizer": ("Adam", ("learning_rate", "beta_1", "beta_2", "epsilon"), {"epsilon": literal(1e-8)}),
    "GradientDescentOptimizer": ("SGD", ("learning_rate",), {}),
    "MomentumOptimizer": ("SGD", ("learning_rate", "momentum"), {}),
}
_NAMES_OF_TENSORFLOW_1 = {"beta1": "beta_1", "beta2": "beta_2", "use_nesterov": "nesterov"}


def _modern(expr: Expr) -> Expr:
    """`tf.train.AdamOptimizer(...)` as Keras's optimizer."""
    value = expr.value
    if not isinstance(value, KerasObject) or not value.path.startswith(("tf.train.", "tf.compat.v1.train.")):
        return expr
    name, positions, defaults = _OF_TENSORFLOW_1.get(value.path.rpartition(".")[2], ("", (), {}))
    if not name or len(value.args) > len(positions) or "use_locking" in value.kwargs:
        return expr
    given = {_NAMES_OF_TENSORFLOW_1.get(n, n): e for n, e in value.kwargs.items()}
    kwargs = defaults | dict(zip(positions, value.args)) | given
    return Expr(expr.text, replace(value, path=f"keras.optimizers.{name}", args=(), kwargs=kwargs))


def read_optimizer(expr: Expr) -> Optimizer:
    """An optimizer given as a string or an object."""
    expr = _modern(expr)
    value = expr.value
    if isinstance(value, str):
        named = {op.keras_class.lower(): op for p, op in by_keras_path().items() if p.startswith("optimizers.")}
        op = named.get(value.lower())
        if op is None:
            raise Refused("K2T121", f"the optimizer {expr.text} is not known")
        return Optimizer(op.name, bind(op, (), {}))
    op, args = resolve(expr, "optimizers", "K2T121")
    assert isinstance(value, KerasObject)
    if op.name == "sgd" and len(value.args) > 2:
        raise Refused("K2T125", "the third argument of SGD means other things in other versions of Keras")
    schedule, schedule_args = _schedule(args, value)
    if schedule:
        args["learning_rate"] = literal(1.0) if schedule == CUSTOM else initial_rate(schedule, schedule_args)
    refuse_lost(op, args, None)
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
        if rate.value.path.startswith("user.") and not rate.value.attributes:
            return CUSTOM, {"schedule": rate}
        op = by_keras_path().get(rate.value.path.removeprefix("keras."))
        if op is None or not op.keras_path.startswith("optimizers.schedules."):
            raise Refused("K2T125", f"the schedule {rate.text} is not converted yet")
        made = bound(op, rate.value)
        refuse_lost(op, made, None)
        return op.name, made
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
