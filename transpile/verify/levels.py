"""Levels 1 and 2: counterparts and forward passes. Each check returns rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from transpile.verify.batches import difference, trivial
from transpile.verify.initial import initial_values
from transpile.verify.locate import first_difference
from transpile.verify.recipes import Array
from transpile.verify.report import Row
from transpile.verify.subject import Subject
from transpile.verify.tolerances import Tolerances


def verdict_row(level: int, title: str, errors: Sequence[tuple[str, float]], count: int, limit: float) -> Row:
    """A row from (what, error) pairs: the largest error decides; none at all is a failure."""
    if not errors or not count:
        return Row(level, title, "FAILED", 0, None, limit, "nothing was compared")
    what, error = max(errors, key=lambda item: item[1])
    if error <= limit:
        return Row(level, title, "ok", count, error, limit)
    return Row(level, title, "FAILED", count, error, limit, f"largest in {what}")


def counterparts(subject: Subject) -> list[Row]:
    """Level 1."""
    found, keras = subject.counterparts, subject.keras
    count = sum(int(value.size) for value in subject.start)
    reason = "; ".join(found.problems[:4])
    if len(found.problems) > 4:
        reason += f"; and {len(found.problems) - 4} more"
    rows = [
        Row(
            1,
            f"{len(keras.weights)} Keras weights have counterparts",
            "FAILED" if found.problems else "ok",
            count,
            reason=reason,
        )
    ]
    ours, theirs = subject.parameter_counts()
    same = ours == theirs
    rows.append(
        Row(
            1,
            "trainable parameters",
            "ok" if same else "FAILED",
            ours,
            reason="" if same else f"Keras {ours:,}, PyTorch {theirs:,}",
        )
    )
    if not keras.weights and not any(True for _ in subject.torch.module.parameters()):
        reason = "neither model has weights"
        return [Row(1, "weights", "not applicable", reason=reason)]
    if not found.problems:
        first, second = found.convert(subject.fresh[0]), subject.fresh[1]
        rows.append(initial_values({n: v for n, v in first.items() if n not in subject.late}, second))
    return rows


def forward(subject: Subject, training: bool, limits: Tolerances) -> list[Row]:
    """Level 2: the outputs in one mode, and after training mode the moving averages."""
    mode = "training" if training else "inference"
    subject.load()
    inputs = subject.batch()
    ours = subject.keras.forward(inputs, training)
    theirs = subject.torch.forward(inputs, training, subject.pair.final_activations)
    row = compare_outputs(f"{mode} mode", ours, theirs, limits.forward)
    if row.verdict == "FAILED" and row.error is not None:
        subject.load()
        place = first_difference(subject, inputs, training, limits.forward)
        row = replace(row, reason="; ".join(filter(None, (row.reason, place))))
    rows = [row]
    if training:
        rows.extend(moving_averages(subject, limits))
    return rows


def compare_outputs(title: str, ours: Sequence[Array], theirs: Sequence[Array], limit: float) -> Row:
    """The outputs of both sides; constant or non-finite ones prove nothing."""
    if len(ours) != len(theirs):
        reason = f"Keras gives {len(ours)} outputs, PyTorch {len(theirs)}"
        return Row(2, title, "FAILED", reason=reason)
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a.shape != b.shape:
            reason = f"output {number} is {a.shape} in Keras, {b.shape} in PyTorch"
            return Row(2, title, "FAILED", a.size, float("inf"), limit, reason)
        if trivial(a):
            reason = f"output {number} {trivial(a)}: that compares nothing"
            return Row(2, title, "FAILED", 0, None, limit, reason)
    errors = [(f"output {n}", difference(a, b)) for n, (a, b) in enumerate(zip(ours, theirs, strict=True))]
    return verdict_row(2, title, errors, sum(a.size for a in ours), limit)


def moving_averages(subject: Subject, limits: Tolerances) -> list[Row]:
    """What a forward pass in training mode wrote into the weights."""
    frozen = {id(w) for w in subject.keras.model.trainable_weights}
    floats = [
        (n, w)
        for n, w in enumerate(subject.keras.weights)
        if id(w) not in frozen and np.issubdtype(subject.start[n].dtype, np.floating)
    ]
    if not floats:
        return []
    chosen = {n for n, _ in floats}
    ours, theirs = subject.converted(), subject.torch.read()
    names = [
        name
        for match in subject.counterparts.matches
        if chosen & set(match.weights.values())
        for name in match.convert(subject.start)
        if not _is_trainable(subject, name)
    ]
    errors = [(name, difference(ours[name], theirs[name])) for name in names]
    count = sum(ours[name].size for name in names)
    title = "state after training mode (moving averages)"
    return [verdict_row(2, title, errors, count, limits.forward)] if names else []


def _is_trainable(subject: Subject, name: str) -> bool:
    return bool(subject.torch.state()[name].requires_grad)
