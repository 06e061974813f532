"""Where things stand in the file: parents, statements, scopes, free names."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from transpile.ir import Span
from transpile.source import Source


class Sites:
    """The tree seen from below, and the names that its scopes bind."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self._link(source.tree)
        self._bound: dict[cst.CSTNode | None, set[str]] = {}
        self._taken: dict[cst.CSTNode | None, set[str]] = {}

    def _link(self, root: cst.CSTNode) -> None:
        stack = [root]
        while stack:
            node = stack.pop()
            for child in node.children:
                self.parents[child] = node
                stack.append(child)

    def above(self, node: cst.CSTNode) -> Iterable[cst.CSTNode]:
        """The nodes around a node, innermost first."""
        parent = self.parents.get(node)
        while parent is not None:
            yield parent
            parent = self.parents.get(parent)

    def exclude(self, one: cst.CSTNode, other: cst.CSTNode) -> bool:
        """Whether only one of the two runs: they are in two branches of an `if` that is in no loop."""
        path = [other, *self.above(other)]
        below: cst.CSTNode = one
        for node in self.above(one):
            if node in path:
                arms = {below, path[path.index(node) - 1]}
                looped = any(isinstance(n, cst.For | cst.While) for n in self.above(node))
                return isinstance(node, cst.If) and node.test not in arms and len(arms) == 2 and not looped
            below = node
        return False

    def function(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """The function that a node stands in."""
        return next((n for n in self.above(node) if isinstance(n, cst.FunctionDef)), None)

    def owner(self, node: cst.CSTNode) -> cst.ClassDef | None:
        """The class that a node stands in."""
        return next((n for n in self.above(node) if isinstance(n, cst.ClassDef)), None)

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | None:
        """The line that a node stands in; None in a header, a lambda or a one-line block."""
        for parent in self.above(node):
            if isinstance(parent, cst.Lambda | cst.CompFor | cst.ListComp | cst.GeneratorExp | cst.DictComp):
                return None
            if isinstance(parent, cst.SimpleStatementLine):
                return parent
            if isinstance(parent, cst.BaseCompoundStatement | cst.SimpleStatementSuite):
                return None
        return None

    def top(self, node: cst.CSTNode) -> int:
        """The byte at which the top-level statement around a node begins."""
        whole = [node, *self.above(node)]
        statement = whole[-2] if len(whole) > 1 else node
        start = self.source.span(statement).start
        if isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.decorators:
            start = min(start, self.source.span(statement.decorators[0]).start)
        return self.source.line_start(start)

    def indent(self, node: cst.CSTNode) -> int:
        """The column of a statement."""
        span = self.source.span(node)
        return span.start - self.source.line_start(span.start)

    def quoted(self, node: cst.CSTNode, text: str) -> str:
        """A text for the place of a node; inside an f-string it must not use the same quotes."""
        string = next((n for n in self.above(node) if isinstance(n, cst.FormattedString)), None)
        return text.replace('"', "'") if string is not None and string.start.endswith('"') else text

    def loops(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """The loops around a node, within its function."""
        found: list[cst.CSTNode] = []
        for parent in self.above(node):
            if isinstance(parent, cst.FunctionDef | cst.ClassDef):
                break
            if isinstance(parent, cst.For | cst.While):
                found.append(parent)
        return found

    def whole(self, statement: cst.SimpleStatementLine) -> Span:
        """A statement with the comment behind it."""
        span = self.source.span(statement)
        comment = statement.trailing_whitespace.comment
        return span if comment is None else self.source.span_of(span.start, self.source.span(comment).end)

    def comments(self, span: Span) -> list[str]:
        """The user's comments inside a span."""
        return [c.text for c in self.source.comments if span.start <= c.start < span.end]

    # Names

    def bound(self, scope: cst.FunctionDef | None) -> set[str]:
        """The names that a function (or the module: None) binds."""
        if scope not in self._bound:
            collector = _Bindings()
            if scope is None:
                self.source.tree.visit(collector)
                collector.names |= set(self.source.imports.names)
            else:
                for param in (*scope.params.params, *scope.params.kwonly_params, *scope.params.posonly_params):
                    collector.names.add(param.name.value)
                scope.body.visit(collector)
            self._bound[scope] = collector.names
        return self._bound[scope]

    def everywhere(self) -> set[str]:
        """Every name that the file binds, in whatever scope."""
        collector = _Bindings(deep=True)
        self.source.tree.visit(collector)
        return collector.names | set(self.source.imports.names)

    def taken(self, scope: cst.FunctionDef | None) -> set[str]:
        """The names that new variables in a scope must not have."""
        if scope not in self._taken:
            reader = _Reads()
            (scope if scope is not None else self.source.tree).visit(reader)
            self._taken[scope] = self.bound(scope) | (reader.names if scope is not None else set())
        return self._taken[scope]


class _Bindings(cst.CSTVisitor):
    """Names bound in one scope; with `deep`, in the scopes inside too."""

    def __init__(self, deep: bool = False) -> None:
        self.names: set[str] = set()
        self.deep = deep

    def _target(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.Name):
            self.names.add(node.value)
        elif isinstance(node, cst.Tuple | cst.List):
            for element in node.elements:
                self._target(element.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
        self._target(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._target(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._target(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._target(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._target(node.name)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._target(node.target)

    def visit_Param(self, node: cst.Param) -> None:
        if self.deep:
            self.names.add(node.name.value)

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.names.add(node.name.value)
        return self.deep

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        self.names.add(node.name.value)
        return self.deep

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return self.deep

    def visit_CompFor(self, node: cst.CompFor) -> bool:
        return self.deep


class _Reads(cst.CSTVisitor):
    """Names that code reads (and more: attribute and argument names too)."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        self.names.add(node.value)


def assigned(statement: cst.SimpleStatementLine) -> str:
    """The variable of `name = value`, "" for anything else."""
    if len(statement.body) != 1 or not isinstance(statement.body[0], cst.Assign):
        return ""
    targets = statement.body[0].targets
    if len(targets) != 1 or not isinstance(targets[0].target, cst.Name):
        return ""
    return targets[0].target.value


def assignments(name: str, source: Source) -> list[cst.SimpleStatementLine]:
    """The statements `name = value` of the file."""
    finder = _Assignments(name)
    source.tree.visit(finder)
    return finder.found


class _Assignments(cst.CSTVisitor):
    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[cst.SimpleStatementLine] = []

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        if assigned(node) == self.name:
            self.found.append(node)
