"""Whether a model that was flattened says what its code says, for other arguments too."""

from __future__ import annotations

import libcst as cst

from transpile.frontends.blocks import Blocks, names_in, simple_statements
from transpile.frontends.keras_model import Reading
from transpile.ir import Model, Node


def same_network(a: Model, b: Model) -> bool:
    """Whether two flat models are the same but for values that their text computes."""

    def signature(model: Model) -> list[tuple[object, ...]]:
        return [
            (
                n.op,
                n.inputs,
                n.outputs,
                n.name,
                n.fused,
                tuple((k, e.text) for k, e in n.args.items()),
            )
            for n in model.body
            if isinstance(n, Node)
        ]

    shapes_a = [[d.text for d in i.shape or ()][-1:] for i in a.inputs]
    shapes_b = [[d.text for d in i.shape or ()][-1:] for i in b.inputs]
    return signature(a) == signature(b) and shapes_a == shapes_b and _same_decisions(a, b)


def _same_decisions(a: Model, b: Model) -> bool:
    """Values decide how a node is written: they must be known alike."""
    for x, y in zip(a.body, b.body):
        if isinstance(x, Node) and isinstance(y, Node):
            if any(str(x.args[k].value) != str(y.args[k].value) for k in x.args if _decides(x, k)):
                return False
            if [_spatial(s) for s in x.input_shapes] != [_spatial(s) for s in y.input_shapes]:
                return False
    return True


def _decides(node: Node, name: str) -> bool:
    return isinstance(node.args[name].value, str | bool | type(None) | tuple | list)


def _spatial(shape: object) -> list[object]:
    return [d.value for d in shape[1:-1]] if isinstance(shape, tuple) else []


def depends_on_parameters(reading: Reading, blocks: Blocks) -> bool:
    """Whether the layers follow from arguments of the function that builds them."""
    function = reading.value.frame.function
    if function is None or not isinstance(function.node, cst.FunctionDef):
        return False
    params = set(reading.value.frame.arguments) - {"self"}
    if not params:
        return False
    if reading.assumed:
        return True
    for statement in blocks.places:
        if isinstance(statement, cst.If | cst.For | cst.While) and blocks.scope(statement) is function.node:
            parts = [getattr(statement, "test", None), getattr(statement, "iter", None)]
            names = set().union(*(names_in(p)[0] for p in parts if p is not None), set())
            local = names & set(reading.value.frame.names)
            if local and _around_layers(statement, reading):
                return True
    return False


def _around_layers(statement: cst.CSTNode, reading: Reading) -> bool:
    inner = {id(s) for s in simple_statements(statement)}
    return any(id(a.statement) in inner for a in reading.applies)
