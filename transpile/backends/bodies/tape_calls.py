"""Calls of models in the program's own loops: what is a tensor of them, and which mode they ask for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import libcst as cst

from transpile.backends.bodies.calls import Refusal
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Function, ModelValue

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody

_OF_KERAS = ("inputs", "training", "mask")  # the parameters of Sequential's and Functional's call


def called(body: TapeBody, node: ast.Call, model: ModelValue) -> tuple[list[ast.expr], str]:
    """The tensors that `model(x, training=True)` is given, and `train`, `eval` or `train(flag)`."""
    names = _parameters(model)
    given = dict(enumerate(node.args))
    mode: ast.expr | None = None
    tensors = []
    for i, argument in given.items():
        name = names[i] if i < len(names) else ""
        if name == "training":
            mode = argument
        elif name == "mask" or isinstance(argument, ast.Starred):
            raise Refusal("K2T191", "this argument at the call of a model", argument)
        else:
            tensors.append(argument)
    for keyword in node.keywords:
        if keyword.arg != "training":
            raise Refusal("K2T191", f"{keyword.arg}= at the call of a model", node)
        mode = keyword.value
    if mode is None:
        return tensors, "eval"
    if isinstance(mode, ast.Constant):
        return tensors, "train" if mode.value else "eval"
    return tensors, f"train({body.references.code(mode)})"


def _parameters(model: ModelValue) -> tuple[str, ...]:
    """The names of the parameters of a model's call."""
    own = class_attribute(model.instance.cls, "call") if model.instance is not None else None
    if not isinstance(own, Function) or not isinstance(own.node, cst.FunctionDef):
        return _OF_KERAS
    return tuple(p.name.value for p in (*own.node.params.posonly_params, *own.node.params.params))[1:]
