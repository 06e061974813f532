"""What becomes of a random program."""

from __future__ import annotations

import re
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from transpile import keras2torch, torch2keras
from transpile.result import Result
from transpile.verify import Report, Session

Kind = Literal["verified", "refused", "mismatch", "crash", "invalid"]


@dataclass(frozen=True)
class Outcome:
    """`says` tells failures apart: two with the same text count as one defect.

    "refused": a diagnostic asks for a person. "invalid": Keras itself does not run the program,
    which is a defect of the generator. "mismatch" and "crash" are defects of ours.
    """

    kind: Kind
    says: str = ""
    detail: str = ""

    @property
    def defect(self) -> bool:
        return self.kind in ("mismatch", "crash", "invalid")


def outcome(source: str, session: Session) -> Outcome:
    """Converts and verifies."""
    try:
        result = keras2torch(source)
        compile(result.code, "torch.py", "exec")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome("crash", f"{type(error).__name__} in {place.name}", traceback.format_exc())
    codes = [d for d in result.diagnostics if _asks(d.code, result)]
    if codes:
        return Outcome("refused", " ".join(sorted({d.code for d in codes})), "\n".join(d.message for d in codes))
    if not result.models:
        return Outcome("mismatch", "no model was converted and nothing was said", result.code)
    report = session.verify(source, result.code, result.models, smoke=False, steps=3, levels=(1, 2, 3, 4, 5, 6))
    return judged(report, result)


def outcome_back(source: str, session: Session) -> Outcome:
    """The same for the PyTorch program that the conversion of a Keras program gives, converted to Keras."""
    try:
        first = keras2torch(source)
    except Exception:
        return Outcome("refused", "no PyTorch program")  # the other direction counts it
    if not first.models or any(_asks(d.code, first) for d in first.diagnostics):
        return Outcome("refused", "no PyTorch program")
    try:
        result = torch2keras(first.code)
        compile(result.code, "keras.py", "exec")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome("crash", f"{type(error).__name__} in {place.name}", traceback.format_exc())
    codes = [d for d in result.diagnostics if _asks(d.code, result)]
    if codes:
        return Outcome("refused", " ".join(sorted({d.code for d in codes})), "\n".join(d.message for d in codes))
    if not result.models:
        return Outcome("mismatch", "no model was converted and nothing was said", result.code)
    report = session.verify(result.code, first.code, result.models, smoke=False, steps=3, reference="torch")
    return judged(report, result, levels=(1, 2, 4), generated="PyTorch: ")


def outcome_of_torch(source: str, session: Session) -> Outcome:
    """Converts a PyTorch program to Keras and verifies, whole programs (level 6) too."""
    try:
        result = torch2keras(source)
        compile(result.code, "keras.py", "exec")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome("crash", f"{type(error).__name__} in {place.name}", traceback.format_exc())
    codes = [d for d in result.diagnostics if _asks(d.code, result)]
    if codes:
        return Outcome("refused", " ".join(sorted({d.code for d in codes})), "\n".join(d.message for d in codes))
    if not result.models:
        return Outcome("mismatch", "no model was converted and nothing was said", result.code)
    report = session.verify(
        result.code, source, result.models, smoke=False, steps=3, reference="torch", levels=(1, 2, 3, 4, 5, 6)
    )
    return judged(report, result, levels=(1, 2, 4), generated="PyTorch: ")


def judged(
    report: Report, result: Result, levels: Sequence[int] = (1, 2, 3, 4, 5), generated: str = "Keras: "
) -> Outcome:
    """The outcome of a verification, in which these levels must have compared something."""
    detail = f"{report.as_table()}\n{result.code}"
    if report.problem.startswith(generated):
        return Outcome("invalid", _general(report.problem), detail)
    if report.problem:
        return Outcome("crash", _general(report.problem), detail)
    failed = [row for row in report.rows if row.verdict == "FAILED"]
    if any("modified by an inplace operation" in row.reason for row in failed):
        return Outcome("invalid", "an operation in place of what a gradient needs", detail)
    if failed:
        return Outcome("mismatch", _general(f"level {failed[0].level}, {failed[0].title}: {failed[0].reason}"), detail)
    left = [level for level in levels if not report.level_ok(level)]
    if left or not report.ok:
        return Outcome("mismatch", f"level {left} compared nothing", detail)
    starts = [row.reason for row in report.rows if row.title.startswith("initial values") and row.reason]
    if starts:
        return Outcome("mismatch", "initial values", detail)
    whole = any(row.level == 6 and row.verdict == "ok" for row in report.rows)
    return Outcome("verified", "whole" if whole else "")


def _asks(code: str, result: Result) -> bool:
    from transpile.diagnostics import CODES

    return CODES[code].level != "note"


def _general(text: str) -> str:
    """Without numbers and names that only this program has."""
    return re.sub(r"\d+", "#", text)[:160]
