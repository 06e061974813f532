"""Keras 1 and 2 spellings of a layer's arguments, in Keras 3's words."""

from __future__ import annotations

import re

from transpile.ir import Expr, literal

Problems = list[tuple[str, str]]

_IGNORED = frozenset("implementation consume_less unroll input_length fused mode use_learning_phase".split())
AVERAGES = re.compile(r"(Average|Avg)Pool(ing)?[123]D")


def modern_arguments(
    kind: str, args: list[Expr], kwargs: dict[str, Expr]
) -> tuple[list[Expr], dict[str, Expr], Problems]:
    """The arguments as Keras 3 would take them, and what cannot be said that way."""
    problems: Problems = []
    kwargs = dict(kwargs)
    if "dim_ordering" in kwargs:
        order = kwargs.pop("dim_ordering")
        spelled = {"tf": "channels_last", "th": "channels_first"}.get(str(order.value))
        if spelled:
            kwargs["data_format"] = literal(spelled)
    if kind.startswith("Convolution") or "nb_row" in kwargs or _keras1_conv(kind, args, kwargs):
        args = _keras1_kernel(kind, args, kwargs)
    if kind == "Dropout" and "p" in kwargs:
        kwargs["rate"] = kwargs.pop("p")
    if kind == "BatchNormalization" and "mode" in kwargs and kwargs["mode"].value not in (0, 2):
        problems.append(("K2T104", "BatchNormalization: mode=1 (sample-wise) cannot be converted"))
    if AVERAGES.fullmatch(kind) and not args and not {"**", "pool_size", "pool_length"} & kwargs.keys():
        kwargs["pool_size"] = literal(2)  # the default until Keras 3, which has none
    for name in _IGNORED & kwargs.keys():
        kwargs.pop(name)
    return args, kwargs, problems


def _keras1_conv(kind: str, args: list[Expr], kwargs: dict[str, Expr]) -> bool:
    """`Conv2D(64, 3, 3, border_mode=...)`: rows and columns, where Keras 2 reads a stride."""
    return (
        kind in ("Conv2D", "Conv3D") and len(args) >= 3 and bool({"border_mode", "subsample", "init"} & kwargs.keys())
    )


def _keras1_kernel(kind: str, args: list[Expr], kwargs: dict[str, Expr]) -> list[Expr]:
    rank = int(kind[-2])
    if rank == 1:
        return args
    extents = args[1 : 1 + rank]
    names = ("nb_row", "nb_col") if rank == 2 else ("kernel_dim1", "kernel_dim2", "kernel_dim3")
    extents += [kwargs.pop(n) for n in names[len(extents) :] if n in kwargs]
    if len(extents) != rank or any(isinstance(e.value, tuple | list) for e in extents):
        return args
    values = tuple(e.value for e in extents)
    text = "(" + ", ".join(e.text for e in extents) + ")"
    from transpile.ir import UNKNOWN

    kernel = Expr(text, UNKNOWN if any(v is UNKNOWN for v in values) else values)
    if "kernel_size" not in kwargs:
        kwargs["kernel_size"] = kernel
    return [*args[:1], *args[1 + rank :]]
