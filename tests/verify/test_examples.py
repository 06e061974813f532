"""Programs that do compute the same pass every level."""

from __future__ import annotations

import pytest

from transpile.verify import Session

from .pairs import DIGITS, EXAMPLES, RESNET, REVIEWS, Example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_example_agrees(session: Session, example: Example) -> None:
    report = session.verify(example.keras, example.torch, [example.pair])
    print(report.as_table())
    assert report.ok
    levels = (1, 2, 4) if example is RESNET else (1, 2, 3, 4, 5)
    assert all(report.level_ok(level) for level in levels)


def test_conventions_are_named(session: Session) -> None:
    report = session.verify(REVIEWS.keras, REVIEWS.torch, [REVIEWS.pair], smoke=False)
    assert [text.partition(":")[0] for text in report.conventions] == [
        "optimizer epsilon",
        "embedding gradients",
        "random draws",
    ]


def test_runs_are_independent(session: Session) -> None:
    first = session.verify(DIGITS.keras, DIGITS.torch, [DIGITS.pair], smoke=False)
    again = session.verify(DIGITS.keras, DIGITS.torch, [DIGITS.pair], smoke=False)
    assert first.rows == again.rows
