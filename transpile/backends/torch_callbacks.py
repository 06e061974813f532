"""Callbacks as lines of the loop."""

from __future__ import annotations

import ast
import re
import string

from transpile.backends.torch_hooks import hook_lines
from transpile.backends.torch_lines import Lines, Scope, indented
from transpile.backends.torch_logs import backup_lines, board_lines, csv_lines, nan_lines
from transpile.backends.torch_paths import folder_of, is_template, torch_path
from transpile.frontends.texts import operand, parse
from transpile.training_ir import (
    Backup,
    Board,
    Callback,
    Checkpoint,
    CsvLog,
    EarlyStopping,
    Hooks,
    RateSchedule,
    ReduceRate,
    StopOnNan,
)


def callback_lines(callbacks: tuple[Callback, ...], scope: Scope) -> Lines:
    """All callbacks of one loop, in the user's order; what ends the loop comes last."""
    lines, rated = Lines(), False
    for callback in callbacks:
        match callback:
            case EarlyStopping():
                lines.add(_stopping(callback, scope))
            case Checkpoint():
                lines.add(_checkpoint(callback, scope))
            case ReduceRate():
                lines.add(_reduce(callback, scope))
            case RateSchedule():
                lines.add(_schedule(callback, scope))
            case Hooks():
                lines.add(hook_lines(callback, scope))
            case CsvLog():
                lines.add(csv_lines(callback, scope, rated))
            case Board():
                lines.add(board_lines(callback, scope))
            case StopOnNan():
                lines.add(nan_lines(callback, scope))
            case Backup():
                lines.add(backup_lines(callback, scope))
        rated |= isinstance(callback, ReduceRate | RateSchedule)
    return lines


def _better(value: str, best: str, direction: str, delta: str = "") -> str:
    """Whether a value improves on the best one by more than `delta`."""
    if direction == "min":
        return f"{value} < {best} - {delta}" if delta else f"{value} < {best}"
    return f"{value} > {best} + {delta}" if delta else f"{value} > {best}"


def _worst(direction: str) -> str:
    return 'float("inf")' if direction == "min" else 'float("-inf")'


def _stopping(callback: EarlyStopping, scope: Scope) -> Lines:
    value, direction = scope.value(callback.monitor), callback.direction
    best, wait = scope.fresh(f"best_{callback.monitor.removeprefix('val_')}"), scope.fresh("wait")
    epoch, state = scope.name("epoch"), scope.fresh("best_state") if callback.restore else ""
    delta = "" if callback.min_delta.value in (0, 0.0) else f"abs({callback.min_delta.text})"
    if isinstance(callback.min_delta.value, int | float) and callback.min_delta.value > 0:
        delta = operand(callback.min_delta.text)
    kept = {name: scope.fresh(name) for name in ("stopped_epoch", "best_epoch") if name in callback.asked}
    scope.answer(callback.asked, kept | {"best": best, "wait": wait})
    names = [n for n in (best, state, wait, *kept.values()) if n]
    start = [_worst(direction), *(["None"] if state else []), "0", *("0" for _ in kept)]
    lines = Lines([f"{', '.join(names)} = {', '.join(start)}"])
    copied = [f"{state} = copy.deepcopy({scope.model}.state_dict())"] if state else []
    copied += [f"{kept['best_epoch']} = {epoch}"] if "best_epoch" in kept else []
    test = f"{wait} >= {callback.patience.text}"
    stop = [f'print(f"Epoch {{{epoch} + 1}}: early stopping")'] if callback.verbose else []
    stop += [f"{kept['stopped_epoch']} = {epoch}"] if "stopped_epoch" in kept else []
    stop.append("break")
    better = _better(value, best, direction, delta)
    if callback.baseline is None:
        lines.stop = [
            f"if {better}:", *indented([f"{best}, {wait} = {value}, 0", *copied]),
            "else:", f"    {wait} += 1", f"    if {test}:", *indented(indented(stop)),
        ]  # fmt: skip
    else:  # only what beats the baseline too starts the wait anew
        beats = _better(value, operand(callback.baseline.text), direction, delta)
        lines.stop = [
            f"{wait} += 1",
            f"if {better}:", *indented([f"{best} = {value}", *copied, f"if {beats}:", f"    {wait} = 0"]),
            f"elif {test}:", *indented(stop),
        ]  # fmt: skip
    if callback.start is not None:
        lines.stop = [f"if {epoch} >= {callback.start.text}:", *indented(lines.stop)]
    lines.stop = scope.where_known(callback.monitor, lines.stop)
    if state:
        guarded = callback.start is not None or callback.monitor in scope.late
        restore = f"{scope.model}.load_state_dict({state})"
        lines.after = [f"if {state} is not None:", f"    {restore}"] if guarded else [restore]
    return lines


# Checkpoints


