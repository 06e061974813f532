"""How closely both sides must agree.

Every limit is far above what a right translation shows and far below the smallest error of a
wrong one. In float64: right translations differ by 2e-15 in small networks, 5e-14 in wide
convolutions. Some TensorFlow kernels hold constants in float32 (leaky relu, gelu, bilinear
resizing, ...): models with such a construct, a "floor", get the second set of limits.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Largest relative differences that pass."""

    forward: float
    loss: float
    gradient: float
    weights: float
    trace: float


EXACT = Tolerances(forward=1e-9, loss=1e-10, gradient=1e-8, weights=1e-7, trace=1e-8)
FLOOR = Tolerances(forward=2e-6, loss=1e-7, gradient=1e-6, weights=1e-6, trace=1e-6)
SINGLE = Tolerances(forward=1e-4, loss=1e-5, gradient=1e-3, weights=1e-3, trace=1e-3)

# A parameter is inert when its gradient stays below this part of the model's largest:
# mathematically zero (a bias before batch norm), so that its value is rounding noise.
INERT = 1e-7


def choose(dtype: str, floor: bool) -> Tolerances:
    """The limits for a comparison in `dtype`."""
    if dtype == "float32":
        return SINGLE
    return FLOOR if floor else EXACT
