"""The calls of TextVectorization, StringLookup and IntegerLookup, for the classes written out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.backends.torch_helpers import Writing
from transpile.frontends.keras_utilities import Use
from transpile.interpret.vocabularies import vocabularies
from transpile.ir import Edit
from transpile.references import References


def write_vocabulary(writing: Writing, use: Use, kind: str) -> bool:
    """A call of one of these layers; whether it could be done. What it cannot be used for is reported."""
    vocabulary = vocabularies(writing.references)[kind]
    if vocabulary.problem or use.call is None:
        writing.output.report("K2T192", writing.span(use.call or use.reference.node), vocabulary.problem)
        return False
    name = writing.define(kind, writing.references.start(use.reference.node))
    writing.replace(use.reference.node, name)
    dropped = [k for k in use.call.keywords if k.arg in vocabulary.dropped]
    writing.output.edits += without(use.call, dropped, writing.references)
    return True


def write_adapted(writing: Writing, use: Use) -> bool:
    """`layers.Normalization()` whose statistics come from `adapt`."""
    assert use.call is not None
    name = writing.define("Normalization", writing.references.start(use.reference.node))
    dropped = [k for k in use.call.keywords if k.arg != "axis" or ast.unparse(k.value) == "-1"]
    writing.output.edits += without(use.call, dropped, writing.references)
    return writing.replace(use.reference.node, name)


def without(call: ast.Call, dropped: list[ast.keyword], references: References) -> Iterator[Edit]:
    """Takes arguments out of a call, each with one comma."""
    every = sorted([*call.args, *call.keywords], key=references.start)
    start = None
    for i, argument in enumerate(every):
        if argument in dropped and start is None:
            start = i
        elif argument not in dropped and start is not None:
            yield Edit(references.start(every[start]), references.start(argument), "")
            start = None
    if start is not None:
        before = references.end(every[start - 1]) if start else references.start(every[0])
        yield Edit(before, references.end(every[-1]), "")
