"""The installed command with the real converter, as a process of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_bad_input import BAD, USABLE

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "fixtures/cases/digits_convnet/keras.py"


def transpile(*arguments: str, input: bytes = b"", seed: str = "0") -> tuple[int, bytes, bytes]:
    """Exit status, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "transpile", *arguments],
        input=input,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_digits() -> None:
    status, code, said = transpile("keras2torch", str(DIGITS))
    assert status == 0, said.decode()
    ast.parse(code)
    assert b"import torch" in code
    assert b"import keras" not in code


def test_same_bytes_whatever_the_hash_seed() -> None:
    first = transpile("keras2torch", str(DIGITS), seed="1")
    assert transpile("keras2torch", str(DIGITS), seed="2") == first


def test_line_ends_and_byte_order_mark_are_kept() -> None:
    plain = DIGITS.read_bytes()
    dos = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    _, expected, _ = transpile("keras2torch", "-", input=plain)
    status, code, _ = transpile("keras2torch", "-", input=dos)
    assert status == 0
    assert code == b"\xef\xbb\xbf" + expected.replace(b"\n", b"\r\n")


def test_converting_the_output_changes_nothing() -> None:
    _, code, _ = transpile("keras2torch", str(DIGITS))
    assert transpile("keras2torch", "-", input=code) == (0, code, b"")


def test_both_frameworks() -> None:
    source = b"import torch\n" + DIGITS.read_bytes()
    status, code, said = transpile("keras2torch", "-", input=source)
    assert status == 1
    assert b"warning[K2T201]" in said
    ast.parse(code)


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    content, code, message = BAD[case]
    status, out, said = transpile("keras2torch", "-", input=content)
    assert (status, out) == (2, b"")
    assert f"error[{code}]" in said.decode()
    assert message in said.decode()


@pytest.mark.parametrize("case", USABLE)
def test_no_framework(case: str) -> None:
    assert transpile("keras2torch", "-", input=USABLE[case]) == (0, USABLE[case], b"")
