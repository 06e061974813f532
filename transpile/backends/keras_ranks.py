"""How many axes the tensors of a script have, as far as the text says it: where the classes of a loss lie."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import Part
from transpile.torch_values import Items, Tensor, Value

_DEPTH = 12
_SAME = frozenset("detach float double clone contiguous cpu cuda to log_softmax softmax sigmoid log exp relu".split())


def has_inner_classes(e: ScriptExpressions, loss: str, output: ast.expr) -> bool:
    """Whether the classes of a cross-entropy lie on the second of more than two axes; Keras's lie on the last."""
    return loss in ("CrossEntropyLoss", "NLLLoss") and (rank_of(e, output) or 0) > 2


def rank_of(e: ScriptExpressions, node: ast.AST, depth: int = _DEPTH) -> int | None:
    """The number of axes of an expression (at least: three where two of the inner ones change places)."""
    if not depth:
        return None
    match node:
        case ast.Name():
            entries = e.kinds.assigned.get((id(e.kinds.function_of(node)), node.id), [])
            before = [value for end, value, _ in entries if end <= e.references.start(node)]
            return rank_of(e, before[-1], depth - 1) if before else None
        case Part(value=ast.Call() as call, index=index):
            return _returned(e, call, index)
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if not e.path(node.func) and (
            e.kind(node.func).name != "model"
        ):
            return _of_method(e, node, inner, attr, depth)
        case ast.Call(args=[inner, *_]) if e.path(node.func).rpartition(".")[2] in _SAME:
            return rank_of(e, inner, depth - 1)
        case ast.Call():
            return _returned(e, node, None)
    return None


def _of_method(e: ScriptExpressions, node: ast.Call, inner: ast.expr, attr: str, depth: int) -> int | None:
    before = rank_of(e, inner, depth - 1)
    args = list(node.args)
    if len(args) == 1 and isinstance(args[0], ast.Tuple | ast.List):
        args = list(args[0].elts)
    match attr:
        case "view" | "reshape" | "permute" if len(args) > 1 and not any(isinstance(a, ast.Starred) for a in args):
            return len(args)
        case "transpose" | "swapaxes":
            places = [a.value for a in args if isinstance(a, ast.Constant) and isinstance(a.value, int)]
            return before if before is not None else 3 if sorted(places) == [1, 2] else None
        case "unsqueeze":
            return None if before is None else before + 1
    return before if attr in _SAME else None


def _returned(e: ScriptExpressions, call: ast.Call, index: int | None) -> int | None:
    """The rank of what a model of the file returns, or of one of the things that it does."""
    model = e.kind(call.func)
    known = e.script.classes.get(e.class_of(model)) if model.name == "model" else None
    forward = known.info.method("forward") if known is not None and known.info is not None else None
    value: Value | None = forward.returns if forward is not None else None
    if index is not None:
        value = value.items[index] if isinstance(value, Items) and index < len(value.items) else None
    return value.rank.value if isinstance(value, Tensor) else None


def classes_last(e: ScriptExpressions, text: str) -> str:
    """An output with its classes on the last axis."""
    e.needs(("from keras import ops",), ())
    return f"ops.moveaxis({text}, 1, -1)"
