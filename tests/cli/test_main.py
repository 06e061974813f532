"""The process: what comes out of it whatever happens inside."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import transpile.cli
from transpile.__main__ import main

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "transpile"]


def test_a_defect_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(prog_name: str) -> None:
        raise KeyError("x")

    monkeypatch.setattr(transpile.cli, "cli", fail)
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 2
    assert "error[K2T009] error of this program: KeyError: 'x'" in capsys.readouterr().err
    monkeypatch.setenv("TRANSPILE_DEBUG", "1")
    with pytest.raises(KeyError):
        main()


def on_a_terminal(*arguments: str, environment: dict[str, str]) -> str:
    """What the command prints to a terminal."""
    master, slave = pty.openpty()
    subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm"} | environment,
        stdout=slave,
        stderr=slave,
        check=False,
    )
    os.close(slave)
    chunks = []
    while True:
        try:
            chunks.append(os.read(master, 4096))
        except OSError:  # Linux: the other end was closed
            break
        if not chunks[-1]:
            break
    os.close(master)
    return b"".join(chunks).decode()


def test_colours_on_a_terminal_only() -> None:
    assert "\x1b[31m" in on_a_terminal("explain", "K2T104", environment={"NO_COLOR": ""})
    assert "\x1b" not in on_a_terminal("explain", "K2T104", environment={"NO_COLOR": "1"})
    piped = subprocess.run([*COMMAND, "explain", "K2T104"], cwd=ROOT, capture_output=True, check=True)
    assert b"\x1b" not in piped.stdout


def test_output_for_a_poor_terminal(tmp_path: Path) -> None:
    """A character that the terminal lacks is escaped."""
    path = tmp_path / "x.py"
    path.write_text("x = 'é' 1\n", encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "keras2torch", str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert r"1 | x = '\xe9' 1" in done.stderr
