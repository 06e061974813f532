"""The learning rate where a script reads or sets it itself: groups of parameters, schedulers of its own."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions

_SCHEDULERS = ("torch.optim.lr_scheduler._LRScheduler", "torch.optim.lr_scheduler.LRScheduler")


def learning_rate(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`optimizer.param_groups[0]["lr"]`, `scheduler.get_last_lr()[0]`."""
    match node:
        case ast.Subscript(
            value=ast.Subscript(value=ast.Attribute(value=optimizer, attr="param_groups")),
            slice=ast.Constant(value="lr"),
        ):
            pass
        case ast.Subscript(value=ast.Name() as group, slice=ast.Constant(value="lr")):
            found = _group_of(e, group)
            if found is None:
                return None
            optimizer = found
        case ast.Subscript(
            value=ast.Call(func=ast.Attribute(value=scheduler, attr="get_last_lr" | "get_lr")),
            slice=ast.Constant(value=0),
        ):
            made = e.kind(scheduler).node
            if not isinstance(made, ast.Call) or not made.args or id(made) in e.scheduled:
                return None
            optimizer = made.args[0]
        case _:
            return None
    if not _is_optimizer(e, optimizer):
        return None
    text = f"{e.text(optimizer)}.learning_rate"
    return text if isinstance(node.ctx, ast.Store) else f"float({text})"


def every_rate(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`[group["lr"] for group in optimizer.param_groups]`."""
    match node:
        case ast.ListComp(
            elt=elt, generators=[ast.comprehension(iter=ast.Attribute(value=optimizer, attr="param_groups"), ifs=[])]
        ) if _is_optimizer(e, optimizer) and _only_rates(e, node):
            return f"[{e.text(elt)}]"
    return None


def scheduler_base(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`class WarmUp(_LRScheduler)`."""
    if e.path(node) not in _SCHEDULERS or not is_scheduler_class(e, e.references.parents.get(node)):
        return None
    e.needs((), ("lr_scheduler",))
    return "LRScheduler"


def is_scheduler_class(e: ScriptExpressions, node: ast.AST | None) -> bool:
    """Whether a class is a scheduler of the program's own."""
    return isinstance(node, ast.ClassDef) and node.name != "LRScheduler" and any(
        e.path(b) in _SCHEDULERS for b in node.bases
    )  # fmt: skip


def sets_rate(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`for group in optimizer.param_groups: group["lr"] = rate`: there is one group, so the loop goes."""
    match statement:
        case ast.For(target=ast.Name(), iter=ast.Attribute(value=optimizer, attr="param_groups"), orelse=[]) if (
            _is_optimizer(e, optimizer) and _only_rates(e, statement)
        ):
            pass
        case _:
            return False
    inner = [n for s in statement.body for n in ast.walk(s)]
    if any(isinstance(n, ast.Break | ast.Continue) for n in inner):
        return False
    if statement.body[0].lineno == statement.lineno:
        match statement.body:
            case [ast.Assign(targets=[target], value=value)]:
                e.script.plan.rewrite(statement, f"{e.text(target)} = {e.text(value)}")
                return True
        return False
    e.script.plan.unwrap(statement)
    return False  # what stood in the loop is still to be written


def _only_rates(e: ScriptExpressions, loop: ast.For | ast.ListComp) -> bool:
    """Whether a loop over groups reads and sets their rates only."""
    target = loop.target if isinstance(loop, ast.For) else loop.generators[0].target
    names = [n for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(target, ast.Name) and n is not target]
    return isinstance(target, ast.Name) and all(_is_rate(e, n) for n in names if n.id == target.id)


def _is_rate(e: ScriptExpressions, group: ast.Name) -> bool:
    match e.references.parents.get(group):
        case ast.Subscript(slice=ast.Constant(value="lr")):
            return True
    return False


def _group_of(e: ScriptExpressions, group: ast.Name) -> ast.expr | None:
    """The optimizer whose groups the loop around a name goes over."""
    for around in e.references.around(group):
        generators = around.generators if isinstance(around, ast.ListComp) else [around]
        for loop in generators:
            match loop:
                case ast.For(target=ast.Name(id=name), iter=ast.Attribute(value=optimizer, attr="param_groups")) | (
                    ast.comprehension(
                        target=ast.Name(id=name), iter=ast.Attribute(value=optimizer, attr="param_groups")
                    )
                ) if name == group.id:
                    whole = around if isinstance(around, ast.For | ast.ListComp) else None
                    return optimizer if whole is not None and _only_rates(e, whole) else None
    return None


def _is_optimizer(e: ScriptExpressions, node: ast.expr) -> bool:
    """Whether it is an optimizer: by what it was made, or by its name where that is not known."""
    kind = e.kind(node)
    return kind.name == "optimizer" or (not kind and "optim" in e.kinds.code(node).lower())


RATE_RULES = (learning_rate, every_rate, scheduler_base)
