"""Which of the user's expressions keep their meaning at another place of the program."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from transpile.interpret.expressions import is_plain
from transpile.interpret.values import Frame, KerasObject, Layer, Tensor
from transpile.ir import UNKNOWN, Dim, Expr, literal
from transpile.source import Source


class NotPortable(Exception):
    """An expression of which neither the text nor the value can be moved."""

    def __init__(self, expr: Expr) -> None:
        super().__init__(expr.text)
        self.expr = expr


def free_names(text: str) -> set[str] | None:
    """The names that an expression reads; None if the text is no expression."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        return None
    bound = {
        n.arg for f in ast.walk(tree) if isinstance(f, ast.Lambda) for n in ast.walk(f.args) if isinstance(n, ast.arg)
    }
    bound |= {
        n.id
        for c in ast.walk(tree)
        if isinstance(c, ast.comprehension)
        for n in ast.walk(c.target)
        if isinstance(n, ast.Name)
    }
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - bound


_ASKING = frozenset("len bool int float str isinstance".split())  # what a condition may call


def only_asks(text: str) -> bool:
    """Whether evaluating an expression at another moment, or often, changes nothing."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.NamedExpr | ast.Lambda | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _ASKING):
            return False
    return True


def is_set_later(text: str, source: Source, at: int) -> bool:
    """Whether code behind an offset sets an attribute that an expression reads: `args.more = True`."""
    read = {ast.unparse(n) for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Attribute)}
    later = source.data[at:].decode()
    return any(re.search(rf"(?<![\w.]){re.escape(r)}\s*=(?!=)", later) for r in read if not r.startswith("self."))


def scope_of(name: str, frame: Frame) -> Frame | None:
    """The frame that binds a name, as seen from `frame`."""
    scope: Frame | None = frame
    while scope is not None:
        if name in scope.names:
            return scope
        scope = scope.parent
    return None


@dataclass(frozen=True)
class Home:
    """The frame in which a model is constructed, and when its construction is complete."""

    frame: Frame
    until: int


def stable(text: str, frame: Frame, at: int, home: Home) -> bool:
    """Whether text written in `frame` at a moment means the same when the model is constructed."""
    names = free_names(text)
    if names is None:
        return False
    for name in names:
        scope = scope_of(name, frame)
        if scope is None:
            continue  # an import or a builtin
        if isinstance(scope.names[name], Tensor | Layer):
            return False  # it goes away with the model's code
        first, last = sorted((at, home.until))  # what `add_loss` is given may be written behind the construction
        if name in scope.loop_names or any(first < t <= last for t in scope.bound.get(name, ())):
            return False
        if scope.parent is not None and scope_of(name, home.frame) is not scope:
            return False
    return True


def portable(expr: Expr, frame: Frame, at: int, home: Home) -> Expr:
    """The expression as it can stand in the model's class. Raises NotPortable."""
    if expr.text == "" or isinstance(expr.value, Layer):
        return expr
    if isinstance(expr.value, KerasObject):
        return replace(expr, value=_portable_object(expr.value, at, home))
    if stable(expr.text, frame, at, home):
        return expr
    if expr.value is not UNKNOWN and is_plain(expr.value):
        return literal(expr.value)
    if expr.value is not UNKNOWN:
        return expr
    raise NotPortable(expr)


def _portable_object(value: KerasObject, at: int, home: Home) -> KerasObject:
    return replace(
        value,
        args=tuple(portable(e, value.frame, at, home) for e in value.args),
        kwargs={k: portable(e, value.frame, at, home) for k, e in value.kwargs.items()},
    )


def portable_dim(dim: Dim, frame: Frame, at: int, home: Home) -> Dim:
    """An extent whose text can stand in the model's class; FREE-like when it cannot."""
    if not dim.text or stable(dim.text, frame, at, home):
        return dim
    return literal(dim.value) if dim.known else Expr("", UNKNOWN)
