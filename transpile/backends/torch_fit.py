"""The training loop: loaders, epochs, validation, callbacks, progress, history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from transpile.backends.torch_batches import going_on, loader, one_pass, starts_anew
from transpile.backends.torch_callbacks import callback_lines
from transpile.backends.torch_epoch import clipping
from transpile.backends.torch_hooks import ends_training
from transpile.backends.torch_lines import Lines, Scope, indented
from transpile.frontends.facts import ModelFacts
from transpile.frontends.texts import is_simple, operand
from transpile.ir import Expr
from transpile.training_ir import Backup, Batches, Compiled, Data, Fit, Hooks, RateSchedule, ReduceRate


@dataclass
class Loop:
    """What a loop is written with: the names of its parts in the user's scope.

    `history` is the variable that keeps the values, "" if nobody reads it. `name` gives a
    name that is free in the scope. `epoch_function` is "" where the loop is written in line.
    """

    fit: Fit
    compiled: Compiled
    model: str
    criterion: str
    optimizer: str
    make_loader: str
    epoch_function: str
    history: str
    name: Callable[[str], str]
    penalty: bool = False
    momentum: bool = False
    rate_key: str = "learning_rate"
    weighted: str = ""  # the criterion with class weights, where there is one
    before: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=list)  # of the loop in line
    stops: bool = False  # something may set `stop_training` of the model
    to_tensors: str = ""  # makes tensors of the batches of a generator and the like
    makes_folder: Callable[[str], bool] = lambda text: False
    own_step: bool = False  # the model has a training step of its own
    metrics: str = ""  # what is reset before each pass of such steps
    answers: dict[object, str] = field(default_factory=dict)  # of callbacks, by the nodes that ask them
    own_loader: Callable[[Data, str, str], str] | None = None

    @property
    def added(self) -> bool:
        """Whether callbacks of the user's write into the logs."""
        return any(isinstance(c, Hooks) and c.writes for c in self.fit.callbacks)

    def lines(self) -> list[str]:
        """The statements of the loop."""
        return _inline(self) if not self.epoch_function else _with_epochs(self)


def _with_epochs(loop: Loop) -> list[str]:
    fit = loop.fit
    lines = list(loop.before) + _loaders(loop)
    scope = _scope(loop)
    around = callback_lines(fit.callbacks, scope)
    if loop.history:
        lines += ["", _empty_history(loop.history, [] if loop.added else [*scope.keys, *scope.late])]
    lines += [f"{loop.model}.stop_training = False"] if loop.stops else []
    lines += around.before
    lines.append(f"for {loop.name('epoch')} in {_epochs(loop)}:")
    body = [*around.begin, *_passes(loop, scope, around)]
    shown = _appended(loop, scope.logs) + _report(loop, scope.logs)
    # What a callback adds to the logs is part of the history.
    body += [*around.end, *shown] if any(isinstance(c, Hooks) for c in fit.callbacks) else [*shown, *around.end]
    body += around.stop
    body += [f"if {loop.model}.stop_training:", "    break"] if ends_training(fit.callbacks) else []
    return [*lines, *(f"    {line}" if line else line for line in body), *around.after]


def _scope(loop: Loop) -> Scope:
    fit = loop.fit
    keys = [*loop.compiled.keys]
    validated = [f"val_{k}" for k in loop.compiled.checked] if fit.validated else []
    rate = [loop.rate_key] if _changes_rate(fit) else []
    always = fit.validation_freq is None
    verbose = fit.verbose.text if fit.verbose is not None else "1"
    steps = fit.data.steps.text if fit.data.steps else None
    params = {"verbose": verbose, "epochs": fit.epochs.text, "steps": steps or f"len({loop.name('train_loader')})"}
    arrays = fit.validation is not None and not isinstance(fit.validation, Batches)
    validation = f"[{_arrays(fit.validation, '')}]" if arrays and fit.validation is not None else ""
    return Scope(
        loop.model, loop.optimizer, loop.name("logs"), loop.name,
        tuple(keys + (validated if always else []) + rate), () if always else tuple(validated), loop.rate_key,
        loop.momentum, fit.initial_epoch.text, params, validation, loop.makes_folder, loop.answers,
    )  # fmt: skip


