"""What is called in an operand is called once: a module that is called again counts its batch twice."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable

# A call of something that is not known to give the same again, without a trace.
_CALLED = re.compile(r"(?<![\w.])((?:[A-Za-z_]\w*\.)*)([A-Za-z_]\w*)(?:\[[^]]*\])*\(")
_LIBRARIES = ("ops.", "keras.ops.", "np.", "math.")
_PURE = frozenset("len int float bool str tuple list range min max sum numpy item astype reshape squeeze copy".split())


def twice(text: str, operands: Iterable[str]) -> dict[str, str]:
    """The operands that a text holds more than once although they call something, and what they call."""
    found = {}
    for operand in operands:
        calls = [m for m in _CALLED.finditer(operand) if m[2] not in _PURE and not m[1].startswith(_LIBRARIES)]
        if calls and text.count(operand) > 1:
            found[operand] = calls[0][2]
    return found


def named(text: str, operand: str, base: str, taken: Collection[str]) -> tuple[str, str]:
    """The text in which the first of the operands gets a name, by which the others go; and that name."""
    candidates = itertools.chain([base], (f"{base}_{count}" for count in itertools.count(2)))
    name = next(n for n in candidates if n not in taken)
    before, *rest = text.split(operand)
    kept = f"{name} := {operand}" if before.endswith("(") else f"({name} := {operand})"
    return before + kept + name.join(rest), name
