"""Arithmetic and indexing on tensors.

https://docs.pytorch.org/docs/stable/notes/broadcasting.html
https://docs.pytorch.org/docs/stable/tensor_view.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import factor, input_shape, is_known, rank, refused
from transpile.registry import Context, Example, Lowered, Op
from transpile.shapes import value

_UNSUPPORTED = "K2T112"


def right_aligned(shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of numpy's broadcasting: smaller ranks are padded in front."""
    if not shapes or any(s is None for s in shapes):
        return None
    most = max(len(s) for s in shapes if s is not None)
    padded = [(*[literal(1)] * (most - len(s)), *s) for s in shapes if s is not None]
    return tuple(_widest(dims) for dims in zip(*padded))


def _widest(dims: Sequence[Dim]) -> Dim:
    rest = [d for d in dims if value(d) != 1]
    return next((d for d in rest if d.text), rest[0] if rest else dims[0])


def binary_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The shape of the tensor, or of both broadcast; `@` multiplies matrices."""
    if args["operator"].value == "@":
        if len(inputs) != 2 or inputs[0] is None or inputs[1] is None or len(inputs[1]) < 2:
            return None
        return (*inputs[0][:-1], inputs[1][-1])
    return right_aligned(inputs)


def _scalar(expr: Expr) -> bool:
    return isinstance(expr.value, int | float | bool)


def expand_binary(op: Op, node: Node, context: Context) -> Lowered:
    """`a + b` with one or two tensors, in the user's order."""
    symbol = node.args["operator"].value
    left, right = node.args.get("left"), node.args.get("right")
    if not symbol or not isinstance(symbol, str):
        return refused((_UNSUPPORTED, "this operator on tensors"))
    if left is not None and left.value is None and symbol == "-":
        return Lowered(call="-{x0}")
    number = iter(range(2))
    texts = [factor(e) if e is not None else f"{{x{next(number)}}}" for e in (left, right)]
    given = next((e for e in (left, right) if e is not None), None)
    if given is not None and not (_scalar(given) or not is_known(given.value)):
        return refused((_UNSUPPORTED, f"arithmetic of a tensor with {given.text}, which is no number"))
    ranks = {rank(node, i) for i in range(len(node.inputs))}
    even = len(ranks) == 1 if given is None else _scalar(given)
    if context.layout == "torch" and (not even or symbol == "@"):
        small = {f"{{x{i}}}" for i in range(2) if (rank(node, i) or 3) < 3}
        texts = [f"{t}.movedim(1, -1)" if t.startswith("{x") and t not in small else t for t in texts]
        return Lowered(call=f"({texts[0]} {symbol} {texts[1]}).movedim(-1, 1)")
    return Lowered(call=f"{texts[0]} {symbol} {texts[1]}")


BINARY = Op(
    name="binary",
    keras="operator.binary(operator, left=None, right=None)",
    shape=binary_shape,
    expand=expand_binary,
    examples=(
        Example("x0 + x1", "x0 + x1", input=((5, 6, 8), (5, 6, 8))),
        Example("x0 - x1", "x0 - x1", input=((5, 8), (5, 1))),
        Example("x0 * x1", "x0 * x1", input=((8,), (8,))),
        Example("x0 @ x1", "x0 @ x1", input=((5, 8), (8, 4))),
        Example("x * 0.5", "x * 0.5", input=(5, 6, 8)),
        Example("1 - x", "1 - x", input=(5, 8)),
        Example("x / 255.0", "x / 255.0", input=(5, 6, 8)),
        Example("x ** 2", "x ** 2", input=(5, 8)),
        Example("x / (2 + 1)", "x / (2 + 1)", input=(5, 8)),
        Example("-x", "-x", input=(5, 8)),
    ),
)


