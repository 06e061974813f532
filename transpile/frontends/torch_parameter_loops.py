"""Loops over parameters that set initial values: what they say of weights and of biases."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_PARAMETERS = ("parameters", "named_parameters")
_MATRICES = re.compile(r"(?:P\.(?:dim|ndimension)\(\)|P\.ndim|len\(P\.(?:shape|size\(\))\)) (?:> 1|>= 2)")
_PARTS = ("weight", "bias")
WEIGHTED = ("^Linear$", "^Conv", "^Embedding$")
NORMS = ("Norm",)
# Modules whose parameters are not called weight and bias.
OTHERS = re.compile(r"LSTM|GRU|RNN|Attention|Transformer|Bilinear|PReLU")


@dataclass(frozen=True)
class Chosen:
    """Which parameters a statement sets: of which name, of two axes or more only, and the call that does."""

    names: tuple[str, ...]
    matrices: bool
    call: ast.Call

    def parts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """The kinds of modules and the parameter of each."""
        if "weight" in self.names:
            yield (WEIGHTED if self.matrices else (*WEIGHTED, *NORMS)), "weight"
        if "bias" in self.names and not self.matrices:
            yield ("^Linear$", "^Conv", *NORMS), "bias"


def over_parameters(node: ast.For, owner: str) -> bool:
    """`for name, p in m.named_parameters():` of the module called `owner`."""
    match node.iter:
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=[]):
            return attr in _PARAMETERS and ast.unparse(value) == owner
    return False


def chosen(node: ast.For, is_init: Callable[[ast.Call], bool]) -> list[Chosen] | None:
    """What such a loop sets; None where it does more or chooses otherwise."""
    match node.target:
        case ast.Name(id=parameter):
            name = ""
        case ast.Tuple(elts=[ast.Name(id=name), ast.Name(id=parameter)]):
            pass
        case _:
            return None
    try:
        return list(_Reader(name, parameter, is_init).block(node.body, ("weight", "bias"), False))
    except ValueError:
        return None


@dataclass(frozen=True)
class _Reader:
    name: str
    parameter: str
    is_init: Callable[[ast.Call], bool]

    def block(self, body: Sequence[ast.stmt], names: tuple[str, ...], matrices: bool) -> Iterator[Chosen]:
        for node in body:
            match node:
                case ast.Expr(value=ast.Call() as call) if self.sets(call):
                    yield Chosen(names, matrices, call)
                case ast.If(test=test, body=inner, orelse=orelse):
                    first, second = self.branches(test, names)
                    yield from (
                        self.block(
                            inner,
                            *first,
                        )
                        if first is not None
                        else ()
                    )
                    if orelse and second is None:
                        raise ValueError
                    yield from self.block(orelse, *second) if orelse and second is not None else ()
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    continue
                case _:
                    raise ValueError

    def branches(
        self, test: ast.expr, names: tuple[str, ...]
    ) -> tuple[tuple[tuple[str, ...], bool], tuple[tuple[str, ...], bool] | None]:
        """What passes a test, and what does not."""
        text = ast.unparse(test)
        if _MATRICES.fullmatch(re.sub(rf"\b{self.parameter}\b", "P", text)):
            return (names, True), None
        match test:
            case ast.Compare(left=ast.Constant(value=part), ops=[ast.In()], comparators=[ast.Name(id=other)]):
                pass
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=other), attr="endswith"), args=[ast.Constant(value=part)]
            ):
                pass
            case _:
                raise ValueError
        if other != self.name or part not in _PARTS:
            raise ValueError
        rest = tuple(n for n in names if n != part)
        return (tuple(n for n in names if n == part), False), (rest, False)

    def sets(self, call: ast.Call) -> bool:
        """`nn.init.f_(p)`, `p.data.normal_()`."""
        target = call.args[0] if self.is_init(call) and call.args else getattr(call.func, "value", None)
        if isinstance(target, ast.Attribute) and target.attr == "data":
            target = target.value
        return isinstance(target, ast.Name) and target.id == self.parameter
