"""What a verification says: rows per level, the conventions that applied, text and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Verdict = Literal["ok", "FAILED", "not applicable", "advisory"]

LEVELS = {
    0: "programs",
    1: "counterparts",
    2: "forward",
    3: "loss",
    4: "gradients",
    5: "optimizer steps",
    6: "whole programs",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `count` numbers were compared; `error` is the largest difference.

    "advisory" rows are shown and never decide.
    """

    level: int
    title: str
    verdict: Verdict
    count: int = 0
    error: float | None = None
    tolerance: float | None = None
    reason: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of numbers from both programs, such as the loss of every update."""

    title: str
    keras: tuple[float, ...]
    torch: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LayerError:
    """How far the output of one layer is from that of its counterpart, in inference mode."""

    keras: str
    torch: str
    error: float
    tolerance: float
    place: str = ""  # the lines that make both, such as "x.py:12, y.py:30"
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one verification. `problem` says why nothing could be compared."""

    rows: tuple[Row, ...] = ()
    keras: str = ""  # such as "Keras 3.15.1 (tensorflow)"
    torch: str = ""
    device: str = ""
    dtype: str = ""
    conventions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    seconds: float = 0.0
    curves: tuple[Curve, ...] = ()
    layers: tuple[LayerError, ...] = ()

    @property
    def ok(self) -> bool:
        """Every level that applies was compared and agreed, and something was compared."""
        failed = any(row.verdict == "FAILED" for row in self.rows)
        ran = any(row.verdict == "ok" and row.count and row.level >= 2 for row in self.rows)
        return ran and not failed and not self.problem

    def level_ok(self, level: int) -> bool:
        """That level compared something, and all of it agreed."""
        rows = [row for row in self.rows if row.level == level]
        passed = any(row.verdict == "ok" and row.count > 0 for row in rows)
        return passed and all(row.verdict != "FAILED" for row in rows)

    @property
    def failed_levels(self) -> tuple[int, ...]:
        """The levels with a row that failed, in order."""
        return tuple(sorted({r.level for r in self.rows if r.verdict == "FAILED"}))

    def as_table(self) -> str:
        """The report as aligned plain text."""
        head = ("level", "what", "compared", "error", "tolerance", "verdict")
        lines: list[tuple[str, ...]] = [head]
        several = len({row.model for row in self.rows if row.model}) > 1
        for row in self.rows:
            title = f"{row.model}: {row.title}" if several and row.model else row.title
            lines.append(
                (
                    f"{row.level} {LEVELS[row.level]}",
                    title,
                    str(row.count) if row.count else "-",
                    _number(row.error),
                    _number(row.tolerance),
                    row.verdict,
                )
            )
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = []
        for line, source in zip(lines, (None, *self.rows), strict=True):
            cells = [cell.ljust(w) for cell, w in zip(line, widths, strict=True)]
            text.append("  ".join(cells).rstrip())
            if source is not None and source.reason:
                text.append(f"    {source.reason}")
        return "\n".join(text + self._footer()) + "\n"

    def _footer(self) -> list[str]:
        lines = [f"convention: {text}" for text in self.conventions]
        lines += [f"note: {text}" for text in self.notes]
        if self.problem:
            lines.append(f"not verified: {self.problem}")
        sides = " / ".join(filter(None, (self.keras, self.torch)))
        where = ", ".join(filter(None, (sides, self.device, self.dtype)))
        failed = any(row.verdict == "FAILED" for row in self.rows)
        word = "verified" if self.ok else "FAILED" if failed or not self.problem else "not verified"
        where = f" ({where})" if where else ""
        return [*lines, f"{word}{where} in {self.seconds:.1f} s"]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"ok": self.ok, **asdict(self)}

    def to_json(self) -> str:
        """The report as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    def with_notes(self, *notes: str) -> Report:
        """The same report with more notes."""
        return replace(self, notes=self.notes + notes)


def from_dict(data: Mapping[str, Any]) -> Report:
    """Reads what `to_dict` wrote."""
    fields = {key: value for key, value in data.items() if key != "ok"}
    fields["rows"] = tuple(Row(**row) for row in fields["rows"])
    fields["curves"] = tuple(Curve(c["title"], tuple(c["keras"]), tuple(c["torch"])) for c in fields.get("curves", ()))
    fields["layers"] = tuple(LayerError(**layer) for layer in fields.get("layers", ()))
    for name in ("conventions", "notes"):
        fields[name] = tuple(fields[name])
    return Report(**fields)


def _number(value: float | None) -> str:
    return "-" if value is None else ("0" if value == 0 else f"{value:.1e}")
