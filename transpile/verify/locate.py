"""Names the first layer whose output differs, by running both sides with hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from transpile.verify.batches import difference
from transpile.verify.recipes import Array
from transpile.verify.report import LayerError
from transpile.verify.structures import flatten
from transpile.verify.subject import Subject


def layer_errors(subject: Subject, inputs: Sequence[Array], training: bool, limit: float) -> list[LayerError]:
    """The layers with weights in the order in which they ran, each with its error."""
    modules = {m.layer: m.module for m in subject.counterparts.matches if m.module}
    inner = dict(subject.torch.modules())
    theirs = subject.torch.layer_outputs(inputs, training)
    found = []
    for layer, output in subject.keras.layer_outputs(inputs, training):
        path = modules.get(layer.name)
        if path is None or not theirs.get(path):
            continue
        ours = [subject.keras.side.backend.array(o) for o in flatten(output)][:1]
        candidate = theirs[path].pop(0)
        if not ours:
            continue
        views = _views(candidate, layer, subject.keras.side.backend.array)
        error = min((difference(ours[0], view) for view in views), default=float("inf"))
        places = (vars(layer).get("_transpile_line"), vars(inner[path]).get("_transpile_line"))
        place = ", ".join(filter(None, places))
        found.append(LayerError(layer.name, path, error, limit, place, type(layer).__name__))
    return found


def first_difference(subject: Subject, inputs: Sequence[Array], training: bool, limit: float) -> str:
    """Where the outputs part, among the layers that have weights; empty if not found."""
    last = ""
    for layer in layer_errors(subject, inputs, training, limit):
        name = f"{layer.keras} ({layer.torch})"
        if not layer.error <= limit:
            parts = [f"the first layer that differs is {name}", layer.place and f"made in {layer.place}"]
            parts += [f"its error is {layer.error:.1e}", last and f"{last} still agrees", _note(layer.kind)]
            return "; ".join(part for part in parts if part)
        last = name
    return f"every layer with weights agrees up to {last}" if last else ""


def _note(kind: str) -> str:
    """What the registry says of the layer, as a likely reason."""
    from transpile.registry import by_keras_path

    op = by_keras_path().get(f"layers.{kind}")
    return f"known of {kind}: {op.note}" if op is not None and op.note else ""


def _views(candidate: Any, layer: Any, values: Callable[[Any], Array]) -> Iterator[Array]:
    """What a module's output may look like on the Keras side."""
    outputs = [o for o in flatten(candidate) if isinstance(o, torch.Tensor)]
    if not outputs:
        return
    array = outputs[0].detach().cpu().numpy()
    views = [array]
    if array.ndim > 2:
        views += [np.moveaxis(array, 1, -1), array[:, -1]]
    views += [o.detach().cpu().numpy()[-1] for o in outputs[1:] if o.ndim > 2]
    for view in views:
        yield view
        activation = getattr(layer, "activation", None)
        if callable(activation):
            yield values(activation(view))
