"""Booleans in sums, products and comparisons: PyTorch counts with them, TensorFlow's operators refuse them.

https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch.dtype, type promotion
"""

from __future__ import annotations

import ast

from transpile.ops._functions import Operand
from transpile.torch_values import Tensor

_SYMBOLS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Eq: "==", ast.NotEq: "!=", ast.Gt: ">", ast.GtE: ">=",
    ast.Lt: "<", ast.LtE: "<=",
}  # fmt: skip
_ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply"}
_LOGICAL = {"+": "logical_or", "*": "logical_and"}
_COMPARISONS = {
    "==": "equal", "!=": "not_equal", ">": "greater", ">=": "greater_equal", "<": "less", "<=": "less_equal",
}  # fmt: skip


def function_of_booleans(op: ast.AST | str, left: Operand, right: Operand) -> str:
    """The function of keras.ops for an operator with booleans among its operands; "" where it can stay."""
    symbol = op if isinstance(op, str) else _SYMBOLS.get(type(op), "")
    kinds = [_dtype(o) for o in (left, right)]
    if "bool" not in kinds:
        return ""
    both = kinds == ["bool", "bool"]
    if symbol in _COMPARISONS:
        return "" if both and symbol in ("==", "!=") else _COMPARISONS[symbol]
    if both:
        return _LOGICAL.get(symbol, "")
    return _ARITHMETIC.get(symbol, "")


def dtype_of_booleans(left: Operand, right: Operand) -> str:
    """What a sum or product of them is, "" where it is not known."""
    others = [k for k in (_dtype(left), _dtype(right)) if k != "bool"]
    return others[0] if others else "bool"


def _dtype(operand: Operand) -> str:
    if isinstance(operand.value, Tensor):
        return operand.value.dtype
    kinds = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(operand.const), "")
