"""A class of the user's with layers: what is known of its objects."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transpile.backends.bodies.kinds import Kind
from transpile.frontends.facts import Steps
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Frame, Instance, Layer, ModelValue, UserClass
from transpile.ir import Edit, Shape

if TYPE_CHECKING:
    from transpile.backends.bodies.modules import Modules
    from transpile.backends.bodies.own_step import Own


@dataclass(eq=False)
class OwnClass:
    """`inner`: takes and gives images channels first, as only other classes use it. `trained`:
    behaves differently in training."""

    node: ast.ClassDef
    cls: UserClass
    instances: list[Instance]
    layers: list[Layer]
    models: list[ModelValue]
    outputs: tuple[Shape | None, ...] = ()
    several: bool = False
    inner: bool = False
    trained: bool = False
    adds_loss: bool = False  # has a method regularization_loss()
    made: bool = False  # whether the file makes objects of it, or of classes below it
    dropped: set[str] = field(default_factory=set)  # parameters of the constructor that only Keras needs
    chosen: set[str] = field(default_factory=set)  # those that are names of activations
    edits: list[Edit] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)
    notes: list[tuple[str, str, int]] = field(default_factory=list)
    attributes: dict[str, Kind] = field(default_factory=dict)
    parent: OwnClass | None = None  # the class of the user's that it derives from
    steps: Own | None = None  # a training step of its own
    facts: Steps | None = None  # what training must know of it
    models_inside: list[int] = field(default_factory=list)  # where models are made that convert by themselves

    @property
    def is_schedule(self) -> bool:
        """Whether it gives the learning rate of a step: no module."""
        return self.cls.keras_base.endswith(".LearningRateSchedule")

    def method(self, name: str) -> ast.FunctionDef | None:
        """A method of the class itself."""
        return next((n for n in self.node.body if isinstance(n, ast.FunctionDef) and n.name == name), None)

    def inherit(self) -> None:
        """What it has of the class above, as far as it does not replace it."""
        above = self.parent
        if above is not None and self.method("__init__") is None:
            self.dropped, self.chosen = above.dropped, above.chosen

    def inherits(self, name: str) -> bool:
        """Whether a class of the user's above it has a method."""
        return self.parent is not None and (self.parent.method(name) is not None or self.parent.inherits(name))

    @property
    def constructor(self) -> ast.FunctionDef | None:
        """The constructor, its own or the one that it inherits."""
        return self.method("__init__") or (self.parent.constructor if self.parent is not None else None)

    def arguments(self, instance: Instance) -> dict[str, object]:
        """What an object's constructor was given, where this class says which there is."""
        return instance.given.get(id(class_attribute(self.cls, "__init__")), instance.arguments)

    @property
    def flag(self) -> str:
        """The parameter of `call` that tells layers the mode: `training`, or one that is handed on as such."""
        call = self.method("call")
        return self.parent.flag if call is None and self.parent is not None else flag_of(call)

    def parameters(self) -> list[ast.arg]:
        """The constructor's parameters that stay."""
        constructor = self.constructor
        if constructor is None:
            return []
        return [a for a in (*constructor.args.args[1:], *constructor.args.kwonlyargs) if a.arg not in self.dropped]

    def spatial(self, modules: Modules) -> bool:
        """Whether some layer of it runs channels first."""
        begin, end = self.node.lineno, self.node.end_lineno or 0
        for layers in modules.layers.values():
            if begin <= layers[0].span.line <= end and layers[0].op is not None and layers[0].op.layout == "torch":
                return True
        return False

    def input_shape(self, modules: Modules) -> Shape | None:
        """The shape of the first input, in terms of the constructor's parameters."""
        frames = [Frame(arguments=self.arguments(i)) for i in self.instances for _ in i.inputs]
        return modules.shape([s for i in self.instances for s in i.inputs], frames)


def derives(cls: UserClass, base: UserClass) -> bool:
    """Whether a class is another or derives from it."""
    return cls is base or any(derives(b, base) for b in cls.bases if isinstance(b, UserClass))


def flag_of(call: ast.FunctionDef | None) -> str:
    """The parameter of a `call` that is given to layers as `training=`; "" where none is."""
    if call is None:
        return ""
    names = [a.arg for a in (*call.args.args[1:], *call.args.kwonlyargs)]
    if "training" in names:
        return "training"
    given = [k.value for n in ast.walk(call) if isinstance(n, ast.Call) for k in n.keywords if k.arg == "training"]
    return next((v.id for v in given if isinstance(v, ast.Name) and v.id in names), "")
