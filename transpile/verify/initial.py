"""Level 1: the weights start from the same distribution on both sides.

The values are random, so what is compared is what a tensor shows of its distribution: constants
exactly; mean, spread and (in large tensors) the fourth moment as closely as their number allows.
A difference is said and does not decide: a file written by hand, or with `--style idiomatic`, may
leave PyTorch's own initial values, and computes the same function.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from transpile.verify.recipes import Array
from transpile.verify.report import Row

FEW = 8  # fewer random numbers than that show nothing
MANY = 2000  # from here on a uniform distribution is told from a normal one
SIGMAS = 6.0


def initial_values(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Row:
    """Both sides' fresh parameters, by the PyTorch names."""
    reasons, count = [], 0
    for name, first in ours.items():
        second = theirs.get(name)
        if second is None or not np.issubdtype(first.dtype, np.floating) or not first.size:
            continue
        count += first.size
        said = unlike(first.astype("float64"), second.astype("float64"))
        if said:
            reasons.append(f"{name}: {said}")
    title = "initial values, by their distribution"
    if not count:
        return Row(1, title, "not applicable", reason="nothing to compare")
    if not reasons:
        return Row(1, title, "ok", count)
    more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    return Row(1, title, "advisory", count, reason="; ".join(reasons[:3]) + more)


def unlike(ours: Array, theirs: Array) -> str:
    """How two samples differ; empty if they may come from one distribution."""
    if constant(ours) or constant(theirs):
        if ours.size == 1 and ours.flat[0] != 0:
            return ""  # one number: drawn at random, as far as it shows
        same = constant(ours) and constant(theirs) and np.isclose(ours.flat[0], theirs.flat[0], rtol=1e-6)
        return "" if same else f"Keras starts with {described(ours)}, PyTorch with {described(theirs)}"
    n = ours.size
    if n < FEW:
        return ""
    spread = abs(np.log(ours.std() / theirs.std()))
    mean = abs(ours.mean() - theirs.mean())
    far = spread > SIGMAS / np.sqrt(n) or mean > SIGMAS * np.hypot(ours.std(), theirs.std()) / np.sqrt(n)
    if far:
        return f"Keras starts with {described(ours)}, PyTorch with {described(theirs)}"
    if n >= MANY and abs(kurtosis(ours) - kurtosis(theirs)) > SIGMAS * np.sqrt(48 / n):
        return f"the shapes differ: kurtosis {kurtosis(ours):.2f} in Keras, {kurtosis(theirs):.2f} in PyTorch"
    return ""


def constant(values: Array) -> bool:
    """One number, apart from rounding."""
    return bool(np.ptp(values) <= 1e-6 * np.abs(values).max())


def kurtosis(values: Array) -> float:
    """3 for a normal distribution, 1.8 for a uniform one."""
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def described(values: Array) -> str:
    """As the report shows it."""
    if constant(values):
        return f"{values.flat[0]:.4g} everywhere"
    return f"mean {values.mean():.3g} and deviation {values.std():.3g}"
