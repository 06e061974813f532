"""The callbacks that become lines of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transpile.frontends.keras_compile import Refused, growing
from transpile.frontends.keras_hooks import classes_of, portable, read_lambda, read_object, refuse_makers, sees
from transpile.interpret.callbacks import callbacks_of
from transpile.interpret.values import Event, Function, Instance, KerasObject
from transpile.ir import UNKNOWN, Expr
from transpile.registry import UnknownArgument, bind, by_keras_path
from transpile.source import Source
from transpile.training_ir import (
    Backup,
    Board,
    Callback,
    Checkpoint,
    Compiled,
    CsvLog,
    EarlyStopping,
    Hooks,
    RateSchedule,
    ReduceRate,
    StopOnNan,
)  # fmt: skip

# Callbacks that the written loop contains anyway.
_BUILT_IN = frozenset({"History", "ProgbarLogger", "BaseLogger"})
# Attributes of an EarlyStopping that the written loop has variables for.
_ANSWERED = frozenset({"stopped_epoch", "best", "best_epoch", "wait"})
Direction = Literal["min", "max"]


@dataclass(frozen=True)
class _Known:
    """What a callback is read with: `keys` are those of the logs, `added` those of other callbacks."""

    compiled: Compiled
    keys: tuple[str, ...]
    added: tuple[str, ...] = ()
    event: Event | None = None


def read_callbacks(
    expr: Expr, compiled: Compiled, *, validated: bool, event: Event, source: Source
) -> tuple[Callback, ...]:
    """The callbacks of one `fit`, in order. Raises Refused."""
    values = expr.value if isinstance(expr.value, list | tuple) else [expr.value]
    if expr.value is UNKNOWN or UNKNOWN in values:
        raise Refused("K2T126", f"the callbacks {expr.text} are only known at run time")
    for value in values:
        refuse_makers(value, event)
    keys = (*compiled.keys, *(f"val_{k}" for k in compiled.checked if validated))
    known = _Known(compiled, keys, (), event)
    read: list[Callback] = []
    for position, value in enumerate(values):
        if isinstance(value, Instance):
            code = "\n".join(source.code(c.node) for c in classes_of(value.cls))
            hooks = read_object(value, expr, position, event, code)
            known = replace(known, added=(*known.added, *hooks.writes))
            read.append(hooks)
            continue
        if not isinstance(value, KerasObject):
            raise Refused("K2T126", f"the callbacks {expr.text} are not understood")
        kind = value.path.rpartition(".")[2]
        if kind not in _BUILT_IN:
            read.append(_read_one(value, kind, known))
    if sum(isinstance(c, Backup) for c in read) > 1:
        raise Refused("K2T126", "several BackupAndRestore callbacks cannot be converted")
    return tuple(read)


def shared(read: tuple[Callback, ...], given: Expr, event: Event, others: Sequence[Event]) -> tuple[Callback, ...]:
    """The callbacks, with those that keep their state from a training before this one.

    Keras starts most of them anew with each training; a checkpoint remembers its best value,
    and an object of the user's whatever it holds. Raises Refused.
    """
    values = given.value if isinstance(given.value, list | tuple) else [given.value]
    kept = [v for v in values if not _is_built_in(v)]
    found: list[Callback] = []
    for callback, value in zip(read, kept, strict=True):
        again = [e for e in others if any(v is value for v in callbacks_of(e))]
        best = isinstance(callback, Checkpoint) and callback.best_only
        nameless = isinstance(callback, Hooks) and bool(callback.made)
        if again and (best or nameless):
            if nameless or any(e.call is event.call for e in again):
                raise Refused("K2T167", "one callback serves several trainings and keeps its state")
            if isinstance(callback, Checkpoint) and any(e.order < event.order for e in again):
                callback = replace(callback, goes_on=True)
        found.append(callback)
    return tuple(found)


def _is_built_in(value: object) -> bool:
    return isinstance(value, KerasObject) and value.path.rpartition(".")[2] in _BUILT_IN


def _read_one(value: KerasObject, kind: str, known: _Known) -> Callback:
    if kind == "RemoteMonitor":
        raise Refused("K2T166", "RemoteMonitor sends the logs to a server")
    op = by_keras_path().get(f"callbacks.{kind}") if value.path.startswith("keras.") else None
    if op is None:
        raise Refused("K2T126", f"the callback {kind} has no counterpart yet")
    if "*" in value.kwargs or "**" in value.kwargs or value.attributes:
        raise Refused("K2T126", f"the arguments of {kind} are only known at run time")
    try:
        args = bind(op, value.args, value.kwargs)
    except UnknownArgument as error:
        raise Refused("K2T126", f"{kind}: {error} cannot be converted") from None
    assert known.event is not None
    if not sees(known.event.frame, value.frame):
        args = {n: portable(e, value.frame, known.event.frame) for n, e in args.items()}
    read = _READERS[op.name](args, known)
    return replace(read, asked=_asked(value, known.event)) if isinstance(read, EarlyStopping) else read


def _asked(value: KerasObject, event: Event) -> dict[str, tuple[object, ...]]:
    """What the program reads of an EarlyStopping behind its training. Raises Refused."""
    found: dict[str, tuple[object, ...]] = {}
    for use in value.uses:
        name = use.node.attr.value
        if name not in _ANSWERED or use.order < event.order:
            raise Refused("K2T126", f"{name} of an EarlyStopping cannot be converted where it is read")
        if use.node not in found.get(name, ()):
            found[name] = (*found.get(name, ()), use.node)
    return found


def _monitor(args: dict[str, Expr], known: _Known) -> tuple[str, Direction]:
    monitor, mode = args["monitor"].value, args["mode"].value
    if not isinstance(monitor, str) or not isinstance(mode, str):
        raise Refused("K2T126", f"what the callback monitors, {args['monitor'].text}, is only known at run time")
    if monitor not in (*known.keys, *known.added):
        # Keras 2 called both "acc" and "accuracy" by either name at times.
        other = monitor.replace("accuracy", "acc") if "accuracy" in monitor else monitor.replace("acc", "accuracy")
        if other not in known.keys:
            raise Refused("K2T126", f"the callback monitors {monitor}, which the program does not compute")
        monitor = other
    if mode in ("min", "max"):
        return monitor, "min" if mode == "min" else "max"
    key = monitor.removeprefix("val_")
    if key == "loss" or key.endswith("_loss"):
        return monitor, "min"
    if monitor not in known.keys:
        raise Refused("K2T126", f"mode='auto' does not tell whether {monitor} is to grow")
    op = next((m.op for m in known.compiled.metrics if m.key == key), "")
    return monitor, "max" if growing(op) else "min"


def _talks(args: dict[str, Expr]) -> bool:
    return args["verbose"].value not in (0, False, None)


def _flag(args: dict[str, Expr], name: str) -> bool:
    value = args[name].value
    if value not in (True, False):
        raise Refused("K2T126", f"{name}={args[name].text} of the callback is only known at run time")
    return bool(value)


def _stopping(args: dict[str, Expr], known: _Known) -> Callback:
    monitor, direction = _monitor(args, known)
    baseline, start = args["baseline"], args["start_from_epoch"]
    return EarlyStopping(
        monitor, direction, args["patience"], args["min_delta"], _flag(args, "restore_best_weights"),
        None if baseline.value is None else baseline, None if start.value == 0 else start, _talks(args),
    )  # fmt: skip


def _checkpoint(args: dict[str, Expr], known: _Known) -> Callback:
    best = _flag(args, "save_best_only")
    monitor, direction = _monitor(args, known) if best else ("", "min")
    every, period, threshold = args["save_freq"], args["period"], args["initial_value_threshold"]
    epochs = every.value == "epoch"
    if not epochs and not isinstance(every.value, int):
        raise Refused("K2T126", f"ModelCheckpoint: save_freq={every.text} is only known at run time")
    if epochs:
        every = period
    return Checkpoint(
        args["filepath"], monitor, direction, best, _talks(args),
        None if threshold.value is None else threshold, None if every.value == 1 and epochs else every, epochs,
    )  # fmt: skip


def _reduce(args: dict[str, Expr], known: _Known) -> Callback:
    _refuse_schedule(known.compiled)
    monitor, direction = _monitor(args, known)
    return ReduceRate(
        monitor, direction, args["factor"], args["patience"], args["min_delta"], args["cooldown"], args["min_lr"],
        _talks(args),
    )  # fmt: skip


def _schedule(args: dict[str, Expr], known: _Known) -> Callback:
    _refuse_schedule(known.compiled)
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


def _csv(args: dict[str, Expr], known: _Known) -> Callback:
    return CsvLog(args["filename"], args["separator"], args["append"])


def _board(args: dict[str, Expr], known: _Known) -> Callback:
    if args["update_freq"].value != "epoch":
        raise Refused("K2T126", f"TensorBoard: update_freq={args['update_freq'].text} cannot be converted")
    shown = {"write_images": "images of the weights", "write_steps_per_second": "steps per second",
             "write_grads": "gradients", "embeddings_freq": "embeddings"}  # fmt: skip
    lost = tuple(what for name, what in shown.items() if args[name].value not in (False, 0, None))
    every = args["histogram_freq"]
    return Board(args["log_dir"], None if every.value in (0, None) else every, lost)


def _nan(args: dict[str, Expr], known: _Known) -> Callback:
    return StopOnNan(_flag(args, "raise_error"))


def _backup(args: dict[str, Expr], known: _Known) -> Callback:
    if args["save_freq"].value != "epoch":
        raise Refused("K2T126", f"BackupAndRestore: save_freq={args['save_freq'].text} cannot be converted")
    return Backup(args["backup_dir"], _flag(args, "delete_checkpoint"))


def _lambda(args: dict[str, Expr], known: _Known) -> Hooks:
    return read_lambda(args)


_READERS: dict[str, Callable[[dict[str, Expr], _Known], Callback]] = {
    "early_stopping": _stopping,
    "model_checkpoint": _checkpoint,
    "reduce_lr_on_plateau": _reduce,
    "learning_rate_scheduler": _schedule,
    "csv_logger": _csv,
    "tensor_board": _board,
    "terminate_on_nan": _nan,
    "backup_and_restore": _backup,
    "lambda_callback": _lambda,
}
