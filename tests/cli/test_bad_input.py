"""Files that are not what they should be: the right message, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from transpile.files import MAX_BYTES

BAD = {
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "K2T001", "not a text file"),
    "hdf5": (b"\x89HDF\r\n\x1a\n\0", "K2T001", "not a text file"),
    "not utf-8": (b"import keras\nx = '\xe9'\n", "K2T002", ":2:6: "),
    "bad first line": (b"# \xe9\nimport keras\n", "K2T002", ":1:3: "),
    "unknown cookie": (b"# -*- coding: klingon -*-\n", "K2T002", "unknown encoding"),
    "cookie against BOM": (b"\xef\xbb\xbf# coding: latin-1\n", "K2T002", "byte order mark"),
    "utf-16": ("import keras\n".encode("utf-16"), "K2T002", "UTF-16"),
    "huge": (b"x = 1\n" * (MAX_BYTES // 6 + 1), "K2T003", "larger than"),
    "print statement": (b"import keras\nprint 'a'\n", "K2T004", "2to3"),
    "except comma": (b"try:\n    f()\nexcept E, e:\n    pass\n", "K2T004", "line 3"),
    "backticks": (b"x = `1`\n", "K2T004", "backticks"),
    "octal": (b"os.chmod(p, 0777)\n", "K2T004", "octal"),
    "ur string": (b"x = ur'a'\n", "K2T004", "line 1"),
    "exec statement": (b"exec 'x = 1'\n", "K2T004", "exec statement"),
    "prose": (b"Dear Sir or Madam,\n", "K2T005", "syntax error"),
    "open bracket": (b"import keras\nx = (1,\n", "K2T005", ":2:5: "),
    "mixed indentation": (b"if x:\n        a = 1\n\tb = 2\n", "K2T005", "indentation"),
    "bad cell": (b"%matplotlib inline\nimport keras\n", "K2T005", ":1:1: "),
    "notebook": (b'{"cells": [], "nbformat": 4}', "K2T006", "notebook"),
    "deep": (b"x = " + b"(" * 300 + b")" * 300 + b"\n", "K2T005", "nested"),
    "very deep": (b"x = " + b"-" * 100_000 + b"1\n", "K2T008", "nested"),
}


@pytest.mark.parametrize("case", BAD)
def test_unusable(run: Run, tmp_path: Path, case: str) -> None:
    content, code, message = BAD[case]
    path, out = tmp_path / "x.py", tmp_path / "y.py"
    path.write_bytes(content)
    result = run("keras2torch", str(path), "-o", str(out))
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error[{code}]" in result.stderr
    assert message in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.py"]


def test_python_2_message(run: Run) -> None:
    source = b"import keras\nfor i in y:\n    print i\n"
    result = run("keras2torch", "-", input=source)
    assert result.stderr.splitlines() == [
        "<stdin>:3:5: error[K2T004] this is Python 2 (print statement at line 3): run 2to3 first",
        "  |",
        "3 |     print i",
        "  |     ^",
        "  = hint: run 2to3 first (Python 3.12 and older have it: 2to3 -w FILE)",
        "",
    ]


def test_syntax_error_is_not_taken_for_python_2(run: Run) -> None:
    source = b'"""\nprint x\n"""\n\n\nx = = 2\n'
    assert "K2T005" in run("keras2torch", "-", input=source).stderr


def test_missing_file_and_directory(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "none.py", tmp_path):
        result = run("keras2torch", str(path))
        assert result.exit_code == 2
        assert "error[K2T007]" in result.stderr


def test_notebook_by_name(run: Run, tmp_path: Path) -> None:
    result = run("keras2torch", str(tmp_path / "x.ipynb"))
    assert (result.exit_code, "K2T006" in result.stderr) == (2, True)


@pytest.mark.parametrize(("word", "code"), [("CRASH", "K2T009"), ("DEEP", "K2T008")])
def test_errors_of_ours_are_no_tracebacks(run: Run, word: str, code: str) -> None:
    result = run("keras2torch", "-", input=f"{word}\n".encode())
    assert (result.exit_code, result.stdout) == (2, "")
    assert code in result.stderr


USABLE = {
    "empty": b"",
    "blank": b"\n\n",
    "no framework": b"import os\r\nprint( 'a' )\n\t\n",
    "no end of line": b"x = 1",
    "mixed line ends": b"x = 1\r\ny = 2\nz = 3\r\n",
    "old Mac": b"x = 1\ry = 2\r",
    "BOM": b"\xef\xbb\xbfx = 1\r\n",
    "latin-1": b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
    "cp1252": b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n",
    "form feed": b"x = 1\n\x0c\ny = 2\n",
    "tabs": b"if x:\n\ty = 1\n",
}


@pytest.mark.parametrize("case", USABLE)
def test_what_is_not_touched_is_byte_identical(run: Run, case: str) -> None:
    result = run("keras2torch", "-", input=USABLE[case])
    assert (result.exit_code, result.stdout_bytes) == (0, USABLE[case])


def test_form_is_kept_where_the_text_changes(run: Run) -> None:
    source = b"\xef\xbb\xbfimport keras\r\nx = '\xc3\xa9'\r\n"
    result = run("keras2torch", "-", input=source)
    assert result.stdout_bytes == source.replace(b"keras", b"torch")
    source = b"# coding: latin-1\nimport keras\nx = '\xe9'\n"
    result = run("keras2torch", "-", input=source)
    assert result.stdout_bytes == source.replace(b"keras", b"torch")
