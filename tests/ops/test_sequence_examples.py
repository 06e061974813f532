"""The examples of embeddings, recurrent layers, wrappers and attention, on both frameworks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transpile import keras2torch
from transpile.ir import UNKNOWN, Expr, Node
from transpile.registry import Context, Example, Op, bind, carried, lower, signature
from transpile.verify import Session

from .families import family
from .programs import functional, squeezed
from .test_arguments import node_of

OPS = family("embedding", "recurrent", "bidirectional", "time_distributed", "attention", "multi_head_attention")
PAIRS = [(op, example) for op in OPS for example in op.examples]
NAMES = [f"{op.name}: {example.keras}" for op, example in PAIRS]
RUN_BY_KERAS_3 = [p for p in PAIRS if "input_length" not in p[1].keras]


@pytest.mark.parametrize(("op", "example"), PAIRS, ids=NAMES)
def test_text(op: Op, example: Example) -> None:
    result = keras2torch(functional(example))
    assert not result.diagnostics
    assert squeezed(example.torch) in squeezed(result.code), result.code


def marked(op: Op, example: Example) -> object:
    """The first example of an op runs always, the others with the slow tests."""
    marks = () if example is op.examples[0] else (pytest.mark.slow,)
    return pytest.param(example, id=f"{op.name}: {example.keras}", marks=marks)


@pytest.mark.parametrize("example", [marked(*p) for p in RUN_BY_KERAS_3])
def test_executed(session: Session, example: Example) -> None:
    source = functional(example)
    result = keras2torch(source)
    report = session.verify(source, result.code, result.models, levels=(1, 2, 4), smoke=False)
    assert report.ok, f"{source}\n{result.code}\n{report.as_table()}\n{report.problem}"


def unknown_arguments() -> list[tuple[Op, str]]:
    return [
        (op, name)
        for op in OPS
        for name in signature(op.keras)[1]
        if name not in op.ignored and not (carried(name) and name != "activation")
        if name not in ("layer", "cell", "backward_layer")
        if not op.name.endswith("_cell")
    ]


def prepared(op: Op) -> Node:
    """The op with its defaults; wrappers hold an LSTM."""
    node = node_of(op)
    if "layer" in node.args:
        lstm = next(o for o in OPS if o.name == "lstm")
        inner = Expr("layers.LSTM(2)", Node("lstm", bind(lstm, (Expr("2", 2),), {})))
        node = replace(node, args=dict(node.args) | {"layer": inner})
    if "cell" in node.args:
        cell = next(o for o in OPS if o.name == "gru_cell")
        inner = Expr("layers.GRUCell(2)", Node("gru_cell", bind(cell, (Expr("2", 2),), {})))
        node = replace(node, args=dict(node.args) | {"cell": inner})
    return node


@pytest.mark.parametrize(("op", "name"), unknown_arguments(), ids=lambda v: v if isinstance(v, str) else v.name)
def test_an_unknown_argument_is_spliced_or_reported(op: Op, name: str) -> None:
    node = prepared(op)
    node = replace(node, args=dict(node.args) | {name: Expr("cfg.value", UNKNOWN)})
    low = lower(op, node, Context())
    text = low.module + low.call + "".join(low.setup)
    assert "cfg.value" in text or low.diagnostics, low


CALLS = [
    (op, name)
    for op in OPS
    if not op.name.endswith("_cell") and op.name not in ("embedding", "masking", "time_distributed")
    for name in ("use_causal_mask", "return_attention_scores", "mask", "initial_state", "constants")
]


@pytest.mark.parametrize(("op", "name"), CALLS, ids=lambda v: v if isinstance(v, str) else v.name)
def test_an_unknown_argument_of_the_call_is_reported(op: Op, name: str) -> None:
    node = prepared(op)
    node = replace(node, args=dict(node.args) | {f"call:{name}": Expr("cfg.value", UNKNOWN)})
    assert lower(op, node, Context()).diagnostics
