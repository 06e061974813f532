"""What a step with a gradient tape consists of: gradients, the variables they are of, and their use."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transpile.backends.bodies.variables import Variables
from transpile.references import References

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody

VARIABLES = ("trainable_variables", "trainable_weights", "variables", "weights")
Models = tuple[str, ...]  # some of them `Variables`
Lookup = Callable[[ast.expr], Models]


@dataclass(frozen=True)
class Applied:
    """`optimizer.apply_gradients(zip(gradients, variables))`: the call, the name of the gradients, the models."""

    call: ast.Call
    optimizer: ast.expr
    gradients: str
    models: Models


def models_of(node: ast.expr, aliases: Mapping[str, Models], own: Lookup) -> Models:
    """The models whose variables an expression lists, and the program's `own` variables; () for anything else."""
    if isinstance(node, ast.Name) and node.id in aliases:
        return aliases[node.id]
    if isinstance(node, ast.Attribute) and node.attr in VARIABLES and dotted(node.value):
        return (dotted(node.value),)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = models_of(node.left, aliases, own), models_of(node.right, aliases, own)
        return (*left, *right) if left and right else ()
    return own(node)


def dotted(node: ast.expr) -> str:
    """`self.generator` as a text; "" for what is no chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def parameters_of(models: Models) -> str:
    """The parameters of models, as an optimizer takes them."""
    if len(models) == 1 and not isinstance(models[0], Variables):
        return f"{models[0]}.parameters()"
    if len(models) == 1 and models[0].startswith("*"):
        return models[0].removeprefix("*")
    return f"[{', '.join(m if isinstance(m, Variables) else f'*{m}.parameters()' for m in models)}]"


def applied(call: ast.expr, lookup: Lookup) -> Applied | None:
    """`apply_gradients(zip(g, variables))`, or `apply(g, variables)` of Keras 3."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.keywords:
        return None
    if call.func.attr == "apply" and len(call.args) == 2:
        gradients, variables = call.args
    elif call.func.attr == "apply_gradients" and len(call.args) == 1:
        inner = call.args[0]
        if not isinstance(inner, ast.Call) or not isinstance(inner.func, ast.Name) or inner.func.id != "zip":
            return None
        if len(inner.args) != 2:
            return None
        gradients, variables = inner.args
    else:
        return None
    if not isinstance(gradients, ast.Name):
        return None
    return Applied(call, call.func.value, gradients.id, lookup(variables))


def function_of(references: References, node: ast.AST) -> ast.AST:
    """The function around a node, or the module."""
    scope: ast.AST = node
    for outer in references.around(node):
        scope = outer
        if isinstance(outer, ast.FunctionDef):
            break
    return scope


def methods_in(references: References, node: ast.AST, *names: str) -> list[ast.Call]:
    """The calls of methods with these names in the function around a node, in order."""
    calls = [n for n in ast.walk(function_of(references, node)) if isinstance(n, ast.Call)]
    found = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr in names]
    return sorted(found, key=references.start)


def loads(scope: ast.AST, name: str) -> list[ast.Name]:
    """Where a name is read."""
    return [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]


def kept_graph(body: TapeBody, node: ast.Call) -> str:
    """What `torch.autograd.grad` is told: another tape may differentiate the result, or a second call follow."""
    function = function_of(body.references, node)
    if body.taping or (isinstance(function, ast.FunctionDef) and _is_taped(body, function.name)):
        return ", create_graph=True"
    others = methods_in(body.references, node, "gradient", "jacobian", "batch_jacobian")
    last = body.references.start(others[-1]) == body.references.start(node)
    looped = any(isinstance(n, ast.For | ast.While | ast.comprehension) for n in body.references.around(node))
    return "" if len(others) == 1 or (last and not looped) else ", retain_graph=True"


def _is_taped(body: TapeBody, name: str) -> bool:
    """Whether code under a tape calls a function of this name, or may: any function that does so is taken for it."""
    under, seen = {name}, set[str]()
    functions = [n for n in ast.walk(body.references.tree) if isinstance(n, ast.FunctionDef)]
    while under - seen:
        seen |= under
        under |= {f.name for f in functions if _names_called(f) & seen}
    tapes = [n for n in ast.walk(body.references.tree) if isinstance(n, ast.With) and "GradientTape" in ast.dump(n)]
    return any(_names_called(part) & seen for tape in tapes for part in tape.body)


def _names_called(node: ast.AST) -> set[str]:
    calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
    return {f.id if isinstance(f, ast.Name) else f.attr for f in calls if isinstance(f, ast.Name | ast.Attribute)}


def is_gone_over(references: References, use: ast.Name) -> bool:
    """Whether a loop or comprehension goes over gradients and leaves the name to them."""
    parent = references.parents.get(use)
    if not isinstance(parent, ast.For | ast.comprehension) or parent.iter is not use:
        return False
    nodes = list(ast.walk(function_of(references, use)))
    stores = {n for n in nodes if isinstance(n, ast.Name) and n.id == use.id and not isinstance(n.ctx, ast.Load)}
    made = [n for n in nodes if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call)]
    of_tapes = {t for n in made if isinstance(n.value, ast.Call) and _is_gradient(n.value) for t in n.targets}
    return stores <= of_tapes


def _is_gradient(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "gradient"


def options(references: References, node: ast.Assign, call: ast.Call, models: Models) -> list[str]:
    """What `backward` is given where a function takes several steps: losses may share a graph."""
    gradients = methods_in(references, node, "gradient")
    if len(methods_in(references, node, "apply_gradients", "apply")) < 2:
        return []
    last = references.start(gradients[-1]) == references.start(call)
    parameters = parameters_of(models)
    parameters = parameters if parameters.startswith("[") else f"list({parameters})"
    return [*([] if last else ["retain_graph=True"]), f"inputs={parameters}"]
