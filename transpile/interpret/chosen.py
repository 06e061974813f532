"""`activations.get("relu")` and its like: what stands for a name, a function or an object."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.interpret.values import Ref
from transpile.ir import UNKNOWN

ACTIVATION = "keras.activations.get"
RULE_GETTERS = tuple(f"keras.{kind}.get" for kind in ("initializers", "regularizers", "constraints"))
GETTERS = (ACTIVATION, *RULE_GETTERS)


def got(path: str, values: Sequence[object]) -> object:
    """What one of Keras's `get` functions gives: a name of an activation becomes its function."""
    if len(values) != 1 or isinstance(values[0], dict):
        return UNKNOWN
    value = values[0]
    if path == ACTIVATION and (value is None or isinstance(value, str)):
        return Ref(f"keras.activations.{value or 'linear'}")
    return value
