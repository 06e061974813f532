"""In which order Keras runs the calls of a functional model.

It does not run them as they were written, but by their distance from the outputs. That shows
where one normalization is called several times: its moving averages are updated in that order.
The formula is `map_graph` in keras/src/ops/function.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from transpile.interpret.model_layers import leaves
from transpile.interpret.values import Apply, InputSource, Layer, ModelValue, Tensor
from transpile.ops.pretrained import NETWORKS

Part = Apply | InputSource


def in_run_order(model: ModelValue, applies: Sequence[Apply]) -> list[Apply]:
    """As written, except that calls which update the same averages come as Keras runs them."""
    units = _units(applies)
    before = _constraints(model, units)
    if all(a < b for b, others in before.items() for a in others):
        return list(applies)
    makers = {id(t): i for i, unit in enumerate(units) for record in unit for t in record.outputs}
    for i, unit in enumerate(units):
        before.setdefault(i, set()).update(
            makers[id(t)] for record in unit for t in record.inputs if makers.get(id(t), i) != i
        )
    ordered: dict[int, None] = {}
    waiting = list(range(len(units)))
    while waiting:
        following = next(i for i in waiting if before[i] <= ordered.keys())
        waiting.remove(following)
        ordered[following] = None
    return [record for i in ordered for record in units[i]]


def _units(applies: Sequence[Apply]) -> list[list[Apply]]:
    """Each call with the activation argument that belongs to it."""
    units: list[list[Apply]] = []
    for record in applies:
        if record.fused and units and record.inputs[0].source is units[-1][-1]:
            units[-1].append(record)
        else:
            units.append([record])
    return units


def _constraints(model: ModelValue, units: Sequence[Sequence[Apply]]) -> dict[int, set[int]]:
    """Which unit must come behind which others, so that each average is updated in Keras's order."""
    users: dict[int, list[int]] = {}
    for i, (record, *_) in enumerate(units):
        for layer in _averaging(record.layer):
            users.setdefault(layer, []).append(i)
    shared = [calls for calls in users.values() if len(calls) > 1]
    if not shared:
        return {}
    place = {id(part): number for number, part in enumerate(_run(model))}
    before: dict[int, set[int]] = {}
    for calls in shared:
        ranked = sorted(calls, key=lambda i: place.get(id(units[i][0]), len(place)))
        for first, second in pairwise(ranked):
            before.setdefault(second, set()).add(first)
    return before


def _averaging(layer: Layer | ModelValue | None) -> set[int]:
    """The layers with moving averages in a layer or model."""
    found: set[int] = set()
    for leaf in leaves(layer) if layer is not None else ():
        inner = leaf.args["layer"].value if "layer" in leaf.args else None
        if leaf.kind == "BatchNormalization" or leaf.kind in NETWORKS or leaf.instance is not None:
            found.add(id(leaf))
        elif isinstance(inner, Layer | ModelValue):
            found |= _averaging(inner)
    return found


def _run(model: ModelValue) -> list[Part]:
    """The calls by depth, the deepest first; those of one depth as Keras meets them from the outputs."""
    finished: dict[int, Part] = {}
    for tensor in (*model.outputs, *model.added):
        _finish(_source(tensor), finished, {id(_source(t)) for t in model.inputs})
    depths: dict[int, int] = {}
    deepest: dict[int, int] = {}
    for part in reversed(finished.values()):
        owner = id(part.layer) if isinstance(part, Apply) and part.layer is not None else id(part)
        depth = max(depths.setdefault(id(part), 0), deepest.get(owner, 0))
        deepest[owner] = depths[id(part)] = depth
        for inner in _inputs(part):
            if id(inner) in finished:
                depths[id(inner)] = max(depths.get(id(inner), 0), depth + 1)
    return [finished[key] for key in sorted(depths, key=lambda key: -depths[key])]


def _finish(part: Part | None, finished: dict[int, Part], ends: set[int]) -> None:
    """Walks back from a call; what it needs is finished before it."""
    if part is None or id(part) in finished:
        return
    if id(part) not in ends:
        for inner in _inputs(part):
            _finish(inner, finished, ends)
    finished[id(part)] = part


def _inputs(part: Part) -> list[Part]:
    found = [_source(t) for t in part.inputs] if isinstance(part, Apply) else []
    return [source for source in found if source is not None]


def _source(tensor: Tensor) -> Part | None:
    """What made a tensor; an activation argument belongs to the layer before it."""
    source = tensor.source
    while isinstance(source, Apply) and source.fused:
        source = source.inputs[0].source
    return source if isinstance(source, Apply | InputSource) else None


__all__ = ["in_run_order"]
