"""Where each tensor lies: Keras's channels-last, or the channels-first that PyTorch convolves in.

A tensor is permuted when an op demands the other layout, not before; ops that work in any
layout take what comes. So a convolutional network has one permute on entry and one before
Flatten, and none in between.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transpile.ir import Branch, Expr, Loop, Model, Node, Plain, Shape, Statement, nodes_in
from transpile.registry import by_name

Layout = Literal["keras", "torch"]
State = dict[str, Layout]
TO_TORCH = "to_channels_first"
TO_KERAS = "to_channels_last"


def rank_of(shape: Shape | None, op: str) -> int | None:
    """The rank of a tensor, from its shape or from the op's own dimensions (conv2d -> 4)."""
    if shape is not None:
        return len(shape)
    found = re.search(r"([123])d", op)
    return int(found.group(1)) + 2 if found else None


@dataclass(frozen=True)
class Helper:
    """In which layouts a helper takes its tensors and gives its results."""

    inputs: tuple[Layout, ...]
    outputs: tuple[Layout, ...]


def arrange(model: Model, native: bool = False, helpers: Mapping[str, Helper] | None = None) -> Model:
    """The model with layouts decided and permutes put in.

    `native`: images are given channels first (what the model returns stays as Keras
    returns it). `helpers` by class name.
    """
    state: State = {}
    for given in model.inputs:
        images = given.shape is not None and len(given.shape) >= 4
        state[given.name] = "torch" if native and images else "keras"
    body = Arranger(helpers or {}, native).block(model.body, state)
    layouts = tuple(state.get(name, "keras") for name in model.outputs)
    return replace(model, body=body, output_layouts=layouts)


def arrange_helper(model: Model, helpers: Mapping[str, Helper]) -> tuple[Model, Helper]:
    """A helper with layouts decided: it takes each tensor in the layout that it first needs."""
    wishes: dict[str, Layout] = {i.name: "keras" for i in model.inputs}
    for _ in range(len(wishes) + 1):
        state: State = dict(wishes)
        body = Arranger(helpers).block(model.body, state)
        roots = _roots(model)
        turned = [roots.get(n.inputs[0], n.inputs[0]) for n in body if isinstance(n, Node) and n.op == TO_TORCH]
        fresh = [n for n in turned if wishes.get(n) == "keras"]
        if not fresh:
            break
        wishes |= dict.fromkeys(fresh, "torch")
    layouts = tuple(state.get(name, "keras") for name in model.outputs)
    helper = Helper(tuple(wishes[i.name] for i in model.inputs), layouts)
    return replace(model, body=body, output_layouts=("keras",) * len(layouts)), helper


def _roots(model: Model) -> dict[str, str]:
    """Which input a name stands for at first: `x = inputs`."""
    roots: dict[str, str] = {}
    names = {i.name for i in model.inputs}
    for statement in model.body:
        if isinstance(statement, Plain) and statement.where == "forward":
            target, _, source = statement.text.partition(" = ")
            if source in names:
                roots[target] = source
    return roots


def _native_model(node: Node) -> Helper:
    """How another model with native inputs takes its tensors."""
    wishes: list[Layout] = ["torch" if s is not None and len(s) >= 4 else "keras" for s in node.input_shapes]
    results: list[Layout] = ["keras" for _ in node.outputs]
    return Helper(tuple(wishes), tuple(results))


def _own(node: Node) -> Helper:
    """A layer of the user's class takes and gives what it did in Keras."""
    inputs: list[Layout] = ["keras" for _ in node.inputs]
    outputs: list[Layout] = ["keras" for _ in node.outputs]
    return Helper(tuple(inputs), tuple(outputs))


class Arranger:
    """Walks a body with the layout of each variable."""

    def __init__(self, helpers: Mapping[str, Helper], native: bool = False) -> None:
        self.helpers = helpers
        self.native = native

    def block(self, body: tuple[Statement, ...], state: State) -> tuple[Statement, ...]:
        result: list[Statement] = []
        for statement in body:
            match statement:
                case Node(op="block"):
                    helper = self.helpers.get(statement.args["class"].text) or _own(statement)
                    result += self.call(statement, helper, state)
                case Node(op="model") if self.native:
                    result += self.call(statement, _native_model(statement), state)
                case Node():
                    result += _node(statement, state)
                case Loop():
                    result.append(self.loop(statement, state, result))
                case Branch():
                    result += _turned_before(self.branch(statement, state))
                case Plain():
                    _alias(statement, state)
                    result.append(statement)
        return tuple(result)

    def call(self, node: Node, helper: Helper, state: State) -> list[Statement]:
        """A helper applied: its tensors in the layouts that it takes."""
        before: list[Statement] = []
        converted = []
        for name, wish, shape in zip(node.inputs, helper.inputs, node.input_shapes):
            now = state.get(name, "keras")
            if now == wish or (shape is not None and len(shape) < 3):
                converted.append("")
            elif wish == "torch":
                before.append(_permute(node, name, rank_of(shape, "")))
                state[name] = "torch"
                converted.append("")
            else:
                converted.append("keras")
        state.update(zip(node.outputs, helper.outputs))
        return [*before, replace(node, converted=tuple(converted))]

    def loop(self, loop: Loop, state: State, before: list[Statement]) -> Loop:
        """A loop leaves its variables in the layout in which it takes them."""
        for _ in range(3):
            entry, end = dict(state), dict(state)
            body = self.block(loop.body, end)
            changed = [n for n in entry if end.get(n, entry[n]) != entry[n]]
            if not changed:
                state.update(end)
                return replace(loop, body=body)
            shapes = {n: s for x in nodes_in(loop.body) for n, s in zip(x.inputs, x.input_shapes)}
            for name in changed:
                into = Node(TO_TORCH if end[name] == "torch" else TO_KERAS)
                rank = rank_of(shapes.get(name), "")
                if rank is None or rank >= 3:  # else the loop gives the name to a matrix, and does not read the image
                    before.append(_permute(into, name, rank))
                state[name] = end[name]
        raise ValueError("the layout of a loop does not settle")

    def branch(self, branch: Branch, state: State) -> Branch:
        """Both arms of a branch leave each variable in the same layout."""
        first, second = dict(state), dict(state)
        body, orelse = self.block(branch.body, first), self.block(branch.orelse, second)
        for name in first.keys() | second.keys():
            a, b = first.get(name), second.get(name)
            if a is None or b is None or a == b:
                state[name] = a or b or "keras"
                continue
            permute = _permute(Node(TO_TORCH), name, _rank_in(branch, name))
            if a == "torch":
                orelse = (*orelse, permute)
            else:
                body = (*body, permute)
            state[name] = "torch"
        return replace(branch, body=body, orelse=orelse)


