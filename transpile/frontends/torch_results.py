"""What functions and methods of tensors return."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import ARRAY, NUMBER, TENSOR, UNKNOWN, WEIGHT, Kind
from transpile.frontends.torch_kind_tables import TENSOR_METHODS


def reduced(spec: str, node: ast.Call, first: int) -> Kind:
    """`max(x)` is a tensor, `max(x, 1)` a pair of them."""
    if spec == "pair":
        given = len(node.args) > first or any(k.arg == "dim" for k in node.keywords)
        return Kind("sequence", parts=(TENSOR, Kind("tensor", "int"))) if given else TENSOR
    if spec == "list":
        return Kind("list", parts=(TENSOR,))
    return Kind("tensor", spec)


def tensor_method(receiver: Kind, attr: str, node: ast.Call) -> Kind:
    """What a method of a tensor returns."""
    if attr in ("size", "dim", "numel"):
        return NUMBER if node.args or attr != "size" else Kind("shape")
    if attr in ("item", "tolist"):
        return NUMBER if attr == "item" else UNKNOWN
    if attr == "numpy":
        return ARRAY
    if attr in TENSOR_METHODS:
        spec = TENSOR_METHODS[attr]
        if spec == "same":
            return receiver if receiver else TENSOR
        if spec == "count":
            return Kind("tensor", "int" if receiver.dtype in ("bool", "int") else receiver.dtype)
        return reduced(spec, node, 0)
    return TENSOR


def called(kind: Kind) -> Kind:
    """What a call of an attribute returns, by what it holds."""
    return Kind("tensor", "float") if kind.name in ("model", "loss") else UNKNOWN


def weight_of(kind: Kind) -> Kind:
    """What iterating over `parameters()` or `named_parameters()` gives."""
    match kind.node:
        case ast.Call(func=ast.Attribute(attr="named_parameters")):
            return Kind("sequence", parts=(Kind("text"), WEIGHT))
    return WEIGHT
