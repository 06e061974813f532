"""Running products, gates, counts and diagonals of PyTorch tensors, on keras.ops."""

from __future__ import annotations

from transpile.ops._functions import Call, Result, axis_of, fresh, function, like


@function("torch.cumprod", ".cumprod", params="x, dim")
def _cumprod(call: Call) -> Result:
    x, axis = axis_of(call)
    stays = x == call.text("x") and call.tensor().last
    return f"ops.cumprod({x}, axis={axis})", like(call.args["x"].value, last=stays)


@function("torch.nn.functional.glu", params="x, dim=-1")
def _glu(call: Call) -> Result:
    x, axis = axis_of(call)
    value = like(call.args["x"].value, last=x == call.text("x") and call.tensor().last)
    return f"ops.glu({x}, axis={axis})", value


@function("torch.bincount", ".bincount", params="x, weights=None, minlength=0")
def _bincount(call: Call) -> Result:
    given = [f"{n}={call.text(n)}" for n in ("weights",) if call.has(n)]
    given += [f"minlength={call.text('minlength')}"] if call.const("minlength") != 0 else []
    return f"ops.bincount({', '.join([call.torch(), *given])})", fresh(1, "float" if call.has("weights") else "int")


@function("torch.diag", ".diag", params="x, diagonal=0")
def _diag(call: Call) -> Result:
    k = "" if call.const("diagonal") == 0 else f", k={call.text('diagonal')}"
    rank = call.tensor().rank.value
    return f"ops.diag({call.torch()}{k})", fresh(None if rank is None else 3 - rank, call.tensor().dtype)


@function("torch.diagonal", ".diagonal", params="x, offset=0, dim1=0, dim2=1")
def _diagonal(call: Call) -> Result:
    rank = call.tensor().rank.value
    names = {"offset": ("offset", 0), "dim1": ("axis1", 0), "dim2": ("axis2", 1)}
    given = [f"{keras}={call.text(n)}" for n, (keras, default) in names.items() if call.const(n) != default]
    return f"ops.diagonal({', '.join([call.torch(), *given])})", fresh(
        None if rank is None else rank - 1, call.tensor().dtype
    )
