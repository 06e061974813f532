"""Conditions around layers: those that every call decides by itself, and those that only the program knows."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from transpile.frontends.blocks import names_in
from transpile.frontends.portable import free_names, is_set_later, only_asks, scope_of
from transpile.frontends.scope import Run, Unstructured
from transpile.frontends.structure_loops import LoopReader
from transpile.interpret.values import Phi, Tensor
from transpile.ir import FREE, Branch, Expr, Plain, Shape, Statement


class BranchReader(LoopReader):
    """Reads `if` statements."""

    def _if(self, statement: cst.If, runs: list[Run]) -> list[Statement]:
        outcomes = [self.recorded.outcome(statement, run) for run in runs]
        if not self.touches(statement, runs) and self.stays(runs):
            return []
        orelse = _else_body(statement)
        if any(o is None for o in outcomes):
            if any(o is not None for o in outcomes):
                raise Unstructured("a condition that is known from time to time")
            return self._either(statement, runs, orelse)
        arms = [[r for r, taken in zip(runs, outcomes) if taken is want] for want in (True, False)]
        names = free_names(self.source.code(statement.test)) or set()
        ours = bool(names & (self.params | self.state.local))
        if not ours or (orelse and not arms[1]) or not arms[0]:
            if arms[0] and arms[1]:
                raise Unstructured("a condition on something else than a parameter")
            body = statement.body.body if arms[0] else orelse
            return self.walk(body, runs)
        return [self._branch(statement, arms, orelse)]

    def _branch(self, statement: cst.If, arms: list[list[Run]], orelse: Sequence[cst.CSTNode]) -> Branch:
        """A condition that the runs decide: each goes one of the ways."""
        body, other, first, second = self._ways(statement, arms, orelse)
        for name in first.keys() | second.keys():
            a, b = first.get(name), second.get(name)
            self.state.shapes[name] = _joined(a, b) if name in first and name in second else (a or b)
        return Branch(self.source.code(statement.test), tuple(body), tuple(other))

    def _ways(
        self, statement: cst.If, arms: list[list[Run]], orelse: Sequence[cst.CSTNode]
    ) -> tuple[list[Statement], list[Statement], Shapes, Shapes]:
        """Both arms of a condition, and the shapes that each leaves."""
        before, returned = dict(self.state.shapes), list(self.returned)
        if names_in(statement.test)[0] & before.keys():
            raise Unstructured("a condition on a tensor")
        computed = names_in(statement.test)[0] & self.state.local
        if computed and not any(run.loops for arm in arms for run in arm):
            raise Unstructured("a condition on what the constructor computes: `forward` would read something else")
        body = self.walk(statement.body.body, arms[0])
        first, self.state.shapes = self.state.shapes, dict(before)
        other = self.walk(orelse, arms[1]) if orelse and arms[1] else []
        second, self.state.shapes = self.state.shapes, {}
        if self.returned != returned:
            raise Unstructured("a return inside a branch")
        return body, other, first, second

    def _either(self, statement: cst.If, runs: list[Run], orelse: Sequence[cst.CSTNode]) -> list[Statement]:
        """A condition that only the running program knows: each run goes both ways."""
        self._check_test(statement, runs)
        taken, other = [r.copy() for r in runs], [r.copy() for r in runs]
        self.arms += 1
        arms = self._ways(statement, [taken, other], orelse)
        self.arms -= 1
        for run, first, second in zip(runs, taken, other):
            _meet(run, first, second, self.recorded.joined(statement, run))
        return self._with_widths(self.source.code(statement.test), *arms)

    def _check_test(self, statement: cst.If, runs: list[Run]) -> None:
        """The condition must mean the same, and change nothing, where the class is constructed."""
        test = self.source.code(statement.test)
        if not only_asks(test) or is_set_later(test, self.source, self.source.span(statement).start):
            raise Unstructured("a condition that does something")
        for run in runs:
            begun = self.recorded.begun(statement, run)
            for name in free_names(test) or set():
                scope = scope_of(name, run.frame)
                if scope is None or name in self.state.local:
                    continue  # of the class itself, an import or a builtin
                if begun is None or any(t > begun for t in scope.bound.get(name, ())):
                    raise Unstructured("a condition on what changes later")

    def _with_widths(
        self, test: str, body: list[Statement], other: list[Statement], first: Shapes, second: Shapes
    ) -> list[Statement]:
        """The branch; where its arms leave another number of channels, a variable has it."""
        widths: dict[tuple[str, str], str] = {}
        for name in [*first, *(n for n in second if n not in first)]:
            a, b = first.get(name), second.get(name)
            if name not in first or name not in second:
                self.state.shapes[name] = a or b
                continue
            shape = self.state.shapes[name] = _joined(a, b)
            if not a or not b or shape is None or a[-1].text == b[-1].text or not a[-1].text or not b[-1].text:
                continue
            pair = (a[-1].text, b[-1].text)
            if pair not in widths:
                widths[pair] = self._fresh(f"{name}_{'features' if len(shape) == 2 else 'channels'}")
            self.state.shapes[name] = (*shape[:-1], Expr(widths[pair]))
        body += [Plain(f"{variable} = {pair[0]}", "init") for pair, variable in widths.items()]
        other += [Plain(f"{variable} = {pair[1]}", "init") for pair, variable in widths.items()]
        return [Branch(test, tuple(body), tuple(other))]


Shapes = dict[str, Shape | None]


def _meet(run: Run, first: Run, second: Run, joined: dict[str, Tensor]) -> None:
    """What a run's names hold behind a condition whose two ways left `first` and `second`."""
    for name, tensor in joined.items():
        choices = tensor.source.choices if isinstance(tensor.source, Phi) else ()
        if len(choices) != 2 or not first.holds(name, choices[0]) or not second.holds(name, choices[1]):
            raise Unstructured("a tensor that the two ways of a condition do not leave")
    if first.aliases != second.aliases:
        raise Unstructured("an alias that one way of a condition makes")
    run.aliases = first.aliases
    for name, tensor in [*(first.assumed or {}).items(), *(second.assumed or {}).items()]:
        if run.assumed is None or run.assumed.setdefault(name, tensor) is not tensor:
            raise Unstructured("a tensor of the pass before that the two ways of a condition take differently")
    env = {n: t for n, t in first.env.items() if second.env.get(n, t) is t and n not in joined}
    env |= {n: t for n, t in second.env.items() if n not in first.env and n not in joined}
    run.env = env | joined


def _joined(a: Shape | None, b: Shape | None) -> Shape | None:
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else (Expr(x.text) if x.text == y.text else FREE) for x, y in zip(a, b))


def _else_body(statement: cst.If) -> Sequence[cst.CSTNode]:
    if statement.orelse is None:
        return ()
    if isinstance(statement.orelse, cst.If):
        return (statement.orelse,)
    return statement.orelse.body.body
