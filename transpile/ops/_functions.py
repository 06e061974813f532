"""Functions and methods of tensors, from PyTorch to keras.ops: how an entry is written.

An entry gets a `Call`: operands with their Keras text and what is known of their values. It
gives text and value of the result, or raises `Left`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from transpile.ir import UNKNOWN
from transpile.torch_values import Extents, Items, Many, Packed, Plain, Rank, Sample, Tensor, Value, lies_last


class Left(Exception):
    """It can't be converted: a code and the reason."""

    def __init__(self, message: str, code: str = "T2K103") -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Operand:
    """An argument: its Keras text and what is known of it."""

    text: str
    value: Value = field(default_factory=Value)
    elements: tuple[Operand, ...] | None = None  # of a tuple or list that is written out

    @property
    def const(self) -> object:
        """The value where it is a constant, else UNKNOWN."""
        if isinstance(self.value, Plain):
            return self.value.value
        if self.elements is not None:
            found = tuple(e.const for e in self.elements)
            return UNKNOWN if any(f is UNKNOWN for f in found) else found
        return UNKNOWN


Result = tuple[str, Value]
Handler = Callable[["Call"], Result]


@dataclass(frozen=True)
class Function:
    """An entry: its spellings (a method begins with a dot), its parameters, and what it does."""

    paths: tuple[str, ...]
    params: tuple[tuple[str, object], ...]  # name -> default; `...` = required
    rest: str  # the parameter that takes all further positional arguments, "" for none
    handler: Handler
    rest_first: bool = False  # the others are given by name only


@dataclass
class Call:
    """One call of an entry."""

    name: str
    args: dict[str, Operand]
    targets: int | None = None  # into how many names the result is unpacked
    helpers: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    dtype: str = '"float32"'  # what a float tensor is here, as text

    def has(self, name: str) -> bool:
        """Whether the argument is given, and not None."""
        operand = self.args.get(name)
        return operand is not None and not (isinstance(operand.value, Plain) and operand.value.value is None)

    def text(self, name: str) -> str:
        return self.args[name].text

    def const(self, name: str) -> object:
        return self.args[name].const

    def tensor(self, name: str = "x") -> Tensor:
        """The operand as a tensor; of what is not known to be one, a tensor of unknown rank."""
        value = self.args[name].value
        return value if isinstance(value, Tensor) else Tensor(dtype="")

    def torch(self, name: str = "x") -> str:
        """The operand's text with its axes as PyTorch counts them."""
        return relaid(self.args[name].text, self.args[name].value, False)

    def number(self, name: str) -> int:
        """An argument that must be a known integer."""
        found = self.const(name)
        if not isinstance(found, int):
            raise Left(f"{self.name}: {name}={self.text(name)} is only known at run time", "T2K104")
        return found


def permutation(rank: int, last: bool) -> str:
    """The axes that bring the channels to the end, or back to the front."""
    axes = (0, *range(2, rank), 1) if last else (0, rank - 1, *range(1, rank - 1))
    return repr(axes)


def relaid(text: str, value: Value, last: bool) -> str:
    """The text of a tensor in a layout."""
    if isinstance(value, Many) and isinstance(value.each, Tensor) and value.each.last != last:
        return f"[{relaid('part', value.each, last)} for part in {text}]"
    if any(isinstance(v, Packed) for v in (value.items if isinstance(value, Items) else (value,))):
        raise Left("a packed sequence that is handed on")
    if isinstance(value, Sample):
        raise Left("one of the parameters that is handed on")
    if isinstance(value, Items | Many) and lies_last(value) and not last:
        raise Left("a list of images that lie channels last is given away", "T2K104")
    if not isinstance(value, Tensor) or value.last == last:
        return text
    rank = value.rank.value
    if rank is None:
        raise Left("the rank of a tensor whose layout changes is not known", "T2K104")
    if rank < 3:
        return text
    return f"ops.transpose({text}, {permutation(rank, last)})"


def moved_axis(axis: int, rank: int) -> int:
    """Where an axis of PyTorch's lies when the channels are last."""
    axis %= rank
    return rank - 1 if axis == 1 else axis - 1 if axis > 1 else 0


