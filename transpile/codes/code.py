"""A kind of diagnostic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of diagnostic. Codes are append-only: a code never changes its meaning.

    error: left as it was, a person must convert it. warning: converted, but a person must
    look at it. note: converted; something to know, nothing to do (exit status stays 0).
    """

    code: str
    level: Level
    title: str
    explanation: str
    hint: str
