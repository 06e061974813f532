"""Functions of PyTorch that rearrange, join and cut tensors, on keras.ops."""

from __future__ import annotations

from itertools import pairwise

from transpile.ops._functions import (
    Call,
    Left,
    Operand,
    Result,
    axis_of,
    fresh,
    function,
    like,
    listed,
    moved_axis,
    relaid,
    shown_axis,
)
from transpile.torch_values import Extents, Items, Many, Rank, Tensor, each_of, in_layout


def _shape(call: Call, name: str = "shape") -> tuple[tuple[Operand, ...] | None, str]:
    """The extents of a shape argument (None: not written out), and its text as a tuple."""
    if name not in call.args:
        raise Left(f"{call.name}: the shape is missing")
    operand = call.args[name]
    if operand.elements is None and not isinstance(operand.value, Items | Extents | Many):
        operand = listed((operand,))
    if operand.elements is None:
        return None, operand.text
    return operand.elements, listed(operand.elements).text


def _rank_of(call: Call, parts: tuple[Operand, ...] | None, name: str = "shape") -> int | None:
    if parts is not None:
        return None if any(p.text.startswith("*") for p in parts) else len(parts)
    value = call.args[name].value
    if isinstance(value, Items):
        return len(value.items)
    return value.tensor.rank.value if isinstance(value, Extents) else None


@function("torch.reshape", ".view", ".reshape", params="x, *shape")
def _reshape(call: Call) -> Result:
    parts, text = _shape(call)
    if parts is not None and len(parts) == 1 and call.name == ".view" and '"' in text:
        raise Left("view as another dtype")
    value = call.args["x"].value
    rank = _rank_of(call, parts)
    kept = _kept_channels(call, parts, rank)
    if kept:
        return kept
    flat = isinstance(value, Tensor) and value.last and value.ones and rank == 2
    x = call.text("x") if flat else call.torch()
    return f"ops.reshape({x}, {text})", fresh(rank, call.tensor().dtype)


def _kept_channels(call: Call, parts: tuple[Operand, ...] | None, rank: int | None) -> Result | None:
    """`x.view(b, c, -1)` of a channels-last image: the space is flattened where it lies."""
    value = call.args["x"].value
    if not (isinstance(value, Tensor) and value.last and rank == 3 and parts is not None):
        return None
    source = f"ops.shape({call.text('x')})"
    size = value.rank.value or 0
    same = parts[0].text == f"{source}[0]" and parts[1].text in (f"{source}[-1]", f"{source}[{size - 1}]")
    if same and parts[2].const == -1:
        return f"ops.reshape({call.text('x')}, ({parts[0].text}, -1, {parts[1].text}))", like(value, rank=Rank(3))
    return None


@function(".view_as", ".reshape_as", params="x, other")
def _view_as(call: Call) -> Result:
    return f"ops.reshape({call.torch()}, ops.shape({call.torch('other')}))", like(call.args["other"].value, last=False)


@function("torch.flatten", ".flatten", params="x, start_dim=0, end_dim=-1")
def _flatten(call: Call) -> Result:
    start, end, value = call.number("start_dim"), call.number("end_dim"), call.tensor()
    rank, x = value.rank.value, call.text("x")
    if start == 1 and end == -1:
        x = x if value.last and value.ones else call.torch()
        return f"ops.reshape({x}, (ops.shape({x})[0], -1))", fresh(2, value.dtype)
    if start == 0 and end in (-1, (rank or 0) - 1):
        return f"ops.reshape({call.torch()}, (-1,))", fresh(1, value.dtype)
    if rank is None and end == -1 and start > 0:
        rank = _rank_at_least(start)
    if rank is None:
        raise Left("flatten: the rank is not known", "T2K104")
    start, end = start % rank, end % rank
    if value.last and start == 2 and end == rank - 1:
        return f"ops.reshape({x}, (ops.shape({x})[0], -1, ops.shape({x})[-1]))", like(value, rank=Rank(3), ones=False)
    x = call.torch()
    before = [f"ops.shape({x})[{i}]" for i in range(start)]
    after = [f"ops.shape({x})[{i}]" for i in range(end + 1, rank)]
    return f"ops.reshape({x}, ({', '.join([*before, '-1', *after])}))", fresh(rank - (end - start), value.dtype)


def _rank_at_least(start: int) -> int:
    return start + 2  # what is after the last kept axis is flattened, however many axes it has


