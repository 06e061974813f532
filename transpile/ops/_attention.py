"""What the attention layers have in common: who is query, value, key; masks; options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node, Shape
from transpile.ops._recurrent import Problems

Args = Mapping[str, Expr]
ROLES = ("query", "value", "key")


def roles(node: Node, problems: Problems, *optional: str) -> dict[str, str]:
    """Query, value, key (and `optional` tensors): which field of the template holds each."""
    found: dict[str, int] = {}
    for name, expr in node.args.items():
        short = name.removeprefix("call:")
        if name != short and short in (*ROLES, *optional) and isinstance(expr.value, tuple):
            found[short] = expr.value[0]
    given = [i for i in range(len(node.inputs)) if i not in found.values()]
    if "call:mask" in node.args and isinstance(node.args["call:mask"].value, tuple):
        given = [i for i in given if i not in node.args["call:mask"].value]
    found |= dict(zip([r for r in ROLES if r not in found], given, strict=False))
    if len(given) > 3 or "query" not in found or "value" not in found:
        problems.add("K2T104", "this way of calling it cannot be converted")
        found = {"query": 0, "value": 0} | found
    return {name: f"{{x{i}}}" for name, i in found.items()}


def masks(node: Node, fields: Mapping[str, str]) -> dict[str, str]:
    """The Keras masks of query, value and key, for those that have one."""
    names = list(node.masks) if node.masks else [node.mask if x == node.inputs[0] else "" for x in node.inputs]
    every = {role: names[int(field[2:-1])] for role, field in fields.items() if role in ROLES}
    return {role: name for role, name in every.items() if name}


def extra(node: Node, problems: Problems, known: Sequence[str]) -> None:
    """A diagnostic for each argument of the call that is not understood."""
    for name, expr in node.args.items():
        short = name.removeprefix("call:")
        if name != short and short not in known and expr.value is not None:
            problems.add("K2T104", f"{short}={expr.text} cannot be converted")


def input_of(inputs: Sequence[Shape | None], args: Args, role: str) -> Shape | None:
    """The shape of the query or value of a call, given by position or by name."""
    given = args.get(f"call:{role}")
    at = given.value[0] if given and isinstance(given.value, tuple) else ROLES.index(role)
    return inputs[at] if at < len(inputs) else None


def flag(node: Node, problems: Problems, name: str) -> bool:
    """The value of a boolean argument of the call."""
    return problems.flag(node.args, f"call:{name}")


def last_size(node: Node, field: str) -> Expr:
    """The size of the vectors in an input."""
    at = int(field[2:-1])
    shape = node.input_shapes[at] if at < len(node.input_shapes) else None
    return shape[-1] if shape else Expr("")


def calling(call: str, options: Sequence[str]) -> str:
    """The text of a call."""
    return f"{call}({', '.join(options)})"
