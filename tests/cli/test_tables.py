"""`transpile explain`, `transpile ops`, `--version`, and the table of codes behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from transpile import __version__
from transpile.diagnostics import CODES

TABLES = sorted((Path(__file__).parents[2] / "transpile" / "codes").glob("*.py"))
LEVELS = {"0": "error", "1": "error", "2": "warning", "3": "note"}


def test_codes_are_ordered_and_of_the_level_of_their_range() -> None:
    assert list(CODES) == sorted(CODES)
    for name, code in CODES.items():
        assert name == code.code
        assert re.fullmatch(r"(K2T|T2K)[0-3]\d\d", name)
        assert code.level == LEVELS[name[3]]
        assert code.explanation.strip() == code.explanation
        assert not code.hint.endswith(".")


def test_no_code_is_defined_twice() -> None:
    names = re.findall(r'^        "((?:K2T|T2K)\d{3})",$', "\n".join(map(Path.read_text, TABLES)), re.M)
    assert sorted(names) == list(CODES)


def test_codes_are_append_only(golden: Callable[[Path, str], None]) -> None:
    """A code that was released keeps its level and title; `--update` adds new ones."""
    path = Path(__file__).with_name("codes.txt")
    lines = [f"{code.code} {code.level} {code.title}" for code in CODES.values()]
    if path.exists():
        assert set(path.read_text().splitlines()) <= set(lines)
    golden(path, "\n".join(lines) + "\n")


@pytest.mark.parametrize("code", CODES)
def test_explain(run: Run, code: str) -> None:
    result = run("explain", code)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{CODES[code].level}[{code}] {CODES[code].title}\n\n")
    assert CODES[code].explanation in result.stdout


def test_explain_takes_lower_case_and_lists_all(run: Run) -> None:
    assert run("explain", "k2t104").stdout == run("explain", "K2T104").stdout
    assert [line.split()[0] for line in run("explain").stdout.splitlines()] == list(CODES)


def test_explain_unknown_code(run: Run) -> None:
    result = run("explain", "K2T14")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean K2T" in result.stderr


def test_ops(run: Run) -> None:
    listed = json.loads(run("ops", "--format", "json").stdout)
    names = [op["name"] for op in listed]
    assert "dense" in names
    assert all(op["examples"] for op in listed)
    lines = run("ops").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["op", *names]


def test_version_and_help(run: Run) -> None:
    assert run("--version").stdout == f"transpile {__version__}\n"
    assert run("-h").stdout == run("--help").stdout
    for command in ("keras2torch", "torch2keras", "verify", "explain", "ops", "hook"):
        assert run(command, "-h").exit_code == 0
