"""What reads a tensor that goes away with its model, and can do without it: shapes, questions to a layer."""

from __future__ import annotations

import libcst as cst
from libcst import matchers

from transpile.interpret.expressions import is_plain
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Layer
from transpile.ir import Span


def shapes_of(statement: cst.CSTNode, name: str, interpreter: Interpreter) -> list[cst.BaseExpression]:
    """The expressions in which a statement reads a tensor, where it only asks for shapes that are known."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return []
    span = interpreter.source.span
    place = span(statement)
    asked = [
        node
        for node, values in interpreter.shapes_asked.values()
        if len(values) == 1 and is_plain(values[0]) and _within(span(node), place)
        and matchers.findall(node, matchers.Name(name))
    ]  # fmt: skip
    outer = [n for n in asked if not any(o is not n and _within(span(n), span(o)) for o in asked)]
    read = len(matchers.findall(statement, matchers.Name(name)))
    return outer if read == sum(len(matchers.findall(node, matchers.Name(name))) for node in outer) else []


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def only_asked(statement: cst.CSTNode, name: str, interpreter: Interpreter) -> bool:
    """Whether a name stands there for a layer of which something is asked, as in `dense.get_weights()`.

    Each such use is written anew or reported, with its place.
    """
    asked = [
        use.node.value
        for use in interpreter.attribute_uses.values()
        if use.targets and all(isinstance(t, Layer) for t in use.targets)
    ]
    settings = (e.call.func for e in interpreter.events if e.kind == "trainable" and isinstance(e.holder, Layer))
    asked += [target.value for target in settings if isinstance(target, cst.Attribute)]
    reads = matchers.findall(statement, matchers.Name(name))
    return bool(reads) and all(any(read is node for node in asked) for read in reads)


def is_idle(statement: cst.SimpleStatementLine) -> bool:
    """`x.shape` alone on a line, as notebooks show it: nothing happens there."""
    small = statement.body[0]
    value = small.value if isinstance(small, cst.Expr) else None
    return isinstance(value, cst.Name | cst.Attribute | cst.Subscript) and not matchers.findall(value, matchers.Call())


def is_constant(statement: cst.CSTNode, interpreter: Interpreter) -> bool:
    """Whether a statement assigns one known plain value to one name, or does nothing."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return False
    small = statement.body[0]
    if is_idle(statement):
        return True
    values = interpreter.assigned.get(id(statement), [])
    if not isinstance(small, cst.Assign) or len(small.targets) != 1 or len(values) != 1:
        return False
    return isinstance(small.targets[0].target, cst.Name) and is_plain(values[0]) and values[0] is not None
