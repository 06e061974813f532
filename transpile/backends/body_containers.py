"""Lists and dicts of modules."""

from __future__ import annotations

import ast
from itertools import takewhile

from transpile.backends.body_chosen import Chosen
from transpile.ops._functions import Operand
from transpile.torch_values import UNKNOWN_VALUE, Chain, Container, Items, Many, Plain, Tensor, Value, each_of, join


class Containers(Chosen):
    """Adds ModuleList, ModuleDict and lists that grow."""

    def make_container(self, node: ast.Call, mapping: bool) -> Operand:
        """nn.ModuleList and nn.ModuleDict are plain lists and dicts, which Keras tracks."""
        if not node.args:
            return Operand("{}" if mapping else "[]", Container(UNKNOWN_VALUE, ()))
        inner = self.expr(node.args[0])
        text = inner.text
        if isinstance(node.args[0], ast.GeneratorExp):
            text = f"[{text[1:-1]}]" if text.startswith("(") else f"[{text}]"
        items = inner.value.items if isinstance(inner.value, Items) else None
        return Operand(text, Container(each_of(inner.value), items))

    def grow(self, func: ast.Attribute, node: ast.Call, base: Operand) -> Operand:
        """`layers.append(x)`: the list learns what it holds."""
        given = self.expr(node.args[-1])
        value: Value = base.value
        added = each_of(given.value) if func.attr == "extend" else given.value
        old = each_of(value)
        each = added if old is UNKNOWN_VALUE else join(old, added, alike=False)
        new: Value = (
            self.grown_chain(value, added, each, node)
            if isinstance(value, Chain)
            else Container(each)
            if isinstance(value, Container)
            else Many(each)
        )
        text = given.text
        if isinstance(old, Tensor) and isinstance(added, Tensor) and old.last != added.last:
            text = self.laid(given, old.last)
            new = Many(old)
        self.replace_value(func.value, new)
        if func.attr == "add_module":
            return Operand(f"{base.text}.add({text})", Plain(None))
        verb = "add" if isinstance(value, Chain) else func.attr
        parts: list[tuple[ast.AST, str]] = [(func, f"{base.text}.{verb}"), (node.args[-1], text)]
        return Operand(self.rebuilt(node, parts), Plain(None))

    def grown_chain(self, chain: Chain, added: Value, each: Value, node: ast.Call) -> Chain:
        """A Sequential with one more part; of one that starts empty is noted that it grows."""
        around = list(takewhile(lambda a: not isinstance(a, ast.FunctionDef), self.references.around(node)))
        straight = not any(isinstance(a, ast.If | ast.For | ast.While | ast.Try) for a in around)
        if chain.empty is not None:
            sure = straight or not any(isinstance(a, ast.If | ast.Try) for a in around)
            known = self.uses.grown.get(id(chain.empty))
            self.uses.grown[id(chain.empty)] = "always" if sure or known == "always" else "maybe"
        if straight and chain.each is None and (chain.items or chain.empty):
            return Chain((*chain.items, added), empty=chain.empty)
        return Chain(each=each, empty=chain.empty)

    def replace_value(self, target: ast.expr, value: Value) -> None:
        """The value of a name or an attribute of self, changed in place."""
        if isinstance(target, ast.Name):
            self.env[target.id] = value
        elif isinstance(target, ast.Attribute) and self.owner is not None and isinstance(target.value, ast.Name):
            old = self.owner.attributes.get(target.attr)
            both = old is not None and each_of(old) is not UNKNOWN_VALUE and not isinstance(value, Chain)
            self.owner.attributes[target.attr] = join(old, value) if both else value
