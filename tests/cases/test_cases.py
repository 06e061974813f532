"""Every program of fixtures/cases converts to its golden file, verifies and runs to its end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from transpile import keras2torch, torch2keras
from transpile.files import write_atomically
from transpile.verify import Session

from .case import NAMES, case
from .programs import DATA, run

each_case = pytest.mark.parametrize("name", NAMES)


@each_case
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    program = case(name)
    if request.config.getoption("--update"):
        write_atomically(program.golden, program.result.code)
    assert program.golden.exists(), f"{program.golden} is missing; run pytest --update"
    assert program.result.code == program.golden.read_text(encoding="utf-8")


@each_case
def test_status_and_diagnostics(name: str) -> None:
    program = case(name)
    said = "\n".join(f"{d.code} line {d.span.line}: {d.message}" for d in program.result.diagnostics)
    assert program.result.exit_status == program.settings["expected_status"], said
    codes = sorted({d.code for d in program.result.diagnostics})
    assert codes == program.settings.get("codes", []), said
    assert program.result.models or program.needs_a_person or program.settings.get("levels") == []


@each_case
def test_converted_again_it_stays(name: str) -> None:
    program = case(name)
    if program.needs_a_person:
        pytest.skip("what was left would be converted or reported again")
    again = (torch2keras if program.to_keras else keras2torch)(program.result.code)
    assert again.code == program.result.code
    assert not again.diagnostics


def _known_gap(name: str, request: pytest.FixtureRequest) -> None:
    """A case of which case.toml says what is still missing: it may fail, with that reason."""
    reason = case(name).settings.get("known_gap")
    if reason:
        request.applymarker(pytest.mark.xfail(reason=reason, strict=False))


@each_case
def test_nothing_is_missing_or_left_over(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """pyflakes: no undefined names, unused imports, unused variables or doubled definitions."""
    _known_gap(name, request)
    program = case(name)
    findings = {}
    for which, text in (("before", program.source), ("after", program.result.code)):
        compile(text, which, "exec")
        findings[which] = _findings(text, tmp_path)
    # An old program may bind a name that it does not read; star imports hide every name.
    own = {(rule, message) for rule, message in findings["before"] if rule in ("F841", "F811")}
    left = [f for f in findings["after"] if f not in own]
    if program.needs_a_person:
        left = [f for f in left if f[0] != "F841"]
    assert not left


def _findings(text: str, folder: Path) -> list[tuple[str, str]]:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F"]
    done = subprocess.run(
        [*command, "--output-format", "json", "--stdin-filename", str(folder / "program.py"), "-"],
        input=text,
        text=True,
        capture_output=True,
        check=False,
    )
    return [(finding["code"], finding["message"]) for finding in json.loads(done.stdout)]


HASHES = """
import hashlib, sys
from tests.cases.case import NAMES, case
for name in NAMES:
    print(name, hashlib.sha256(case(name).result.code.encode()).hexdigest())
"""


def test_same_bytes_under_another_hash_seed() -> None:
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", HASHES],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": seed},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        name, digest = line.split()
        assert digest == hashlib.sha256(case(name).result.code.encode()).hexdigest(), name


@each_case
def test_verifies_at_every_level(session: Session, name: str, request: pytest.FixtureRequest) -> None:
    _known_gap(name, request)
    program = case(name)
    result = program.result
    if not result.models:
        assert program.needs_a_person or program.settings.get("levels") == []
        pytest.skip("there is no model, or it is not converted, on purpose")
    if program.to_keras:
        report = session.verify(result.code, program.source, result.models, reference="torch")
    else:
        report = session.verify(program.source, result.code, result.models, modern_source=program.keras3)
    print(report.as_table())
    assert report.ok
    assert not report.failed_levels
    assert [r.reason for r in report.rows if r.title.startswith("initial values") and r.reason] == []
    # A model whose training needs a person has no loss to compare.
    levels = (1, 2, 4) if program.needs_a_person else (1, 2, 3, 4, 5)
    levels = tuple(program.settings.get("levels", levels))
    assert [level for level in levels if not report.level_ok(level)] == []


def _run(name: str, path: Path, scratch: Path, on: str = "") -> str:
    program = case(name)
    scratch.mkdir(exist_ok=True)
    if needed := program.settings.get("needs_data"):
        DATA[needed](scratch)
    # Other tests run beside it.
    return run(path, scratch, 3 * program.settings["timeout"], on)


@each_case
def test_runs_to_its_end(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _known_gap(name, request)
    program = case(name)
    if program.needs_a_person:
        pytest.skip("what was left for a person does not run")
    written = tmp_path / "program.py"
    written.write_text(program.result.code, encoding="utf-8")
    assert _run(name, written, tmp_path, "keras3" if program.to_keras else "").strip()


@pytest.mark.slow
@each_case
def test_prints_what_the_original_prints(name: str, tmp_path: Path) -> None:
    program = case(name)
    if program.to_keras:
        before = _run(name, program.folder / "torch.py", tmp_path / "torch")
        after = _run(name, program.golden, tmp_path / "keras", "keras3")
        assert _forms(after) == _forms(before)
        return
    old = program.runs_on == "none"
    if program.needs_a_person or (old and program.keras3 is None):
        pytest.skip("one of the two does not run")
    source = program.folder / ("keras3.py" if old else "keras.py")
    before = _run(name, source, tmp_path / "keras", "keras3" if old else program.runs_on)
    after = _run(name, program.golden, tmp_path / "torch")
    assert _forms(after) == _forms(before)


NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\bnan\b|\binf\b)(?!\w)", re.IGNORECASE)
SIZE = re.compile(r"torch\.Size\(\[(.*?)\]\)")
# Progress bars, Keras's summary, PyTorch's.
OWN = re.compile(r"^Epoch \d+|\b\d+/\d+\b.*(?: - |━|=)|━|^[│┃┏┡├└┌]|^Model: |params: |^\w+\($|^ +\(\w+\): |^ *\)$")


def _forms(output: str) -> list[str]:
    """The printed lines without what the frameworks print themselves, numbers by their kind."""
    shapes = SIZE.sub(lambda m: f"({m[1]}{',' * (',' not in m[1])})", output)
    lines = [re.sub(r"\x1b\[[0-9;]*m|.*[\r\b]", "", line) for line in shapes.split("\n")]
    kept = [line for line in lines if line.strip() and not OWN.search(line)]
    forms = [NUMBER.sub(lambda m: "#" if "." not in m[0] else "#.#", line) for line in kept]
    return [form.replace(" ", "") for form in forms]
