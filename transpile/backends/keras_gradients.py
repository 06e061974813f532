"""`torch.autograd.grad`: gradients with respect to an input, by a tape of their own."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.scopes import blocks

_IGNORED = ("create_graph", "retain_graph", "only_inputs", "allow_unused")


def taken_gradient(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`g = autograd.grad(outputs=y, inputs=x, grad_outputs=ones, create_graph=True)[0]`."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript(value=ast.Call() as call, slice=index)):
            if e.path(call.func) != "torch.autograd.grad" or not (isinstance(index, ast.Constant) and not index.value):
                return False
        case _:
            return False
    given = {str(k.arg): k.value for k in call.keywords} | dict(zip(("outputs", "inputs", "grad_outputs"), call.args))
    outputs, inputs = given.get("outputs"), given.get("inputs")
    if isinstance(inputs, ast.List | ast.Tuple) and len(inputs.elts) == 1:
        inputs = inputs.elts[0]
    unknown = set(given) - {"outputs", "inputs", "grad_outputs", *_IGNORED}
    first = _recorded(e, statement, outputs, inputs)
    if unknown or first is None or not isinstance(outputs, ast.Name) or not isinstance(inputs, ast.Name):
        e.script.report("T2K151", statement, "it is not clear which computation these gradients are of")
        return True
    tape = "inner_tape"
    while tape in e.references.text:
        tape += "_"
    e.script.output.imports.add("import tensorflow as tf")
    e.script.plan.wrap(first, first, f"with tf.GradientTape() as {tape}:")
    e.script.plan.insert_before(first, f"{tape}.watch({inputs.id})")
    weights = f", output_gradients={e.text(given['grad_outputs'])}" if "grad_outputs" in given else ""
    e.script.plan.rewrite(statement, f"{name} = {tape}.gradient({outputs.id}, {inputs.id}{weights})")
    return True


def _recorded(
    e: ScriptExpressions, statement: ast.stmt, outputs: ast.expr | None, inputs: ast.expr | None
) -> ast.stmt | None:
    """The statement that computes the outputs from the inputs."""
    if not isinstance(outputs, ast.Name) or not isinstance(inputs, ast.Name):
        return None
    block = next((b for b in blocks(e.references.parents[statement]) if statement in b), [])
    for earlier in reversed(block[: block.index(statement)] if statement in block else []):
        match earlier:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == outputs.id:
                used = any(isinstance(n, ast.Name) and n.id == inputs.id for n in ast.walk(value))
                return earlier if used else None
    return None
