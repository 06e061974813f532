"""A weight of a layer of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from transpile.ir import Expr, Shape


@dataclass(frozen=True, eq=False)
class OwnWeight:
    """What `add_weight` was given; None for what it was not."""

    shape: Shape | None
    initializer: Expr | None
    regularizer: Expr | None
    constraint: Expr | None
