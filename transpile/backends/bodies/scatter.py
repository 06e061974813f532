"""Gathering and scattering by indices, sums over segments, choices of rows."""

from __future__ import annotations

import re

from transpile.backends.bodies.calls import Bound, special
from transpile.backends.bodies.kinds import Kind, tensor
from transpile.ir import FREE, Shape

_GIVES_LONG = re.compile(r"\.(argmax|argmin|argsort)\([^()]*\)$")


def ids_of(b: Bound, name: str) -> str:
    """Indices as PyTorch takes them: its functions refuse those of 32 bits."""
    long = b[name].text.endswith(".long()") or _GIVES_LONG.search(b[name].text)
    return b.fill("{" + name + "}" if long else "{" + name + "}.long()")


def _rows(kind: Kind) -> Shape | None:
    return None if kind.shape is None else (FREE, *kind.shape[1:])


def _segments(b: Bound, reduce: str) -> tuple[str, Kind]:
    """One row for each number of a segment, rows of no segment being zeros."""
    data = b["data"].kind
    ids = ids_of(b, "segment_ids")
    count = b["num_segments"].text if b.value("num_segments", None) is not None else f"int({ids}.max()) + 1"
    if reduce == "sum":
        made = "{data}.new_zeros((" + count + ", *{data}.shape[1:])).index_add(0, " + ids + ", {data})"
    elif reduce == "mean":
        made = "{data}.new_zeros((" + count + ", *{data}.shape[1:])).index_reduce(0, " + ids
        made += ", {data}, 'mean', include_self=False)"
    else:
        raise b.call.refuse("what is no sum or mean of segments")
    return b.fill(made.replace("'", '"')), tensor(data.element, _rows(data))


_SORTED = "data segment_ids num_segments sorted"


@special(_SORTED, "tf.math.unsorted_segment_sum", "tf.unsorted_segment_sum", "tf.math.segment_sum", "tf.segment_sum",
         "ops.segment_sum")  # fmt: skip
def segment_sum(b: Bound) -> tuple[str, Kind]:
    """`index_add` on zeros."""
    return _segments(b, "sum")


@special(_SORTED, "tf.math.unsorted_segment_mean", "tf.math.segment_mean", "tf.segment_mean")
def segment_mean(b: Bound) -> tuple[str, Kind]:
    """`index_reduce` on zeros."""
    return _segments(b, "mean")


@special("data segment_ids num_segments", "tf.math.segment_max", "tf.segment_max")
def segment_max(b: Bound) -> tuple[str, Kind]:
    """Only where each segment has a row: TensorFlow's sorted form fills the others with zeros."""
    data = b["data"].kind
    ids = ids_of(b, "segment_ids")
    zeros = "{data}.new_zeros((int(" + ids + ".max()) + 1, *{data}.shape[1:]))"
    text = b.fill(zeros + ".index_reduce(0, " + ids + ', {data}, "amax", include_self=False)')
    return text, tensor(data.element, _rows(data))


def _places(indices: str) -> str:
    return f"tuple({indices}.movedim(-1, 0))"


@special("tensor indices updates", "tf.tensor_scatter_nd_update", "ops.scatter_update", inputs="tensor")
def scatter_update(b: Bound) -> tuple[str, Kind]:
    """`index_put`: a new tensor with other values at rows of coordinates."""
    kind = b["tensor"].kind
    return b.fill("{tensor}.index_put(" + _places(_coordinates(b)) + ", {updates})"), tensor(kind.element, kind.shape)


@special("tensor indices updates", "tf.tensor_scatter_nd_add")
def scatter_add(b: Bound) -> tuple[str, Kind]:
    """The same, added; places that occur twice count twice."""
    kind = b["tensor"].kind
    text = "{tensor}.index_put(" + _places(_coordinates(b)) + ", {updates}, accumulate=True)"
    return b.fill(text), tensor(kind.element, kind.shape)


@special("indices updates shape", "tf.scatter_nd", "ops.scatter", values="updates")
def scatter_nd(b: Bound) -> tuple[str, Kind]:
    """On zeros; places that occur twice add up."""
    shape = b["shape"]
    size = shape.text if shape.items is None else f"({', '.join(i.text for i in shape.items)},)"
    if shape.items is not None and len(shape.items) > 1:
        size = size[:-2] + ")"
    zeros = "{updates}.new_zeros(" + size + ")"
    text = zeros + ".index_put(" + _places(_coordinates(b)) + ", {updates}, accumulate=True)"
    return b.fill(text), tensor(b["updates"].kind.element)


def _coordinates(b: Bound) -> str:
    """The rows of coordinates, as a tensor."""
    indices = b["indices"]
    if indices.kind.what == "list":
        return f"torch.tensor({indices.text}{f', device={b.call.place}' if b.call.place else ''})"
    if indices.kind.what not in ("tensor", "unknown"):
        raise b.call.refuse("its indices are not understood")
    return ids_of(b, "indices")


@special("tensor mask axis", "tf.boolean_mask")
def boolean_mask(b: Bound) -> tuple[str, Kind]:
    """`x[mask]`."""
    b.only("axis", None, 0)
    return b.fill("{tensor}[{mask}]"), tensor(b["tensor"].kind.element)


@special("x indices axis", "ops.take_along_axis")
def take_along_axis(b: Bound) -> tuple[str, Kind]:
    """`torch.take_along_dim`."""
    axis = b["axis"].text if "axis" in b else "-1"
    if b.value("axis", -1) is None:
        raise b.call.refuse("no axis is given")
    return b.fill("torch.take_along_dim({x}, " + f"{ids_of(b, 'indices')}, dim={axis})"), tensor(b["x"].kind.element)


@special("lengths maxlen dtype", "tf.sequence_mask")
def sequence_mask(b: Bound) -> tuple[str, Kind]:
    """Whether a step lies before the end of its row."""
    if "dtype" in b and "bool" not in b["dtype"].text:
        raise b.call.refuse(f"dtype={b['dtype'].text}")
    size = b["maxlen"].text if b.value("maxlen", None) is not None else b.fill("int({lengths}.max())")
    return b.fill("torch.arange(" + size + ", device={lengths}.device) < {lengths}[..., None]"), tensor("bool")


@special("logits num_samples dtype seed", "tf.random.categorical", "random.categorical", "tf.multinomial")
def categorical(b: Bound) -> tuple[str, Kind]:
    """Draws of classes, from logits."""
    if "dtype" in b and "int" not in b["dtype"].text:
        raise b.call.refuse(f"dtype={b['dtype'].text}")
    text = "torch.multinomial(F.softmax({logits}, dim=-1), {num_samples}, replacement=True)"
    return b.fill(text), tensor("int")
