"""The callbacks that become lines of the loop."""

from __future__ import annotations

from typing import Literal

from transpile.frontends.keras_compile import Refused, growing
from transpile.interpret.values import Function, KerasObject
from transpile.ir import UNKNOWN, Expr
from transpile.registry import UnknownArgument, bind, by_keras_path
from transpile.training_ir import (
    Callback,
    Checkpoint,
    Compiled,
    EarlyStopping,
    RateSchedule,
    ReduceRate,
)  # fmt: skip

# Callbacks that the written loop contains anyway.
_BUILT_IN = frozenset({"History", "ProgbarLogger", "BaseLogger"})
Direction = Literal["min", "max"]


def read_callbacks(expr: Expr, compiled: Compiled, *, validated: bool) -> tuple[Callback, ...]:
    """The callbacks of one `fit`, in order. Raises Refused."""
    values = expr.value if isinstance(expr.value, list | tuple) else [expr.value]
    if expr.value is UNKNOWN or UNKNOWN in values:
        raise Refused("K2T126", f"the callbacks {expr.text} are only known at run time")
    keys = [*compiled.keys, *(f"val_{k}" for k in compiled.keys if validated)]
    read: list[Callback] = []
    for value in values:
        if not isinstance(value, KerasObject):
            raise Refused("K2T126", f"the callbacks {expr.text} are not understood")
        kind = value.path.rpartition(".")[2]
        if kind in _BUILT_IN:
            continue
        op = by_keras_path().get(f"callbacks.{kind}") if value.path.startswith("keras.") else None
        if op is None:
            raise Refused("K2T126", f"the callback {kind} has no counterpart yet")
        try:
            args = bind(op, value.args, value.kwargs)
        except UnknownArgument as error:
            raise Refused("K2T126", f"{kind}: {error} cannot be converted") from None
        read.append(_READERS[op.name](args, compiled, keys))
    return tuple(read)


def _monitor(args: dict[str, Expr], compiled: Compiled, keys: list[str]) -> tuple[str, Direction]:
    monitor, mode = args["monitor"].value, args["mode"].value
    if not isinstance(monitor, str) or not isinstance(mode, str):
        raise Refused("K2T126", f"what the callback monitors, {args['monitor'].text}, is only known at run time")
    if monitor not in keys:
        # Keras 2 called both "acc" and "accuracy" by either name at times.
        other = monitor.replace("accuracy", "acc") if "accuracy" in monitor else monitor.replace("acc", "accuracy")
        if other not in keys:
            raise Refused("K2T126", f"the callback monitors {monitor}, which the program does not compute")
        monitor = other
    if mode in ("min", "max"):
        return monitor, "min" if mode == "min" else "max"
    key = monitor.removeprefix("val_")
    if key == "loss" or key.endswith("_loss"):
        return monitor, "min"
    op = next((m.op for m in compiled.metrics if m.key == key), "")
    return monitor, "max" if growing(op) else "min"


def _talks(args: dict[str, Expr]) -> bool:
    return args["verbose"].value not in (0, False, None)


def _flag(args: dict[str, Expr], name: str) -> bool:
    value = args[name].value
    if value not in (True, False):
        raise Refused("K2T126", f"{name}={args[name].text} of the callback is only known at run time")
    return bool(value)


def _stopping(args: dict[str, Expr], compiled: Compiled, keys: list[str]) -> Callback:
    monitor, direction = _monitor(args, compiled, keys)
    baseline, start = args["baseline"], args["start_from_epoch"]
    return EarlyStopping(
        monitor, direction, args["patience"], args["min_delta"], _flag(args, "restore_best_weights"),
        None if baseline.value is None else baseline, None if start.value == 0 else start, _talks(args),
    )  # fmt: skip


def _checkpoint(args: dict[str, Expr], compiled: Compiled, keys: list[str]) -> Callback:
    if args["save_freq"].value not in ("epoch", 1) or args["initial_value_threshold"].value is not None:
        raise Refused("K2T126", "ModelCheckpoint: save_freq and initial_value_threshold cannot be converted")
    best = _flag(args, "save_best_only")
    monitor, direction = _monitor(args, compiled, keys) if best else ("", "min")
    return Checkpoint(args["filepath"], monitor, direction, best, _talks(args))


def _reduce(args: dict[str, Expr], compiled: Compiled, keys: list[str]) -> Callback:
    _refuse_schedule(compiled)
    monitor, direction = _monitor(args, compiled, keys)
    return ReduceRate(
        monitor, direction, args["factor"], args["patience"], args["min_delta"], args["cooldown"], args["min_lr"],
        _talks(args),
    )  # fmt: skip


def _schedule(args: dict[str, Expr], compiled: Compiled, keys: list[str]) -> Callback:
    _refuse_schedule(compiled)
    function = args["schedule"].value
    if not isinstance(function, Function):
        raise Refused("K2T126", f"the schedule {args['schedule'].text} is not known")
    params = function.node.params
    count = len(params.params) + len(params.posonly_params)
    if count not in (1, 2):
        raise Refused("K2T126", f"the schedule {args['schedule'].text} takes {count} arguments")
    return RateSchedule(args["schedule"], count == 2, _talks(args))


def _refuse_schedule(compiled: Compiled) -> None:
    """Keras refuses to set the rate of an optimizer that has a schedule."""
    if compiled.optimizer.schedule:
        raise Refused("K2T126", "the learning rate follows a schedule and a callback")


_READERS = {
    "early_stopping": _stopping,
    "model_checkpoint": _checkpoint,
    "reduce_lr_on_plateau": _reduce,
    "learning_rate_scheduler": _schedule,
}
