"""Every example of these families: its text, there and back, and executed on both sides."""

from __future__ import annotations

import ast

import pytest

from transpile import keras2torch
from transpile.diagnostics import CODES
from transpile.ir import Expr, literal
from transpile.registry import Example, Op, bind, carried, equal, lost, signature, translate
from transpile.verify import Session

from .families import SPATIAL, family
from .programs import executable, functional, needs_lambda, sequential, shapes, squeezed

PAIRS = [(op, example) for op in family(*SPATIAL) for example in op.examples]
IDS = [f"{op.name}-{i}" for op in family(*SPATIAL) for i in range(len(op.examples))]
# PyTorch's backward of GroupNorm crashes on a permuted input that needs no gradient.
BEHIND_A_CONVOLUTION = ("group_norm",)


def programs(example: Example) -> list[str]:
    """The sources in which the example's spelling may occur."""
    found = [functional(example), functional(example, convolved=True)]
    layer = example.keras.startswith(("layers.", "activations."))
    if layer and len(shapes(example)) == 1 and "(x, " not in example.keras:
        found.append(sequential(example))
    return found


@pytest.mark.parametrize(("op", "example"), PAIRS, ids=IDS)
def test_text(op: Op, example: Example) -> None:
    texts = []
    for source in programs(example):
        result = keras2torch(source)
        assert not [d for d in result.diagnostics if CODES[d.code].level != "note"]
        texts.append(result.code)
        if squeezed(example.torch) in squeezed(result.code):
            return
    pytest.fail(f"{example.torch} does not occur in\n" + "\n".join(texts))


PLAIN = [(op, e) for op, e in PAIRS if op.expand is None and (op.torch or op.function)]


def call(text: str) -> ast.Call:
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    return node


def arguments(node: ast.Call, text: str) -> tuple[list[Expr], dict[str, Expr]]:
    """The arguments of a call that are no tensors."""
    positional = [Expr(ast.unparse(a), _value(a)) for a in node.args if not _tensor(a)]
    return positional, {str(k.arg): Expr(ast.unparse(k.value), _value(k.value)) for k in node.keywords}


def _tensor(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("x", "x0", "x1")


def _value(node: ast.expr) -> object:
    return ast.literal_eval(node)


@pytest.mark.parametrize(("op", "example"), PLAIN, ids=lambda v: v.name if isinstance(v, Op) else v.keras)
def test_there_and_back(op: Op, example: Example) -> None:
    node = call(example.torch)
    target = next(t for t in (op.torch, op.function) if t and signature(t)[0] == ast.unparse(node.func))
    params = {n: d for n, d in signature(target)[1].items() if not (n == "x" or (n[0] == "x" and n[1:].isdigit()))}
    positional, named = arguments(node, target)
    there = {n: d for n, d in params.items() if d is not None} | dict(zip(params, positional, strict=False)) | named
    source = call(example.keras)
    keras_positional, keras_named = arguments(source, op.keras)
    names = [n for n in signature(op.keras)[1] if n != "x"]
    given = dict(zip(names, keras_positional, strict=False)) | keras_named
    bound = {n: e for n, e in bind(op, (), given).items() if n != "x"}
    back = translate(op, "torch", there, channels=literal(8))
    for name, expr in bound.items():
        if name in back and not carried(name):
            assert equal(back[name].value, expr.value), name
    assert not lost(op, bound, channels=literal(8))


EXECUTED = [
    (op, example, convolved)
    for op, example in PAIRS
    if executable(example)
    for convolved in (False, True)
    if (op.layout != "torch" and any(len(s) > 1 for s in shapes(example)) if convolved else True)
    if convolved or op.name not in BEHIND_A_CONVOLUTION
]
FIRST = {id(op.examples[0]) for op in family(*SPATIAL) if op.examples}


def _marked(op: Op, example: Example, convolved: bool) -> object:
    marks = () if id(example) in FIRST and not convolved else (pytest.mark.slow,)
    name = f"{op.name}: {example.keras}{' behind a convolution' if convolved else ''}"
    return pytest.param(example, convolved, marks=marks, id=name)


@pytest.mark.parametrize(("example", "convolved"), [_marked(*e) for e in EXECUTED])
def test_executed(session: Session, example: Example, convolved: bool) -> None:
    source = functional(example, convolved, needs_lambda(example))
    result = keras2torch(source)
    report = session.verify(source, result.code, result.models, levels=(1, 2, 4), smoke=False)
    assert report.ok, f"{source}\n{result.code}\n{report.as_table()}\n{report.problem}"
