"""Findings as text (file:line:column, the source line underlined) and as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from transpile.diagnostics import CODES, Diagnostic, Level
from transpile.result import UnusableInput

Paint = Callable[[str, str], str]  # (text, style) -> text, coloured or not
TAB = 4
MAX_WIDTH = 120
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic at its place. Lines and columns count from 1 (0: the whole file is meant);
    the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    level: Level
    message: str
    hint: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def find(diagnostics: Iterable[Diagnostic], source: str, file: str) -> list[Finding]:
    """The diagnostics with their ends computed, in the order of the file."""
    data = source.encode()
    return sorted((_locate(d, data, file) for d in diagnostics), key=_position)


def _position(finding: Finding) -> tuple[int, int, str]:
    return finding.line, finding.column, finding.code


def _locate(diagnostic: Diagnostic, data: bytes, file: str) -> Finding:
    span, code = diagnostic.span, CODES[diagnostic.code]
    covered = data[span.start : span.end].decode(errors="replace")
    rows = covered.split("\n")
    end_column = len(rows[-1]) + (span.column if len(rows) == 1 else 1)
    return Finding(
        file,
        span.line,
        span.column,
        span.line + len(rows) - 1,
        end_column,
        code.code,
        code.level,
        diagnostic.message,
        diagnostic.hint or code.hint,
    )


def from_unusable(error: UnusableInput, file: str) -> Finding:
    """What made the file unusable, as a finding of one character."""
    code, end = CODES[error.code], error.column + 1 if error.line else 0
    place = (error.line, error.column, error.line, end)
    return Finding(file, *place, code.code, code.level, error.message, code.hint)


def no_paint(text: str, style: str) -> str:
    return text


def as_text(finding: Finding, source: str, paint: Paint = no_paint) -> str:
    """One finding, as rustc and ruff show it."""
    place = f"{finding.file}:"
    if finding.line:
        place = f"{finding.file}:{finding.line}:{finding.column}:"
    head = f"{finding.level}[{finding.code}]"
    rows = [f"{paint(place, 'bold')} {paint(head, finding.level)} {finding.message}"]
    gutter = " " * len(str(finding.line))
    lines = source.split("\n")
    if 0 < finding.line <= len(lines):
        text, before, marked = _excerpt(lines[finding.line - 1], finding)
        bar = paint("|", "gutter")
        rows.append(f"{gutter} {bar}")
        rows.append(f"{paint(str(finding.line), 'gutter')} {bar} {text}".rstrip())
        rows.append(f"{gutter} {bar} {' ' * before}{paint('^' * marked, finding.level)}")
    if finding.hint:
        rows.append(f"{gutter} {paint('=', 'gutter')} {paint('hint:', 'bold')} {finding.hint}")
    return "\n".join(rows)


def _excerpt(line: str, finding: Finding) -> tuple[str, int, int]:
    """The line with tabs expanded, and where the underline starts and how long it is, in cells.

    A very long line is cut around the place that is meant.
    """
    start = min(finding.column - 1, len(line))
    end = finding.end_column - 1 if finding.end_line == finding.line else len(line.rstrip())
    end = min(max(end, start), len(line))
    head, marked, tail = _expand(line[:start]), _expand(line[start:end]), _expand(line[end:])
    text, before, width = head + marked + tail, cells(head), max(cells(marked), 1)
    if cells(text) <= MAX_WIDTH:
        return text, before, width
    if before + width > MAX_WIDTH:
        head = "..." + head[-min(len(head), 40) :]
        marked = marked[: MAX_WIDTH - 60]
    text = (head + marked + tail)[:MAX_WIDTH] + "..."
    return text, cells(head), max(cells(marked), 1)


def _expand(text: str) -> str:
    """Tabs as a fixed number of spaces, other control characters as one."""
    text = text.replace("\t", " " * TAB)
    return "".join(c if c.isprintable() else " " for c in text)


def cells(text: str) -> int:
    """How many columns of a terminal the text takes (CJK characters take two)."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def summary(findings: list[Finding]) -> str:
    """Such as "1 error, 2 notes"."""
    counts = {level: sum(f.level == level for f in findings) for level in LEVELS}
    parts = [f"{n} {level}{'s' if n > 1 else ''}" for level, n in counts.items() if n]
    return ", ".join(parts)
