"""How a finding looks."""

from __future__ import annotations

import pytest

from tests.cli.conftest import span_of
from transpile.diagnostics import Diagnostic
from transpile.render import as_text, cells, find, from_unusable, summary
from transpile.result import UnusableInput


def text_of(source: str, piece: str, hint: str = "do this") -> list[str]:
    diagnostic = Diagnostic("K2T104", span_of(source, piece), "reason", hint)
    (finding,) = find([diagnostic], source, "x.py")
    return as_text(finding, source).splitlines()


def test_plain() -> None:
    assert text_of("a\nf(bad=1)\n", "bad=1") == [
        "x.py:2:3: error[K2T104] reason",
        "  |",
        "2 | f(bad=1)",
        "  |   ^^^^^",
        "  = hint: do this",
    ]


@pytest.mark.parametrize(
    "source",
    ["\tf(\tbad)", "f('日本', bad)", "f('é', bad)", "f('\x0c', bad)", "f('e\u0301', bad)"],
)
def test_underline_stands_below(source: str) -> None:
    lines = text_of(source, "bad")
    before = lines[2].index("bad")
    assert cells(lines[2][:before]) == lines[3].index("^")
    assert lines[3].count("^") == 3


def test_wide_characters_are_underlined_whole() -> None:
    assert text_of("f(日本)", "日本")[3] == "  |   ^^^^"


def test_several_lines_are_underlined_to_the_end_of_the_first() -> None:
    source = "f(a,\n  b)\n"
    diagnostic = Diagnostic("K2T104", span_of(source, "(a,\n  b)"), "reason")
    (finding,) = find([diagnostic], source, "x.py")
    assert (finding.end_line, finding.end_column) == (2, 5)
    assert as_text(finding, source).splitlines()[2:4] == ["1 | f(a,", "  |  ^^^"]


@pytest.mark.parametrize("at", [0, 50, 500, 4990])
def test_long_lines_are_cut_around_the_place(at: int) -> None:
    source = "x" * at + "bad" + "x" * (5000 - at)
    lines = text_of(source, "bad")
    start = lines[3].index("^")
    assert lines[2][start : start + 3] == "bad"
    assert len(lines[2]) < 200


def test_gutter_is_as_wide_as_the_number() -> None:
    lines = text_of("\n" * 99 + "bad", "bad")
    assert lines[1:4] == ["    |", "100 | bad", "    | ^^^"]


def test_whole_file() -> None:
    finding = from_unusable(UnusableInput("K2T001", "not a text file"), "x.py")
    assert as_text(finding, "").splitlines()[0] == "x.py: error[K2T001] not a text file"


def test_order_and_summary() -> None:
    source = "one two three"
    diagnostics = [
        Diagnostic("K2T301", span_of(source, "three"), "c"),
        Diagnostic("K2T104", span_of(source, "two"), "b"),
        Diagnostic("K2T301", span_of(source, "one"), "a"),
    ]
    findings = find(diagnostics, source, "x.py")
    assert [f.message for f in findings] == ["a", "b", "c"]
    assert summary(findings) == "1 error, 2 notes"


def test_colour_changes_nothing_but_colour() -> None:
    source = "f(bad)\n"
    (finding,) = find([Diagnostic("K2T104", span_of(source, "bad"), "m")], source, "x.py")
    painted = as_text(finding, source, lambda text, style: f"<{style}>{text}</>")
    assert "<error>error[K2T104]</>" in painted
    assert "<error>^^^</>" in painted
