"""Reports what the code that stays still asks of a converted model in Keras's words."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst
from libcst import matchers

from transpile.interpret.attributes import class_attribute
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.models import EVENTS
from transpile.interpret.values import Function, Instance, Layer, ModelValue
from transpile.ir import Span
from transpile.source import dotted
from transpile.splice import Output


def report_attributes(
    interpreter: Interpreter, models: Iterable[ModelValue], layers: Iterable[Layer], output: Output
) -> None:
    """`model.layers`, `layer.get_weights()`, ...: an attribute that nothing has converted."""
    ours = {id(m) for m in models} | {id(x) for x in layers}
    for use in interpreter.attribute_uses.values():
        node, target = use.node, use.targets[0]
        span = interpreter.source.span(node)
        if id(target) not in ours or any(_within(span, c) for c in output.claimed):
            continue
        name = node.attr.value
        if isinstance(target, Layer) and target.adapted and name == "adapt":
            continue
        if isinstance(target, ModelValue) and target.instance is not None and _is_own(target.instance, name):
            continue
        if name == "stop_training" or any(_within(span, d.span) for d in output.diagnostics):
            continue
        what = "model" if isinstance(target, ModelValue) else "layer"
        output.report("K2T130", span, f"the {what}'s {name} has no counterpart in PyTorch yet")


def report_unreached(interpreter: Interpreter, models: Iterable[ModelValue], output: Output) -> None:
    """Keras's methods of a converted model in code that was not followed, such as `if weights_path:`."""
    names = {m.variable for m in models if m.variable.isidentifier()}
    names |= {dotted(e.call.func.value) for e in interpreter.events
              if isinstance(e.call.func, cst.Attribute) and isinstance(e.call.func.value, cst.Attribute)}  # fmt: skip
    met = {id(e.call.func) for e in interpreter.events} | interpreter.attribute_uses.keys() | interpreter.own_methods
    for node in matchers.findall(interpreter.source.tree, matchers.Attribute(attr=matchers.Name())):
        if not isinstance(node, cst.Attribute) or node.attr.value not in EVENTS or id(node) in met:
            continue
        span = interpreter.source.span(node)
        places = [*output.claimed, *(d.span for d in output.diagnostics)]
        known = any(_within(span, p) for p in places)
        known |= any(e.start <= span.start and span.end <= e.end for e in output.edits)
        held = dotted(node.value)
        if held in names and not known and not _is_foreign(interpreter, held, span):
            message = f"{node.attr.value} was left: it stands in code that only some runs of the program reach"
            output.report("K2T130", span, message)


def _is_own(instance: Instance, name: str) -> bool:
    """Whether an attribute or method is one that the user's class has itself; it keeps its name."""
    return name in instance.attributes or isinstance(class_attribute(instance.cls, name), Function)


def _is_foreign(interpreter: Interpreter, name: str, at: Span) -> bool:
    """Whether the module's last assignment before gave the name to what another library makes."""
    source = interpreter.source
    made: cst.BaseExpression | None = None
    for statement in source.tree.body:
        if source.span(statement).start >= at.start:
            break
        if isinstance(statement, cst.SimpleStatementLine):
            for part in statement.body:
                if isinstance(part, cst.Assign) and any(
                    matchers.matches(t.target, matchers.Name(name)) for t in part.targets
                ):
                    made = part.value
        elif matchers.findall(statement, matchers.AssignTarget(matchers.Name(name))):
            made = None
    if not isinstance(made, cst.Call):
        return False
    root = dotted(made.func).partition(".")[0]
    path = source.imports.names.get(root, "")
    return bool(path) and path.partition(".")[0] not in ("keras", "tf")


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
