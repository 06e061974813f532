"""What the commands that convert and verify do, given their options."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from transpile.cli_output import put, show_diff, show_findings
from transpile.convert import Options, convert, convert_bytes, read, target_name
from transpile.files import SourceText
from transpile.render import find, from_unusable
from transpile.result import Result, UnusableInput
from transpile.written import write

if TYPE_CHECKING:
    from transpile.verify.report import Report

Device = Literal["auto", "cpu", "cuda"]
KerasBackend = Literal["auto", "tensorflow", "jax", "torch"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of `transpile keras2torch` or `transpile torch2keras`."""

    file: str
    output: Path | None
    options: Options
    verify: bool
    diff: bool
    check: bool
    json: bool
    force: bool
    device: Device
    backend: KerasBackend = "auto"

    @property
    def filename(self) -> str:
        return "<stdin>" if self.file == "-" else self.file

    @property
    def prints_code(self) -> bool:
        return not (self.check or self.diff or self.output)


def run(request: Request) -> int:
    """Converts, writes, verifies, reports; gives the exit status."""
    source = SourceText("")
    try:
        source = read(request.file)
        result = convert(source, request.filename, request.options)
        data = source.encode(result.code)
        if request.output and not request.check:
            _write(request, request.output, data)
    except UnusableInput as error:
        return _give_up(request, error, source.text)
    report = _verify(request, source.text, result) if request.verify else None
    status = max(result.exit_status, int(report is not None and not report.ok))
    if request.json:
        _print_json(request, source.text, result, report, status)
    else:
        _print(request, source.text, result, report, data)
    return status


def _write(request: Request, output: Path, data: bytes) -> None:
    origin = None if request.file == "-" else Path(request.file)
    options = request.options
    write(output, data, origin, lambda old: convert_bytes(old, options), force=request.force)


def _give_up(request: Request, error: UnusableInput, source: str) -> int:
    finding = from_unusable(error, request.filename)
    if request.json:
        answer = {"file": request.filename, "exit_status": 2, "diagnostics": [finding.as_dict()]}
        put(json.dumps(answer, indent=2) + "\n")
    else:
        show_findings([finding], source, request.filename, quiet=True)
    return 2


def _verify(request: Request, source: str, result: Result) -> Report:
    from transpile.verify import verify

    written = str(request.output or target_name(Path(request.filename), request.options.direction))
    if request.options.direction == "torch2keras":
        return verify(
            result.code,
            source,
            result.models,
            keras_filename=written,
            torch_filename=request.filename,
            device=request.device,
            backend=request.backend,
            reference="torch",
        )
    return verify(
        source,
        result.code,
        result.models,
        keras_filename=request.filename,
        modern_source=modern_spelling(source),
        torch_filename=written,
        device=request.device,
        backend=request.backend,
    )


def modern_spelling(source: str) -> str | None:
    """The Keras 3 spelling of a source that was converted; None where that fails."""
    from transpile.frontends.estimators import Estimators
    from transpile.frontends.modern import modern_source
    from transpile.interpret.interpreter import Interpreter
    from transpile.source import Source

    try:
        interpreter = Interpreter(Source(Estimators(Source(source)).expanded))
        interpreter.run()
        return modern_source(interpreter)
    except Exception:  # the comparison goes on without it
        return None


def _print(request: Request, source: str, result: Result, report: Report | None, data: bytes) -> None:
    """The product on the standard output, what there is to say about it on the other."""
    if request.prints_code:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    if request.diff:
        new = str(request.output or target_name(Path(request.filename), request.options.direction))
        show_diff(source, result.code, request.filename, new)
    findings = find(result.diagnostics, source, request.filename)
    show_findings(findings, source, request.filename)
    if report is not None:
        put(report.as_table(), err=True)


def _print_json(request: Request, source: str, result: Result, report: Report | None, status: int) -> None:
    findings = find(result.diagnostics, source, request.filename)
    answer: dict[str, object] = {
        "file": request.filename,
        "exit_status": status,
        "diagnostics": [finding.as_dict() for finding in findings],
        "models": [asdict(model) for model in result.models],
        "verification": None if report is None else json.loads(report.to_json()),
    }
    if not (request.check or request.output):
        answer["code"] = result.code
    put(json.dumps(answer, indent=2) + "\n")
