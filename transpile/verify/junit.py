"""A report as JUnit XML, which CI servers show: one test per row."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from transpile.verify.report import LEVELS, Report, Row


def junit(report: Report, name: str) -> str:
    """The report as a document; `name` says what was compared."""
    failed = sum(row.verdict == "FAILED" for row in report.rows)
    skipped = sum(row.verdict in ("not applicable", "advisory") for row in report.rows)
    counts = {
        "name": name,
        "tests": str(max(len(report.rows), 1)),
        "failures": str(failed),
        "errors": str(int(bool(report.problem))),
        "skipped": str(skipped),
        "time": f"{report.seconds:.2f}",
    }
    suite = ET.Element("testsuite", counts)
    for row in report.rows:
        suite.append(_case(row))
    if report.problem or not report.rows:
        case = ET.SubElement(suite, "testcase", classname="verify", name="the comparison")
        ET.SubElement(case, "error", message=report.problem or "nothing was compared")
    output = ET.SubElement(suite, "system-out")
    output.text = report.as_table()
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _case(row: Row) -> ET.Element:
    title = f"{row.model}: {row.title}" if row.model else row.title
    case = ET.Element("testcase", classname=f"verify.level{row.level} {LEVELS[row.level]}", name=title)
    if row.verdict == "FAILED":
        numbers = "" if row.error is None else f"error {row.error:.2e}, tolerance {row.tolerance or 0:.1e}"
        message = "; ".join(filter(None, (row.reason, numbers)))
        ET.SubElement(case, "failure", message=message)
    elif row.verdict != "ok":
        ET.SubElement(case, "skipped", message="; ".join(filter(None, (row.verdict, row.reason))))
    return case
