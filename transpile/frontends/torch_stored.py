"""Tensors kept in lists and changed where they are, such as the moments of an optimizer written by hand."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_leaves import IN_PLACE


class Stored:
    """`made` are the expressions that make such tensors; `unclear`, changes of tensors that are not seen to be made."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.made: set[int] = set()
        self.unclear: list[ast.stmt] = []
        self._loops: set[tuple[int, str]] = set()
        for loop in ast.walk(kinds.references.tree):
            if isinstance(loop, ast.For):
                self._read(loop)

    def holds(self, node: ast.AST) -> bool:
        """Whether a name is the variable of a loop over such tensors."""
        if not isinstance(node, ast.Name) or not self._loops:
            return False
        return any((id(a), node.id) in self._loops for a in self.kinds.references.around(node))

    def _read(self, loop: ast.For) -> None:
        pairs: list[tuple[ast.expr, ast.expr]] = []
        match loop.target, loop.iter:
            case ast.Tuple(elts=targets), ast.Call(func=ast.Name(id="zip"), args=given) if len(targets) == len(given):
                pairs = list(zip(targets, given))
            case ast.Name() as target, ast.Name() as over:
                pairs = [(target, over)]
            case _:
                return
        weights = any(self.kinds.of(g).name == "parameters" for _, g in pairs)
        for variable, held in pairs:
            changes = self._changes(loop, variable.id) if isinstance(variable, ast.Name) else []
            if not changes or self.kinds.of(held).name == "parameters":
                continue
            assert isinstance(variable, ast.Name)
            made = self._made(held)
            if made:
                self.made |= {id(m) for m in made}
                self._loops.add((id(loop), variable.id))
            elif weights:
                self.unclear += changes

    def _changes(self, loop: ast.For, name: str) -> list[ast.stmt]:
        """The statements of a loop that change what its variable holds."""
        found: list[ast.stmt] = []
        for node in ast.walk(loop):
            match node:
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=used), slice=ast.Slice(None, None, None))]):
                    pass
                case ast.AugAssign(target=ast.Name(id=used)):
                    pass
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=used), attr=attr))) if (
                    attr in IN_PLACE
                ):
                    pass
                case _:
                    continue
            if used == name:
                found.append(node)
        return found

    def _made(self, given: ast.expr) -> list[ast.expr]:
        """The calls that make the tensors of a list; [] where it holds anything else."""
        if not isinstance(given, ast.Name):
            return []
        function = self.kinds.function_of(given)
        if isinstance(function, FUNCTION) and (id(function), given.id) not in self.kinds.assigned:
            found: list[ast.expr] = []
            for call in self.kinds.calls_of(function):
                handed = argument(call, function, given.id)
                parts = self._made(handed) if handed is not None else []
                if not parts:
                    return []
                found += parts
            return found
        return self._values(function, given.id)

    def _values(self, scope: ast.AST, name: str) -> list[ast.expr]:
        found: list[ast.expr] = []
        for _, value, _ in self.kinds.assigned.get((id(scope), name), []):
            match value:
                case ast.List(elts=elts):
                    found += elts
                case ast.ListComp(elt=elt):
                    found.append(elt)
                case _:
                    return []
        for call in self.kinds.objects.method_calls.get("append", []):
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=used) as holder), args=[value]) if used == name:
                    if self.kinds.function_of(holder) is scope:
                        found.append(value)
        tensors = [v for v in found if isinstance(v, ast.Call) and self.kinds.path(v.func).startswith("torch.")]
        return found if len(tensors) == len(found) else []
