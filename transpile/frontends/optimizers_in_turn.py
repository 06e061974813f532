"""A `compile` that gets several optimizers, one after another: by the names in a list, or by objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import libcst as cst

from transpile.frontends.compile_objects import Refused
from transpile.frontends.keras_optimizer import acts_around, read_optimizer
from transpile.frontends.sites import Sites
from transpile.interpret.values import Event, Frame, KerasObject
from transpile.ir import Expr
from transpile.training_ir import Compiled, Optimizer


def given_optimizer(event: Event) -> Expr | None:
    """The optimizer of a `compile`."""
    return event.kwargs.get("optimizer") or (event.args[0] if event.args else None)


def with_optimizer(event: Event, given: Expr) -> Event:
    """The `compile` with another optimizer."""
    if event.args:
        return replace(event, args=(given, *event.args[1:]))
    return replace(event, kwargs=event.kwargs | {"optimizer": given})


def optimizers_in_turn(runs: Sequence[Event], merged: Event, sites: Sites) -> list[Expr]:
    """The optimizers of the runs of one `compile`, as far as they differ; none where they do not.

    All are names, or all are objects that nothing else reads.
    """
    given = given_optimizer(merged)
    if given is None or given.known:
        return []
    found: dict[object, Expr] = {}
    for one in map(given_optimizer, runs):
        if one is None or one.text != given.text:
            return []
        found.setdefault(one.value.span if isinstance(one.value, KerasObject) else one.value, one)
    if all(isinstance(key, str) for key in found):
        return list(found.values())
    objects = [e.value for e in found.values() if isinstance(e.value, KerasObject)]
    if not given.text.isidentifier() or len(objects) < len(found):
        return []
    names = {n for run in runs for n in _holders(run.frame, objects)}
    return list(found.values()) if all(_handed_on(n, merged, sites) for n in _read(names, sites)) else []


def _holders(frame: Frame | None, objects: Sequence[KerasObject]) -> Iterator[str]:
    """The variables of a function, and of those that called it, that hold one of the objects."""
    while frame is not None:
        yield from (n for n, held in frame.names.items() if any(held is o for o in objects))
        frame = frame.caller or frame.parent


def _read(names: set[str], sites: Sites) -> Iterator[cst.Name]:
    """Where the file names one of the variables and does not assign it."""
    for node, parent in sites.parents.items():
        if not isinstance(node, cst.Name) or node.value not in names:
            continue
        target = isinstance(parent, cst.AssignTarget | cst.Param) or getattr(parent, "target", None) is node
        word = getattr(parent, "keyword", None) is node or getattr(parent, "attr", None) is node
        unpacked = isinstance(parent, cst.Element) and isinstance(sites.parents[sites.parents[parent]], cst.For)
        if not target and not word and not unpacked:
            yield node


def _handed_on(name: cst.Name, compiled: Event, sites: Sites) -> bool:
    """Whether a variable is read only to be handed to a function of the program's, or to `compile`."""
    arg = sites.parents[name]
    call = sites.parents[arg]
    if not isinstance(arg, cst.Arg) or not isinstance(call, cst.Call):
        return False
    functions = {f.name.value for f in sites.parents if isinstance(f, cst.FunctionDef)}
    return call is compiled.call or (isinstance(call.func, cst.Name) and call.func.value in functions)


def in_turn(read: Compiled, event: Event, turns: Sequence[Expr]) -> Compiled:
    """What `compile` said, with all of its optimizers. Raises Refused."""
    if not turns:
        return read
    optimizers = read_alike(turns)
    picked = given_optimizer(event)
    if isinstance(turns[0].value, str):
        named = tuple((str(e.value), o) for e, o in zip(turns, optimizers))
        return replace(read, picked=picked, named=named)
    spans = [e.value.span for e in turns if isinstance(e.value, KerasObject)]
    return replace(read, picked=picked, listed=tuple(zip(spans, optimizers)))


def read_alike(given: Sequence[Expr]) -> list[Optimizer]:
    """Several optimizers around which the same is done. Raises Refused."""
    read = [read_optimizer(e) for e in given]
    clips = {tuple(o.args[n].text for n in ("clipnorm", "clipvalue", "global_clipnorm")) for o in read}
    if len(clips) > 1 or any(o.schedule or acts_around(o) for o in read):
        raise Refused("K2T121", "the optimizers to choose from clip gradients or change rates in different ways")
    return read


def most_general(given: Sequence[Expr]) -> Expr:
    """The optimizer around which most is done: a velocity follows the rate, where there is one."""
    return next((e for e in given if read_optimizer(e).has_momentum), given[0])
