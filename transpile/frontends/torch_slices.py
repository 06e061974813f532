"""What a loss depends on: the statements through which gradients flow back to some weights."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_leaves import Leaves
from transpile.scopes import blocks

# Through these no gradient flows.
CUT_METHODS = ("detach", "item", "numpy", "tolist", "size", "argmax", "long", "int", "bool", "eq", "ne", "gt", "lt")
CUT_ATTRIBUTES = ("data", "shape", "grad")


class Slices:
    """Answers for one file."""

    def __init__(self, kinds: Kinds, leaves: Leaves) -> None:
        self.kinds = kinds
        self.leaves = leaves
        self.references = kinds.references
        self._flows: dict[tuple[int, tuple[str, ...]], bool] = {}
        self._given: dict[str, int] = {}  # variables of the loops around a backward pass, and where those start

    def reaches(self, backward: ast.stmt, loss: ast.expr, models: list[str]) -> bool:
        """Whether a loss depends on weights of these models (of any, where none is named)."""
        return bool(self.differentiable(backward, loss, models))

    def differentiable(self, backward: ast.stmt, loss: ast.expr, models: list[str]) -> set[ast.stmt]:
        """The statements before a backward pass through which its gradients flow."""
        assignments = self._earlier(backward)
        around = reversed(list(self.references.around(backward)))
        self._given = {n: self.references.start(a) for a in around for n in _iterated(a)}
        found: set[ast.stmt] = set()
        known = {m.partition(".")[0] for m in models}
        pending = [(n, self.references.start(backward)) for n in self._names(loss) - known]
        if self._uses(loss, models):
            found.add(backward)
        seen: set[tuple[str, int]] = set()
        while pending:
            name, limit = pending.pop()
            for statement, value in self._definitions(assignments, name, limit):
                key = (name, self.references.start(statement))
                if key in seen:
                    continue
                seen.add(key)
                inner = {(n, self.references.start(statement)) for n in self._names(value) - known}
                found.add(statement)
                pending += [p for p in inner if p not in pending]
        return self._flowing(found, loss, models)

    def _flowing(self, found: set[ast.stmt], loss: ast.expr, models: list[str]) -> set[ast.stmt]:
        """Without the statements before the first use of the weights."""
        starts = sorted(found, key=self.references.start)
        for i, statement in enumerate(starts):
            value = _assigned(statement)[1]
            if self._uses(loss if value is None else value, models):
                return set(starts[i:])
        return set()

    def _earlier(self, backward: ast.stmt) -> list[tuple[ast.stmt, list[str], ast.AST]]:
        """The assignments of the function before a statement: (statement, names, value)."""
        function = self.kinds.function_of(backward)
        limit = self.references.start(backward)
        found: list[tuple[ast.stmt, list[str], ast.AST]] = []
        for node in ast.walk(function):
            if not isinstance(node, ast.stmt) or self.references.start(node) >= limit:
                continue
            if self.kinds.function_of(node) is not function:
                continue
            names, value = _assigned(node)
            if names and value is not None and not self._is_around(node, limit):
                found.append((node, names, value))
        return sorted(found, key=lambda f: self.references.start(f[0]))

    def _is_around(self, node: ast.stmt, offset: int) -> bool:
        """Whether a loop holds the backward pass: what it iterates over is data."""
        return isinstance(node, ast.For) and self.references.end(node) > offset

    def _definitions(
        self, assignments: list[tuple[ast.stmt, list[str], ast.AST]], name: str, limit: int
    ) -> list[tuple[ast.stmt, ast.AST]]:
        """What a name may hold at a place: back to the last plain assignment in a block around it."""
        found = []
        for statement, names, value in reversed(assignments):
            start = self.references.start(statement)
            if name not in names or start >= limit or start < self._given.get(name, 0):
                continue
            found.append((statement, value))
            if not isinstance(statement, ast.AugAssign | ast.Expr) and self._dominates(statement, limit):
                break
        return found

    def _dominates(self, statement: ast.stmt, offset: int) -> bool:
        parent = self.references.parents[statement]
        if isinstance(parent, ast.Module | FUNCTION):
            return True
        for block in blocks(parent):
            if statement in block:
                return self.references.start(statement) < offset <= self.references.end(block[-1])
        return False

    def _names(self, value: ast.AST) -> set[str]:
        """The variables through which gradients may flow into an expression."""
        found: set[str] = set()
        todo: list[ast.AST] = [value]
        while todo:
            node = todo.pop()
            match node:
                case ast.Call(func=ast.Attribute(attr=attr)) if attr in CUT_METHODS:
                    continue
                case ast.Attribute(attr=attr) if attr in CUT_ATTRIBUTES:
                    continue
                case ast.Compare():
                    continue
                case ast.Name(id=name) if self.kinds.of(node).name not in ("model", "loss", "function", "optimizer"):
                    found.add(name)
            todo += ast.iter_child_nodes(node)
        return found

    def _uses(self, value: ast.AST, models: list[str]) -> bool:
        """Whether an expression computes with the weights of one of the models."""
        for node in ast.walk(value):
            if isinstance(node, ast.Call):
                if self._calls_model(node, models):
                    return True
            elif self._is_leaf(node, models):
                return True
        return False

    def _is_leaf(self, node: ast.AST, names: list[str]) -> bool:
        """Whether a node is one of the tensors by name that want gradients."""
        return isinstance(node, ast.Name) and node.id in names and self.leaves.leaf(node) is not None

    def _calls_model(self, call: ast.Call, models: list[str]) -> bool:
        text = self.kinds.code(call.func)
        if models and any(text == m or text.startswith(m + ".") for m in models):
            method = text.rpartition(".")[2]
            return method not in ("train", "eval", "zero_grad", "to", "state_dict")
        kind = self.kinds.of(call.func)
        if kind.name == "model" and any(m.startswith(text + ".") for m in models):
            return True  # what holds the part that is trained
        if not models and kind.name == "model":
            return True
        if kind.name == "function" and isinstance(kind.node, FUNCTION):
            return self._function_uses(call, kind.node, models)
        return False

    def _function_uses(self, call: ast.Call, function: FUNCTION, models: list[str]) -> bool:
        """Whether a function of the user's computes with the weights, given by argument or not."""
        key = (id(function), tuple(models))
        if key in self._flows:
            return self._flows[key]
        self._flows[key] = False
        handed = any(self.kinds.of(a).name == "model" and self.kinds.code(a) in models for a in call.args)
        inside = any(self._calls_model(n, models) for n in ast.walk(function) if isinstance(n, ast.Call))
        inside = inside or any(self._is_leaf(n, models) for n in ast.walk(function))
        if not models:
            inside = inside or any(self.kinds.of(a).name == "model" for a in call.args)
        self._flows[key] = handed or inside
        return self._flows[key]


def _iterated(node: ast.AST) -> list[str]:
    """The variables that a loop sets."""
    return [n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)] if isinstance(node, ast.For) else []


def _assigned(node: ast.stmt) -> tuple[list[str], ast.AST | None]:
    """The names that a statement sets and what it sets them to."""
    match node:
        case ast.Assign(targets=targets, value=value):
            return [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)], value
        case ast.AugAssign(target=ast.Name(id=name), value=value):
            return [name], value
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            return [name], value
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append" | "extend")) as call):
            return [name], call
        case ast.For(target=target, iter=iterated):
            return [n.id for n in ast.walk(target) if isinstance(n, ast.Name)], iterated
    return [], None
