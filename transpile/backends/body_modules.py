"""Calls in a PyTorch body: modules that are made, modules that are called, functions of tensors."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from transpile.backends.body_expressions import Expressions
from transpile.frontends.torch_program import ClassInfo, FunctionInfo
from transpile.ir import UNKNOWN, Expr
from transpile.ops._functions import Call, Left, Operand, bound, fresh, like, relaid
from transpile.ops._functions_index import function_of
from transpile.ops._modules import Module, Use, bind_torch
from transpile.ops.torch_layers import modules
from transpile.torch_values import (
    MODULES,
    UNKNOWN_VALUE,
    Chain,
    ClassValue,
    Container,
    Either,
    FunctionValue,
    Imported,
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
    in_layout,
    join,
)

_LAZY = {"torch.nn.LazyLinear": "torch.nn.Linear", "torch.nn.LazyConv2d": "torch.nn.Conv2d"}


class Uses:
    """How each call that makes a module is used, by the call's node; kept over all readings."""

    def __init__(self) -> None:
        self.ranks: dict[int, Rank] = {}
        self.initial: dict[int, dict[str, str]] = {}

    def rank(self, call: ast.Call) -> Rank:
        return self.ranks.setdefault(id(call), Rank())


class Modules(Expressions):
    """Adds calls to the expressions."""

    uses: Uses
    style: str
    final: bool = False  # the reading that writes: every rank is known by now

    # Making modules

    def make_leaf(self, path: str, node: ast.Call, args: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """`nn.Conv2d(...)` as the layers that do it."""
        layers, value = self.layers_of(path, node, args, kwargs)
        if len(layers) == 1:
            return Operand(layers[0], value)
        self.imports.add("import keras")
        return Operand(f"keras.Sequential([{', '.join(layers)}])", value)

    def layers_of(
        self, path: str, node: ast.Call, args: list[Operand], kwargs: dict[str, Operand]
    ) -> tuple[tuple[str, ...], Value]:
        """The layers, one after the other."""
        module = modules().get(path)
        if module is None:
            raise Left(f"{path.removeprefix('torch.')} has no counterpart", "T2K102")
        found = bind_torch(module.torch, [_expr(a) for a in args], {n: _expr(o) for n, o in kwargs.items()})
        if isinstance(found, str):
            raise Left(f"{path.removeprefix('torch.')}: {found}", "T2K102")
        rank = self.uses.rank(node)
        use = Use(rank.value or module.rank, self.runs_last(module, rank), self.style, self.uses.initial.get(id(node), {}))
        folded = module.fold(found, use)
        if folded.problems and (self.final or module.rank is not None or "rank is not known" not in folded.problems[0][1]):
            code, message = folded.problems[0]
            raise Left(message, code)
        self.helpers |= set(folded.helpers)
        for text in folded.layers:
            self.note_imports(text)
        return folded.layers, Leaf(path, node)

    @staticmethod
    def runs_last(module: Module, rank: Rank) -> bool:
        """Whether such a module gets its input with the channels last."""
        return module.layout == "last" and (module.rank is not None or rank.value in (3, 4, 5))

    def note_imports(self, text: str) -> None:
        if "layers." in text:
            self.imports.add("from keras import layers")
        if "keras." in text:
            self.imports.add("import keras")
        if "ops." in text:
            self.uses_ops = True

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
            self.imports.add("from keras import layers")
            return Operand("layers.Identity()", Chain())
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
        last = False
        for i, part in enumerate(parts):
            if isinstance(part, ast.Starred):
                inner = self.expr(part.value)
                written.append((part, [f"*{inner.text}"]))
                values.append(Many(each_of(inner.value)))
                continue
            layers, value = self.element(part)
            wanted, rank = self.wants(value)
            before: list[str] = []
            if not i:
                last = wanted is True
            elif wanted is not None and wanted != last and rank is not None and rank > 2:
                before = [permute_layer(rank, wanted)]
                self.imports.add("from keras import layers")
                last = wanted
            last = last and not self.flattens(value)
            written.append((part, [*before, *layers]))
            values.append(value)
        many = any(isinstance(v, Many) for v in values)
        chain = Chain(each=each_of(Items(tuple(each_of(v) if isinstance(v, Many) else v for v in values))))
        value = chain if many else Chain(tuple(values))
        own = len(parts) == len(node.args) and all(a is b for a, b in zip(parts, node.args))
        return Operand(self.in_brackets(node, written, sequence, close, own), value)

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
            kinds = [v for v in alternatives(self.expr(func).value) if not (isinstance(v, Plain) and v.value is None)]
            paths = {v.of for v in kinds if isinstance(v, ClassValue) and isinstance(v.of, str)}
            path = str(paths.pop()) if len(paths) == 1 and len(kinds) == 1 else ""
        return _LAZY.get(path, path)

    def wants(self, value: Value) -> tuple[bool | None, int | None]:
        """Whether a module runs channels last (None: either way), and the rank of its input."""
        found: set[bool | None] = set()
        ranks: set[int | None] = set()
        for one in alternatives(value):
            wanted, rank = self.wants_one(one)
            found.add(wanted)
            if wanted is not None:
                ranks.add(rank)
        if True in found and False in found:
            raise Left("a module that is one of several which lie differently", "T2K104")
        wanted = True if True in found else False if False in found else None
        return wanted, ranks.pop() if len(ranks) == 1 else None

    def wants_one(self, value: Value) -> tuple[bool | None, int | None]:
        match value:
            case Leaf(path=path, call=call):
                module, rank = modules()[path], self.uses.rank(call)
                if module.layout == "any":
                    return None, rank.value
                return self.runs_last(module, rank), module.rank or rank.value
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
                first = forward.values.get(forward.parameters[0].arg) if forward and forward.parameters else None
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

    # Calling modules

    def apply(self, module: Value, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """`self.conv(x)`: operands in the layout that it takes, and what it gives."""
        kinds = [v for v in alternatives(module) if not (isinstance(v, Plain) and v.value is None)]
        if len(kinds) == 1:
            return self.apply_one(kinds[0], text, operands, kwargs)
        demands = {self.wants(k)[0] for k in kinds if isinstance(k, MODULES)}
        x = operands[0] if operands else Operand("")
        if True in demands and isinstance(x.value, Tensor):
            rank = x.value.rank.value
            operands = [Operand(self.laid(x, True), like(x.value, last=True) if rank != 2 else x.value), *operands[1:]]
        outcome: Value | None = None
        results = [self.apply_one(k, text, operands, kwargs) for k in kinds]
        lasts = {r.value.last for r in results if isinstance(r.value, Tensor)}
        if len({r.text for r in results}) != 1 or len(lasts) > 1:
            raise Left("a module that is one of several which lie differently", "T2K104")
        for result in results:
            outcome = join(outcome, result.value)
        return Operand(results[0].text, outcome or UNKNOWN_VALUE)

    def apply_one(self, module: Value, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        match module:
            case Leaf():
                return self.apply_leaf(module, text, operands, kwargs)
            case Chain():
                return self.apply_chain(module, text, operands)
            case Instance():
                return self.apply_instance(module, text, operands, kwargs)
            case FunctionValue(of=str() as path):
                return self.function(path, "", operands, kwargs, text)
        return self.apply_unknown(text, operands, kwargs)

    def apply_unknown(self, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """Something of which nothing is known takes what PyTorch gave it."""
        given = [self.laid(o, False) for o in operands] + [f"{n}={self.laid(o, False)}" for n, o in kwargs.items()]
        return self.made(f"{text}({', '.join(given)})", Tensor(dtype=""))

    def laid(self, operand: Operand, last: bool) -> str:
        text = relaid(operand.text, operand.value, last)
        self.uses_ops = self.uses_ops or text != operand.text
        return text

    def apply_leaf(self, leaf: Leaf, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        module = modules()[leaf.path]
        special = getattr(module, "apply", None)
        if special is not None:
            return self.made(*special(self, text, operands, kwargs))
        x = operands[0] if operands else next(iter(kwargs.values()))
        value = x.value if isinstance(x.value, Tensor) else Tensor()
        rank = self.uses.rank(leaf.call)
        if module.rank is not None:
            value.rank.settle(module.rank)
        rank.unify(value.rank)
        if module.layout == "last" and rank.value != 2:
            value.rank.mark()
        last = value.last if module.layout == "any" else self.runs_last(module, rank)
        argument = self.laid(Operand(x.text, value), last)
        result = f"{text}({argument})"
        if module.out == "flat":
            argument = x.text if value.last and value.ones else self.laid(Operand(x.text, value), False)
            return Operand(f"{text}({argument})", fresh(2, value.dtype))
        ones = module.out == 0 and (value.ones and module.layout != "last" or self.gives_ones(leaf))
        if module.out:
            out = None if value.rank.value is None else value.rank.value + module.out
            return Operand(result, fresh(out))
        return Operand(result, like(value, last=last, ones=ones, dtype="float"))

    def gives_ones(self, leaf: Leaf) -> bool:
        """A pooling to a single point."""
        if "Adaptive" not in leaf.path:
            return False
        given = leaf.call.args[0] if leaf.call.args else leaf.call.keywords[0].value if leaf.call.keywords else None
        found = self.expr(given).const if given is not None else None
        return found == 1 or (isinstance(found, tuple | list) and set(found) == {1})

    def apply_chain(self, chain: Chain, text: str, operands: list[Operand]) -> Operand:
        """A Sequential: what its parts make of it, one after the other."""
        x = operands[0]
        if not chain.items and chain.each is None:
            return Operand(f"{text}({x.text})", x.value)
        wanted, rank = self.wants(chain)
        value = x.value if isinstance(x.value, Tensor) else Tensor()
        if wanted is not None:
            last = bool(wanted)
            if last and rank is not None:
                value.rank.settle(rank)
                value.rank.mark()
            argument = self.laid(Operand(x.text, value), last)
            here: Value = like(value, last=last)
        else:
            argument, here = x.text, value
        parts = chain.items or (chain.each or UNKNOWN_VALUE,)
        for part in parts:
            inner = each_of(part) if isinstance(part, Many) else part
            result = self.apply(inner, "", [Operand("x", here)], {})
            here = result.value
            if chain.each is not None or isinstance(part, Many):
                here = self.settled_repeat(inner, x, here)
        return Operand(f"{text}({argument})", here)

    def settled_repeat(self, part: Value, x: Operand, value: Value) -> Value:
        """A part that is repeated gives what it takes."""
        if isinstance(value, Tensor) and isinstance(x.value, Tensor):
            wanted, _ = self.wants(part)
            if wanted:
                return value if value.last else like(value, last=False)
        return value

    def apply_instance(
        self, instance: Instance, text: str, operands: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        """A module of the file: the parameters learn what they are given."""
        info = instance.of
        assert isinstance(info, ClassInfo)
        if info.kind == "sequential":
            return self.apply_chain(_chain(info), text, operands)
        forward = info.method("forward")
        if forward is None:
            return self.apply_unknown(text, operands, kwargs)
        return self.call_function(forward, text, operands, kwargs)

    def call_function(
        self, info: FunctionInfo, text: str, operands: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        """A call of a function or method of the file."""
        names = [a.arg for a in info.parameters]
        given: list[str] = []
        variadic = info.node.args.vararg
        for i, operand in enumerate(operands):
            name = names[i] if i < len(names) else ""
            given.append(self.pass_on(info, name, operand))
            if not name and not variadic:
                raise Left(f"{info.name} gets too many arguments")
        given += [f"{n}={self.pass_on(info, n, o)}" for n, o in kwargs.items()]
        value = self.outcome(info)
        return Operand(f"{text}({', '.join(given)})", value)

    def pass_on(self, info: FunctionInfo, name: str, operand: Operand) -> str:
        """An argument in the layout that the parameter has."""
        value = operand.value
        if not isinstance(value, Tensor):
            if name:
                info.see(name, value)
            return self.laid(operand, False)
        parameter = info.values.get(name)
        if not isinstance(parameter, Tensor):
            info.see(name, replace(value, last=False, ones=False) if name else value)
            return self.laid(operand, False)
        if parameter.rank.root() is not value.rank.root():
            parameter.rank.unify(value.rank)
        return self.laid(operand, self.takes_last(info, parameter))

    def outcome(self, info: FunctionInfo) -> Value:
        """What a function of the file returns, as far as it was read."""
        value = info.returns
        if value is None:
            return Tensor(dtype="") if info.name == "forward" else UNKNOWN_VALUE
        return in_layout(value, False) if info.boundary else value

    # Functions of tensors

    def function(
        self, path: str, receiver: str, operands: list[Operand], kwargs: dict[str, Operand], shown: str = ""
    ) -> Operand:
        """A function of PyTorch, or a method of a tensor."""
        entry = function_of(path)
        if entry is None:
            raise Left(f"{(shown or path).removeprefix('torch.')} has no counterpart in keras.ops")
        args = bound(entry, path, operands, kwargs)
        call = Call(path, args, self.targets, dtype=self.float_dtype)
        text, value = entry.handler(call)
        self.helpers |= call.helpers
        self.imports |= call.imports
        return self.made(text, value)

    def arguments(self, node: ast.Call) -> tuple[list[Operand], dict[str, Operand]]:
        """The operands of a call."""
        args: list[Operand] = []
        for arg in node.args:
            found = self.expr(arg)
            args.append(found)
        return args, {k.arg or "**": self.expr(k.value) for k in node.keywords}


def permute_layer(rank: int, last: bool) -> str:
    """The layer that moves the channels to the end, or back."""
    axes = (*range(2, rank), 1) if last else (rank - 1, *range(1, rank - 1))
    return f"layers.Permute({axes!r})"


def _expr(operand: Operand) -> Expr:
    value = operand.const
    return Expr(operand.text, value) if value is not UNKNOWN else Expr(operand.text)


def _chain(info: ClassInfo) -> Chain:
    found = info.attributes.get("*")
    return found if isinstance(found, Chain) else Chain(each=UNKNOWN_VALUE)

