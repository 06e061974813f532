"""Attributes of tensors and modules."""

from __future__ import annotations

import ast

from transpile.backends.body_expressions import Expressions
from transpile.backends.body_keywords import parameters_of
from transpile.frontends.torch_program import ClassInfo
from transpile.ir import UNKNOWN
from transpile.ops._functions import Left, Operand, fresh, like, relaid, written_parts
from transpile.ops.torch_layers import modules
from transpile.torch_values import UNKNOWN_VALUE, Chain, Extents, Instance, Items, Leaf, Packed, Plain, Sample, Tensor

FIELDS = ("values", "indices")  # of what `max`, `sort` and their kin give along an axis
_RECURRENT = {
    "bidirectional": "({x}.directions == 2)",
    "hidden_size": "{x}.rnns[0].cell.units",
    "num_layers": "(len({x}.rnns) // {x}.directions)",
    "batch_first": "{x}.batch_first",
}


class Attributes(Expressions):
    """Adds attributes to the expressions."""

    def on_Attribute(self, node: ast.Attribute) -> Operand:
        path = self.program.paths.get(id(node))
        if path is not None:
            return self.reference(node, path)
        if isinstance(node.value, ast.Name) and node.value.id == "self" and self.owner is not None:
            return self.own_attribute(node)
        base = self.expr(node.value)
        if isinstance(base.value, Tensor):
            return self.tensor_attribute(node, base)
        if isinstance(base.value, Sample):
            return self.sample_attribute(node.attr)
        if isinstance(base.value, Packed):
            raise Left(f"the attribute {node.attr} of a packed sequence")
        if isinstance(base.value, Items) and node.attr in FIELDS and len(base.value.items) == len(FIELDS):
            place = FIELDS.index(node.attr)
            parts = written_parts(base.text)
            text = parts[place] if len(parts) == len(FIELDS) else f"{base.text}[{place}]"
            return Operand(text, base.value.items[place])
        if isinstance(base.value, Extents) and node.attr == "numel":
            raise Left("shape.numel")
        if isinstance(base.value, Leaf | Chain | Instance):
            return self.module_attribute(node, base)
        return Operand(self.rebuilt(node, [(node.value, base.text)]), UNKNOWN_VALUE)

    def sample_attribute(self, name: str) -> Operand:
        """Of one of the parameters."""
        raise NotImplementedError

    def tensor_attribute(self, node: ast.Attribute, base: Operand) -> Operand:
        """`x.shape` and the like."""
        x, value = base.text, base.value
        assert isinstance(value, Tensor)
        match node.attr:
            case "shape":
                text = f"ops.shape({relaid(x, value, False)})"
                return self.made(text, Extents(like(value, last=False)))
            case "T" | "mT":
                text = f"ops.transpose({x})" if node.attr == "T" else f"ops.swapaxes({relaid(x, value, False)}, -1, -2)"
                return self.made(text, like(value, last=False))
            case "data":
                return self.made(f"ops.stop_gradient({x})", value)
            case "ndim":
                return Operand(f"len({x}.shape)", Plain(value.rank.value or UNKNOWN))
            case "device":
                return Operand("None", Plain(None))
            case "is_cuda" | "is_xpu" | "is_mps" | "requires_grad":
                return Operand("False", Plain(False))
            case "dtype":
                return Operand(f"{x}.dtype", UNKNOWN_VALUE)
        raise Left(f"the attribute {node.attr} of a tensor")

    def module_attribute(self, node: ast.Attribute, base: Operand) -> Operand:
        """`self.fc.weight`; a module's own attributes."""
        value = base.value
        if isinstance(value, Instance):
            info = value.of
            assert isinstance(info, ClassInfo)
            renamed = next((i.renamed[node.attr] for i in info.lineage() if node.attr in i.renamed), node.attr)
            found = info.attribute(node.attr)
            text = f"{base.text}.{renamed}"
            return Operand(text, UNKNOWN_VALUE if found is None else found)
        kind = value.path.rpartition(".")[2] if isinstance(value, Leaf) else ""
        if node.attr == "weight" and kind == "Linear":
            return self.made(f"ops.transpose({base.text}.kernel)", fresh(2))
        if node.attr == "weight" and kind == "Embedding":
            return Operand(f"{base.text}.embeddings", fresh(2))
        if node.attr == "bias" and kind == "Linear":
            return Operand(f"{base.text}.bias", fresh(1))
        if node.attr == "out_features" and kind == "Linear":
            return Operand(f"{base.text}.units", Plain())
        if kind in ("LSTM", "GRU", "RNN") and node.attr in _RECURRENT:
            return Operand(_RECURRENT[node.attr].format(x=base.text), Plain())
        if isinstance(value, Leaf) and (written := self.written_argument(value, node.attr)) is not None:
            return Operand(repr(written), Plain(written))
        raise Left(f"the attribute {node.attr} of nn.{kind or 'Sequential'}")

    def written_argument(self, leaf: Leaf, name: str) -> object:
        """What the call that makes a module gives for an argument, where it is a number or a switch."""
        params = parameters_of(modules()[leaf.path].torch)
        places = list(params)
        given = {places[i]: a for i, a in enumerate(leaf.call.args) if i < len(places)}
        given |= {k.arg: k.value for k in leaf.call.keywords if k.arg}
        if name not in params or name not in given or isinstance(given[name], ast.Starred):
            return None
        node = given[name]
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else None
