"""Programs made ready to run to their end: hooks where models are bound, loops cut short."""

from __future__ import annotations

import ast
import copy

from transpile.verify.reading import called, calls_in
from transpile.verify.slicing import local_expression

MODEL, MADE, EPOCHS, WATCHED = "_transpile_model", "_transpile_made", "_transpile_epochs", "_transpile_watched"
_TRAINING = frozenset("fit fit_generator train_on_batch backward apply_gradients minimize".split())


def instrumented(tree: ast.Module, models: list[str], watched: set[str]) -> ast.Module:
    """The program with calls of ours: `models` are expressions, `watched` names of functions."""
    result = copy.deepcopy(tree)
    for number, expression in enumerate(models):
        _hook(result, expression, number)
    training = _training_functions(result)
    for node in ast.walk(result):
        if isinstance(node, (ast.For, ast.AsyncFor)) and _counts(node.iter) and _trains(node, training):
            node.iter = _call(EPOCHS, node.iter)
    for body in _bodies(result):
        for statement in list(body):
            if isinstance(statement, ast.FunctionDef) and statement.name in watched:
                wrapped = _call(WATCHED, ast.Name(statement.name, ast.Load()))
                new = ast.Assign([ast.Name(statement.name, ast.Store())], wrapped)
                body.insert(body.index(statement) + 1, ast.copy_location(new, statement))
    return ast.fix_missing_locations(result)


def unnamed(models: list[str]) -> list[int]:
    """The models that neither a variable nor a call of a function gives."""
    trees = [ast.parse(local_expression(expression), mode="eval").body for expression in models]
    return [i for i, node in enumerate(trees) if not (isinstance(node, ast.Name) or _plain_call(node))]


def _plain_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _hook(tree: ast.Module, expression: str, number: int) -> None:
    """Behind each binding of the model's variable, or around each call that makes it."""
    function, inside, _ = expression.partition(".<locals>.")
    node = ast.parse(local_expression(expression), mode="eval").body
    scope: ast.AST = tree
    if inside:
        scope = next((n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function), tree)
    if isinstance(node, ast.Name):
        for body in _bodies(scope, nested=False):
            for statement in list(body):
                if isinstance(statement, ast.Assign) and any(_binds(t, node.id) for t in statement.targets):
                    call = ast.Expr(_call(MODEL, ast.Constant(number), ast.Name(node.id, ast.Load())))
                    body.insert(body.index(statement) + 1, ast.copy_location(call, statement))
    elif isinstance(node, ast.Call) and _plain_call(node):
        _Around(called(node), number).visit(tree)


class _Around(ast.NodeTransformer):
    """Puts a call of ours around the calls of a function."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.number = name, number

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`build()` becomes `_transpile_made(0, build())`."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == self.name:
            return ast.copy_location(_call(MADE, ast.Constant(self.number), node), node)
        return node


def _binds(target: ast.expr, name: str) -> bool:
    if isinstance(target, (ast.Tuple, ast.List)):
        return any(_binds(t, name) for t in target.elts)
    return isinstance(target, ast.Name) and target.id == name


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _bodies(scope: ast.AST, nested: bool = True) -> list[list[ast.stmt]]:
    """The statement lists of a scope; with `nested`, those of its functions and classes too."""
    found: list[list[ast.stmt]] = []
    for field in ("body", "orelse", "finalbody"):
        body = getattr(scope, field, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            found.append(body)
            for statement in body:
                inner = isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                if nested or not inner:
                    found += _bodies(statement, nested)
    for handler in getattr(scope, "handlers", ()):
        found += _bodies(handler, nested)
    return found


def _counts(node: ast.expr) -> bool:
    """`range(...)`, `trange(...)`, `tqdm(range(...))`: a loop over numbers."""
    if not isinstance(node, ast.Call):
        return False
    return called(node) in {"range", "trange"} or any(_counts(argument) for argument in node.args)


def _trains(node: ast.AST, functions: set[str]) -> bool:
    return any(called(call) in _TRAINING | functions for call in calls_in(node))


def _training_functions(tree: ast.Module) -> set[str]:
    """The program's own functions that train when they are called."""
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    found: set[str] = set()
    while True:
        more = {f.name for f in functions if _trains(f, found)}
        if more == found:
            return found
        found = more
