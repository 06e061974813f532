"""Which layers a model has, in the order in which Keras counts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from transpile.interpret.values import Apply, InputSource, Layer, ModelValue, Tensor
from transpile.ir import FREE, UNKNOWN, Expr, Shape
from transpile.ops.pretrained import NETWORKS

INNER = "keras.applications.inner"  # stands for a layer inside of a pretrained network
# An input of a functional model: it is counted, but has no module.
Counted = Layer | ModelValue | InputSource


def layers_of(model: ModelValue) -> list[Layer | ModelValue]:
    """Every layer between the inputs and the outputs of a built model."""
    found: list[Layer | ModelValue] = []
    seen: set[int] = set()
    stack = list(model.outputs)
    while stack:
        source = stack.pop().source
        if isinstance(source, Apply) and id(source) not in seen:
            seen.add(id(source))
            if source.layer is not None and source.layer not in found:
                found.append(source.layer)
            stack += source.inputs
    return found


def leaves(holder: Layer | ModelValue) -> Iterator[Layer]:
    """The layers of a model, those of nested models included; a layer itself.

    A model of the user's own class is the layer that makes its outputs: it is met once.
    """
    seen = {holder}
    stack: list[Layer | ModelValue] = [holder]
    while stack:
        found = stack.pop()
        if isinstance(found, Layer):
            yield found
            continue
        inner = [x for x in found.layers if isinstance(x, Layer | ModelValue)]
        new = [x for x in dict.fromkeys([*inner, *layers_of(found)]) if x not in seen]
        seen.update(new)
        stack += reversed(new)


def counted(model: ModelValue) -> list[Counted] | None:
    """`model.layers`; None where the order is not known."""
    if model.style == "sequential":
        return [x for x in model.layers if isinstance(x, ModelValue) or x.kind != "InputLayer"]
    if model.style == "application":  # Keras counts the layers inside; here it is one module
        inputs = [x.source for x in model.inputs if isinstance(x.source, InputSource)]
        return _with_inner([*inputs, *reversed(layers_of(model))])
    if model.style != "functional" or not model.outputs:
        return None
    return _functional(model)


def _with_inner(layers: Sequence[Counted]) -> list[Counted] | None:
    """With the layers that a pretrained network stands for; None for those with classifiers."""
    networks = [x for x in layers if isinstance(x, Layer) and x.kind in NETWORKS]
    if any(x.args["top"].value for x in networks):
        return None
    calls = [x.call for x in networks if NETWORKS[x.kind].scales]
    found: list[Counted] = []
    for layer in layers:
        if layer in networks and isinstance(layer, Layer):
            found += layer.inside
        elif isinstance(layer, Layer) and layer.call in calls and layer.kind in ("Rescaling", "Normalization"):
            continue  # counted among those inside
        found.append(layer)
    return found


def _functional(model: ModelValue) -> list[Counted] | None:
    """By depth, then by the order in which Keras meets them from the outputs."""
    met: list[Apply | InputSource] = []
    finished: list[Apply | InputSource] = []
    for tensor in model.outputs:
        if not _visit(tensor, met, finished):
            return None
    order: dict[int, int] = {}
    owners: dict[int, Counted] = {}
    for number, part in enumerate(met):
        owners[id(_owner(part))] = _owner(part)
        order.setdefault(id(_owner(part)), number)
    depth: dict[int, int] = {}
    deepest: dict[int, int] = {}
    for part in reversed(finished):
        key = id(_owner(part))
        at = deepest[key] = max(depth.get(id(part), 0), deepest.get(key, 0))
        for inner in filter(None, map(_source, _inputs(part))):
            depth[id(inner)] = max(depth.get(id(inner), 0), at + 1)
    found = [owners[key] for key in sorted(owners, key=lambda k: (-deepest[k], order[k]))]
    if not any(isinstance(x, Layer) and x.kind in NETWORKS for x in found):
        return found
    return _with_inner(found) if len(set(deepest.values())) == len(found) else None  # of a chain


def _visit(tensor: Tensor, met: list[Apply | InputSource], finished: list[Apply | InputSource]) -> bool:
    """Walks back from a tensor; False where something is met that is no layer."""
    part = _source(tensor)
    if part is None or (isinstance(part, Apply) and part.layer is None):
        return False
    if part in met:
        return True
    met.append(part)
    whole = all(_visit(t, met, finished) for t in _inputs(part))
    finished.append(part)
    return whole


def _inputs(part: Apply | InputSource) -> Sequence[Tensor]:
    return part.inputs if isinstance(part, Apply) else ()


def _source(tensor: Tensor) -> Apply | InputSource | None:
    """What made a tensor; an activation argument belongs to the layer before it."""
    source = tensor.source
    while isinstance(source, Apply) and source.fused:
        source = source.inputs[0].source
    return source if isinstance(source, Apply | InputSource) else None


def _owner(part: Apply | InputSource) -> Counted:
    if isinstance(part, InputSource):
        return part
    assert part.layer is not None
    return part.layer


def find_layer(model: ModelValue, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> object:
    """`model.get_layer("name")` and `model.get_layer(index=3)`."""
    name = args[0].value if args else kwargs.get("name", Expr("")).value
    index = args[1].value if len(args) > 1 else kwargs.get("index", Expr("")).value
    if isinstance(name, str):
        for layer in layers_of(model):
            named = layer.common.get("name") if isinstance(layer, Layer) else layer.name
            if named is not None and named.value == name:
                return layer
    every = counted(model) if isinstance(index, int) else None
    if every is None or not isinstance(index, int) or not -len(every) <= index < len(every):
        return UNKNOWN
    return every[index]


def of_rows(first: Layer | ModelValue) -> Shape | None:
    """The shape of the data that nothing tells, for a model that begins with a Dense layer: rows of numbers.

    Longer sequences of rows then fail where targets are shaped; they are never broadcast in silence.
    """
    return (FREE, FREE) if isinstance(first, Layer) and first.kind == "Dense" else None
