"""Whether values of several objects of a class are the same, so that one text can be written for them."""

from __future__ import annotations

from dataclasses import replace

from transpile.interpret.values import KerasObject, Layer, Ref
from transpile.ir import UNKNOWN, Expr, Span, literal


def same_value(a: object, b: object) -> bool:
    """Whether two values are one and the same for sure: objects of Keras's by how they were made."""
    if a is b:
        return a is not UNKNOWN
    if isinstance(a, Ref) and isinstance(b, Ref):
        return a.path == b.path
    if isinstance(a, KerasObject) and isinstance(b, KerasObject):
        pairs = [*zip(a.args, b.args), *((a.kwargs[k], b.kwargs[k]) for k in a.kwargs if k in b.kwargs)]
        alike = a.path == b.path and len(a.args) == len(b.args) and a.kwargs.keys() == b.kwargs.keys()
        return alike and all(same_value(x.value, y.value) for x, y in pairs)
    if isinstance(a, Layer) and isinstance(b, Layer):
        alike = a.path == b.path and a.args.keys() == b.args.keys()
        return alike and all(same_value(x.value, b.args[k].value) for k, x in a.args.items())
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b))
    return type(a) is type(b) and isinstance(a, str | int | float | dict) and a == b


def alike(a: object, b: object, home: Span) -> bool:
    """Whether one text says two values: they are the same, or one piece of code in `home` makes both."""
    one = isinstance(a, KerasObject | Layer) and isinstance(b, KerasObject | Layer) and a.span == b.span
    inside = isinstance(a, KerasObject | Layer) and home.start <= a.span.start < home.end
    return (one and inside) or same_value(a, b)


def told(expr: Expr, home: Span) -> Expr:
    """An argument that code of `home` can be written for: objects of Keras's made elsewhere by values that are known.

    Raises ValueError for one that other names decide.
    """
    value = expr.value
    if not isinstance(value, KerasObject) or home.start <= value.span.start < home.end:
        return expr

    def known(inner: Expr) -> Expr:
        if inner.value is None or isinstance(inner.value, bool | int | float | str):
            return literal(inner.value)
        raise ValueError(f"{inner.text} of {expr.text} is only known where that is made")

    kwargs = {k: known(e) for k, e in value.kwargs.items()}
    return replace(expr, value=replace(value, args=tuple(known(e) for e in value.args), kwargs=kwargs))
