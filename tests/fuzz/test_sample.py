"""A fixed sample of random programs; `make fuzz` runs as many as there is time for."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from transpile.verify import Session

from .outcome import outcome
from .programs import keras_program


@settings(max_examples=15, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(keras_program())
def test_verified_or_refused(session: Session, program: str) -> None:
    result = outcome(program, session)
    assert not result.defect, f"{result.kind}: {result.says}\n{program}\n{result.detail}"
