"""Training and what surrounds it, as plain data: compile, fit, evaluate, predict, save, load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from transpile.ir import Expr, Shape, Span

# What the targets of a loss are: class ids, or an array of the output's own shape.
Target = Literal["ids", "same"]


# The op of losses and metrics of the user's own.
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Custom:
    """A loss or metric of the user's own: the text that gives it in the program, its definition
    (a node of the syntax tree, or the name of a class), and whether it gives one value for a whole
    batch."""

    text: str
    node: object
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one output. `args` are bound to the op's Keras signature.

    `moved` is the activation that was moved out of the model into this loss. `squeezed`
    says that targets may lack the output's last extent, 1.
    """

    op: str
    args: Mapping[str, Expr]
    shape: Shape | None
    target: Target = "same"
    moved: str = ""
    from_logits: bool = False
    custom: Custom | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `key` is its name in the history; `output` the index of what it reads."""

    key: str
    op: str
    args: Mapping[str, Expr]
    shape: Shape | None
    target: Target = "same"
    moved: str = ""
    output: int = 0
    weighted: bool = False  # of weighted_metrics
    custom: Custom | None = None


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer with its arguments bound to the op's Keras signature.

    `schedule` and `schedule_args`: how its rate changes with every batch; CUSTOM: by an object
    ("schedule") of a class of the user's.
    """

    op: str
    args: Mapping[str, Expr]
    schedule: str = ""
    schedule_args: Mapping[str, Expr] = field(default_factory=dict)

    @property
    def has_momentum(self) -> bool:
        """Whether there is a velocity, which contains the rate in Keras."""
        momentum = self.args.get("momentum")
        return momentum is not None and momentum.value != 0


