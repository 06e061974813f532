"""The state of a walk through a function body that becomes a class."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst

from transpile.frontends.naming import Namespace
from transpile.interpret.values import Apply, Frame, KerasObject, Loops, Tensor, UserCall
from transpile.ir import UNKNOWN, Dim, Expr, Model, Shape, Span, literal

Record = Apply | UserCall


class Unstructured(Exception):
    """Code that keeps its structure only by a rule we do not have: it is flattened instead."""


class Unconvertible(Exception):
    """A model that cannot be converted: the reasons, each with its code and place."""

    def __init__(self, reasons: list[tuple[str, str, Span]]) -> None:
        super().__init__("; ".join(message for _, message, _ in reasons))
        self.reasons = reasons


@dataclass
class Run:
    """One execution of the body: a frame, the pass of each loop around, and what the names hold.

    In a later pass of a loop the names of the pass before are not known yet: what is `assumed` is
    checked when the loop ends. `aliases` are names given there to such tensors.
    """

    frame: Frame
    loops: Loops
    env: dict[str, Tensor] = field(default_factory=dict)
    assumed: dict[str, Tensor] | None = None
    aliases: dict[str, str] = field(default_factory=dict)

    def holder(self, tensor: Tensor, preferred: Container[str] = ()) -> str | None:
        """The name that holds a tensor at this moment; one of `preferred` if it does."""
        names = [name for name, held in reversed(self.env.items()) if held is tensor]
        return next((n for n in names if n in preferred), names[0] if names else None)

    def holds(self, name: str, tensor: Tensor) -> bool:
        """Whether a name holds a tensor; in a later pass this may be an assumption."""
        if name in self.env:
            return self.env[name] is tensor
        if self.assumed is None:
            return False
        self.env[name] = tensor
        return self.assumed.setdefault(self.aliases.get(name, name), tensor) is tensor

    def alias(self, target: str, name: str) -> None:
        """`target = name`. Raises Unstructured for a name that holds no tensor."""
        if name in self.env:
            self.env[target] = self.env[name]
        elif self.assumed is not None:
            self.env.pop(target, None)
            self.aliases[target] = self.aliases.get(name, name)
        else:
            raise Unstructured("an alias of something else than a tensor")

    def copy(self) -> Run:
        assumed = None if self.assumed is None else dict(self.assumed)
        return Run(self.frame, self.loops, dict(self.env), assumed, dict(self.aliases))


@dataclass
class Block:
    """A helper as a class: its model, how it is constructed, what it returns.

    `channels` maps each tensor parameter to the constructor's parameter that holds its
    channels; `results` are symbolic shapes in terms of the constructor's parameters.
    """

    model: Model
    tensors: tuple[str, ...]
    channels: dict[str, str]
    parameters: tuple[str, ...]
    results: tuple[Shape | None, ...]


def merged(exprs: Sequence[Expr]) -> Expr:
    """One expression for all runs: the text, and the value if they agree on it."""
    first = exprs[0]
    if any(e.text != first.text for e in exprs):
        raise Unstructured("an argument is written differently from call to call")
    objects = [e.value for e in exprs if isinstance(e.value, KerasObject)]
    if len(objects) == len(exprs) and all(o.call is objects[0].call for o in objects):
        args = tuple(merged(group) for group in zip(*(o.args for o in objects)))
        kwargs = {k: merged([o.kwargs[k] for o in objects]) for k in objects[0].kwargs}
        return replace(first, value=replace(objects[0], args=args, kwargs=kwargs))
    same = all(_equal(e.value, first.value) for e in exprs)
    return first if same else Expr(first.text, UNKNOWN)


def _equal(a: object, b: object) -> bool:
    if a is b:
        return True
    return type(a) is type(b) and isinstance(a, int | float | str | tuple | list | bool) and a == b


def with_values(symbolic: Shape | None, concrete: Sequence[Shape | None]) -> Shape | None:
    """A symbolic shape, with the extents on which all runs agree."""
    if symbolic is None or any(s is None or len(s) != len(symbolic) for s in concrete):
        return concrete[0] if len(concrete) == 1 else symbolic
    dims: list[Dim] = []
    for i, dim in enumerate(symbolic):
        values = {s[i].value if isinstance(s[i].value, int) else None for s in concrete if s is not None}
        value = values.pop() if len(values) == 1 else None
        if value is None:
            dims.append(Expr(dim.text if not dim.known else "", UNKNOWN))
        elif dim.text and not dim.text.isdigit():
            dims.append(Expr(dim.text, value))
        else:
            dims.append(literal(value))
    return tuple(dims)


@dataclass
class State:
    """What a walk changes, so that a loop's body can be walked a second time."""

    attributes: Namespace
    shapes: dict[str, Shape | None]
    local: set[str]

    def copy(self) -> State:
        return State(self.attributes.copy(), dict(self.shapes), set(self.local))


def target_names(statement: cst.SimpleStatementLine) -> list[str] | None:
    """The plain names that an assignment binds; [] for none; None for other targets."""
    if len(statement.body) != 1:
        return None
    match statement.body[0]:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]):
            return [name]
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Tuple(elements=elements))]):
            names = [e.value.value for e in elements if isinstance(e.value, cst.Name)]
            return names if len(names) == len(elements) else None
        case cst.AugAssign(target=cst.Name(value=name)):
            return [name]
        case cst.AnnAssign(target=cst.Name(value=name)):
            return [name]
        case cst.Assign() | cst.AnnAssign() | cst.AugAssign():
            return None
    return []


def value_of(statement: cst.SimpleStatementLine) -> cst.BaseExpression | None:
    """The right-hand side of an assignment, or the returned expression."""
    small = statement.body[0]
    if isinstance(small, cst.Assign | cst.AnnAssign | cst.Return):
        return small.value
    return None
