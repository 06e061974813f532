"""Functions and classes that are written once into a converted file."""

from __future__ import annotations

from functools import cache

from transpile.files import templates_dir

# Imports that a helper needs beside those of its text's callers.
_IMPORTS = ("import keras", "from keras import layers", "from keras import ops", "import math")
_DECAYING = {"adam": "Adam", "adagrad": "Adagrad", "adamax": "Adamax", "adadelta": "Adadelta"}


@cache
def keras_helper(name: str) -> tuple[str, tuple[str, ...]]:
    """The text of a helper and the imports that it needs."""
    file = "decaying" if name in _DECAYING else name
    text = (templates_dir() / "keras" / "helpers" / f"{file}.py").read_text(encoding="utf-8").rstrip("\n")
    if name in _DECAYING:
        text = text.replace("Optimizer", _DECAYING[name])
    used = tuple(i for i in _IMPORTS if f"{i.rpartition(' ')[2]}." in text)
    return text, used
