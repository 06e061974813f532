"""What operators and subscripts make of kinds."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.backends.bodies.kinds import NUMBER, SHAPE, UNSURE, Kind, element_of, joined, tensor
from transpile.backends.bodies.tables import ARRAYS
from transpile.ir import FREE, UNKNOWN, Shape
from transpile.ops.operator import right_aligned


def item_of(kind: Kind) -> Kind:
    """What a sequence holds."""
    if kind.what == "shape":
        return Kind("number", "int")
    if kind.what == "tensor":
        return tensor(kind.element, kind.shape[1:] if kind.shape else None)
    if kind.item is not None or kind.what == "array":
        return kind.item or kind
    if kind.items:
        result = kind.items[0]
        for other in kind.items[1:]:
            result = joined(result, other)
        return result
    return UNSURE


def binary(operator: ast.operator, left: Kind, right: Kind) -> Kind:
    pair = (left, right)
    if any(k.what == "tensor" for k in pair):
        shape: Shape | None = right_aligned([k.shape if k.what == "tensor" else () for k in pair])
        if isinstance(operator, ast.MatMult) or any(k.what == "unknown" for k in pair):
            shape = None
        result = element_of(pair)
        if isinstance(operator, ast.Div | ast.MatMult):
            result = "float"
        return tensor(result, shape)
    if all(k.what == "number" for k in pair):
        whole = all(k.element == "int" for k in pair) and not isinstance(operator, ast.Div)
        return Kind("number", "int" if whole else "float", value=_computed(operator, left.value, right.value))
    if any(k.what == "array" for k in pair) and all(k.what in ("array", "number") for k in pair):
        return Kind("array")
    if any(k.what == "shape" for k in pair):
        return SHAPE
    if all(k.what == "list" for k in pair) and left.items is not None and right.items is not None:
        return Kind("list", items=(*left.items, *right.items))
    return UNSURE


def _computed(operator: ast.operator, left: object, right: object) -> object:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return UNKNOWN
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
    return UNKNOWN


def element(base: Kind, index: Kind, node: ast.expr) -> Kind:
    """What a subscript gives."""
    number = index.value if isinstance(index.value, int) else None
    if base.what == "shape":
        if isinstance(node, ast.Slice):
            return SHAPE
        if base.items is not None and number is not None and -len(base.items) <= number < len(base.items):
            return base.items[number]
        return Kind("number", "int")
    if base.what == "list":
        if isinstance(node, ast.Slice):
            return Kind("list", item=item_of(base))
        if base.items is not None and number is not None and -len(base.items) <= number < len(base.items):
            return base.items[number]
        return item_of(base)
    if base.what == "dict":
        keys = base.value if isinstance(base.value, tuple) else ()
        return base.items[keys.index(index.value)] if base.items is not None and index.value in keys else UNSURE
    if base.what == "array":
        return base
    if base.what == "tensor":
        return tensor(base.element, _indexed(base.shape, node))
    return UNSURE


def _indexed(shape: Shape | None, node: ast.expr) -> Shape | None:
    """The shape after an index of numbers, slices, None and an ellipsis; None for any other."""
    if shape is None:
        return None
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    used = sum(not _is(p, None) and not _is(p, ...) for p in parts)
    result: list[object] = []
    left = list(shape)
    for part in parts:
        if _is(part, None) or (isinstance(part, ast.Attribute) and part.attr == "newaxis"):
            result.append(FREE)
        elif _is(part, ...):
            keep = len(shape) - used
            result += left[:keep]
            left = left[keep:]
        elif not left:
            return None
        elif isinstance(part, ast.Slice):
            whole = part.lower is None and part.upper is None
            result.append(left.pop(0) if whole else (left.pop(0), FREE)[1])
        elif isinstance(part, ast.Constant | ast.UnaryOp):
            left.pop(0)
        else:
            return None
    return (*result, *left)  # type: ignore[arg-type]


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def dict_of(node: ast.Dict, kinds: list[Kind]) -> Kind:
    """A dict that is written out: its values by their keys, where these are constants."""
    keys = tuple(k.value for k in node.keys if isinstance(k, ast.Constant))
    return Kind("dict", items=tuple(kinds), value=keys) if len(keys) == len(kinds) else Kind("dict")


def hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def of_builtin(name: str, kinds: list[Kind]) -> Kind | None:
    """What one of Python's own functions gives; None for any other."""
    if name in ("int", "float", "len", "round", "bool"):
        return Kind("number", "int" if name in ("int", "len") else "float")
    if name in ("tuple", "list", "reversed") and kinds and kinds[0].what in ("shape", "list"):
        return kinds[0]
    if name in ("sum", "abs", "max", "min") and kinds:
        item = item_of(kinds[0]) if kinds[0].what == "list" else kinds[0]
        return item if item.what in ("tensor", "number") else UNSURE
    if name == "range":
        return Kind("list", item=Kind("number", "int"))
    if name == "enumerate" and kinds:
        return Kind("list", item=Kind("list", items=(Kind("number", "int"), item_of(kinds[0]))))
    if name == "zip":
        return Kind("list", item=Kind("list", items=tuple(item_of(k) for k in kinds)))
    return None


# How many numbers a function of numpy.random takes before the shape of what it draws.
_DRAWN = {
    "rand": 0, "randn": 0, "random": 0, "random_sample": 0, "standard_normal": 0, "permutation": 0, "randint": 2,
    "uniform": 2, "normal": 2, "choice": 1, "binomial": 2, "integers": 2,
}  # fmt: skip


def of_numpy(call: ast.Call, kinds: Sequence[Kind]) -> Kind:
    """What a function of numpy's gives."""
    assert isinstance(call.func, ast.Attribute)
    name, owner = call.func.attr, call.func.value
    if name in ARRAYS:
        return Kind("array")
    if isinstance(owner, ast.Attribute) and owner.attr == "random":
        shaped = len(call.args) > _DRAWN.get(name, len(call.args)) or any(k.arg == "size" for k in call.keywords)
        return Kind("array") if shaped else NUMBER if name in _DRAWN and name != "choice" else UNSURE
    return NUMBER if kinds and all(k.what == "number" for k in kinds) else UNSURE


def root_of(node: ast.expr) -> str:
    """The name that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def by_parameter(function: object, call: ast.Call, kinds: Sequence[Kind]) -> dict[str, Kind]:
    """The kinds of the arguments of a call (its keywords' last) by the parameters of what it calls."""
    if not isinstance(function, ast.FunctionDef | ast.Lambda):
        return {}
    names: list[str | None] = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    placed = [*names[: len(call.args)], *[None] * (len(call.args) - len(names))]
    every = zip([*placed, *(k.arg for k in call.keywords)], kinds)
    return {name: kind for name, kind in every if name is not None}
