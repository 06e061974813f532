"""Functions that are passed on by their names, and those that take tensors."""

from __future__ import annotations

import ast
from collections.abc import Mapping

FUNCTIONS = {
    "tf.nn.relu": "F.relu", "tf.nn.elu": "F.elu", "tf.nn.selu": "F.selu", "tf.nn.sigmoid": "torch.sigmoid",
    "tf.nn.tanh": "torch.tanh", "tf.tanh": "torch.tanh", "tf.sigmoid": "torch.sigmoid", "tf.nn.softplus": "F.softplus",
    "tf.nn.silu": "F.silu", "tf.nn.swish": "F.silu", "tf.nn.relu6": "F.relu6", "backend.relu": "F.relu",
    "backend.tanh": "torch.tanh", "backend.sigmoid": "torch.sigmoid", "backend.abs": "torch.abs",
    "backend.square": "torch.square", "backend.exp": "torch.exp", "tf.abs": "torch.abs", "tf.square": "torch.square",
    "tf.exp": "torch.exp", "tf.sin": "torch.sin", "tf.cos": "torch.cos", "activations.relu": "F.relu",
    "activations.tanh": "torch.tanh", "activations.sigmoid": "torch.sigmoid", "ops.relu": "F.relu",
    "ops.tanh": "torch.tanh", "ops.sigmoid": "torch.sigmoid", "ops.sin": "torch.sin", "ops.cos": "torch.cos",
}  # fmt: skip

NEW = ("zeros", "ones", "fill", "full", "eye", "range", "arange", "linspace", "normal", "uniform", "constant",
        "variable", "convert_to_tensor", "shape")  # fmt: skip
# Functions of numpy that make arrays, whatever they are given.
ARRAYS = frozenset("array asarray linspace arange zeros ones full eye zeros_like ones_like".split())
_NOT_TENSORS = (*(n for n in NEW if n != "shape"), "cast", "concat", "concatenate", "stack", "add_n", "where",
                "Variable", "GradientTape", "function", "losses", "layers")  # fmt: skip


def names_used_as_tensors(paths: Mapping[ast.AST, str], node: ast.AST) -> set[str]:
    """The names that some function of a framework takes as its first argument."""
    found: set[str] = set()
    for inner in ast.walk(node):
        path = paths.get(inner.func) if isinstance(inner, ast.Call) else None
        if path is None or not isinstance(inner, ast.Call) or not inner.args or path.endswith(_NOT_TENSORS):
            continue
        if path.rpartition(".")[2][:1].isupper():
            continue  # a layer or another object is made, of numbers
        first = inner.args[0]
        while isinstance(first, ast.Subscript | ast.UnaryOp):
            first = first.value if isinstance(first, ast.Subscript) else first.operand
        if isinstance(first, ast.Name):
            found.add(first.id)
    return found
