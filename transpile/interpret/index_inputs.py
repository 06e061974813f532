"""Inputs that only choose rows of embeddings: Keras casts them to integers, PyTorch takes nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from transpile.interpret.values import Apply, InputSource, ModelValue, Tensor

_MOVES = frozenset({"reshape_layer", "flatten", "permute"})  # numbers go through as they are


def note_index_inputs(models: Iterable[ModelValue], applies: Sequence[Apply]) -> None:
    """Makes `int32` of the dtype of each input that nothing but embeddings reads."""
    readers: defaultdict[int, list[Apply]] = defaultdict(list)
    for record in applies:
        for tensor in record.inputs:
            readers[id(tensor)].append(record)
    models = list(models)
    results = {id(t) for model in models for t in model.outputs}

    def indexes(tensor: Tensor) -> bool:
        records = readers[id(tensor)]
        return bool(records) and id(tensor) not in results and all(reads_ids(r, tensor) for r in records)

    def reads_ids(record: Apply, tensor: Tensor) -> bool:
        if isinstance(record.layer, ModelValue):
            inner = zip(record.inputs, record.layer.inputs, strict=False)
            return any(t is tensor for t in record.inputs) and all(indexes(i) for t, i in inner if t is tensor)
        name = record.op.name if record.op is not None else ""
        return name == "embedding" or (name in _MOVES and all(indexes(t) for t in record.outputs))

    for model in models:
        for tensor in model.inputs:
            if isinstance(tensor.source, InputSource) and tensor.dtype.startswith("float") and indexes(tensor):
                tensor.dtype = "int32"
