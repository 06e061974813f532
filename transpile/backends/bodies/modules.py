"""Keras layers that a class of the user's makes: the modules that stand for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transpile.backends.torch_nodes import CannotWrite, add_extras, common_setup, initial, lowered
from transpile.backends.torch_regularization import Extras
from transpile.interpret.graph import RECURRENT
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.same_values import alike, same_value, told
from transpile.interpret.values import Frame, Function, Layer, ModelValue, Ref
from transpile.ir import FREE, Dim, Expr, Node, Shape, Span, literal
from transpile.registry import ACTIVITY, Context, Lowered, Op, bind, by_keras_path, lower, mask_of

if TYPE_CHECKING:
    from transpile.backends.bodies.own import OwnClass


@dataclass(frozen=True)
class Module:
    """What an attribute holds: how it is made, how it is called, what it needs.

    `layout` says in which layout it runs ("any" = wherever its input lies). `activation` wraps
    the call, "" for none. `own` is the user's class that it is an instance of, `model` a model
    that was converted by itself.
    """

    text: str = ""
    call: str = "{module}({x})"
    op: Op | None = field(default=None, hash=False)
    args: Mapping[str, Expr] = field(default_factory=dict, hash=False, compare=False)
    layout: str = "any"
    activation: str = ""
    shape: Shape | None = None  # of the output, in Keras's layout
    inputs: tuple[Shape | None, ...] = ()  # of the calls that were followed
    inits: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    penalties: tuple[tuple[str, str, str], ...] = ()  # on its weights: kind, factor, tensor
    own: OwnClass | None = field(default=None, hash=False, compare=False)
    mode: bool = False  # behaves differently in training
    start: int = 0  # where it is made
    outputs: int = 1
    chosen: bool = False  # a function by its name: it keeps the shape, and may read the last axis


class NoModule(Exception):
    """A layer in a class of the user's that cannot be converted: its code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Modules:
    """The layers of one file by the place of their construction."""

    def __init__(self, interpreter: Interpreter, style: str) -> None:
        self.interpreter = interpreter
        self.style = style
        self.layers: dict[int, list[Layer]] = {}
        for layer in interpreter.layers:
            if layer.call is not None:
                self.layers.setdefault(interpreter.source.span(layer.call).start, []).append(layer)
        self.models: dict[int, list[ModelValue]] = {}
        for model in interpreter.models:
            if model.call is not None:
                self.models.setdefault(interpreter.source.span(model.call).start, []).append(model)

    def made(self, start: int) -> Module:
        """The module for the construction at a place. Raises NoModule."""
        layers = self.layers.get(start, [])
        if not layers:
            raise NoModule("K2T187", "nothing is known of this layer")
        first = layers[0]
        if first.problems:
            raise NoModule(*first.problems[0])
        if first.kind == "Activation" or first.op is None:
            return self._activation_layer(first)
        if any(layer.op is not first.op for layer in layers):
            raise NoModule("K2T187", f"{first.kind} is another layer from instance to instance")
        try:
            node = self._node(first.op, layers, start)
        except ValueError as error:
            raise NoModule("K2T187", str(error)) from None
        return self._module(first.op, node, layers, start)

    def _module(self, op: Op, node: Node, layers: Sequence[Layer], start: int) -> Module:
        try:
            low = self._lowered(node)
            setup = [*low.setup, *common_setup(node)]
            lines = [] if "nn.Lazy" in low.module or not low.module else initial(node, "{module}", self.style)
            activity = node.args.get(ACTIVITY)
            extras = Extras()
            add_extras(extras, node, "{module}")
            if extras.bounds or (activity is not None and activity.value is not None):
                what = "constraint" if extras.bounds else "activity_regularizer"
                raise NoModule("K2T188", f"{layers[0].kind}: a {what} of a layer in a class of your own")
        except CannotWrite as error:
            raise NoModule(error.code, error.message) from None
        except ValueError as error:
            raise NoModule("K2T187", str(error)) from None
        notes = tuple((c, m) for c, m in low.diagnostics if c >= "K2T2")
        outputs = next((t for layer in layers for a in layer.applications for t in a.outputs), None)
        return Module(
            low.module, low.call, op, node.args, op.layout, self._activation(layers),
            outputs.shape if outputs is not None and len(layers) == 1 else None, node.input_shapes,
            (*lines, *setup), low.helpers, notes, tuple(extras.weights),
            mode=is_trained(op, node.args), start=start, outputs=_count(layers),
        )  # fmt: skip

    def _lowered(self, node: Node) -> Lowered:
        low = lowered(node, self.style, in_class=True)
        if low.module:
            return low
        try:
            plain = lowered(node, self.style, in_class=False)
        except (CannotWrite, KeyError):
            return low
        return plain if plain.call == "{module}({x})" and plain.module and "Sequential" not in plain.module else low

    def _node(self, op: Op, layers: Sequence[Layer], start: int) -> Node:
        """The layer as a node; what differs between instances has no value."""
        args: dict[str, Expr] = {}
        home = self._home(layers[0])
        for name, expr in layers[0].args.items():
            others = [layer.args.get(name) for layer in layers[1:]]
            same = all(o is not None and alike(o.value, expr.value, home) for o in others)
            args[name] = told(expr, home) if same else Expr(expr.text)
        for name in ("weights", "trainable"):
            if name in layers[0].common:
                args[f"common:{name}"] = layers[0].common[name]
        records = [a for layer in layers for a in layer.applications]
        count = max((len(a.inputs) for a in records), default=1)
        shapes = tuple(
            self.shape([a.inputs[i].shape for a in records if i < len(a.inputs)], records_frames(layers))
            for i in range(count)
        )
        return Node(op.name, args, tuple(f"x{i}" for i in range(count)), ("x",), input_shapes=shapes)

    def _home(self, layer: Layer) -> Span:
        """The code around a construction: the class, or else the function."""
        source = self.interpreter.source
        spans = [source.span(cls.node) for cls in self.interpreter.classes]
        function = layer.frame.function
        spans += [source.span(function.node)] if function is not None else []
        return next((s for s in spans if s.start <= layer.span.start < s.end), layer.span)

    def shape(self, shapes: Sequence[Shape | None], frames: Sequence[Frame]) -> Shape | None:
        """One shape for all uses: an extent that differs is a constructor's parameter, or free."""
        known = [s for s in shapes if s is not None]
        if not known or any(len(s) != len(known[0]) for s in known):
            return None
        return tuple(self._dim([s[i] for s in known], frames) for i in range(len(known[0])))

    def _dim(self, dims: Sequence[Dim], frames: Sequence[Frame]) -> Dim:
        values = [d.value for d in dims]
        if all(isinstance(v, int) and v == values[0] for v in values):
            return literal(values[0])
        if not all(isinstance(v, int) for v in values) or len(frames) != len(values):
            return FREE
        for name, value in frames[0].arguments.items():
            fits = all(f.arguments.get(name) == v for f, v in zip(frames, values))
            if fits and isinstance(value, int) and not isinstance(value, bool):
                return Expr(name)
        return FREE

    def _activation_layer(self, layer: Layer) -> Module:
        if layer.kind == "Activation":
            call = self._function(layer.args.get("activation", Expr("None", None)))
            return Module("", call or "{x}", start=0)
        raise NoModule("K2T101", f"the layer {layer.kind} is not supported yet")

    def _activation(self, layers: Sequence[Layer]) -> str:
        """What wraps the calls of a layer: its activation."""
        op = layers[0].op
        given = layers[0].args.get("activation")
        if given is None or op is None or op.name in RECURRENT or given.value in (None, "linear"):
            return ""
        if any(not same_value(layer.args["activation"].value, given.value) for layer in layers):
            raise NoModule("K2T187", f"activation={given.text} differs from instance to instance")
        return self._function(given)

    def _function(self, given: Expr) -> str:
        value = given.value
        if value in (None, "linear"):
            return ""
        if isinstance(value, Function):
            name = given.text
            return f"{name}({{x}})" if name.replace(".", "").isidentifier() else f"({name})({{x}})"
        if isinstance(value, Layer) and value.op is not None:
            node = Node(value.op.name, value.args, ("x",), ("x",))
            low = lower(value.op, node, Context("keras", "default", True))
            if not low.module:
                return low.call
        path = f"activations.{value}" if isinstance(value, str) else ""
        if isinstance(value, Ref):
            path = value.path.removeprefix("keras.")
        op = by_keras_path().get(path)
        if op is None:
            raise NoModule("K2T106", f"the activation {given.text} is not supported yet")
        low = lower(op, Node(op.name, dict(bind(op, (), {})), ("x",), ("x",)), Context("keras", "default", True))
        if low.module or any(c < "K2T2" for c, _ in low.diagnostics):
            raise NoModule("K2T106", f"the activation {given.text} is not supported here")
        return low.call


