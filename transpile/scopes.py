"""Scopes: what binds a name, and where names are read."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from transpile.names import canonical


@dataclass(eq=False)
class Binding:
    """A name that stands for something of a library: by an import, or by `K = keras.backend`."""

    name: str
    path: str
    statement: ast.stmt
    kind: Literal["import", "from", "star", "assign"]
    alias: ast.alias | None = None
    value: ast.expr | None = None
    scope: Scope | None = None


@dataclass(eq=False)
class Scope:
    """A scope, and what is bound in it: (offset, binding), None for an ordinary variable."""

    kind: Literal["module", "function", "class", "comprehension"]
    parent: Scope | None = None
    names: dict[str, list[tuple[int, Binding | None]]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal


def chain(node: ast.expr) -> tuple[ast.Name | None, list[str]]:
    """`a.b.c` as its first name and the attributes after it."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return (node, attributes) if isinstance(node, ast.Name) else (None, [])


def blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """The blocks of statements directly below a node."""
    found: list[list[ast.stmt]] = []
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            found.append(block)
    for part in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        found.append(part.body)
    return found


class Collector(ast.NodeVisitor):
    """Collects the bindings, the reads and the scopes of a tree. `start` and `end` give bytes."""

    def __init__(self, start: Callable[[ast.AST], int], end: Callable[[ast.AST], int]) -> None:
        self.start = start
        self.end = end
        self.bindings: list[Binding] = []
        self.reads: list[tuple[ast.Name, Scope]] = []
        self.module = Scope("module")
        self.scope = self.module

    def bind(self, name: str, offset: int, binding: Binding | None = None) -> None:
        self.scope.names.setdefault(name, []).append((offset, binding))
        if binding is not None:
            binding.scope = self.scope
            self.bindings.append(binding)

    def visit_Import(self, node: ast.Import) -> None:
        at = self.end(node)
        for alias in node.names:
            root = alias.name.split(".")[0]
            name = alias.asname or root
            path = canonical(alias.name if alias.asname else root)
            self.bind(name, at, Binding(name, path, node, "import", alias))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        at = self.end(node)
        for alias in node.names:
            module = "." * node.level + (node.module or "")
            if alias.name == "*":
                star = Binding("*", canonical(module), node, "star", alias, scope=self.scope)
                self.bindings.append(star)
                continue
            name = alias.asname or alias.name
            path = canonical(f"{module}.{alias.name}")
            self.bind(name, at, Binding(name, path, node, "from", alias))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.reads.append((node, self.scope))
        else:
            self.bind(node.id, self.start(node))

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        target = node.targets[0]
        at = self.end(node)
        root, _ = chain(node.value)
        if len(node.targets) == 1 and isinstance(target, ast.Name) and root is not None:
            self.bind(target.id, at, Binding(target.id, "", node, "assign", value=node.value))
            return
        if isinstance(node.value, ast.Constant) and node.value.value is None:
            return  # `keras = None` where the import failed
        self._targets(node.targets, at)

    def _targets(self, targets: list[ast.expr], at: int) -> None:
        for target in targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
                    self.bind(part.id, at)
                elif isinstance(part, ast.Name):
                    self.reads.append((part, self.scope))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self._targets([node.target], self.end(node))

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._targets([node.target], self.end(node.iter))
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    visit_AsyncFor = visit_For

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, self.start(node))
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bind(node.name, self.start(node))
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bind(node.name, self.start(node))

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> None:
        self.scope.outer.update(node.names)

    visit_Nonlocal = visit_Global

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.bind(node.name, self.start(node))
        for decorator in node.decorator_list:
            self.visit(decorator)
        if node.returns is not None:
            self.visit(node.returns)
        self._function(node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node.args, [node.body])

    def _function(self, args: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> None:
        every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        every += [a for a in (args.vararg, args.kwarg) if a is not None]
        for default in [*args.defaults, *args.kw_defaults, *(a.annotation for a in every)]:
            if default is not None:
                self.visit(default)
        outer, self.scope = self.scope, Scope("function", self.scope)
        for arg in every:
            self.bind(arg.arg, self.start(arg))
        for statement in body:
            self.visit(statement)
        self.scope = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bind(node.name, self.start(node))
        for part in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(part)
        outer, self.scope = self.scope, Scope("class", self.scope)
        for statement in node.body:
            self.visit(statement)
        self.scope = outer

    def _comprehension(self, node: ast.AST) -> None:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        self.visit(generators[0].iter)
        outer, self.scope = self.scope, Scope("comprehension", self.scope)
        for i, generator in enumerate(generators):
            if i:
                self.visit(generator.iter)
            self._targets([generator.target], 0)
            for test in generator.ifs:
                self.visit(test)
        for name in ("key", "value", "elt"):
            if hasattr(node, name):
                self.visit(getattr(node, name))
        self.scope = outer

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension
