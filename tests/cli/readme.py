"""Reads README.md: its files, its commands, and the output that it shows for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_FILE = re.compile(r"^Given `(?P<name>[\w.]+)`:\n\n```python\n(?P<text>.*?)^```$", re.M | re.S)
_CONSOLE = re.compile(r"^```console\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Command:
    """One command of a console block, and the output below it (may be empty)."""

    line: str
    output: str


def files() -> dict[str, str]:
    """The example files, by name."""
    return {m["name"]: m["text"] for m in _FILE.finditer(README.read_text())}


def commands() -> list[Command]:
    """Every command, in order."""
    found = []
    for block in _CONSOLE.finditer(README.read_text()):
        for piece in block["text"].split("$ ")[1:]:
            line, _, output = piece.partition("\n")
            found.append(Command(line, output.rstrip("\n")))
    return found


def library_example() -> str:
    """The Python block of the section on the library."""
    text = README.read_text().split("## As a library")[1]
    return text.split("```python\n")[1].split("```")[0]


def replace_output(command: Command, output: str) -> None:
    """Writes the real output of the command into the README."""
    text = README.read_text()
    old = f"$ {command.line}\n{command.output}\n" if command.output else f"$ {command.line}\n"
    assert text.count(old) == 1, command.line
    README.write_text(text.replace(old, f"$ {command.line}\n{output}\n".replace("\n\n```", "\n```")))
