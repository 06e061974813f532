"""Callbacks as lines of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from transpile.backends.torch_paths import torch_path
from transpile.frontends.texts import operand
from transpile.training_ir import Callback, Checkpoint, EarlyStopping, RateSchedule, ReduceRate


@dataclass
class Lines:
    """Statements before the loop, at an epoch's begin, at its end, and after the loop."""

    before: list[str] = field(default_factory=list)
    begin: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def add(self, other: Lines) -> None:
        self.before += other.before
        self.begin += other.begin
        self.end += other.end
        self.after += other.after


@dataclass(frozen=True)
class _Scope:
    model: str
    optimizer: str
    logs: str
    name: Callable[[str], str]
    momentum: bool = False  # the velocity must follow the rate

    def changing(self, lines: list[str]) -> list[str]:
        """Lines that change the learning rate."""
        if not self.momentum:
            return lines
        rate = self.name("old_rate")
        return [
            f'{rate} = {self.optimizer}.param_groups[0]["lr"]',
            *lines,
            f"rescale_momentum({self.optimizer}, {rate})",
        ]


def callback_lines(
    callbacks: tuple[Callback, ...],
    model: str,
    optimizer: str,
    logs: str,
    name: Callable[[str], str],
    momentum: bool = False,
) -> Lines:
    """All callbacks of one loop; what ends the loop comes last."""
    scope = _Scope(model, optimizer, logs, name, momentum)
    lines = Lines()
    for callback in callbacks:
        match callback:
            case Checkpoint():
                lines.add(_checkpoint(callback, scope))
            case ReduceRate():
                lines.add(_reduce(callback, scope))
            case RateSchedule():
                lines.add(_schedule(callback, scope))
    for callback in callbacks:
        if isinstance(callback, EarlyStopping):
            lines.add(_stopping(callback, scope))
    return lines


def _value(scope: _Scope, monitor: str) -> str:
    return f'{scope.logs}["{monitor}"]'


def _better(value: str, best: str, direction: str, delta: str = "") -> str:
    """Whether a value improves on the best one by more than `delta`."""
    if direction == "min":
        return f"{value} < {best} - {delta}" if delta else f"{value} < {best}"
    return f"{value} > {best} + {delta}" if delta else f"{value} > {best}"


def _worst(direction: str) -> str:
    return 'float("inf")' if direction == "min" else 'float("-inf")'


def _best_name(scope: _Scope, monitor: str) -> str:
    return scope.name(f"best_{monitor.removeprefix('val_')}")


def _stopping(callback: EarlyStopping, scope: _Scope) -> Lines:
    value, best, wait = _value(scope, callback.monitor), _best_name(scope, callback.monitor), scope.name("wait")
    state, epoch = scope.name("best_state"), scope.name("epoch")
    delta = "" if callback.min_delta.value in (0, 0.0) else f"abs({callback.min_delta.text})"
    if isinstance(callback.min_delta.value, int | float) and callback.min_delta.value > 0:
        delta = operand(callback.min_delta.text)
    start = _worst(callback.direction) if callback.baseline is None else callback.baseline.text
    lines = Lines()
    if callback.restore:
        lines.before = [f"{best}, {state}, {wait} = {start}, None, 0"]
    else:
        lines.before = [f"{best}, {wait} = {start}, 0"]
    copied = f"copy.deepcopy({scope.model}.state_dict())"
    improved = [f"{best}, {wait} = {value}, 0"]
    if callback.restore:
        improved += [f"{state} = {copied}"]
    # A stop in the first epoch is only thinkable with a baseline; Keras rules it out.
    test = f"{wait} >= {callback.patience.text}" + (f" and {epoch} > 0" if callback.baseline is not None else "")
    stop = [f'print(f"Epoch {{{epoch} + 1}}: early stopping")'] if callback.verbose else []
    lines.end = [
        f"if {_better(value, best, callback.direction, delta)}:",
        *(f"    {x}" for x in improved),
        "else:",
        f"    {wait} += 1",
        f"    if {test}:",
        *(f"        {x}" for x in (*stop, "break")),
    ]
    if callback.restore and callback.baseline is not None:
        lines.end = [f"if {state} is None:", f"    {state} = {copied}", *lines.end]
    if callback.start is not None:
        lines.end = [f"if {epoch} >= {callback.start.text}:", *(f"    {x}" for x in lines.end)]
    if callback.restore:
        guard = callback.start is not None
        restore = f"{scope.model}.load_state_dict({state})"
        lines.after = [f"if {state} is not None:", f"    {restore}"] if guard else [restore]
    return lines


def _checkpoint(callback: Checkpoint, scope: _Scope) -> Lines:
    epoch, lines = scope.name("epoch"), Lines()
    path = torch_path(callback.path)
    value = callback.path.value
    if not isinstance(value, str) or "{" in value:
        path = f"{operand(path)}.format(epoch={epoch} + 1, **{scope.logs})"
    save = [f"torch.save({scope.model}.state_dict(), {path})"]
    if not callback.best_only:
        talk = [f'print(f"Epoch {{{epoch} + 1}}: saving model")'] if callback.verbose else []
        lines.end = [*talk, *save]
        return lines
    value_text = _value(scope, callback.monitor)
    best = scope.name(f"saved_{callback.monitor.removeprefix('val_')}")
    lines.before = [f"{best} = {_worst(callback.direction)}"]
    talk = [
        f'print(f"Epoch {{{epoch} + 1}}: {callback.monitor} improved to {{{best}:.5f}}, saving model")'
    ] if callback.verbose else []  # fmt: skip
    lines.end = [
        f"if {_better(value_text, best, callback.direction)}:",
        f"    {best} = {value_text}",
        *(f"    {x}" for x in (*talk, *save)),
    ]
    return lines


def _reduce(callback: ReduceRate, scope: _Scope) -> Lines:
    """PyTorch counts patience strictly, and the cooldown one epoch longer."""
    scheduler = scope.name("scheduler")
    patience, cooldown = callback.patience, callback.cooldown
    waits = max(patience.value - 1, 0) if isinstance(patience.value, int) else f"{operand(patience.text)} - 1"
    rests = max(cooldown.value - 1, 0) if isinstance(cooldown.value, int) else f"max({cooldown.text} - 1, 0)"
    options = [f'mode="{callback.direction}"', f"factor={callback.factor.text}", f"patience={waits}"]
    options += [f"threshold={callback.min_delta.text}", 'threshold_mode="abs"']
    options += [f"cooldown={rests}"] if rests != 0 else []
    options += [f"min_lr={callback.min_lr.text}"] if callback.min_lr.value not in (0, 0.0) else []
    made = f"torch.optim.lr_scheduler.ReduceLROnPlateau({scope.optimizer}, {', '.join(options)})"
    note = f"# Keras's patience={patience.text}: PyTorch waits one epoch longer than it says"
    step = [f"{scheduler}.step({_value(scope, callback.monitor)})"]
    return Lines([note, f"{scheduler} = {made}"], end=scope.changing(step))


def _schedule(callback: RateSchedule, scope: _Scope) -> Lines:
    epoch, group = scope.name("epoch"), scope.name("group")
    rate = f', {group}["lr"]' if callback.takes_rate else ""
    function = callback.function.text
    function = function if function.isidentifier() or "." in function else f"({function})"
    begin = [
        f"for {group} in {scope.optimizer}.param_groups:",
        f'    {group}["lr"] = float({function}({epoch}{rate}))',
    ]
    return Lines(begin=scope.changing(begin))
