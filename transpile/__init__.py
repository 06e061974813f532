"""Keras programs to PyTorch programs, and back.

    from transpile import keras2torch, torch2keras

    result = keras2torch(source, filename="model.py")
    print(result.code)

Importing this package imports nothing else; the converter is loaded on first use.
To compare two programs: `from transpile.verify import verify`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transpile.pipeline import keras2torch
    from transpile.pipeline_torch2keras import torch2keras
    from transpile.result import Result, UnusableInput

__version__ = "0.1.0"
__all__ = ["Result", "UnusableInput", "__version__", "keras2torch", "torch2keras"]

_HOMES = {
    "keras2torch": "transpile.pipeline",
    "torch2keras": "transpile.pipeline_torch2keras",
    "Result": "transpile.result",
    "UnusableInput": "transpile.result",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'transpile' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
