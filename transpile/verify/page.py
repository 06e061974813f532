"""A report as one page of HTML that needs nothing else: no script, no file, no network."""

from __future__ import annotations

import difflib
import math
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from transpile.diagnostics import CODES, Diagnostic
from transpile.verify.report import LEVELS, Curve, Report, Row

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; color: #1c1e21; }
h1 { font-size: 1.4rem; padding: .6rem 1rem; border-radius: 6px; color: #fff; }
h1.ok { background: #1a7f37; } h1.bad { background: #b42318; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #e4e6ea; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.FAILED td { background: #fdecea; } td.reason { color: #b42318; }
tr.advisory td, tr.not td { color: #67707b; }
table.code { table-layout: fixed; font: 12.5px/1.45 ui-monospace, monospace; border: 1px solid #e4e6ea; }
table.code td { white-space: pre-wrap; overflow-wrap: anywhere; border: 0; padding: 0 .5rem; }
table.code td.n { width: 3.2em; color: #9aa2ac; text-align: right; user-select: none; }
table.code tr.changed td { background: #f3f6fb; }
p.finding { margin: 0 0 .2rem; white-space: normal; font-family: system-ui, sans-serif; color: #9a5b00; }
p.finding.error { color: #b42318; } p.finding.note { color: #0550ae; }
svg { width: 100%; max-width: 46rem; height: auto; background: #fafbfc; border: 1px solid #e4e6ea; }
div.bar { background: #8ab4f8; height: .8em; display: inline-block; } div.bar.bad { background: #e5534b; }
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two programs."""

    name: str
    text: str


def page(report: Report, original: Side, converted: Side, findings: Sequence[Diagnostic]) -> str:
    """The whole page."""
    verdict = "Verified: both programs compute the same" if report.ok else "Not verified"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(original.name)} and {escape(converted.name)}</title><style>{STYLE}</style></head><body>",
        f'<h1 class="{"ok" if report.ok else "bad"}">{verdict}</h1>',
        f"<p>{escape(original.name)} and {escape(converted.name)}</p>",
        f"<p>{escape(report.problem)}</p>" if report.problem else "",
        "<h2>Levels</h2>",
        _levels(report.rows),
        *(f"<p>Convention: {escape(text)}</p>" for text in report.conventions),
        *(f"<p>Note: {escape(text)}</p>" for text in report.notes),
        *(_curve(curve) for curve in report.curves if curve.keras or curve.torch),
        _layers(report),
        "<h2>Programs</h2>",
        _programs(original, converted, findings),
        "<h2>Environment</h2>",
        _environment(report),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _levels(rows: Sequence[Row]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("level", "what", "compared", "error", "tolerance", "verdict"))
    lines = [f"<table class=levels><thead><tr>{head}</tr></thead><tbody>"]
    for row in rows:
        title = f"{row.model}: {row.title}" if row.model else row.title
        numbers = "".join(f"<td class=number>{_number(value)}</td>" for value in (row.count, row.error, row.tolerance))
        kind = row.verdict.partition(" ")[0]
        lines.append(
            f'<tr class="{kind}"><td>{row.level} {LEVELS[row.level]}</td><td>{escape(title)}</td>'
            f"{numbers}<td>{row.verdict}</td></tr>"
        )
        if row.reason:
            lines.append(f'<tr class="{kind}"><td></td><td class=reason colspan=5>{escape(row.reason)}</td></tr>')
    return "\n".join([*lines, "</tbody></table>"])


def _number(value: float | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.1e}"


def _curve(curve: Curve) -> str:
    """Both series over each other; where they agree the second, dashed, hides the first."""
    width, height, margin = 720, 260, 40
    values = [v for v in (*curve.keras, *curve.torch) if math.isfinite(v)]
    if not values:
        return ""
    low, high = min(values), max(values)
    span, last = (high - low) or 1.0, max(len(curve.keras), len(curve.torch), 2) - 1

    def path(series: Sequence[float]) -> str:
        points = [
            (margin + (width - 2 * margin) * i / last, height - margin - (height - 2 * margin) * (v - low) / span)
            for i, v in enumerate(series)
            if math.isfinite(v)
        ]
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)

    return f"""<h2>{escape(curve.title)}</h2>
<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(curve.title)}">
<polyline fill="none" stroke="#d1495b" stroke-width="3" points="{path(curve.keras)}"/>
<polyline fill="none" stroke="#1f5fbf" stroke-width="1.5" stroke-dasharray="5 4" points="{path(curve.torch)}"/>
<text x="4" y="{margin}" font-size="11">{high:.4g}</text>
<text x="4" y="{height - margin}" font-size="11">{low:.4g}</text>
<text x="{width - margin}" y="{height - 12}" font-size="11" text-anchor="end">{last + 1} values</text>
<text x="{margin}" y="16" font-size="12" fill="#d1495b">Keras</text>
<text x="{margin + 60}" y="16" font-size="12" fill="#1f5fbf">PyTorch (dashed)</text>
</svg>"""


def _layers(report: Report) -> str:
    """A bar for each layer: the error on a scale from 1e-17 to 1."""
    if not report.layers:
        return ""
    lines = ["<h2>Layers</h2><table class=layers><tbody>"]
    for layer in report.layers:
        error = layer.error
        width = 100.0 if not math.isfinite(error) else max(1.0, 100 * (1 + math.log10(max(error, 1e-17)) / 17))
        bad = " bad" if error > layer.tolerance else ""
        lines.append(
            f"<tr><td>{escape(layer.keras)}</td><td>{escape(layer.torch)}</td><td class=number>{error:.1e}</td>"
            f'<td style="width:50%"><div class="bar{bad}" style="width:{min(width, 100.0):.0f}%"></div></td></tr>'
        )
    return "\n".join([*lines, "</tbody></table>"])


def _programs(original: Side, converted: Side, findings: Sequence[Diagnostic]) -> str:
    """Side by side; equal lines stand beside each other, findings above their lines."""
    said: dict[int, list[Diagnostic]] = {}
    for finding in findings:
        said.setdefault(finding.span.line, []).append(finding)
    head = f"<tr><th></th><th>{escape(original.name)}</th><th></th><th>{escape(converted.name)}</th></tr>"
    widths = '<colgroup><col style="width:3.2em"><col><col style="width:3.2em"><col></colgroup>'
    lines = [f"<table class=code>{widths}<thead>{head}</thead><tbody>"]
    for same, left, right in _aligned(original.text.splitlines(), converted.text.splitlines()):
        above = "".join(_finding(f) for f in said.get(left[0], ())) if left else ""
        cells = "".join(_cell(part, extra) for part, extra in ((left, above), (right, "")))
        lines.append(f"<tr{'' if same else ' class=changed'}>{cells}</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def _cell(part: tuple[int, str] | None, above: str) -> str:
    if part is None:
        return "<td class=n></td><td></td>"
    return f"<td class=n>{part[0]}</td><td>{above}{escape(part[1])}</td>"


def _finding(finding: Diagnostic) -> str:
    level = CODES[finding.code].level
    return f'<p class="finding {level}">{level}[{finding.code}] {escape(finding.message)}</p>'


def _aligned(
    first: list[str], second: list[str]
) -> Iterator[tuple[bool, tuple[int, str] | None, tuple[int, str] | None]]:
    """(same, line of the first, line of the second), numbered from 1; None where one is longer."""
    for kind, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        for n in range(max(b - a, d - c)):
            left = (a + n + 1, first[a + n]) if a + n < b else None
            right = (c + n + 1, second[c + n]) if c + n < d else None
            yield kind == "equal", left, right


def _environment(report: Report) -> str:
    facts = {
        "Keras": report.keras,
        "PyTorch": report.torch,
        "device": report.device,
        "numbers": report.dtype,
        "Python": platform.python_version(),
        "system": platform.platform(),
        "time": f"{report.seconds:.1f} s",
    }
    return "<table>" + "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in facts.items() if v) + "</table>"
