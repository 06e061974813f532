"""Every command of the README runs, and prints what the README shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import readme

ROOT = Path(__file__).parents[2]
# Commands whose output is shown, and compared; the others must only succeed.
SHOWN = {
    "transpile keras2torch digits.py",
    "transpile torch2keras regressor.py",
    "transpile keras2torch --check custom.py",
    "transpile explain K2T104",
    "transpile verify digits.py digits_torch.py",
    "transpile --version",
}
# Run by something else: .ci/run is the test command, test_wheel installs.
ELSEWHERE = {"make test", "pip install .", "pip install '.[verify]'"}
STATUS = {"transpile keras2torch --check custom.py": 1}
SLOW = {"make demo", "transpile verify digits.py digits_torch.py"}
COMMANDS = [command for command in readme.commands() if command.line not in ELSEWHERE]


def test_the_lists_name_commands_of_the_readme() -> None:
    lines = {command.line for command in readme.commands()}
    assert lines >= SHOWN | ELSEWHERE | SLOW | set(STATUS)


def params() -> list[object]:
    marks = {True: [pytest.mark.slow], False: []}
    return [pytest.param(c, id=c.line, marks=marks[c.line in SLOW]) for c in COMMANDS]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with the files of the README, and what its earlier commands wrote."""
    for name, text in readme.files().items():
        (tmp_path / name).write_text(text)
    run("transpile keras2torch digits.py -o digits_torch.py", tmp_path)
    return tmp_path


def run(line: str, directory: Path) -> subprocess.CompletedProcess[str]:
    line = re.sub(r"^transpile\b", f"{sys.executable} -m transpile", line)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        line,
        shell=True,
        cwd=ROOT if line.startswith("make") else directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )


def stable(text: str) -> str:
    """The text without what differs from machine to machine: errors, times, versions."""
    text = re.sub(r"\b(\d(\.\d)?e-\d\d|0)(?= +(E|\d(\.\d)?e-\d\d) +)|\b\d(\.\d)?e-\d\d\b", "E", text)
    text = re.sub(r"\d+\.\d+ s\b", "T s", text)
    text = re.sub(r"\d+\.\d+\.\d+(\+\w+)?", "V", text)
    return re.sub(r" {2,}", " ", text).strip()


@pytest.mark.parametrize("command", params())
def test_command(command: readme.Command, directory: Path, request: pytest.FixtureRequest) -> None:
    done = run(command.line, directory)
    assert done.returncode == STATUS.get(command.line, 0), done.stdout
    if command.line not in SHOWN:
        return
    output = done.stdout.rstrip("\n")
    if request.config.getoption("--update"):
        readme.replace_output(command, output)
    else:
        assert stable(command.output) == stable(output)


def test_library_example(directory: Path) -> None:
    (directory / "digits_torch.py").unlink()
    (directory / "example.py").write_text(readme.library_example())
    done = run(f"{sys.executable} example.py", directory)
    assert done.returncode == 0, done.stdout
    assert (directory / "digits_torch.py").exists()
