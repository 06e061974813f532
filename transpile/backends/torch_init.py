"""Keras's initial values, as statements behind the construction of a module."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.torch_regularization import member, weight_arguments
from transpile.ir import Node
from transpile.ops.initializer import UnknownInitializer, initialize
from transpile.registry import by_name, weight_lines


def init_lines(node: Node, target: str, style: str) -> list[str]:
    """The statements that give the parameters of `target` their Keras initial values."""
    if style == "idiomatic":
        return []
    op = by_name()[node.op]
    if op.own_init:
        return []
    lines: list[str] = []
    for expr, parameter in weight_arguments(op, node, "_initializer"):
        line = next(w for w in weight_lines(op, node) if w.partition("->")[2].split(":")[0].strip() == parameter)
        made = initialize(expr, f"{target}.{parameter}", op, line, node)
        lines += _if_there(made, member(target, parameter), node)
    return lines


def _if_there(lines: list[str], parameter: str, node: Node) -> list[str]:
    """A bias is only initialised if the layer has one."""
    use_bias = node.args.get("use_bias")
    if use_bias is None or not parameter.rpartition(".")[2].startswith("bias") or use_bias.value is True:
        return lines
    if use_bias.value is False or not lines:
        return []
    return [f"if {parameter} is not None:", *("    " + line for line in lines)]


def grouped_init(inits: Sequence[tuple[str, list[str]]]) -> list[str]:
    """The statements of all modules; those that several modules share stand in one loop."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for target, lines in inits:
        pattern = tuple(line.replace(target, "{}") for line in lines)
        if pattern:
            groups.setdefault(pattern, []).append(target)
    result: list[str] = []
    for pattern, targets in groups.items():
        if len(targets) == 1:
            result += [line.replace("{}", targets[0]) for line in pattern]
        else:
            result.append(f"for layer in ({', '.join(targets)}):")
            result += ["    " + line.replace("{}", "layer") for line in pattern]
    return result


__all__ = ["UnknownInitializer", "grouped_init", "init_lines"]
