"""What functions and methods of tensors return."""

from __future__ import annotations

import ast
from collections.abc import Callable

from transpile.frontends.torch_kind import ARRAY, NUMBER, TENSOR, UNKNOWN, WEIGHT, Kind, arithmetic
from transpile.frontends.torch_kind_tables import TENSOR_FUNCTIONS, TENSOR_METHODS


def reduced(spec: str, node: ast.Call, first: int) -> Kind:
    """`max(x)` is a tensor, `max(x, 1)` a pair of them."""
    if spec == "pair":
        given = len(node.args) > first or any(k.arg == "dim" for k in node.keywords)
        return Kind("sequence", parts=(TENSOR, Kind("tensor", "int"))) if given else TENSOR
    if spec == "list":
        return Kind("list", parts=(TENSOR,))
    return Kind("tensor", spec)


def tensor_function(name: str, node: ast.Call, of: Callable[[ast.AST], Kind]) -> Kind:
    """What a function of torch on tensors returns; `of` gives the kinds of its arguments."""
    kinds = [of(a) for a in node.args]
    if name in ("max", "min") and len(kinds) == 2 and kinds[1].name == "tensor":
        return arithmetic(kinds)
    as_method = TENSOR_METHODS.get(name) if kinds and not TENSOR_FUNCTIONS[name] else None
    if as_method in ("same", "float", "count"):
        return tensor_method(kinds[0], name, node)
    return reduced(TENSOR_FUNCTIONS[name], node, 1)


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
        found = reduced(spec, node, 0)
        return Kind("tensor", receiver.dtype) if found == TENSOR else found
    return TENSOR


_LITERAL = ast.List | ast.Tuple | ast.Constant | ast.UnaryOp | ast.USub | ast.Load


def literal_dtype(name: str, call: ast.Call) -> str:
    """The dtype of `torch.tensor([1, 2])`, `torch.full((2,), 1)`: by the numbers that are written out."""
    nodes = [n for a in call.args[name == "full" :] for n in ast.walk(a)]
    if name not in ("tensor", "as_tensor", "arange", "full") or not all(isinstance(n, _LITERAL) for n in nodes):
        return ""
    types = {type(n.value) for n in nodes if isinstance(n, ast.Constant)}
    return "float" if float in types else "int" if int in types else "bool" if bool in types else ""


def called(kind: Kind) -> Kind:
    """What a call of an attribute returns, by what it holds."""
    return Kind("tensor", "float") if kind.name in ("model", "loss") else UNKNOWN


def weight_of(kind: Kind) -> Kind:
    """What iterating over `parameters()` or `named_parameters()` gives."""
    match kind.node:
        case ast.Call(func=ast.Attribute(attr="named_parameters")):
            return Kind("sequence", parts=(Kind("text"), WEIGHT))
    return WEIGHT
