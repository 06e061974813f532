"""Runs random programs, in this process or in several."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed

from transpile.verify import KerasBackend, Session

from .outcome import Outcome, outcome, outcome_back
from .programs import keras_program

BATCH = 25  # programs of one run of hypothesis; a defect ends its run, shrunk


class Defect(Exception):
    """Makes hypothesis shrink the program."""


@dataclass
class Tally:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    found: dict[str, tuple[str, Outcome]] = field(default_factory=dict)  # by what it says: the smallest
    times: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)  # every program with a defect

    @property
    def total(self) -> int:
        return self.counts.total()

    def add(self, other: Tally) -> None:
        """What another process found."""
        self.counts += other.counts
        self.codes += other.codes
        self.times += other.times
        self.failed += other.failed
        for says, (program, result) in other.found.items():
            if says not in self.found or len(program) < len(self.found[says][0]):
                self.found[says] = program, result


@dataclass(frozen=True)
class Plan:
    """What one process does: every `step`-th run of hypothesis from `first` on."""

    count: int
    seed: int
    first: int = 0
    step: int = 1
    seconds: float = float("inf")
    shrink: bool = True
    direction: str = "keras2torch"
    backend: KerasBackend = "auto"


def run(plan: Plan, show: Callable[[Tally], None] = lambda tally: None) -> Tally:
    """Runs the programs of a plan, or as many as its seconds allow."""
    tally, number, end = Tally(), plan.first, time.monotonic() + plan.seconds
    judge = outcome_back if plan.direction == "torch2keras" else outcome
    with Session(device="cpu", timeout=120, backend=plan.backend) as session:
        while tally.total < plan.count and time.monotonic() < end:
            size = min(BATCH, plan.count - tally.total)
            batch(size, plan.seed * 100_000 + number, plan.shrink, tally, lambda text: judge(text, session), show)
            number += plan.step
    return tally


def again(programs: Sequence[str], plan: Plan) -> Tally:
    """The same programs once more, with another backend perhaps."""
    tally = Tally()
    judge = outcome_back if plan.direction == "torch2keras" else outcome
    with Session(device="cpu", timeout=120, backend=plan.backend) as session:
        for program in programs:
            result = judge(program, session)
            tally.counts[result.kind] += 1
            if result.kind == "refused":
                tally.codes[result.says] += 1
            if result.defect:
                tally.times[result.says] += 1
                tally.failed.append(program)
                tally.found.setdefault(result.says, (program, result))
    return tally


def together(plan: Plan, jobs: int) -> Tally:
    """The same by several processes; what is found is not shrunk."""
    parts = [
        replace(plan, count=plan.count * (k + 1) // jobs - plan.count * k // jobs, first=k, step=jobs, shrink=False)
        for k in range(jobs)
    ]
    whole = Tally()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for tally in pool.map(run, parts):
            whole.add(tally)
    return whole


def batch(
    size: int, seed: int, shrink: bool, tally: Tally, check: Callable[[str], Outcome], show: Callable[[Tally], None]
) -> None:
    """Some programs; a defect that is new is shrunk."""
    known, raised = set(tally.found), ""

    def examine(program: str) -> None:
        nonlocal raised
        result = check(program)
        if not raised:
            tally.counts[result.kind] += 1
            if result.kind == "refused":
                tally.codes[result.says] += 1
            if result.defect:
                tally.times[result.says] += 1
                tally.failed.append(program)
            show(tally)
        if not result.defect or result.says in known or (raised and result.says != raised):
            return
        smaller = result.says not in tally.found or len(program) < len(tally.found[result.says][0])
        if smaller:
            tally.found[result.says] = program, result
        if shrink:
            raised = result.says
            raise Defect(result.says)
        known.add(result.says)

    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    test = settings(
        max_examples=size,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )(given(keras_program())(examine))
    with contextlib.suppress(Defect):
        with_seed(seed)(test)()
