"""What the value of an expression is once it runs in PyTorch, as far as the text tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from transpile.ir import FREE, UNKNOWN, Expr, Shape

What = Literal[
    "tensor",
    "number",
    "shape",
    "list",
    "dict",
    "dtype",
    "text",
    "none",
    "array",
    "function",
    "object",
    "module",
    "unknown",
]
Element = Literal["float", "int", "bool", ""]


@dataclass(frozen=True)
class Kind:
    """`element` and `shape` describe tensors, `items` lists of known length, `item` any other
    list; `value` is a literal; `path` names an object of Keras's, such as a loss."""

    what: What = "unknown"
    element: Element = ""
    shape: Shape | None = None
    items: tuple[Kind, ...] | None = None
    item: Kind | None = None
    value: object = UNKNOWN
    path: str = ""
    node: object = None  # the definition of a function of the user's, or what a module is
    layout: Literal["keras", "torch", "mixed"] = "keras"  # of a tensor; `shape` is in Keras's order

    @property
    def plain(self) -> bool:
        """Whether it is no tensor for sure: a number, a string, None."""
        return self.what in ("number", "shape", "dtype", "text", "none")

    @property
    def rank(self) -> int | None:
        """The number of axes, if known."""
        return None if self.shape is None else len(self.shape)


UNSURE = Kind()
TENSOR = Kind("tensor")
FLOATS = Kind("tensor", "float")
NUMBER = Kind("number")
SHAPE = Kind("shape")
NONE = Kind("none", value=None)


HANDED = "handed "  # before the activation (a tensor's path) of what a function is called with


def handed(kind: Kind) -> Kind:
    """What a parameter is, where the function is called with this."""
    if kind.what != "tensor" or not kind.path or kind.path.startswith(HANDED):
        return kind
    return replace(kind, path=HANDED + kind.path)


def tensor(element: Element = "", shape: Shape | None = None) -> Kind:
    """A tensor."""
    return Kind("tensor", element, shape)


def literal_kind(value: object) -> Kind:
    """The kind of a constant."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return Kind("number", "bool", value=value)
    if isinstance(value, int | float):
        return Kind("number", "int" if isinstance(value, int) else "float", value=value)
    if isinstance(value, str):
        return Kind("text", value=value)
    return UNSURE


def joined(a: Kind, b: Kind) -> Kind:
    """What holds for a value that comes from either of two places."""
    if a == b:
        return a
    if a.what == b.what == "tensor":
        element: Element = a.element if a.element == b.element else ""
        made = tensor(element, joined_shape(a.shape, b.shape))
        return replace(made, layout=a.layout if a.layout == b.layout else "mixed")
    if a.what == b.what == "number":
        return replace(a, value=UNKNOWN, element=a.element if a.element == b.element else "")
    pair = {a.what, b.what}
    if pair == {"tensor", "number"} or pair == {"tensor", "none"}:
        return replace(next(k for k in (a, b) if k.what == "tensor"), shape=None, element="")
    if a.what == b.what:
        return Kind(a.what)
    return UNSURE


def in_layout(kind: Kind, layout: str) -> Kind:
    """The same tensor, its axes in another order."""
    return replace(kind, layout=layout) if kind.what == "tensor" else kind  # type: ignore[arg-type]


def joined_shape(a: Shape | None, b: Shape | None) -> Shape | None:
    """The extents that two shapes of one rank share."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else FREE for x, y in zip(a, b, strict=True))


def element_of(kinds: tuple[Kind, ...]) -> Element:
    """The element type of an arithmetic result."""
    known: list[Element] = [k.element for k in kinds if k.what == "tensor"]
    if any(e == "float" for e in known):
        return "float"
    if known and all(e == known[0] for e in known):
        return known[0] if not any(k.what == "number" and k.element == "float" for k in kinds) else "float"
    return ""


def expr(text: str, kind: Kind) -> Expr:
    """A translated argument as the registry takes it."""
    if kind.what == "none":
        return Expr(text, None)
    return Expr(text, kind.value)
