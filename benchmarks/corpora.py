"""What the converter does with real Keras files, as a table (docs/corpora.md).

    python benchmarks/corpora.py --corpus NAME=FOLDER [--corpus ...] [--verify] -o docs/corpora.md

Every .py file below a folder that names Keras and builds a model is converted in a worker
process. Checked for each: the conversion ends and does not crash, the output is Python, a second
conversion changes nothing, another hash seed gives the same text (--seeds). With --verify, files
that converted clean are run against their output. Any broken promise gives exit status 1: a crash,
output that is not Python or not stable, clean output that fails its verification.

Without --corpus the fixtures are tried. Nothing of a corpus is copied into the table but the names
of files, and of what they import.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import hashlib
import json
import os
import platform
import re
import select
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODEL = re.compile(r"\b(?:Sequential|Model|Functional)\s*\(|\(\s*(?:\w+\.)*Model\s*\)\s*:")
TOP = 15


@dataclass
class Outcome:
    """What became of one file."""

    file: str
    status: str = "crash"  # clean, notes, diagnostics, untouched, unusable, crash, timeout, notebook
    codes: list[str] = field(default_factory=list)  # one for each diagnostic
    models: int = 0
    lines: int = 0
    seconds: float = 0.0
    digest: str = ""
    broken: list[str] = field(default_factory=list)  # promises that do not hold
    verdict: str = ""  # verified, FAILED, not verifiable
    reason: str = ""
    message: str = ""


# --- in the worker -----------------------------------------------------------------------------


def attempt(file: str, base: str, verify: bool, seconds: float) -> Outcome:
    """Converts one file and tries the result."""
    from transpile.files import read_source
    from transpile.result import UnusableInput

    outcome = Outcome(str(Path(file).relative_to(base)))
    began = time.perf_counter()
    try:
        source = read_source(Path(file))
        outcome.lines = source.text.count("\n")
        result = _convert(source.text, outcome)
        if verify and outcome.status in ("clean", "notes") and result.models:
            _verify(source.text, result, outcome, seconds)
    except UnusableInput as error:
        outcome.status, outcome.codes, outcome.message = "unusable", [error.code], error.message
    except Exception as error:
        outcome.status = "crash"
        outcome.broken.append("crash")
        outcome.reason = type(error).__name__
        outcome.message = "".join(traceback.format_exception(error)[-4:])
    outcome.seconds = time.perf_counter() - began
    return outcome


def _convert(text: str, outcome: Outcome) -> Any:
    from transpile import keras2torch
    from transpile.codes import CODES

    result = keras2torch(text, filename=outcome.file)
    outcome.codes = [d.code for d in result.diagnostics]
    outcome.models = len(result.models)
    outcome.digest = hashlib.sha256(result.code.encode()).hexdigest()
    levels = {CODES[code].level for code in outcome.codes}
    if not levels:
        outcome.status = "untouched" if result.code == text else "clean"
    else:
        outcome.status = "notes" if levels == {"note"} else "diagnostics"
    try:
        compile(ast.parse(result.code), outcome.file, "exec")
    except (SyntaxError, ValueError) as error:
        outcome.broken.append("the output is not Python")
        outcome.message = str(error)
        return result
    if keras2torch(result.code, filename=outcome.file).code != result.code:
        outcome.broken.append("a second conversion changes the output")
    return result


_sessions: dict[float, Any] = {}


def _verify(text: str, result: Any, outcome: Outcome, seconds: float) -> None:
    from transpile.verify import Session

    session = _sessions.setdefault(seconds, Session(timeout=seconds))
    report = session.verify(text, result.code, result.models)
    failed = [row for row in report.rows if row.verdict == "FAILED"]
    if report.ok:
        outcome.verdict = "verified"
    elif failed:
        outcome.verdict = "FAILED"
        outcome.reason = "; ".join(f"level {row.level} {row.title}" for row in failed[:3])
        outcome.message = report.as_table()
        outcome.broken.append("clean output fails its verification")
    else:
        outcome.verdict = "not verifiable"
        outcome.reason = report.problem or "nothing was compared"
        outcome.message = report.as_table()


def serve() -> None:
    """Answers lines of JSON until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        for line in sys.stdin:
            answers.write(json.dumps(asdict(attempt(**json.loads(line)))) + "\n")
            answers.flush()
    finally:
        for session in _sessions.values():
            session.close()


# --- in the driver -----------------------------------------------------------------------------


