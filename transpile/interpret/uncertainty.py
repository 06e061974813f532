"""Code that may or may not run: both ways are taken, and what they change is not known after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import reduce

import libcst as cst

from transpile.interpret.expressions import is_plain
from transpile.interpret.model_choice import ModelChoice
from transpile.interpret.record import Record
from transpile.interpret.values import Arm, Batch, Frame, Instance, Phi, Tensor, join_shapes
from transpile.ir import UNKNOWN
from transpile.source import Source


class Uncertainty(Record):
    """Keeps track of what uncertain code touches, and joins what it leaves behind."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._assigned: dict[int, Assigned] = {}

    @contextmanager
    def uncertainly(self, frame: Frame, doubt: int = 1) -> Iterator[None]:
        """Around code that may or may not run, once or often: what it changes is not known after.

        Without `doubt` what it builds counts as built: the number of times is what is not known.
        """
        self.uncertain += doubt
        self.tentative += 1
        mutated, attributes = len(self._mutated), len(self._set)
        try:
            yield
        finally:
            self.uncertain -= doubt
            self.tentative -= 1
            changed = {id(c) for c in self._mutated[mutated:]}
            for holder, name, old in self._set[attributes:]:
                holder.attributes[name] = self._phi(old, holder.attributes.get(name), self.source.tree)
            self._forget_containers(changed, frame)
            if not self.tentative:
                self._mutated, self._set = [], []

    def _forget_containers(self, changed: set[int], frame: Frame) -> None:
        scope: Frame | None = frame
        while scope is not None:
            for name, value in scope.names.items():
                if id(value) in changed:
                    scope.names[name] = UNKNOWN
                elif isinstance(value, Instance):
                    for attribute, held in value.attributes.items():
                        if id(held) in changed:
                            value.attributes[attribute] = UNKNOWN
            scope = scope.parent or scope.caller

    def _join(self, first: dict[str, object], second: dict[str, object], arm: Arm) -> dict[str, object]:
        joined = {}
        tensors = self.joined.setdefault((id(arm.test), id(arm.frame), arm.loops), {})
        for name in {**first, **second}:
            a, b = first.get(name, second.get(name)), second.get(name, first.get(name))
            value = joined[name] = a if a is b else self._phi(a, b, arm.test, arm)
            if isinstance(value, Tensor) and a is not b:
                value.variable = name
                tensors[name] = value
        return joined

    def _phi(self, a: object, b: object, node: cst.CSTNode, arm: Arm | None = None) -> object:
        if is_plain(a) and is_plain(b) and type(a) is type(b) and a == b:
            return a
        if isinstance(a, Tensor) and isinstance(b, Tensor):
            reason = "which layers are applied depends on a condition that only the running program knows"
            made = Phi(reason, self.source.span(node), (a, b) if arm else (), arm)
            return Tensor(join_shapes(a.shape, b.shape), made, dtype=a.dtype, mask=a.mask or b.mask)
        if isinstance(a, Batch) and isinstance(b, Batch):
            return a.joined(b)
        return ModelChoice.of(a, b) or UNKNOWN

    def either(self, values: Sequence[object], node: cst.CSTNode) -> object:
        """What is known of a value that is one of these."""
        return reduce(lambda a, b: self._phi(a, b, node), values)

    def _settle(self, before: dict[str, object], frame: Frame, node: cst.CSTNode) -> None:
        """After passes that stand for any number of them: what they changed is known in part."""
        for name, old in before.items():
            new = frame.names.get(name)
            if isinstance(old, Tensor) and isinstance(new, Tensor):
                if new is not old:
                    new.leave_loop(old)
            elif new is not old:
                frame.names[name] = self._phi(old, new, node)

    def _forget(self, body: cst.CSTNode, frame: Frame) -> None:
        """What a long loop of plain Python leaves behind: nothing known of what it touches."""
        collector = self._assigned.get(id(body))
        if collector is None:
            collector = self._assigned[id(body)] = Assigned()
            body.visit(collector)
        for name in collector.names:
            if is_plain(frame.names.get(name, UNKNOWN)):
                frame.names[name] = UNKNOWN
        for name, value in frame.names.items():
            if name in collector.read and isinstance(value, list | dict | set):
                frame.names[name] = UNKNOWN


class Assigned(cst.CSTVisitor):
    """The names that a piece of code assigns, those it calls `.add(...)` of, and all that it mentions."""

    @classmethod
    def of(cls, code: cst.CSTNode) -> Assigned:
        """What a piece of code assigns and mentions."""
        collector = cls()
        code.visit(collector)
        return collector

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.added_to: set[str] = set()
        self.read: set[str] = set()

    def visit_Call(self, node: cst.Call) -> None:
        match node.func:
            case cst.Attribute(value=cst.Name(value=name), attr=cst.Name(value="add")):
                self.added_to.add(name)

    def visit_Name(self, node: cst.Name) -> None:
        self.read.add(node.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        if isinstance(node.target, cst.Name):
            self.names.add(node.target.value)
            return False  # it is bound there, not read
        if isinstance(node.target, cst.Tuple | cst.List):
            self.names |= {e.value.value for e in node.target.elements if isinstance(e.value, cst.Name)}
        return True

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        if isinstance(node.target, cst.Name):
            self.names.add(node.target.value)


def carried_names(body: cst.BaseSuite) -> set[str]:
    """The names that the body of a loop reads before it binds them: what one pass hands to the next."""
    carried: set[str] = set()
    bound: set[str] = set()
    for statement in body.body:
        found = Assigned.of(statement)
        carried |= found.read - bound
        if isinstance(statement, cst.SimpleStatementLine):
            bound |= found.names
    return carried
