"""Packed sequences: the padded tensor goes on, and the recurrent layers are told the lengths.

PyTorch packs a batch so that a recurrent layer stops at the end of each sequence. In Keras a mask
does that: steps behind the end keep the state and give zeros, backwards too.
"""

from __future__ import annotations

import ast

from transpile.backends.body_losses import Losses
from transpile.ops._functions import Left, Operand, fresh, like
from transpile.torch_values import Items, Leaf, Packed, Tensor, Value, alternatives

_UTILITIES = "torch.nn.utils.rnn."
_RECURRENT = ("LSTM", "GRU", "RNN")
_BATCH_FIRST = {"LSTM": 4, "GRU": 4, "RNN": 5}  # the place of the argument


class PackedSequences(Losses):
    """Adds pack_padded_sequence and pad_packed_sequence."""

    def packing(self, path: str, node: ast.Call) -> Operand | None:
        """A call of one of the two; None for any other."""
        name = path.removeprefix(_UTILITIES)
        if name not in ("pack_padded_sequence", "pad_packed_sequence"):
            return None
        args, kwargs = self.arguments(node)
        if name == "pack_padded_sequence":
            names = ("input", "lengths", "batch_first", "enforce_sorted")
            return self.pack(node, dict(zip(names, args)) | kwargs)
        names = ("sequence", "batch_first", "padding_value", "total_length")
        return self.unpack(dict(zip(names, args)) | kwargs)

    def pack(self, node: ast.Call, given: dict[str, Operand]) -> Operand:
        x, lengths = given["input"], given["lengths"]
        value = x.value if isinstance(x.value, Tensor) else Tensor()
        if value.dtype != "int":
            value.rank.settle(3)
        self.keep_names(node, lengths.text)
        text = self.laid(Operand(x.text, value), False)
        return Operand(text, Packed(like(value, last=False), lengths.text, self.switch(given, "batch_first")))

    def unpack(self, given: dict[str, Operand]) -> Operand:
        packed = given["sequence"].value
        if not isinstance(packed, Packed):
            raise Left("pad_packed_sequence of what was not packed here")
        for name, neutral in (("padding_value", 0), ("total_length", None)):
            if name in given and given[name].const != neutral:
                raise Left(f"pad_packed_sequence: {name}={given[name].text}")
        first, text = self.switch(given, "batch_first"), given["sequence"].text
        text = text if first == packed.first else f"ops.swapaxes({text}, 0, 1)"
        cut = f"ops.max({packed.lengths})"
        text = f"{text}[:, : {cut}]" if first else f"{text}[: {cut}]"
        return self.made(f"({text}, {packed.lengths})", Items((packed.tensor, fresh(1, "int"))))

    @staticmethod
    def switch(given: dict[str, Operand], name: str) -> bool:
        if name not in given:
            return False
        value = given[name].const
        if not isinstance(value, bool):
            raise Left(f"a packed sequence: {name}={given[name].text} is only known at run time", "T2K104")
        return value

    def keep_names(self, node: ast.Call, lengths: str) -> None:
        """The lengths are read later: their names must still mean the same."""
        names = {n.id for n in ast.walk(ast.parse(lengths, mode="eval")) if isinstance(n, ast.Name)}
        body = self.info.node if self.info is not None else node
        for later in ast.walk(body):
            stored = isinstance(later, ast.Name) and isinstance(later.ctx, ast.Store) and later.id in names
            if stored and (later.lineno, later.col_offset) > (node.lineno, node.col_offset):  # type: ignore[attr-defined]
                raise Left("lengths that change behind pack_padded_sequence", "T2K104")

    def apply_leaf(self, leaf: Leaf, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """A recurrent layer that gets a packed sequence."""
        first = operands[0] if operands else kwargs.get("input", Operand(""))
        if not any(isinstance(v, Packed) for v in alternatives(first.value)):
            return super().apply_leaf(leaf, text, operands, kwargs)
        name, packed = leaf.path.rpartition(".")[2], first.value
        if name not in _RECURRENT or not isinstance(packed, Packed) or not operands:
            raise Left(f"a packed sequence for nn.{name}")
        batch_first = self.batch_first(leaf, name)
        given = first.text if batch_first == packed.first else f"ops.swapaxes({first.text}, 0, 1)"
        more = kwargs | {"lengths": Operand(packed.lengths)}
        found = super().apply_leaf(leaf, text, [Operand(given, packed.tensor), *operands[1:]], more)
        self.uses.packed.add(name)
        assert isinstance(found.value, Items)
        value: Value = Items((Packed(fresh(3), packed.lengths, batch_first), *found.value.items[1:]))
        return Operand(found.text, value)

    def batch_first(self, leaf: Leaf, name: str) -> bool:
        """How the layer itself counts the axes: PyTorch does not ask it where the sequence is packed."""
        call, place = leaf.call, _BATCH_FIRST[name]
        node = next((k.value for k in call.keywords if k.arg == "batch_first"), None)
        if node is None and len(call.args) > place:
            node = call.args[place]
        if node is None:
            return False
        if not isinstance(node, ast.Constant):
            raise Left("a packed sequence: batch_first is only known at run time", "T2K104")
        return bool(node.value)
