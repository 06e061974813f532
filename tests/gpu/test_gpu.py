"""Verification on a GPU: the same programs, the same verdicts, with Keras on JAX and on PyTorch."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.verify.pairs import DIGITS, LINEAR, REVIEWS, TABLE, Example
from transpile import keras2torch, torch2keras
from transpile.verify import KerasBackend, Report, Session

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch sees")

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
BACKENDS: list[KerasBackend] = ["jax", "torch"]
# Models of every kind that need nothing but Keras.
PROGRAMS = (
    "mlp_regression mnist_cnn resnet inception unet_loop bidirectional lstm_series gru_regression textcnn "
    "multi_io siamese_dot squeeze_excite mobilenet time_distributed torch_lenet torch_lstm_series"
).split()
# Keras itself fails there: "grad_input must be contiguous".
FAILS_IN_KERAS = {("torch", "unet_loop")}
WHOLE = ("mlp_regression", "resnet")


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> KerasBackend:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    name: KerasBackend = request.param
    return name


@pytest.fixture(scope="module")
def session(backend: KerasBackend) -> Iterator[Session]:
    with Session(device="cuda", backend=backend, timeout=200) as running:
        yield running


def compare(name: str, session: Session, levels: tuple[int, ...] = (1, 2, 3, 4, 5)) -> Report:
    """A program of the cases, converted and verified."""
    case = tomllib.loads((CASES / name / "case.toml").read_text())
    if case.get("direction") == "torch2keras":
        text = (CASES / name / "torch.py").read_text()
        back = torch2keras(text)
        report = session.verify(back.code, text, back.models, reference="torch", levels=levels)
    else:
        text = (CASES / name / "keras.py").read_text()
        result = keras2torch(text)
        report = session.verify(text, result.code, result.models, levels=levels)
    print(f"{name}\n{report.as_table()}")
    return report


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree(name: str, session: Session) -> None:
    if (session.backend, name) in FAILS_IN_KERAS:
        pytest.skip(f"Keras on {session.backend} cannot train it")
    report = compare(name, session)
    assert report.device == "cuda"
    assert " on cuda)" in report.keras
    assert report.ok


@pytest.mark.parametrize("name", WHOLE)
def test_whole_programs_agree(name: str, session: Session) -> None:
    if session.backend == "jax":
        pytest.skip("whole programs are compared with Keras on TensorFlow or PyTorch")
    report = compare(name, session, levels=(6,))
    assert {row.verdict for row in report.rows if row.level == 6} == {"ok"}


@pytest.mark.parametrize("example", [LINEAR, DIGITS, REVIEWS, TABLE], ids=lambda e: e.name)
def test_examples_agree(example: Example, session: Session) -> None:
    report = session.verify(example.keras, example.torch, [example.pair])
    print(report.as_table())
    assert report.device == "cuda"
    assert report.ok


def test_a_wrong_program_is_caught(session: Session) -> None:
    broken = DIGITS.torch.replace("eps=1e-3, ", "")
    report = session.verify(DIGITS.keras, broken, [DIGITS.pair])
    assert report.failed_levels[0] == 2
    assert any("batch_norm" in row.reason for row in report.rows)


def test_two_runs_give_the_same_numbers(session: Session) -> None:
    first, second = compare("mnist_cnn", session), compare("mnist_cnn", session)
    assert [(r.title, r.error) for r in first.rows] == [(r.title, r.error) for r in second.rows]


@pytest.mark.parametrize("options", ["scale=False", "center=False", "scale=False, center=False"])
def test_normalization_trains_without_a_parameter(options: str, session: Session) -> None:
    source = f"""import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.BatchNormalization({options}),
    layers.LayerNormalization({options}), layers.Flatten(), layers.Dense(2),
])
model.compile("adam", "mse")
x, y = np.random.rand(16, 6, 6, 3), np.random.rand(16, 2)
model.fit(x, y, epochs=2, batch_size=8)
"""
    result = keras2torch(source)
    report = session.verify(source, result.code, result.models)
    assert report.ok, report.as_table()


def test_single_precision_is_single_precision(session: Session) -> None:
    """TF32 rounds the factors of a product to ten bits; the comparison switches it off."""
    source = TABLE.torch.replace(
        "criterion = ",
        "torch.zeros(1, device='cuda')\nassert not torch.backends.cuda.matmul.allow_tf32\n"
        "assert not torch.backends.cudnn.allow_tf32\nassert torch.backends.cudnn.deterministic\ncriterion = ",
    )
    report = session.verify(TABLE.keras, source, [TABLE.pair], levels=(1, 2))
    assert report.ok
    single = next(row for row in report.rows if "float32" in row.title)
    assert single.error is not None
    assert single.error < 1e-5
