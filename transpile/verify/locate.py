"""Names the first layer whose output differs, by running both sides with hooks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from transpile.verify.batches import difference
from transpile.verify.keras_side import flatten
from transpile.verify.recipes import Array
from transpile.verify.subject import Subject


def first_difference(subject: Subject, inputs: Sequence[Array], training: bool, limit: float) -> str:
    """Where the outputs part, among the layers that have weights; empty if not found."""
    modules = {m.layer: m.module for m in subject.counterparts.matches if m.module}
    theirs = subject.torch.layer_outputs(inputs, training)
    last = ""
    for layer, output in subject.keras.layer_outputs(inputs, training):
        path = modules.get(layer.name)
        if path is None or not theirs.get(path):
            continue
        ours = [np.asarray(o) for o in flatten(output)][:1]
        candidate = theirs[path].pop(0)
        if not ours:
            continue
        if not any(difference(ours[0], view) <= limit for view in _views(candidate, layer)):
            before = f"; {last} still agrees" if last else ""
            return f"the first layer that differs is {layer.name} ({path}){before}"
        last = f"{layer.name} ({path})"
    return f"every layer with weights agrees up to {last}" if last else ""


def _views(candidate: Any, layer: Any) -> Iterator[Array]:
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
            yield np.asarray(activation(view))
