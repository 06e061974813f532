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
    packed = name.startswith("Packed")
    file = "decaying" if name in _DECAYING else name.removeprefix("Packed")
    text = (templates_dir() / "keras" / "helpers" / f"{file}.py").read_text(encoding="utf-8").rstrip("\n")
    if name in _DECAYING:
        text = text.replace("Optimizer", _DECAYING[name])
    if packed:
        text = _with_lengths(text)
    used = tuple(i for i in _IMPORTS if f"{i.rpartition(' ')[2]}." in text)
    return text, used


def _with_lengths(text: str) -> str:
    """A recurrent layer that is told where each sequence ends."""
    turned = "        x = x if self.batch_first else ops.swapaxes(x, 0, 1)\n"
    mask = (
        "        mask = None\n"
        "        if lengths is not None:  # steps behind the end keep the state and give zeros\n"
        "            mask = ops.less(ops.arange(ops.shape(x)[1]), ops.expand_dims(lengths, 1))\n"
    )
    for old, new in (
        (
            "                return_state=True,\n",
            "                return_state=True,\n                zero_output_for_mask=True,\n",
        ),
        ("def call(self, x, initial_state=None):", "def call(self, x, initial_state=None, lengths=None):"),
        (turned, turned + mask),
        ("(x, initial_state=given)", "(x, initial_state=given, mask=mask)"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
