"""What is known of a value in a PyTorch program: tensors by rank and layout, modules by kind.

Ranks are variables that are unified while the program is read; a `Rank` that a convolution,
pooling or batch normalisation works on is `spatial`: such tensors run channels last.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace

from transpile.ir import UNKNOWN


class Rank:
    """The number of axes of a tensor, to be found out."""

    def __init__(self, value: int | None = None) -> None:
        self._value = value
        self._spatial = False
        self._parent: Rank | None = None
        self.torn = False  # used with different ranks
        self._index = False

    def root(self) -> Rank:
        """The variable that stands for all that were unified with this one."""
        here = self
        while here._parent is not None:
            here = here._parent
        return here

    @property
    def value(self) -> int | None:
        found = self.root()
        return None if found.torn else found._value

    @property
    def spatial(self) -> bool:
        found = self.root()
        return found._spatial and not found.torn and (found._value or 4) > 2

    @property
    def index(self) -> bool:
        """Whether an embedding looks it up."""
        return self.root()._index

    def settle(self, value: int) -> None:
        """The rank is this."""
        found = self.root()
        if found._value is None:
            found._value = value
        elif found._value != value:
            found.torn = True

    def mark(self) -> None:
        """Something that runs channels last works on it."""
        self.root()._spatial = True

    def mark_index(self) -> None:
        """It holds indices."""
        self.root()._index = True

    def unify(self, other: Rank) -> None:
        """Both are the same rank."""
        a, b = self.root(), other.root()
        if a is b:
            return
        if a._value is not None and b._value is not None and a._value != b._value:
            a.torn = True
            return
        b._parent = a
        a._value = b._value if a._value is None else a._value
        a._spatial = a._spatial or b._spatial
        a._index = a._index or b._index
        a.torn = a.torn or b.torn


class Mixed(Exception):
    """Tensors that lie differently meet where one text must do for both."""


class Value:
    """Anything; nothing is known of it."""


@dataclass(frozen=True, eq=False)
class Tensor(Value):
    """A tensor. `last`: its channels were moved to the end. `ones`: its extents in space are 1."""

    rank: Rank = field(default_factory=Rank)
    last: bool = False
    ones: bool = False
    dtype: str = "float"  # float, int, bool, or "" where it is not known


@dataclass(frozen=True, eq=False)
class Plain(Value):
    """A value of Python itself: a number, a text, None."""

    value: object = UNKNOWN


@dataclass(frozen=True, eq=False)
class Extents(Value):
    """The shape of a tensor."""

    tensor: Tensor


@dataclass(frozen=True, eq=False)
class Items(Value):
    """A tuple or list whose elements are known."""

    items: tuple[Value, ...] = ()


@dataclass(frozen=True, eq=False)
class Many(Value):
    """A list (or the values of a dict) of unknown length."""

    each: Value = field(default_factory=Value)


@dataclass(frozen=True, eq=False)
class Leaf(Value):
    """A module of torch.nn: its path below `torch.`, and the call that makes it."""

    path: str
    call: ast.Call


@dataclass(frozen=True, eq=False)
class Chain(Value):
    """nn.Sequential: of known modules, or of any number of one kind; `empty` is the call that made it without any."""

    items: tuple[Value, ...] = ()
    each: Value | None = None
    empty: ast.Call | None = None


@dataclass(frozen=True, eq=False)
class Container(Value):
    """nn.ModuleList or nn.ModuleDict."""

    each: Value
    items: tuple[Value, ...] | None = None


@dataclass(frozen=True, eq=False)
class Instance(Value):
    """An object of a module class of this file."""

    of: object  # a ClassInfo


@dataclass(frozen=True, eq=False)
class Loss(Value):
    """A loss of torch.nn by the name of its class."""

    name: str
    reduction: str


@dataclass(frozen=True, eq=False)
class Packed(Value):
    """A packed sequence: the padded tensor, the lengths as text, and whether the batch comes first."""

    tensor: Tensor
    lengths: str
    first: bool


@dataclass(frozen=True, eq=False)
class Sample(Value):
    """`next(self.parameters())`, of which only dtype and device matter."""


@dataclass(frozen=True, eq=False)
class Spread(Value):
    """The `**kwargs` of a function that only hands them on."""


@dataclass(frozen=True, eq=False)
class ClassValue(Value):
    """A class of modules: of this file, or of torch.nn by its path.

    `node` names it, `given` are the arguments that `functools.partial` gives it there. `open`: where it is
    called another one may come from other files.
    """

    of: object  # a ClassInfo, or a path
    node: ast.expr | None = None
    given: tuple[tuple[str, object], ...] = ()  # names and operands
    open: bool = False


@dataclass(frozen=True, eq=False)
class FunctionValue(Value):
    """A function: of this file, or of a library by its path; `node` and `open` as of a class."""

    of: ast.FunctionDef | ast.Lambda | str
    node: ast.expr | None = None
    open: bool = False


@dataclass(frozen=True, eq=False)
class Imported(Value):
    """A module, class or function from another file."""

    path: str


@dataclass(frozen=True, eq=False)
class Either(Value):
    """One of several."""

    values: tuple[Value, ...]


UNKNOWN_VALUE = Value()
MOST = 64  # alternatives of one value
MODULES = (Leaf, Chain, Container, Instance)


def alternatives(value: Value) -> tuple[Value, ...]:
    """The values that it may be."""
    return value.values if isinstance(value, Either) else (value,)


def key(value: Value) -> object:
    """Equal for values that are the same as far as translation goes."""
    match value:
        case Leaf(path=path, call=call):
            return ("leaf", path, id(call))
        case Loss(name=name, reduction=reduction):
            return ("loss", name, reduction)
        case Instance(of=of):
            return ("instance", id(of))
        case ClassValue(of=of) | FunctionValue(of=of):
            named = isinstance(of, str)
            return (type(value).__name__, of if named else id(of), value.open, id(value.node) if named else None)
        case Plain(value=constant):
            return ("plain", repr(constant))
        case Tensor():
            return ("tensor", id(value.rank.root()), value.last)
        case Chain(items=items, each=each):
            return ("chain", tuple(key(i) for i in items), each and key(each))
        case Container(each=each):
            return ("container", key(each))
        case Many(each=each):
            return ("many", key(each))
        case Items(items=items):
            return ("items", tuple(key(i) for i in items))
        case Imported(path=path):
            return ("imported", path)
    return id(value) if value is not UNKNOWN_VALUE else "unknown"


def join(a: Value | None, b: Value | None, alike: bool = True) -> Value:
    """What a value is that comes from either of two places; `alike`: tensors have one rank."""
    if a is None or a is b:
        return b or UNKNOWN_VALUE
    if b is None:
        return a
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _join_tensors(a, b, alike)
    if isinstance(a, Plain) and isinstance(b, Plain):
        return a if a.value == b.value and type(a.value) is type(b.value) else Plain()
    if isinstance(a, Plain) and a.value is None and isinstance(b, Tensor | Many | Items):
        return b
    if isinstance(b, Plain) and b.value is None and isinstance(a, Tensor | Many | Items):
        return a
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Items) and not one.items and isinstance(other, Many | Items):
            return other
    if isinstance(a, Items) and isinstance(b, Items) and len(a.items) == len(b.items):
        return Items(tuple(join(x, y) for x, y in zip(a.items, b.items)))
    if isinstance(a, Many | Items) and isinstance(b, Many | Items):
        return Many(join(each_of(a), each_of(b)))
    if isinstance(a, Container) and isinstance(b, Container):
        return Container(join(a.each, b.each))
    if lies_last(a) or lies_last(b):
        raise Mixed
    found: dict[object, Value] = {}
    for value in (*alternatives(a), *alternatives(b)):
        if value is not UNKNOWN_VALUE:
            found[key(value)] = value
    kept = tuple(found.values())
    unknown = any(v is UNKNOWN_VALUE for v in (*alternatives(a), *alternatives(b)))
    if unknown and not any(isinstance(v, MODULES) for v in kept):
        named = any(isinstance(v, ClassValue | FunctionValue) for v in kept)
        return opened(Either(kept)) if named else UNKNOWN_VALUE
    return kept[0] if len(kept) == 1 else Either(kept[:MOST])


def opened(value: Value) -> Value:
    """The value where other files may give another number, class or function; of lists, the length stays."""
    match value:
        case Plain():
            return Plain()
        case Items(items=items):
            return Items(tuple(opened(i) for i in items))
        case Many(each=each):
            return Many(opened(each))
        case ClassValue() | FunctionValue():
            return replace(value, open=True)
        case Either(values=values):
            found = tuple(opened(v) for v in values)
            return found[0] if len(found) == 1 else Either(found)
    return value


def _join_tensors(a: Tensor, b: Tensor, alike: bool) -> Tensor:
    same = a.dtype == b.dtype
    if a.last != b.last:
        raise Mixed
    if a.rank.value == b.rank.value is not None or (alike and None in (a.rank.value, b.rank.value)):
        a.rank.unify(b.rank)
        rank = a.rank
    else:
        rank = Rank()
    return Tensor(rank, a.last and b.last, a.ones and b.ones, a.dtype if same else "")


def lies_last(value: Value) -> bool:
    """Whether a tensor in it has its channels last."""
    match value:
        case Tensor():
            return value.last
        case Items(items=parts):
            return any(lies_last(p) for p in parts)
        case Many(each=each):
            return lies_last(each)
    return False


def each_of(value: Value) -> Value:
    """What iterating over a value gives."""
    match value:
        case Items(items=items) | Chain(items=items, each=None):
            found: Value | None = None
            for item in items:
                found = join(found, item, alike=False)
            return found or UNKNOWN_VALUE
        case Many(each=each) | Container(each=each):
            return each
        case Chain(each=each) if each is not None:
            return each
        case Tensor():
            rank = value.rank.value
            return Tensor(Rank(rank - 1) if rank else Rank(), dtype=value.dtype)
        case Either(values=values):
            result: Value | None = None
            for inner in values:
                result = join(result, each_of(inner))
            return result or UNKNOWN_VALUE
    return UNKNOWN_VALUE


def in_layout(value: Value, last: bool) -> Value:
    """The value with the tensors in it in another layout."""
    match value:
        case Tensor():
            return replace(value, last=last)
        case Items(items=items):
            return Items(tuple(in_layout(i, last) for i in items))
        case Many(each=each):
            return Many(in_layout(each, last))
    return value
