"""Which Keras mask a layer passes on, as Keras 3 does it (`compute_mask` in keras.src.layers)."""

from __future__ import annotations

from transpile.interpret.values import Apply, Phi, Tensor
from transpile.registry import mask_of


def mask_behind(record: Apply) -> Tensor | None:
    """The mask of the first output: the tensor that it comes from, None where there is none.

    A mask that no tensor of the program stands for has a Phi as its source.
    """
    if record.op is None or not record.inputs:
        return None
    kind = mask_of(record.op, record.args)
    if kind in ("keep", "use+keep"):
        return record.inputs[0].mask
    return _merged(record) if kind in ("merge", "use+merge") else None


def _merged(record: Apply) -> Tensor | None:
    masks = [t.mask for t in record.inputs]
    given = [m for m in masks if m is not None]
    if not given:
        return None
    if not _joins_features(record):
        return Tensor(None, Phi("masks that are joined along the steps", record.span))
    if len(given) < len(masks):
        return None
    if all(m is given[0] for m in given):
        return given[0]
    return Tensor(None, Phi("masks of different origins that meet", record.span))


def _joins_features(record: Apply) -> bool:
    """Whether the steps stay: elementwise, or a concatenation along the last axis."""
    axis = record.args.get("axis")
    ranks = {len(t.shape) for t in record.inputs if t.shape is not None}
    return axis is None or axis.value == -1 or ranks == {axis.value + 1 if isinstance(axis.value, int) else None}
