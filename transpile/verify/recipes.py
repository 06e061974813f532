"""Weight lines: how the arrays of a Keras layer become the parameters of a PyTorch module.

A line reads `<Keras weight>: <axes> -> <PyTorch parameter>: <axes>`:

    kernel: h w i o -> weight: o i h w                  axes permuted
    depthwise_kernel: h w c m -> weight: (c m) 1 h w    axes merged, an axis of one added
    gamma: ... -> weight: ...                           as it is
    kernel: i (z+r+h) -> weight_ih_l0: (r+z+h) i        equal blocks along an axis, reordered
    bias[0]: (z+r+h) -> bias_ih_l0: (r+z+h)             one row of a Keras weight
    query/kernel: e h d -> in_proj_weight[0/3]: (h d) e block 0 of 3 along the first axis
    forward_layer/kernel: i o -> weight_ih_l0: o i      the weight of an inner layer
    0 -> bias_hh_l0                                     no counterpart: zeros, frozen

Axes are einops-like: a name, `1`, `(a b)` for axes merged in row-major order. `(a+b+c)` says
that an axis consists of that many blocks of equal size, named so that both sides can list
them in their own order. The Keras name may be indexed `[i]` along its first axis; either name
may be followed by `[i/n]`, the i-th of n equal blocks along its first axis. No framework here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class RecipeError(ValueError):
    """A weight line that cannot be read, or does not fit the arrays."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A weight, or a part of it: `index` is a row, `block` = (i, n) one of n blocks."""

    name: str
    index: int | None = None
    block: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: `names` merged in row-major order (none: an axis of one), or `blocks`."""

    names: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read. `source` is None for a parameter of zeros."""

    text: str
    source: Ref | None
    source_axes: tuple[Axis, ...] | None  # None: `...`
    target: Ref
    target_axes: tuple[Axis, ...] | None


_REF = re.compile(r"([\w./]+)(?:\[(\d+)(?:/(\d+))?\])?")
_AXIS = re.compile(r"\(([\w\s+]*)\)|(\w+)|(\.\.\.)")


def parse(text: str) -> Line:
    """Reads one line of the language above."""
    left, arrow, right = text.partition("->")
    if not arrow:
        raise RecipeError(f"no '->' in the weight line {text!r}")
    if left.strip() == "0":
        return Line(text, None, None, _ref(right, text), None)
    source, _, source_axes = left.partition(":")
    target, _, target_axes = right.partition(":")
    line = Line(
        text,
        _ref(source, text),
        _axes(source_axes, text),
        _ref(target, text),
        _axes(target_axes, text),
    )
    if (line.source_axes is None) != (line.target_axes is None):
        raise RecipeError(f"'...' stands on one side only in {text!r}")
    if _letters(line.source_axes) != _letters(line.target_axes):
        raise RecipeError(f"the two sides of {text!r} have different axes")
    return line


def _ref(text: str, line: str) -> Ref:
    match = _REF.fullmatch(text.strip())
    if match is None:
        raise RecipeError(f"{text.strip()!r} names no weight in {line!r}")
    name, index, count = match.groups()
    if index is None:
        return Ref(name)
    if count is None:
        return Ref(name, index=int(index))
    return Ref(name, block=(int(index), int(count)))


def _axes(text: str, line: str) -> tuple[Axis, ...] | None:
    text, axes, at = text.strip(), [], 0
    if text == "...":
        return None
    while at < len(text):
        match = _AXIS.match(text, at)
        if match is None or match.group(3):
            raise RecipeError(f"cannot read the axes {text!r} of {line!r}")
        group, name, _ = match.groups()
        if name is not None:
            axes.append(Axis(() if name == "1" else (name,)))
        elif "+" in group:
            axes.append(Axis(blocks=tuple(part.strip() for part in group.split("+"))))
        else:
            axes.append(Axis(tuple(group.split())))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return tuple(axes)


def _letters(axes: tuple[Axis, ...] | None) -> list[str]:
    return sorted(name for axis in axes or () for name in _elements(axis))


def _elements(axis: Axis) -> tuple[str, ...]:
    """Elementary axes: blocks give an axis of blocks and the axis within a block."""
    if axis.blocks:
        key = "+".join(sorted(axis.blocks))
        return (f"blocks {key}", f"within {key}")
    return axis.names


def _sizes(axes: Sequence[Axis], shape: Sequence[int], known: Mapping[str, int], text: str) -> dict[str, int]:
    """The extents of the elementary axes of an array of that shape."""
    if len(axes) != len(shape):
        raise RecipeError(f"{text!r} wants {len(axes)} axes, the shape is {shape}")
    sizes = dict(known)
    for axis, extent in zip(axes, shape, strict=True):
        if axis.blocks:
            sizes[_elements(axis)[0]] = len(axis.blocks)
        names = _elements(axis)
        free = [name for name in names if name not in sizes]
        rest, left = divmod(extent, prod(sizes[n] for n in names if n in sizes))
        if len(free) > 1:
            raise RecipeError(f"the sizes of {free} are not known in {text!r}")
        if left or (not free and rest != 1):
            raise RecipeError(f"an axis of {extent} does not fit {text!r}")
        sizes.update(dict.fromkeys(free, rest))
    return sizes


