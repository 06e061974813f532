"""The model, as plain data. No module here imports a framework, a parser or a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


class _Unknown:
    """The value of what is only known when the user's program runs."""

    _instance: _Unknown | None = None

    def __new__(cls) -> _Unknown:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        raise TypeError("an unknown value has no truth; compare with `is UNKNOWN`")


UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the source: byte offsets, and the position of its first character.

    `line` and `column` count from 1; `end` is exclusive.
    """

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Expr:
    """An argument: the user's own source text, plus its value when that is known."""

    text: str
    value: object = UNKNOWN

    @property
    def known(self) -> bool:
        return self.value is not UNKNOWN


def literal(value: object) -> Expr:
    """An expression that stands for a value of ours."""
    return Expr(repr(value), value)


# One extent of a tensor: its value may be UNKNOWN while its text says how to compute it;
# text "" means that nothing is known about it (the batch, or `None` in an input shape).
Dim = Expr
FREE = Expr("", UNKNOWN)
Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One op applied once, in Keras's terms: `output = op(*inputs, **args)`.

    `inputs` and `outputs` are variable names, read and assigned in program order.
    Shapes include the batch and are in Keras's layout. `layer` names the Keras layer
    (two nodes with the same `layer` share their weights); it is empty for a function.
    """

    op: str
    args: Mapping[str, Expr] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("x",)
    layer: str = ""
    name: str = ""  # the attribute that holds the module on the torch side
    input_shapes: tuple[Shape | None, ...] = ()
    shapes: tuple[Shape | None, ...] = ()  # of the outputs
    mask: str = ""  # the variable that holds the Keras mask of the first input that has one
    masks: tuple[str, ...] = ()  # those of every input, "" for none; () where no mask is used
    fused: bool = False  # the activation of the node before it: print both in one line
    layout: Literal["keras", "torch"] = "keras"  # of inputs and outputs; set by passes.layout
    converted: tuple[str, ...] = ()  # per input: "keras" or "torch" = permute it first
    comments: tuple[str, ...] = ()
    span: Span | None = None

    @property
    def shape(self) -> Shape | None:
        return self.shapes[0] if self.shapes else None


@dataclass(frozen=True, slots=True)
class Loop:
    """`for target in iterable:` around nodes; a construct of the user's that is kept."""

    target: str
    iterable: Expr
    body: tuple[Statement, ...]
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """`if test:` around nodes, decided when the model is built."""

    test: str
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plain:
    """A statement of ordinary Python among the nodes, as the user wrote it."""

    text: str
    where: Literal["init", "forward", "both"] = "init"


Statement = Node | Loop | Branch | Plain


def nodes_in(body: Sequence[Statement]) -> list[Node]:
    """All nodes among statements, those in loops and branches included."""
    found: list[Node] = []
    for statement in body:
        match statement:
            case Node():
                found.append(statement)
            case Loop():
                found += nodes_in(statement.body)
            case Branch():
                found += [*nodes_in(statement.body), *nodes_in(statement.orelse)]
    return found


@dataclass(frozen=True, slots=True)
class Input:
    """What the model takes. `shape` includes the batch; `dtype` is Keras's name for it."""

    name: str
    shape: Shape | None
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Model:
    """One model, or one helper of a model. `params` are the constructor's, as written."""

    name: str  # the variable (or function) that it is known by
    class_name: str
    style: Literal["sequential", "functional", "block"]
    inputs: tuple[Input, ...]
    body: tuple[Statement, ...]
    outputs: tuple[str, ...]
    output_layouts: tuple[str, ...] = ()  # set by passes.layout
    params: tuple[str, ...] = ()
    docstring: str = ""
    comments: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes `start:end` of the source by `text`."""

    start: int
    end: int
    text: str
