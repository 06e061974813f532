"""One conversion from bytes to bytes, for the command line and the hook: it never raises
anything but UnusableInput."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transpile.files import MAX_BYTES, SourceText, read_source
from transpile.result import Result, UnusableInput

Layout = Literal["drop-in", "native"]
Style = Literal["default", "exact", "idiomatic"]
Direction = Literal["keras2torch", "torch2keras"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to convert, as the library takes it."""

    layout: Layout = "drop-in"
    style: Style = "default"
    direction: Direction = "keras2torch"


def read(file: str) -> SourceText:
    """The source file of this name; "-" is the standard input."""
    if file == "-":
        return read_source(sys.stdin.buffer.read(MAX_BYTES + 1))
    return read_source(file)


def convert(source: SourceText, filename: str, options: Options) -> Result:
    """The conversion; a failure of ours comes as UnusableInput too."""
    try:
        return _converter(options.direction)(source.text, filename=filename, layout=options.layout, style=options.style)
    except UnusableInput:
        raise
    except RecursionError:
        raise UnusableInput("K2T008", "the program is nested too deeply") from None
    except Exception as error:
        if os.environ.get("TRANSPILE_DEBUG"):
            traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        raise UnusableInput("K2T009", f"error of this program: {message}") from error


def _converter(direction: Direction) -> Callable[..., Result]:
    if direction == "torch2keras":
        from transpile.pipeline_torch2keras import torch2keras

        return torch2keras
    from transpile.pipeline import keras2torch

    return keras2torch


def direction_of(text: str) -> Direction:
    """The direction that a file asks for: one that imports PyTorch and not Keras goes to Keras."""
    from transpile.source import Source

    imports = Source(text).imports
    keras = imports.uses("keras") or imports.uses("tf")
    return "torch2keras" if imports.uses("torch") and not keras else "keras2torch"


def convert_bytes(data: bytes, options: Options) -> bytes | None:
    """What these bytes convert to; None where they are unusable."""
    try:
        source = read_source(data)
        return source.encode(convert(source, "<string>", options).code)
    except UnusableInput:
        return None


def target_name(path: Path, direction: Direction = "keras2torch") -> Path:
    """`x.py` -> `x_torch.py` (or `x_keras.py`), in the same directory."""
    return path.with_name(f"{path.stem}_{direction.rpartition('2')[2]}.py")
