"""`get_weights` and `set_weights` of one layer: arrays as Keras lays them out."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LINE = re.compile(r"(\w+): ([\w. ]+) -> (\w+): ([\w. ]+)")


class OtherLayout(Exception):
    """Weights that are no transposition of each other."""


def _axes(line: str) -> tuple[str, list[str], list[str]]:
    """The parameter, and the names of the axes on both sides."""
    found = _LINE.fullmatch(line)
    if found is None or sorted(found[2].split()) != sorted(found[4].split()):
        raise OtherLayout(line)
    return found[3], found[2].split(), found[4].split()


def _permuted(text: str, before: Sequence[str], after: Sequence[str], method: str) -> str:
    if list(before) == list(after):
        return text
    if len(before) == 2:
        return f"{text}.T"
    return f"{text}.{method}({', '.join(str(before.index(a)) for a in after)})"


def read(module: str, lines: Sequence[str], kept: bool = True) -> list[str]:
    """The expressions that give the arrays of `layer.get_weights()`. Raises OtherLayout.

    `kept`: they must not change when the model is trained on.
    """
    copy = ".copy()" if kept else ""
    found = []
    for line in lines:
        parameter, keras, torch = _axes(line)
        found.append(_permuted(f"{module}.{parameter}.detach().cpu().numpy(){copy}", torch, keras, "transpose"))
    return found


def write(module: str, lines: Sequence[str], arrays: Sequence[str]) -> list[str]:
    """The statements of `layer.set_weights([...])`. Raises OtherLayout."""
    found = []
    for line, array in zip(lines, arrays, strict=True):
        parameter, keras, torch = _axes(line)
        value = _permuted(f"torch.as_tensor({array})", keras, torch, "permute")
        found.append(f"{module}.{parameter}.data.copy_({value})")
    return found
