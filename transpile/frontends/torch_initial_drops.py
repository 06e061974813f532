"""Statements about initial values that go, and the functions and methods that held nothing else."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from transpile.frontends.torch_program import ClassInfo, FunctionInfo
from transpile.references import References


@dataclass
class Initial:
    """What was found: initialisers by the call that makes the module, statements that go, problems."""

    by_call: dict[int, dict[str, str]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    instead: dict[int, str] = field(default_factory=dict)  # what is written for a statement that goes
    statements: list[ast.stmt] = field(default_factory=list)
    problems: list[tuple[ast.AST, str]] = field(default_factory=list)

    def drop(self, statement: ast.stmt) -> None:
        self.gone.add(id(statement))
        self.statements.append(statement)


@dataclass(frozen=True)
class Drops:
    """Finds what is empty once the statements are gone."""

    references: References
    found: Initial

    def functions(self, used: Sequence[FunctionInfo]) -> None:
        """A function that only `.apply` used goes."""
        for function in used:
            node = function.node
            assert isinstance(node, ast.FunctionDef)
            uses = [
                n
                for n in ast.walk(self.references.tree)
                if (isinstance(n, ast.Name) and n.id == node.name and isinstance(n.ctx, ast.Load))
                or (isinstance(n, ast.Attribute) and n.attr == node.name and function.owner is not None)
            ]
            if all(any(id(a) in self.found.gone for a in self.references.around(n)) for n in uses):
                self.found.drop(node)

    def methods(self, info: ClassInfo) -> None:
        """A method that only set initial values goes, with its calls in the class."""
        for name, method in info.methods.items():
            node = method.node
            if name == "__init__" or not isinstance(node, ast.FunctionDef) or not self.is_empty(node.body):
                continue
            uses = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Attribute) and n.attr == name]
            calls = [self.call_statement(n, info) for n in uses]
            if calls and all(c is not None for c in calls):
                self.found.drop(node)
                for call in calls:
                    assert call is not None
                    self.found.drop(call)

    def is_empty(self, body: Sequence[ast.stmt]) -> bool:
        """Whether nothing is left but values for statements that went; something did go."""
        went = [s for outer in body for s in ast.walk(outer) if id(s) in self.found.gone]
        return bool(went) and all(self.leaves_nothing(s) for s in body)

    def leaves_nothing(self, node: ast.stmt) -> bool:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Assign(targets=targets) if all(isinstance(t, ast.Name) for t in targets):
                return True
            case ast.If(body=body, orelse=orelse):
                return all(self.leaves_nothing(s) for s in (*body, *orelse))
        return id(node) in self.found.gone

    def call_statement(self, use: ast.Attribute, info: ClassInfo) -> ast.stmt | None:
        """The statement `self.reset_parameters()` of the class."""
        call = self.references.parents.get(use)
        statement = self.references.parents.get(call) if isinstance(call, ast.Call) and call.func is use else None
        own = ast.unparse(use.value) == "self" and info.node in list(self.references.around(use))
        return statement if own and isinstance(statement, ast.Expr) else None
