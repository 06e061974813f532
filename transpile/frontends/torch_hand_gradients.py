"""Backward passes without an optimizer: whose gradients the script reads, clears and adds up by itself.

PyTorch keeps a gradient in its tensor and adds to it until it is cleared; a tape gives it as a value. So each backward
pass must know whether there is a gradient to add to: `none` before the first pass, `zero` once cleared, `set`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_leaves import Leaves
from transpile.frontends.torch_owned import owned_models
from transpile.frontends.torch_steps import Region, Steps, calls_method, loss_of
from transpile.frontends.torch_weight_loops import WeightLoop, loop_of

States = dict[str, frozenset[str]]
NONE = frozenset(["none"])


@dataclass(eq=False)
class HandBackward:
    """A backward pass whose gradients of `targets` (names of tensors, models) the script reads."""

    statement: ast.Expr
    targets: list[str]
    region: Region
    adds: set[str] = field(default_factory=set)  # targets that hold a gradient already


class HandGradients:
    """Answers for one file. `problems` says of backward passes why they cannot be translated."""

    def __init__(self, kinds: Kinds, steps: Steps) -> None:
        self.kinds = kinds
        self.references = kinds.references
        self.steps = steps
        self.leaves: Leaves = steps.leaves
        self.loops = steps.loops
        self.reads: dict[str, list[ast.Attribute]] = {}  # target -> `w.grad`
        self.zeros: dict[ast.stmt, set[str]] = {}
        self.summed: set[str] = set()  # targets whose gradients start as zeros
        self.unset: set[str] = set()  # targets whose gradient is read before there is one
        self.problems: dict[ast.Expr, str] = {}
        self.backwards: list[HandBackward] = []
        self._find_reads()
        if self.reads:
            self._find_backwards()
            for function in {self.kinds.function_of(b.statement) for b in self.backwards}:
                self._follow(function)

    # What is read and cleared

    def _find_reads(self) -> None:
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.stmt):
                cleared = self._cleared(node)
                if cleared:
                    self.zeros[node] = cleared
        for node in ast.walk(self.references.tree):
            if not isinstance(node, ast.Attribute) or node.attr != "grad":
                continue
            for target in self.targets_of(node.value):
                if not self._is_clearing(node):
                    self.reads.setdefault(target, []).append(node)

    def targets_of(self, node: ast.AST) -> set[str]:
        """Whose gradient `node.grad` is: a tensor by name, a model by a loop over its weights."""
        if self.leaves.leaf(node):
            assert isinstance(node, ast.Name)
            return {node.id}
        loop = self.loop_of(node)
        return set(loop.models.values()) if loop else set()

    def loop_of(self, node: ast.AST) -> WeightLoop | None:
        """The loop over weights whose variable a name is."""
        return loop_of(self.references, self.loops, node)

    def _is_clearing(self, node: ast.AST) -> bool:
        return any(s in self.zeros for s in (self.references.statement(node), *self.references.around(node))
                   if isinstance(s, ast.stmt) and not isinstance(s, ast.For))  # fmt: skip

    def _cleared(self, statement: ast.stmt) -> set[str]:
        """The targets whose gradients a statement clears, and does nothing else."""
        match statement:
            case ast.If(test=test, body=body, orelse=[]):
                found = [self._cleared(s) for s in body]
                asks = any(isinstance(n, ast.Attribute) and n.attr == "grad" for n in ast.walk(test))
                return set().union(*found) if all(found) and asks else set()
            case ast.For(body=body) if all(self._cleared(s) for s in body):
                return set().union(*(self._cleared(s) for s in body))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=inner, attr="zero_" | "detach_"))):
                return self._of_gradient(inner)
            case ast.Assign(targets=[ast.Attribute(attr="grad") as target], value=ast.Constant(value=None)):
                return self._of_gradient(target)
        function = calls_method(statement, "zero_grad")
        if function is None:
            return set()
        return {self.kinds.code(function.value), *owned_models(self.kinds, function.value)}

    def _of_gradient(self, node: ast.AST) -> set[str]:
        """The targets in `w.grad` or `w.grad.data`."""
        inner = node.value if isinstance(node, ast.Attribute) and node.attr == "data" else node
        return self.targets_of(inner.value) if isinstance(inner, ast.Attribute) and inner.attr == "grad" else set()

    # Backward passes

    def _find_backwards(self) -> None:
        taken = {b for step in self.steps.steps for b in step.backwards}
        for statement in self.steps.backwards:
            if not isinstance(statement, ast.Expr) or statement in taken:
                continue
            needed: set[ast.stmt] = set()
            targets = []
            for target in self.reads:
                found = self.steps.slices.differentiable(statement, loss_of(statement), [target])
                if found:
                    targets.append(target)
                    needed |= found
            region = self.steps.region(needed, [statement]) if needed else None
            if region is not None:
                self.backwards.append(HandBackward(statement, sorted(targets, key=self._place), region))

    def _place(self, target: str) -> int:
        """Where a target is first mentioned: gradients are taken in the order of the definitions."""
        return min([self.references.start(n) for n, _ in self.references.reads if n.id == target.split(".")[0]] or [0])

    # What is there already

    def _follow(self, function: ast.AST) -> None:
        """Follows the gradients through a function, or the module."""
        body: list[ast.stmt] = function.body if isinstance(function, FUNCTION | ast.Module) else []
        seen: dict[tuple[ast.stmt, str], frozenset[str]] = {}
        states: States = {}
        states = self._block(body, states, seen)
        if isinstance(function, FUNCTION):
            self._block(body, _either({}, states), seen)
        here = [b for b in self.backwards if b.statement in {s for s, _ in seen}]
        for backward in here:
            for target in backward.targets:
                state = seen.get((backward.statement, target), NONE)
                if "set" not in state:
                    continue
                backward.adds.add(target)
                if state != frozenset(["set"]):
                    self.summed.add(target)
        for (statement, target), state in seen.items():
            if "none" in state and statement not in [b.statement for b in here]:
                self.unset.add(target)

    def _block(self, block: list[ast.stmt], states: States, seen: dict[tuple[ast.stmt, str], frozenset[str]]) -> States:
        for statement in block:
            states = self._statement(statement, states, seen)
        return states

    def _statement(
        self, statement: ast.stmt, states: States, seen: dict[tuple[ast.stmt, str], frozenset[str]]
    ) -> States:
        if statement in self.zeros:
            return {**states, **dict.fromkeys(self.zeros[statement], frozenset(["zero"]))}
        match statement:
            case ast.For() | ast.While():
                self._simple(statement.iter if isinstance(statement, ast.For) else statement.test, states, seen)
                once = _either(states, self._block(statement.body, states, seen))
                return _either(states, self._block(statement.body, once, seen))
            case ast.If(test=test, body=body, orelse=orelse):
                self._simple(test, states, seen)
                return _either(self._block(body, states, seen), self._block(orelse, states, seen))
            case ast.With(body=body):
                return self._block(body, states, seen)
            case ast.Try(body=body, orelse=orelse, finalbody=final):
                after = self._block([*body, *orelse], states, seen)
                return self._block(final, _either(states, after), seen)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return states
        return self._simple(statement, states, seen)

    def _simple(self, node: ast.AST, states: States, seen: dict[tuple[ast.stmt, str], frozenset[str]]) -> States:
        """A statement without blocks, or the head of one."""
        statement = self.references.statement(node)
        for target, cleared in self._touched(node):
            if cleared:
                states = {**states, target: frozenset(["zero"])}
            else:
                key = (statement, target)
                seen[key] = seen.get(key, frozenset()) | states.get(target, NONE)
        for backward in self.backwards:
            if backward.statement is statement:
                for target in backward.targets:
                    key = (statement, target)
                    seen[key] = seen.get(key, frozenset()) | states.get(target, NONE)
                states = {**states, **dict.fromkeys(backward.targets, frozenset(["set"]))}
        names = [n.id for t in getattr(node, "targets", ()) for n in ast.walk(t) if isinstance(n, ast.Name)
                 and isinstance(n.ctx, ast.Store)]  # fmt: skip
        return {**states, **{n: NONE for n in names if n in self.reads}}

    def _touched(self, node: ast.AST) -> Iterator[tuple[str, bool]]:
        """The gradients that a statement reads (False) or clears (True), also by functions that it calls."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Attribute) and inner.attr == "grad" and not self._is_clearing(inner):
                yield from ((t, False) for t in self.targets_of(inner.value))
        for inner in ast.walk(node):
            function = self.kinds.called_function(inner) if isinstance(inner, ast.Call) else None
            for part in ast.walk(function) if function else ():
                if isinstance(part, ast.Attribute) and part.attr == "grad":
                    loop = self.loop_of(part.value)
                    held = (
                        {loop.models[id(inner)]} if loop and id(inner) in loop.models else self.targets_of(part.value)
                    )
                    yield from ((t, self._is_clearing(part)) for t in held if not self._is_own(part, function))
                elif isinstance(part, ast.stmt) and part in self.zeros and calls_method(part, "zero_grad"):
                    yield from ((t, True) for t in self.zeros[part])

    def _is_own(self, part: ast.Attribute, function: FUNCTION | None) -> bool:
        """Whether a gradient is of a tensor that the function itself makes."""
        leaf = self.leaves.leaf(part.value)
        return leaf is not None and leaf.scope is function


def _either(a: States, b: States) -> States:
    """What holds where two ways meet."""
    return {key: a.get(key, NONE) | b.get(key, NONE) for key in {*a, *b}}
