"""`python -m tests.fuzz N [SEED]`: converts and verifies N random Keras programs.

`--direction torch2keras` makes random PyTorch programs; `--direction back` takes the PyTorch programs that
the Keras programs become, converts those to Keras, and compares with them.

Prints the counts, the refusals by code, and a shrunk program for every defect that is found.
Found programs are written to build/fuzz/ with what the verification said. Exit status 1 if
there was a mismatch or a crash. `--jobs` shares the work out among processes.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from transpile.verify import Device, KerasBackend

from .running import DIRECTIONS, Plan, Tally, again, run, together


def main(arguments: list[str]) -> int:
    parser = ArgumentParser(prog="python -m tests.fuzz", description="Converts and verifies random programs.")
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("seed", nargs="?", type=int, default=1)
    parser.add_argument("--direction", choices=sorted(DIRECTIONS), default="keras2torch")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no more programs after that")
    parser.add_argument("--keras-backend", choices=get_args(KerasBackend), default="auto")
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--again", type=Path, help="run the programs of a failed.json instead")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    given = parser.parse_args(arguments)
    began = time.monotonic()
    plan = Plan(
        given.count, given.seed, seconds=given.seconds, shrink=not given.no_shrink,
        direction=given.direction, backend=given.keras_backend, device=given.device,
    )  # fmt: skip
    if given.again:
        tally = again(json.loads(given.again.read_text()), plan)
    else:
        tally = together(plan, given.jobs) if given.jobs > 1 else watched(plan, given.out)
    write(tally, given.out)
    text = summary(tally, plan, time.monotonic() - began)
    (given.out / "failed.json").write_text(json.dumps(tally.failed, indent=0))
    (given.out / "summary.txt").write_text(text + "\n")
    print(text)
    return int(bool(tally.counts["mismatch"] or tally.counts["crash"]))


def watched(plan: Plan, folder: Path) -> Tally:
    """With a bar that moves; what was found so far is written now and then."""
    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("programs", total=plan.count)

        def show(tally: Tally) -> None:
            defects = tally.counts["mismatch"] + tally.counts["crash"]
            progress.update(task, completed=tally.total, description=f"{defects} defects")
            if tally.total % 25 == 0:
                write(tally, folder)
                (folder / "summary.txt").write_text(summary(tally, plan, time.monotonic() - began) + "\n")

        return run(plan, show)


def write(tally: Tally, folder: Path) -> None:
    """One file for every defect, the smallest program that shows it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (says, (program, result)) in enumerate(tally.found.items()):
        comment = "\n".join(f"# {line}" for line in f"{result.kind}: {says}\n{result.detail}".splitlines())
        (folder / f"{number}.py").write_text(f"{program}\n{comment}\n")


def summary(tally: Tally, plan: Plan, seconds: float) -> str:
    """The counts, as docs/fuzz.md shows them."""
    lines = [f"{plan.direction}: {tally.total} programs, seed {plan.seed}, {seconds:.0f} s"]
    lines += [f"  {kind}: {tally.counts[kind]}" for kind in ("verified", "refused", "mismatch", "crash", "invalid")]
    lines.insert(2, f"    of them run to their end on both sides: {tally.whole}")
    lines += [f"  refused with {codes}: {n}" for codes, n in tally.codes.most_common()]
    lines += [f"    {n} x {reason}" for reason, n in tally.reasons.most_common(40)]
    lines += [f"  {n} x {says}" for says, n in tally.times.most_common()]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
