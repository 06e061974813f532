"""What the interpreter computes with, beside ordinary Python values and UNKNOWN."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import libcst as cst

from transpile.interpret.asked import ObjectUse
from transpile.ir import FREE, UNKNOWN, Expr, Shape, Span
from transpile.registry import Op

if TYPE_CHECKING:
    from transpile.interpret.own_weight import OwnWeight


@dataclass(eq=False)
class Frame:
    """The names of one running function (or of the module, whose parent is None).

    Text that uses a name does not mean the same before and after the name was assigned anew.
    """

    function: Function | None = None
    parent: Frame | None = None
    caller: Frame | None = None
    site: cst.CSTNode | None = None  # the statement of the caller that made the call
    names: dict[str, object] = field(default_factory=dict)
    bound: dict[str, list[int]] = field(default_factory=dict)  # when each name was assigned
    loop_names: set[str] = field(default_factory=set)  # assigned by loops, or inside of them
    returned: list[object] = field(default_factory=list)
    arguments: dict[str, object] = field(default_factory=dict)  # what the parameters were given
    call: UserCall | None = None  # the call of the file that runs the function

    def set(self, name: str, value: object, now: int) -> None:
        self.names[name] = value
        self.bound.setdefault(name, []).append(now)

    def scopes(self) -> list[dict[str, object]]:
        """What the names that are seen from here hold now, inner scopes first; a loop's names hold nothing."""
        kept = {n: None if n in self.loop_names else _as_it_is(v) for n, v in self.names.items()}
        return [kept, *(self.parent.scopes() if self.parent is not None else [])]


@dataclass(frozen=True, eq=False)
class Ref:
    """A name of a library, by its canonical path, such as `keras.layers.Dense`."""

    path: str


@dataclass(eq=False)
class Function:
    """A function of the user's, not yet called. `owner` is its class, if it is a method."""

    node: cst.FunctionDef | cst.Lambda
    closure: Frame
    defaults: dict[str, object] = field(default_factory=dict)
    calls: int = 0
    running: int = 0  # calls that have not ended
    called: bool = False  # by the file itself

    @property
    def name(self) -> str:
        return self.node.name.value if isinstance(self.node, cst.FunctionDef) else "<lambda>"


@dataclass(eq=False)
class UserClass:
    """A class of the user's; `keras_base` is the canonical path of a Keras base class."""

    node: cst.ClassDef
    frame: Frame
    bases: tuple[object, ...] = ()
    attributes: dict[str, object] = field(default_factory=dict)
    made: bool = False  # an object of the class
    objects: list[Instance] = field(default_factory=list)  # all of them; one that nothing makes, if need be

    @property
    def keras_base(self) -> str:
        for base in self.bases:
            if isinstance(base, Ref) and base.path.startswith("keras."):
                return base.path
            if isinstance(base, UserClass) and base.keras_base:
                return base.keras_base
        return ""


@dataclass(eq=False)
class Instance:
    """An object of a user's class."""

    cls: UserClass
    attributes: dict[str, object] = field(default_factory=dict)
    made: KerasObject | None = None  # how a callback was constructed
    arguments: dict[str, object] = field(default_factory=dict)  # what the constructor was given
    given: dict[int, dict[str, object]] = field(default_factory=dict)  # each constructor, those of bases too, by id
    keywords: dict[str, object] = field(default_factory=dict)  # those of the construction, `**kwargs` among them
    built: bool = False  # a layer whose `build` was run
    built_with: object = None  # the shape, or list of shapes, that it was given
    inputs: list[Shape | None] = field(default_factory=list)  # of each call of a layer
    weights: dict[int, OwnWeight] = field(default_factory=dict)  # by the place of `add_weight`


def _as_it_is(held: object) -> object:
    """A value that stays when a list, a dict or an object of the user's is changed later."""
    if isinstance(held, list):
        return list(held)
    if isinstance(held, dict):
        return dict(held)
    return replace(held, attributes=dict(held.attributes)) if isinstance(held, Instance) else held


@dataclass(frozen=True, eq=False)
class Bound:
    """A method together with its object."""

    target: object
    name: str
    function: Function | None = None


