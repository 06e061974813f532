"""One call that runs several times: what its arguments are in all of its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from transpile.interpret.expressions import is_plain
from transpile.interpret.values import Array, Event, Function, Instance, KerasObject
from transpile.ir import UNKNOWN, Expr

# Arguments of which None means a value, which the written code may then choose itself.
_NONE_MEANS = {"batch_size": "32", "validation_batch_size": "32", "class_weight": "{}"}


def merged_event(event: Event, runs: Sequence[Event]) -> Event:
    """An event with arguments that hold in all runs of its call: what differs has no value.

    The event itself where nothing differs.
    """
    if len(runs) < 2:
        return event
    runs = [event, *(r for r in runs if r is not event)]  # what does not differ is that of the event
    args = tuple(_expr(str(i), [r.args[i] for r in runs]) for i in range(len(event.args)) if _have(runs, i))
    kwargs = {n: _expr(n, [r.kwargs[n] for r in runs]) for n in event.kwargs if all(n in r.kwargs for r in runs)}
    if len(args) != len(event.args) or kwargs.keys() != event.kwargs.keys():
        return event  # *args: the texts differ, too
    values = {n: merged([r.values.get(n, UNKNOWN) for r in runs]) for n in event.values}
    if args == event.args and kwargs == event.kwargs and all(values[n] is event.values[n] for n in values):
        return event
    return replace(event, args=args, kwargs=kwargs, values=values)


def _have(runs: Sequence[Event], place: int) -> bool:
    return all(len(r.args) > place for r in runs)


def _expr(name: str, exprs: Sequence[Expr]) -> Expr:
    first = exprs[0]
    value = merged([e.value for e in exprs])
    if value is UNKNOWN and name in _NONE_MEANS and any(e.value is None for e in exprs):
        return Expr(f"{first.text} or {_NONE_MEANS[name]}")
    return first if value is first.value else Expr(first.text, value)


def merged(values: Sequence[object]) -> object:
    """What several values have in common; the first itself where they do not differ, UNKNOWN if nothing."""
    first = values[0]
    if all(v is first for v in values) or any(v is UNKNOWN for v in values):
        return first if all(v is first for v in values) else UNKNOWN
    if is_plain(first):
        same = all(is_plain(v) and type(v) is type(first) and v == first for v in values)
        return first if same else UNKNOWN
    for kind, merge in _BY_KIND.items():
        if isinstance(first, kind):
            return merge(values) if all(isinstance(v, kind) for v in values) else UNKNOWN
    return first if all(type(v) is type(first) for v in values) else UNKNOWN


def _arrays(values: Sequence[Array]) -> object:
    first = values[0]
    if all(v == first for v in values):
        return first
    dtype = first.dtype if all(v.dtype == first.dtype for v in values) else ""
    if any(v.shape is None or first.shape is None or len(v.shape) != len(first.shape) for v in values):
        return Array(None, dtype)
    shapes = [v.shape for v in values if v.shape is not None]
    return Array(tuple(dims[0] if len(set(dims)) == 1 else None for dims in zip(*shapes)), dtype)


def _sequences(values: Sequence[list[object]]) -> object:
    first = values[0]
    if any(len(v) != len(first) or type(v) is not type(first) for v in values):
        return UNKNOWN
    items = [merged(column) for column in zip(*values)]
    return first if all(a is b for a, b in zip(items, first)) else type(first)(items)


def _dicts(values: Sequence[dict[object, object]]) -> object:
    first = values[0]
    if any(v.keys() != first.keys() for v in values):
        return UNKNOWN
    items = {k: merged([v[k] for v in values]) for k in first}
    return first if all(items[k] is first[k] for k in first) else items


def _objects(values: Sequence[KerasObject]) -> object:
    """Objects of one call of a function of Keras's: its arguments may differ from run to run."""
    first = values[0]
    if any(v.call is not first.call or v.kwargs.keys() != first.kwargs.keys() for v in values):
        return UNKNOWN
    if any(len(v.args) != len(first.args) for v in values):
        return UNKNOWN
    args = tuple(_expr("", [v.args[i] for v in values]) for i in range(len(first.args)))
    kwargs = {n: _expr("", [v.kwargs[n] for v in values]) for n in first.kwargs}
    columns = [*zip(*(v.args for v in values)), *([v.kwargs[n] for v in values] for n in first.kwargs)]
    if any(len({e.value is None for e in column}) > 1 for column in columns):
        return UNKNOWN  # what is done with an argument is not done without it
    return first if args == first.args and kwargs == first.kwargs else replace(first, args=args, kwargs=kwargs)


def _functions(values: Sequence[Function]) -> object:
    return values[0] if all(v.node is values[0].node for v in values) else UNKNOWN


def _instances(values: Sequence[Instance]) -> object:
    return values[0] if all(v.cls is values[0].cls for v in values) else UNKNOWN


_BY_KIND: dict[type | tuple[type, ...], Callable[..., object]] = {
    Array: _arrays,
    list: _sequences,
    tuple: _sequences,
    dict: _dicts,
    KerasObject: _objects,
    Function: _functions,
    Instance: _instances,
}
