"""The programs of fixtures/cases, each converted once in a test worker."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from transpile import keras2torch, torch2keras
from transpile.result import Result

CASES = Path(__file__).resolve().parents[2] / "fixtures" / "cases"


@dataclass(frozen=True)
class Case:
    """One folder of fixtures/cases; fixtures/README.md says what its files are."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def to_keras(self) -> bool:
        return self.settings.get("direction") == "torch2keras"

    @property
    def golden(self) -> Path:
        return self.folder / ("keras.py" if self.to_keras else "torch.py")

    @cached_property
    def source(self) -> str:
        return (self.folder / ("torch.py" if self.to_keras else "keras.py")).read_text(encoding="utf-8")

    @cached_property
    def keras3(self) -> str | None:
        """An old program in its Keras 3 spelling, written by hand."""
        path = self.folder / "keras3.py"
        return path.read_text(encoding="utf-8") if path.exists() else None

    @cached_property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "case.toml").read_text(encoding="utf-8"))

    @property
    def runs_on(self) -> str:
        return str(self.settings.get("runs_on", "torch"))

    @property
    def needs_a_person(self) -> bool:
        """Whether something was left as it was; a warning leaves nothing."""
        return any(d.level == "error" for d in self.result.diagnostics)

    @cached_property
    def result(self) -> Result:
        if self.to_keras:
            return torch2keras(self.source, filename="torch.py")
        return keras2torch(self.source, filename="keras.py")


@cache
def case(name: str) -> Case:
    """The case of this name; the same object each time, so that it is converted once."""
    return Case(CASES / name)


NAMES = sorted(path.parent.name for path in CASES.glob("*/case.toml"))
