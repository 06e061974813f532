"""What a report says, without running anything."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from transpile.verify import Report, Row
from transpile.verify.junit import junit
from transpile.verify.report import from_dict

OK = Row(2, "inference mode", "ok", 60, 4.8e-16, 1e-9, model="model")
BAD = Row(5, "weights after 10 steps", "FAILED", 50, 0.5, 1e-7, "largest in dense.weight", "model")
REPORT = Report(
    rows=(Row(1, "counterparts", "ok", 50, model="model"), OK, BAD),
    keras="Keras 3.15.1 (tensorflow)",
    torch="PyTorch 2.13.0",
    device="cpu",
    dtype="float64",
    conventions=("optimizer epsilon: placed as Keras does",),
    notes=("gelu: float32",),
    seconds=2.25,
)

TABLE = """\
level              what                    compared  error    tolerance  verdict
1 counterparts     counterparts            50        -        -          ok
2 forward          inference mode          60        4.8e-16  1.0e-09    ok
5 optimizer steps  weights after 10 steps  50        5.0e-01  1.0e-07    FAILED
    largest in dense.weight
convention: optimizer epsilon: placed as Keras does
note: gelu: float32
FAILED (Keras 3.15.1 (tensorflow) / PyTorch 2.13.0, cpu, float64) in 2.2 s
"""


def test_table() -> None:
    assert REPORT.as_table() == TABLE


def test_json_and_back() -> None:
    data = json.loads(REPORT.to_json())
    assert data["ok"] is False
    assert from_dict(data) == REPORT


@pytest.mark.parametrize(
    ("rows", "problem", "ok"),
    [
        ((OK,), "", True),
        ((OK, BAD), "", False),
        ((), "", False),  # nothing was compared
        ((Row(1, "counterparts", "ok", 50),), "", False),
        ((Row(2, "inference mode", "ok", 0),), "", False),
        ((Row(2, "float32", "advisory", 60),), "", False),
        ((OK, Row(3, "loss", "not applicable")), "", True),
        ((OK,), "the process crashed", False),
    ],
)
def test_ok(rows: tuple[Row, ...], problem: str, ok: bool) -> None:
    assert Report(rows=rows, problem=problem).ok is ok


def test_what_did_not_happen_did_not_fail() -> None:
    """A missing file is no difference; the exit status says all the same that nothing was proven."""
    nothing = Report(problem="x.py:3: needs the file data.csv")
    assert nothing.as_table().endswith("not verified in 0.0 s\n")
    assert not nothing.ok
    assert Report(rows=(BAD,), problem="stopped").as_table().endswith("FAILED in 0.0 s\n")


def test_failed_levels() -> None:
    assert REPORT.failed_levels == (5,)
    assert REPORT.level_ok(2)
    assert not REPORT.level_ok(3)
    assert not REPORT.level_ok(5)


def test_junit() -> None:
    root = ET.fromstring(junit(REPORT, "x.py y.py"))
    assert root.attrib["tests"] == "3"
    assert (root.attrib["failures"], root.attrib["errors"]) == ("1", "0")
    (failure,) = root.iter("failure")
    assert failure.attrib["message"] == "largest in dense.weight; error 5.00e-01, tolerance 1.0e-07"


def test_junit_of_a_comparison_that_did_not_happen() -> None:
    root = ET.fromstring(junit(Report(problem="x.py:3: needs the file a.csv"), "x.py y.py"))
    (error,) = root.iter("error")
    assert error.attrib["message"] == "x.py:3: needs the file a.csv"
