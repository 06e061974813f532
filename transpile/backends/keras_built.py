"""Whether a model has its weights: Keras makes them at the first call, PyTorch with the model."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions


def need_weights(e: ScriptExpressions, model: ast.expr, use: str) -> None:
    """Builds the model of a list of weights where it was not called before, or says that it must have been."""
    if _is_called_before(e, model):
        return
    made = e.kind(model).node
    size = _inputs(e, made)
    statement = e.references.statement(made) if made is not None else None
    if size is None or not isinstance(statement, ast.Assign):
        e.script.report("T2K222", model, f"the weights are {use}: the model must have been called before")
        return
    line = f"{e.kinds.code(statement.targets[0])}.build((None, {size}))"
    if id(statement) not in e.built:
        e.built.add(id(statement))
        e.script.plan.insert_behind(statement, line)


def _is_called_before(e: ScriptExpressions, model: ast.expr) -> bool:
    """Whether the same function, or the module, surely called the model before it lists its weights."""
    name, here = e.kinds.code(model), list(e.references.around(model))
    for call in ast.walk(e.kinds.function_of(model)):
        if not isinstance(call, ast.Call) or e.kinds.code(call.func) not in (name, f"{name}.forward"):
            continue
        if e.references.start(call) < e.references.start(model) and all(
            a in here or isinstance(a, ast.expr | ast.Assign | ast.AugAssign | ast.Expr | ast.For | ast.With)
            for a in e.references.around(call)
        ):
            return True
    return False


def _inputs(e: ScriptExpressions, made: ast.AST | None) -> str | None:
    """The size of the inputs of a chain that starts with a linear layer; None for other models."""
    match made:
        case ast.Call(func=func, args=[ast.Call(func=first, args=[size, *_]), *_]):
            if e.path(func) == "torch.nn.Sequential" and e.path(first) == "torch.nn.Linear":
                return e.text(size)
        case ast.Call(func=func, args=[size, *_]) if e.path(func) == "torch.nn.Linear":
            return e.text(size)
    return None
