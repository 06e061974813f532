"""Names that a constructor has and that `forward` needs: they are stored on the module."""

from __future__ import annotations

import ast
import re
import textwrap


def local_names(line: str) -> set[str]:
    """The plain names that a line of a constructor assigns."""
    text = line.strip()
    try:
        tree = ast.parse(text + " pass" if text.endswith(":") else text)
    except SyntaxError:
        return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def stored_names(available: set[str], forward: list[str]) -> tuple[list[str], list[str]]:
    """Lines `self.rate = rate` for what `forward` reads, and the forward lines that read it there."""
    text = "\n".join(forward)
    tree = ast.parse("def forward():\n" + "\n".join("    " + line for line in text.split("\n")))
    loads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    stores = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    needed = sorted(loads & available - stores)
    for name in needed:
        forward = [_stored(name, line) for line in forward]
    return [f"self.{name} = {name}" for name in needed], forward


def stored_in_method(available: set[str], method: str) -> tuple[list[str], str]:
    """The same for a method of which the text, with its header, is given."""
    head, documented, body = method.partition('"""\n')
    lines = textwrap.dedent(body).split("\n")
    stored, changed = stored_names(available, lines)
    if not documented or not stored:
        return [], method
    return stored, head + documented + textwrap.indent("\n".join(changed), "    ")


def _stored(name: str, line: str) -> str:
    code, mark, comment = line.partition("  # ")
    return re.sub(rf"(?<![\w.'\"]){name}\b(?!\s*=[^=])", f"self.{name}", code) + mark + comment