def _rearrange(
    array: Array,
    source: tuple[Axis, ...] | None,
    target: tuple[Axis, ...] | None,
    text: str,
    known: Mapping[str, int],
) -> Array:
    if source is None or target is None:
        return array
    sizes = _sizes(source, array.shape, known, text)
    names = [name for axis in source for name in _elements(axis)]
    array = array.reshape([sizes[name] for name in names])
    orders = {_elements(axis)[0]: axis.blocks for axis in source if axis.blocks}
    for axis in target:
        if axis.blocks:
            key = _elements(axis)[0]
            order = [orders[key].index(block) for block in axis.blocks]
            array = np.take(array, order, axis=names.index(key))
    wanted = [name for axis in target for name in _elements(axis)]
    array = array.transpose([names.index(name) for name in wanted])
    return array.reshape([prod(sizes[n] for n in _elements(axis)) for axis in target])


def _part(array: Array, ref: Ref, text: str) -> Array:
    if ref.index is not None:
        if array.ndim < 1 or ref.index >= array.shape[0]:
            raise RecipeError(f"there is no row {ref.index} for {text!r}")
        return np.asarray(array[ref.index])
    if ref.block is not None:
        return np.split(array, ref.block[1], axis=0)[ref.block[0]]
    return array


def _join(parts: Sequence[tuple[Ref, Array]]) -> Array:
    """Puts rows or blocks together again."""
    first = parts[0][0]
    if first.index is not None:
        return np.stack([a for _, a in sorted(parts, key=lambda p: p[0].index or 0)])
    if first.block is not None:
        if len(parts) != first.block[1]:
            raise RecipeError(f"{len(parts)} of {first.block[1]} blocks of {first.name}")
        return np.concatenate([a for _, a in sorted(parts, key=lambda p: p[0].block or (0, 0))])
    if len(parts) > 1:
        raise RecipeError(f"{first.name} is given more than once")
    return parts[0][1]


def to_torch(lines: Sequence[Line | str], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The parameters of the module. `arrays` holds the Keras weights by the lines' names.

    Lines of zeros give nothing: only the module knows the shape (see `zeros`).
    """
    parts: dict[str, list[tuple[Ref, Array]]] = {}
    for line in map(_read, lines):
        if line.source is None:
            continue
        if line.source.name not in arrays:
            raise RecipeError(f"there is no Keras weight {line.source.name!r}")
        array = _part(arrays[line.source.name], line.source, line.text)
        array = _rearrange(array, line.source_axes, line.target_axes, line.text, {})
        parts.setdefault(line.target.name, []).append((line.target, array))
    return {name: _join(items) for name, items in parts.items()}


def to_keras(
    lines: Sequence[Line | str],
    arrays: Mapping[str, Array],
    shapes: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Array]:
    """The way back. `shapes` of the Keras weights are needed where axes were merged."""
    parts: dict[str, list[tuple[Ref, Array]]] = {}
    for line in map(_read, lines):
        if line.source is None:
            continue
        if line.target.name not in arrays:
            raise RecipeError(f"there is no PyTorch parameter {line.target.name!r}")
        known: dict[str, int] = {}
        shape = (shapes or {}).get(line.source.name)
        if shape is not None and line.source_axes is not None:
            shape = shape[1:] if line.source.index is not None else shape
            known = _sizes(line.source_axes, shape, {}, line.text)
        array = _part(arrays[line.target.name], line.target, line.text)
        array = _rearrange(array, line.target_axes, line.source_axes, line.text, known)
        parts.setdefault(line.source.name, []).append((line.source, array))
    return {name: _join(items) for name, items in parts.items()}


def sources(lines: Sequence[Line | str]) -> tuple[str, ...]:
    """The Keras weights that the lines read, each once."""
    names = [line.source.name for line in map(_read, lines) if line.source]
    return tuple(dict.fromkeys(names))


def targets(lines: Sequence[Line | str]) -> tuple[str, ...]:
    """The PyTorch parameters that the lines write, each once; those of zeros included."""
    return tuple(dict.fromkeys(line.target.name for line in map(_read, lines)))


def zeros(lines: Sequence[Line | str]) -> tuple[str, ...]:
    """The PyTorch parameters that are zeros and frozen."""
    return tuple(line.target.name for line in map(_read, lines) if line.source is None)


def _read(line: Line | str) -> Line:
    return parse(line) if isinstance(line, str) else line
