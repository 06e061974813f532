"""`--verify` and `transpile verify`: what is handed to the verifier, and what becomes of its
report. The verifier itself has tests of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import transpile.verify
from tests.cli.conftest import Run
from transpile.verify import Report, Row

GOOD = Report(rows=(Row(2, "outputs", "ok", 10, 1e-15, 1e-9),))
BAD = Report(rows=(Row(2, "outputs", "FAILED", 10, 0.5, 1e-9),))


class Verifier:
    """Answers with a report, and remembers what it was asked."""

    def __init__(self) -> None:
        self.report = GOOD
        self.calls: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def __call__(self, *arguments: object, **options: object) -> Report:
        self.calls.append((arguments, options))
        return self.report


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> Verifier:
    verifier = Verifier()
    monkeypatch.setattr(transpile.verify, "verify", verifier)
    return verifier


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    keras, torch = tmp_path / "x.py", tmp_path / "y.py"
    keras.write_text("import keras\n")
    torch.write_text("import torch  # edited\n")
    return str(keras), str(torch)


@pytest.mark.parametrize(("report", "status"), [(GOOD, 0), (BAD, 1)])
def test_verify_option(run: Run, verifier: Verifier, report: Report, status: int) -> None:
    verifier.report = report
    result = run("keras2torch", "--verify", "--device", "cpu", "-", input=b"import keras\n")
    assert (result.exit_code, result.stdout) == (status, "import torch\n")
    assert result.stderr == report.as_table()
    ((arguments, options),) = verifier.calls
    assert arguments == ("import keras\n", "import torch\n", ())
    assert options["device"] == "cpu"


def test_verify_option_in_json(run: Run, verifier: Verifier) -> None:
    result = run("keras2torch", "--verify", "--format", "json", "-", input=b"import keras\n")
    assert json.loads(result.stdout)["verification"] == GOOD.to_dict() | {
        "rows": [row | {} for row in GOOD.to_dict()["rows"]],
        "conventions": [],
        "curves": [],
        "layers": [],
        "notes": [],
    }


@pytest.mark.parametrize(("report", "status"), [(GOOD, 0), (BAD, 1)])
def test_verify_command(run: Run, verifier: Verifier, files: tuple[str, str], report: Report, status: int) -> None:
    verifier.report = report
    result = run("verify", *files, "--timeout", "9")
    assert (result.exit_code, result.stdout) == (status, report.as_table())
    ((arguments, options),) = verifier.calls
    assert arguments == ("import keras\n", "import torch  # edited\n", ())
    assert (options["timeout"], options["device"]) == (9, "auto")


def test_verify_command_in_json(run: Run, verifier: Verifier, files: tuple[str, str]) -> None:
    result = run("verify", *files, "--format", "json")
    assert json.loads(result.stdout)["ok"] is True


@pytest.mark.parametrize("bad", [0, 1])
def test_unusable_file(run: Run, verifier: Verifier, files: tuple[str, str], bad: int) -> None:
    Path(files[bad]).write_bytes(b"\0")
    result = run("verify", *files)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{files[bad]}: error[K2T001]")
    assert verifier.calls == []
