"""Tensors that a script trains or takes gradients of by name: `w = torch.randn(2, 1, requires_grad=True)`."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds

_PARAMETERS = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")
# Methods that change the tensor that they are called on.
IN_PLACE = frozenset("sub_ add_ mul_ div_ copy_ clamp_ zero_ fill_".split())


@dataclass(eq=False)
class Leaf:
    """One definition. `value`: the expression that makes it; None where `x.requires_grad = True` switches a tensor."""

    name: str
    scope: ast.AST
    statement: ast.stmt
    value: ast.expr | None


class Leaves:
    """Answers for one file."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.references = kinds.references
        self.defined: dict[tuple[int, str], list[tuple[int, Leaf | None]]] = {}  # by scope and name; None: other values
        for (scope, name), entries in kinds.assigned.items():
            for end, value, at in entries:
                if not isinstance(value, ast.AugAssign):
                    leaf = self._made(name, value, at)
                    self.defined.setdefault((scope, name), []).append((end, leaf))
        for node in ast.walk(self.references.tree):
            self._switched(node)
        wanted = self._wanted()
        for key, found in self.defined.items():
            if key not in wanted:
                self.defined[key] = [(end, None) for end, _ in found]
            found.sort(key=lambda f: f[0])
        self.all = [leaf for found in self.defined.values() for _, leaf in found if leaf]
        self.values = {id(leaf.value): leaf for leaf in self.all if leaf.value is not None}
        self.switches = {id(leaf.statement) for leaf in self.all if leaf.value is None}

    def _made(self, name: str, value: ast.AST, at: ast.AST) -> Leaf | None:
        if not isinstance(value, ast.expr) or not isinstance(at, ast.Assign) or not self._requires(value):
            return None
        return Leaf(name, self.kinds.function_of(at), at, value)

    def _requires(self, value: ast.expr) -> bool:
        """Whether a call makes a tensor that wants gradients."""
        match value:
            case ast.Call(func=ast.Attribute(value=inner, attr="to" | "cuda" | "cpu"), args=args, keywords=[]):
                given = [self.kinds.of(a).name for a in args]
                return not self.kinds.path(value.func) and "dtype" not in given and self._requires(inner)
            case ast.Call(func=ast.Attribute(value=inner, attr="requires_grad_"), args=args):
                return (
                    not self.kinds.path(value.func)
                    and self.kinds.of(inner).name in ("tensor", "unknown")
                    and (not args or (isinstance(args[0], ast.Constant) and args[0].value is True))
                )
            case ast.Call(keywords=keywords):
                path = self.kinds.path(value.func)
                flags = [
                    k.value.value for k in keywords if k.arg == "requires_grad" and isinstance(k.value, ast.Constant)
                ]
                return flags == [True] if path not in _PARAMETERS else flags != [False]
        return False

    def _switched(self, node: ast.AST) -> None:
        """`x.requires_grad = True`, `x.requires_grad_()` as a statement."""
        match node:
            case ast.Assign(
                targets=[ast.Attribute(value=ast.Name() as name, attr="requires_grad")], value=ast.Constant(value=True)
            ):
                pass
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name() as name, attr="requires_grad_"), args=[])
                | ast.Call(
                    func=ast.Attribute(value=ast.Name() as name, attr="requires_grad_"), args=[ast.Constant(value=True)]
                )
            ):
                pass
            case _:
                return
        if self.kinds.of(name).name in ("tensor", "unknown"):
            scope = self.kinds.function_of(node)
            leaf = Leaf(name.id, scope, node, None)
            self.defined.setdefault((id(scope), name.id), []).append((self.references.end(node), leaf))

    def _wanted(self) -> set[tuple[int, str]]:
        """The variables whose gradients are read, or that an optimizer gets."""
        found: set[tuple[int, str]] = set()
        for node in ast.walk(self.references.tree):
            match node:
                case ast.Attribute(value=ast.Name() as name, attr="grad"):
                    found.add(self._key(name))
                case ast.Call(args=[ast.List(elts=parts), *_]) if self.kinds.of(node).name == "optimizer":
                    found |= {self._key(p) for p in parts if isinstance(p, ast.Name)}
        return found

    def _key(self, name: ast.Name) -> tuple[int, str]:
        """The scope that a name is a variable of, and the name."""
        scope: ast.AST = self.kinds.function_of(name)
        while not isinstance(scope, ast.Module) and not self._has(scope, name.id):
            scope = self.kinds.function_of(scope)
        return id(scope), name.id

    def _has(self, scope: ast.AST, name: str) -> bool:
        if (id(scope), name) in self.defined:
            return True
        if not isinstance(scope, FUNCTION | ast.Lambda):
            return False
        arguments = scope.args
        return name in [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]

    def leaf(self, node: ast.AST) -> Leaf | None:
        """The definition that a name stands for; None for anything else."""
        if not isinstance(node, ast.Name):
            return None
        key = self._key(node)
        found = self.defined.get(key, [])
        if key[0] != id(self.kinds.function_of(node)):
            return next((leaf for _, leaf in found if leaf), None)
        before = [leaf for end, leaf in found if end <= self.references.start(node)]
        return before[-1] if before else None

    def of_data(self, node: ast.AST) -> ast.Name | None:
        """The name in `w` or `w.data` that stands for such a tensor."""
        inner = node.value if isinstance(node, ast.Attribute) and node.attr == "data" else node
        return inner if isinstance(inner, ast.Name) and self.leaf(inner) else None

    def is_changed(self, leaf: Leaf) -> bool:
        """Whether the script changes the tensor's values, itself or by an optimizer."""
        for node in ast.walk(self.references.tree):
            match node:
                case ast.Assign(targets=[ast.Attribute(attr="data") as target]):
                    changed: list[ast.AST] = [target]
                case ast.AugAssign(target=target):
                    changed = [target]
                case ast.Call(func=ast.Attribute(value=target, attr=attr)) if attr in IN_PLACE:
                    changed = [target]
                case ast.Call(args=[ast.List(elts=parts), *_]) if self.kinds.of(node).name == "optimizer":
                    changed = list(parts)
                case _:
                    continue
            for part in changed:
                name = self.of_data(part)
                if name is not None and self._key(name) == (id(leaf.scope), leaf.name):
                    return True
        return False
