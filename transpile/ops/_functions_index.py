"""Reads every file with entries of tensor functions, so that their table is whole."""

from __future__ import annotations

from transpile.ops import (
    torch_creation,
    torch_draws,
    torch_elementwise,
    torch_filters,
    torch_patches,
    torch_rearrange,
    torch_reduction,
    torch_scans,
)
from transpile.ops._functions import Function, entry_of

LOADED = (
    torch_creation, torch_draws, torch_filters, torch_elementwise, torch_patches, torch_rearrange, torch_reduction,
    torch_scans,
)  # fmt: skip


def function_of(path: str) -> Function | None:
    """The entry of a function ("torch.cat") or a method (".view")."""
    return entry_of(path)