def _parts(index: Expr) -> tuple[object, ...] | None:
    """The parts of an index, None if one of them is not known."""
    parts = index.value if isinstance(index.value, tuple) else (index.value,)
    if "..." in index.text:
        texts = [t.strip() for t in index.text.split(",")]
        dots = len(texts) == len(parts)
        parts = tuple(Ellipsis if dots and t == "..." else p for p, t in zip(parts, texts, strict=dots))
    fine = all(p is None or p is Ellipsis or isinstance(p, int | slice) for p in parts)
    return parts if fine and is_known(parts) and not any(isinstance(p, bool) for p in parts) else None


def _spread(parts: Sequence[object], rank: int) -> list[object] | None:
    """One part per axis (and None for a new one): the ellipsis opened, the rest filled."""
    used = sum(p is not None and p is not Ellipsis for p in parts)
    fill: list[object] = [slice(None)] * (rank - used)
    if used > rank or sum(p is Ellipsis for p in parts) > 1:
        return None
    result: list[object] = []
    for part in parts:
        result += fill if part is Ellipsis else [part]
    return result if Ellipsis in parts else result + fill


def _sliced(dim: Dim, part: slice) -> Dim:
    if part == slice(None) or part == slice(None, None, -1):
        return dim
    size = value(dim)
    if size is not None:
        return literal(len(range(*part.indices(size))))
    return FREE


def getitem_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The extents that the index leaves."""
    parts, shape = _parts(args["index"]), inputs[0]
    if parts is None or shape is None:
        return None
    spread = _spread(parts, len(shape))
    if spread is None:
        return None
    result: list[Dim] = []
    dims = iter(shape)
    for part in spread:
        if part is None:
            result.append(literal(1))
            continue
        extent = next(dims)
        if isinstance(part, slice):
            result.append(_sliced(extent, part))
    return tuple(result)


def _backwards(part: object) -> bool:
    return isinstance(part, slice) and isinstance(part.step, int) and part.step < 0


def _printed(part: object) -> str:
    """A part of an index in Python's notation."""
    if isinstance(part, slice):
        ends = ["" if n is None else str(n) for n in (part.start, part.stop, part.step)]
        return ":".join(ends[: 2 if part.step is None else 3])
    return "..." if part is Ellipsis else repr(part)


def _text(index: Expr, parts: Sequence[object]) -> str:
    """The user's index; written anew where it names what only TensorFlow or numpy has."""
    if "newaxis" in index.text or "slice(" in index.text:
        return ", ".join(_printed(p) for p in parts)
    return index.text


def expand_getitem(op: Op, node: Node, context: Context) -> Lowered:
    """`x[:, -1]`; a slice that runs backwards is a flip."""
    index = node.args["index"]
    parts = _parts(index)
    if parts is None:
        return refused((_UNSUPPORTED, f"the index [{index.text}]"))
    if not any(_backwards(p) for p in parts):
        return Lowered(call="{x}[" + _text(index, parts) + "]")
    shape = input_shape(node)
    spread = _spread(parts, len(shape)) if shape is not None else None
    simple = spread is not None and all(p in (slice(None), slice(None, None, -1)) for p in spread)
    if not simple or spread is None:
        return refused((_UNSUPPORTED, f"the index [{index.text}]: a step backwards"))
    dims = [i for i, p in enumerate(spread) if _backwards(p)]
    return Lowered(call="{x}.flip(" + ", ".join(map(str, dims)) + ")")


GETITEM = Op(
    name="getitem",
    keras="operator.getitem(index)",
    layout="keras",
    shape=getitem_shape,
    expand=expand_getitem,
    examples=(
        Example("x[:, 0]", "x[:, 0]", input=(5, 8)),
        Example("x[:, -1, :]", "x[:, -1, :]", input=(5, 8)),
        Example("x[:, 1:3]", "x[:, 1:3]", input=(5, 8)),
        Example("x[..., :3]", "x[..., :3]", input=(5, 6, 8)),
        Example("x[:, ::2, 1:]", "x[:, ::2, 1:]", input=(5, 6, 8)),
        Example("x[:, None]", "x[:, None]", input=(8,)),
        Example("x[:, ::-1]", "x.flip(1)", input=(5, 8)),
    ),
)

OPS = (BINARY, GETITEM)
