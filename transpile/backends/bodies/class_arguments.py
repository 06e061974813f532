"""How objects of converted classes are made: without what only Keras's constructors take."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from transpile.backends.bodies.class_bases import is_super
from transpile.backends.bodies.own import OwnClass
from transpile.backends.bodies.tables import FUNCTIONS
from transpile.backends.templates import helper
from transpile.interpret.values import Ref
from transpile.ir import Expr

_T = TypeVar("_T")
_RULES = ("initializer", "regularizer", "constraint")


def read_in_rules(own: OwnClass, taken: Sequence[ast.stmt]) -> set[str]:
    """The constructor's parameters that are read as initializers, regularizers and constraints only."""
    constructor = own.method("__init__")
    if constructor is None:
        return set()
    inside: set[ast.AST] = {n for s in taken for c in ast.walk(s) if isinstance(c, ast.Call) for n in c.args}
    for call in ast.walk(own.node):
        if isinstance(call, ast.Call):
            inside |= {k.value for k in call.keywords if (k.arg or "").endswith(_RULES)}
    above = [n for s in constructor.body if is_super(s) for n in ast.walk(s)] if own.parent is None else []
    functions = [f for f in (constructor, own.method("build")) if f is not None]
    loads = [n for f in functions for s in f.body for n in ast.walk(s) if isinstance(n, ast.Name) and n not in above]
    read = {n.id for n in loads if n in inside}
    return {a.arg for a in own.parameters() if a.arg in read - {n.id for n in loads if n not in inside}}


def bound(own: OwnClass, given: Sequence[_T], named: Mapping[str, _T]) -> tuple[list[_T], dict[str, _T]]:
    """The arguments of a construction that stay; what stands behind one that goes is given by its name."""
    constructor = own.constructor
    names = [a.arg for a in constructor.args.args[1:]] if constructor is not None else []
    kept, shifted = list(given[len(names) :]), dict[str, _T]()
    first: list[_T] = []
    for name, value in zip(names, given):
        if name in own.dropped:
            continue
        if len(first) == names.index(name):
            first.append(value)
        else:
            shifted[name] = value
    return [*first, *kept], {**shifted, **{n: v for n, v in named.items() if n not in own.dropped}}


def layer_arguments(own: OwnClass, args: Mapping[str, Expr]) -> dict[str, Expr]:
    """The arguments of a layer's construction (by position "0", "1", ...) in PyTorch's words."""
    first, named = bound(own, list(_positional(args)), {n: e for n, e in args.items() if not n.isdigit()})
    names = [a.arg for a in own.parameters()]
    placed = {str(i): _word(own, e, names[i] if i < len(names) else "") for i, e in enumerate(first)}
    return placed | {n: _word(own, e, n) for n, e in named.items()}


def _positional(args: Mapping[str, Expr]) -> Iterator[Expr]:
    yield from (args[n] for n in sorted((n for n in args if n.isdigit()), key=int))


def _word(own: OwnClass, expr: Expr, parameter: str) -> Expr:
    """An activation of Keras's or TensorFlow's that is handed to the class."""
    if not isinstance(expr.value, Ref):
        return expr
    path, name = expr.value.path.removeprefix("keras."), expr.value.path.rpartition(".")[2]
    function = FUNCTIONS.get(path)
    if function is None and parameter in own.chosen and path.startswith(("activations.", "tf.nn.")):
        function = f'"{name}"' if f'"{name}":' in helper("activation_of") else None
    return Expr(function) if function is not None else expr
