"""A functional model with its helpers and loops kept, where the code allows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from transpile.frontends.blocks import Blocks
from transpile.frontends.keras_model import Reading, undecided
from transpile.frontends.naming import Namespace
from transpile.frontends.recorded import Recorded
from transpile.frontends.scope import Run, State, Unstructured, with_values
from transpile.frontends.structure import Walker
from transpile.frontends.usage import pruned
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Tensor
from transpile.ir import Model, Node, Shape, Statement


def wants_structure(reading: Reading) -> bool:
    """Whether a model is made by helpers, loops or conditions at all, or differs from call to call."""
    home = reading.value.frame
    return bool(reading.varies or undecided(reading)) or any(a.frame is not home or a.loops for a in reading.applies)


def read_structured(
    readings: Sequence[Reading],
    interpreter: Interpreter,
    blocks: Blocks,
    names: Namespace,
    drop: tuple[str, ...],
) -> tuple[Model, list[Model]]:
    """The model with its structure, and the helpers' classes. Raises Unstructured.

    `readings` are all the models that one piece of code built.
    """
    reading = readings[0]
    value = reading.value
    if any(r.external or not r.value.statements or r.masked for r in readings):
        raise Unstructured("shared layers, or masks")
    construct = value.statements[0]
    place = blocks.places[construct]
    sequential = value.style == "sequential"
    recorded = Recorded(interpreter, names, {id(a) for r in readings for a in r.all_applies})
    home = value.frame
    params = set(home.names) if home.parent is not None else set()
    runs = [Run(r.value.frame, (), _inputs(r, sequential)) for r in readings]
    shapes = _input_shapes(readings, sequential)
    entry = dict(shapes)
    walker = Walker(recorded, State(Namespace(frozenset()), shapes, set()), params, home, sequential)
    before = blocks.bodies[place.block]
    body = walker.walk(before if sequential else before[: place.index], runs)
    if not sequential:
        body += _inside_construct(walker, construct, runs)
    outputs = _output_names(readings, runs)
    body, outputs = _without_final(body, outputs, reading, drop)
    model = replace(
        reading.model,
        inputs=tuple(replace(i, name=n, shape=entry[n]) for n, i in zip(entry, reading.model.inputs)),
        body=pruned(body),
        outputs=tuple(outputs),
        docstring=_docstring(value.frame.function.node if value.frame.function else None),
    )
    return model, [b.model for b in recorded.blocks.values()]


def _output_names(readings: Sequence[Reading], runs: list[Run]) -> list[str]:
    """The variables that hold the outputs in every run."""
    outputs = []
    for i, tensor in enumerate(readings[0].value.outputs):
        name = runs[0].holder(tensor)
        if name is None or any(run.env.get(name) is not r.value.outputs[i] for run, r in zip(runs, readings)):
            raise Unstructured("an output that no plain name holds")
        outputs.append(name)
    return outputs


def _inputs(reading: Reading, sequential: bool) -> dict[str, Tensor]:
    tensors = reading.value.inputs
    named = {"x": tensors[0]} if sequential else {t.variable: t for t in tensors}
    if "" in named or len(named) != len(tensors):
        raise Unstructured("an input without a name")
    return named


def _input_shapes(readings: Sequence[Reading], sequential: bool) -> dict[str, Shape | None]:
    names = list(_inputs(readings[0], sequential))
    shapes: dict[str, Shape | None] = {}
    for i, name in enumerate(names):
        every = [r.model.inputs[i].shape for r in readings]
        shapes[name] = with_values(every[0], every) if len(every) > 1 else every[0]
    return shapes


def _inside_construct(walker: Walker, construct: cst.CSTNode, runs: list[Run]) -> list[Statement]:
    """Layers applied inside the call itself: `Model(inputs, Dense(10)(x))`."""
    nodes: list[Statement] = []
    groups = [walker.recorded.at(construct, run) for run in runs]
    if len({len(g) for g in groups}) != 1:
        raise Unstructured("another construction from time to time")
    for group in zip(*groups):
        nodes += walker._node(list(group), runs, ["x"])
    return nodes


def _without_final(
    body: list[Statement], outputs: list[str], reading: Reading, drop: tuple[str, ...]
) -> tuple[list[Statement], list[str]]:
    """Takes out the final activations that move into the loss."""
    body, outputs = list(body), list(outputs)
    for i, activation in enumerate(drop):
        source = reading.value.outputs[i].source
        if not activation or not isinstance(source, Apply) or source.op is None:
            continue
        at = next(
            (k for k in reversed(range(len(body))) if _makes(body[k], outputs[i])),
            None,
        )
        node = body[at] if at is not None else None
        if at is None or not isinstance(node, Node) or node.op != source.op.name:
            raise Unstructured("the final activation is not at the end")
        outputs[i] = node.inputs[0]
        del body[at]
    return body, outputs


def _makes(statement: Statement, name: str) -> bool:
    return isinstance(statement, Node) and name in statement.outputs


def _docstring(node: cst.CSTNode | None) -> str:
    if isinstance(node, cst.FunctionDef):
        text = node.get_docstring()
        if text and "\n" not in text.strip():
            return text.strip()
    return ""
