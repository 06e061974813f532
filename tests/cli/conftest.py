"""The command line over a converter of three lines, so that its tests test it alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from click.testing import CliRunner, Result

from transpile.cli import cli
from transpile.diagnostics import Diagnostic
from transpile.ir import Span
from transpile.result import Result as Converted
from transpile.syntax import check_syntax

Run = Callable[..., Result]


def fake_keras2torch(
    source: str, *, filename: str = "<string>", layout: str = "drop-in", style: str = "default"
) -> Converted:
    """Renames keras to torch; a line with BAD, LOOK or KNOW carries a diagnostic of that level."""
    check_syntax(source)
    if "CRASH" in source:
        raise KeyError("no such thing")
    if "DEEP" in source:
        raise RecursionError
    found = []
    for word, code in (("BAD", "K2T104"), ("LOOK", "K2T203"), ("KNOW", "K2T301")):
        if word in source:
            found.append(Diagnostic(code, span_of(source, word), f"{word.lower()} argument"))
    mark = "" if layout == "drop-in" else f"# {layout}\n"
    code = mark + source.replace("keras", "torch")
    return Converted(code, tuple(found), (), filename, source)


def span_of(source: str, piece: str) -> Span:
    """The span of the first occurrence of the piece."""
    at = source.index(piece)
    start = len(source[:at].encode())
    line = source.count("\n", 0, at) + 1
    column = at - (source.rfind("\n", 0, at) + 1) + 1
    return Span(start, start + len(piece.encode()), line, column)


@pytest.fixture
def fake_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = ModuleType("transpile.pipeline")
    pipeline.keras2torch = fake_keras2torch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transpile.pipeline", pipeline)


@pytest.fixture
def run(fake_converter: None) -> Run:
    """`run("keras2torch", "x.py", input=b"...")` in this process."""

    def call(*arguments: str, input: bytes | None = None) -> Result:
        result = CliRunner().invoke(cli, arguments, input=input, prog_name="transpile")
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    return call