@function(".unflatten", "torch.unflatten", params="x, dim, sizes")
def _unflatten(call: Call) -> Result:
    value, dim, sizes = call.tensor(), call.number("dim"), call.args["sizes"].elements
    rank = value.rank.value
    if rank is None or sizes is None:
        raise Left("unflatten: the rank is not known", "T2K104")
    x, dim = call.torch(), dim % rank
    shape = [f"ops.shape({x})[{i}]" for i in range(dim)] + [s.text for s in sizes]
    shape += [f"ops.shape({x})[{i}]" for i in range(dim + 1, rank)]
    return f"ops.reshape({x}, ({', '.join(shape)}))", fresh(rank - 1 + len(sizes), value.dtype)


@function("torch.squeeze", ".squeeze", ".squeeze_", params="x, dim=None")
def _squeeze(call: Call) -> Result:
    value = call.tensor()
    if not call.has("dim"):
        return f"ops.squeeze({call.torch()})", fresh(None, value.dtype)
    rank, dim = value.rank.value, call.const("dim")
    if value.last and rank is not None and isinstance(dim, int):
        axis, left = moved_axis(dim, rank), rank - 1
        stays = dim % rank > 1 and left > 2
        return f"ops.squeeze({call.text('x')}, {shown_axis(axis, rank)})", fresh(left, value.dtype, last=stays)
    count = len(dim) if isinstance(dim, tuple | list) else 1
    return f"ops.squeeze({call.torch()}, {call.text('dim')})", fresh(
        None if rank is None else rank - count, value.dtype
    )


@function("torch.unsqueeze", ".unsqueeze", ".unsqueeze_", params="x, dim")
def _unsqueeze(call: Call) -> Result:
    value = call.tensor()
    rank = value.rank.value
    return f"ops.expand_dims({call.torch()}, {call.text('dim')})", fresh(
        None if rank is None else rank + 1, value.dtype
    )


def _swap(call: Call, order: tuple[int, ...]) -> Result:
    """A permutation of known axes; one that only moves the channels costs nothing where they lie so."""
    value = call.tensor()
    rank = len(order)
    value.rank.settle(rank)
    to_front = (0, rank - 1, *range(1, rank - 1))
    to_back = (0, *range(2, rank), 1)
    x = call.text("x")
    if value.last and order == to_back:
        return x, like(value, rank=Rank(rank), last=False)
    if not value.last and order == to_front and rank > 2:
        result = fresh(rank, value.dtype, last=True)
        return x, result
    if order == tuple(range(rank)):
        return x, value
    return f"ops.transpose({call.torch()}, {order!r})", fresh(rank, value.dtype)


@function("torch.permute", ".permute", params="x, *dims")
def _permute(call: Call) -> Result:
    dims = call.args["dims"].const if "dims" in call.args else None
    if isinstance(dims, tuple | list) and all(isinstance(d, int) for d in dims):
        return _swap(call, tuple(d % len(dims) for d in dims))
    _, text = _shape(call, "dims")
    return f"ops.transpose({call.torch()}, {text})", fresh(None, call.tensor().dtype)


@function("torch.transpose", ".transpose", ".swapaxes", "torch.swapaxes", ".transpose_", params="x, dim0, dim1")
def _transpose(call: Call) -> Result:
    value, a, b = call.tensor(), call.const("dim0"), call.const("dim1")
    rank = value.rank.value
    if rank is None and isinstance(a, int) and isinstance(b, int) and {a % 9, b % 9} == {7, 8}:
        return f"ops.swapaxes({call.torch()}, {a}, {b})", like(value, last=False)
    if rank is None or not isinstance(a, int) or not isinstance(b, int):
        texts = f"{call.text('dim0')}, {call.text('dim1')}"
        return f"ops.swapaxes({call.torch()}, {texts})", like(value, last=False)
    order = list(range(rank))
    order[a], order[b] = order[b], order[a]
    return _swap(call, tuple(order))


@function("torch.t", ".t", "torch.adjoint")
def _t(call: Call) -> Result:
    return f"ops.transpose({call.torch()})", like(call.args["x"].value, last=False)


@function(".expand", params="x, *sizes")
def _expand(call: Call) -> Result:
    parts, text = _shape(call, "sizes")
    value, x = call.tensor(), call.torch()
    rank = _rank_of(call, parts, "sizes")
    if parts is not None and any(p.const == -1 for p in parts):
        more = len(parts) - (value.rank.value or 0)
        axes = range(-more, len(parts) - more) if value.rank.value is not None else range(-len(parts), 0)
        texts = [f"ops.shape({x})[{axis}]" if p.const == -1 else p.text for axis, p in zip(axes, parts)]
        text = f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    return f"ops.broadcast_to({x}, {text})", fresh(rank, value.dtype)