@dataclass(frozen=True, slots=True)
class Compiled:
    """What `compile` said. `names` are the outputs' names where there are several losses.

    Without losses, the model is trained on what its layers add to the loss.

    `choices`: the optimizer is made at one of several places, by a test of the program. `picked`:
    the program's text for one of several optimizers in its turn (of a loop, say); `named` gives them
    by the names that the text stands for, `listed` by the places where it makes the objects.
    `jitted`: jit_compile=True. `reported`: what the training step of a model's own returns, and
    what its test step does.
    """

    losses: tuple[Loss, ...]
    optimizer: Optimizer
    metrics: tuple[Metric, ...] = ()
    weights: tuple[Expr | None, ...] = ()
    names: tuple[str, ...] = ()
    choices: tuple[tuple[Span, Optimizer], ...] = ()
    picked: Expr | None = None
    named: tuple[tuple[str, Optimizer], ...] = ()
    listed: tuple[tuple[Span, Optimizer], ...] = ()
    jitted: bool = False
    reported: tuple[tuple[str, ...], tuple[str, ...]] | None = None

    @property
    def several(self) -> bool:
        """Whether the model has several outputs, each with a loss."""
        return len(self.losses) > 1

    @property
    def keys(self) -> tuple[str, ...]:
        """What one pass over the data reports, in order."""
        if self.reported is not None:
            return self.reported[0]
        parts = tuple(f"{name}_loss" for name in self.names) if self.several else ()
        return ("loss", *parts, *(m.key for m in self.metrics))

    @property
    def checked(self) -> tuple[str, ...]:
        """What one pass over data of a validation reports."""
        return self.keys if self.reported is None else self.reported[1]


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """`keras.callbacks.EarlyStopping`; `direction` is that of the monitored value.

    `asked`: the nodes that read an attribute of it behind the training, by the attribute.
    """

    monitor: str
    direction: Literal["min", "max"]
    patience: Expr
    min_delta: Expr
    restore: bool
    baseline: Expr | None = None
    start: Expr | None = None
    verbose: bool = False
    asked: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`keras.callbacks.ModelCheckpoint`.

    `every`: after so many batches, or, with `epochs`, after so many epochs.
    """

    path: Expr
    monitor: str
    direction: Literal["min", "max"]
    best_only: bool
    verbose: bool = False
    threshold: Expr | None = None
    every: Expr | None = None
    epochs: bool = True
    goes_on: bool = False  # from a training before this one, with its best value


@dataclass(frozen=True, slots=True)
class ReduceRate:
    """`keras.callbacks.ReduceLROnPlateau`."""

    monitor: str
    direction: Literal["min", "max"]
    factor: Expr
    patience: Expr
    min_delta: Expr
    cooldown: Expr
    min_lr: Expr
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class RateSchedule:
    """`keras.callbacks.LearningRateScheduler`; `takes_rate`: called with (epoch, rate)."""

    function: Expr
    takes_rate: bool
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """One function that the loop calls: `text` is the function, or the name of a method.

    `arguments`: whether it looks at what it is given beyond the epoch or batch (`logs`), and
    whether that may be left out of the call.
    """

    name: str
    text: str
    reads_logs: bool = True
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Hooks:
    """An object of a class of the user's (or a LambdaCallback) and the hooks that it has.

    `variable` is the user's name for the object; without one, `made` constructs it. `needs` are
    the attributes that Keras sets: model, optimizer, params, validation_data. `writes` are keys
    that it adds to the logs. `stops`: it may set `stop_training`, between epochs or batches.
    `infers`: it may predict or evaluate between two batches; `evaluates`: in the middle of an epoch.
    """

    hooks: tuple[Hook, ...]
    variable: str = ""
    made: str = ""
    needs: frozenset[str] = frozenset()
    stops: Literal["", "epoch", "batch"] = ""
    writes: tuple[str, ...] = ()
    infers: bool = False
    evaluates: bool = False


@dataclass(frozen=True, slots=True)
class CsvLog:
    """`keras.callbacks.CSVLogger`."""

    path: Expr
    separator: Expr
    append: Expr


@dataclass(frozen=True, slots=True)
class Board:
    """`keras.callbacks.TensorBoard`; `histograms`: every how many epochs, None for never.

    `lost`: what it was told to show, and the written program doesn't.
    """

    path: Expr
    histograms: Expr | None = None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StopOnNan:
    """`keras.callbacks.TerminateOnNaN`."""

    raises: bool = False


@dataclass(frozen=True, slots=True)
class Backup:
    """`keras.callbacks.BackupAndRestore`: a file in `folder`."""

    folder: Expr
    delete: bool = True


Callback = EarlyStopping | Checkpoint | ReduceRate | RateSchedule | Hooks | CsvLog | Board | StopOnNan | Backup


@dataclass(frozen=True, slots=True)
class Data:
    """What is fed: one text per input, one per target (none where only x is given).

    `steps` is how many batches make a pass, where that is not all of them.
    """

    inputs: tuple[Expr, ...]
    targets: tuple[Expr, ...] = ()
    weight: Expr | None = None  # of each sample
    steps: Expr | None = None


@dataclass(frozen=True, slots=True)
class Batches(Data):
    """Data that come in batches of inputs and targets: `source` yields them.

    `kind`: an iterator, which is used up; batches by index (a Sequence); or a pipeline, which
    starts anew with every `iter`. `ends`: whether the Sequence has an `on_epoch_end`.
    A `weight` without text: it yields those of the samples, too.
    """

    source: Expr = field(default_factory=lambda: Expr(""))
    kind: Literal["generator", "sequence", "dataset"] = "generator"
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """One call of `fit`."""

    data: Data
    batch_size: Expr
    epochs: Expr
    initial_epoch: Expr
    shuffle: bool
    split: Expr | None = None
    validation: Data | None = None
    validation_batch: Expr | None = None
    class_weight: Expr | None = None
    verbose: Expr | None = None
    callbacks: tuple[Callback, ...] = ()
    validation_freq: Expr | None = None  # None: after every epoch

    @property
    def validated(self) -> bool:
        """Whether there is something to validate on."""
        return bool(self.split or self.validation)


@dataclass(frozen=True, slots=True)
class Evaluate:
    """One call of `evaluate`."""

    data: Data
    batch_size: Expr
    as_dict: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One call of `train_on_batch` or `test_on_batch`."""

    data: Data
    train: bool
    as_dict: bool = False


@dataclass(frozen=True, slots=True)
class Predict:
    """One call of `predict` and its relatives. `classes`: predict_classes."""

    data: Data
    batch_size: Expr | None = None
    classes: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """`save`, `save_weights`, `load_weights`."""

    path: Expr
    load: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a call was left as it was."""

    code: str
    message: str
    hint: str = field(default="")
