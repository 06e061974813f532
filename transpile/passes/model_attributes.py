"""Reports what the code that stays still asks of a converted model in Keras's words."""

from __future__ import annotations

from collections.abc import Iterable

from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Layer, ModelValue
from transpile.ir import Span
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
        if name == "stop_training" or any(_within(span, d.span) for d in output.diagnostics):
            continue
        what = "model" if isinstance(target, ModelValue) else "layer"
        output.report("K2T130", span, f"the {what}'s {name} has no counterpart in PyTorch yet")


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
