"""How much memory a process group holds, and how many processes it has.

Limits on the address space break TensorFlow and PyTorch, which reserve far more than they
use; so the parent looks at what is resident, and ends a child that holds too much.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PROC = Path("/proc")


def resident_bytes(group: int) -> int:
    """The resident memory of all processes of the group; 0 where it cannot be told."""
    return usage(group)[0]


def usage(group: int) -> tuple[int, int]:
    """The resident memory of the group, and the number of its processes."""
    if _PROC.joinpath("self/stat").exists():
        return _from_proc(group)
    return _from_ps(group)


def _from_proc(group: int) -> tuple[int, int]:
    page, total, count = os.sysconf("SC_PAGE_SIZE"), 0, 0
    for folder in _PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            text = (folder / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        fields = text.rpartition(")")[2].split()
        if int(fields[2]) == group:
            total += int(fields[21]) * page
            count += 1
    return total, count


def _from_ps(group: int) -> tuple[int, int]:
    command = ["ps", "-o", "rss=", "-g", str(group)]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0
    sizes = [int(line) for line in text.split() if line.isdigit()]
    return sum(sizes) * 1024, len(sizes)
