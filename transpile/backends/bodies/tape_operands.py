"""What a framework's functions are given in steps by hand: arrays as tensors, targets as the outputs are."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Argument, Call
from transpile.backends.bodies.handed import array_of, operands
from transpile.backends.bodies.inference import binary
from transpile.backends.bodies.kinds import Kind
from transpile.backends.bodies.tables import NEW
from transpile.backends.torch_nodes import closed
from transpile.interpret.values import Array

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env, Value

_LOSSES = ("keras.losses.", "keras.metrics.")
_ALIGNED = frozenset("mean_squared_error mse MSE mean_absolute_error mae MAE cosine_similarity".split())
_FLOATING = ("binary_crossentropy", "categorical_crossentropy")


def suit(body: TapeBody, call: Call, env: Env) -> None:
    """Suits the arguments of a call to PyTorch's counterpart."""
    if call.path.endswith(NEW):
        return
    computed = operands(call.node, call.path)
    beside = [a for a in (*call.args, *call.kwargs.values()) if a.kind.what == "tensor" and a.text.isidentifier()]
    place = f"{beside[0].text}.device" if beside else call.place if body.functions else ""
    call.args = [_tensor(body, a, env, place) if a.node in computed else a for a in call.args]
    call.kwargs = {k: _tensor(body, a, env, place) if a.node in computed else a for k, a in call.kwargs.items()}
    if call.path.startswith(_LOSSES):  # an object, or a function that aligns them
        suit_targets(body, call, env, call.node.func not in body.paths or call.path.rpartition(".")[2] in _ALIGNED)


def _tensor(body: TapeBody, given: Argument, env: Env, place: str) -> Argument:
    """An array as a tensor; anything else as it is."""
    if given.items is not None or (array_of(body, given.node, env) is None and not _may_be_frame(body, given)):
        return given
    array = f"np.asarray({given.text})" if _may_be_frame(body, given) else given.text
    text = f"torch.as_tensor({array}{f', device={place}' if place else ''})"
    return replace(given, text=text, kind=Kind("tensor"))


def _may_be_frame(body: TapeBody, given: Argument) -> bool:
    """Whether a name of the module may hold a column of a table, which PyTorch does not read."""
    name = body.loose and isinstance(given.node, ast.Name) and given.kind.what == "unknown"
    return name and "import pandas" in body.references.text


def mixed(body: TapeBody, node: ast.BinOp, env: Env) -> Value | None:
    """`outputs - y` where `y` is an array: a tensor of the other's type; None for anything else."""
    from transpile.backends.bodies.walker import Value

    sides = [(n, body.plain(n, env)) for n in (node.left, node.right)]
    tensors = [(n, v) for n, v in sides if v.kind.what == "tensor"]
    arrays = [(n, v) for n, v in sides if v.kind.what != "tensor" and array_of(body, n, env) is not None]
    if len(tensors) != 1 or len(arrays) != 1:
        return None
    (other, beside), (array, value) = tensors[0], arrays[0]
    text = body.text(other, beside)
    like = f"dtype={text}.dtype, device={text}.device" if text.isidentifier() else "dtype=torch.float32, device=device"
    made = body.replaced(array, f"torch.as_tensor({body.text(array, value)}, {like})", Kind("tensor", "float"))
    found = {other: body.operand(other, beside), array: made}
    kinds = [found[n].kind for n in (node.left, node.right)]
    return Value(binary(node.op, *kinds), tuple(e for n in (node.left, node.right) for e in found[n].edits))


def suit_targets(body: TapeBody, call: Call, env: Env, aligns: bool) -> None:
    """Makes floats of targets as the outputs are, and columns for outputs of shape (n, 1) where Keras aligns them."""
    given = dict(zip(("y_true", "y_pred"), call.args)) | call.kwargs
    if not {"y_true", "y_pred"} <= given.keys():
        return
    targets, outputs = given["y_true"], given["y_pred"]
    name = call.path.rpartition(".")[2]
    held = body.object_of(targets.node, env)
    known = held if isinstance(held, Array) else Array()
    text = targets.text
    if name in _FLOATING and not _is_float(body, targets, known):
        text = f"{closed(text)}{_cast(targets, known, outputs)}"
    rank = targets.kind.rank if known.shape is None else len(known.shape)
    if name.startswith("sparse"):
        text = f"{closed(text)}.squeeze(-1)" if rank == outputs.kind.rank == 2 else text
    elif aligns and _is_column(outputs) and rank != 2:
        text = f"{closed(text)}.reshape(-1, 1)"
    changed = replace(targets, text=text)
    if call.args:
        call.args[0] = changed
    else:
        call.kwargs["y_true"] = changed


def _is_column(outputs: Argument) -> bool:
    """Whether outputs have the shape (n, 1)."""
    shape = outputs.kind.shape
    return shape is not None and len(shape) == 2 and shape[-1].value == 1


def _is_float(body: TapeBody, targets: Argument, known: Array) -> bool:
    """Whether targets have the type of the outputs already, as those that the program's loaders give."""
    compiled = any(e.kind == "compile" for e in body.interpreter.events)
    if body.loaded or (targets.text == "y_true" and compiled) or "_like(" in targets.text:
        return True
    return known.dtype == "float32" or (not known.dtype and targets.kind.element == "float")


def _cast(targets: Argument, known: Array, outputs: Argument) -> str:
    """What makes floats of targets."""
    whole = targets.kind.element in ("int", "bool") or known.dtype.startswith(("int", "uint", "bool"))
    return ".float()" if whole or not outputs.text.isidentifier() else f".to({outputs.text}.dtype)"
