"""Nested lists and dicts of tensors, such as models take and give."""

from __future__ import annotations

from typing import Any

from transpile.verify.backends import Backend


def flatten(value: Any) -> list[Any]:
    """The leaves of nested lists, tuples and dicts (by sorted key)."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in flatten(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in flatten(item)]
    return [] if value is None else [value]


def tensors_of(backend: Backend, targets: Any) -> Any:
    """Targets as tensors, in lists as given; None stays."""
    if isinstance(targets, list):
        return [tensors_of(backend, t) for t in targets]
    return None if targets is None else backend.tensor(targets)


def as_given(tensors: Any, struct: Any) -> Any:
    """As a dict, for a functional model that was made with one: in the order in which the program names its parts."""
    if not isinstance(struct, dict):
        return tensors
    return dict(zip(struct, tensors if isinstance(tensors, list) else [tensors], strict=True))
