"""The softmax or sigmoid that the output of a class of the user's comes out of."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
from libcst import matchers as m

from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Function, Layer, ModelValue, Tensor

ENDS = ("softmax", "sigmoid")


def class_activation(model: ModelValue, of_tensor: Callable[[Tensor], str]) -> str:
    """What the `return` of the model's call gives, where that can be told; `of_tensor` tells it of a model inside."""
    own = class_attribute(model.instance.cls, "call") if model.instance is not None else None
    if not isinstance(own, Function) or not isinstance(own.node, cst.FunctionDef):
        return ""
    found = {_end(r.value, own.node, model, of_tensor) for r in m.findall(own.node.body, m.Return())}  # type: ignore[attr-defined]
    return found.pop() if len(found) == 1 else ""


def _end(
    value: cst.CSTNode | None, call: cst.FunctionDef, model: ModelValue, of_tensor: Callable[[Tensor], str]
) -> str:
    if isinstance(value, cst.Name):
        value = _assigned(value.value, call)
    if not isinstance(value, cst.Call):
        return ""
    name = value.func.attr.value if isinstance(value.func, cst.Attribute) else ""
    name = value.func.value if isinstance(value.func, cst.Name) else name
    if m.matches(value.func, m.Attribute(m.Name("self"))) and model.instance is not None:
        held = model.instance.attributes.get(name)
        if isinstance(held, ModelValue):
            return of_tensor(held.outputs[0]) if len(held.outputs) == 1 else ""
        return _of_layer(held) if isinstance(held, Layer) else ""
    return name if name in ENDS else ""


def _assigned(name: str, call: cst.FunctionDef) -> cst.CSTNode | None:
    """The value of the last assignment to a name."""
    found = m.findall(call.body, m.Assign([m.AssignTarget(m.Name(name))]))
    last = found[-1] if found else None
    return last.value if isinstance(last, cst.Assign) else None


def _of_layer(layer: Layer) -> str:
    given = layer.args.get("activation")
    name = given.value if given is not None else layer.kind.lower()
    name = getattr(name, "path", name)
    end = name.rpartition(".")[2] if isinstance(name, str) else ""
    return end if end in ENDS else ""
