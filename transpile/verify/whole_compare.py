"""Compares what two whole programs did."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from transpile.verify.batches import difference
from transpile.verify.levels import verdict_row
from transpile.verify.report import Row
from transpile.verify.subject import Subject
from transpile.verify.tolerances import INERT
from transpile.verify.whole_record import Record
from transpile.verify.whole_torch import TorchRun

# Rounding grows from update to update, so the limits are wider than those of ten steps.
LIMITS = {"float64": 1e-5, "float32": 2e-2}
PRINTED = {"float64": 1e-3, "float32": 2e-2}  # numbers are rounded when they are printed
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+|\bnan\b|\binf\b)", re.IGNORECASE)
OWN = re.compile(r"^Epoch \d+|^\w+\($|^ +\(\w+\): |^ *\)$")  # what the written loop, or a module, prints
SIZE = re.compile(r"torch\.Size\(\[(.*?)\]\)")  # as text, in an f-string
MODEL_FILE = re.compile(r"(?:\.weights)?\.(?:keras|h5|hdf5|pth?|tf)\b")
SAVED = {".keras", ".h5", ".hdf5", ".tf", ".pt", ".pth", ".weights", ".index", ""}


def compared(ours: Record, run: TorchRun, subjects: Mapping[tuple[int, int], Subject], dtype: str) -> list[Row]:
    """The rows of level 6."""
    theirs, limit = run.record, LIMITS[dtype]
    if not subjects:
        return [Row(6, "whole programs", "not applicable", reason="no converted model is used in both programs")]
    rows = [
        updates(ours.updates, theirs.updates, limit),
        metrics("metrics of {} epochs", ours.training, theirs.training, limit),
        metrics("metrics of {} evaluations", ours.evaluation, theirs.evaluation, limit),
        *(weights(key, subject, ours, run, limit) for key, subject in subjects.items()),
        printed(ours.printed.getvalue(), theirs.printed.getvalue(), PRINTED[dtype]),
        files(ours.files, theirs.files, PRINTED[dtype]),
    ]
    return [row for row in rows if row is not None]


def relative(ours: float, theirs: float) -> float:
    """Infinite where one is not finite and the other is."""
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        return 0.0 if str(ours) == str(theirs) else float("inf")
    return abs(ours - theirs) / max(abs(ours), abs(theirs), 1e-3)


def updates(ours: Sequence[float], theirs: Sequence[float], limit: float) -> Row:
    """The loss of every update."""
    title = f"loss of {len(ours)} updates"
    if len(ours) != len(theirs):
        return Row(6, title, "FAILED", reason=f"Keras made {len(ours)} updates, PyTorch {len(theirs)}")
    if not ours:
        return Row(6, "loss of the updates", "not applicable", reason="the programs do not train")
    errors = [(f"update {n + 1}", relative(a, b)) for n, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    row = verdict_row(6, title, errors, len(ours), limit)
    if row.verdict != "FAILED":
        return row
    n = next(i for i, (_, error) in enumerate(errors) if error > limit)
    reason = f"they part at update {n + 1}: Keras {ours[n]:.6g}, PyTorch {theirs[n]:.6g}"
    return Row(6, title, "FAILED", row.count, row.error, limit, reason)


def metrics(
    title: str, ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]], limit: float
) -> Row | None:
    """The same names in both, epoch by epoch. A file without a function for an epoch has none."""
    title = title.format(len(ours))
    if not ours or not theirs:
        return None
    if len(ours) != len(theirs):
        return Row(6, title, "FAILED", reason=f"Keras has {len(ours)}, PyTorch {len(theirs)}")
    errors = [
        (f"{name} of number {n + 1}: Keras {a[name]:.6g}, PyTorch {b[name]:.6g}", relative(a[name], b[name]))
        for n, (a, b) in enumerate(zip(ours, theirs, strict=True))
        for name in a
        if name in b
    ]
    return verdict_row(6, title, errors, len(errors), limit)


def weights(key: tuple[int, int], subject: Subject, ours: Record, run: TorchRun, limit: float) -> Row:
    """The weights of one model when the programs have ended."""
    values, theirs = subject.counterparts.convert(ours.weights[key]), subject.torch.read()
    sizes = run.largest.get(key, {})
    top = max(sizes.values(), default=0.0)
    inert = {name for name, size in sizes.items() if size < INERT * top}
    names = [n for n in values if n not in inert and np.issubdtype(values[n].dtype, np.floating)]
    errors = [(name, difference(values[name], theirs[name])) for name in names]
    return verdict_row(6, "weights at the end", errors, sum(values[n].size for n in names), limit)


def printed(ours: str, theirs: str, limit: float) -> Row | None:
    """What the programs print, line by line; numbers within the tolerance."""
    first, second = _lines(ours), _lines(theirs)
    title = f"what they print, {len(first)} lines"
    if not first and not second:
        return None
    count, errors = 0, []
    for number, (a, b) in enumerate(zip(first, second, strict=False)):
        if _form(a) != _form(b):
            return Row(
                6, title, "FAILED", count, None, limit, f"line {number + 1}: Keras {a[:60]!r}, PyTorch {b[:60]!r}"
            )
        pairs = list(zip(_numbers(a), _numbers(b), strict=True))
        errors += [(f"line {number + 1}, {x} and {y}", relative(float(x), float(y))) for x, y in pairs]
        count += 1
    if len(first) != len(second):
        longer, side = (first, "Keras") if len(first) > len(second) else (second, "PyTorch")
        reason = f"only {side} prints {longer[min(len(first), len(second))][:60]!r}"
        return Row(6, title, "FAILED", count, None, limit, reason)
    return verdict_row(6, title, errors or [("text", 0.0)], count, limit)


def _lines(text: str) -> list[str]:
    text = SIZE.sub(lambda size: f"({size[1]}{',' * (',' not in size[1])})", text)
    return [line.rstrip() for line in text.splitlines() if line.strip() and not OWN.search(line)]


def _numbers(line: str) -> list[str]:
    return NUMBER.findall(MODEL_FILE.sub("", line))


def _form(line: str) -> str:
    """The line without its numbers, blanks, the brackets of arrays and the endings of saved models."""
    line = MODEL_FILE.sub("", line)
    return re.sub(r"[\s\[\]]", "", NUMBER.sub("#", line)).replace(".", "")


def files(ours: Mapping[str, str | None], theirs: Mapping[str, str | None], limit: float) -> Row | None:
    """Files by name, saved models by their name without its suffix; texts also by their numbers."""
    if not ours and not theirs:
        return None
    title = f"{len(ours)} files written"
    for name, text in ours.items():
        match = next((other for other in theirs if _same_file(name, other)), None)
        if match is None:
            return Row(6, title, "FAILED", reason=f"only Keras writes {name}")
        other = theirs[match]
        if text is not None and other is not None:
            row = printed(text, other, limit)
            if row is not None and row.verdict == "FAILED":
                return Row(6, title, "FAILED", row.count, row.error, limit, f"{name}: {row.reason}")
    extra = [name for name in theirs if not any(_same_file(mine, name) for mine in ours)]
    if extra:
        return Row(6, title, "FAILED", reason=f"only PyTorch writes {extra[0]}")
    return Row(6, title, "ok", len(ours))


def _same_file(keras: str, torch: str) -> bool:
    a, b = PurePosixPath(keras), PurePosixPath(torch)
    if a == b:
        return True
    return (
        a.suffix in SAVED
        and b.suffix in SAVED
        and a.parent == b.parent
        and a.name.split(".")[0] == b.name.split(".")[0]
    )