@dataclass(eq=False)
class Array:
    """A numpy-like array of which the shape may be known (None per unknown extent)."""

    shape: tuple[int | None, ...] | None = None
    dtype: str = ""


@dataclass(eq=False)
class Batch(Array):
    """A tensor that a pipeline yields: of known shape, and no array of numpy's."""

    def joined(self, other: Batch) -> Batch:
        """What holds for either."""
        dtype = self.dtype if self.dtype == other.dtype else ""
        if self.shape is None or other.shape is None or len(self.shape) != len(other.shape):
            return Batch(None, dtype)
        return Batch(tuple(a if a == b else None for a, b in zip(self.shape, other.shape)), dtype)


@dataclass(eq=False)
class Stream:
    """What yields batches or samples: an iterator, a Sequence, a pipeline of tf.data."""

    kind: Literal["generator", "sequence", "dataset"]
    cls: UserClass | None = None
    problem: str = ""  # why it cannot be converted
    ends: bool = False  # whether it has something to do when a pass is over
    weighted: bool = False  # it yields inputs, targets and the weights of the samples
    element: object = UNKNOWN  # what it yields: arrays, tuples and dicts of them


@dataclass(eq=False)
class ImageBatches:
    """An ImageDataGenerator, whose methods give batches."""

    problem: str = ""  # why it cannot be converted


@dataclass(eq=False)
class KerasObject:
    """An optimizer, loss, initialiser, callback, ...: what it is and how it was called."""

    path: str
    args: tuple[Expr, ...]
    kwargs: dict[str, Expr]
    call: cst.Call
    span: Span
    frame: Frame
    attributes: dict[str, object] = field(default_factory=dict)
    uses: list[ObjectUse] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Arm:
    """One way of a condition that only the running program decides, and when it was met."""

    test: cst.If
    taken: bool
    frame: Frame
    loops: Loops
    begun: int
    around: tuple[Arm, ...] = ()


# The loops of the running function around a moment: each loop and the number of its pass.
Loops = tuple[tuple[cst.CSTNode, int], ...]


@dataclass(eq=False)
class UserCall:
    """A call of a function of the user's: `frame` ran it, `caller` and `statement` made it."""

    function: Function
    call: cst.Call
    args: tuple[Expr, ...]
    kwargs: dict[str, Expr]
    caller: Frame
    statement: cst.CSTNode | None
    loops: Loops
    order: int
    frame: Frame | None = None
    result: object = None


@dataclass(eq=False)
class Layer:
    """A Keras layer that was constructed. `op` is None where the registry has no entry.

    `args` are bound to the op's signature; `common` are those every layer takes (name,
    input_shape, trainable). `problems` are (code, message) of the construction.
    """

    path: str
    op: Op | None
    args: dict[str, Expr]
    common: dict[str, Expr]
    call: cst.Call | None
    span: Span
    frame: Frame
    order: int
    variable: str = ""
    statement: cst.CSTNode | None = None
    problems: list[tuple[str, str]] = field(default_factory=list)
    adds_loss: bool = False  # a class of the user's that adds to the loss when it is called
    applications: list[Apply] = field(default_factory=list)
    results: list[object] = field(default_factory=list)  # of each application, its activation included
    instance: Instance | None = None  # of the user's class
    adapted: bool = False  # learns from data outside of any model: a module of its own
    lent: bool = False  # a converted model uses that module
    inside: list[Layer] = field(default_factory=list)  # those before the last that a pretrained network stands for

    @property
    def kind(self) -> str:
        return self.path.rpartition(".")[2]


