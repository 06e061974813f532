"""Writing to the terminal: colours where there is one, bytes as they are."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator
from typing import IO

import click

from transpile.render import Finding, Paint, as_text, no_paint, summary

_STYLES: dict[str, dict[str, object]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "note": {"fg": "cyan", "bold": True},
    "gutter": {"fg": "blue", "bold": True},
    "bold": {"bold": True},
    "added": {"fg": "green"},
    "removed": {"fg": "red"},
    "place": {"fg": "cyan"},
}


def painter(stream: IO[str]) -> Paint:
    """Colours on a terminal, unless NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return no_paint
    return lambda text, style: click.style(text, **_STYLES[style])  # type: ignore[arg-type]


def put(text: str, *, err: bool = False) -> None:
    """Prints text; a character that the terminal lacks is escaped, never an error."""
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    colour = True if stream.isatty() else None
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(safe, nl=False, err=err, color=colour)


def show_findings(findings: list[Finding], source: str, file: str, *, quiet: bool = False) -> None:
    """All findings and their count, on the standard error."""
    paint = painter(sys.stderr)
    for finding in findings:
        put(as_text(finding, source, paint) + "\n\n", err=True)
    if findings and not quiet:
        put(f"{file}: {summary(findings)}\n", err=True)


def show_diff(before: str, after: str, old: str, new: str) -> None:
    """A unified diff on the standard output."""
    paint = painter(sys.stdout)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), old, new, lineterm="")
    styles = {"+++": "bold", "---": "bold", "@": "place", "+": "added", "-": "removed"}
    for line in lines:
        style = next((s for mark, s in styles.items() if line.startswith(mark)), "")
        put((paint(line, style) if style else line) + "\n")


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """A moving bar on the standard error while something long runs; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield
