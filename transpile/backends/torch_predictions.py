"""Writes activations of predictions: `tf.nn.sigmoid(model.predict(x))` of a model that gives logits."""

from __future__ import annotations

import ast

from transpile.backends.torch_helpers import Writing
from transpile.frontends.keras_utilities import Use

ACTIVATIONS = {
    "tf.nn.sigmoid": ("torch.sigmoid", ""),
    "tf.sigmoid": ("torch.sigmoid", ""),
    "tf.math.sigmoid": ("torch.sigmoid", ""),
    "tf.nn.softmax": ("torch.softmax", ", dim=-1"),
}
_SHAPES = ("flatten", "ravel", "reshape", "squeeze")  # methods of arrays that change nothing else


def write_activation(writing: Writing, use: Use) -> bool:
    """Converts an activation of what `predict` returned, which is an array; whether it did."""
    if use.call is None or len(use.call.args) != 1 or use.call.keywords or not _predicted(use.call.args[0]):
        return False
    function, ending = ACTIVATIONS[use.path]
    references = writing.references
    start, end = references.start(use.call), references.end(use.call)
    inner, outer = references.start(use.call.args[0]), references.end(use.call.args[0])
    if references.text[outer : end - 1].strip(" ,\n") or "(" not in references.text[start:inner]:
        return False
    writing.output.imports.add("import torch")
    writing.output.edit(references.span(start, inner), f"{function}(torch.as_tensor(")
    writing.output.edit(references.span(outer, end), f"){ending})")
    return True


def _predicted(node: ast.expr) -> bool:
    """`model.predict(x)`, also flattened or indexed."""
    while isinstance(node, ast.Call | ast.Subscript):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "predict":
            return True
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _SHAPES:
            node = node.func.value
        else:
            return False
    return False
