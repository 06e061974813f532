"""Nothing is dropped in silence, in lowerings written by hand as well."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from transpile import keras2torch
from transpile.ir import FREE, UNKNOWN, Expr, Node, literal
from transpile.registry import Context, Op, bind, carried, lower, signature

from .families import SPATIAL, family
from .programs import shapes

OPS = [op for op in family(*SPATIAL) if op.expand is not None and op.examples and not op.keras.startswith("operator.")]
# A name that a lowering reads in another way than as a Keras argument.
TENSORS = frozenset("x x1 x2 y inputs tensors variable".split())
# They count in one mode only: mode="concat" and mode="dot".
CONDITIONAL = {("merge", "concat_axis"), ("merge", "dot_axes")}
# The class writes them, not the layer's own lowering: tested below.
PENALTIES = {("activity_regularization", "l1"), ("activity_regularization", "l2")}


def node_of(op: Op) -> Node:
    """The op with its defaults, on inputs like those of its first example."""
    given = shapes(op.examples[0])
    dims = tuple((FREE, *map(literal, shape)) for shape in given)
    required = {n: literal(2) for n, d in signature(op.keras)[1].items() if d is None and n not in TENSORS}
    args = required | bind(op, (), {})
    return Node(op.name, args, tuple(f"x{i}" for i in range(len(given))), input_shapes=dims, name="layer")


def arguments() -> list[tuple[Op, str]]:
    return [
        (op, name)
        for op in OPS
        for name in signature(op.keras)[1]
        if not carried(name) and name not in op.ignored and name not in TENSORS
        if (op.name, name) not in CONDITIONAL | PENALTIES
    ]


@pytest.mark.parametrize(("op", "name"), arguments(), ids=lambda v: v if isinstance(v, str) else v.name)
def test_an_unknown_argument_is_spliced_or_reported(op: Op, name: str) -> None:
    node = node_of(op)
    node = replace(node, args={**node.args, name: Expr("cfg.value", UNKNOWN)})
    for layout, in_class in product(("keras", "torch"), (True, False)):
        if (layout == "torch" and op.layout == "keras") or (layout == "keras" and op.layout == "torch"):
            continue
        low = lower(op, node, Context(layout=layout, in_class=in_class))
        text = low.module + low.call + "".join(low.setup)
        assert "cfg.value" in text or low.diagnostics, (layout, in_class, low)


@pytest.mark.parametrize("name", sorted(n for _, n in PENALTIES))
def test_an_unknown_penalty_is_written_into_the_class(name: str) -> None:
    source = (
        "import keras\nfrom config import cfg\ninputs = keras.Input((4,))\n"
        f"x = keras.layers.ActivityRegularization({name}=cfg.value)(inputs)\nmodel = keras.Model(inputs, x)\n"
    )
    result = keras2torch(source)
    assert not result.diagnostics
    assert "self.activity_loss = cfg.value * " in result.code


@pytest.mark.parametrize("op", [op for op in OPS if "data_format" in signature(op.keras)[1]], ids=lambda o: o.name)
def test_channels_first_is_refused_or_changes_the_result(op: Op) -> None:
    node = node_of(op)
    first = replace(node, args={**node.args, "data_format": literal("channels_first")})
    context = Context(layout="keras" if op.layout == "keras" else "torch")
    assert lower(op, first, context) != lower(op, node, context)


@pytest.mark.parametrize("op", OPS, ids=lambda o: o.name)
def test_an_unknown_shape_is_no_crash(op: Op) -> None:
    node = node_of(op)
    node = replace(node, input_shapes=(None,) * len(node.inputs))
    for layout in ("keras", "torch"):
        low = lower(op, node, Context(layout=layout))
        assert low.call
    shapes_of = op.shape(node.input_shapes, node.args)
    outputs = shapes_of if isinstance(shapes_of, list) else [shapes_of]
    scalar = op.name.startswith("reduce_") and node.args["axis"].value is None
    assert all(s is None for s in outputs) or "reshape" in op.name or op.name == "backend_flatten" or scalar
