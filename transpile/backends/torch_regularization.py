"""The penalty on the weights, as a method of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from transpile.interpret.values import KerasObject
from transpile.ir import Expr, Node
from transpile.registry import Op, innermost, weight_lines
from transpile.source import dotted

_DEFAULT = "0.01"  # keras.regularizers.L1, L2 and the strings "l1", "l2"


class Unsupported(Exception):
    """A regulariser or constraint that has no translation: (code, message)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def factors(expr: Expr) -> tuple[str, str]:
    """The factors (l1, l2) of a regulariser, as text; "" for none. Raises Unsupported."""
    value = expr.value
    if value is None:
        return "", ""
    if isinstance(value, str) and value.lower() in ("l1", "l2", "l1_l2", "l1l2"):
        name = value.lower()
        return (_DEFAULT if "l1" in name else ""), (_DEFAULT if "l2" in name else "")
    if isinstance(value, KerasObject):
        kind = value.path.rpartition(".")[2].lower().replace("_", "")
        args = [e.text for e in value.args]
        named = {k: e.text for k, e in value.kwargs.items()}
        old = named.get("l")
        if kind == "l1":
            return (args[0] if args else named.get("l1", old or _DEFAULT)), ""
        if kind in ("l2", "weightregularizer"):
            return "", (args[0] if args else named.get("l2", old or _DEFAULT))
        if kind in ("l1l2", "l1_l2"):
            parts = [*args, *(named[n] for n in ("l1", "l2") if n in named)]
            if len(parts) < 2 and dotted(value.call.func).rpartition(".")[2].islower():
                raise Unsupported("K2T205", "l1_l2() without both factors: 0.01 in Keras 2, 0 in Keras 3")
            first = args[0] if args else named.get("l1", "0.0")
            second = args[1] if len(args) > 1 else named.get("l2", "0.0")
            return _nonzero(first), _nonzero(second)
    raise Unsupported("K2T107", f"the regularizer {expr.text} cannot be converted")


def _nonzero(text: str) -> str:
    return "" if text in ("0", "0.0", "0.", "None") else text


def weight_arguments(op: Op, node: Node, suffix: str) -> list[tuple[Expr, str]]:
    """For each Keras weight with an argument `<weight><suffix>`: the argument, the torch parameter."""
    found = []
    for line in weight_lines(op, node):
        source, _, target = line.partition("->")
        keras = source.split(":")[0].strip().rpartition("/")[2].split("[")[0]
        parameter = target.split(":")[0].strip()
        name = {"embeddings": "embeddings"}.get(keras, keras.removesuffix("_kernel") if keras != "kernel" else "kernel")
        argument = innermost(node.args).get(f"{name}{suffix}")
        if argument is not None and argument.value is not None:
            found.append((argument, parameter))
    return found


def check(op: Op, node: Node) -> None:
    """Raises Unsupported for what has no translation yet."""
    for name, expr in innermost(node.args).items():
        if expr.value is None:
            continue
        if name.endswith("_constraint"):
            raise Unsupported("K2T107", f"{name}={expr.text} cannot be converted yet")
        if name == "activity_regularizer":
            raise Unsupported("K2T107", f"{name}={expr.text} cannot be converted yet")
        if name.endswith("_regularizer"):
            factors(expr)
            covered = [a for a, _ in weight_arguments(op, node, "_regularizer")]
            if expr not in covered:
                raise Unsupported("K2T107", f"{name}={expr.text} cannot be converted here")


def method(penalties: Sequence[tuple[str, str, str]], helpers: Sequence[str] = ()) -> str:
    """`regularization_loss`, from (l1 or l2, factor, tensor) in order.

    `helpers` are classes inside the model with a penalty of their own.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for kind, factor, tensor in penalties:
        groups.setdefault((kind, factor), []).append(tensor)
    terms = [_term(kind, factor, tensors) for (kind, factor), tensors in groups.items()]
    if helpers:
        kinds = helpers[0] if len(helpers) == 1 else f"({', '.join(helpers)})"
        terms.append(f"sum(m.regularization_loss() for m in self.modules() if isinstance(m, {kinds}))")
    body = " + ".join(terms)
    return (
        "def regularization_loss(self):\n"
        '    """The penalty on the weights; add it to the training loss."""\n'
        f"    return {body}"
    )


def _term(kind: str, factor: str, tensors: Sequence[str]) -> str:
    norm = "square()" if kind == "l2" else "abs()"
    plain = re.fullmatch(r"[\w.]+(e-\d+)?", factor) is not None
    scale = factor if plain else f"({factor})"
    if len(tensors) == 1:
        return f"{scale} * {tensors[0]}.{norm}.sum()"
    return f"{scale} * sum(w.{norm}.sum() for w in ({', '.join(tensors)}))"
