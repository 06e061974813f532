"""Loops over the weights of a model: `for p in net.parameters():`, also in functions that are given the weights."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.frontends.torch_kinds import Kinds
from transpile.references import References

# What computes the same for a kernel that lies the other way round.
_METHODS = frozenset(
    "data grad sign abs sqrt pow mul add sub div clamp exp square clone detach sub_ add_ mul_ div_ copy_ clamp_ zero_ "
    "fill_ cpu detach_ numel".split()
)
_FUNCTIONS = frozenset(
    "sqrt zeros_like ones_like randn_like rand_like sign abs pow clamp square exp maximum mul add sub div rsqrt".split()
)
_REDUCTIONS = frozenset("sum mean norm max min std var item".split())


@dataclass(eq=False)
class WeightLoop:
    """`variable` runs over the weights of models, which `given` holds.

    `index` is its place in a zip, if there is one.
    """

    statement: ast.For | ast.GeneratorExp | ast.ListComp
    given: ast.expr
    variable: str
    index: int | None
    models: dict[int, str]  # call of the function around (0: the loop itself) -> model
    sources: list[ast.expr]  # the calls of `parameters()`


def weight_loops(kinds: Kinds) -> list[WeightLoop]:
    """The loops of a file whose bodies compute element by element."""
    found = []
    for node in ast.walk(kinds.references.tree):
        counts = isinstance(node, ast.GeneratorExp | ast.ListComp) and "numel" in ast.unparse(node.elt)
        loops = _read(kinds, node) if isinstance(node, ast.For | ast.GeneratorExp | ast.ListComp) else []
        if counts:
            continue
        if loops and all(_is_plain(kinds, loop) for loop in loops):
            found += loops
    return found


def loop_of(references: References, loops: list[WeightLoop], node: ast.AST) -> WeightLoop | None:
    """The loop over weights whose variable a name is."""
    if not isinstance(node, ast.Name) or not loops:
        return None
    around = list(references.around(node))
    return next((w for w in loops if w.variable == node.id and w.statement in around), None)


def _read(kinds: Kinds, node: ast.For | ast.GeneratorExp | ast.ListComp) -> list[WeightLoop]:
    """The variables of a loop that are weights; [] where one of them is given by what is not known."""
    over = node if isinstance(node, ast.For) else node.generators[0]
    if over is not node and len(node.generators) > 1:  # type: ignore[union-attr]
        return []
    pairs: list[tuple[ast.expr, ast.expr, int | None]] = []
    match over.target, over.iter:
        case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=given) if len(targets) == len(given):
            pairs = [(t, g, i) for i, (t, g) in enumerate(zip(targets, given)) if kinds.of(g).name == "parameters"]
        case ast.Name() as target, given if kinds.of(given).name == "parameters":
            pairs = [(target, given, None)]
        case _:
            return []
    found = []
    for variable, source_of, index in pairs:
        sources = _sources(kinds, source_of)
        models = {key: model for key, source in sources.items() if (model := _model(kinds, source))}
        if not models or len(models) < len(sources) or not isinstance(variable, ast.Name):
            return []
        found.append(WeightLoop(node, source_of, variable.id, index, models, list(sources.values())))
    return found


def _sources(kinds: Kinds, given: ast.expr) -> dict[int, ast.expr]:
    """What the callers of the function around give (by call), or the expression itself (0); {} if unknown."""
    if not isinstance(given, ast.Name):
        return {0: given}
    function = kinds.function_of(given)
    if not isinstance(function, FUNCTION) or (id(function), given.id) in kinds.assigned:
        return {}
    handed = {id(call): argument(call, function, given.id) for call in kinds.calls_of(function)}
    return {key: value for key, value in handed.items() if value is not None} if None not in handed.values() else {}


def _model(kinds: Kinds, source: ast.expr) -> str:
    """The model of `model.parameters()`; "" for anything else."""
    match source:
        case ast.Call(func=ast.Attribute(value=model, attr="parameters"), args=[], keywords=[]):
            return kinds.code(model)
    return ""


def _is_plain(kinds: Kinds, loop: WeightLoop) -> bool:
    """Whether a body does to its weights only what computes element by element, or over all elements."""
    inner = loop.statement
    for part in inner.body if isinstance(inner, ast.For) else [inner.elt, *inner.generators[0].ifs]:
        for node in ast.walk(part):
            if not isinstance(node, ast.Name) or node.id != loop.variable or isinstance(node.ctx, ast.Store):
                continue
            if not _is_even(kinds, node):
                return False
    return True


def _is_even(kinds: Kinds, node: ast.expr) -> bool:
    """Whether what is made of a weight does not ask how it lies."""
    parent = kinds.references.parents[node]
    match parent:
        case ast.Attribute(attr=attr):
            return attr in _METHODS | _REDUCTIONS and _is_even(kinds, parent)
        case ast.BinOp() | ast.UnaryOp():
            return _is_even(kinds, parent)
        case ast.Call(func=ast.Attribute(attr=attr) as func) if func is node:
            return (attr in _METHODS and _is_even(kinds, parent)) or _is_whole(parent, attr, 0)
        case ast.Call(func=ast.Attribute(attr=attr) as func):
            if path := kinds.path(func):
                name = path.removeprefix("torch.")
                return (name in _FUNCTIONS and _is_even(kinds, parent)) or _is_whole(parent, name, 1)
            return attr in _METHODS or attr == "append"
        case ast.Call() | ast.Subscript() | ast.Starred() | ast.keyword() | ast.Return():
            return False
    return True


def _is_whole(call: ast.Call, name: str, first: int) -> bool:
    """Whether a call reduces all elements to one."""
    given = len(call.args) - first + len(call.keywords)
    return name in _REDUCTIONS and given <= int(name == "norm") and not any(k.arg == "dim" for k in call.keywords)
