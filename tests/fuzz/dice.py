"""What the generators draw with: a thin layer over hypothesis, so that failures shrink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Dice:
    """Draws; the first of several choices is the simplest, to which failures shrink."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._count = 0
        self.tasks: list[str] = []  # what each output is trained for

    def one(self, options: Sequence[Any]) -> Any:
        """One of the options."""
        return self._draw(st.sampled_from(list(options)))

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return int(self._draw(st.integers(low, high)))

    def chance(self, percent: int) -> bool:
        """True that often; shrinks to False."""
        return self.number(0, 99) >= 100 - percent

    def call(self, name: str, *arguments: str, **optional: Sequence[Any]) -> str:
        """`name(arguments, some of the options)`: each option is written one time in four."""
        parts = list(arguments)
        for key, values in optional.items():
            if self.chance(25):
                parts.append(f"{key}={self.one(values)}")
        return f"{name}({', '.join(parts)})"

    def fresh(self, stem: str) -> str:
        """A name that no one else has."""
        self._count += 1
        return f"{stem}{self._count}"