def _turned_before(branch: Branch) -> list[Statement]:
    """A tensor that both arms turn before they use it is turned before the branch."""
    turned: list[Statement] = []
    for name in dict.fromkeys(n for node in nodes_in((branch,)) if node.op == TO_TORCH for n in node.inputs):
        at = [_turn(arm, name) for arm in (branch.body, branch.orelse)]
        if at[0] is None or at[1] is None:
            continue
        turned.append(branch.body[at[0]])
        body, orelse = (tuple(s for i, s in enumerate(a) if i != k) for a, k in zip((branch.body, branch.orelse), at))
        branch = replace(branch, body=body, orelse=orelse)
    return [*turned, branch]


def _turn(arm: Sequence[Statement], name: str) -> int | None:
    """The place at which an arm turns a tensor, where nothing before touches it."""
    for i, statement in enumerate(arm):
        if isinstance(statement, Node) and statement.op == TO_TORCH and statement.inputs == (name,):
            return i
        plain = isinstance(statement, Plain) and re.search(rf"\b{name}\b", statement.text)
        if plain or any(name in (*n.inputs, *n.outputs) for n in nodes_in((statement,))):
            return None
    return None


def _alias(statement: Plain, state: State) -> None:
    """`shortcut = x`: the same tensor in the same layout."""
    target, _, source = statement.text.partition(" = ")
    if statement.where == "forward" and source in state:
        state[target] = state[source]


def _node(node: Node, state: State) -> list[Statement]:
    """The node in its layout, after the permutes that it needs."""
    op = by_name().get(node.op)
    wish = op.layout if op is not None else "keras"
    ranks = [rank_of(s, node.op) for s in (node.input_shapes or (None,) * len(node.inputs))]
    image = [r is None or r >= 3 for r in ranks]
    states = [state.get(n, "keras") for n in node.inputs]
    layout: Layout
    if wish == "torch" and any(r is not None and r < 3 for r in ranks[:1]):
        layout = "keras"  # batch norm of a matrix
    elif wish == "any":
        layout = "torch" if any(s == "torch" and i for s, i in zip(states, image)) else "keras"
    else:
        layout = wish
    before: list[Statement] = []
    converted = []
    for name, now, rank, spatial in zip(node.inputs, states, ranks, image):
        if now == layout or not spatial:
            converted.append("")
        elif layout == "torch" and wish == "torch":
            if name not in [n for b in before if isinstance(b, Node) for n in b.outputs]:
                before.append(_permute(node, name, rank))
            state[name] = "torch"
            converted.append("")
        else:
            converted.append(layout)
    for name, shape in zip(node.outputs, node.shapes or (None,) * len(node.outputs)):
        flat = shape is not None and len(shape) < 3
        state[name] = "keras" if flat else layout
    return [*before, replace(node, layout=layout, converted=tuple(converted))]


def _permute(node: Node, name: str, rank: int | None) -> Node:
    """The variable in the other layout: channels first, or last where the node says so."""
    op = node.op if node.op == TO_KERAS else TO_TORCH
    layout: Layout = "keras" if op == TO_KERAS else "torch"
    return Node(op, {"rank": Expr(str(rank), rank)}, (name,), (name,), layout=layout, span=node.span)


def _rank_in(branch: Branch, name: str) -> int | None:
    for node in nodes_in((branch,)):
        for n, s in [*zip(node.inputs, node.input_shapes), *zip(node.outputs, node.shapes)]:
            if n == name and s is not None:
                return len(s)
    return None


def to_torch(x: str, rank: int) -> str:
    """The permute from channels last to channels first, for tensors that have a place between."""
    if rank < 3:
        return x
    return f"{x}.permute({', '.join(map(str, (0, rank - 1, *range(1, rank - 1))))})"


def to_keras(x: str, rank: int) -> str:
    """The permute from channels first to channels last, for tensors that have a place between."""
    if rank < 3:
        return x
    return f"{x}.permute({', '.join(map(str, (0, *range(2, rank), 1)))})"
