"""What the converter writes is a program like any other: it converts back, and still computes the same."""

from __future__ import annotations

import pytest

from transpile import keras2torch, torch2keras
from transpile.result import Result
from transpile.verify import Session
from transpile.verify.report import Report

from .case import NAMES, case

# Programs that come back without a finding; the rest is slow.
SAMPLE = ("dice_segmentation", "embedding_average", "linear", "mlp_multiclass", "mlp_onehot", "old_xor")


def back(name: str) -> Result:
    """The converted program of a case, converted back."""
    program = case(name)
    return (keras2torch if program.to_keras else torch2keras)(program.result.code)


def compared(session: Session, name: str, result: Result) -> Report:
    """The program that came back against what it was made of."""
    there = case(name).result.code
    if case(name).to_keras:
        return session.verify(there, result.code, result.models)
    return session.verify(result.code, there, result.models, reference="torch")


@pytest.mark.parametrize("name", SAMPLE)
def test_comes_back(session: Session, name: str) -> None:
    result = back(name)
    assert [d for d in result.diagnostics if d.level != "note"] == []
    report = compared(session, name, result)
    print(report.as_table())
    assert report.ok


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back_clean_is_not_wrong(session: Session, name: str) -> None:
    result = back(name)
    compile(result.code, name, "exec")
    if any(d.level != "note" for d in result.diagnostics) or not result.models:
        pytest.skip("what was left says so")
    report = compared(session, name, result)
    print(report.as_table())
    assert not report.failed_levels  # no inputs may be found for it: then nothing is compared
