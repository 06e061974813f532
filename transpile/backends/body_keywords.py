"""`**kwargs` that a function only hands on to a module: Keras names the arguments otherwise.

The parameters that the calls give, or that the module needs, are written out with PyTorch's
names and defaults: `def __init__(self, size, **kwargs)` becomes `(self, size, kernel_size, stride=1)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from transpile.frontends.torch_program import FunctionInfo
from transpile.ir import Edit
from transpile.ops._functions import Left, Operand
from transpile.registry import signature
from transpile.torch_values import Plain, Spread, Value, join

if TYPE_CHECKING:
    from transpile.backends.body_expressions import Expressions


def parameters_of(call: str) -> dict[str, str | None]:
    """The parameters of a call signature with the texts of their defaults; None: required."""
    return {n: e.text if e is not None else None for n, e in signature(call)[1].items()}


def spread(
    walker: Expressions, kwargs: dict[str, Operand], params: Mapping[str, str | None], given: Iterable[str]
) -> dict[str, Operand]:
    """The arguments of a call with `**kwargs` written out; the function learns which they are."""
    info, taken = walker.info, {*given, *kwargs}
    if "**" not in kwargs or not isinstance(kwargs["**"].value, Spread) or info is None:
        return kwargs
    free = {n: d for n, d in params.items() if n not in taken}
    for name in [n for n in free if n in info.extra or free[n] is None]:
        if not is_plain(free[name]):
            raise Left(f"**kwargs with {name}, whose default is {free[name]}", "T2K104")
        known = info.defaulted.setdefault(name, free[name])
        if known != free[name]:
            raise Left(f"**kwargs whose {name} has several defaults", "T2K104")
        info.extra[name] = free[name]
    if unknown := [n for n in info.extra if n not in params]:
        raise Left(f"**kwargs with {unknown[0]}", "T2K104")
    info.extra = {n: info.extra[n] for n in sorted(info.extra, key=list(params).index)}
    more = {n: Operand(n, walker.env.get(n, Plain())) for n in info.extra if n in free}
    return {n: o for n, o in kwargs.items() if n != "**"} | more


def is_plain(default: str | None) -> bool:
    """Whether a default is written out, so that it means the same everywhere."""
    try:
        ast.literal_eval(default or "None")
    except (ValueError, SyntaxError):
        return False
    return True


def enter_keywords(info: FunctionInfo, env: dict[str, Value]) -> None:
    """What the parameters are that stand for `**kwargs`."""
    kwarg = info.node.args.kwarg
    if kwarg is None or not info.hands_on:
        return
    env[kwarg.arg] = Spread()
    for name, default in info.extra.items():
        value = info.values.get(name)
        if default is not None:
            value = join(value, Plain(ast.literal_eval(default)))
        env[name] = value or Plain()


def keyword_edit(info: FunctionInfo, start: int, end: int) -> Edit | None:
    """The parameters instead of `**kwargs`, whose name has that span."""
    kwarg = info.node.args.kwarg
    if kwarg is None or not info.hands_on or not info.extra:
        return None
    args = info.node.args
    required = [n for n, d in info.extra.items() if d is None]
    shown = [*required, *(f"{n}={d}" for n, d in info.extra.items() if d is not None)]
    marked = required and args.defaults and not args.vararg and not args.kwonlyargs
    return Edit(start - 2, end, ", ".join(["*", *shown] if marked else shown))
