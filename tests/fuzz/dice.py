"""What the generators draw with: a thin layer over hypothesis, so that failures shrink."""

from __future__ import annotations

import random
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

    def mostly(self, common: Sequence[Any], rare: Sequence[Any], percent: int = 12) -> Any:
        """One of the common options, seldom one of the others."""
        return self.one(rare if self.chance(percent) else common)

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


class RandomDice(Dice):
    """Dice with a seed, for long runs in which nothing is shrunk: hypothesis's examples resemble one another."""

    def __init__(self, seed: int) -> None:
        super().__init__(lambda strategy: None)
        self._random = random.Random(seed)

    def one(self, options: Sequence[Any]) -> Any:
        return self._random.choice(list(options))

    def number(self, low: int, high: int) -> int:
        return self._random.randint(low, high)
