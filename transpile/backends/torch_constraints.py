"""Constraints on weights: what is done to them after each step."""

from __future__ import annotations

import re
from collections.abc import Mapping

from transpile.backends.torch_regularization import Unsupported
from transpile.interpret.values import KerasObject
from transpile.ir import Expr, literal

# Keras's names and those of old, in small letters without "_", and the parameters.
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "maxnorm": ("max_norm", ("max_value", "axis")),
    "unitnorm": ("unit_norm", ("axis",)),
    "minmaxnorm": ("min_max_norm", ("min_value", "max_value", "rate", "axis")),
    "nonneg": ("non_negative", ()),
}
_DEFAULTS = {
    "max_value": literal(2), "min_value": literal(0.0), "rate": literal(1.0), "axis": literal(0),
}  # fmt: skip


def statement(expr: Expr, line: str, parameter: str) -> tuple[str, tuple[str, ...]]:
    """The statement that keeps a parameter in its bounds, and its helpers. Raises Unsupported.

    `line` relates Keras's layout to PyTorch's ("kernel: i o -> weight: o i").
    """
    kind, arguments = _read(expr)
    if kind == "non_negative":
        return f"{parameter}.clamp_(min=0)", ()
    dims = _dims(expr, line, arguments["axis"])
    if kind == "unit_norm":
        return f"{parameter}.div_({parameter}.norm(dim={dims}, keepdim=True) + 1e-7)", ()
    if kind == "max_norm":
        call = f"max_norm({parameter}, {arguments['max_value'].text}, dim={dims})"
        return f"{parameter}.copy_({call})", ("max_norm",)
    low, high, rate = (arguments[n].text for n in ("min_value", "max_value", "rate"))
    high = "1.0" if "max_value" not in _given(expr) else high
    rate = "" if arguments["rate"].value == 1.0 else f", rate={rate}"
    call = f"min_max_norm({parameter}, {low}, {high}, dim={dims}{rate})"
    return f"{parameter}.copy_({call})", ("min_max_norm",)


def _read(expr: Expr) -> tuple[str, dict[str, Expr]]:
    value = expr.value
    name = value if isinstance(value, str) else getattr(value, "path", "")
    known = not isinstance(value, KerasObject) or value.path.startswith("keras.constraints.")
    found = _KINDS.get(name.rpartition(".")[2].lower().replace("_", "")) if known else None
    if found is None:
        raise Unsupported("K2T107", f"the constraint {expr.text} cannot be converted")
    kind, parameters = found
    given = _given(expr)
    if set(given) - set(parameters):
        raise Unsupported("K2T107", f"the constraint {expr.text} cannot be converted")
    return kind, {n: given.get(n, _DEFAULTS[n]) for n in parameters}


def _given(expr: Expr) -> dict[str, Expr]:
    value = expr.value
    if not isinstance(value, KerasObject):
        return {}
    kind = value.path.rpartition(".")[2].lower().replace("_", "")
    parameters = _KINDS.get(kind, ("", ()))[1]
    named = {{"m": "max_value"}.get(n, n): e for n, e in value.kwargs.items() if n != "name"}
    return dict(zip(parameters, value.args)) | named


def _dims(expr: Expr, line: str, axis: Expr) -> str:
    """PyTorch's axes for Keras's."""
    keras, _, torch = line.partition("->")
    ours = _axes(keras.partition(":")[2])
    theirs = _axes(torch.partition(":")[2])
    value = axis.value
    wanted = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(a, int) for a in wanted):
        raise Unsupported("K2T107", f"the axis of the constraint {expr.text} is only known at run time")
    try:
        dims = [theirs.index(ours[a]) for a in wanted]
    except (ValueError, IndexError):
        raise Unsupported("K2T107", f"the constraint {expr.text} cannot be converted for this layer") from None
    return str(dims[0]) if len(dims) == 1 else f"({', '.join(map(str, sorted(dims)))})"


def _axes(text: str) -> list[str]:
    """The axes of a layout; a group in brackets is one."""
    return re.findall(r"\([^)]*\)|\S+", text)
