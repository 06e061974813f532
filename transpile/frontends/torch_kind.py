"""The kinds of values in a PyTorch script, and how they combine."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.frontends.torch_kind_tables import DTYPES

FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Kind:
    """The kind of a value: `name` and, by it, what else is known.

    tensor (`dtype`: "bool", "int", "float" or ""), number, array, shape, text, model, optimizer,
    loss, scheduler, loader, dataset, parameters, device, state, function, module, sequence
    (`parts`), list and dict (`parts` = what their elements are), object, unknown. `node` is the call that made
    it, of an object its class.
    """

    name: str = "unknown"
    dtype: str = ""
    node: ast.AST | None = None
    parts: tuple[Kind, ...] = ()

    def __bool__(self) -> bool:
        return self.name != "unknown"


UNKNOWN = Kind()
TENSOR = Kind("tensor")
WEIGHT = Kind("tensor", "float")
NUMBER = Kind("number")
ARRAY = Kind("array")


def joined(a: Kind, b: Kind) -> Kind:
    """What a variable is that may be either: a number that is added to becomes a tensor."""
    if not a or a == b:
        return b
    if not b or (b.name == "number" and a.name == "tensor"):
        return a
    if a.name == "number" and b.name == "tensor":
        return b
    if a.name == b.name:
        return a if a.name in ("model", "optimizer", "loss", "loader") else Kind(a.name, node=a.node, parts=a.parts)
    return b if a.name == "none" else UNKNOWN


def alike(kinds: list[Kind]) -> Kind:
    """What all parts of a dict are; unknown where they differ."""
    return kinds[0] if all(k.name == kinds[0].name for k in kinds) else UNKNOWN


def pinned(tree: ast.AST) -> set[int]:
    """What stands in f-strings: Python 3.11 misplaces it, so it gets the place of the string."""
    found: set[int] = set()
    for string in ast.walk(tree):
        if not isinstance(string, ast.JoinedStr):
            continue
        for node in ast.walk(string):
            if node is string or not hasattr(node, "lineno"):
                continue
            found.add(id(node))
            ast.copy_location(node, string)
    return found


class Part(ast.AST):
    """One of the values that an expression unpacks to."""

    def __init__(self, value: ast.AST, index: int) -> None:
        self.value = value
        self.index = index


class Element(ast.AST):
    """What iterating over an expression gives."""

    def __init__(self, value: ast.AST) -> None:
        self.value = value


def part_of(kind: Kind, index: int) -> Kind:
    """What a value unpacks to at an index."""
    if kind.name == "sequence":
        return kind.parts[index] if index < len(kind.parts) else UNKNOWN
    if kind.name in ("list", "dict", "batch") and kind.parts:
        return kind.parts[0]
    if kind.name == "shape":
        return NUMBER
    return kind if kind.name in ("tensor", "array") else UNKNOWN


def argument(call: ast.Call, function: FUNCTION, name: str) -> ast.expr | None:
    """What a call gives for a parameter; None where it gives nothing."""
    positional = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    positional = positional[1:] if positional[:1] == ["self"] else positional
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if name in positional and positional.index(name) < len(call.args):
        given = call.args[: positional.index(name) + 1]
        return None if any(isinstance(a, ast.Starred) for a in given) else given[-1]
    return None


def constant(value: object) -> Kind:
    if value is None:
        return Kind("none")
    return Kind("text") if isinstance(value, str) else NUMBER


def dtype(path: str) -> str:
    return DTYPES.get(path.rpartition(".")[2], "float")


def arithmetic(kinds: list[Kind], divides: bool = False) -> Kind:
    names = {k.name for k in kinds}
    if "tensor" in names:
        types = {k.dtype for k in kinds if k.name == "tensor"}
        numbers = [k for k in kinds if k.name == "number"]
        dtype = "float" if "float" in types or divides else "" if numbers else next(iter(types))
        return Kind("tensor", dtype)
    return ARRAY if "array" in names else NUMBER if names == {"number"} else UNKNOWN
