"""The shapes of what a pipeline of tf.data yields, as far as they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from transpile.interpret.values import Array, Batch, Function, Stream
from transpile.ir import UNKNOWN, Expr

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

# Methods after which a pipeline yields elements of the same shapes.
_SAME = frozenset("shuffle repeat take skip cache prefetch filter concatenate shard with_options".split())


def sliced(value: object) -> object:
    """What slices along the first axis look like: of an array, or of a tuple or dict of arrays."""
    return _each(value, lambda shape: shape[1:])


def batched(value: object) -> object:
    """What a batch of elements looks like."""
    return _each(value, lambda shape: (None, *shape))


_Shape = tuple[int | None, ...]


def _each(value: object, change: Callable[[_Shape], _Shape]) -> object:
    if isinstance(value, tuple | list):
        return tuple(_each(v, change) for v in value)
    if isinstance(value, dict):
        return {k: _each(v, change) for k, v in value.items()}
    if not isinstance(value, Array):
        return UNKNOWN
    return Batch(None if value.shape is None else change(value.shape), value.dtype)


def element_after(interpreter: Interpreter, stream: Stream, method: str, args: Sequence[Expr]) -> object:
    """What a pipeline yields behind one more method."""
    held = stream.element
    if held is UNKNOWN or method in _SAME:
        return held
    if method == "batch":
        return batched(held)
    if method == "unbatch":
        return sliced(held)
    function = args[0].value if args else UNKNOWN
    if method == "map" and isinstance(function, Function):
        given = held if isinstance(held, tuple) else (held,)
        return _seen(interpreter.call_function(function, given, {}))
    return UNKNOWN


def _seen(value: object) -> object:
    """Arrays, and tuples and dicts of them; UNKNOWN for anything else."""
    if isinstance(value, tuple):
        return tuple(_seen(v) for v in value)
    if isinstance(value, dict):
        return {k: _seen(v) for k, v in value.items()}
    return Batch(value.shape, value.dtype) if isinstance(value, Array) else UNKNOWN
