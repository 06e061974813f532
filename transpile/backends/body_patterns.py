"""einops in a PyTorch body: its functions work on Keras's tensors too, its layers become functions in a layer."""

from __future__ import annotations

import ast
import re

from transpile.backends.body_packed import PackedSequences
from transpile.ops._functions import Left, Operand, fresh
from transpile.torch_values import UNKNOWN_VALUE, Items, Leaf, Many, Tensor, Value, alternatives

FUNCTIONS = ("einops.rearrange", "einops.repeat", "einops.reduce", "einops.einsum", "einops.pack", "einops.unpack")
_LAYERS = {"einops.layers.torch.Rearrange": "rearrange", "einops.layers.torch.Reduce": "reduce"}
_AXES = re.compile(r"\([^)]*\)|\S+")


class Patterns(PackedSequences):
    """Adds tensors whose axes a pattern moves: they count as PyTorch counts them."""

    def rearranged(self, path: str, node: ast.Call) -> Operand:
        """`rearrange(x, "b (h w) c -> b c h w", h=8)`."""
        args, kwargs = self.arguments(node)
        if path in ("einops.pack", "einops.unpack"):
            value: Value = Items((fresh(None, ""), UNKNOWN_VALUE)) if path.endswith(".pack") else Many(fresh(None, ""))
            return Operand(self.call_text(node, self.source(node.func), args, kwargs), value)
        args = [self.as_tensor(a) for a in args]
        pattern = next((o.const for o in (*args, *kwargs.values()) if isinstance(o.const, str) and "->" in o.const), "")
        before, after = ranks(str(pattern))
        for operand in args[:1] if path != "einops.einsum" else ():
            if before is not None and isinstance(operand.value, Tensor):
                operand.value.rank.settle(before)
        dtype = args[0].value.dtype if args and isinstance(args[0].value, Tensor) else ""
        return Operand(self.call_text(node, self.source(node.func), args, kwargs), fresh(after, dtype))

    def as_tensor(self, operand: Operand) -> Operand:
        """A weight of the object as the tensor that it holds: einops knows no variables of Keras."""
        if not (isinstance(operand.value, Tensor) and re.fullmatch(r"self\.\w+", operand.text)):
            return operand
        return self.made(f"ops.copy({operand.text})", operand.value)

    def layers_of(
        self, path: str, node: ast.expr, args: list[Operand], kwargs: dict[str, Operand]
    ) -> tuple[tuple[str, ...], Value]:
        """`Rearrange("b c h w -> b (h w) c")`."""
        if path not in _LAYERS:
            return super().layers_of(path, node, args, kwargs)
        if not isinstance(node, ast.Call) or "**" in kwargs or not args:
            raise Left(f"{path} with stars", "T2K104")
        name = _LAYERS[path]
        given = [f"pattern={args[0].text}", *(f"reduction={a.text}" for a in args[1:2])]
        given += [f"{n}={o.text}" for n, o in kwargs.items()]
        self.imports |= {"from keras import layers", "from functools import partial", f"from einops import {name}"}
        return (f"layers.Lambda(partial({name}, {', '.join(given)}))",), Leaf(path, node)

    def apply_leaf(self, leaf: Leaf, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """A layer with a pattern, which says the rank of what it takes and gives."""
        if leaf.path not in _LAYERS or not operands:
            return super().apply_leaf(leaf, text, operands, kwargs)
        pattern = self.expr(leaf.call.args[0]).const if leaf.call.args else ""
        before, after = ranks(str(pattern))
        for value in alternatives(operands[0].value):
            if before is not None and isinstance(value, Tensor):
                value.rank.settle(before)
        return self.made(f"{text}({self.laid(operands[0], False)})", fresh(after))


def ranks(pattern: str) -> tuple[int | None, int | None]:
    """How many axes a pattern takes and gives; None where dots hide some."""
    left, _, right = pattern.partition("->")
    counts = [None if "..." in side else len(_AXES.findall(side)) for side in (left, right)]
    return (counts[0], counts[1]) if pattern else (None, None)
