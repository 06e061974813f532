"""What an op is in each framework: two signatures and the relation between them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.shapes import ShapeRule

Framework = Literal["keras", "torch"]
Layout = Literal["keras", "torch"]
Mask = Literal["keep", "drop", "merge", "use", "use+keep", "use+merge"]
OTHER: dict[Framework, Framework] = {"keras": "torch", "torch": "keras"}

# Arguments that every Keras layer takes; the front end reads them, no op mentions them.
LAYER_ARGUMENTS = frozenset(
    "name trainable dtype autocast input_shape input_dim batch_input_shape batch_shape "
    "batch_size input_dtype weights".split()
)
# Taken by every layer, too; it becomes a node of its own.
ACTIVITY = "activity_regularizer"
# Arguments translated by a mechanism of their own, whatever the op.
CARRIED_SUFFIXES = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Example:
    """The same call in both frameworks. `input` is one sample's shape, channels last;
    several inputs are a tuple of shapes. `dtype` "int32" makes it class ids below `high`."""

    keras: str
    torch: str
    input: tuple[int, ...] | tuple[tuple[int, ...], ...] = ()
    dtype: str = "float32"
    high: int = 8


@dataclass(frozen=True)
class Context:
    """What a lowering may know beside its node."""

    layout: Layout = "keras"  # in which layout the inputs lie
    style: str = "default"  # default, exact or idiomatic
    in_class: bool = True  # False inside nn.Sequential, where everything is a module

    def axis(self, node: Node, name: str = "axis") -> Expr:
        """The Keras axis argument `name` as the torch axis under the current layout."""
        axis = node.args[name]
        shape = node.input_shapes[0] if node.input_shapes else None
        if self.layout == "keras" or shape is None or not isinstance(axis.value, int):
            return axis
        rank = len(shape)
        value = axis.value % rank
        return literal(1 if value == rank - 1 else value + 1 if value else 0)


@dataclass(frozen=True)
class Lowered:
    """A node in PyTorch's words.

    `module` constructs what is stored on the model ("" = nothing is stored). `call` applies
    it: "{module}" is the attribute, "{x}" the first input, "{x0}", "{x1}", ... all inputs,
    "{xs}" their list. `setup` are statements for the constructor, after the module was made;
    "{module}" as before. `helpers` name files of templates/torch/helpers that the text uses.
    `diagnostics` report shifts of meaning at this node, as (code, message).
    """

    module: str = ""
    call: str = "{module}({x})"
    setup: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    diagnostics: tuple[tuple[str, str], ...] = ()


Expand = Callable[["Op", Node, Context], Lowered]


def same_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """Elementwise ops: the output has the shape of the first input."""
    return inputs[0] if inputs else None


@dataclass(frozen=True)
class Op:
    """An op of both frameworks.

    `keras` and `torch` are call signatures: required parameters bare, the others with
    their defaults. `function` is the torch function for use inside `forward`, where that
    reads better than a module (activations, merges); its tensors are called x, or x0, x1.
    `same` and `to_torch`/`to_keras` relate the parameters. A formula sees the parameters of
    the other side and `channels` (the extent of the last Keras axis of the input).
    `layout` says where the op can run: "torch" = channels first only (convolution, pooling),
    "keras" = only in Keras's layout (Flatten, Reshape, Dense), "any" = wherever its input
    lies; `axes` names arguments that are axes, to be shifted with the layout.
    `mask`: what becomes of a Keras mask: "keep", "drop", "use" (consumed here: a lowering
    must handle node.mask) or "use+keep", "merge" and "use+merge" for what joins several tensors
    (interpret/masks.py has the rules); or a function that decides by the arguments.
    """

    name: str
    keras: str
    torch: str = ""
    function: str = ""
    same: Mapping[str, str] = field(default_factory=dict)  # keras name -> torch name
    to_torch: Mapping[str, str] = field(default_factory=dict)  # torch name -> formula
    to_keras: Mapping[str, str] = field(default_factory=dict)  # keras name -> formula
    when: Mapping[str, str] = field(default_factory=dict)  # framework -> condition
    checks: Mapping[str, str] = field(default_factory=dict)  # condition on keras args -> code
    layout: Literal["any", "keras", "torch"] = "any"
    axes: tuple[str, ...] = ()
    shape: ShapeRule = same_shape
    weights: tuple[str, ...] = ()
    weights_of: Callable[[Node], tuple[str, ...]] | None = None  # where they depend on the node
    mask: Mask | Callable[[Mapping[str, Expr]], Mask] = "drop"
    expand: Expand | None = None
    own_init: bool = False  # the lowering gives the initial values itself
    aliases: tuple[str, ...] = ()  # other Keras spellings of the path
    renamed: Mapping[str, str] = field(default_factory=dict)  # old Keras argument -> new
    ignored: tuple[str, ...] = ()  # Keras arguments without numerical meaning
    examples: tuple[Example, ...] = ()
    note: str = ""  # likeliest reasons of a mismatch, for the verifier and the docs

    @property
    def keras_path(self) -> str:
        return self.keras.partition("(")[0]  # without parsing the signatures of all ops

    @property
    def keras_class(self) -> str:
        return self.keras_path.rpartition(".")[2]

    def relation(self, source: Framework) -> dict[str, str]:
        """Target name -> formula over source names and `channels`."""
        if source == "keras":
            return {t: k for k, t in self.same.items()} | dict(self.to_torch)
        return dict(self.same) | dict(self.to_keras)


class UnknownArgument(Exception):
    """A call has an argument that the signature lacks. `names` lists them."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


