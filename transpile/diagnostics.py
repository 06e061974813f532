"""What could not be converted, or shifted its meaning: stable codes, positions, reasons, hints."""

from __future__ import annotations

from dataclasses import dataclass

from transpile.codes import CODES, Code, Level
from transpile.ir import Span

__all__ = ["CODES", "Code", "Diagnostic", "Level"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding in one file. An empty hint stands for the hint of the code."""

    code: str
    span: Span
    message: str
    hint: str = ""

    @property
    def level(self) -> Level:
        return CODES[self.code].level
