"""What a program asks of the objects around a training: of optimizers, callbacks, and what `fit` returns."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst


@dataclass(eq=False)
class History:
    """What a `fit` returned: `call` is the call."""

    call: cst.Call


@dataclass(frozen=True)
class ObjectUse:
    """An attribute of an object, read or set, and when that was."""

    node: cst.Attribute
    order: int