@cache
def signature(text: str) -> tuple[str, Mapping[str, Expr | None]]:
    """The path of a call signature, and its parameters with defaults (None = required)."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call), text
    required: dict[str, Expr | None] = {a.id: None for a in call.args if isinstance(a, ast.Name)}
    optional = {k.arg: literal(ast.literal_eval(k.value)) for k in call.keywords if k.arg}
    return ast.unparse(call.func), required | optional


def bind(op: Op, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> dict[str, Expr]:
    """Keras arguments by their canonical name, defaults filled in.

    Raises UnknownArgument for names that neither the op nor every layer has.
    """
    _, params = signature(op.keras)
    if len(args) > len(params):
        raise UnknownArgument([f"positional argument {i + 1}" for i in range(len(params), len(args))])
    given = dict(zip(params, args)) | {op.renamed.get(n, n): e for n, e in kwargs.items()}
    known = LAYER_ARGUMENTS | {ACTIVITY} if op.keras_path.startswith("layers.") else LAYER_ARGUMENTS
    unknown = [n for n in given if n not in params and n not in op.ignored and n not in known]
    if unknown:
        raise UnknownArgument(unknown)
    defaults = {n: e for n, e in params.items() if e is not None}
    return defaults | {n: e for n, e in given.items() if n in params or n == ACTIVITY}


_FUNCTIONS = {
    "min": min,
    "max": max,
    "len": len,
    "tuple": tuple,
    "int": int,
    "isinstance": isinstance,
}


def evaluate(formula: str, scope: Mapping[str, Expr]) -> Expr:
    """Compute a formula over literals; splice the user's text into it otherwise."""
    tree = ast.parse(formula, mode="eval")
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id not in _FUNCTIONS]
    if len(names) == 1 and isinstance(tree.body, ast.Name):
        return scope[names[0].id]
    known = {n.id: scope[n.id].value for n in names}
    if not any(v is UNKNOWN for v in known.values()):
        code = compile(tree, formula, "eval")
        value = eval(code, {"__builtins__": {}} | _FUNCTIONS, known)  # our formula, never user text
        return literal(float(f"{value:.12g}") if isinstance(value, float) else value)
    for n in names:
        text = scope[n.id].text
        n.id = text if re.fullmatch(r"[A-Za-z_][\w.]*|\d+", text) else f"({text})"
    return Expr(ast.unparse(tree))


def channels(node: Node) -> Expr:
    """The extent of the last Keras axis of the first input; text "" when unknown."""
    shape = node.input_shapes[0] if node.input_shapes else None
    return shape[-1] if shape else Expr("")


def translate(op: Op, source: Framework, bound: Mapping[str, Expr], **context: Expr) -> dict[str, Expr]:
    """The arguments of the other framework's call, by name."""
    return {n: evaluate(f, dict(bound) | context) for n, f in op.relation(source).items()}


def carried(name: str) -> bool:
    """Whether an argument is translated by a mechanism of its own, whatever the op."""
    return name == "activation" or name.endswith(CARRIED_SUFFIXES)


def lost(op: Op, bound: Mapping[str, Expr], **context: Expr) -> list[str]:
    """Keras arguments that would not come back from PyTorch: each one is reported."""
    probed = {n: literal(10007 + i) if not e.known else e for i, (n, e) in enumerate(bound.items())}
    context = {n: literal(12) if not e.known else e for n, e in context.items()}
    there = {n: e for n, e in signature(op.torch or op.function)[1].items() if e is not None}
    there |= translate(op, "keras", probed, **context)
    defaults = {n: e for n, e in signature(op.keras)[1].items() if e is not None}
    back = defaults | translate(op, "torch", there, **context)
    return [
        n
        for n, e in probed.items()
        if not carried(n) and n not in op.ignored and (n not in back or not equal(e.value, back[n].value))
    ]