def _passes(loop: Loop, scope: Scope, around: Lines) -> list[str]:
    """One pass over the training data, and one over those of the validation."""
    fit, logs = loop.fit, scope.logs
    read, ends = _fed(loop, fit.data, "train")
    arguments = [loop.model, read, *filter(None, [loop.weighted or loop.criterion]), loop.optimizer]
    if loop.own_step:
        arguments = [f"{loop.model}.train_step", read, *filter(None, [loop.metrics])]
    call = _called(loop, arguments, around.batch_begin, around.batch_end)
    if not (loop.history or fit.callbacks or _report(loop, logs)):
        return [call, *ends]
    body = [f"{logs} = {call}", *ends]
    if fit.validated:
        val = loop.name("val_logs")
        read, ends = _fed(loop, fit.validation, "val")
        arguments = [loop.model, read, *filter(None, [loop.criterion])]
        if loop.own_step:
            arguments = [f"{loop.model}.test_step", read, *filter(None, [loop.metrics])]
        call = _called(loop, arguments, around.test_batch_begin, around.test_batch_end)
        checks = [*around.test_begin, f"{val} = {call}", *ends, *around.test_end]
        checks.append(f'{logs} |= {{f"val_{{name}}": value for name, value in {val}.items()}}')
        body += _when(fit, loop.name("epoch"), checks)
    if loop.rate_key in scope.keys and (loop.history or fit.callbacks or _report(loop, logs)):
        body.append(f'{logs}["{loop.rate_key}"] = {loop.optimizer}.param_groups[0]["lr"]')
    return body


def _called(loop: Loop, arguments: list[str], begin: list[str], end: list[str]) -> str:
    hooks = [f"on_batch_begin=[{', '.join(begin)}]"] if begin else []
    hooks += [f"on_batch_end=[{', '.join(end)}]"] if end else []
    return f"{loop.epoch_function}({', '.join([*arguments, *hooks])})"


def _when(fit: Fit, epoch: str, lines: list[str]) -> list[str]:
    """The lines in the epochs in which Keras validates."""
    every = fit.validation_freq
    if every is None:
        return lines
    listed = not isinstance(every.value, int)
    test = f"{epoch} + 1 in {every.text}" if listed else f"({epoch} + 1) % {operand(every.text)} == 0"
    return [f"if {test}:", *indented(lines)]


def _appended(loop: Loop, logs: str) -> list[str]:
    if not loop.history:
        return []
    name, value = loop.name("name"), loop.name("value")
    kept = f"{loop.history}.setdefault({name}, [])" if loop.added else f"{loop.history}[{name}]"
    return [f"for {name}, {value} in {logs}.items():", f"    {kept}.append({value})"]


def _changes_rate(fit: Fit) -> bool:
    """Whether Keras reports the learning rate with the losses."""
    return any(isinstance(c, ReduceRate | RateSchedule) for c in fit.callbacks)


def _empty_history(name: str, keys: list[str]) -> str:
    return f"{name} = {{" + ", ".join(f'"{k}": []' for k in keys) + "}"


def _epochs(loop: Loop) -> str:
    fit = loop.fit
    start = fit.initial_epoch
    if any(isinstance(c, Backup) for c in fit.callbacks):
        return f"range({loop.name('start_epoch')}, {fit.epochs.text})"
    return f"range({fit.epochs.text})" if start.value == 0 else f"range({start.text}, {fit.epochs.text})"


def in_fstring(text: str) -> str:
    """A text for inside of an f-string in double quotes."""
    return text.replace('"', "'")


def _report(loop: Loop, logs: str) -> list[str]:
    """One line per epoch, unless the original was silent."""
    verbose = loop.fit.verbose
    if verbose is not None and verbose.value in (0, False, None) and verbose.known:
        return []
    epoch = loop.name("epoch")
    head = f"Epoch {{{epoch} + 1}}/{{{in_fstring(loop.fit.epochs.text)}}}"
    if isinstance(loop.fit.epochs.value, int) and loop.fit.epochs.text.isdigit():
        head = f"Epoch {{{epoch} + 1}}/{loop.fit.epochs.text}"
    report = loop.name("report")
    lines = [
        f'{report} = " - ".join(f"{{name}}: {{value:.4f}}" for name, value in {logs}.items())',
        f'print(f"{head} - {{{report}}}")',
    ]
    if verbose is None or verbose.known:
        return lines
    return [f"if {verbose.text}:", *(f"    {line}" for line in lines)]


# Data


