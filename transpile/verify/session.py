"""Verification from the outside: child processes, limits, and what to say when one dies.

No framework is imported here.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from transpile.result import ModelPair
from transpile.verify.backends import installed
from transpile.verify.job import Device, Job, KerasBackend, Reference
from transpile.verify.memory import usage
from transpile.verify.report import Report, from_dict
from transpile.verify.whole_record import Cuts

TIMEOUT = 300.0
NO_CUTS = Cuts()
MEMORY = 8 << 30
PROCESSES = 64  # that the programs may have at a time
POLL = 0.25


class ChildProblem(Exception):
    """The child ended, or was ended, before it answered."""


class Child:
    """One child process, used for many comparisons."""

    def __init__(self, legacy: bool, device: Device, backend: str = "tensorflow") -> None:
        environment = dict(os.environ)
        environment.update(
            TF_CPP_MIN_LOG_LEVEL="3",
            TF_ENABLE_ONEDNN_OPTS=environment.get("TF_ENABLE_ONEDNN_OPTS", "1"),
            KERAS_BACKEND=backend,
            TF_USE_LEGACY_KERAS="1" if legacy else "0",
            OMP_NUM_THREADS=environment.get("OMP_NUM_THREADS", "2"),
            MPLBACKEND="Agg",
            PYTHONWARNINGS="ignore",
            PYTHONHASHSEED="0",
            CUBLAS_WORKSPACE_CONFIG=":4096:8",  # deterministic matrix products
            XLA_FLAGS=f"{environment.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true".strip(),
            XLA_PYTHON_CLIENT_PREALLOCATE="false",
        )
        if device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        root = os.fspath(Path(__file__).resolve().parents[2])
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, path)))
        # -P: the programs' folder must not come before the standard library
        command = [sys.executable, "-P", "-m", "transpile.verify.child"]
        self.process = subprocess.Popen(
            command + (["--legacy"] if legacy else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )

    def ask(self, job: Job, timeout: float, memory: int) -> dict[str, Any]:
        """The answer to one job; ChildProblem when there is none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = json.dumps(job.to_dict()).encode() + b"\n"
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ChildProblem(self.death()) from None
        answer = self._wait(self.process.stdout, time.monotonic() + timeout, timeout, memory)
        result: dict[str, Any] = json.loads(answer)
        return result

    def _wait(self, stream: IO[bytes], end: float, timeout: float, memory: int) -> bytes:
        parts: list[bytes] = []
        while True:
            ready, _, _ = select.select([stream], [], [], POLL)
            if ready:
                part = os.read(stream.fileno(), 1 << 16)
                if not part:
                    raise ChildProblem(self.death())
                parts.append(part)
                if part.endswith(b"\n"):
                    return b"".join(parts)
            elif time.monotonic() > end:
                raise ChildProblem(f"stopped after {timeout:g} seconds")
            else:
                held, count = usage(self.process.pid)
                if held > memory:
                    raise ChildProblem(f"stopped at {memory / 2**30:.1f} GiB of memory")
                if count > PROCESSES:
                    raise ChildProblem(f"stopped at {count} processes")

    def death(self) -> str:
        """How the child ended."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "the process closed its output"
        if code == -signal.SIGXCPU:
            return "stopped: the limit of processor time is used up"
        if code < 0:
            try:
                name = signal.Signals(-code).name
            except ValueError:
                name = str(-code)
            return f"the process that ran the programs crashed ({name})"
        return f"the process that ran the programs ended with status {code}"

    def close(self) -> None:
        """Ends the process and whatever it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Session:
    """Compares many pairs of programs with one import of the frameworks.

    Every comparison starts from a cleared Keras session, fresh namespaces and an empty
    working directory. A child that crashes or overruns is replaced.
    """

    def __init__(
        self,
        *,
        device: Device = "cpu",
        timeout: float = TIMEOUT,
        memory: int = MEMORY,
        backend: KerasBackend = "auto",
    ) -> None:
        self.device, self.timeout, self.memory = device, timeout, memory
        self.backend = installed() if backend == "auto" else backend
        self._children: dict[bool, Child] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child processes."""
        for child in self._children.values():
            child.close()
        self._children.clear()

    def verify(
        self,
        keras_source: str,
        torch_source: str,
        pairs: Sequence[ModelPair],
        *,
        keras_filename: str = "keras.py",
        torch_filename: str = "torch.py",
        modern_source: str | None = None,
        steps: int = 10,
        levels: Sequence[int] = (1, 2, 3, 4, 5),
        smoke: bool = True,
        reference: Reference = "keras",
        cuts: Cuts = NO_CUTS,
    ) -> Report:
        """Compares two programs (see `transpile.verify.verify`)."""
        programs = (keras_source, torch_source, tuple(pairs), keras_filename, torch_filename)
        limit = int(4 * self.timeout)
        job = Job(
            *programs, self.device, steps, tuple(levels), smoke,
            cpu_seconds=limit, reference=reference, max_epochs=cuts.epochs, max_batches=cuts.batches,
            max_samples=cuts.samples,
        )  # fmt: skip
        first, old = self._ask(job, legacy=False)
        if not old or reference == "torch":
            return first
        notes: list[str] = []
        if modern_source is not None and modern_source != keras_source:
            report, problem = self._ask(replace(job, keras_source=modern_source), legacy=False)
            if not report.problem and not problem:
                return _respelled(report, old)
            notes.append(f"in its Keras 3 spelling: {report.problem or problem}")
        if self.backend != "tensorflow":
            return first.with_notes(*notes)  # tf_keras runs on TensorFlow alone
        report, problem = self._ask(job, legacy=True)
        if not report.problem and not problem:
            return report.with_notes(f"does not run on Keras 3: {old}", *notes)
        return first.with_notes(*notes, f"tf_keras: {report.problem or problem}")

    def _child(self, legacy: bool) -> Child:
        """A process that has most of the memory for this comparison: what earlier ones left must not stop it."""
        child = self._children.get(legacy)
        if child is not None and usage(child.process.pid)[0] > self.memory / 2:
            child.close()
            child = None
        self._children[legacy] = child or Child(legacy, self.device, self.backend)
        return self._children[legacy]

    def _ask(self, job: Job, legacy: bool) -> tuple[Report, str]:
        """The report, and where another Keras may run the program why this one does not."""
        began = time.monotonic()
        child = self._child(legacy)
        try:
            answer = child.ask(job, self.timeout, self.memory)
        except ChildProblem as problem:
            self._children.pop(legacy).close()
            return Report(problem=str(problem), seconds=time.monotonic() - began), ""
        except BaseException:
            self._children.pop(legacy).close()
            raise
        if "report" in answer:
            return from_dict(answer["report"]), answer["old"]
        seconds = time.monotonic() - began
        return Report(problem=answer["problem"], seconds=seconds), answer["problem"] if answer["api"] else ""


def _respelled(report: Report, problem: str) -> Report:
    named = replace(report, keras=f"{report.keras}, source respelled in Keras 3")
    return named.with_notes(f"compared in its Keras 3 spelling; as written: {problem}")


def verify(
    keras_source: str,
    torch_source: str,
    pairs: Sequence[ModelPair],
    *,
    keras_filename: str = "keras.py",
    torch_filename: str = "torch.py",
    modern_source: str | None = None,
    device: Device = "auto",
    timeout: float = TIMEOUT,
    memory: int = MEMORY,
    steps: int = 10,
    levels: Sequence[int] = (1, 2, 3, 4, 5),
    reference: Reference = "keras",
    cuts: Cuts = NO_CUTS,
    backend: KerasBackend = "auto",
) -> Report:
    """Runs both programs as far as their models, in a child process, and compares them.

    `pairs` says which expressions give the models and how their weights correspond.
    `modern_source` is the Keras program in its Keras 3 spelling, for one that does not run on
    Keras 3 as it is; tf_keras is tried last. `timeout` is in seconds, `memory` in bytes.
    `reference` is the framework of the original, `backend` what Keras computes on.
    """
    with Session(device=device, timeout=timeout, memory=memory, backend=backend) as session:
        return session.verify(
            keras_source,
            torch_source,
            pairs,
            keras_filename=keras_filename,
            torch_filename=torch_filename,
            modern_source=modern_source,
            steps=steps,
            levels=levels,
            reference=reference,
            cuts=cuts,
        )
