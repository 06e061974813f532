"""Random tensors of PyTorch on keras.random: the same distributions, other draws."""

from __future__ import annotations

from transpile.ops._functions import Call, Left, Result, fresh, function, like
from transpile.ops.torch_creation import size_of_zeros
from transpile.torch_values import Tensor


def _drawn(call: Call, name: str, first: str, second: str) -> Result:
    """`x.normal_(0, 1)`: new values in the place of the old ones."""
    call.imports.add("import keras")
    x, given = call.text("x"), [call.text(n) for n in (first, second)]
    size = size_of_zeros(x)
    shape, dtype = (size, "") if size else (f"ops.shape({x})", f", dtype={x}.dtype")
    return f"keras.random.{name}({shape}, {', '.join(given)}{dtype})", like(call.args["x"].value)


@function(".normal_", params="x, mean=0.0, std=1.0")
def _normal_(call: Call) -> Result:
    return _drawn(call, "normal", "mean", "std")


@function(".uniform_", params="x, low=0.0, high=1.0")
def _uniform_(call: Call) -> Result:
    return _drawn(call, "uniform", "low", "high")


@function("torch.normal", params="mean, std=1.0, size=None")
def _normal(call: Call) -> Result:
    call.imports.add("import keras")
    if call.has("size"):
        operand = call.args["size"]
        count = len(operand.elements) if operand.elements is not None else None
        given = f"mean={call.text('mean')}, stddev={call.text('std')}"
        return f"keras.random.normal({operand.text}, {given})", fresh(count)
    shaped = next((n for n in ("mean", "std") if isinstance(call.args[n].value, Tensor)), "")
    if not shaped:
        raise Left("torch.normal of numbers without a size")
    mean, std = call.torch("mean"), call.torch("std")
    drawn = f"keras.random.normal(ops.shape({call.torch(shaped)}))"
    return f"({mean} + {std} * {drawn})", like(call.args[shaped].value, last=False)


@function("torch.multinomial", ".multinomial", params="x, count, replacement=False")
def _multinomial(call: Call) -> Result:
    """Draws without replacement have no counterpart, one draw needs none."""
    if call.const("count") != 1 and call.const("replacement") is not True:
        raise Left("multinomial without replacement")
    call.imports.add("import keras")
    rank, x = call.tensor().rank.value, call.torch()
    if rank not in (1, 2):
        raise Left("multinomial of a tensor whose rank is not known", "T2K104")
    count = call.text("count")
    if rank == 2:
        return f'keras.random.categorical(ops.log({x}), {count}, dtype="int64")', fresh(2, "int")
    return f'keras.random.categorical(ops.log({x})[None], {count}, dtype="int64")[0]', fresh(1, "int")


@function("torch.bernoulli", ".bernoulli", params="x")
def _bernoulli(call: Call) -> Result:
    call.imports.add("import keras")
    x = call.text("x")
    drawn = f"keras.random.uniform(ops.shape({x}), dtype={x}.dtype)"
    return f"ops.cast({drawn} < {x}, {x}.dtype)", like(call.args["x"].value)


@function("torch.randperm", params="n")
def _randperm(call: Call) -> Result:
    call.imports.add("import keras")
    return f"keras.random.shuffle(ops.arange({call.text('n')}))", fresh(1, "int")