def _loaders(loop: Loop) -> list[str]:
    fit = loop.fit
    if isinstance(fit.data, Batches) or isinstance(fit.validation, Batches):
        return _mixed_loaders(loop)
    make, train, val = loop.make_loader, loop.name("train_loader"), loop.name("val_loader")
    shuffle = ", shuffle=True" if fit.shuffle else ""
    if loop.own_loader is not None:
        made = going_on(loop.own_loader(fit.data, fit.batch_size.text, shuffle), fit.data)
        lines = [f"{train} = {made}"]
        if fit.validation is not None:
            batch = (fit.validation_batch or fit.batch_size).text
            lines.append(f"{val} = {loop.own_loader(fit.validation, batch, '')}")
        return lines
    if fit.split is None:
        made = f"{make}({_arrays(fit.data, '')}, {fit.batch_size.text}{shuffle}{_weight(fit.data, '')})"
        lines = [f"{train} = {going_on(made, fit.data)}"]
        if fit.validation is not None:
            batch = (fit.validation_batch or fit.batch_size).text
            lines.append(f"{val} = {make}({_arrays(fit.validation, '')}, {batch}{_weight(fit.validation, '')})")
        return lines
    before, data = _named(fit.data, loop)
    split = loop.name("split")
    head, tail = f"[:{split}]", f"[{split}:]"
    part = f"validation_split={fit.split.text}"
    comment = f"# {part} holds out the last {_share(fit.split)}, before shuffling"
    length = f"int(len({data.inputs[0].text}) * (1 - {operand(fit.split.text)}))"
    batch = (fit.validation_batch or fit.batch_size).text
    made = f"{make}({_arrays(data, head)}, {fit.batch_size.text}{shuffle}{_weight(data, head)})"
    return [
        *before,
        comment,
        f"{split} = {length}",
        f"{train} = {going_on(made, fit.data)}",
        f"{val} = {make}({_arrays(data, tail)}, {batch}{_weight(data, tail)})",
    ]


def _mixed_loaders(loop: Loop) -> list[str]:
    """Loaders of which one at least reads batches."""
    fit = loop.fit
    lines: list[str] = []
    for data, name, shuffle in ((fit.data, "train", fit.shuffle), (fit.validation, "val", False)):
        if isinstance(data, Batches):
            if data.ends and not is_simple(data.source.text):
                lines.append(f"{loop.name(f'{name}_data')} = {data.source.text}")
            made = loader(_source(loop, data, name), loop.to_tensors, shuffle)
            lines.append(f"{loop.name(f'{name}_loader')} = {going_on(made, data) if data is fit.data else made}")
        elif data is not None:
            batch = ((fit.validation_batch if name == "val" else None) or fit.batch_size).text
            shuffled = ", shuffle=True" if shuffle else ""
            made = f"{loop.make_loader}({_arrays(data, '')}, {batch}{shuffled}{_weight(data, '')})"
            lines.append(f"{loop.name(f'{name}_loader')} = {going_on(made, data) if data is fit.data else made}")
    return lines


def _source(loop: Loop, data: Batches, name: str) -> Batches:
    """The batches under the name that holds them."""
    if not data.ends or is_simple(data.source.text):
        return data
    return replace(data, source=Expr(loop.name(f"{name}_data")))


def _fed(loop: Loop, data: Data | None, name: str) -> tuple[str, list[str]]:
    """What a pass reads, and what follows it."""
    read = loop.name(f"{name}_loader")
    if data is None:
        return read, []
    ends = isinstance(data, Batches) and data.ends
    behind = [f"{_source(loop, data, name).source.text}.on_epoch_end()"] if ends else []  # type: ignore[arg-type]
    return read if name == "train" and starts_anew(data) else one_pass(read, data), behind


def _share(split: Expr) -> str:
    words = {0.1: "tenth", 0.2: "fifth", 0.25: "quarter", 0.5: "half", 0.05: "twentieth", 0.125: "eighth"}
    value = split.value if isinstance(split.value, float) else 0.0
    return words.get(value, "part of the samples")


