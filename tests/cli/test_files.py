"""Reading and writing: for any bytes at all, and without leaving anything behind."""

from __future__ import annotations

import ast
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transpile.files import SourceText, read_source, templates_dir, write_atomically
from transpile.result import UnusableInput
from transpile.syntax import check_syntax, python2_reason


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_come_back_or_are_refused(data: bytes) -> None:
    try:
        source = read_source(data)
    except UnusableInput:
        return
    assert source.encode(source.text) == data
    assert "\r" not in source.text


@given(
    st.lists(st.text(st.characters(codec="latin-1", exclude_characters="\0\r\n"))),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]),
)
def test_changed_text_keeps_the_form(lines: list[str], newline: str, encoding: str) -> None:
    cookie = "latin-1" if encoding == "latin-1" else "utf-8"
    rows = [f"# coding: {cookie}", *lines, "x = 1", ""]
    source = read_source(newline.join(rows).encode(encoding))
    expected = newline.join([*rows[:-1], "y = 2", ""]).encode(encoding)
    assert source.encode(source.text + "y = 2\n") == expected


@given(st.text())
def test_syntax_check_agrees_with_python(text: str) -> None:
    try:
        check_syntax(text)
    except UnusableInput:
        with pytest.raises((SyntaxError, ValueError)):
            ast.parse(text)
    else:
        ast.parse(text)


@pytest.mark.parametrize(
    "line",
    ["print", "print(x)", "print >>f, x", "print = 3", "x.print", "exec('x')", "a = 0", "0o777"],
)
def test_python_3_is_not_taken_for_python_2(line: str) -> None:
    assert python2_reason(line, 1) is None


@pytest.mark.parametrize("line", ["'print x'", "# print x", "f(\"`a`\", '<>')", "x = 'a 0777'"])
def test_python_2_in_strings_and_comments(line: str) -> None:
    assert python2_reason(line, 1) is None


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    usual, ours = tmp_path / "usual", tmp_path / "ours"
    usual.touch()
    write_atomically(ours, "x")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_templates_are_found() -> None:
    assert any(templates_dir().rglob("*.j2"))


def test_source_text_is_plain_by_default() -> None:
    assert SourceText("x\n").encode("y\n") == b"y\n"
