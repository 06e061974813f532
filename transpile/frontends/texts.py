"""Pieces of the user's text: elements of a list, names in an expression."""

from __future__ import annotations

import ast
from functools import cache


@cache
def parse(text: str) -> ast.expr | None:
    """The expression, None where the text is not one."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        try:
            return ast.parse(f"({text})", mode="eval").body
        except (SyntaxError, ValueError):
            return None


def element(text: str, key: int | str) -> str:
    """The text of one element of a list or dict: its own, or `name[key]`."""
    node = parse(text)
    listed = isinstance(node, ast.List | ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts)
    if listed and isinstance(node, ast.List | ast.Tuple) and isinstance(key, int) and key < len(node.elts):
        return segment(text, node.elts[key])
    if isinstance(node, ast.Dict):
        for k, v in zip(node.keys, node.values):
            if isinstance(k, ast.Constant) and k.value == key:
                return segment(text, v)
    return f"{text}[{key!r}]" if is_simple(text) else f"({text})[{key!r}]"


def segment(text: str, node: ast.expr) -> str:
    """The user's own text of a node of `parse(text)`."""
    found = ast.get_source_segment(text.strip(), node)
    return found if found is not None else ast.unparse(node)


def elements(text: str) -> list[str] | None:
    """The texts of a list that is written out, None for anything else."""
    node = parse(text)
    if isinstance(node, ast.List | ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts):
        return [segment(text, e) for e in node.elts]
    return None


def is_simple(text: str) -> bool:
    """A name, an attribute or a subscript of one: text that may be repeated and indexed."""
    node = parse(text)
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name)


def is_atom(text: str) -> bool:
    """Whether the text can be an operand without parentheses."""
    return isinstance(parse(text), ast.Name | ast.Constant | ast.Attribute | ast.Subscript | ast.Call)


def operand(text: str) -> str:
    """The text, in parentheses where an operator next to it would need them."""
    return text if is_atom(text) else f"({text})"


def names(text: str) -> set[str]:
    """The names that an expression reads."""
    node = parse(text)
    return set() if node is None else {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
