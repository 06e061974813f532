"""`python -m tests.fuzz N [SEED]`: converts and verifies N random Keras programs.

Prints the counts, the refusals by code, and a shrunk program for every defect that is found.
Found programs are written to build/fuzz/ with what the verification said. Exit status 1 if
there was a mismatch or a crash.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as with_seed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from transpile.verify import Session

from .outcome import Outcome, outcome
from .programs import keras_program

BATCH = 25  # programs of one run of hypothesis; a defect ends its run, shrunk
FOLDER = Path("build/fuzz")


class Defect(Exception):
    """Makes hypothesis shrink the program."""


@dataclass
class Tally:
    """What was found so far."""

    counts: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    found: dict[str, tuple[str, Outcome]] = field(default_factory=dict)  # by what it says: the smallest
    times: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.counts.total()


def run(count: int, seed: int, shrink: bool, check: Callable[[str], Outcome], show: Callable[[Tally], None]) -> Tally:
    """Runs at least `count` programs."""
    tally, number = Tally(), 0
    while tally.total < count:
        batch(min(BATCH, count - tally.total), seed * 100_000 + number, shrink, tally, check, show)
        number += 1
    return tally


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


def main(arguments: list[str]) -> int:
    shrink = "--no-shrink" not in arguments
    numbers = [int(a) for a in arguments if not a.startswith("-")]
    count, seed = numbers[0] if numbers else 100, numbers[1] if len(numbers) > 1 else 1
    console, began = Console(stderr=True), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Session(device="cpu", timeout=120) as session, Progress(*columns, console=console) as progress:
        task = progress.add_task("programs", total=count)

        def show(tally: Tally) -> None:
            defects = tally.counts["mismatch"] + tally.counts["crash"]
            progress.update(task, completed=tally.total, description=f"{defects} defects")

        tally = run(count, seed, shrink, lambda text: outcome(text, session), show)
    write(tally)
    print(summary(tally, seed, time.monotonic() - began))
    return int(bool(tally.counts["mismatch"] or tally.counts["crash"]))


def write(tally: Tally) -> None:
    """One file for every defect, the smallest program that shows it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, (says, (program, result)) in enumerate(tally.found.items()):
        comment = "\n".join(f"# {line}" for line in f"{result.kind}: {says}\n{result.detail}".splitlines())
        (FOLDER / f"{number}.py").write_text(f"{program}\n{comment}\n")


def summary(tally: Tally, seed: int, seconds: float) -> str:
    """The counts, as docs/fuzz.md shows them."""
    lines = [f"{tally.total} programs, seed {seed}, {seconds:.0f} s"]
    lines += [f"  {kind}: {tally.counts[kind]}" for kind in ("verified", "refused", "mismatch", "crash", "invalid")]
    lines += [f"  refused with {codes}: {n}" for codes, n in tally.codes.most_common()]
    lines += [f"  {n} x {says}" for says, n in tally.times.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
