"""What a conversion returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transpile.diagnostics import CODES, Diagnostic


class UnusableInput(Exception):
    """The input cannot be read as a program; nothing was converted.

    `line` and `column` count from 1 and are 0 where the whole file is meant.
    """

    def __init__(self, code: str, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class LayerPair:
    """One Keras layer with weights, and the module that stands for it.

    `keras` is the layer's explicit name ("" where Keras names it by itself; `kind` and the
    order of creation identify it then). `torch` is the attribute path below the model, such
    as "conv2d_1" or "features.0" ("" where it lies in a loop or helper; the order of creation
    identifies it then). `weights` are the registry's lines, in the order of the layer's
    own Keras weights: "kernel: h w i o -> weight: o i h w".
    """

    keras: str
    torch: str
    op: str
    kind: str  # Keras's class name, such as "Conv2D"
    weights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InputInfo:
    """One array that the model takes: its shape with the batch (None = free), its dtype.

    `high` bounds integer inputs (the smallest `input_dim` of the embeddings that read it).
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    high: int | None = None


@dataclass(frozen=True, slots=True)
class ModelPair:
    """One model on both sides. `layers` are in order of creation.

    `keras` and `torch` are expressions that give the model in the namespace of the respective
    file: a variable ("model"), or a call of the function that builds it ("build_resnet()").
    `final_activations` holds, per output, the activation that was moved out of the model into
    its loss and its predictions ("softmax", "sigmoid"), "" where none was. `assumed` are the tests
    of the program (`if kind == "deep":`) that choose this model, and their values.
    """

    keras: str
    torch: str
    inputs: tuple[InputInfo, ...]
    output_shapes: tuple[tuple[int | None, ...] | None, ...]
    final_activations: tuple[str, ...]
    layers: tuple[LayerPair, ...]
    training: TrainingInfo | None = None
    assumed: tuple[tuple[str, bool], ...] = ()

    @property
    def title(self) -> str:
        """What a person calls the model: `model if kind == "deep"`."""
        tests = [text if value else f"not {text}" for text, value in self.assumed[-1:]]
        return " if ".join([self.keras.rpartition(".<locals>.")[2], *tests])


@dataclass(frozen=True, slots=True)
class TrainingInfo:
    """The names under which the written file holds the parts of one training.

    `run_epoch` is a function `(model, loader, criterion, optimizer=None)` that returns a dict
    of epoch averages with "loss" among them, and updates the model if an optimizer is
    given; "" where the loop is written in line.
    """

    criterion: str
    optimizer: str
    run_epoch: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A converted file: its text, what a person should know of it, and its models."""

    code: str
    diagnostics: tuple[Diagnostic, ...]
    models: tuple[ModelPair, ...]
    filename: str = "<string>"
    source: str = ""

    @property
    def exit_status(self) -> int:
        """0: all converted; 1: something needs a person."""
        return int(any(CODES[d.code].level != "note" for d in self.diagnostics))

    def write(self, path: str | Path) -> None:
        """Writes the text atomically, encoded as the source was read (UTF-8)."""
        from transpile.files import write_atomically

        write_atomically(Path(path), self.code)