def _named(data: Data, loop: Loop) -> tuple[list[str], Data]:
    """Names for what is written as a longer expression and would be repeated."""
    lines: list[str] = []
    seen: dict[str, str] = {}

    def short(expr: Expr, name: str) -> Expr:
        if is_simple(expr.text) and len(expr.text) < 40:
            return expr
        if expr.text not in seen:
            seen[expr.text] = loop.name(name)
            lines.append(f"{seen[expr.text]} = {expr.text}")
        return Expr(seen[expr.text], expr.value)

    many = len(data.inputs) > 1
    inputs = tuple(short(e, f"inputs_{i + 1}" if many else "inputs") for i, e in enumerate(data.inputs))
    several = len(data.targets) > 1
    targets = tuple(short(e, f"targets_{i + 1}" if several else "targets") for i, e in enumerate(data.targets))
    return lines, Data(inputs, targets, short(data.weight, "weight") if data.weight is not None else None)


def _arrays(data: Data, part: str) -> str:
    """`x, y` as arguments; lists where there are several of either."""
    return ", ".join(array_list(each, part) for each in (data.inputs, data.targets) if each)


def _weight(data: Data, part: str) -> str:
    return f", weight={data.weight.text}{part}" if data.weight is not None else ""


def array_list(each: tuple[Expr, ...], part: str = "") -> str:
    """One array, or a list of them."""
    whole = each[0].text.removesuffix("[0]")
    if len(each) > 1 and not part and all(e.text == f"{whole}[{i}]" for i, e in enumerate(each)):
        return whole  # the user's own list
    texts = [f"{e.text}{part}" for e in each]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


# The loop that needs no function


def is_plain(fit: Fit, compiled: Compiled, facts: ModelFacts) -> bool:
    """Whether the loop is small enough to do without a function."""
    if isinstance(fit.data, Batches) or not compiled.losses or fit.data.steps is not None:
        return False
    simple = not (compiled.metrics or compiled.several or fit.split or fit.validation or fit.callbacks)
    one = len(facts.input_dtypes) == 1 and not facts.has_constraints
    weighted = fit.class_weight is not None or fit.data.weight is not None or any(compiled.weights)
    return simple and one and not clipping(compiled.optimizer) and not weighted


def _inline(loop: Loop) -> list[str]:
    fit = loop.fit
    loader, epoch, total = loop.name("loader"), loop.name("epoch"), loop.name("total_loss")
    inputs, targets, loss = loop.name("inputs"), loop.name("targets"), loop.name("loss")
    shuffle = ", shuffle=True" if fit.shuffle else ""
    dataset = loop.name("dataset")
    lines = [
        *loop.before,
        f"{dataset} = TensorDataset({', '.join(loop.tensors)})",
        f"{loader} = DataLoader({dataset}, batch_size={fit.batch_size.text}{shuffle})",
    ]
    if loop.history:
        lines += ["", f'{loop.history} = {{"loss": []}}']
    penalty = f" + {loop.model}.regularization_loss()" if loop.penalty else ""
    criterion = loop.weighted or loop.criterion
    lines += [
        f"for {epoch} in {_epochs(loop)}:",
        f"    {loop.model}.train()",
        f"    {total} = 0.0",
        f"    for {inputs}, {targets} in {loader}:",
        f"        {inputs}, {targets} = {inputs}.to(device), {targets}.to(device)",
        f"        {loop.optimizer}.zero_grad()",
        f"        {loss} = {criterion}({loop.model}({inputs}), {targets}){penalty}",
        f"        {loss}.backward()",
        f"        {loop.optimizer}.step()",
        f"        {total} += {loss}.item() * len({inputs})",
    ]
    return _reported(loop, lines, total, epoch, f"{total} / len({dataset})")


def _reported(loop: Loop, lines: list[str], total: str, epoch: str, mean: str) -> list[str]:
    """The inline loop with its history and what it prints."""
    fit = loop.fit
    verbose = fit.verbose
    silent = verbose is not None and verbose.known and verbose.value in (0, False, None)
    if loop.history:
        lines.append(f'    {loop.history}["loss"].append({mean})')
        shown = f"{{{in_fstring(loop.history)}['loss'][-1]:.4f}}"
    else:
        shown = f"{{{mean}:.4f}}"
    if silent and not loop.history:
        return [x for x in lines if total not in x]
    if not silent:
        count = fit.epochs.text if fit.epochs.text.isdigit() else f"{{{in_fstring(fit.epochs.text)}}}"
        text = f'print(f"Epoch {{{epoch} + 1}}/{count} - loss: {shown}")'
        lines += [f"    {text}"] if verbose is None or verbose.known else [f"    if {verbose.text}:", f"        {text}"]
    return lines