def _checkpoint(callback: Checkpoint, scope: Scope) -> Lines:
    epoch, path = scope.name("epoch"), torch_path(callback.path)
    if is_template(callback.path):
        path = _filled(path, scope) or f"{operand(path)}.format(epoch={epoch} + 1, **{scope.logs})"
    lines = Lines(_folder(callback, scope))
    save = [f"torch.save({scope.model}.state_dict(), {path})"]
    if not callback.epochs:
        return _by_batches(callback, scope, lines)
    if callback.best_only:
        value = scope.value(callback.monitor)
        best = scope.fresh(f"saved_{callback.monitor.removeprefix('val_')}")
        lines.before += [] if callback.goes_on else [f"{best} = {_start(callback)}"]
        shown = f"{callback.monitor} improved to {{{best}:.5f}}, saving model"
        talk = [f'print(f"Epoch {{{epoch} + 1}}: {shown}")'] if callback.verbose else []
        better = _better(value, best, callback.direction)
        save = [f"if {better}:", *indented([f"{best} = {value}", *talk, *save])]
        if callback.monitor in scope.late:  # Keras saves where there is nothing to compare
            save = [
                f'if "{callback.monitor}" not in {scope.logs}:',
                f"    {save[-1].strip()}",
                f"el{save[0]}",
                *save[1:],
            ]
    elif callback.verbose:
        save = [f'print(f"Epoch {{{epoch} + 1}}: saving model")', *save]
    if callback.every is not None:
        done = f"{epoch} + 1" if scope.start == "0" else f"{epoch} + 1 - {operand(scope.start)}"
        save = [f"if ({done}) % {operand(callback.every.text)} == 0:", *indented(save)]
    lines.end = save
    return lines


def _filled(path: str, scope: Scope) -> str:
    """A template that is written out, as an f-string; "" for any other."""
    node = parse(path)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or '"' in node.value:
        return ""
    text = ""
    for before, key, spec, conversion in string.Formatter().parse(node.value):
        text += before.replace("{", "{{").replace("}", "}}").replace("\\", "\\\\")
        if key is None:
            continue
        if conversion or (key != "epoch" and key not in scope.keys):
            return ""
        value = f"{scope.name('epoch')} + 1" if key == "epoch" else f"{scope.logs}['{key}']"
        text += "{" + value + (f":{spec}" if spec else "") + "}"
    return f'f"{text}"'


def _start(callback: Checkpoint) -> str:
    return _worst(callback.direction) if callback.threshold is None else callback.threshold.text


def _folder(callback: Checkpoint, scope: Scope) -> list[str]:
    """Keras makes the folder of its checkpoints."""
    folder = folder_of(callback.path)
    return [f"os.makedirs({folder}, exist_ok=True)"] if folder and not scope.makes_folder(folder) else []


def _by_batches(callback: Checkpoint, scope: Scope, lines: Lines) -> Lines:
    assert callback.every is not None
    count, function = scope.fresh("batches"), scope.fresh("save_checkpoint")
    path = torch_path(callback.path)
    if is_template(callback.path):
        path = f"{operand(path)}.format(epoch={scope.name('epoch')} + 1, batch=batch + 1, **logs)"
    lines.before += [
        f"{count} = itertools.count(1)",
        "",
        f"def {function}(batch, logs):",
        f"    if next({count}) % {operand(callback.every.text)} == 0:",
        f"        torch.save({scope.model}.state_dict(), {path})",
        "",
    ]
    lines.batch_end = [function]
    return lines


# Learning rates


def _reduce(callback: ReduceRate, scope: Scope) -> Lines:
    """PyTorch counts patience strictly, and the cooldown one epoch longer."""
    scheduler = scope.fresh("scheduler")
    patience, cooldown = callback.patience, callback.cooldown
    waits = max(patience.value - 1, 0) if isinstance(patience.value, int) else f"{operand(patience.text)} - 1"
    rests = max(cooldown.value - 1, 0) if isinstance(cooldown.value, int) else f"max({cooldown.text} - 1, 0)"
    options = [f'mode="{callback.direction}"', f"factor={callback.factor.text}", f"patience={waits}"]
    options += [f"threshold={callback.min_delta.text}", 'threshold_mode="abs"']
    options += [f"cooldown={rests}"] if rests != 0 else []
    options += [f"min_lr={callback.min_lr.text}"] if callback.min_lr.value not in (0, 0.0) else []
    made = f"torch.optim.lr_scheduler.ReduceLROnPlateau({scope.optimizer}, {', '.join(options)})"
    note = f"# Keras's patience={patience.text}: PyTorch waits one epoch longer than it says"
    step = scope.changing([f"{scheduler}.step({scope.value(callback.monitor)})"])
    return Lines([note, f"{scheduler} = {made}"], end=scope.where_known(callback.monitor, step))


def _schedule(callback: RateSchedule, scope: Scope) -> Lines:
    epoch, group = scope.name("epoch"), scope.name("group")
    rate = f', {group}["lr"]' if callback.takes_rate else ""
    function = callback.function.text
    function = function if re.fullmatch(r"[\w.]+", function) else f"({function})"
    begin = [
        f"for {group} in {scope.optimizer}.param_groups:",
        f'    {group}["lr"] = float({function}({epoch}{rate}))',
    ]
    return Lines(begin=scope.changing(begin))
