"""Parts of tensors that a PyTorch function assigns: Keras gives a new tensor of the same name."""

from __future__ import annotations

import ast

from transpile.backends.body_assigning import Assigning
from transpile.frontends.torch_in_place import shared
from transpile.ir import Edit
from transpile.ops._functions import Left, Operand, like, relaid
from transpile.torch_values import UNKNOWN_VALUE, Leaf, Plain, Tensor

_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
}  # fmt: skip
_METHODS = {"copy_": "", "fill_": "", "add_": "+", "sub_": "-", "mul_": "*", "div_": "/"}
_NEW = ("Linear", "Conv1d", "Conv2d", "Conv3d", "Embedding", "BatchNorm1d", "BatchNorm2d", "LayerNorm")


class Parts(Assigning):
    """Adds `x[:, t] = y` to the assignments."""

    def do_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Subscript) and self.is_part(target):
            self.assign_part(node, target, self.expr(node.value), "")
            return
        super().do_Assign(node)

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Subscript) and self.is_part(node.target):
            if type(node.op) not in _OPERATORS:
                raise Left("an assignment to a part of a tensor")
            self.assign_part(node, node.target, self.expr(node.value), _OPERATORS[type(node.op)])
            return
        super().do_AugAssign(node)

    def do_Expr(self, node: ast.Expr) -> None:
        match node.value:
            case ast.Call(func=ast.Attribute(value=ast.Subscript() as target, attr=attr), args=args, keywords=[]):
                zero = attr == "zero_" and not args
                if self.is_part(target) and (zero or (attr in _METHODS and len(args) == 1)):
                    value = Operand("0", Plain(0)) if zero else self.expr(args[0])
                    self.assign_part(node, target, value, _METHODS.get(attr, ""))
                    return
        super().do_Expr(node)

    def is_part(self, target: ast.Subscript) -> bool:
        """Whether brackets stand behind a tensor that is not put together with numpy."""
        return not self.in_numpy and isinstance(self.expr(target.value).value, Tensor)

    def assign_part(self, node: ast.stmt, target: ast.Subscript, value: Operand, operator: str) -> None:
        """The statement as an assignment of the whole tensor."""
        base = self.expr(target.value)
        function = self.info.node if self.info is not None else None
        if not isinstance(target.value, ast.Name) or not isinstance(function, ast.FunctionDef):
            raise Left("an assignment to a part of a tensor that is not a local variable")
        if reason := shared(function, target.value.id, node, self.program.paths, self.gives_new):
            raise Left(f"an assignment to a part of a tensor: {reason}")
        name, x = target.value.id, relaid(base.text, base.value, False)
        given = Operand(self.laid(value, False), value.value, value.elements)
        text = self.part_text(target, Operand(x, like(base.value, last=False)), given, operator)
        self.env[name] = like(base.value, last=False, ones=False)
        self.uses_ops = True
        self.edits.append(Edit(self.references.start(node), self.references.end(node), f"{name} = {text}"))

    def part_text(self, target: ast.Subscript, base: Operand, value: Operand, operator: str) -> str:
        """The tensor with the new part in it."""
        nodes = list(target.slice.elts) if isinstance(target.slice, ast.Tuple) else [target.slice]
        found = [self.expr(n) for n in nodes]
        x, one = base.text, found[0] if len(found) == 1 else None
        tensors = [f.value for f in found if isinstance(f.value, Tensor) and f.value.rank.value != 0]
        if one is not None and isinstance(one.value, Tensor) and one.value.dtype == "bool" and not operator:
            return self.masked(base, one, value)
        if tensors or any(f.value is UNKNOWN_VALUE and not isinstance(n, ast.Name) for n, f in zip(nodes, found)):
            raise Left("an assignment to a part of a tensor that indices or a mask choose")
        if one is not None and not operator and isinstance(value.value, Tensor) and self.counts_up(nodes[0]):
            same = isinstance(base.value, Tensor) and base.value.dtype == value.value.dtype != ""
            given = value.text if same else f"ops.cast({value.text}, {x}.dtype)"
            return f"ops.scatter_update({x}, [[{one.text}]], [{given}])"
        shown = self.rebuilt(target.slice, [(n, f.text) for n, f in zip(nodes, found)])
        whole = len(nodes) == 1 and not isinstance(nodes[0], ast.Slice)
        index = shown if whole else f"np.s_[{shown}]"
        self.imports |= set() if whole else {"import numpy as np"}
        self.helpers.add("assigned")
        given = f"{x}[{shown}] {operator} {value.text}" if operator else value.text
        return f"assigned({x}, {index}, {given})"

    def masked(self, base: Operand, mask: Operand, value: Operand) -> str:
        """`x[mask] = 0`."""
        ranks = [o.value.rank for o in (base, mask) if isinstance(o.value, Tensor)]
        alike = ranks[0].root() is ranks[1].root() or (ranks[0].value is not None and ranks[0].value == ranks[1].value)
        single = isinstance(value.value, Plain) or (isinstance(value.value, Tensor) and value.value.rank.value == 0)
        if not (alike and single):
            raise Left("an assignment to a part of a tensor that a mask chooses")
        return f"ops.where({self.laid(mask, False)}, {value.text}, {base.text})"

    def counts_up(self, index: ast.expr) -> bool:
        """Whether an index is never negative: written out, or of a loop over a range."""
        if isinstance(index, ast.Constant):
            return isinstance(index.value, int)
        loops = [n for n in ast.walk(self.info.node) if isinstance(n, ast.For)] if self.info is not None else []
        for loop in loops:
            match loop:
                case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=args)):
                    first = args[0] if len(args) > 1 else None
                    forwards = len(args) < 3 and (first is None or isinstance(first, ast.Constant))
                case ast.For(
                    target=ast.Tuple(elts=[ast.Name(id=name), _]), iter=ast.Call(func=ast.Name(id="enumerate"))
                ):
                    forwards = True
                case _:
                    continue
            if isinstance(index, ast.Name) and index.id == name and forwards:
                return True
        return False

    def gives_new(self, attribute: str) -> bool:
        """Whether an attribute of self is a module that gives a new tensor."""
        found = self.owner.attribute(attribute) if self.owner is not None else None
        return isinstance(found, Leaf) and found.path.rpartition(".")[2] in _NEW