class Worker:
    """A worker process with a time limit per file; it is replaced when it overruns or dies."""

    def __init__(self, hash_seed: int) -> None:
        self.environment = os.environ | {
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "benchmarks"))),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, job: dict[str, Any], timeout: float) -> Outcome:
        """The outcome of one file."""
        process = self.process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        answer = b""
        end = time.monotonic() + timeout
        while not answer.endswith(b"\n"):
            if not select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                return self._lost(job, "timeout", f"no answer within {timeout:g} s")
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return self._lost(job, "crash", "the worker process died")
            answer += part
        return Outcome(**json.loads(answer))

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", "import corpora; corpora.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            start_new_session=True,
        )

    def _lost(self, job: dict[str, Any], status: str, reason: str) -> Outcome:
        self.close()
        file = str(Path(job["file"]).relative_to(job["base"]))
        return Outcome(file, status, broken=[status], reason=reason, message=reason)

    def close(self) -> None:
        """Ends the process."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


def candidates(folder: Path) -> Iterator[Path]:
    """The Python files and notebooks that name Keras and build a model."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".ipynb") and path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            if "keras" in text and MODEL.search(text):
                yield path


def run(folder: Path, options: argparse.Namespace) -> list[Outcome]:
    """Converts the files of one corpus, `options.jobs` at a time."""
    files = list(candidates(folder))[: options.limit]
    timeout = options.timeout + (4 * options.verify_timeout if options.verify else 0)

    def share(number: int) -> list[tuple[int, Outcome]]:
        worker, other = Worker(0), Worker(1) if options.seeds else None
        done = []
        for index in range(number, len(files), options.jobs):
            path = files[index]
            name = str(path.relative_to(folder))
            if path.suffix == ".ipynb":
                done.append((index, Outcome(name, "notebook")))
                continue
            job = {"file": str(path), "base": str(folder), "verify": options.verify}
            job["seconds"] = options.verify_timeout
            outcome = worker.ask(job, timeout)
            if other is not None and outcome.digest:
                again = other.ask(job | {"verify": False}, options.timeout)
                if again.digest != outcome.digest:
                    outcome.broken.append("the output depends on the hash seed")
            done.append((index, outcome))
            marks = (outcome.status, outcome.verdict, outcome.reason, *outcome.broken)
            print(name, *filter(None, marks), sep=": ", file=sys.stderr, flush=True)
        for used in filter(None, (worker, other)):
            used.close()
        return done

    with ThreadPoolExecutor(options.jobs) as pool:
        shares = [pair for done in pool.map(share, range(options.jobs)) for pair in done]
    return [outcome for _, outcome in sorted(shares, key=lambda pair: pair[0])]


# --- the page ----------------------------------------------------------------------------------


def page(corpora: dict[str, list[Outcome]], options: argparse.Namespace) -> str:
    """The whole page, in Markdown."""
    parts = ["# Real Keras files\n\n" + _introduction(corpora, options)]
    parts.append("## Files\n\n" + _summary(corpora, options))
    parts.append("## Diagnostics by code\n\n" + _by_code(corpora))
    if options.verify:
        parts.append("## Verification of what converted clean\n\n" + _reasons(corpora))
    broken = _broken(corpora)
    if broken:
        parts.append("## Broken promises\n\n" + broken)
    return "\n".join(parts)


def _introduction(corpora: dict[str, list[Outcome]], options: argparse.Namespace) -> str:
    flags = [f"--corpus '{name}=FOLDER'" for name in corpora]
    flags += [flag for flag in ("--verify", "--seeds") if getattr(options, flag[2:])]
    command = " \\\n    ".join(["python benchmarks/corpora.py", *flags, "-o docs/corpora.md"])
    packages = ", ".join(f"{name} {_version(name)}" for name in ("keras", "tf_keras", "torch"))
    text = (
        "Written by `benchmarks/corpora.py`; do not edit. It converts every Python file that\n"
        "names Keras and builds a model, and checks each output: it is Python, and converting\n"
        "it again changes nothing"
    )
    text += (
        ".\n"
        if not options.verify
        else (
            ". What converted clean is then run against its source (see\n"
            "`transpile verify`): forward, loss, gradients and optimizer steps.\n"
        )
    )
    python = platform.python_version()
    return f"{text}\n```sh\n{command}\n```\n\nPython {python}, {packages}.\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _summary(corpora: dict[str, list[Outcome]], options: argparse.Namespace) -> str:
    def count(status: str) -> list[str]:
        return [str(sum(o.status == status for o in outcomes)) for outcomes in corpora.values()]

    def share(*statuses: str) -> list[str]:
        cells = []
        for outcomes in corpora.values():
            tried = sum(o.status in ("clean", "notes", "diagnostics") for o in outcomes)
            number = sum(o.status in statuses for o in outcomes)
            cells.append(f"{number} ({100 * number / tried:.0f}%)" if tried else str(number))
        return cells

    def verdict(verdict: str) -> list[str]:
        return [str(sum(o.verdict == verdict for o in outcomes)) for outcomes in corpora.values()]

    def lines() -> list[str]:
        return [f"{sum(o.lines for o in outcomes):,}" for outcomes in corpora.values()]

    rows = [
        ["files that name Keras and build a model", *(str(len(o)) for o in corpora.values())],
        ["notebooks, not read yet", *count("notebook")],
        ["unusable (Python 2, not Python)", *count("unusable")],
        ["untouched (the file imports no Keras)", *count("untouched")],
        ["lines of Python tried", *lines()],
        ["converted, nothing to say", *share("clean")],
        ["converted, with notes only", *share("notes")],
        ["converted, something left for a person", *share("diagnostics")],
    ]
    if options.verify:
        clean = [str(sum(o.verdict != "" for o in outcomes)) for outcomes in corpora.values()]
        rows += [
            ["clean or notes only, with a model: run", *clean],
            ["- verified", *verdict("verified")],
            ["- not verifiable (reasons below)", *verdict("not verifiable")],
            ["- **failed**", *verdict("FAILED")],
        ]
    rows += [["**crashed**", *count("crash")], ["**no answer in time**", *count("timeout")]]
    promises = ["the output is not Python", "a second conversion changes the output"]
    if options.seeds:
        promises.append("the output depends on the hash seed")
    for promise in promises:
        cells = [str(sum(promise in o.broken for o in outcomes)) for outcomes in corpora.values()]
        rows.append([f"**{promise}**", *cells])
    return _table(["", *corpora], rows)


