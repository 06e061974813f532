"""Callbacks that write files, and the one that ends training at a loss that is no number."""

from __future__ import annotations

from transpile.backends.torch_lines import Lines, Scope
from transpile.frontends.texts import operand
from transpile.training_ir import Backup, Board, CsvLog, StopOnNan


def csv_lines(callback: CsvLog, scope: Scope, rated: bool) -> Lines:
    """`csv.DictWriter`, with the columns that Keras's CSVLogger has.

    `rated`: a callback before this one adds the learning rate to the logs.
    """
    file, writer = scope.fresh("log_file"), scope.fresh("log_writer")
    keys = [k for k in scope.keys if rated or k != scope.rate_key]
    columns = sorted(keys)
    if not any(k.startswith("val_") for k in columns):
        columns += [f"val_{k}" for k in columns]  # "NA" where nothing is validated
    names = ", ".join(f'"{c}"' for c in ("epoch", *columns))
    mode = "a" if callback.append.value is True else "w"
    options = [f"[{names}]"]
    if callback.separator.value != ",":
        options.append(f"delimiter={callback.separator.text}")
    if set(columns) - set(scope.keys):
        options.append('restval="NA"')
    if set(scope.keys) - set(columns):
        options.append('extrasaction="ignore"')
    header = f"{writer}.writeheader()"
    return Lines(
        [
            f'{file} = open({callback.path.text}, "{mode}", newline="")',
            f"{writer} = csv.DictWriter({file}, {', '.join(options)})",
            *([f"if {file}.tell() == 0:", f"    {header}"] if mode == "a" else [header]),
        ],
        end=[
            f'{writer}.writerow({{"epoch": {scope.name("epoch")}, **{scope.logs}}})',
            f"{file}.flush()",
        ],
        after=[f"{file}.close()"],
    )


def board_lines(callback: Board, scope: Scope) -> Lines:
    """`SummaryWriter`s, with the folders and tags of Keras's TensorBoard."""
    epoch, name, value = scope.name("epoch"), scope.name("name"), scope.name("value")
    validated = any(k.startswith("val_") for k in (*scope.keys, *scope.late))
    train, rate = scope.fresh("train_writer"), f'{scope.optimizer}.param_groups[0]["lr"]'
    lines = Lines([f"{train} = SummaryWriter({_inside(callback.path.text, 'train')})"], after=[f"{train}.close()"])
    if not validated:
        lines.end = [
            f"for {name}, {value} in {scope.logs}.items():",
            f'    {train}.add_scalar(f"epoch_{{{name}}}", {value}, {epoch})',
        ]
    else:
        val, writer = scope.fresh("val_writer"), scope.name("writer")
        lines.before.append(f"{val} = SummaryWriter({_inside(callback.path.text, 'validation')})")
        lines.after.append(f"{val}.close()")
        lines.end = [
            f"for {name}, {value} in {scope.logs}.items():",
            f'    {writer} = {val} if {name}.startswith("val_") else {train}',
            f"    {writer}.add_scalar(f\"epoch_{{{name}.removeprefix('val_')}}\", {value}, {epoch})",
        ]
    if scope.rate_key not in scope.keys:
        lines.end.append(f'{train}.add_scalar("epoch_learning_rate", {rate}, {epoch})')
    if callback.histograms is not None:
        every = callback.histograms
        write = [
            f"for {name}, {value} in {scope.model}.named_parameters():",
            f"    {train}.add_histogram({name}, {value}, {epoch})",
        ]
        guard = [f"if {epoch} % {operand(every.text)} == 0:", *(f"    {x}" for x in write)]
        lines.end += write if every.value == 1 else guard
    return lines


def _inside(folder: str, part: str) -> str:
    return f'os.path.join({folder}, "{part}")'


def nan_lines(callback: StopOnNan, scope: Scope) -> Lines:
    """A function that looks at the loss of each batch."""
    function = scope.fresh("stop_on_nan")
    act = [
        '        print(f"Batch {batch}: Invalid loss, terminating training")',
        f"        {scope.model}.stop_training = True",
    ]
    if callback.raises:
        act = ['        raise RuntimeError(f"NaN or Inf loss encountered at batch {batch}")']
    made = ["", f"def {function}(batch, logs):", '    if not math.isfinite(logs["loss"]):', *act, ""]
    return Lines(made, batch_end=[function])


def backup_lines(callback: Backup, scope: Scope) -> Lines:
    """The state of the training in one file, from which an interrupted run goes on."""
    backup, state, start = scope.fresh("backup"), scope.name("state"), scope.name("start_epoch")
    folder = callback.folder.text
    optimizer, model = scope.optimizer, scope.model
    before = [
        f'{backup} = os.path.join({folder}, "latest.pt")',
        f"{start} = {scope.start}",
        f"if os.path.exists({backup}):  # an interrupted run goes on",
        f"    {state} = torch.load({backup}, map_location=device)",
        f'    {model}.load_state_dict({state}["model"])',
        f'    {optimizer}.load_state_dict({state}["optimizer"])',
        f'    {start} = {state}["epoch"]',
        f"os.makedirs({folder}, exist_ok=True)",
    ]
    saved = f'"model": {model}.state_dict(), "optimizer": {optimizer}.state_dict(), "epoch": {scope.name("epoch")} + 1'
    after = [f"shutil.rmtree({folder})"] if callback.delete else []
    return Lines(before, end=[f"torch.save({{{saved}}}, {backup})"], after=after)
