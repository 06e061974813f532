"""Keras's padding="same" in PyTorch's words; shared by convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.ir import UNKNOWN, Expr, Node
from transpile.shapes import per_axis, same_pads, value

Pads = tuple[tuple[int, int], ...]


def spatial(node: Node, rank: int) -> tuple[int | None, ...]:
    """The spatial extents of the first input (Keras layout), None where unknown."""
    shape = node.input_shapes[0] if node.input_shapes else None
    if shape is None or len(shape) != rank + 2:
        return (None,) * rank
    return tuple(value(d) for d in shape[1:-1])


def pads_of(node: Node, rank: int, kernel: Expr, stride: Expr, dilation: Expr) -> Pads | None:
    """What "same" adds left and right of each axis; None where that depends on an unknown size.

    With stride 1 it does not depend on the size.
    """
    result = []
    sizes = per_axis(kernel, rank), per_axis(stride, rank), per_axis(dilation, rank)
    for n, k, s, d in zip(spatial(node, rank), *sizes):
        if k is None or s is None or d is None:
            return None
        if n is None and s > 1 and k > 1:
            return None
        result.append(same_pads(1 if n is None else n, k, s, d))
    return tuple(result)


def symmetric_same(node: Node, rank: int, kernel: Expr, stride: Expr, dilation: Expr) -> tuple[int, ...] | None:
    """The padding per axis if "same" pads both ends alike, None if not or if not known."""
    pads = pads_of(node, rank, kernel, stride, dilation)
    if pads is None or any(left != right for left, right in pads):
        return None
    return tuple(left for left, _ in pads)


def right_only(pads: Pads | None, kernel: Sequence[int | None], stride: Sequence[int | None]) -> bool:
    """Whether a pooling with `ceil_mode=True` and no padding covers just what "same" covers."""
    if pads is None:
        return all(k == s == 2 or k == 1 for k, s in zip(kernel, stride))
    return all(left == 0 and (right == 0 or right < (s or 0)) for (left, right), s in zip(pads, stride))


def spatial_pad(pads: Pads) -> str:
    """The argument of F.pad: the last axis comes first."""
    return repr(tuple(n for pair in reversed(pads) for n in pair))


def compact(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    """(1, 1) as 1."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def mode(padding: Expr) -> object:
    """The padding argument in lower case (files write "SAME"); UNKNOWN if only run time knows."""
    return padding.value.lower() if isinstance(padding.value, str) else UNKNOWN
