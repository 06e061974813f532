"""Removes the definitions of what became part of the written loop: optimizers, callbacks, losses."""

from __future__ import annotations

import libcst as cst

from transpile.frontends.sites import Sites, assigned, assignments
from transpile.interpret.values import Instance, KerasObject
from transpile.ir import Expr, Span
from transpile.source import Source
from transpile.splice import Output


class Cleanup:
    """Collects variables whose only readers are calls that were converted."""

    def __init__(self, sites: Sites, source: Source, output: Output) -> None:
        self.sites, self.source, self.output = sites, source, output
        self._spans: list[Span] = []
        self._statements: list[cst.SimpleStatementLine] = []
        self._functions: list[cst.FunctionDef] = []
        self._removed: set[int] = set()

    def consumed(self, span: Span) -> None:
        """A piece of the source that is not there any more."""
        self._spans.append(span)

    def claim(self, given: Expr, call: cst.Call) -> bool:
        """Notes the variables behind an argument. True if it is a variable that goes away."""
        values = given.value if isinstance(given.value, list | tuple) else [given.value]
        claimed = False
        for value in values:
            self._note(value, call)
        if given.text.isidentifier():
            statement = self._assignment(given.text, call)
            if statement is not None:
                if statement not in self._statements:
                    self._statements.append(statement)
                claimed = self._only_read_in(given.text, statement, call)
        return claimed

    def _note(self, value: object, call: cst.Call) -> None:
        """The statement that makes an object, and those that make its arguments."""
        if isinstance(value, Instance):  # the user's object stays; a function that made it may go
            self._note_maker(value.made, call)
            return
        if not isinstance(value, KerasObject):
            return
        self._note_maker(value, call)
        statement = self._definition(value.call)
        if statement is not None and statement not in self._statements:
            self._statements.append(statement)
        for expr in (*value.args, *value.kwargs.values()):
            if not getattr(expr.value, "path", "").startswith("user."):  # a schedule of the user's is still called
                self._note(expr.value, call)

    def _note_maker(self, value: KerasObject | None, call: cst.Call) -> None:
        """A function that the file calls to make something that went into the written code."""
        function = value.frame.function.node if value is not None and value.frame.function is not None else None
        if not isinstance(function, cst.FunctionDef) or function in (*self._functions, *self.sites.above(call)):
            return
        if self._named(function):
            self._functions.append(function)

    def _named(self, function: cst.FunctionDef) -> list[cst.Name]:
        reader = _Reads(function.name.value)
        self.source.tree.visit(reader)
        return [n for n in reader.found if n is not function.name]

    def _definition(self, call: cst.Call) -> cst.SimpleStatementLine | None:
        statement = self.sites.statement(call)
        return statement if statement is not None and assigned(statement) else None

    def _assignment(self, name: str, call: cst.Call) -> cst.SimpleStatementLine | None:
        """The one statement `name = ...` that the call sees."""
        scope = self.sites.function(call)
        found = [s for s in assignments(name, self.source) if self.sites.function(s) in (scope, None)]
        own = [s for s in found if self.sites.function(s) is scope] or found
        return own[0] if len(own) == 1 else None

    def _only_read_in(self, name: str, statement: cst.SimpleStatementLine, call: cst.Call) -> bool:
        span = self.source.span(call)
        return all(_inside(self.source.span(n), [span]) for n in self._reads(name, statement))

    def _reads(self, name: str, statement: cst.SimpleStatementLine) -> list[cst.Name]:
        reader = _Reads(name)
        scope = self.sites.function(statement)
        (scope if scope is not None else self.source.tree).visit(reader)
        own = self.source.span(statement)
        return [n for n in reader.found if not _inside(self.source.span(n), [own])]

    def remove(self, statement: cst.SimpleStatementLine) -> None:
        """Takes a statement out, with its line."""
        if id(statement) in self._removed:
            return
        self._removed.add(id(statement))
        span = self.sites.whole(statement)
        block = self.sites.parents.get(statement)
        if isinstance(block, cst.IndentedBlock) and sum(id(s) not in self._removed for s in block.body) == 0:
            self.output.edit(span, "pass")
            return
        start, end = self.source.line_start(span.start), self.source.line_end(span.end - 1)
        self.output.edit(self.source.span_of(start, end), "")

    def delete(self) -> None:
        """Removes every noted definition that nothing reads any more."""
        pending = list(self._statements)
        changed = True
        while changed:
            changed = False
            for statement in list(pending):
                outside = self._outside(self._reads(assigned(statement), statement))
                changes = [self._change(n) for n in outside]
                if all(c is not None for c in changes):
                    pending.remove(statement)
                    for gone in (statement, *dict.fromkeys(c for c in changes if c is not None)):
                        self._take(gone)
                    changed = True
        for function in self._functions:
            if not self._outside(self._named(function)):
                span = self.source.span(function)
                start, end = self.source.line_start(span.start), self.source.line_end(span.end - 1)
                self.output.edit(self.source.span_of(start, end), "")

    def _outside(self, reads: list[cst.Name]) -> list[cst.Name]:
        """The reads that are still there."""
        return [n for n in reads if not _inside(self.source.span(n), self._spans)]

    def _take(self, statement: cst.SimpleStatementLine) -> None:
        span = self.source.span(statement)
        self._spans.append(span)
        if not any(_inside(span, [c]) for c in self.output.claimed):
            self.remove(statement)

    def _change(self, name: cst.Name) -> cst.SimpleStatementLine | None:
        """The statement, where all it does is to add to the list of that name."""
        statement = self.sites.statement(name)
        if statement is None or len(statement.body) != 1:
            return None
        match statement.body[0]:
            case cst.AugAssign(target=target) if target is name:
                return statement
            case cst.Expr(value=cst.Call(func=cst.Attribute(value=value, attr=attr))) if value is name:
                return statement if attr.value in ("append", "extend", "insert") else None
        return None


def _inside(span: Span, spans: list[Span]) -> bool:
    return any(s.start <= span.start and span.end <= s.end for s in spans)


class _Reads(cst.CSTVisitor):
    """Where a name is read; names of attributes and arguments don't count."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[cst.Name] = []

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return not isinstance(node.target, cst.Name)  # it is given another value

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value == self.name:
            self.found.append(node)
