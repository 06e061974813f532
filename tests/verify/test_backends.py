"""Keras on another backend than TensorFlow: the same verdicts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.verify.pairs import DIGITS, REVIEWS, TABLE, Example
from transpile import keras2torch
from transpile.verify import KerasBackend, Session

AVAILABLE: list[KerasBackend] = ["torch", *(["jax"] if find_spec("jax") else [])]  # type: ignore[list-item]


@pytest.fixture(scope="module", params=AVAILABLE)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    pytest.importorskip("torch", reason="verification needs both frameworks")
    with Session(device="cpu", timeout=120, backend=request.param) as running:
        yield running


@pytest.mark.parametrize("example", [DIGITS, REVIEWS, TABLE], ids=lambda e: e.name)
def test_right_programs(example: Example, session: Session) -> None:
    report = session.verify(example.keras, example.torch, [example.pair])
    assert f"({session.backend})" in report.keras
    assert report.dtype == "float64"
    assert report.ok, report.as_table()
    assert all(report.level_ok(level) for level in (1, 2, 3, 4, 5)), report.as_table()


def test_a_wrong_program(session: Session) -> None:
    broken = DIGITS.torch.replace("eps=1e-3, ", "")
    report = session.verify(DIGITS.keras, broken, [DIGITS.pair])
    assert report.failed_levels[0] == 2


DROPOUT = """\
import tensorflow as tf
import numpy as np

tf.random.set_seed(1)
model = tf.keras.Sequential([
    tf.keras.Input((6,)), tf.keras.layers.Dense(8, "tanh"), tf.keras.layers.BatchNormalization(),
    tf.keras.layers.Dropout(0.3), tf.keras.layers.Dense(2),
])
model.compile("adam", "mse")
x, y = np.random.rand(16, 6), np.random.rand(16, 2)
model.fit(x, y, epochs=2, batch_size=8)
"""


def test_the_rest_of_tensorflow_is_missing(session: Session) -> None:
    result = keras2torch(DROPOUT)
    assert session.verify(DROPOUT, result.code, result.models).ok
    needs = DROPOUT.replace("tf.random.set_seed(1)", "x = tf.constant(1.0)").replace('"tanh"', "tf.nn.tanh")
    report = session.verify(needs, result.code, result.models)
    assert not report.ok
    assert "needs TensorFlow" in report.problem


def test_a_whole_program_that_needs_tensorflow_is_not_called_wrong() -> None:
    """The models agree; the rest of the program cannot run here, and says why."""
    needs = DROPOUT + "print(tf.reduce_sum(model.predict(x)).numpy() > 1e9)\n"
    result = keras2torch(DROPOUT)
    with Session(device="cpu", timeout=120, backend="torch") as session:
        report = session.verify(needs, result.code, result.models, levels=(1, 2, 6))
    assert report.ok, report.as_table()
    (row,) = [row for row in report.rows if row.level == 6]
    assert row.verdict == "not applicable"
    assert "tf.reduce_sum needs TensorFlow" in row.reason


def test_whole_programs() -> None:
    result = keras2torch(DROPOUT)
    with Session(device="cpu", timeout=120, backend="torch") as session:
        report = session.verify(DROPOUT, result.code, result.models, levels=(6,))
    assert {row.verdict for row in report.rows if row.level == 6} == {"ok"}, report.as_table()
    assert any(row.title.startswith("loss of 4 updates") for row in report.rows)


def test_a_folder_with_a_module_of_the_standard_library_s_name(tmp_path: Path) -> None:
    """A file `json.py` beside the program is the user's; the comparison does not import it."""
    (tmp_path / "json.py").write_text("raise SystemExit('the program beside was run')\n")
    (tmp_path / "model.py").write_text(DROPOUT)
    command = [sys.executable, "-m", "transpile", "keras2torch", "model.py", "--check", "--verify"]
    root = os.fspath(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(
        [*command, "--keras-backend", "torch"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "verified" in done.stderr, done.stderr