TRAINED = frozenset(
    "dropout spatial_dropout1d spatial_dropout2d spatial_dropout3d batch_norm batch_normalization gaussian_noise "
    "gaussian_dropout alpha_dropout".split()
)


def is_trained(op: Op | None, args: Mapping[str, Expr]) -> bool:
    """Whether a layer behaves differently in training."""
    rates = [args[n].value for n in ("dropout", "recurrent_dropout") if n in args]
    return op is None or op.name in TRAINED or any(r is not None and r != 0 for r in rates)


def place_of_mode(module: Module) -> int:
    """Which argument of a call tells the mode, if it is told by its place; -1 where none does."""
    if module.own is None:
        return 1 if module.op is None or module.op.name in TRAINED else -1
    call = module.own.method("call")
    names = [a.arg for a in call.args.args[1:]] if call is not None else []
    return next((i for i, n in enumerate(names) if n in ("training", module.own.flag)), -1)


def records_frames(layers: Sequence[Layer]) -> list[Frame]:
    """Per application, the frame of the constructor that made its layer."""
    return [layer.frame for layer in layers for _ in layer.applications]


def makes_mask(layers: Sequence[Layer]) -> bool:
    """Whether an embedding or a Masking layer is among them that brings a mask into being."""
    for layer in layers:
        if layer.op is not None and layer.op.name == "masking":
            return True
        if layer.op is not None and layer.op.name == "embedding" and layer.args["mask_zero"].value is not False:
            return True
    return False


def uses_mask(layers: Sequence[Layer]) -> bool:
    """Whether a mask would make a difference to one of them."""
    return any(layer.op is not None and mask_of(layer.op, layer.args).startswith("use") for layer in layers)


def _count(layers: Sequence[Layer]) -> int:
    return max((len(a.outputs) for layer in layers for a in layer.applications), default=1)
