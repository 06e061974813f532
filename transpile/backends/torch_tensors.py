"""Data of a program's as the tensors that a model and its loss take."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.frontends.facts import ModelFacts
from transpile.interpret.values import Array
from transpile.ir import Expr
from transpile.training_ir import Loss

_FLOAT = "torch.float32"


def tensor(text: str, data: Expr, dtype: str) -> str:
    """`torch.as_tensor(x)` in the model's precision."""
    known = data.value.dtype if isinstance(data.value, Array) else ""
    if not isinstance(data.value, Array):
        text = f"np.asarray({text})"  # a list or a data frame too
    if (known == "float32" and dtype == _FLOAT) or (known == "int64" and dtype == "torch.long"):
        return f"torch.as_tensor({text})"
    return f"torch.as_tensor({text}, dtype={dtype})"


def input_dtype(name: str) -> str:
    """Token ids stay integers; everything else is float32, as in Keras."""
    return "torch.long" if name.startswith(("int", "uint")) else _FLOAT


def input_tensors(texts: Sequence[str], data: Sequence[Expr], facts: ModelFacts) -> list[str]:
    """A model's inputs in its precision and layout; Keras takes vectors for inputs of shape (n, 1)."""
    found = []
    for i, (text, given, dtype) in enumerate(zip(texts, data, facts.input_dtypes)):
        shape = given.value.shape if isinstance(given.value, Array) else None
        column = facts.columns[i] and (shape is None or len(shape) == 1)
        found.append(tensor(text, given, input_dtype(dtype)) + facts.moved(i) + (".reshape(-1, 1)" if column else ""))
    return found


def target_tensor(text: str, data: Expr, loss: Loss) -> str:
    """Targets in the dtype and shape that the criterion takes."""
    shape = data.value.shape if isinstance(data.value, Array) else None
    rank = len(loss.shape) if loss.shape is not None else None
    if loss.target == "ids":
        made = tensor(text, data, "torch.long")
        if rank is None or (shape is not None and len(shape) == rank - 1):
            return made
        if rank <= 3:
            return f"{made}.flatten({'1' if rank == 3 else ''})"
        return f"{made}.squeeze(-1)" if shape is not None else f"{made}.reshape({text}.shape[:{rank - 1}])"
    made = tensor(text, data, _FLOAT)
    last = loss.shape[-1].value if loss.shape else None
    if rank is None or last != 1 or (shape is not None and len(shape) == rank):
        return made
    assert loss.shape is not None
    inner = [str(d.value) for d in loss.shape[1:] if isinstance(d.value, int)]
    if len(inner) == rank - 1:
        return f"{made}.reshape(-1, {', '.join(inner)})"
    return f"{made}.reshape(*{text}.shape[:{rank - 1}], 1)"
