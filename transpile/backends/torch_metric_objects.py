"""Metrics that the program itself updates with arrays, outside of any training: MeanIoU over masks."""

from __future__ import annotations

import ast

from transpile.backends.torch_helpers import Writing
from transpile.frontends.keras_utilities import Use, use_of
from transpile.ir import Edit
from transpile.passes.leftovers import remaining
from transpile.references import References

# Metrics: the parameters of theirs that the helper of the same name takes.
METRIC_OBJECTS = {"keras.metrics.MeanIoU": ("num_classes", "ignore_class")}
_METHODS = {"update_state": 2, "result": 0, "reset_state": 0, "reset_states": 0, "get_weights": 0}


def write_metric_object(writing: Writing, use: Use) -> bool:
    """`iou = MeanIoU(num_classes=4)`, where all that is done with such objects is understood."""
    references = writing.references
    others = [r for r in remaining(references, writing.output) if r.path == use.path]
    if use.call is None or any(_methods(references, use_of(references, r)) is None for r in others):
        return False
    name = writing.define(use.path.rpartition(".")[2], references.start(use.call))
    for method in _methods(references, use) or ():
        end = references.end(method)
        edit = Edit(end - len(method.attr), end, "reset_state")
        if method.attr == "reset_states" and edit not in writing.output.edits:
            writing.output.edits.append(edit)
    return writing.replace(use.reference.node, name)


def _methods(references: References, use: Use) -> list[ast.Attribute] | None:
    """The methods that the program asks of the object that a call makes; None if it does more with it."""
    first, *rest = METRIC_OBJECTS[use.path]
    if use.call is None or use.arguments(first, "*", *rest) is None:
        return None
    assign = references.parents[use.call]
    if not isinstance(assign, ast.Assign) or len(assign.targets) != 1 or not isinstance(assign.targets[0], ast.Name):
        return None
    found: list[ast.Attribute] = []
    given = {assign.targets[0].id}
    waiting = list(given)
    while waiting:
        for node in _reads(references, waiting.pop()):
            parent = references.parents[node]
            if isinstance(parent, ast.Attribute) and _is_called_so(references, parent):
                found.append(parent)
                continue
            parameter = _parameter(references, node, parent)
            if parameter is None:
                return None
            if parameter not in given:
                given.add(parameter)
                waiting.append(parameter)
    return found


def _reads(references: References, name: str) -> list[ast.Name]:
    return [node for node, _ in references.reads if node.id == name]


def _is_called_so(references: References, method: ast.Attribute) -> bool:
    """`iou.update_state(y, masks)`: a method of the helper, with the arguments that it takes."""
    call = references.parents[method]
    if not isinstance(call, ast.Call) or call.func is not method or method.attr not in _METHODS:
        return False
    if any(isinstance(a, ast.Starred) for a in call.args):
        return False
    named = all(k.arg in ("y_true", "y_pred") for k in call.keywords)
    return named and len(call.args) + len(call.keywords) == _METHODS[method.attr]


def _parameter(references: References, node: ast.Name, call: ast.AST) -> str | None:
    """The parameter of a function of this file that the object is handed to."""
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or node not in call.args:
        return None
    functions = [f for f in references.tree.body if isinstance(f, ast.FunctionDef) and f.name == call.func.id]
    at = call.args.index(node)
    if len(functions) != 1 or any(isinstance(a, ast.Starred) for a in call.args[:at]):
        return None
    parameters = [*functions[0].args.posonlyargs, *functions[0].args.args]
    return parameters[at].arg if at < len(parameters) else None
