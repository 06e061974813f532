"""`nn.Sequential(...)` outside of classes: a keras.Sequential that takes the same arrays."""

from __future__ import annotations

import ast

from transpile.backends.body_initial import InitialWalker
from transpile.backends.body_modules import permute_layer
from transpile.backends.body_uses import Uses
from transpile.backends.keras_calls import Written
from transpile.frontends.torch_initial import read_initial
from transpile.frontends.torch_program import Program
from transpile.ops._functions import Left, Operand
from transpile.references import References
from transpile.torch_values import Tensor


def chain_call(references: References, node: ast.Call) -> Written:
    """The whole expression; images are laid channels last by a layer in front."""
    program = Program(references)
    uses, initial = Uses(), read_initial(program)
    uses.initial = initial.by_call
    walker = InitialWalker(program, None, None)
    walker.configure(uses, "default", initial, final=False)
    try:
        first = walker.expr(node)
        walker.apply(first.value, "", [Operand("x", Tensor())], {})
        walker.final = True
        made = walker.expr(node)
        result = walker.apply(made.value, "", [Operand("x", Tensor())], {})
        wanted, rank = walker.wants(made.value)
    except Left as left:
        return Written("", diagnostics=((left.code, left.message),))
    text = made.text
    if wanted and rank is not None and rank > 2:
        opened = text.index("[") + 1
        gap = text[opened : opened + len(text[opened:]) - len(text[opened:].lstrip())]
        text = f"{text[:opened]}{gap}{permute_layer(rank, True)},{gap or ' '}{text[opened:].lstrip()}"
        walker.imports.add("from keras import layers")
    value = result.value
    if isinstance(value, Tensor) and value.last and value.rank.value is not None and value.rank.value > 2:
        closed = text.rindex("]")
        body = text[:closed].rstrip()
        comma = "" if body.endswith(",") else ","
        text = f"{body}{comma} {permute_layer(value.rank.value, False)}{text[len(body) : closed]}{text[closed:]}"
    text = walker.qualified(text, "")
    imports = walker.imports | ({"from keras import ops"} if walker.uses_ops else set())
    return Written(text, tuple(sorted(imports)), tuple(sorted(walker.helpers)))
