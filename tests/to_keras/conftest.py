"""One child process for all comparisons of a test worker: importing the frameworks is slow."""

from collections.abc import Iterator

import pytest

from transpile.verify import Session


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """Compares on the CPU."""
    pytest.importorskip("torch", reason="verification needs both frameworks")
    with Session(device="cpu", timeout=120) as running:
        yield running
