"""`transpile verify`: two files are compared, and the comparison is reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from transpile.cli_convert import Device, KerasBackend, modern_spelling
from transpile.cli_output import put, show_findings, waiting
from transpile.convert import Options, convert, direction_of, read
from transpile.files import SourceText, write_atomically
from transpile.render import from_unusable
from transpile.result import Result, UnusableInput

if TYPE_CHECKING:
    from transpile.verify.report import Report

LEVELS = (1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call of `transpile verify`."""

    original: str
    converted: str
    device: Device
    json: bool
    timeout: float
    max_epochs: int | None = None
    max_batches: int | None = None
    max_samples: int | None = None
    report: Path | None = None
    junit: Path | None = None
    backend: KerasBackend = "auto"


def run_verify(request: Comparison) -> int:
    """Compares two files; the models are found by converting the original again."""
    file, text = request.original, ""
    try:
        text = read(request.original).text
        options = Options(direction=direction_of(text))
        result = convert(SourceText(text), request.original, options)
        file = request.converted
        other = read(request.converted).text
    except UnusableInput as error:
        show_findings([from_unusable(error, file)], text, file, quiet=True)
        return 2
    with waiting(f"comparing {request.original} and {request.converted}"):
        report = _compare(request, options, text, other, result)
    put(report.to_json() + "\n" if request.json else report.as_table())
    if request.report:
        from transpile.verify.page import Side, page

        sides = Side(request.original, text), Side(request.converted, other)
        write_atomically(request.report, page(report, *sides, result.diagnostics))
    if request.junit:
        from transpile.verify.junit import junit

        write_atomically(request.junit, junit(report, f"{request.original} {request.converted}"))
    return 0 if report.ok else 1


def _compare(request: Comparison, options: Options, text: str, other: str, result: Result) -> Report:
    from transpile.verify import Cuts, verify

    cuts = Cuts(request.max_epochs, request.max_batches, request.max_samples)
    first, second = request.original, request.converted
    if options.direction == "torch2keras":
        return verify(
            other,
            text,
            result.models,
            keras_filename=second,
            torch_filename=first,
            device=request.device,
            backend=request.backend,
            timeout=request.timeout,
            levels=LEVELS,
            cuts=cuts,
            reference="torch",
        )
    return verify(
        text,
        other,
        result.models,
        keras_filename=first,
        modern_source=modern_spelling(text),
        torch_filename=second,
        device=request.device,
        backend=request.backend,
        timeout=request.timeout,
        levels=LEVELS,
        cuts=cuts,
    )