def axis_of(call: Call, name: str = "dim", tensor: str = "x") -> tuple[str, str]:
    """The tensor's text and an axis argument that fits it."""
    value, dim = call.tensor(tensor), call.args[name]
    if not value.last:
        return call.text(tensor), dim.text
    rank, axis = value.rank.value, dim.const
    if rank is not None and isinstance(axis, int):
        return call.text(tensor), shown_axis(moved_axis(axis, rank), rank)
    if rank is not None and isinstance(axis, tuple | list) and all(isinstance(a, int) for a in axis):
        return call.text(tensor), repr(tuple(sorted(moved_axis(a, rank) for a in axis)))
    return call.torch(tensor), dim.text


def shown_axis(axis: int, rank: int) -> str:
    """The last axis is -1."""
    return "-1" if axis == rank - 1 else str(axis)


def like(value: Value, **changes: object) -> Tensor:
    """A tensor of the same rank and layout."""
    base = value if isinstance(value, Tensor) else Tensor(dtype="")
    found: dict[str, object] = {"rank": base.rank, "last": base.last, "ones": base.ones, "dtype": base.dtype} | changes
    return Tensor(**found)  # type: ignore[arg-type]


def fresh(rank: int | None = None, dtype: str = "float", last: bool = False) -> Tensor:
    """A new tensor."""
    return Tensor(Rank(rank), last, dtype=dtype)


_TABLE: dict[str, Function] = {}


def function(*paths: str, params: str = "x") -> Callable[[Handler], Handler]:
    """Registers a handler under its spellings. `params`: "x, dim=None, *shape"."""

    def register(handler: Handler) -> Handler:
        names: list[tuple[str, object]] = []
        rest = ""
        for part in params.split(", ") if params else ():
            if part.startswith("*"):
                rest = part[1:]
                continue
            name, _, default = part.partition("=")
            names.append((name, eval(default, {}) if default else ...))  # our own text
        entry = Function(paths, tuple(names), rest, handler, params.startswith("*"))
        for path in paths:
            assert path not in _TABLE, path
            _TABLE[path] = entry
        return handler

    return register


def bound(entry: Function, name: str, given: Sequence[Operand], named: dict[str, Operand]) -> dict[str, Operand]:
    """The operands by parameter; raises Left for what does not fit."""
    names = [n for n, _ in entry.params]
    args = {} if entry.rest_first else dict(zip(names, given))
    if len(given) > len(args):
        if not entry.rest:
            raise Left(f"{name}: it has too many arguments")
        more = tuple(given[len(args) :])
        args[entry.rest] = more[0] if len(more) == 1 and _is_several(more[0]) else listed(more)
    renamed = {"input": "x", "self": "x", "axis": "dim", "keepdims": "keepdim", "size": entry.rest, "tensors": "x"}
    for key, operand in named.items():
        key = key if key in names or key == entry.rest else renamed.get(key, key)
        if key not in names and key != entry.rest:
            if key in ("device", "inplace", "requires_grad", "memory_format", "non_blocking", "out", "layout", "copy"):
                continue
            raise Left(f"{name}: {key}={operand.text}")
        args[key] = operand
    for key, default in entry.params:
        if key not in args:
            if default is ...:
                raise Left(f"{name}: {key} is missing")
            args[key] = Operand(repr(default), Plain(default))
    return args


def _is_several(operand: Operand) -> bool:
    return operand.elements is not None or isinstance(operand.value, Items | Extents | Many)


def listed(parts: Sequence[Operand]) -> Operand:
    """Several operands as a tuple."""
    texts = [p.text for p in parts]
    text = f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
    return Operand(text, Items(tuple(p.value for p in parts)), tuple(parts))


def written_parts(text: str) -> list[str]:
    """The elements of a tuple that is written out; none of any other text."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return []
    if not isinstance(node, ast.Tuple) or any(isinstance(e, ast.Starred) for e in node.elts):
        return []
    return [ast.get_source_segment(text, e) or ast.unparse(e) for e in node.elts]


def entry_of(path: str) -> Function | None:
    """The entry of a function's path below `torch.`, or of a method such as ".view"."""
    return _TABLE.get(path)