def _by_code(corpora: dict[str, list[Outcome]]) -> str:
    sys.path.insert(0, str(ROOT))
    from transpile.codes import CODES

    everything = [o for outcomes in corpora.values() for o in outcomes]
    files = Counter(code for o in everything for code in set(o.codes))
    times = Counter(code for o in everything for code in o.codes)
    alone = Counter(
        next(iter(kinds)) for o in everything if len(kinds := {c for c in o.codes if CODES[c].level != "note"}) == 1
    )
    ranked = sorted(files, key=lambda code: (-files[code], code))
    rows = [
        [
            code,
            CODES[code].level,
            CODES[code].title,
            str(files[code]),
            str(times[code]),
            str(alone[code]),
        ]
        for code in ranked[:TOP]
    ]
    text = _table(["code", "level", "title", "files", "times", "only obstacle in"], rows)
    if len(ranked) > TOP:
        text += f"\nThe {TOP} commonest of {len(ranked)} codes.\n"
    return text


def _reasons(corpora: dict[str, list[Outcome]]) -> str:
    everything = [o for outcomes in corpora.values() for o in outcomes if o.verdict]
    tally = Counter((o.verdict, _kind(o.reason)) for o in everything)
    order = {"verified": 0, "FAILED": 1, "not verifiable": 2}
    ranked = sorted(tally.items(), key=lambda item: (order[item[0][0]], -item[1], item[0]))
    rows = [[verdict, reason or "-", str(number)] for (verdict, reason), number in ranked]
    return _table(["verdict", "reason", "files"], rows)


def _kind(reason: str) -> str:
    """A reason without what differs from file to file."""
    first = reason.splitlines()[0] if reason else ""
    first = re.sub(r"(?:/[\w.+-]+)+/", "", first)  # no folders of this machine
    return first if len(first) <= 110 else first[:107] + "..."


def _broken(corpora: dict[str, list[Outcome]]) -> str:
    rows = [
        [name, f"`{o.file}`", "; ".join(o.broken), _kind(o.reason) or "-"]
        for name, outcomes in corpora.items()
        for o in outcomes
        if o.broken
    ]
    return _table(["corpus", "file", "what", "detail"], rows) if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |\n" for row in lines)


def corpus(text: str) -> tuple[str, Path]:
    """NAME=FOLDER as given on the command line."""
    name, separator, folder = text.rpartition("=")
    if not separator or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER with a folder that exists")
    return name, Path(folder).resolve()


def main() -> int:
    """Runs the command; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", type=corpus, action="append", metavar="NAME=FOLDER")
    parser.add_argument("--verify", action="store_true", help="run what converted clean")
    parser.add_argument("--seeds", action="store_true", help="also convert under another hash seed")
    parser.add_argument("--limit", type=int, help="files of each corpus")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds per conversion")
    parser.add_argument("--verify-timeout", type=float, default=120.0, help="seconds per check")
    parser.add_argument("--json", type=Path, help="every outcome, for looking into")
    parser.add_argument("-o", "--output", type=Path, help="the page; standard output without it")
    options = parser.parse_args()

    chosen = options.corpus or [("fixtures", ROOT / "fixtures/cases")]
    corpora = {name: run(folder, options) for name, folder in chosen}
    text = page(corpora, options)
    if options.output:
        options.output.write_text(text)
    else:
        print(text)
    if options.json:
        data = {name: [asdict(o) for o in outcomes] for name, outcomes in corpora.items()}
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return int(any(o.broken for outcomes in corpora.values() for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
