"""Calls of Python's own functions in a PyTorch body: loops over several, attributes by name."""

from __future__ import annotations

import ast

from transpile.backends.body_samples import Samples
from transpile.ops._functions import Left, Operand
from transpile.torch_values import UNKNOWN_VALUE, Items, Many, Plain, Value, each_of, join


class Names(Samples):
    """Adds zip, enumerate, getattr and setattr."""

    def call_text(self, node: ast.Call, func: str, args: list[Operand], kwargs: dict[str, Operand]) -> str:
        """The user's text with operands in PyTorch's layout."""
        parts: list[tuple[ast.AST, str]] = [(a, self.laid(o, False)) for a, o in zip(node.args, args)]
        parts += [
            (k.value, self.laid(kwargs[k.arg or "**"], False)) for k in node.keywords if (k.arg or "**") in kwargs
        ]
        written = {k.arg for k in node.keywords}
        more = ", ".join(f"{n}={o.text}" for n, o in kwargs.items() if n not in written and n != "**")
        parts += [(k, more) for k in node.keywords if k.arg is None and "**" not in kwargs]
        return self.rebuilt(node, [(node.func, func), *parts])

    def iteration(self, name: str, node: ast.Call) -> Operand:
        found = [self.iterated(a) for a in node.args]
        text = self.rebuilt(node, [(a, o.text) for a, o in zip(node.args, found)])
        if name == "range":
            return Operand(text, Many(Plain()))
        if name == "zip":
            return Operand(text, Many(Items(tuple(each_of(o.value) for o in found))))
        if name == "enumerate" and found:
            return Operand(text, Many(Items((Plain(), each_of(found[0].value)))))
        return Operand(text, Many(UNKNOWN_VALUE))

    def looked_up(self, node: ast.Call) -> Operand:
        """`getattr(self, f"layer{i}")`: any of the object's modules."""
        args, _ = self.arguments(node)
        base = node.args[0]
        text = self.call_text(node, "getattr", args, {})
        if isinstance(base, ast.Name) and base.id == "self" and self.owner is not None:
            return Operand(text, self.attributes_called(node.args[1], args[1]))
        if id(base) in self.program.paths:
            raise Left(f"getattr({self.source(base)}, ...)", "T2K104")
        return Operand(text, UNKNOWN_VALUE)

    def attributes_called(self, node: ast.expr, name: Operand) -> Value:
        """What the object's attributes of a name that may be put together are."""
        assert self.owner is not None
        if isinstance(name.const, str):
            return self.owner.attribute(name.const) or UNKNOWN_VALUE
        prefix = _prefix(node)
        value: Value | None = None
        for info in self.owner.lineage():
            for key, attribute in info.attributes.items():
                if key.startswith(prefix) or key == f"{prefix}*":
                    value = join(value, attribute)
        return value or UNKNOWN_VALUE

    def by_special_name(self, name: str, node: ast.Call) -> Operand | None:
        """`self.__getattr__(name)`, which only nn.Module has, and `self.__setattr__(name, module)`."""
        if name in ("__getattr__", "__getattribute__") and len(node.args) == 1:
            found = self.expr(node.args[0])
            return Operand(f"getattr(self, {found.text})", self.attributes_called(node.args[0], found))
        if name == "__setattr__" and len(node.args) == 2:
            return self.set_by_name(node, node.args[1])
        return None

    def set_by_name(self, node: ast.Call, value_node: ast.expr) -> Operand:
        """`setattr(self, name, module)` and `self.add_module(name, module)`."""
        name, value = self.expr(node.args[-2]), self.expr(value_node)
        if self.owner is not None:
            key = name.const if isinstance(name.const, str) else f"{_prefix(node.args[-2])}*"
            self.owner.set(key, value.value)
        return Operand(f"setattr(self, {name.text}, {value.text})", Plain(None))


def _prefix(node: ast.expr) -> str:
    """The fixed beginning of a name that is put together."""
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            return text
        case ast.BinOp(left=ast.Constant(value=str() as text)):
            return text.partition("%")[0].partition("{")[0]
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str() as text))):
            return text.partition("{")[0]
    return ""
