"""Calls of models in the program's own loops: their tensors, the mode they ask for, and what they give."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import FLOATS, Kind, tensor
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Function, Layer, ModelValue
from transpile.passes.logits import final_activation

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


def outputs(model: ModelValue) -> Kind:
    """What a call of a model gives; the path of a tensor is the activation that it comes out of."""
    shapes = model.output_shapes
    ends = [final_activation(t) for t in model.outputs] or [""] * len(shapes)
    if len(shapes) == 1:
        return replace(tensor("float", shapes[0]), path=ends[0] or _last_activation(model))
    return Kind("list", items=tuple(replace(FLOATS, path=end) for end in ends))


def _last_activation(model: ModelValue) -> str:
    """What the last layer ends in that an object of the user's class makes."""
    held = model.instance.attributes.values() if model.instance is not None else ()
    layers = sorted((x for x in held if isinstance(x, Layer)), key=lambda x: x.order)
    last = layers[-1] if layers else None
    if last is None:
        return ""
    given = last.args.get("activation")
    name = given.value if given is not None else last.kind.lower()
    name = getattr(name, "path", name)
    end = name.rpartition(".")[2] if isinstance(name, str) else ""
    return end if end in ("softmax", "sigmoid") else ""


def _parameters(model: ModelValue) -> tuple[str, ...]:
    """The names of the parameters of a model's call."""
    own = class_attribute(model.instance.cls, "call") if model.instance is not None else None
    if not isinstance(own, Function) or not isinstance(own.node, cst.FunctionDef):
        return _OF_KERAS
    return tuple(p.name.value for p in (*own.node.params.posonly_params, *own.node.params.params))[1:]