def spell(text: str, args: Mapping[str, Expr]) -> str:
    """A call: required arguments positional, others by keyword, defaults not printed."""
    path, params = signature(text)
    given = [
        args[n].text if default is None else f"{n}={args[n].text}"
        for n, default in params.items()
        if n in args and (default is None or not equal(args[n].value, default.value))
    ]
    return f"{path}({', '.join(given)})"


def equal(a: object, b: object) -> bool:
    """3 and (3, 3) are the same kernel size; 0.1 is what 1 - 0.9 was meant to be."""
    if a is UNKNOWN or b is UNKNOWN:
        return False
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b) < 1e-12 * max(abs(a), abs(b)) or a == b
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if isinstance(a, tuple | list):
        return all(equal(x, b) for x in a) and len(a) > 0
    if isinstance(b, tuple | list):
        return all(equal(a, y) for y in b) and len(b) > 0
    return a == b


def lower(op: Op, node: Node, context: Context) -> Lowered:
    """A node in PyTorch's words: by the op's own expansion, else by its relation."""
    if op.expand is not None:
        return op.expand(op, node, context)
    return plain(op, node, context)


def plain(op: Op, node: Node, context: Context) -> Lowered:
    """The lowering that follows from the relation alone."""
    args = dict(node.args) | {n: context.axis(node, n) for n in op.axes if n in node.args}
    target = translate(op, "keras", args, channels=channels(node))
    if op.function and (context.in_class or not op.torch):
        inputs = {n: Expr("{" + n + "}") for n in _tensor_names(op.function)}
        return Lowered(call=spell(op.function, inputs | target))
    return Lowered(module=spell(op.torch, target))


def mask_of(op: Op, args: Mapping[str, Expr]) -> Mask:
    """What becomes of a Keras mask at this op, called with these arguments."""
    return op.mask(args) if callable(op.mask) else op.mask


def weight_lines(op: Op, node: Node) -> tuple[str, ...]:
    """How the weights of a node are carried over (and where its parameters are)."""
    return op.weights if op.weights_of is None else op.weights_of(node)


def _tensor_names(function: str) -> list[str]:
    return [n for n in signature(function)[1] if n in ("x", "xs") or (n[0] == "x" and n[1:].isdigit())]


def with_module(lowered: Lowered, module: str) -> Lowered:
    """The same lowering around another constructor."""
    return replace(lowered, module=module)


@cache
def all_ops() -> tuple[Op, ...]:
    """Every entry of transpile/ops, in file order. Refuses two entries of one name or spelling."""
    ops: list[Op] = []
    package = importlib.import_module("transpile.ops")
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        module = importlib.import_module(f"transpile.ops.{info.name}")
        ops += getattr(module, "OPS", ())
    seen: dict[str, Op] = {}
    for op in ops:
        for key in (op.name, op.keras_path, *op.aliases):
            if seen.get(key, op) is not op:
                raise ValueError(f"{key} is registered twice: {seen[key].name} and {op.name}")
            seen[key] = op
    return tuple(ops)


@cache
def by_name() -> Mapping[str, Op]:
    """Entries by their name, the `op` of a Node."""
    return {op.name: op for op in all_ops()}


@cache
def by_keras_path() -> Mapping[str, Op]:
    """Entries by each of their Keras spellings, such as "layers.Conv2D"."""
    return {path: op for op in all_ops() for path in (op.keras_path, *op.aliases)}


def wrapped(expr: Expr) -> tuple[Op, Mapping[str, Expr]] | None:
    """The layer inside a wrapper's argument (`Bidirectional(LSTM(8))`): its op and arguments."""
    op = getattr(expr.value, "op", None)
    if isinstance(op, str):
        op = by_name().get(op)
    return (op, expr.value.args) if isinstance(op, Op) else None  # type: ignore[attr-defined]


def innermost(args: Mapping[str, Expr]) -> Mapping[str, Expr]:
    """The arguments of the layer inside wrappers (`Bidirectional(RNN(LSTMCell(8)))`), or `args`."""
    for name in ("layer", "cell"):
        inner = wrapped(args[name]) if name in args else None
        if inner is not None:
            return innermost(inner[1])
    return args
