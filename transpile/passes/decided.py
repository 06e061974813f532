"""Parameters that the source reads and the converted code does not: their values here decided what was written."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from transpile.source import Source
from transpile.splice import Output

# What only shows how training goes.
_SHOWN = frozenset({"self", "cls", "verbose"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def report_decided(source: Source, code: str, output: Output, unmade: Collection[str] = ()) -> None:
    """`def build(optimizer="sgd")` that makes an SGD, whatever it is given: notes it.

    Of `unmade` classes the file makes no object: only other files say what they are given.
    """
    if not output.edits:
        return
    before, after = ast.parse(source.text), ast.parse(code)
    written = dict(_functions(after))
    lost = _attributes(before) - _attributes(after)
    for name, function in _functions(before):
        now = written.get(name)
        if now is None:
            continue
        gone = _reads(function) - _reads(now)
        gone |= {p for p, held in _stored(function) if held in lost}
        for parameter in _parameters(function):
            if parameter.arg in gone & {p.arg for p in _parameters(now)} - _SHOWN:
                line, column = parameter.lineno - 1, parameter.col_offset
                start = len(b"".join(source.data.splitlines(keepends=True)[:line])) + column
                what = f"what {function.name} is given as {parameter.arg} in this file decided what was written"
                span = source.span_of(start, start + len(parameter.arg.encode()))
                owner = name.partition(".")[0]
                if owner in unmade:
                    message = f"{owner} was converted for the default of {parameter.arg}, which is not read any more"
                    output.report("K2T206", span, message)
                    continue
                output.report("K2T320", span, f"{what}; it is not read any more")


def _functions(tree: ast.Module) -> Iterator[tuple[str, _Function]]:
    """The functions of a file, and the methods of its classes, by their names."""
    for node in tree.body:
        if isinstance(node, _Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{n.name}", n) for n in node.body if isinstance(n, _Function))


def _parameters(function: _Function) -> list[ast.arg]:
    given = function.args
    return [*given.posonlyargs, *given.args, *given.kwonlyargs]


def _reads(function: _Function) -> set[str]:
    nodes = [n for statement in function.body for n in ast.walk(statement)]
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - {"self"}


def _attributes(tree: ast.AST) -> set[str]:
    """The attributes that are read of anything."""
    return {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}


def _stored(function: _Function) -> Iterator[tuple[str, str]]:
    """`self.optimizer = optimizer`: parameters and the attributes that hold them."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name("self"), attr=attribute)], value=ast.Name(name)):
                yield name, attribute
