"""`gradients = tape.gradient(loss, variables)` that an optimizer applies: zero_grad and backward."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.step_results import own_nodes
from transpile.backends.bodies.tape_clips import clips_behind
from transpile.backends.bodies.tape_scopes import name_in
from transpile.backends.bodies.tape_steps import (
    Applied,
    Models,
    applied,
    function_of,
    is_gone_over,
    loads,
    methods_in,
    parameters_of,
)
from transpile.backends.bodies.variables import Variables, names_of
from transpile.backends.torch_nodes import closed
from transpile.frontends.keras_compile import Refused
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.interpret.values import KerasObject, ModelValue
from transpile.ir import Edit, Expr

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env

_CHANGES = ("append", "extend", "update", "pop", "insert", "clear", "remove", "setdefault")


def step_with(body: TapeBody, gradients: str, node: ast.stmt, env: Env) -> Applied | None:
    """What applies these gradients next, in the same function."""
    names = {gradients, *(c.target for c in clips_behind(body, node, gradients))}
    for call in methods_in(body.references, node, "apply_gradients", "apply"):
        found = applied(call, lambda n: body.models_of(n, env))
        behind = body.references.start(call) > body.references.start(node)
        if behind and found is not None and found.gradients in names:
            return found
    return None


def backward(body: TapeBody, node: ast.Assign, call: ast.Call, step: Applied, env: Env) -> None:
    """`grads = tape.gradient(loss, model.trainable_variables)`."""
    optimizer = body.references.code(step.optimizer)
    models = body.models_of(call.args[1], env) if len(call.args) == 2 and not call.keywords else ()
    if not models or step.models != models:
        raise Refusal("K2T191", "gradients of other variables than those of models", call)
    for model in models:
        if not body.is_model(model, env):
            message = f"{model} is not a model that this module makes and that was converted"
            raise Refusal("K2T191", message, call)
    gone_over = _check_step(body, node, step, env)
    note_step(body, step, models, env)
    body.gradients[_name(node)] = models
    loss = body.argument(call.args[0], env)
    text = loss.text if loss.kind.rank == 0 else f"{closed(loss.text)}.sum()"
    options = body.options(node, call, models)
    indent = " " * node.col_offset
    lines = f"{optimizer}.zero_grad()\n{indent}{closed(text)}.backward({', '.join(options)})"
    if gone_over:
        lines += f"\n{indent}{_name(node)} = [p.grad for p in {parameters_of(models)}]"
    body.edits.append(Edit(body.references.start(node), body.references.end(node), lines))


def minimized(body: TapeBody, node: ast.Expr, env: Env) -> bool:
    """`optimizer.minimize(loss_fn, variables)`: the function is called, and its loss stepped."""
    call = node.value
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "minimize":
        return False
    given = dict(zip(("loss", "var_list"), call.args)) | {str(k.arg): k.value for k in call.keywords}
    models = body.models_of(given["var_list"], env) if "var_list" in given else ()
    if set(given) != {"loss", "var_list"} or not models or not all(body.is_model(m, env) for m in models):
        return False
    step = Applied(call, call.func.value, "", models)
    _check_optimizer(body, step, env)
    note_step(body, step, models, env)
    loss = given["loss"]
    plain = isinstance(loss, ast.Lambda) and not loss.args.args
    value = body.argument(loss.body if isinstance(loss, ast.Lambda) and plain else loss, env)
    if not plain and (not isinstance(loss, ast.Name) or value.kind.what != "function"):
        raise Refusal("K2T191", "minimize() of what is no function of the program", call)
    text = value.text if plain else f"{value.text}()"
    kind = value.kind if plain else body.result_of(value.kind.node, {})
    text = closed(text) if kind.rank == 0 else f"{closed(text)}.sum()"
    optimizer, indent = body.references.code(step.optimizer), "\n" + " " * node.col_offset
    lines = [f"{optimizer}.zero_grad()", f"{text}.backward()", *body.clip_lines(body.key(step.optimizer, env))]
    written = indent.join([*lines, f"{optimizer}.step()"])
    body.edits.append(Edit(body.references.start(node), body.references.end(node), written))
    return True


def note_step(body: TapeBody, step: Applied, models: Models, env: Env) -> None:
    """Notes which models an optimizer steps; they must have names where it is made."""
    optimizer, held = body.references.code(step.optimizer), body.object_of(step.optimizer, env)
    several = Refusal("K2T191", f"{optimizer} steps the variables of several models", step.call)
    if body.trained.setdefault(body.key(step.optimizer, env), models) != models:
        raise several
    body.used.add(optimizer)
    if not isinstance(held, KerasObject) or not isinstance(step.optimizer, ast.Name):
        if any(isinstance(m, Variables) for m in models):
            raise Refusal("K2T191", f"the optimizer {optimizer} of variables has no name of its own", step.call)
        return
    values = [m if isinstance(m, Variables) else body.object_of(_parsed(m), env) for m in models]
    known = tuple(v for v in values if isinstance(v, ModelValue | Variables))
    if body.relied.stepped.setdefault(id(held), known) != known:
        raise several
    for value in known:
        if isinstance(value, Variables):
            _check_names(body, value, step, env)
        elif not name_in(held.frame, value):
            raise Refusal("K2T191", f"where {optimizer} is made, its model has no name", step.call)
    body.rely(optimizer, held)


def _check_names(body: TapeBody, variables: Variables, step: Applied, env: Env) -> None:
    """The list must mean the same where the optimizer is made: in its scope, and made once."""
    optimizer = body.references.code(step.optimizer)
    local = body.is_local(optimizer, env)
    for name in names_of(variables):
        if body.is_local(name, env) != local:
            raise Refusal("K2T191", f"where {optimizer} is made, {name} is not known", step.call)
        scope = function_of(body.references, step.call) if local else body.references.tree
        stores = [n for n in own_nodes(scope) if isinstance(n, ast.Name) and n.id == name and _stored(n)]
        if len(stores) != 1 or _in_loop(body, stores[0], scope) or _is_changed(body.references.tree, name):
            raise Refusal("K2T191", f"{name} is not made once and for all", step.call)


def _stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _in_loop(body: TapeBody, node: ast.AST, scope: ast.AST) -> bool:
    loops = (n for n in body.references.around(node) if isinstance(n, ast.For | ast.While))
    inside = set(ast.walk(scope))
    return any(n in inside for n in loops)


def _is_changed(scope: ast.AST, name: str) -> bool:
    """Whether elements are put into a list or dict later on."""
    for node in ast.walk(scope):
        base = node.value if isinstance(node, ast.Subscript | ast.Attribute) else None
        if not isinstance(base, ast.Name) or base.id != name:
            continue
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.Attribute) and node.attr in _CHANGES:
            return True
    return any(isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name) and n.target.id == name
               for n in ast.walk(scope))  # fmt: skip


def _check_optimizer(body: TapeBody, step: Applied, env: Env) -> None:
    held, optimizer = body.object_of(step.optimizer, env), body.references.code(step.optimizer)
    named = isinstance(held, str)
    if not named and not (isinstance(held, KerasObject) and held.path.startswith("keras.optimizers.")):
        raise Refusal("K2T191", f"the optimizer {optimizer} is not made in the module", step.call)
    try:
        body.chosen[body.key(step.optimizer, env)] = read_optimizer(Expr(optimizer, held))
    except Refused as error:
        raise Refusal(error.problem.code, error.problem.message, step.call) from None


def _check_step(body: TapeBody, node: ast.Assign, step: Applied, env: Env) -> bool:
    """Whether a loop of the program's goes over the gradients, too."""
    _check_optimizer(body, step, env)
    inside = set(ast.walk(step.call))
    others = [n for n in loads(function_of(body.references, node), step.gradients) if n not in inside]
    others += [n for n in loads(function_of(body.references, node), _name(node)) if n not in inside]
    applications = methods_in(body.references, node, "apply_gradients", "apply")
    clips = clips_behind(body, node, _name(node))
    elsewhere = {n for c in (*applications, *(c.statement for c in clips)) for n in ast.walk(c)}
    others = [n for n in others if n not in elsewhere]
    if others and (clips or not all(is_gone_over(body.references, n) for n in others)):
        raise Refusal("K2T191", "the gradients are used before they are applied", others[0])
    return bool(others)


def alias(body: TapeBody, node: ast.Assign, name: str, env: Env) -> bool:
    """`variables = model.trainable_variables`, which is only read by tapes and optimizers."""
    models = body.models_of(node.value, env)
    if not models or not all(body.is_model(m, env) for m in models):
        return False
    if env.parent is None and any(isinstance(m, Variables) for m in models):
        return False  # a list of parameters is one in PyTorch, too
    used = methods_in(body.references, node, "gradient", "apply_gradients", "apply", "minimize")
    inside = {n for c in used for n in ast.walk(c)}
    if not used or any(n not in inside for n in loads(function_of(body.references, node), name)):
        return False
    body.aliases[name] = models
    body.edits.append(Edit(body.references.start(node), body.references.end(node), ""))
    return True


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _name(node: ast.Assign) -> str:
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""
