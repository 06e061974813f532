"""Assignments of a PyTorch function: to names, attributes and parts of tensors; what changes in place."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from transpile.backends.body_statements import Statements, enclosed
from transpile.frontends.torch_program import ClassInfo
from transpile.ir import Edit
from transpile.ops._functions import Left, Operand, like, relaid
from transpile.torch_values import (
    MODULES,
    UNKNOWN_VALUE,
    Chain,
    Extents,
    Instance,
    Items,
    Leaf,
    Many,
    Plain,
    Sample,
    Tensor,
    Value,
    each_of,
    in_layout,
    join,
)

_NAMED = re.compile(r"[A-Za-z_][\w.]*")


class Assigning(Statements):
    """Adds assignments to the plain statements."""

    def mutated(self, node: ast.stmt, value: Value, target: str) -> None:
        """A tensor is changed in place: a warning where another name for it is read later."""
        for name in self.read_later(node, value, target)[:1]:
            self.warnings.append((node, f"PyTorch changes {name} in place here, too"))

    def read_later(self, node: ast.stmt, value: Value, target: str) -> list[str]:
        """The other names of a value that something reads behind a statement before they get another one."""
        return self._read_later(node, {n for n, v in self.env.items() if v is value and n != target})

    def passed_through(self, node: ast.stmt, value: Value, target: str) -> None:
        """A warning where another name is read later for what is the same tensor in inference mode."""
        names = {n for n, v in self.env.items() if v is not value and self._origin(v) is self._origin(value)}
        for name in self._read_later(node, names - {target})[:1]:
            self.warnings.append((node, f"PyTorch changes {name} in place here, too: dropout gives the tensor itself"))

    def _origin(self, value: Value | None) -> Value | None:
        while id(value) in self.passed:
            value = self.passed[id(value)][1]
        return value

    def _read_later(self, node: ast.stmt, names: set[str]) -> list[str]:
        body = self.info.node if self.info is not None else node
        last = node.end_lineno or node.lineno
        first: dict[str, tuple[int, bool]] = {}  # a name is read before it is stored where both stand on a line
        for later in ast.walk(body):
            if isinstance(later, ast.Name) and later.id in names and later.lineno > last:
                here = (later.lineno, isinstance(later.ctx, ast.Store))
                first[later.id] = min(here, first.get(later.id, here))
        return sorted(n for n, (_, stored) in first.items() if not stored)

    def do_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        self.changed_in_place = None
        self.targets = len(target.elts) if isinstance(target, ast.Tuple | ast.List) else None
        found = self.shape_unpacked(target, node.value) or self.stopped_value(self.expr(node.value))
        self.targets = None
        text, value = found.text, found.value
        if isinstance(value, Sample) and len(node.targets) == 1 and isinstance(target, ast.Name):
            self.env[target.id] = value
            self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
            return
        if isinstance(value, Extents) and isinstance(target, ast.Tuple | ast.List):
            value.tensor.rank.settle(len(target.elts))
        for one in node.targets:
            text = self.assign(one, value, text)
        if self.changed_in_place is not None:
            self.passed_through(node, self.changed_in_place, target.id if isinstance(target, ast.Name) else "")
        if isinstance(target, ast.Name) and self.changed_in_place is not None:
            others = self.read_later(node, self.changed_in_place, target.id)
            if len(others) == 1:  # `y = F.relu(x, inplace=True)`: both are the new value
                text = text[1:-1] if enclosed(text) else text
                text, self.env[others[0]] = f"{others[0]} = {text}", value
            elif others:
                self.mutated(node, self.changed_in_place, target.id)
        if len(node.targets) == 1 and isinstance(target, ast.Name) and text == target.id:
            self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
            return
        self.change(node.value, text)

    def shape_unpacked(self, target: ast.expr, node: ast.expr) -> Operand | None:
        """`b, c, h, w = x.shape` of a tensor whose channels are last: `b, h, w, c = ...`."""
        if not isinstance(target, ast.Tuple | ast.List) or any(isinstance(e, ast.Starred) for e in target.elts):
            return None
        inner = node.func if isinstance(node, ast.Call) and not node.args else node
        if not isinstance(inner, ast.Attribute) or inner.attr not in ("shape", "size"):
            return None
        base = self.expr(inner.value)
        if not isinstance(base.value, Tensor):
            return None
        base.value.rank.settle(len(target.elts))
        if not base.value.last:
            return None
        names = [self.source(e) for e in target.elts]
        self.change(target, ", ".join([names[0], *names[2:], names[1]]))
        return self.made(f"ops.shape({base.text})", Items(tuple(Plain() for _ in names)))

    def assign(self, target: ast.expr, value: Value, text: str) -> str:
        """Gives a target its value; the text to assign, which may have to fit what is there."""
        owner = self.owner
        if owner is not None and isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
            name = self.attribute_name(target.attr)
            if name != target.attr:
                self.change(target, f"self.{name}")
            laid = relaid(text, value, False)
            owner.set(target.attr, in_layout(value, False) if laid != text else value)
            return laid
        if isinstance(target, ast.Attribute):
            self.set_part(target, value)
        if isinstance(target, ast.Tuple | ast.List) and any(isinstance(e, ast.Attribute) for e in target.elts):
            self.unpacked(target.elts, value)
            return text
        if isinstance(target, ast.Subscript):
            base = self.expr(target.value)
            if isinstance(base.value, Tensor) and self.in_numpy:
                return text
            if isinstance(base.value, Tensor | Chain):
                raise Left(
                    f"an assignment to a part of {'a tensor' if isinstance(base.value, Tensor) else 'an nn.Sequential'}"
                )
            if isinstance(base.value, Many | Items) or type(base.value).__name__ == "Container":
                each = each_of(base.value)
                grown = Many(value if each is UNKNOWN_VALUE else join(each, value))
                container = type(base.value).__name__ == "Container"
                self.replace_value(target.value, replace(base.value, each=grown.each) if container else grown)  # type: ignore[type-var]
            self.change(target.slice, self.expr(target.slice).text)
        self.bind(target, value)
        return text

    def set_part(self, target: ast.Attribute, value: Value) -> None:
        """`self.net.fc = nn.Linear(8, 2)`: a module of a module is another one."""
        base = self.expr(target.value).value
        if isinstance(base, Chain | Leaf) and isinstance(value, MODULES):
            raise Left(f"{self.source(target)}, a part that {self.source(target.value)} is given by its name")
        if isinstance(base, Instance) and isinstance(base.of, ClassInfo):
            renamed = next((i.renamed[target.attr] for i in base.of.lineage() if target.attr in i.renamed), "")
            if renamed:
                self.change(target, f"{self.expr(target.value).text}.{renamed}")
            base.of.set(target.attr, value)

    def unpacked(self, targets: list[ast.expr], value: Value) -> None:
        """`self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)`."""
        items = value.items if isinstance(value, Items) else ()
        if len(items) != len(targets) or any(isinstance(i, Tensor) for i in items):
            raise Left("several attributes that are given their values at once")
        for target, item in zip(targets, items):
            self.assign(target, item, "")

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            found = self.expr(node.value)
            self.change(node.value, self.assign(node.target, found.value, found.text))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        target = self.expr(node.target) if not isinstance(node.target, ast.Subscript) else Operand("")
        found = self.expr(node.value)
        if isinstance(node.target, ast.Subscript) and isinstance(self.expr(node.target.value).value, Tensor):
            raise Left("an assignment to a part of a tensor")
        text = found.text
        if isinstance(target.value, Tensor) and isinstance(node.target, ast.Name):
            self.mutated(node, target.value, node.target.id)
            if isinstance(found.value, Tensor):
                target.value.rank.unify(found.value.rank) if self.close(target.value, found.value) else None
                text = self.laid(found, target.value.last)
            self.env[node.target.id] = like(target.value, ones=False)
        elif isinstance(found.value, Tensor) and isinstance(node.target, ast.Name):
            self.env[node.target.id] = found.value
        elif isinstance(node.target, ast.Name):
            self.env[node.target.id] = Plain() if isinstance(found.value, Plain) else join(target.value, found.value)
        self.change(node.value, text)

    @staticmethod
    def close(a: Tensor, b: Tensor) -> bool:
        return None in (a.rank.value, b.rank.value) or a.rank.value == b.rank.value

    def do_Expr(self, node: ast.Expr) -> None:
        call = node.value
        if isinstance(call, ast.Constant):
            return
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            target = call.func.value
            in_place = call.func.attr.endswith("_") and not call.func.attr.endswith("__")
            if in_place and isinstance(target, ast.Name) and isinstance(self.env.get(target.id), Tensor):
                found = self.expr(call)
                self.mutated(node, self.env[target.id], target.id)
                self.env[target.id] = found.value
                text = found.text[1:-1] if enclosed(found.text) else found.text
                self.edits.append(Edit(self.references.start(call), self.references.end(call), f"{target.id} = {text}"))
                return
        self.changed_in_place = None
        found = self.expr(call)
        changed, text = self.changed_in_place, found.text
        names = [n for n, value in self.env.items() if changed is not None and value is changed]
        if names and isinstance(call, ast.Call):
            argument = ast.unparse(call.args[0]) if call.args else ""
            if argument not in names:
                raise Left("a tensor that is changed in place")
            self.mutated(node, self.env[argument], argument)
            self.env[argument] = found.value
            self.edits.append(Edit(self.references.start(call), self.references.end(call), f"{argument} = {text}"))
            return
        if isinstance(call, ast.Call) and _NAMED.fullmatch(text):  # `self.lstm.flatten_parameters()`
            parent = self.references.parents.get(node)
            alone = any(getattr(parent, block, None) == [node] for block in ("body", "orelse"))
            self.edits.append(Edit(self.references.start(node), self.references.end(node), "pass" if alone else ""))
            return
        self.change(call, text)
