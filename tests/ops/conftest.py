"""One reused process for everything that runs the frameworks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from transpile.verify import Session


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    with Session() as opened:
        yield opened