@function(".expand_as", params="x, other")
def _expand_as(call: Call) -> Result:
    other = call.args["other"].value
    value = call.args["x"].value
    if isinstance(other, Tensor) and other.last and isinstance(value, Tensor) and value.rank.value == other.rank.value:
        x = relaid(call.text("x"), value, True)
        return f"ops.broadcast_to({x}, ops.shape({call.text('other')}))", like(other, dtype=value.dtype)
    shape = f"ops.shape({call.torch('other')})"
    return f"ops.broadcast_to({call.torch()}, {shape})", like(other, last=False, dtype=call.tensor().dtype)


@function(".repeat", "torch.tile", ".tile", params="x, *sizes")
def _repeat(call: Call) -> Result:
    parts, text = _shape(call, "sizes")
    return f"ops.tile({call.torch()}, {text})", fresh(_rank_of(call, parts, "sizes"), call.tensor().dtype)


@function("torch.repeat_interleave", ".repeat_interleave", params="x, repeats, dim=None")
def _repeat_interleave(call: Call) -> Result:
    x, axis = axis_of(call)
    value = call.tensor() if call.has("dim") else fresh(1)
    return f"ops.repeat({x}, {call.text('repeats')}, axis={axis})", value


@function("torch.cat", "torch.concat", "torch.concatenate", params="x, dim=0")
def _cat(call: Call) -> Result:
    operand, dim = call.args["x"], call.args["dim"]
    parts = operand.elements
    if parts is None:
        return _joined(call, "concatenate", 0)
    tensors = [p.value for p in parts if isinstance(p.value, Tensor)]
    for one, two in pairwise(tensors):
        if one.rank.value is None or two.rank.value is None or one.rank.value == two.rank.value:
            one.rank.unify(two.rank)
    rank = tensors[0].rank.value if tensors else None
    last = bool(tensors) and len(tensors) == len(parts) and any(t.last for t in tensors) and rank is not None
    last = last and isinstance(dim.const, int)
    texts = [relaid(p.text, p.value, last) for p in parts]
    axis = shown_axis(moved_axis(dim.const, rank), rank) if last else dim.text  # type: ignore[arg-type]
    base = tensors[0] if tensors else Tensor()
    return f"ops.concatenate([{', '.join(texts)}], axis={axis})", like(
        base, last=last, ones=all(t.ones for t in tensors)
    )


def _joined(call: Call, name: str, more: int) -> Result:
    """A list whose parts are not written out: they lie as they were put in."""
    operand, dim = call.args["x"], call.args["dim"]
    each = each_of(operand.value)
    if not isinstance(each, Tensor):
        return f"ops.{name}({operand.text}, axis={dim.text})", fresh(None)
    rank = each.rank.value
    if each.last and not more:
        if rank is None or not isinstance(dim.const, int):
            raise Left(f"{call.name}: dim={dim.text} is only known at run time", "T2K104")
        return f"ops.{name}({operand.text}, axis={shown_axis(moved_axis(dim.const, rank), rank)})", like(each)
    text = relaid(operand.text, Many(each), False)
    return f"ops.{name}({text}, axis={dim.text})", fresh(None if rank is None else rank + more, each.dtype)


@function("torch.stack", params="x, dim=0")
def _stack(call: Call) -> Result:
    operand, dim = call.args["x"], call.args["dim"]
    if operand.elements is None:
        return _joined(call, "stack", 1)
    tensors = [p.value for p in operand.elements if isinstance(p.value, Tensor)]
    rank = tensors[0].rank.value if tensors else None
    texts = [relaid(p.text, p.value, False) for p in operand.elements]
    dtype = tensors[0].dtype if tensors else "float"
    return f"ops.stack([{', '.join(texts)}], axis={dim.text})", fresh(None if rank is None else rank + 1, dtype)


@function("torch.chunk", ".chunk", params="x, chunks, dim=0")
def _chunk(call: Call) -> Result:
    x, axis = axis_of(call)
    value = in_layout(call.tensor(), x == call.text("x") and call.tensor().last)
    count = call.const("chunks")
    parts = Items((value,) * count) if isinstance(count, int) else Many(value)
    return f"ops.split({x}, {call.text('chunks')}, axis={axis})", parts


