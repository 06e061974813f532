"""File names of saved models: Keras's endings become .pt."""

from __future__ import annotations

import re

from transpile.ir import Expr

_ENDING = re.compile(r"(\.weights)?\.(h5|hdf5|keras|hdf|ckpt|tf|weights)$")


def torch_path(path: Expr) -> str:
    """The user's path with PyTorch's ending, where the ending is written in the text."""
    match = re.search(r"""(["'])\s*\)?$""", path.text)
    if match is None:
        return path.text
    end = match.start()
    head, tail = path.text[:end], path.text[end:]
    renamed = _ENDING.sub(".pt", head)
    if renamed == head and re.search(r"""["'/\w-]$""", head) and "." not in head.rpartition("/")[2].rpartition("'")[2]:
        renamed = head + ".pt"
    return renamed + tail


def keeps_name(path: Expr) -> bool:
    """Whether the ending is only known at run time."""
    return not torch_path(path).rstrip(")\"' ").endswith(".pt")
