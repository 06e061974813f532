"""Arithmetic on extents that are known, or known as text, or free."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from transpile.ir import FREE, Dim, Expr, Shape, literal

ShapeRule = Callable[[Sequence[Shape | None], Mapping[str, Expr]], "Shape | list[Shape | None] | None"]


def value(dim: Dim) -> int | None:
    """The extent as a number, None when it is not known."""
    return dim.value if isinstance(dim.value, int) else None


def multiply(dims: Sequence[Dim]) -> Dim:
    """The product of extents, as a number or as text."""
    numbers = [value(d) for d in dims]
    if None not in numbers:
        return literal(math.prod(n for n in numbers if n is not None))
    return _join(dims, " * ")


def add(dims: Sequence[Dim]) -> Dim:
    """The sum of extents, as a number or as text."""
    numbers = [value(d) for d in dims]
    if None not in numbers:
        return literal(sum(n for n in numbers if n is not None))
    return _join(dims, " + ")


def _join(dims: Sequence[Dim], operator: str) -> Dim:
    if any(not d.text for d in dims):
        return FREE
    neutral = 1 if operator == " * " else 0
    texts = [d.text for d in dims if value(d) != neutral] or [str(neutral)]
    if len(texts) == 1:
        return Expr(texts[0])
    return Expr(operator.join(t if t.isidentifier() or t.isdigit() else f"({t})" for t in texts))


def per_axis(expr: Expr, rank: int) -> tuple[int | None, ...]:
    """A size argument (3, or (3, 3)) as one number per spatial axis; None = not known."""
    if isinstance(expr.value, int):
        return (expr.value,) * rank
    if isinstance(expr.value, tuple | list) and len(expr.value) == rank:
        return tuple(v if isinstance(v, int) else None for v in expr.value)
    if isinstance(expr.value, tuple | list) and len(expr.value) == 1:
        return per_axis(Expr("", expr.value[0]), rank)
    return (None,) * rank


def window(size: int | None, kernel: int | None, stride: int | None, dilation: int | None, padding: object) -> Dim:
    """The output extent of a convolution or pooling along one axis (Keras's rule)."""
    if size is None or stride is None:
        return FREE
    if padding in ("same", "causal"):
        return literal(-(-size // stride))
    if kernel is None or dilation is None:
        return FREE
    return literal((size - ((kernel - 1) * dilation + 1)) // stride + 1)


def same_pads(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """How many zeros Keras's padding="same" puts left and right (semantics of TensorFlow)."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def last_axis(name: str) -> ShapeRule:
    """A shape rule: the last extent becomes the argument `name` (Dense, Embedding-like)."""

    def rule(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        shape = inputs[0] if inputs else None
        return None if shape is None else (*shape[:-1], args[name])

    return rule


def normalize_axis(axis: int, rank: int) -> int:
    """A non-negative axis."""
    return axis % rank
