"""A fixed sample of random programs; `make fuzz` runs as many as there is time for."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from transpile.verify import Session

from . import torch_programs
from .dice import RandomDice
from .outcome import outcome, outcome_of_torch
from .programs import keras_program


@settings(max_examples=15, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(keras_program())
def test_verified_or_refused(session: Session, program: str) -> None:
    result = outcome(program, session)
    assert not result.defect, f"{result.kind}: {result.says}\n{program}\n{result.detail}"


def test_of_pytorch(session: Session) -> None:
    """Whole programs, run to their end on both sides; what is refused proves nothing, so enough must not be."""
    whole = 0
    for seed in range(20):
        program = torch_programs.written(RandomDice(seed))
        result = outcome_of_torch(program, session)
        assert not result.defect, f"{result.kind}: {result.says}\n{program}\n{result.detail}"
        whole += result.says == "whole"
    assert whole >= 7
