"""The initial values of a layer inside a wrapper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node
from transpile.ops.initializer import UnknownInitializer, initialize
from transpile.registry import Op

Found = list[tuple[str, str]]


def initial_values(op: Op, args: Mapping[str, Expr], lines: Sequence[str], node: Node) -> tuple[list[str], Found]:
    """Statements that give the weights of these lines their Keras initial values; diagnostics."""
    statements: list[str] = []
    found: Found = []
    for line in lines:
        keras, _, torch = line.partition("->")
        name = keras.partition(":")[0].rpartition("/")[2].partition("[")[0].strip()
        name = name if name == "kernel" else name.removesuffix("_kernel")
        expr = args.get(f"{name}_initializer")
        absent = name == "bias" and "use_bias" in args and args["use_bias"].value is False
        if expr is None or absent:
            continue
        try:
            tensor = "{module}." + torch.partition(":")[0].strip()
            statements += initialize(expr, tensor, op, line, node)
        except UnknownInitializer as error:
            found.append((error.code, error.message))
    return statements, found
