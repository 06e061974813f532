"""Reads model-building code into IR that keeps its helpers, loops and branches.

The body of a function is walked once, statement by statement, beside everything that the
interpreter recorded while it ran: each call of the function and each pass of a loop is a
Run. What all runs have in common becomes the class; where they differ, the user's own text says
how. Code that does not fit raises Unstructured, and the model is flattened instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from transpile.frontends.blocks import names_in, simple_statements
from transpile.frontends.scope import Record, Run, Unstructured, target_names, value_of
from transpile.frontends.structure_branches import BranchReader
from transpile.interpret.values import Tensor, UserCall
from transpile.ir import Node, Plain, Statement


class Walker(BranchReader):
    """Walks one body."""

    def walk(self, body: Sequence[cst.CSTNode], runs: list[Run]) -> list[Statement]:
        """The statements of a block, executed by all of `runs`."""
        result: list[Statement] = []
        for i, statement in enumerate(body):
            match statement:
                case cst.SimpleStatementLine():
                    if i == 0 and self._docstring(statement):
                        continue
                    result += self._simple(statement, runs)
                case cst.If():
                    result += self._if(statement, runs)
                case cst.For():
                    result += self._for(statement, runs)
                case cst.FunctionDef() | cst.ClassDef():
                    continue
                case _:
                    if self.touches(statement, runs):
                        raise Unstructured("a statement around the layers")
        return result

    def _docstring(self, statement: cst.SimpleStatementLine) -> bool:
        small = statement.body[0]
        if isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString):
            value = small.value.evaluated_value
            self.docstring = value.strip() if isinstance(value, str) and "\n" not in value.strip() else ""
            return True
        return False

    def touches(self, statement: cst.CSTNode, runs: list[Run]) -> bool:
        inner = list(simple_statements(statement))
        return any(self.recorded.happens(s, r) for s in inner for r in runs) or any(
            names_in(s)[0] & self.state.shapes.keys() for s in inner
        )

    def _simple(self, statement: cst.SimpleStatementLine, runs: list[Run]) -> list[Statement]:
        per_run = [self.recorded.at(statement, run) for run in runs]
        if not any(per_run):
            return self._pure(statement, runs)
        count = len(per_run[0])
        if any(len(records) != count for records in per_run):
            raise Unstructured("a statement does not do the same each time")
        targets = target_names(statement)
        returning = isinstance(statement.body[0], cst.Return)
        if self.sequential:
            return self._added(statement, per_run, runs)
        if targets is None or (not targets and not returning):
            raise Unstructured("a result is not kept in a plain name")
        nodes: list[Statement] = []
        self._mentioned = names_in(statement)[0]
        for k in range(count):
            group = [records[k] for records in per_run]
            last = k == count - 1
            names = self._outputs(statement, group, per_run, k, targets, last)
            nodes += self._node(group, runs, names)
        self._check_last(statement, per_run[0][-1])
        if returning:
            self.returned = self._named(nodes)
        return nodes

    def _added(
        self, statement: cst.SimpleStatementLine, per_run: list[list[Record]], runs: list[Run]
    ) -> list[Statement]:
        """`model.add(layer)`: the next link of the chain."""
        nodes: list[Statement] = []
        for k in range(len(per_run[0])):
            nodes += self._node([records[k] for records in per_run], runs, ["x"])
        return nodes

    @staticmethod
    def _named(nodes: list[Statement]) -> list[str]:
        last = nodes[-1]
        assert isinstance(last, Node)
        return list(last.outputs)

    def _check_last(self, statement: cst.SimpleStatementLine, record: Record) -> None:
        """The statement's value must be what its last record returns."""
        value = value_of(statement)
        if isinstance(statement.body[0], cst.AugAssign):
            return
        node = record.call if isinstance(record, UserCall) else None
        if value is None or (node is not value and self.source.span(value) != getattr(record, "span", None)):
            raise Unstructured("a value is more than the layer's own result")

    def _outputs(
        self, statement: cst.SimpleStatementLine, group: list[Record], per_run: list[list[Record]], k: int,
        targets: list[str], last: bool,
    ) -> list[str]:  # fmt: skip
        count = len(self._results(group[0]))
        if last and len(targets) == count:
            return targets
        if count != 1:
            if last and not targets:
                return [f"x{i}" for i in range(count)]
            raise Unstructured("several results under one name")
        hint = targets[0] if len(targets) == 1 else "x"
        later = [t for r in per_run[0][k + 1 :] for t in self._inputs(r)]
        busy = {id(t) for t in later} - {id(t) for t in self._results(group[0])}
        run_env = self._first_env
        name, number = hint, 0
        while (name in run_env and id(run_env[name]) in busy) or (name != hint and name in self.state.shapes):
            number += 1
            name = f"{hint}_{number}"
        if last and not targets and name in run_env:
            return [name]
        return [name]

    @property
    def _first_env(self) -> dict[str, Tensor]:
        return self._runs[0].env if self._runs else {}

    def _pure(self, statement: cst.SimpleStatementLine, runs: list[Run]) -> list[Statement]:
        small = statement.body[0]
        loaded, _ = names_in(statement)
        tensors = loaded & self.state.shapes.keys()
        if isinstance(small, cst.Return):
            return self._return(small)
        if not tensors:
            return self._plain(statement, runs)
        outside = self.stays(runs)
        targets = target_names(statement)
        value = value_of(statement)
        if targets and len(targets) == 1 and isinstance(value, cst.Name):
            name = value.value
            self.state.shapes[targets[0]] = self.state.shapes[name]
            for run in runs:
                run.alias(targets[0], name)
            return [Plain(f"{targets[0]} = {name}", "forward")]
        if outside:
            return []  # it stays: whether it can is checked for the whole file
        raise Unstructured("a statement reads a tensor")

    def _plain(self, statement: cst.SimpleStatementLine, runs: list[Run]) -> list[Statement]:
        targets = target_names(statement)
        if self.stays(runs):
            return []  # stays where it is, before the construction
        if targets is None:
            raise Unstructured("an assignment to something else than a name")
        if not targets:
            return [Plain(self.source.code(statement), "init")]
        kept = self._kept_channels(set(targets))
        self.state.local |= set(targets)
        for name in targets:
            self.state.shapes.pop(name, None)
        return [*kept, Plain(self.source.code(statement), "init")]

    def _return(self, small: cst.Return) -> list[Statement]:
        match small.value:
            case cst.Name(value=name):
                self.returned = [name]
            case cst.Tuple(elements=elements) if all(isinstance(e.value, cst.Name) for e in elements):
                self.returned = [e.value.value for e in elements if isinstance(e.value, cst.Name)]
            case _:
                raise Unstructured("what the helper returns")
        return []
