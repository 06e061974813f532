"""What the interpreter gathers while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from transpile.interpret.asked import History
from transpile.interpret.values import (
    Apply,
    Arm,
    Event,
    Frame,
    Function,
    InputSource,
    Instance,
    Layer,
    Loops,
    ModelValue,
    Tensor,
    UserCall,
    UserClass,
)  # fmt: skip
from transpile.ir import Dim, Shape
from transpile.source import Source

MAX_STEPS = 200_000
# What one statement of the module may take without meeting anything of Keras's.
MAX_IDLE_STEPS = 20_000


class OutOfSteps(Exception):
    """The bound on the interpreter's work was reached."""


@dataclass
class AttributeUse:
    """`model.layers`, `layer.name`: the node, and every model or layer that it was asked of."""

    node: cst.Attribute
    targets: list[ModelValue | Layer] = field(default_factory=list)


class Record:
    """Everything that was seen, by kind."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.module = Frame()
        self.module.names["__name__"] = "__main__"
        self.last_frame = self.module
        self.models: list[ModelValue] = []
        self.layers: list[Layer] = []
        self.applies: list[Apply] = []
        self.events: list[Event] = []
        self.functions: list[Function] = []
        self.classes: list[UserClass] = []
        self.statement: cst.CSTNode | None = None
        self.loops: Loops = ()
        self.user_calls: list[UserCall] = []
        self.own_methods: set[int] = set()  # what stands for a method of the user's where it is called, by id
        self.attribute_uses: dict[int, AttributeUse] = {}
        self.history_uses: dict[int, tuple[cst.Attribute, list[History]]] = {}
        self.asked: set[int] = set()  # the layers among them, by id
        self.picked: dict[int, list[object]] = {}  # what expressions that choose among layers gave
        self.shapes_asked: dict[int, tuple[cst.BaseExpression, list[object]]] = {}  # `x.shape`, and what it gave
        self.frames: list[Frame] = []  # of every call of the user's functions
        self.assigned: dict[int, list[object]] = {}  # the values of each assignment statement
        self.outcomes: dict[tuple[int, int, Loops], bool | None] = {}  # of each `if`, per frame and pass
        self.joined: dict[tuple[int, int, Loops], dict[str, Tensor]] = {}  # what an `if` that is not known leaves
        self.passes: dict[tuple[int, int, Loops], int] = {}  # of each `for`
        self.tensor_statements: list[tuple[Frame, cst.CSTNode, Tensor]] = []
        self.order = 0
        self.uncertain = 0  # the depth of conditions and loops that are not known
        self.tentative = 0  # the same, and loops whose number of passes is supposed
        self.arms: tuple[Arm, ...] = ()  # the conditions around that are not known
        self.supposed: set[int] = set()  # those loops
        self.at_least: dict[tuple[int, str], int] = {}  # what is known of a counter, by frame and name
        self._mutated: list[object] = []  # containers changed there
        self._set: list[tuple[Instance, str, object]] = []  # attributes set there, with their old values
        self.depth = 0
        self.steps = 0
        self._idle_since = 0
        self._met_before = 0
        self._dim_frames: dict[int, tuple[Dim, Frame, int]] = {}

    def step(self) -> None:
        """Counts one step of work. Raises OutOfSteps where too many lead to nothing of Keras's."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfSteps
        if self.steps - self._idle_since > MAX_IDLE_STEPS:
            if self._met() == self._met_before:
                raise OutOfSteps
            self.rest()

    def rest(self) -> None:
        """Starts to count idle steps anew."""
        self._idle_since, self._met_before = self.steps, self._met()

    def spent(self, begun: int) -> bool:
        """Whether a loop that began at a step has had its share: its other passes are like those it had."""
        return self.steps - begun > MAX_IDLE_STEPS

    @property
    def exhausted(self) -> bool:
        """Whether all steps are used up."""
        return self.steps >= MAX_STEPS

    def next_order(self) -> int:
        """A number that grows with every Keras object: the order of creation."""
        self.order += 1
        return self.order

    def note_dims(self, shape: Shape | None, frame: Frame) -> None:
        """Remembers in which frame the text of each new extent was written."""
        for dim in shape or ():
            if id(dim) not in self._dim_frames:
                self._dim_frames[id(dim)] = (dim, frame, self.order)

    def dim_origin(self, dim: Dim) -> tuple[Frame, int]:
        """The frame in which the text of an extent was written, and when."""
        return self._dim_frames.get(id(dim), (dim, self.module, 0))[1:]

    def note_attribute(self, node: cst.Attribute, target: ModelValue | Layer) -> None:
        """Remembers of what an attribute was asked."""
        use = self.attribute_uses.setdefault(id(node), AttributeUse(node))
        if target not in use.targets:
            use.targets.append(target)

    def note_history(self, node: cst.Attribute, history: History) -> None:
        """Remembers of which results of `fit` an attribute was asked."""
        self.history_uses.setdefault(id(node), (node, []))[1].append(history)

    def note_picked(self, node: cst.CSTNode, value: object) -> None:
        """Remembers which layer, or which list of them, an expression gave."""
        found = value if isinstance(value, list) else [value]
        if found and all(isinstance(v, Layer | ModelValue | InputSource) for v in found):
            values = self.picked.setdefault(id(node), [])
            if value not in values:
                values.append(value)
            if not isinstance(node, cst.Attribute):  # `model.layers` as a whole needs no names
                self.asked |= {id(v) for v in found}

    def note_shape(self, node: cst.BaseExpression, value: object) -> None:
        """Remembers what an expression gave that asks for the shape of a symbolic tensor, or for a part of it."""
        values = self.shapes_asked.setdefault(id(node), (node, []))[1]
        if value not in values:
            values.append(value)

    def note_tensors(self, value: object, frame: Frame) -> None:
        """Remembers that the running statement stores tensors."""
        if self.statement is None:
            return
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Tensor):
                self.tensor_statements.append((frame, self.statement, item))

    def _built(self) -> int:
        """How many layers, models and calls of layers were met so far."""
        return len(self.layers) + len(self.applies) + len(self.models)

    def _met(self) -> int:
        """How many things of Keras's were met so far."""
        return self._built() + len(self.events)

    def _made(self) -> int:
        """The same, and calls of the user's functions."""
        return self._met() + len(self.user_calls)

    def note_mutation(self, container: object) -> None:
        """Remembers that a container was changed where it is not known whether that happens."""
        if self.tentative:
            self._mutated.append(container)
