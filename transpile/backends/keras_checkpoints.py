"""Checkpoints: dicts of weights, of an optimizer's state and of numbers, written with `torch.save` and read again."""

from __future__ import annotations

import ast

from transpile.backends.keras_built import need_weights
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_owned import owned_models
from transpile.frontends.torch_variables import assigned_values
from transpile.scopes import blocks


def state(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`model.state_dict()` and `optimizer.state_dict()` as values of a dict that is saved at once.

    PyTorch's dict holds the weights themselves, Keras's list their values of the moment.
    """
    held = e.references.parents.get(node)
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="state_dict"), args=[], keywords=[]) if isinstance(
            held, ast.Dict
        ) and _is_saved(e, held):
            pass
        case _:
            return None
    match e.kind(owner).name:
        case "model":
            return f"{e.text(owner)}.get_weights()"
        case "optimizer":
            e.needs(("from keras import ops",), ())
            return f"[ops.convert_to_numpy(variable) for variable in {e.text(owner)}.variables]"
    return None


def _is_saved(e: ScriptExpressions, held: ast.Dict) -> bool:
    """Whether a dict goes to `torch.save` before a weight may change."""
    statement = e.references.statement(held)
    if any(isinstance(n, ast.Call) and e.path(n.func) == "torch.save" for n in ast.walk(statement)):
        return True
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is held:
            block = next((b for b in blocks(e.references.parents[statement]) if statement in b), [])
            reads = [n for n in ast.walk(e.kinds.function_of(statement)) if isinstance(n, ast.Name) and n.id == name]
            for later in block[block.index(statement) + 1 :]:
                inside = [n for n in reads if n in list(ast.walk(later))]
                if inside:
                    rest = {id(n) for n in reads if isinstance(n.ctx, ast.Load)} - {id(n) for n in inside}
                    match later:
                        case ast.Expr(value=ast.Call(func=save, args=[ast.Name(), *_])):
                            return e.path(save) == "torch.save" and not rest
                    return False
                if not isinstance(later, ast.Expr | ast.Assign) or _runs_own(e, later):
                    return False
    return False


def _runs_own(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """Whether a statement steps an optimizer or calls a function of the file, which may."""
    return any(
        isinstance(n, ast.Call)
        and (e.kinds.called_function(n) is not None or (isinstance(n.func, ast.Attribute) and n.func.attr == "step"))
        for n in ast.walk(statement)
    )


def saves_checkpoint(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`torch.save({"epoch": epoch, "model": model.state_dict()}, "checkpoint.pt")`."""
    match statement:
        case ast.Expr(value=ast.Call(func=save, args=[saved, path], keywords=[])) if e.path(save) == "torch.save":
            pass
        case _:
            return False
    values = assigned_values(e.kinds, saved) if isinstance(saved, ast.Name) else [saved]
    if not values or not all(isinstance(v, ast.Dict) for v in values):
        return False
    file = _free(e)
    e.needs(("import pickle",), ())
    e.script.plan.rewrite(
        statement, f'with open({e.text(path)}, "wb") as {file}:\n    pickle.dump({e.text(saved)}, {file})'
    )
    return True


def loads_checkpoint(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`checkpoint = torch.load("checkpoint.pt")` of a dict, by how it is read."""
    match statement:
        case ast.Assign(targets=[ast.Name() as name], value=ast.Call(func=load, args=[path, *_])):
            if e.path(load) != "torch.load" or not _is_dict(e, name):
                return False
        case _:
            return False
    file = _free(e)
    e.needs(("import pickle",), ())
    e.script.report("T2K221", statement, "the checkpoint is a pickle of arrays: PyTorch's own files are not read")
    e.script.plan.rewrite(statement, f'with open({e.text(path)}, "rb") as {file}:\n    {name.id} = pickle.load({file})')
    return True


def _is_dict(e: ScriptExpressions, name: ast.Name) -> bool:
    """Whether a variable is only read by keys."""
    function = e.kinds.function_of(name)
    reads = [
        n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name.id and isinstance(n.ctx, ast.Load)
    ]
    parents = [e.references.parents[n] for n in reads]
    return bool(reads) and all(
        (isinstance(p, ast.Subscript) and p.value in reads and isinstance(p.slice, ast.Constant | ast.JoinedStr))
        or (isinstance(p, ast.Attribute) and p.attr in ("get", "keys", "items"))
        or (isinstance(p, ast.Compare) and p.left not in reads)
        for p in parents
    )


def restores(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`model.load_state_dict(checkpoint["model"])`, and the same of an optimizer."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=owner, attr="load_state_dict"),
                args=[ast.Subscript(value=ast.Name() as held) as kept],
                keywords=[],
            )
        ):
            pass
        case _:
            return False
    if not _is_checkpoint(e, held):
        return False
    kind = e.kind(owner).name
    if kind == "model":
        need_weights(e, owner, "set")
        e.script.plan.rewrite(statement, f"{e.text(owner)}.set_weights({e.text(kept)})")
        return True
    models = owned_models(e.kinds, owner) if kind == "optimizer" else []
    if not models or not isinstance(e.kinds.function_of(statement), FUNCTION | ast.Module):
        return False
    variables = " + ".join(f"{m}.trainable_variables" for m in models)
    e.script.plan.rewrite(
        statement,
        f"{e.text(owner)}.build({variables})",
        f"for variable, value in zip({e.text(owner)}.variables, {e.text(kept)}):\n    variable.assign(value)",
    )
    return True


def _is_checkpoint(e: ScriptExpressions, held: ast.Name) -> bool:
    """Whether a variable holds what `loads_checkpoint` reads."""
    values = assigned_values(e.kinds, held)
    return bool(values) and all(
        isinstance(v, ast.Call)
        and e.path(v.func) == "torch.load"
        and isinstance(e.references.parents[v], ast.Assign)
        and _is_dict(e, held)
        for v in values
    )


def _free(e: ScriptExpressions) -> str:
    """A name for the file."""
    name = "file"
    while any(n.id == name for n, _ in e.references.reads):
        name += "_"
    return name
