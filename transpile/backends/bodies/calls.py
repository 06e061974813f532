"""One call of a framework's function on translated arguments: the registry's word, or a special one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from transpile.backends.bodies.kinds import Kind, element_of, expr, tensor
from transpile.backends.torch_nodes import atomic, filled
from transpile.ir import UNKNOWN, Expr, Node, Shape
from transpile.registry import Context, Op, UnknownArgument, bind, by_keras_path, lower, signature

UNKNOWN_FUNCTION, ARGUMENT = "K2T185", "K2T186"
_TENSORS = frozenset("x x1 x2 x3 y tensors variable".split())
_BOOLEAN = frozenset(
    "equal not_equal greater greater_equal less less_equal logical_and logical_or logical_not any all".split()
)
_FLOATING = frozenset("sigmoid tanh softmax log exponential sqrt rsqrt one_hot log_softmax softplus".split())
_INDICES = frozenset("argmax argmin argsort".split())


class Refusal(Exception):
    """Something in a body has no translation: its code, its message, its place."""

    def __init__(self, code: str, message: str, node: ast.AST) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.node = node


class Behind(Refusal):
    """A function of the user's takes a crossentropy of what it is given, which suits it as it stands
    but not at a call that hands it what comes out of an activation."""


@dataclass
class Argument:
    """A translated argument: its text in the output, what it is, where it stood."""

    text: str
    kind: Kind
    node: ast.expr
    items: tuple[Argument, ...] | None = None  # of a list that is written out


@dataclass
class Call:
    """A call of a framework's function whose arguments are translated.

    `place` is an expression for the device of new tensors, "" where none is known.
    """

    path: str
    node: ast.Call
    args: list[Argument]
    kwargs: dict[str, Argument]
    place: str = ""
    helpers: list[str] = field(default_factory=list)
    array: bool = False  # an argument of numpy's `astype`

    def refuse(self, message: str, code: str = ARGUMENT) -> Refusal:
        """What to raise where this call has no translation."""
        return Refusal(code, f"{short(self.path)}: {message}", self.node)


def short(path: str) -> str:
    """A canonical path as people write it."""
    return path.replace("keras.backend.", "K.")


class Bound(Mapping[str, Argument]):
    """The arguments of a special function by name."""

    def __init__(self, call: Call, parameters: Sequence[str], renamed: Mapping[str, str]) -> None:
        self.call = call
        self.given: dict[str, Argument] = {}
        if len(call.args) > len(parameters):
            raise call.refuse("too many arguments")
        self.given.update(zip(parameters, call.args))
        for name, argument in call.kwargs.items():
            name = renamed.get(name, name)
            if name not in parameters:
                if name != "name":
                    raise call.refuse(f"the argument {name} has no counterpart")
                continue
            self.given[name] = argument

    def __getitem__(self, name: str) -> Argument:
        if name not in self.given:
            raise self.call.refuse(f"no {name} is given")
        return self.given[name]

    def __contains__(self, name: object) -> bool:
        return name in self.given

    def __iter__(self) -> Iterator[str]:
        return iter(self.given)

    def __len__(self) -> int:
        return len(self.given)

    def value(self, name: str, default: object) -> object:
        """The literal value of an argument; UNKNOWN where it is not one."""
        found = self.given.get(name)
        if found is None:
            return default
        return None if found.kind.what == "none" else found.kind.value

    def only(self, name: str, *values: object) -> None:
        """Refuses any other value of an argument."""
        given = self.value(name, values[0])
        if given is UNKNOWN or not any(given == v and isinstance(given, bool) == isinstance(v, bool) for v in values):
            raise self.call.refuse(f"{name}={self.given[name].text} has no counterpart")

    def fill(self, template: str, **texts: str) -> str:
        """A template with the arguments in it, in parentheses where that is needed."""
        return filled(template, {n: a.text for n, a in self.given.items()} | texts)


Handler = Callable[[Bound], tuple[str, Kind]]
_SPECIAL: dict[str, tuple[tuple[str, ...], Mapping[str, str], Handler]] = {}


def special(parameters: str, *paths: str, **renamed: str) -> Callable[[Handler], Handler]:
    """Registers a function that the registry's graph view cannot say."""

    def register(handler: Handler) -> Handler:
        for path in paths:
            assert path not in _SPECIAL, path
            _SPECIAL[path] = (tuple(parameters.split()), renamed, handler)
        return handler

    return register


def special_paths() -> frozenset[str]:
    """The paths that have a special translation."""
    return frozenset(_SPECIAL)


