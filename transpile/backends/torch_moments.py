"""What the function of one pass must know of all trainings that share it."""

from __future__ import annotations

from dataclasses import replace

from transpile.backends.torch_epoch import criterion
from transpile.backends.torch_hooks import moments_of
from transpile.backends.torch_lines import Moments
from transpile.frontends.keras_training import STEPS, Reading, Use
from transpile.training_ir import Batches, Compiled, Data, Evaluate, Fit, Problem


def moments(reading: Reading, compiled: Use) -> Moments:
    """What the callbacks and data of all trainings of one `compile` need."""
    fits = [u.record for u in reading.governed(compiled) if isinstance(u.record, Fit)]
    found = moments_of([c for f in fits for c in f.callbacks])
    data = _data(reading, compiled)
    counts = any(isinstance(d, Batches) or d.steps is not None for d in data)
    return replace(found, weighted=is_weighted(reading, compiled), counts=counts)


def is_weighted(reading: Reading, compiled: Use) -> bool:
    """Whether samples have weights anywhere under one `compile`."""
    return any(d.weight is not None for d in _data(reading, compiled))


def _data(reading: Reading, compiled: Use) -> list[Data]:
    """Everything that is trained on or evaluated under one `compile`."""
    records = [u.record for u in reading.governed(compiled)]
    data = [r.data for r in records if isinstance(r, Fit | Evaluate)]
    return data + [r.validation for r in records if isinstance(r, Fit) and r.validation is not None]


def refuse_weights(use: Use, reading: Reading) -> None:
    """Weights of samples need a criterion that gives a loss per sample."""
    assert isinstance(use.record, Compiled)
    users = reading.governed(use)
    by_batch = any(u.kind in STEPS for u in users)
    if not is_weighted(reading, use):
        return
    text = criterion(use.record.losses[0]).text
    if text.startswith("nn.") and "reduction=" not in text and not by_batch:
        return
    why = "beside training by batches" if by_batch else "while the model ends in its activation"
    for user in users:
        if user.kind not in STEPS:
            user.record = Problem("K2T125", f"sample weights cannot be converted {why}")
