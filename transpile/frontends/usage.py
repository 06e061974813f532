"""Which names a model's body reads, and which of its plain statements serve nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from transpile.frontends.portable import free_names
from transpile.ir import Branch, Expr, Loop, Node, Plain, Shape, Statement


def used_names(body: Sequence[Statement]) -> set[str]:
    """The names that arguments, sizes, conditions and plain statements read."""
    names: set[str] = set()
    for text in _texts(body):
        names |= free_names(text) or set()
    for statement in _plains(body):
        names |= _loads(statement.text)
    return names


def _texts(body: Sequence[Statement]) -> Iterator[str]:
    for statement in body:
        match statement:
            case Node():
                yield from _node_texts(statement)
            case Loop():
                yield statement.iterable.text
                yield from _texts(statement.body)
            case Branch():
                yield statement.test
                yield from _texts(statement.body)
                yield from _texts(statement.orelse)


def _node_texts(node: Node) -> Iterator[str]:
    for name, expr in node.args.items():
        if name != "class" and expr.text:
            yield from _expr_texts(expr)
    if node.op != "block":
        for shape in node.input_shapes:
            yield from _shape_texts(shape)


def _expr_texts(expr: Expr) -> Iterator[str]:
    if isinstance(expr.value, Node):
        yield from _node_texts(expr.value)
    else:
        yield expr.text


def _shape_texts(shape: Shape | None) -> Iterator[str]:
    if shape:
        yield shape[-1].text or "0"


def _plains(body: Sequence[Statement]) -> Iterator[Plain]:
    for statement in body:
        match statement:
            case Plain(where="init"):
                yield statement
            case Loop():
                yield from _plains(statement.body)
            case Branch():
                yield from _plains(statement.body)
                yield from _plains(statement.orelse)


def _loads(text: str) -> set[str]:
    tree = ast.parse(text)
    loads = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    loads |= {n.target.id for n in ast.walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    return loads


def _stores(text: str) -> set[str]:
    tree = ast.parse(text)
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def pruned(body: Sequence[Statement]) -> tuple[Statement, ...]:
    """The body without plain statements whose results nothing reads."""
    result = tuple(body)
    while True:
        useful = set().union(*(free_names(t) or set() for t in _texts(result)), set())
        needed = list(_plains(result))
        live = useful.union(*(_loads(p.text) for p in needed if not _stores(p.text)))
        while True:
            more = {n for p in needed if _stores(p.text) & live for n in _loads(p.text)} - live
            if not more:
                break
            live |= more
        smaller = _filter(result, live)
        if smaller == result:
            return result
        result = smaller


def _filter(body: Sequence[Statement], live: set[str]) -> tuple[Statement, ...]:
    kept: list[Statement] = []
    for statement in body:
        match statement:
            case Plain(where="init") if _unused(statement.text, live):
                continue
            case Loop():
                kept.append(replace(statement, body=_filter(statement.body, live)))
            case Branch():
                arms = _filter(statement.body, live), _filter(statement.orelse, live)
                kept.append(replace(statement, body=arms[0], orelse=arms[1]))
            case _:
                kept.append(statement)
    return tuple(kept)


def _unused(text: str, live: set[str]) -> bool:
    """Whether a statement only assigns names that nothing reads (attributes are always kept)."""
    stored = _stores(text)
    return bool(stored) and not stored & live
