"""The families of entries that the tests of this folder are about."""

from __future__ import annotations

import importlib

from transpile.registry import Op

SPATIAL = (
    "activation", "conv", "conv_transpose", "elementwise", "image", "merge", "norm", "operator", "pool",
    "preprocessing", "categorical", "augmentation", "patches", "random_numbers", "rearrange", "reduction", "regularization", "split", "tensor",
)  # fmt: skip


def family(*names: str) -> list[Op]:
    """The entries of these files of transpile/ops."""
    return [op for name in names for op in importlib.import_module(f"transpile.ops.{name}").OPS]