@dataclass(eq=False)
class Tensor:
    """A symbolic tensor. `shape` includes the batch, in Keras's layout; None: not known.

    Behind a loop of which the length is not known `shape` tells what holds for any length, and
    `last_shape` what the last of the supposed passes made.
    """

    shape: Shape | None
    source: Apply | InputSource | Phi | None
    index: int = 0
    dtype: str = "float32"
    mask: Tensor | None = None  # the tensor whose Keras mask this one carries
    variable: str = ""
    last_shape: Shape | None = None
    merged: bool = False  # its first extent may be something else than the batch

    @property
    def sources(self) -> list[Apply | InputSource | Phi | None]:
        """What may have made the tensor: several where a condition decides."""
        if isinstance(self.source, Phi) and self.source.choices:
            return [s for c in self.source.choices for s in c.sources]
        return [self.source]

    @property
    def made_shape(self) -> Shape | None:
        """The shape that the tensor was made with."""
        return self.last_shape or self.shape

    def leave_loop(self, entry: Tensor) -> None:
        """What is known behind a loop that begins with `entry` and may make no pass at all."""
        self.last_shape = self.made_shape
        self.shape = join_shapes(entry.shape, self.shape)


@dataclass(frozen=True, eq=False)
class Extent:
    """A size of a tensor that only the running program knows: `tf.shape(x)[0]`."""

    tensor: Tensor
    axis: int


@dataclass(frozen=True)
class Counter:
    """A number of a loop of which the least value is known; a name that it is assigned to holds UNKNOWN."""

    least: int


def join_shapes(a: Shape | None, b: Shape | None) -> Shape | None:
    """What is known of a tensor that has one of two shapes."""
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple(x if x == y else FREE for x, y in zip(a, b))


@dataclass(eq=False)
class InputSource:
    """A `keras.Input` (or the input that a Sequential implies)."""

    name: str
    shape: Shape | None
    dtype: str
    span: Span
    frame: Frame
    order: int
    statement: cst.CSTNode | None = None


@dataclass(eq=False)
class Phi:
    """A tensor of which the interpreter cannot tell how it came about.

    `choices`: the tensors of which a condition of the running program makes it one.
    """

    reason: str
    span: Span
    choices: tuple[Tensor, ...] = ()
    arm: Arm | None = None  # the first of the condition's ways


@dataclass(eq=False)
class Apply:
    """A layer, function or model applied to tensors."""

    op: Op | None
    args: dict[str, Expr]
    inputs: tuple[Tensor, ...]
    layer: Layer | ModelValue | None
    span: Span
    frame: Frame
    order: int
    statement: cst.CSTNode | None = None
    outputs: list[Tensor] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    loops: Loops = ()
    arms: tuple[Arm, ...] = ()  # the conditions around it that only the running program decides
    fused: bool = False  # the activation argument of the layer before it


@dataclass(eq=False)
class ModelValue:
    """A Sequential or functional model. Its `layers` (Sequential) or `inputs`/`outputs`."""

    style: str  # sequential, functional, loaded, subclass, unknown
    span: Span
    frame: Frame
    order: int
    call: cst.Call | None = None
    name: Expr | None = None
    layers: list[Layer | ModelValue] = field(default_factory=list)
    places: list[tuple[cst.CSTNode | None, Loops]] = field(default_factory=list)  # where each was added
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    statements: list[cst.CSTNode] = field(default_factory=list)
    uncertain: int = 0  # the depth of unknown conditions in which it was made
    closed: int = 0  # when its last layer was added
    variable: str = ""
    problems: list[tuple[str, str, Span]] = field(default_factory=list)
    single_output: bool = True
    output_keys: tuple[str, ...] = ()  # of a model that returns a dict
    added: list[Tensor] = field(default_factory=list)  # by `model.add_loss(tensor)`
    instance: Instance | None = None  # of the user's class
    trainable: bool = True
    scopes: list[dict[str, object]] = field(default_factory=list)  # the names at its last layer, inner ones first

    @property
    def output_shapes(self) -> tuple[Shape | None, ...]:
        return tuple(t.shape for t in self.outputs)


@dataclass(eq=False)
class Event:
    """Something that was done with a model: compile, fit, evaluate, predict, save, ...

    `result` is what the interpreter took it to return.
    """

    kind: str
    model: ModelValue | None
    call: cst.Call
    args: tuple[Expr, ...]
    kwargs: dict[str, Expr]
    values: dict[str, object]  # of the keyword arguments and "0", "1", ... positional ones
    frame: Frame
    statement: cst.CSTNode | None
    order: int
    result: object = None
    holder: object = None  # the layer or model of trainable, get_weights and set_weights
    turn: int = 0  # the same for what is done with one of several models
