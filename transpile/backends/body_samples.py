"""`weight = next(self.parameters())`: one of the weights, asked for its dtype and device only."""

from __future__ import annotations

import ast

from transpile.backends.body_patterns import Patterns
from transpile.ops._functions import Left, Operand
from transpile.torch_values import Plain, Sample

_NEW = {"new": "zeros", "new_zeros": "zeros", "new_empty": "zeros", "new_ones": "ones", "new_full": "full"}


class Samples(Patterns):
    """Adds a weight that stands for all."""

    def sample(self, node: ast.Call) -> Operand | None:
        """`next(self.parameters())`; None for any other call."""
        match node:
            case ast.Call(
                func=ast.Name(id="next"),
                args=[ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr="parameters"), args=[])],
            ) if self.owner is not None:
                return Operand("self", Sample())
        return None

    def sample_attribute(self, name: str) -> Operand:
        match name:
            case "data":
                return Operand("self", Sample())
            case "device":
                return Operand("None", Plain(None))
            case "is_cuda":
                return Operand("False", Plain(False))
            case "dtype":
                return Operand("self.compute_dtype", Plain())
        raise Left(f"the attribute {name} of a parameter")

    def sample_method(self, name: str, args: list[Operand]) -> Operand:
        """`weight.new_zeros(2, size)`."""
        if name in ("detach", "cpu", "cuda", "clone"):
            return Operand("self", Sample())
        if name not in _NEW:
            raise Left(f"the method {name} of a parameter")
        if name == "new_full":
            *size, value = args
            found = self.function("torch.full", "", [*size, value], {})
        else:
            found = self.function(f"torch.{_NEW[name]}", "", args, {})
        return self.made(found.text.removesuffix(")") + ", dtype=self.compute_dtype)", found.value)
