"""Where statements stand: in which block, inside which compound statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from transpile.interpret.values import Frame


@dataclass(frozen=True)
class Place:
    """A statement's block (the list it stands in), its position, and its enclosing statement."""

    block: int
    index: int
    parent: cst.CSTNode | None


class Blocks:
    """Every statement of a file and its place."""

    def __init__(self, tree: cst.Module) -> None:
        self.places: dict[cst.CSTNode, Place] = {}
        self.bodies: dict[int, Sequence[cst.CSTNode]] = {}
        self._bound: dict[cst.CSTNode, set[str]] = {}
        self._visit(tree.body, None)

    def _visit(self, body: Sequence[cst.CSTNode], parent: cst.CSTNode | None) -> None:
        key = len(self.bodies)
        self.bodies[key] = body
        for i, statement in enumerate(body):
            self.places[statement] = Place(key, i, parent)
            for inner in sub_bodies(statement):
                self._visit(inner, statement)

    def ancestor_in(self, statement: cst.CSTNode, block: int) -> cst.CSTNode | None:
        """The statement of `block` that is, or encloses, a statement; None if none does."""
        current: cst.CSTNode | None = statement
        while current is not None and current in self.places:
            if self.places[current].block == block:
                return current
            current = self.places[current].parent
        return None

    def scope(self, statement: cst.CSTNode) -> cst.CSTNode | None:
        """The function around a statement; None at module level."""
        return next((s for s in self.around(statement) if isinstance(s, cst.FunctionDef)), None)

    def around(self, statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The statements that enclose a statement, innermost first."""
        current = self.places[statement].parent
        while current is not None:
            yield current
            current = self.places[current].parent

    def binds(self, scope: cst.CSTNode | None, name: str) -> bool:
        """Whether a function has a name as a parameter or a variable of its own."""
        if not isinstance(scope, cst.FunctionDef):
            return False
        if scope not in self._bound:
            params = scope.params
            every = [*params.posonly_params, *params.params, *params.kwonly_params]
            names = {p.name.value for p in every}
            self._bound[scope] = names | names_in(scope.body)[1]
        return name in self._bound[scope]


def sub_bodies(statement: cst.CSTNode) -> Iterator[Sequence[cst.CSTNode]]:
    """The blocks of a compound statement."""
    body = getattr(statement, "body", None)
    if isinstance(body, cst.IndentedBlock):
        yield body.body
    for name in ("orelse", "finalbody"):
        part = getattr(statement, name, None)
        if isinstance(part, cst.If):
            yield (part,)
        elif part is not None:
            yield from sub_bodies(part)
    for handler in getattr(statement, "handlers", ()):
        yield from sub_bodies(handler)


def simple_statements(statement: cst.CSTNode) -> Iterator[cst.SimpleStatementLine]:
    """The simple statements inside a statement (itself, if it is one)."""
    if isinstance(statement, cst.SimpleStatementLine):
        yield statement
    for body in sub_bodies(statement):
        for inner in body:
            yield from simple_statements(inner)


def home_statement(statement: cst.CSTNode | None, frame: Frame | None, home: Frame) -> cst.CSTNode | None:
    """The statement of `home` during which something happened in `frame`, called from it."""
    while frame is not None and frame is not home:
        if frame.site is not None:
            statement, frame = frame.site, frame.caller
        else:  # a comprehension runs in the statement around it
            frame = frame.parent
    return statement if frame is home else None


class _Names(cst.CSTVisitor):
    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self.stored: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:
        self.loaded.add(node.value)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return self._store(node.target)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        self._store(node.target)
        if node.value is not None:
            node.value.visit(self)
        return False

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        if isinstance(node.target, cst.Name):
            self.stored.add(node.target.value)

    def visit_For(self, node: cst.For) -> bool:
        self._store(node.target)
        for part in (node.iter, node.body, node.orelse):
            if part is not None:
                part.visit(self)
        return False

    def visit_AsName(self, node: cst.AsName) -> bool:
        return self._store(node.name)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> bool:
        self._store(node.target)
        node.value.visit(self)
        return False

    def _store(self, target: cst.BaseExpression) -> bool:
        """Takes in a target: the names it binds, and those that `x[i]` and `x.y` read."""
        if isinstance(target, cst.Name):
            self.stored.add(target.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._store(element.value)
        else:
            target.visit(self)
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        params = node.params
        every = [*params.posonly_params, *params.params, *params.kwonly_params]
        own = {p.name.value for p in every}
        own |= {p.name.value for p in (params.star_arg, params.star_kwarg) if isinstance(p, cst.Param)}
        for param in every:
            if param.default is not None:
                param.default.visit(self)
        self.loaded |= names_in(node.body)[0] - own
        return False

    def visit_ListComp(self, node: cst.ListComp) -> bool:
        return self._comprehension(node.for_in, [node.elt])

    def visit_SetComp(self, node: cst.SetComp) -> bool:
        return self._comprehension(node.for_in, [node.elt])

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        return self._comprehension(node.for_in, [node.elt])

    def visit_DictComp(self, node: cst.DictComp) -> bool:
        return self._comprehension(node.for_in, [node.key, node.value])

    def _comprehension(self, clause: cst.CompFor, parts: list[cst.BaseExpression]) -> bool:
        inner = _Names()
        rest: cst.CompFor | None = clause
        while rest is not None:
            inner._store(rest.target)
            rest.iter.visit(inner)
            for condition in rest.ifs:
                condition.visit(inner)
            rest = rest.inner_for_in
        for part in parts:
            part.visit(inner)
        self.loaded |= inner.loaded - inner.stored
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False


def names_in(node: cst.CSTNode) -> tuple[set[str], set[str]]:
    """The names that code reads, and those it binds; the variables of lambdas and comprehensions are their own."""
    visitor = _Names()
    node.visit(visitor)
    return visitor.loaded, visitor.stored
