"""Statements: assignments, branches, loops, definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import libcst as cst
from libcst import matchers

from transpile.interpret.expressions import is_plain, truth
from transpile.interpret.name_table import Names, target_names
from transpile.interpret.record import OutOfSteps
from transpile.interpret.uncertainty import Assigned, carried_names
from transpile.interpret.untaken import follow, untaken
from transpile.interpret.values import (
    Arm,
    Counter,
    Frame,
    Function,
    Instance,
    Layer,
    ModelValue,
    Ref,
    Stream,
    Tensor,
    UserClass,
)  # fmt: skip
from transpile.ir import UNKNOWN

LONG_LOOP = 64
_RANGE = matchers.Call(func=matchers.Name("range"))


class Returned(Exception):
    """A function returns."""

    def __init__(self, value: object) -> None:
        self.value = value


class Raised(Returned):
    """A function, or the program, ends by an error, unless it is caught."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN)


class Broken(Exception):
    """A loop is left."""


class Continued(Exception):
    """A pass of a loop ends."""


class Statements(Names):
    """Executes statements."""

    def execute_all(self, body: Iterable[cst.BaseStatement | cst.BaseSmallStatement], frame: Frame) -> None:
        for statement in body:
            if frame is not self.module or self.depth:
                self.execute(statement, frame)
                continue
            self.rest()
            try:
                self.execute(statement, frame)
            except OutOfSteps:
                if self.exhausted:
                    raise
                self._forget(statement, frame)  # a long computation of the user's own

    def execute(self, node: cst.CSTNode, frame: Frame) -> None:
        self.step()
        method = getattr(self, "_" + type(node).__name__, None)
        if method is not None:
            method(node, frame)

    def _SimpleStatementLine(self, node: cst.SimpleStatementLine, frame: Frame) -> None:
        outer, self.statement = self.statement, node
        try:
            self.execute_all(node.body, frame)
        finally:
            self.statement = outer

    def _IndentedBlock(self, node: cst.IndentedBlock, frame: Frame) -> None:
        self.execute_all(node.body, frame)

    _SimpleStatementSuite = _IndentedBlock

    def _Expr(self, node: cst.Expr, frame: Frame) -> None:
        self.expressions.evaluate(node.value, frame)

    def _Assert(self, node: cst.Assert, frame: Frame) -> None:
        for part in (node.test, node.msg):
            if part is not None:
                self.expressions.evaluate(part, frame)

    def _Assign(self, node: cst.Assign, frame: Frame) -> None:
        value = self.expressions.evaluate(node.value, frame)
        if self.statement is not None:
            self.assigned.setdefault(id(self.statement), []).append(value)
        for target in node.targets:
            self.assign(target.target, value, frame)

    def _AnnAssign(self, node: cst.AnnAssign, frame: Frame) -> None:
        if node.value is not None:
            self.assign(node.target, self.expressions.evaluate(node.value, frame), frame)

    def _AugAssign(self, node: cst.AugAssign, frame: Frame) -> None:
        binary = {"AddAssign": cst.Add, "SubtractAssign": cst.Subtract, "MultiplyAssign": cst.Multiply,
                  "DivideAssign": cst.Divide, "FloorDivideAssign": cst.FloorDivide}  # fmt: skip
        operation = binary.get(type(node.operator).__name__)
        right = self.expressions.evaluate(node.value, frame)
        left = self.expressions.evaluate(node.target, frame)
        value = self.calls.augmented(node, operation, left, right, frame)
        self.assign(node.target, value, frame)

    def _Return(self, node: cst.Return, frame: Frame) -> None:
        value = self.expressions.evaluate(node.value, frame) if node.value else None
        raise Returned(value)

    def _Raise(self, node: cst.Raise, frame: Frame) -> None:
        raise Raised

    def _Break(self, node: cst.Break, frame: Frame) -> None:
        raise Broken

    def _Continue(self, node: cst.Continue, frame: Frame) -> None:
        raise Continued

    def _FunctionDef(self, node: cst.FunctionDef, frame: Frame) -> None:
        function = Function(node, frame, self.defaults(node.params, frame))
        self.functions.append(function)
        frame.set(node.name.value, function, self.next_order())

    def _ClassDef(self, node: cst.ClassDef, frame: Frame) -> None:
        bases = tuple(self.expressions.evaluate(b.value, frame) for b in node.bases)
        cls = UserClass(node, frame, bases)
        inner = Frame(parent=frame)
        self.execute(node.body, inner)
        for value in inner.names.values():
            if isinstance(value, Function) and value in self.functions:
                self.functions.remove(value)
        cls.attributes = inner.names
        self.classes.append(cls)
        frame.set(node.name.value, cls, self.next_order())

    def _If(self, node: cst.If, frame: Frame) -> None:
        known = truth(self.expressions.evaluate(node.test, frame))
        if known is False and self._is_switch(node, frame):
            known = None
        self.outcomes[id(node), id(frame), self.loops] = known
        if known is None:
            self._both(node.body, node.orelse, node, frame)
            return
        taken, other = (node.body, node.orelse) if known else (node.orelse, node.body)
        before = None if other is None or self.loops else dict(frame.names)
        try:
            if taken is not None:
                self.execute(taken, frame)
        finally:
            for branch in untaken(other):
                follow(self, branch, frame, before)

    def _is_switch(self, node: cst.If, frame: Frame) -> bool:
        """`more = False`, and `if more: h = layer(h)`: what a constant switches off stays in the model."""
        if node.orelse is not None or frame is not self.module or self.loops:
            return False
        carried = carried_names(node.body) & Assigned.of(node.body).names
        return any(isinstance(frame.names.get(name), Tensor) for name in carried)

    def _Else(self, node: cst.Else, frame: Frame) -> None:
        self.execute(node.body, frame)

    def _both(self, body: cst.CSTNode, orelse: cst.CSTNode | None, node: cst.If, frame: Frame) -> None:
        """Runs both branches of a test that is not known, and joins what they leave."""
        before = dict(frame.names)
        ended: list[bool] = []
        results = []
        outer, begun = self.arms, self.next_order()
        for branch in (body, orelse):
            frame.names = dict(before)
            arm = Arm(node, branch is body, frame, self.loops, begun, outer)
            self.arms = (*outer, arm)
            with self.uncertainly(frame):
                ended.append(self.guarded(branch, frame))
            results.append(frame.names)
        self.arms = outer
        alive = [names for names, end in zip(results, ended) if not end] or results[-1:]
        frame.names = alive[0] if len(alive) == 1 else self._join(alive[0], alive[1], arm)

    def guarded(self, branch: cst.CSTNode | None, frame: Frame) -> bool:
        """Runs a branch; True if it left the function or the loop."""
        if branch is None:
            return False
        try:
            self.execute(branch, frame)
        except Returned as result:
            frame.returned.append(result.value)
            return True
        except (Broken, Continued):
            return True
        return False

    def _For(self, node: cst.For, frame: Frame) -> None:
        iterated = self.expressions.evaluate(node.iter, frame)
        items = self.iterate(iterated)
        if items is not None:
            self._all_passes(node, items, frame)
        elif self._builds(node, frame):
            self._suppose(node, frame)
        else:
            self._once(node, frame, iterated.element if isinstance(iterated, Stream) else UNKNOWN)

    def _suppose(self, node: cst.For, frame: Frame) -> None:
        """Two passes of a loop around layers, which stand for the number that only the program knows.

        What such a loop builds can be converted only where the loop is kept.
        """
        before = dict(frame.names)
        self.supposed.add(id(node))
        with self.uncertainly(frame, doubt=0):
            self._all_passes(node, self._first_and_later(node, frame), frame)
        self._settle(before, frame, node)

    def _first_and_later(self, node: cst.For, frame: Frame) -> list[object]:
        """What is known of the items in the first pass, and in any later one: `if i == 0` is decided."""
        first, later = self._counter(node.iter, frame)
        match node.target:
            case cst.Name() if first is not None and matchers.matches(node.iter, _RANGE):
                return [first, later]
            case cst.Tuple(elements=[cst.Element(value=cst.Name()), _]) if first is not None and not matchers.matches(
                node.iter, _RANGE
            ):
                return [(first, UNKNOWN), (later, UNKNOWN)]
        return [UNKNOWN, UNKNOWN]

    def _counter(self, iterable: cst.BaseExpression, frame: Frame) -> tuple[int | None, Counter | None]:
        """The first number that `range(n)` or `enumerate(items)` gives, and the others."""
        match iterable:
            case cst.Call(func=cst.Name(value="range" | "enumerate" as name), args=[*args]) if len(args) in (
                1,
                2,
            ) and not any(a.star or a.keyword for a in args):
                given = args[0 if name == "range" else -1]
                start = 0 if len(args) == 1 else self.expressions.evaluate(given.value, frame)
                if isinstance(self.lookup(name, frame), Ref) and isinstance(start, int):
                    return start, Counter(start + 1)
        return None, None

    @staticmethod
    def _builds(node: cst.For, frame: Frame) -> bool:
        """Whether a loop carries a model's tensor from pass to pass, or adds to a Sequential of before."""
        changed = Assigned.of(node.body)
        carried = carried_names(node.body)
        values = {name: frame.names.get(name) for name in carried}
        return any(isinstance(values[n], Tensor) for n in changed.names & carried) or any(
            isinstance(model := values[n], ModelValue) and model.style == "sequential"
            for n in changed.added_to & carried
        )

    def _all_passes(self, node: cst.For, items: Sequence[object], frame: Frame) -> None:
        self.passes[id(node), id(frame), self.loops] = len(items)
        frame.loop_names |= target_names(node.target)
        begun = self.steps
        for count, item in enumerate(items):
            made, built = self._made(), self._built()
            # The header is no statement of its own: it must not count as that of the caller.
            outer, self.statement = self.statement, None
            self.assign(node.target, item, frame)
            self.statement = outer
            if id(node) in self.supposed and count:
                self._forget_carried(node.body, frame)
            if self._pass(node, count, frame):
                return
            long = len(items) > LONG_LOOP and not isinstance(items[-1], Layer)  # what a pretrained network has
            idle = count == 0 and long and self._made() == made
            if idle or (self._built() == built and self.spent(begun)):
                self._forget(node.body, frame)
                return

    def _forget_carried(self, body: cst.BaseSuite, frame: Frame) -> None:
        """Before the pass that stands for all later ones: the number that a pass hands to the next is not known."""
        for name in carried_names(body) & Assigned.of(body).names:
            if is_plain(frame.names.get(name, UNKNOWN)):
                frame.names[name] = UNKNOWN

    def _pass(self, node: cst.For, count: int, frame: Frame) -> bool:
        """One pass of a loop; True if it breaks off."""
        outer, self.loops = self.loops, (*self.loops, (node, count))
        try:
            self.execute(node.body, frame)
        except Broken:
            return True
        except Continued:
            pass
        finally:
            self.loops = outer
        return False

    def _once(self, node: cst.For | cst.While, frame: Frame, item: object = UNKNOWN) -> None:
        """One pass of a loop of which the number of passes is not known."""
        before = dict(frame.names)
        if isinstance(node, cst.For):
            self.assign(node.target, item, frame)
        with self.uncertainly(frame):
            self.guarded(node.body, frame)
        for name, old in before.items():
            new = frame.names.get(name)
            if new is not old:
                frame.names[name] = self._phi(old, new, node)

    def _While(self, node: cst.While, frame: Frame) -> None:
        for _ in range(LONG_LOOP):
            known = truth(self.expressions.evaluate(node.test, frame))
            if known is False:
                return
            if known is None or isinstance(node.test, cst.Name | cst.Integer):
                break
            if self.guarded(node.body, frame):
                return
        self._once(node, frame)

    def _With(self, node: cst.With, frame: Frame) -> None:
        for item in node.items:
            value = self.expressions.evaluate(item.item, frame)
            if item.asname is not None:
                target = item.asname.name
                self.assign(target, value if isinstance(value, Instance) else UNKNOWN, frame)
        self.execute(node.body, frame)

    def _Try(self, node: cst.Try, frame: Frame) -> None:
        try:
            self.execute(node.body, frame)
        except Raised:
            if not node.handlers:
                raise
        for part in (node.orelse, node.finalbody):
            if part is not None:
                self.execute(part.body, frame)

    def defaults(self, params: cst.Parameters, frame: Frame) -> dict[str, object]:
        """The values of a function's defaults."""
        every = (*params.posonly_params, *params.params, *params.kwonly_params)
        return {p.name.value: self.expressions.evaluate(p.default, frame) for p in every if p.default}
