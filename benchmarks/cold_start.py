"""How long a conversion takes, against its floor (`make bench`).

Cold start: the whole process `transpile keras2torch FILE`, divided by the time that Python needs to
import libcst, jinja2 and black and do nothing. Both alternate within one run and the medians are
divided, so that the ratio says the same on a slow machine; processor time is counted, which other
work on the machine disturbs least. The .pyc files of both lie in a folder of their own, whatever the
environment says of them. Then: lines per second over a directory in one process, and the peak
memory of that.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "fixtures/cases/digits_convnet/keras.py"
FLOOR = ("-c", "import libcst, jinja2, black")
LIMIT = 1.5


def seconds(cache: str, *arguments: str) -> float:
    """The processor time of one Python process that keeps its .pyc files in `cache`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cold_start(file: Path, rounds: int) -> tuple[float, float]:
    """Median seconds of the floor and of a conversion."""
    conversion = ("-m", "transpile", "keras2torch", str(file))
    with tempfile.TemporaryDirectory() as cache:
        seconds(cache, *FLOOR), seconds(cache, *conversion)  # writes the .pyc files
        pairs = [(seconds(cache, *FLOOR), seconds(cache, *conversion)) for _ in range(rounds)]
    floor, whole = zip(*pairs, strict=True)
    return statistics.median(floor), statistics.median(whole)


def throughput(directory: Path) -> tuple[int, int, float]:
    """Files, lines and seconds of converting every Keras program below a directory."""
    from transpile import UnusableInput, keras2torch

    sources = [path.read_text() for path in sorted(directory.rglob("keras.py"))]
    keras2torch(sources[0])  # imports everything
    start = time.perf_counter()
    for source in sources:
        try:
            keras2torch(source)
        except UnusableInput as error:
            print(f"  unusable: {error}")
    return len(sources), sum(s.count("\n") for s in sources), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", type=Path, default=ROOT / "fixtures/cases")
    options = parser.parse_args()
    floor, whole = cold_start(FILE, options.rounds)
    print(f"floor (python + libcst + jinja2 + black)  {floor * 1000:6.0f} ms")
    print(f"transpile keras2torch {FILE.parent.name:<20}{whole * 1000:6.0f} ms")
    print(f"ratio                                     {whole / floor:6.2f}    (limit {LIMIT})")
    files, lines, taken = throughput(options.directory)
    print(f"{files} files, {lines} lines in one process: {lines / taken:.0f} lines/s")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