@function("torch.split", ".split", params="x, size, dim=0")
def _split(call: Call) -> Result:
    x, axis = axis_of(call)
    value = in_layout(call.tensor(), x == call.text("x") and call.tensor().last)
    sizes = call.args["size"]
    if sizes.elements is not None:
        texts = [e.text for e in sizes.elements[:-1]]
        cuts = [" + ".join(texts[: i + 1]) for i in range(len(texts))]
        numbers = [e.const for e in sizes.elements[:-1]]
        if all(isinstance(n, int) for n in numbers):
            cuts = [str(sum(numbers[: i + 1])) for i in range(len(numbers))]  # type: ignore[arg-type]
        return f"ops.split({x}, [{', '.join(cuts)}], axis={axis})", Items((value,) * len(sizes.elements))
    if call.targets:
        return f"ops.split({x}, {call.targets}, axis={axis})", Items((value,) * call.targets)
    return f"ops.split({x}, ops.shape({x})[{axis}] // {_factor(sizes)}, axis={axis})", Many(value)


def _factor(operand: Operand) -> str:
    """The text as a divisor."""
    return operand.text if operand.text.isidentifier() or isinstance(operand.const, int) else f"({operand.text})"


@function("torch.unbind", ".unbind", params="x, dim=0")
def _unbind(call: Call) -> Result:
    rank = call.tensor().rank.value
    value = fresh(None if rank is None else rank - 1, call.tensor().dtype)
    parts = Items((value,) * call.targets) if call.targets else Many(value)
    return f"ops.unstack({call.torch()}, axis={call.text('dim')})", parts


@function("torch.flip", ".flip", params="x, *dims")
def _flip(call: Call) -> Result:
    _, text = _shape(call, "dims")
    return f"ops.flip({call.torch()}, axis={text})", like(call.args["x"].value, last=False)


@function("torch.roll", ".roll", params="x, shifts, dims=None")
def _roll(call: Call) -> Result:
    return f"ops.roll({call.torch()}, {call.text('shifts')}, axis={call.text('dims')})", like(
        call.args["x"].value, last=False
    )


@function("torch.gather", ".gather", params="x, dim, index")
def _gather(call: Call) -> Result:
    text = f"ops.take_along_axis({call.torch()}, {call.torch('index')}, axis={call.text('dim')})"
    return text, like(call.args["index"].value, last=False, dtype=call.tensor().dtype)


@function("torch.index_select", ".index_select", params="x, dim, index")
def _index_select(call: Call) -> Result:
    text = f"ops.take({call.torch()}, {call.torch('index')}, axis={call.text('dim')})"
    return text, like(call.args["x"].value, last=False)


@function("torch.triu", ".triu", params="x, diagonal=0")
def _triu(call: Call) -> Result:
    k = "" if call.const("diagonal") == 0 else f", k={call.text('diagonal')}"
    return f"ops.triu({call.torch()}{k})", like(call.args["x"].value, last=False)


@function("torch.tril", ".tril", params="x, diagonal=0")
def _tril(call: Call) -> Result:
    k = "" if call.const("diagonal") == 0 else f", k={call.text('diagonal')}"
    return f"ops.tril({call.torch()}{k})", like(call.args["x"].value, last=False)


@function("torch.meshgrid", params="*tensors, indexing='ij'")
def _meshgrid(call: Call) -> Result:
    parts = call.args["tensors"].elements
    if parts is None:
        raise Left("meshgrid of tensors that are not written out", "T2K104")
    text = f"ops.meshgrid({', '.join(p.text for p in parts)}, indexing={call.text('indexing')})"
    dtypes = [p.value.dtype if isinstance(p.value, Tensor) else "" for p in parts]
    return text, Items(tuple(fresh(len(parts), d) for d in dtypes))


@function("torch.narrow", ".narrow", params="x, dim, start, length")
def _narrow(call: Call) -> Result:
    dim = call.number("dim")
    start, length = call.text("start"), call.text("length")
    stop = f"{start} + {length}" if start != "0" else length
    slices = ", ".join([":"] * dim + [f"{start}:{stop}"]) if dim >= 0 else f"..., {start}:{stop}" if dim == -1 else ""
    if not slices:
        raise Left(f"narrow: dim={dim}")
    return f"{call.torch()}[{slices}]", like(call.args["x"].value, last=False)
