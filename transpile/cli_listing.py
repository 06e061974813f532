"""`transpile explain` and `transpile ops`: the tables of the program, shown."""

from __future__ import annotations

import difflib
import json
import sys
import textwrap

from transpile.cli_output import painter, put
from transpile.diagnostics import CODES


def explain(code: str) -> int:
    """The long explanation of one code; an unknown one is a usage error."""
    entry = CODES.get(code.upper())
    if entry is None:
        close = difflib.get_close_matches(code.upper(), CODES, 1)
        guess = f"; did you mean {close[0]}?" if close else ""
        put(f"there is no diagnostic {code}{guess}\n", err=True)
        return 2
    paint = painter(sys.stdout)
    put(f"{paint(f'{entry.level}[{entry.code}]', entry.level)} {paint(entry.title, 'bold')}\n\n")
    put(entry.explanation + "\n")
    if entry.hint:
        put(f"\n{paint('hint:', 'bold')} {entry.hint}\n")
    return 0


def list_codes() -> int:
    paint = painter(sys.stdout)
    width = max(len(code.level) for code in CODES.values())
    for code in CODES.values():
        put(f"{code.code}  {paint(code.level.ljust(width), code.level)}  {code.title}\n")
    return 0


def list_ops(*, as_json: bool) -> int:
    """What is supported, from the registry: an op counts when it has an example."""
    from transpile.registry import all_ops

    ops = [op for op in all_ops() if op.examples]
    if as_json:
        rows = [
            {
                "name": op.name,
                "keras": op.keras,
                "torch": op.torch,
                "examples": [{"keras": e.keras, "torch": e.torch} for e in op.examples],
            }
            for op in ops
        ]
        put(json.dumps(rows, indent=2) + "\n")
        return 0
    names = [(op.name, op.keras.split("(")[0], _short(op.examples[0].torch)) for op in ops]
    rows_of_text = [("op", "Keras", "PyTorch (example)"), *names]
    widths = [max(len(row[i]) for row in rows_of_text) for i in range(2)]
    for name, keras, torch in rows_of_text:
        put(f"{name:<{widths[0]}}  {keras:<{widths[1]}}  {torch}".rstrip() + "\n")
    return 0


def _short(text: str) -> str:
    return textwrap.shorten(text, 60, placeholder=" ...")
