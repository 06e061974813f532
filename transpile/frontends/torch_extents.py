"""How many samples a loader has, where the text of the program says it."""

from __future__ import annotations

import ast

from transpile.frontends.torch_kinds import Kinds

_SIZED = ("rand", "randn", "zeros", "ones", "random", "empty", "normal", "standard_normal", "uniform", "integers")


class Extents:
    """Answers for one file."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds

    def divides(self, loader: ast.Call, literally: bool = False) -> bool:
        """Whether every batch is as large as the others (or the last one is dropped)."""
        given: dict[str | None, ast.expr] = {k.arg: k.value for k in loader.keywords}
        given |= dict(zip(("dataset", "batch_size", "shuffle"), loader.args))
        last = given.get("drop_last")
        if not literally and isinstance(last, ast.Constant) and last.value is True:
            return True
        dataset = self.kinds.of(given["dataset"]).node if "dataset" in given else None
        if not isinstance(dataset, ast.Call) or not dataset.args:
            return False
        count, batch = self.first(dataset.args[0]), self.number(given.get("batch_size"))
        return count is not None and batch is not None and batch > 0 and count % batch == 0

    def first(self, array: ast.AST | None) -> int | None:
        """The first extent of an array."""
        match array:
            case ast.Name():
                return self.first(self._value(array))
            case ast.Call(func=ast.Attribute(value=value, attr="float" | "long" | "astype" | "to" | "double")):
                return self.first(value)
            case ast.Call(func=func, args=[inner, *_]) if self.kinds.path(func) in (
                "torch.from_numpy",
                "torch.tensor",
                "torch.as_tensor",
            ):
                return self.first(inner)
            case ast.Call(func=ast.Attribute(attr=attr), args=args, keywords=keywords):
                return self._made(attr, args, keywords)
            case ast.BinOp(left=left, right=right):
                return self.first(left) or self.first(right)
        return None

    def _made(self, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> int | None:
        size = next((k.value for k in keywords if k.arg == "size"), None)
        if size is None and name in ("randint", "normal", "uniform", "integers"):
            size = args[2] if len(args) > 2 else args[1] if len(args) == 2 and name == "randint" else None
        elif size is None and name in _SIZED and args:
            size = args[0]
        elif size is None and name == "linspace" and len(args) == 3:
            size = args[2]
        if isinstance(size, ast.Tuple | ast.List) and size.elts:
            return self.number(size.elts[0])
        return self.number(size)

    def number(self, node: ast.AST | None) -> int | None:
        """A whole number that the text gives; None where it does not."""
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.Name():
                return self.number(self._value(node))
            case ast.BinOp(left=left, right=right, op=ast.Mult()):
                a, b = self.number(left), self.number(right)
                return None if a is None or b is None else a * b
        return None

    def _value(self, name: ast.Name) -> ast.AST | None:
        """What a variable that is set once is set to."""
        scope = self.kinds.function_of(name)
        while True:
            entries = self.kinds.assigned.get((id(scope), name.id), [])
            if entries:
                return entries[0][1] if len(entries) == 1 and isinstance(entries[0][1], ast.expr) else None
            if isinstance(scope, ast.Module):
                return None
            scope = self.kinds.function_of(scope)
