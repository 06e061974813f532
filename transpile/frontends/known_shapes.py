"""The shape of a symbolic tensor where the program asks for it outside of its models."""

from __future__ import annotations

import ast

import libcst as cst

from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Tensor
from transpile.references import References


def known_shape(references: References, interpreter: Interpreter, call: ast.Call) -> str | None:
    """`(None, 4, 4, 24)` for `K.int_shape(x)`; None where it is not known."""
    if len(call.args) != 1 or call.keywords or not isinstance(call.args[0], ast.Name):
        return None
    tensor = _tensor(interpreter, call.args[0].id, references.start(call))
    if tensor is None or tensor.shape is None:
        return None
    values = [dim.value if dim.known else None if not dim.text else "?" for dim in tensor.shape]
    if not all(value is None or isinstance(value, int) for value in values):
        return None
    return repr(tuple(values))


def _tensor(interpreter: Interpreter, name: str, before: int) -> Tensor | None:
    """What a name holds at a place: the result of the last assignment before it."""
    found: list[tuple[int, int, object]] = []
    for call in interpreter.user_calls:
        if call.caller is interpreter.module:
            found += _assigned(interpreter, name, call.statement, call.order, call.result)
    for apply in interpreter.applies:
        if apply.frame is interpreter.module and apply.outputs:
            found += _assigned(interpreter, name, apply.statement, apply.order, apply.outputs[0])
    earlier = [entry for entry in found if entry[0] < before]
    value = max(earlier, key=lambda entry: entry[:2])[2] if earlier else None
    return value if isinstance(value, Tensor) else None


def _assigned(
    interpreter: Interpreter, name: str, statement: cst.CSTNode | None, order: int, value: object
) -> list[tuple[int, int, object]]:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=target))])]) if (
            target == name
        ):
            return [(interpreter.source.span(statement).start, order, value)]
    return []
