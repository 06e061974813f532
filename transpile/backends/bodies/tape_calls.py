"""Calls of models in the program's own loops: their tensors, the mode they ask for, and what they give."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import FLOATS, Kind, tensor
from transpile.backends.bodies.own import flag_of
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Function, ModelValue
from transpile.passes.class_outputs import class_activation
from transpile.passes.logits import final_activation

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody

_OF_KERAS = ("inputs", "training", "mask")  # the parameters of Sequential's and Functional's call


def called(body: TapeBody, node: ast.Call, model: ModelValue) -> tuple[list[tuple[str, ast.expr]], str]:
    """The tensors that `model(x, training=True)` is given, after the keyword or "", and `train`, `eval`
    or `train(flag)`."""
    own = _call_of(body, model)
    names = [a.arg for a in own.args.args[1:]] if own is not None else _OF_KERAS
    flag = flag_of(own) or "training"
    mode: ast.expr | None = default_of(own, flag)
    tensors: list[tuple[str, ast.expr]] = []
    for i, argument in enumerate(node.args):
        name = names[i] if i < len(names) else ""
        if name == flag:
            mode = argument
        elif name == "mask" or isinstance(argument, ast.Starred):
            raise Refusal("K2T191", "this argument at the call of a model", argument)
        else:
            tensors.append(("", argument))
    for keyword in node.keywords:
        if keyword.arg == flag:
            mode = keyword.value
        elif keyword.arg in names and keyword.arg != "mask" and own is not None:
            tensors.append((f"{keyword.arg}=", keyword.value))
        else:
            raise Refusal("K2T191", f"{keyword.arg}= at the call of a model", node)
    if mode is None:
        return tensors, "eval"
    if isinstance(mode, ast.Constant):
        return tensors, "train" if mode.value else "eval"
    return tensors, f"train({body.references.code(mode)})"


def outputs(model: ModelValue) -> Kind:
    """What a call of a model gives; the path of a tensor is the activation that it comes out of."""
    shapes = model.output_shapes
    ends = [final_activation(t) for t in model.outputs] or [""] * len(shapes)
    if len(shapes) == 1:
        return replace(tensor("float", shapes[0]), path=ends[0] or class_activation(model, final_activation))
    return Kind("list", items=tuple(replace(FLOATS, path=end) for end in ends))


def default_of(own: ast.FunctionDef | None, name: str) -> ast.expr | None:
    """What a parameter of a model's `call` is where nothing is given."""
    if own is None:
        return None
    args = [a.arg for a in own.args.args]
    found = dict(zip(args[::-1], own.args.defaults[::-1]))
    found |= {a.arg: d for a, d in zip(own.args.kwonlyargs, own.args.kw_defaults) if d is not None}
    return found.get(name)


def _call_of(body: TapeBody, model: ModelValue) -> ast.FunctionDef | None:
    """The `call` of a model's class, if it is one of the user's."""
    held = class_attribute(model.instance.cls, "call") if model.instance is not None else None
    if not isinstance(held, Function) or not isinstance(held.node, cst.FunctionDef):
        return None
    start = body.interpreter.source.span(held.node).start
    functions = [n for n in ast.walk(body.references.tree) if isinstance(n, ast.FunctionDef)]
    found = (
        n for n in functions if start in (body.references.start(n), body.references.offset(n.lineno, n.col_offset))
    )
    return next(found, None)
