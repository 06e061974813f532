"""`isinstance(layer, BatchNormalization)` in loops over the layers of a model."""

from __future__ import annotations

import re
from collections.abc import Iterable

import libcst as cst
from libcst import matchers

from transpile.frontends.frozen_parts import kinds_of
from transpile.interpret.model_layers import Counted
from transpile.interpret.values import Layer, Ref
from transpile.ir import literal
from transpile.names import canonical


class Asked(cst.CSTVisitor):
    """Which attributes are asked of a name; "" for any other use. `tests`: those of its class."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[str] = []
        self.tests: list[cst.Call] = []

    def visit_Call(self, node: cst.Call) -> bool:
        of_name = matchers.Call(
            func=matchers.Name("isinstance"), args=[matchers.Arg(matchers.Name(self.name)), matchers.Arg()]
        )
        if not matchers.matches(node, of_name):
            return True
        self.tests.append(node)
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        if isinstance(node.value, cst.Name) and node.value.value == self.name:
            self.found.append(node.attr.value)
            return False
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value == self.name:
            self.found.append("")


def only_sets_trainable(loop: cst.For, name: str) -> bool:
    """Whether a loop does nothing but set `trainable`, behind tests of the layer's class."""
    asked = Asked(name)
    loop.body.visit(asked)
    return loop.orelse is None and set(asked.found) == {"trainable"} and _sets(loop.body, name)


def _sets(block: cst.BaseSuite, name: str) -> bool:
    target = matchers.Attribute(matchers.Name(name), matchers.Name("trainable"))
    sets = matchers.SimpleStatementLine([matchers.Assign([matchers.AssignTarget(target)])])
    test = matchers.Call(func=matchers.Name("isinstance"))
    for part in block.body:
        if isinstance(part, cst.If) and matchers.matches(part.test, test | matchers.UnaryOperation(expression=test)):
            orelse = part.orelse
            if not _sets(part.body, name) or (orelse is not None and not isinstance(orelse, cst.Else)):
                return False
            if isinstance(orelse, cst.Else) and not _sets(orelse.body, name):
                return False
        elif not isinstance(part, cst.BaseStatement) or not matchers.matches(part, sets):
            return False
    return True


def torch_class(ref: object, layers: Iterable[Counted]) -> str:
    """The class of the modules that the layers of one of Keras's classes have become; "" if not known."""
    kind = canonical(ref.path).rpartition(".")[2] if isinstance(ref, Ref) else ""
    found = [x for x in layers if isinstance(x, Layer) and x.kind == kind]
    if kind == "BatchNormalization":
        ranks = {len(x.applications[0].inputs[0].shape or ()) for x in found if x.applications}
        return "" if not ranks or 0 in ranks else kinds_of(literal(tuple(sorted(ranks))))
    named = {re.match(r"nn\.\w+(?=\()", x.op.torch) for x in found if x.op is not None and x.op.weights}
    names = {m[0] for m in named if m is not None}
    return names.pop() if len(names) == 1 and None not in named else ""
