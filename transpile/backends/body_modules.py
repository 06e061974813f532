"""Modules that are made in a PyTorch body, as the layers of Keras that do the same."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Literal

from transpile.backends.body_keywords import parameters_of, spread
from transpile.backends.body_pieces import Pieces
from transpile.backends.body_uses import Uses
from transpile.frontends.torch_program import ClassInfo, FunctionInfo
from transpile.ir import UNKNOWN, Expr
from transpile.ops._functions import Left, Operand
from transpile.ops._modules import Module, Use, bind_torch
from transpile.ops.torch_layers import modules
from transpile.torch_values import (
    UNKNOWN_VALUE,
    Chain,
    ClassValue,
    FunctionValue,
    Instance,
    Items,
    Leaf,
    Many,
    Plain,
    Rank,
    Tensor,
    Value,
    alternatives,
    each_of,
    opened,
)

_LAZY = {"torch.nn.LazyLinear": "torch.nn.Linear", "torch.nn.LazyConv2d": "torch.nn.Conv2d"}


class Modules(Pieces):
    """Adds modules that are made."""

    uses: Uses
    style: str
    final: bool = False  # the reading that writes: every rank is known by now

    # Making modules

    def arguments(self, node: ast.Call) -> tuple[list[Operand], dict[str, Operand]]:
        """The operands of a call."""
        args: list[Operand] = []
        for arg in node.args:
            found = self.expr(arg)
            args.append(found)
        return args, {k.arg or "**": self.expr(k.value) for k in node.keywords}

    def make_leaf(self, path: str, node: ast.Call, args: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """`nn.Conv2d(...)` as the layers that do it."""
        layers, value = self.layers_of(path, node, args, kwargs)
        if len(layers) == 1:
            return Operand(layers[0], value)
        self.imports.add("import keras")
        return Operand(f"keras.Sequential([{', '.join(layers)}])", value)

    def layers_of(
        self, path: str, node: ast.expr, args: list[Operand], kwargs: dict[str, Operand]
    ) -> tuple[tuple[str, ...], Value]:
        """The layers, one after the other."""
        module = modules().get(path)
        if module is None:
            raise Left(f"{path.removeprefix('torch.')} has no counterpart", "T2K102")
        params = parameters_of(module.torch)
        kwargs = spread(self, kwargs, params, list(params)[: len(args)])
        found = bind_torch(module.torch, [expr_of(a) for a in args], {n: expr_of(o) for n, o in kwargs.items()})
        if isinstance(found, str):
            raise Left(f"{path.removeprefix('torch.')}: {found}", "T2K102")
        rank = self.uses.rank(node)
        use = Use(
            rank.value or module.rank,
            self.runs_last(module, rank),
            self.style,
            window_kind(args, kwargs, params),
            self.uses.initial.get(id(node), {}),
            counts(args, kwargs, params),
        )
        folded = module.fold(found, use)
        if folded.problems and (
            self.final or module.rank is not None or "rank is not known" not in folded.problems[0][1]
        ):
            code, message = folded.problems[0]
            raise Left(message, code)
        self.helpers |= set(folded.helpers)
        for text in folded.layers:
            self.note_imports(text)
        return folded.layers, Leaf(path, node) if isinstance(node, ast.Call) else UNKNOWN_VALUE

    @staticmethod
    def runs_last(module: Module, rank: Rank) -> bool:
        """Whether such a module gets its input with the channels last."""
        guessed = rank.value or module.rank or module.guess
        return module.layout == "last" and (module.rank is not None or guessed in (3, 4, 5))

    def note_imports(self, text: str) -> None:
        if "layers." in text:
            self.imports.add("from keras import layers")
        if "keras." in text:
            self.imports.add("import keras")
        if "ops." in text:
            self.uses_ops = True
        if "partial(" in text:
            self.imports.add("from functools import partial")
        for name, needed in (("np.", "import numpy as np"), ("math.", "import math")):
            if f"{name}prod(" in text:
                self.imports.add(needed)

    def make_chain(self, node: ast.Call, sequence: str = "keras.Sequential(", close: str = ")") -> Operand:
        """`nn.Sequential(a, b)` and `nn.Sequential(*layers)`."""
        self.imports.add("import keras")
        if len(node.args) == 1 and isinstance(node.args[0], ast.Starred):
            inner = self.expr(node.args[0].value)
            each = inner.value.items if isinstance(inner.value, Items) else ()
            value = Chain(tuple(each)) if each else Chain(each=each_of(inner.value))
            return Operand(f"{sequence}{inner.text}{close}", value)
        if len(node.args) == 1 and isinstance(node.args[0], ast.Call):
            ordered = self.ordered(node.args[0])
            if ordered is not None:
                return self.chain_of(node, ordered, sequence, close)
        if not node.args and not node.keywords:
            grown = self.uses.grown.get(id(node))
            self.imports |= set() if grown else {"from keras import layers"}
            first = "" if grown == "always" else "[layers.Identity()]"
            return Operand(f"{sequence}{first}{close}" if grown else "layers.Identity()", Chain(empty=node))
        return self.chain_of(node, node.args, sequence, close)

    def ordered(self, node: ast.Call) -> list[ast.expr] | None:
        """The modules of an OrderedDict that is written out."""
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name != "OrderedDict" or not node.args:
            return None
        pairs = node.args[0]
        if isinstance(pairs, ast.Dict):
            return list(pairs.values)
        if isinstance(pairs, ast.List | ast.Tuple) and all(isinstance(e, ast.Tuple) for e in pairs.elts):
            return [e.elts[1] for e in pairs.elts if isinstance(e, ast.Tuple)]
        raise Left("an OrderedDict that is not written out", "T2K104")

    def chain_of(self, node: ast.Call, parts: Sequence[ast.expr], sequence: str, close: str) -> Operand:
        """The layers in a list, with a permutation where one counts the axes as PyTorch does."""
        written: list[tuple[ast.expr, list[str]]] = []
        values: list[Value] = []
        for part in parts:
            if isinstance(part, ast.Starred):
                inner = self.expr(part.value)
                written.append((part, [f"*{inner.text}"]))
                values.append(Many(each_of(inner.value)))
                continue
            made, value = self.element(part)
            written.append((part, [*made]))
            values.append(value)
        for (_, layers), axes in zip(written, self.links(values)):
            if axes:
                layers.insert(0, f"layers.Permute({axes!r})")
                self.imports.add("from keras import layers")
        many = any(isinstance(v, Many) for v in values)
        chain = Chain(each=each_of(Items(tuple(each_of(v) if isinstance(v, Many) else v for v in values))))
        value = chain if many else Chain(tuple(values))
        own = len(parts) == len(node.args) and all(a is b for a, b in zip(parts, node.args))
        return Operand(self.in_brackets(node, written, sequence, close, own), value)

    def links(self, values: Sequence[Value]) -> list[tuple[int, ...]]:
        """The permutations of axes that a Sequential needs before each of its parts; () for none."""
        wanted = [self.wants(v) for v in values]
        last = next((w is True for w, _ in wanted if w is not None), False)
        found: list[tuple[int, ...]] = []
        for value, (want, rank) in zip(values, wanted):
            turns = want is not None and want != last and rank is not None and rank > 2
            found.append(permuted(rank, bool(want)) if turns and rank and not isinstance(value, Many) else ())
            last = self.gives(value, bool(want) if found[-1] else last)
        return found

    def gives(self, value: Value, last: bool) -> bool:
        """Whether a part of a Sequential gives images channels last that are given to it so."""
        match value:
            case Leaf():
                return last and not self.flattens(value)
            case Chain(items=items):
                for item in items:
                    last = self.gives(item, last)
            case Instance(of=ClassInfo() as of):
                if of.kind == "sequential":
                    return self.gives(of.attributes.get("*", Chain()), last)
                forward = of.method("forward")
                given = forward.returns if forward else None
                if isinstance(given, Tensor) and forward is not None:
                    return given.last and not forward.boundary
        return last

    def in_brackets(
        self, node: ast.Call, written: list[tuple[ast.expr, list[str]]], sequence: str, close: str, own: bool
    ) -> str:
        """The list of layers, laid out as the modules were."""
        if not own:
            return f"{sequence}[{', '.join(t for _, texts in written for t in texts)}]{close}"
        replaced: list[tuple[ast.AST, str]] = []
        for part, texts in written:
            start = self.references.start(part)
            line = self.references.data[self.references.line_start(start) : start].decode()
            joiner = f",\n{line}" if not line.strip() else ", "
            replaced.append((part, joiner.join(texts)))
        text = self.rebuilt(node, replaced)
        head = len(self.source(node.func))
        opened = text.index("(", head)
        return f"{sequence}[{text[opened + 1 : text.rindex(')')]}]{close}"

    def element(self, part: ast.expr) -> tuple[tuple[str, ...], Value]:
        """The layers of one module in a Sequential."""
        if isinstance(part, ast.Call):
            path = self.class_path(part.func)
            if path in modules():
                args, kwargs = self.arguments(part)
                return self.layers_of(path, part, args, kwargs)
        found = self.expr(part)
        return (found.text,), found.value

    def class_path(self, func: ast.expr) -> str:
        """The path of the module class that a call makes, "" for anything else."""
        path = self.program.paths.get(id(func), "")
        if not path and isinstance(func, ast.Name | ast.Attribute):
            kinds = self.kinds_of(self.expr(func).value)
            named = [v for v in kinds if isinstance(v, ClassValue) and isinstance(v.of, str)]
            path = str(named[0].of) if named and not self.is_chosen(kinds) else ""
        return _LAZY.get(path, path)

    @staticmethod
    def kinds_of(value: Value) -> list[Value]:
        """What may be called: the alternatives but None, and what is not known beside classes and functions."""
        kinds = alternatives(value)
        named = any(isinstance(k, ClassValue | FunctionValue) for k in kinds)
        kept = [k for k in kinds if not (isinstance(k, Plain) and (named or k.value is None))]
        more = any(isinstance(k, Plain) and k.value is UNKNOWN for k in kinds)  # what that is nothing says
        return [opened(k) for k in kept] if named and more else kept

    def is_chosen(self, kinds: Sequence[Value]) -> bool:
        """Whether a call of these classes or functions stays."""
        raise NotImplementedError

    def wants(self, value: Value) -> tuple[bool | None, int | None]:
        """Whether a module runs channels last (None: either way), and the rank of its input."""
        found: set[bool | None] = set()
        ranks: set[int | None] = set()
        for one in alternatives(value):
            wanted, rank = self.wants_one(one)
            found.add(wanted)
            if wanted is not None:
                ranks.add(rank)
        if True in found and False in found and (self.final or not self.lay_alike(value, ranks - {None})):
            raise Left("a module that is one of several which lie differently", "T2K104")
        wanted = True if True in found else False if False in found else None
        return wanted, ranks.pop() if len(ranks) == 1 else None

    def lay_alike(self, value: Value, ranks: set[int | None]) -> bool:
        """Modules of the file that may stand where others convolve take images channels last, too."""
        done = False
        for one in alternatives(value):
            of = one.of if isinstance(one, Instance) else None
            forward = of.method("forward") if isinstance(of, ClassInfo) else None
            first = forward.seen(forward.parameters[0].arg) if forward and forward.parameters else None
            if forward is not None and not forward.boundary and isinstance(first, Tensor) and len(ranks) == 1:
                first.rank.settle(next(iter(ranks)) or 4)
                first.rank.mark()
                done = True
        return done

    def wants_one(self, value: Value) -> tuple[bool | None, int | None]:
        match value:
            case Leaf(path=path, call=call):
                module, rank = modules()[path], self.uses.rank(call)
                if module.layout == "any":
                    return None, rank.value
                return self.runs_last(module, rank), module.rank or rank.value or module.guess
            case Chain(items=items, each=each):
                for inner in items or ((each,) if each is not None else ()):
                    wanted, rank_value = self.wants(inner)
                    if wanted is not None:
                        return wanted, rank_value
                return None, None
            case Instance(of=of):
                assert isinstance(of, ClassInfo)
                if of.kind == "sequential":
                    return self.wants(of.attributes.get("*", Chain()))
                forward = of.method("forward")
                first = forward.seen(forward.parameters[0].arg) if forward and forward.parameters else None
                if isinstance(first, Tensor) and forward is not None:
                    small = first.rank.value is not None and first.rank.value < 3
                    return (None if small else self.takes_last(forward, first)), first.rank.value
        return False, None

    @staticmethod
    def takes_last(info: FunctionInfo, value: Tensor) -> bool:
        """Whether a function takes this parameter with the channels last."""
        return not info.boundary and value.rank.spatial and value.rank.value is not None

    def flattens(self, value: Value) -> bool:
        return isinstance(value, Leaf) and modules()[value.path].layout == "torch"


def permuted(rank: int, last: bool) -> tuple[int, ...]:
    """The axes of the layer that moves the channels to the end, or back."""
    return (*range(2, rank), 1) if last else (rank - 1, *range(1, rank - 1))


def permute_layer(rank: int, last: bool) -> str:
    """That layer."""
    return f"layers.Permute({permuted(rank, last)!r})"


def window_kind(
    args: list[Operand], kwargs: dict[str, Operand], params: Mapping[str, str | None]
) -> Literal["number", "tuple", "either"]:
    """Whether the `kernel_size` of a module is a number, a tuple, or now this and now that."""
    found = (dict(zip(params, args)) | kwargs).get("kernel_size")
    kinds = {isinstance(v, Items | Many) for v in alternatives(found.value)} if found is not None else {False}
    return "either" if len(kinds) == 2 else "tuple" if True in kinds else "number"


def counts(args: list[Operand], kwargs: dict[str, Operand], params: Mapping[str, str | None]) -> dict[str, int]:
    """How many elements arguments have that are no literals: 1 of a number."""
    given = {n: o.value for n, o in (dict(zip(params, args)) | kwargs).items()}
    found = {n: len(v.items) for n, v in given.items() if isinstance(v, Items)}
    return found | {n: 1 for n, v in given.items() if isinstance(v, Plain)}


def expr_of(operand: Operand) -> Expr:
    """An operand as text and value."""
    value = operand.const
    return Expr(operand.text, value) if value is not UNKNOWN else Expr(operand.text)
