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
from hypothesis import strategies as st

from transpile.verify import Device, KerasBackend, Session

from . import programs, torch_programs
from .dice import Dice, Draw, RandomDice
from .outcome import Outcome, outcome, outcome_back, outcome_of_torch

BATCH = 25  # programs of one run of hypothesis; a defect ends its run, shrunk


Write = Callable[[Dice], str]
Judge = Callable[[str, Session], Outcome]
# direction -> what writes its programs, and what becomes of them
DIRECTIONS: dict[str, tuple[Write, Judge]] = {
    "keras2torch": (programs.written, outcome),
    "torch2keras": (torch_programs.written, outcome_of_torch),
    "back": (programs.written, outcome_back),
}


class Defect(Exception):
    """Makes hypothesis shrink the program."""


@dataclass
class Tally:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # of refusals, one by one
    whole: int = 0  # verified programs that were run to their end on both sides
    found: dict[str, tuple[str, Outcome]] = field(default_factory=dict)  # by what it says: the smallest
    times: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)  # every program with a defect

    @property
    def total(self) -> int:
        return self.counts.total()

    def note(self, program: str, result: Outcome) -> None:
        """One more program and what became of it."""
        self.counts[result.kind] += 1
        self.whole += result.kind == "verified" and result.says == "whole"
        if result.kind == "refused":
            self.codes[result.says] += 1
            self.reasons.update(set(result.detail.splitlines()))
        if result.defect:
            self.times[result.says] += 1
            self.failed.append(program)
            self.keep(program, result)

    def keep(self, program: str, result: Outcome) -> None:
        """The smallest program for each defect."""
        if result.says not in self.found or len(program) < len(self.found[result.says][0]):
            self.found[result.says] = program, result

    def add(self, other: Tally) -> None:
        """What another process found."""
        self.counts += other.counts
        self.codes += other.codes
        self.reasons += other.reasons
        self.whole += other.whole
        self.times += other.times
        self.failed += other.failed
        for program, result in other.found.values():
            self.keep(program, result)


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
    device: Device = "cpu"


def run(plan: Plan, show: Callable[[Tally], None] = lambda tally: None) -> Tally:
    """Runs the programs of a plan, or as many as its seconds allow."""
    tally, number, end = Tally(), plan.first, time.monotonic() + plan.seconds
    write, judge = DIRECTIONS[plan.direction]
    with Session(device=plan.device, timeout=120, backend=plan.backend) as session:
        while tally.total < plan.count and time.monotonic() < end:
            size = min(BATCH, plan.count - tally.total)
            seed = plan.seed * 100_000 + number
            if plan.shrink:
                batch(write, size, seed, tally, lambda text: judge(text, session), show)
            else:
                for one in range(size):
                    text = write(RandomDice(seed * BATCH + one))
                    tally.note(text, judge(text, session))
                    show(tally)
            number += plan.step
    return tally


def again(programs: Sequence[str], plan: Plan) -> Tally:
    """The same programs once more, with another backend perhaps."""
    tally = Tally()
    judge = DIRECTIONS[plan.direction][1]
    with Session(device=plan.device, timeout=120, backend=plan.backend) as session:
        for program in programs:
            tally.note(program, judge(program, session))
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


@st.composite
def drawn(draw: Draw, write: Write) -> str:
    """A program that hypothesis can shrink."""
    return write(Dice(draw))


def batch(
    write: Write, size: int, seed: int, tally: Tally, check: Callable[[str], Outcome], show: Callable[[Tally], None]
) -> None:
    """Some programs; a defect that is new is shrunk."""
    known, raised = set(tally.found), ""

    def examine(program: str) -> None:
        nonlocal raised
        result = check(program)
        if not raised:
            tally.note(program, result)
            show(tally)
        if not result.defect or result.says in known or (raised and result.says != raised):
            return
        tally.keep(program, result)
        raised = result.says
        raise Defect(result.says)

    test = settings(
        max_examples=size,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )(given(drawn(write))(examine))
    with contextlib.suppress(Defect):
        with_seed(seed)(test)()
