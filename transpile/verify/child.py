"""The process that runs the two programs: `python -m transpile.verify.child [--legacy]`.

Reads one job per line (JSON) from standard input, writes one answer per line to the standard
output that it was given; the programs' own output goes nowhere. Ends with its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import site
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from transpile.verify.job import Job, from_dict
from transpile.verify.programs import described, search_path


def main() -> int:
    """Serves jobs until standard input ends."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    _limit_files()
    requests, answers = _own_streams()
    served = _Server("--legacy" in sys.argv[1:])
    for line in requests:
        answer = served.answer(json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


class _Server:
    """Imports the frameworks once, then answers."""

    def __init__(self, legacy: bool) -> None:
        self.legacy = legacy
        self.sides: tuple[Any, Any] | None = None

    def answer(self, data: dict[str, Any]) -> dict[str, Any]:
        """The report, or why there is none. `api`: another Keras may run the program.

        `old` beside a report: another Keras may run the program to its end.
        """
        job = from_dict(data)
        _limit_cpu(job.cpu_seconds)
        try:
            sides = self.import_frameworks(job.device)
        except ImportError as error:
            return {"problem": f"verification needs {error.name}: {error}", "api": False}
        from transpile.verify.check import Check
        from transpile.verify.subject import KerasProblem, Unbuildable

        with _scratch(job):
            try:
                check = Check(job, *sides)
                return {"report": check.run().to_dict(), "old": check.old}
            except KerasProblem as problem:
                return {"problem": str(problem), "api": problem.api}
            except Unbuildable as problem:
                return {"problem": str(problem), "api": False}
            except MemoryError:
                return {"problem": "not enough memory", "api": False}
            except Exception as error:
                return {"problem": described(error, "keras_program"), "api": False}

    def import_frameworks(self, device: str) -> tuple[Any, Any]:
        """Both sides, imported on first use: Keras before PyTorch."""
        if self.sides is None:
            from transpile.verify.keras_side import KerasSide

            keras = KerasSide(self.legacy, os.environ["KERAS_BACKEND"])  # type: ignore[arg-type]
            keras.backend.settle(device)
            from transpile.verify.torch_side import TorchSide

            self.sides = keras, TorchSide()
        return self.sides


@contextlib.contextmanager
def _scratch(job: Job) -> Iterator[None]:
    """An empty working directory, and the process's state as it was afterwards."""
    before = Path.cwd(), list(sys.path), list(sys.argv), dict(os.environ)
    modules = set(sys.modules)
    folders = search_path(job.keras_filename) + search_path(job.torch_filename)
    scratch = tempfile.mkdtemp(prefix="transpile-verify-")
    if 6 in job.levels and folders:
        _copy_beside(Path(folders[0]), Path(scratch))
    os.chdir(scratch)
    sys.path[:0] = folders
    sys.argv[:] = [job.keras_filename]
    try:
        yield
    finally:
        os.chdir(before[0])
        sys.path[:], sys.argv[:] = before[1], before[2]
        os.environ.clear()
        os.environ.update(before[3])
        _forget_modules(modules, folders)
        shutil.rmtree(scratch, ignore_errors=True)


BESIDE = 50 << 20  # bytes of the program's own data that are copied


def _copy_beside(folder: Path, scratch: Path) -> None:
    """What lies beside the program and is no program: its data, where that is small."""
    room = BESIDE
    for path in sorted(p for p in folder.iterdir() if p.is_file() and p.suffix not in {".py", ".pyc"}):
        room -= path.stat().st_size
        if room > 0:
            shutil.copy(path, scratch)


def _forget_modules(before: set[str], folders: list[str]) -> None:
    """Unloads what the programs imported from their own folders.

    Not what is installed: a virtual environment often lies beside the program, and a part of a
    framework that was imported late registers its operators only once.
    """
    installed = [Path(folder) for folder in (*site.getsitepackages(), site.getusersitepackages())]
    for name in set(sys.modules) - before:
        file = Path(getattr(sys.modules[name], "__file__", None) or os.devnull)
        beside = any(file.is_relative_to(folder) for folder in folders)
        own = beside and not any(file.is_relative_to(folder) for folder in installed)
        if own or name in {"keras_program", "torch_program"}:
            del sys.modules[name]


def _own_streams() -> tuple[IO[str], IO[str]]:
    """Keeps the pipes for ourselves and gives the programs the null device."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(null, number)
    return requests, answers


def _limit_files() -> None:
    """No core files, no huge output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))


def _limit_cpu(seconds: int) -> None:
    """Processor time for the next job, counted from now (all threads)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds + 1, hard))


def _end_with_parent(parent: int) -> None:
    """A child whose parent is gone ends, and takes its process group along."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.killpg(os.getpgid(0), 9)


if __name__ == "__main__":
    raise SystemExit(main())
