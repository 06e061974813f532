"""What a module of torch.nn is in Keras: the other direction of the entries of this package.

A module whose relation says it all is translated by its `Op`; the `fold`s beside the others
give the Keras layers that do, one after the other, what the module does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from transpile.ir import Expr, literal
from transpile.registry import Op, signature, spell, translate
from transpile.torch_values import Value

Args = Mapping[str, Expr]
Problems = tuple[tuple[str, str], ...]
Layout = Literal["last", "any", "torch"]


@dataclass(frozen=True)
class Use:
    """How a module is used: the rank of its input where known, and whether it runs channels last."""

    rank: int | None = None
    last: bool = False
    style: str = "default"
    window: Literal["number", "tuple", "either"] = "number"  # what its kernel_size is where it is not written out
    initial: Mapping[str, str] = None  # type: ignore[assignment]  # "weight"/"bias" -> initialiser, as the file sets it
    counts: Mapping[str, int] = None  # type: ignore[assignment]  # how many numbers an argument is, where known

    def initialiser(self, name: str) -> str:
        """The initialiser that the file gives a parameter, "" for none."""
        return (self.initial or {}).get(name, "")


@dataclass(frozen=True)
class Folded:
    """The layers that stand for a module, helpers they need, or why there are none."""

    layers: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    problems: Problems = ()


Fold = Callable[[Args, Use], Folded]


@dataclass(frozen=True)
class Module:
    """A module of torch.nn.

    `rank` is that of its input where it takes only one. `layout` says where it runs: "last" =
    channels last only, "any" = wherever its input lies, "torch" = as PyTorch counts the axes.
    `out` is the rank of the output, less that of the input ("same" = 0), or "flat" for 2.
    """

    torch: str
    fold: Fold
    rank: int | None = None
    layout: Layout = "any"
    out: int | Literal["flat"] = 0
    guess: int | None = None  # the rank where it takes several and nothing says which
    apply: Callable[..., tuple[str, Value]] | None = None  # a call with more than one tensor, by itself

    @property
    def path(self) -> str:
        return "torch." + self.torch.partition("(")[0]


def refused(message: str) -> Folded:
    """No layers, and why."""
    return Folded(problems=(("T2K102", message),))


def one(text: str, *helpers: str) -> Folded:
    """A single layer."""
    return Folded((text,), helpers)


def from_relation(op: Op, *helpers: str) -> Fold:
    """The fold that follows from the relation of an entry."""

    def fold(args: Args, use: Use) -> Folded:
        return one(spell(op.keras, translate(op, "torch", args)), *helpers)

    return fold


def keras_call(path: str, given: Sequence[tuple[str, str | None]]) -> str:
    """A call; None leaves an argument out, a name of "" makes it positional."""
    parts = [text if not name else f"{name}={text}" for name, text in given if text is not None]
    return f"{path}({', '.join(parts)})"


def bind_torch(text: str, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> dict[str, Expr] | str:
    """The arguments of a call by the names of a signature, or what is wrong with them."""
    _, params = signature(text)
    if len(args) > len(params):
        return "it has too many arguments"
    given = dict(zip(params, args)) | dict(kwargs)
    unknown = [n for n in given if n not in params and n not in ("device", "dtype", "inplace")]
    missing = [n for n, default in params.items() if default is None and n not in given]
    if unknown or missing:
        return f"argument {(unknown or missing)[0]}"
    return {n: e for n, e in params.items() if e is not None} | {n: e for n, e in given.items() if n in params}


def product(*exprs: Expr) -> str:
    """The product of extents as a person would write it."""
    kept = [term(e) for e in exprs if e.text.strip() != "1"]
    return " * ".join(kept) or "1"


def term(expr: Expr) -> str:
    """The text as a factor."""
    tree = ast.parse(expr.text.strip(), mode="eval").body
    plain = isinstance(tree, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript)
    return expr.text if plain else f"({expr.text})"


def sizes(expr: Expr, rank: int) -> tuple[Expr, ...] | None:
    """A size per axis, from a number or a tuple; None where it is not known which."""
    if isinstance(expr.value, int):
        return (expr,) * rank
    if isinstance(expr.value, tuple | list) and len(expr.value) == rank:
        return tuple(literal(v) if isinstance(v, int) else Expr("") for v in expr.value)
    return None


def window_size(expr: Expr, rank: int, use: Use) -> list[Expr]:
    """The factors of a window's size, for the number of inputs."""
    found = sizes(expr, rank)
    if found is not None and all(e.text for e in found):
        return list(found)
    tree = ast.parse(expr.text.strip(), mode="eval").body
    if isinstance(tree, ast.Tuple | ast.List):
        return [Expr(ast.unparse(e)) for e in tree.elts]
    if use.window != "number":
        text = f"np.broadcast_to({expr.text}, {rank})" if use.window == "either" else expr.text
        return [Expr(f"{'np' if use.window == 'either' else 'math'}.prod({text})")]
    return [expr if rank == 1 else Expr(f"{term(expr)}**{rank}")]


def fan_in(count: str, use: Use) -> tuple[list[tuple[str, str | None]], tuple[str, ...]]:
    """The arguments that give a layer the initial weights that PyTorch would give it."""
    weight, bias = use.initialiser("weight"), use.initialiser("bias")
    if use.style == "idiomatic" and not (weight or bias):
        return [], ()
    if not weight and not bias:
        return [("", f"**fan_in_uniform({count})")], ("fan_in_uniform",)
    given: list[tuple[str, str | None]] = []
    if weight:
        given.append(("kernel_initializer", weight))
        if bias:
            return [*given, ("bias_initializer", bias if bias != '"zeros"' else None)], ()
        return [*given, ("", f"**bias_uniform({count})")], ("bias_uniform",)
    return [("", f"**kernel_uniform({count})"), ("bias_initializer", bias if bias != '"zeros"' else None)], (
        "kernel_uniform",
    )


def flag(expr: Expr, default: bool) -> str | None:
    """A switch, left out where it has Keras's default."""
    return None if expr.value is default else expr.text