def knows(path: str) -> bool:
    """Whether a function has a translation at all."""
    key = path.removeprefix("keras.")
    op = by_keras_path().get(key)
    return key in _SPECIAL or (op is not None and _function(op, key))


def _function(op: Op, key: str) -> bool:
    return key.startswith(("ops.", "tf.", "backend.", "activations."))


def translate(call: Call) -> tuple[str, Kind]:
    """The call in PyTorch's words. Raises Refusal."""
    key = call.path.removeprefix("keras.")
    found = _SPECIAL.get(key)
    if found is not None:
        parameters, renamed, handler = found
        return handler(Bound(call, parameters, renamed))
    op = by_keras_path().get(key)
    if op is None or not _function(op, key):
        raise Refusal(UNKNOWN_FUNCTION, f"{short(call.path)} has no counterpart in PyTorch that is known", call.node)
    return _registered(call, op)


def _registered(call: Call, op: Op) -> tuple[str, Kind]:
    kwargs = {k: a for k, a in call.kwargs.items() if k != "name"}
    carried: dict[int, Argument] = {}

    def wrap(argument: Argument) -> Expr:
        made = expr(argument.text, argument.kind)
        carried[id(made)] = argument
        return made

    wrapped = [wrap(a) for a in call.args]
    named = {k: wrap(a) for k, a in kwargs.items()}
    try:
        bound = bind(op, wrapped, named)
    except UnknownArgument as error:
        raise call.refuse(f"{error} has no counterpart") from None
    inputs: list[Argument] = []
    args: dict[str, Expr] = {}
    several = ""
    for name in signature(op.keras)[1]:
        if name not in bound:
            raise call.refuse(f"no {name} is given")
        argument = carried.get(id(bound[name]))
        if argument is None or name not in _TENSORS or argument.kind.plain:
            args[name] = bound[name]
        elif name == "tensors":
            several = "" if argument.items is not None else argument.text
            inputs += argument.items if argument.items is not None else (argument,)
        else:
            inputs.append(argument)
    return _lowered(call, op, args, inputs, several)


def _lowered(call: Call, op: Op, args: dict[str, Expr], inputs: list[Argument], several: str) -> tuple[str, Kind]:
    if not inputs:
        raise call.refuse("none of its arguments is a tensor")
    shapes = tuple(a.kind.shape for a in inputs)
    node = Node(op.name, args, tuple(f"x{i}" for i in range(len(inputs))), ("x",), input_shapes=shapes)
    low = lower(op, node, Context("keras", "default", True))
    for code, message in low.diagnostics:
        if code < "K2T2":
            raise call.refuse(message)
    if low.module:
        raise call.refuse("it needs a module")
    call.helpers += low.helpers
    template = low.call.replace("[{xs}]", several) if several else low.call
    if op.name == "reduce_mean" and inputs[0].kind.element in ("bool", "int") and not call.path.startswith("tf."):
        first = inputs[0]  # Keras counts in floats there
        text = first.text if atomic(first.text) else f"({first.text})"
        inputs = [replace(first, text=f"{text}.float()"), *inputs[1:]]
    texts = {"x": inputs[0].text, "xs": ", ".join(a.text for a in inputs)}
    texts |= {f"x{i}": a.text for i, a in enumerate(inputs)}
    shape = op.shape(shapes, args) if not several else None
    everything = op.name.startswith("reduce_") and "axis" in args and args["axis"].value is None
    if shape is None and everything and args["keepdims"].value is False:
        shape = ()
    return filled(template, texts), _result(op, args, inputs, shape)


def _result(op: Op, args: dict[str, Expr], inputs: list[Argument], shape: Shape | list[Shape | None] | None) -> Kind:
    name = op.name.removeprefix("reduce_").removesuffix("_ops").removeprefix("tf_").removeprefix("backend_")
    element = element_of(tuple(a.kind for a in inputs))
    if name in _BOOLEAN:
        element = "bool"
    elif name in _INDICES:
        element = "int"
    elif name in _FLOATING:
        element = "float"
    elif name == "cast":
        text = str(getattr(args["dtype"].value, "path", args["dtype"].value))
        element = "bool" if "bool" in text else "int" if "int" in text else "float" if "float" in text else ""
    if isinstance(shape, list):
        return Kind("list", items=tuple(tensor(element, s) for s in shape))
    if op.name.startswith("split"):
        return Kind("list", item=tensor(element))
    return tensor(element, shape)
