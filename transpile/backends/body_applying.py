"""Modules and functions that are called in a PyTorch body."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from transpile.backends.body_modules import Modules
from transpile.backends.called_once import named, twice
from transpile.frontends.torch_program import ClassInfo, FunctionInfo
from transpile.ops._functions import Call, Left, Operand, bound, fresh, like, listed, relaid
from transpile.ops._functions_index import function_of
from transpile.ops.torch_layers import modules
from transpile.torch_values import (
    MODULES,
    UNKNOWN_VALUE,
    Chain,
    FunctionValue,
    Instance,
    Items,
    Leaf,
    Many,
    Mixed,
    Tensor,
    Value,
    each_of,
    in_layout,
    join,
    lies_last,
)


class Applying(Modules):
    """Adds modules, functions of the file and functions of tensors that are called."""

    def apply(
        self,
        module: Value,
        text: str,
        operands: list[Operand],
        kwargs: dict[str, Operand],
        node: ast.Call | None = None,
    ) -> Operand:
        """`self.conv(x)`: operands in the layout that it takes, and what it gives."""
        kinds = self.kinds_of(module)
        node = node if self.is_chosen(kinds) else None
        if len(kinds) == 1:
            return self.apply_one(kinds[0], text, operands, kwargs, node)
        wanted = [self.wants(k) for k in kinds if isinstance(k, MODULES)]
        demands, known = {w for w, _ in wanted}, {r for w, r in wanted if w and r is not None}
        x = operands[0] if operands else Operand("")
        if len(known) > 1:
            raise Left("a module that is one of several for tensors of different ranks", "T2K104")
        if isinstance(x.value, Tensor) and x.value.rank.value is None and len(known) == 1:
            x.value.rank.settle(known.pop())
        if True in demands and isinstance(x.value, Tensor):
            rank = x.value.rank.value
            operands = [Operand(self.laid(x, True), like(x.value, last=True) if rank != 2 else x.value), *operands[1:]]
        outcome: Value | None = None
        results = [self.apply_one(k, text, operands, kwargs, node) for k in kinds]
        if True not in demands and len({r.text for r in results}) != 1:  # where one needs it, all count as PyTorch
            operands = [Operand(self.laid(o, False), in_layout(o.value, False)) for o in operands]
            results = [self.apply_one(k, text, operands, kwargs, node) for k in kinds]
        lasts = {r.value.last for r in results if isinstance(r.value, Tensor)}
        if len(lasts) > 1 and not self.final:  # the next reading may lay them alike
            return next(r for r in results if isinstance(r.value, Tensor) and r.value.last)
        if len({r.text for r in results}) != 1 or len(lasts) > 1:
            raise Left("a module that is one of several which lie differently", "T2K104")
        for result in results:
            outcome = join(outcome, result.value)
        return Operand(results[0].text, outcome or UNKNOWN_VALUE)

    def apply_one(
        self, module: Value, text: str, operands: list[Operand], kwargs: dict[str, Operand], stays: ast.Call | None
    ) -> Operand:
        """`stays`: the call, where what it calls is chosen when the program runs."""
        match module:
            case Leaf():
                return self.apply_leaf(module, text, operands, kwargs)
            case Chain():
                return self.apply_chain(module, text, operands)
            case Instance():
                return self.apply_instance(module, text, operands, kwargs)
            case FunctionValue(of=str() as path):
                if stays is not None:
                    return self.apply_named(module, stays, text, operands, kwargs)
                return self.function(path, "", operands, kwargs, text)
            case FunctionValue() if (info := self.function_info(module)) is not None:
                return self.call_function(info, text, operands, kwargs)
        return self.apply_unknown(text, operands, kwargs)

    def apply_named(
        self, function: FunctionValue, node: ast.Call, text: str, operands: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        """A call that stays of a function of PyTorch."""
        raise NotImplementedError

    def function_info(self, value: Value) -> FunctionInfo | None:
        """The function of the file that a value is."""
        node = value.of if isinstance(value, FunctionValue) else None
        return next((i for i in self.program.every_function() if i.node is node), None)

    def apply_unknown(self, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """Something of which nothing is known takes what PyTorch gave it."""
        given = [self.laid(o, False) for o in operands]
        given += [f"{'**' if n == '**' else f'{n}='}{self.laid(o, False)}" for n, o in kwargs.items()]
        return self.made(f"{text}({', '.join(given)})", Tensor(dtype=""))

    def laid(self, operand: Operand, last: bool) -> str:
        value = operand.value
        if not self.final and isinstance(value, Tensor) and value.rank.value is None:
            return operand.text  # a later reading may know the rank
        text = relaid(operand.text, operand.value, last)
        self.uses_ops = self.uses_ops or text != operand.text
        return text

    def apply_leaf(self, leaf: Leaf, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        module = modules()[leaf.path]
        if module.apply is not None:
            return self.made(*module.apply(self, text, operands, kwargs))
        x = operands[0] if operands else next(iter(kwargs.values()))
        value = x.value if isinstance(x.value, Tensor) else Tensor()
        embeds = leaf.path.startswith("torch.nn.Embedding")  # indices of any rank, of several in one model
        rank = value.rank if embeds else self.uses.rank(leaf.call)
        if any(k.arg == "inplace" and getattr(k.value, "value", False) for k in leaf.call.keywords):
            plain = x.text.isidentifier() or id(x.value) in self.passed
            self.changed_in_place = x.value if plain else None
        if module.rank is not None:
            value.rank.settle(module.rank)
        rank.unify(value.rank)
        if self.uses.late and leaf.path == "torch.nn.Upsample" and rank.value is None:
            rank.settle(4)  # nothing else says: it is for images
        if module.layout == "last" and rank.value != 2:
            value.rank.mark()
        if embeds:
            value.rank.mark_index()
        last = value.last if module.layout == "any" else self.runs_last(module, rank)
        argument = self.laid(Operand(x.text, value), last)
        result = f"{text}({argument})"
        if module.out == "flat":
            argument = x.text if value.last and value.ones else self.laid(Operand(x.text, value), False)
            return Operand(f"{text}({argument})", fresh(2, value.dtype))
        ones = module.out == 0 and ((value.ones and module.layout != "last") or self.gives_ones(leaf))
        if module.out:
            out = None if value.rank.value is None else value.rank.value + module.out
            return Operand(result, fresh(out))
        given = Operand(result, like(value, last=last, ones=ones, dtype="float"))
        if "Dropout" in leaf.path or leaf.path.endswith(".Identity"):
            self.passed[id(given.value)] = (given.value, x.value)
        return given

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
        for part, axes in zip(parts, self.links(parts)):
            inner = each_of(part) if isinstance(part, Many) else part
            if axes and isinstance(here, Tensor):
                here = like(here, last=not here.last)
            self.check_link(inner, here)
            result = self.apply(inner, "", [Operand("x", here)], {})
            here = result.value
            if chain.each is not None or isinstance(part, Many):  # what is repeated gives what it takes
                self.check_link(inner, here)
        return Operand(f"{text}({argument})", here)

    def check_link(self, part: Value, value: Value) -> None:
        """A part of a Sequential must get what it takes: there is no place to lay it otherwise."""
        if not isinstance(value, Tensor) or not self.final or (value.rank.value or 3) < 3:
            return
        wanted, _ = self.wants(part)
        if wanted is not None and wanted != value.last:
            raise Left("a Sequential whose parts lie differently", "T2K104")

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
        if "**" in kwargs:
            raise Left(f"{text} gets arguments that are only known at run time", "T2K104")
        names = [a.arg for a in info.parameters]
        given: list[str] = []
        if self.constructing and info.name != "forward":
            info.makes = True
        variadic = info.node.args.vararg
        by_name = False  # Keras gives `x_mask` itself where it is None in its place
        for i, operand in enumerate(operands):
            name = names[i] if i < len(names) else ""
            by_name = by_name or (info.name == "forward" and name.endswith("_mask") and name[:-5] in names)
            given.append(f"{name}=" * by_name + self.pass_on(info, name, operand))
            if not name and not variadic:
                raise Left(f"{info.name} gets too many arguments")
        given += [f"{n}={self.pass_on(info, n, o)}" for n, o in kwargs.items()]
        value = self.outcome(info)
        return Operand(f"{text}({', '.join(given)})", value)

    def pass_on(self, info: FunctionInfo, name: str, operand: Operand) -> str:
        """An argument in the layout that the parameter has."""
        value = operand.value
        if not isinstance(value, Tensor):
            if name and not info.boundary and name not in info.plain and lies_last(value):
                self.see_images(info, name, value)  # several, as they lie
                if self.final and layouts(info.seen(name)) != layouts(value):
                    raise Left("a list of images that lie channels last is given away", "T2K104")
                return operand.text
            if operand.elements is not None and lies_last(value):
                parts = [Operand(self.laid(e, False), in_layout(e.value, False)) for e in operand.elements]
                operand = listed(parts)
            if name:
                info.see(name, in_layout(value, False))
            return self.laid(operand, False)
        if name:
            info.see(name, replace(value, last=False, ones=False))
        parameter = info.seen(name)
        if not isinstance(parameter, Tensor):
            return self.laid(operand, False)
        return self.laid(operand, self.takes_last(info, parameter))

    @staticmethod
    def see_images(info: FunctionInfo, name: str, value: Value) -> None:
        """A parameter gets several images; where calls differ, it gets them as PyTorch has them."""
        try:
            info.see(name, value)
        except Mixed:
            info.plain.add(name)
            raise

    def outcome(self, info: FunctionInfo) -> Value:
        """What a function of the file returns, as far as it was read."""
        value = info.returned if info.returns is None and info.active else info.returns
        if value is None:
            return Tensor(dtype="") if info.name == "forward" else UNKNOWN_VALUE
        return in_layout(value, False) if info.boundary else value

    # Functions of tensors

    def function(
        self, path: str, receiver: str, operands: list[Operand], kwargs: dict[str, Operand], shown: str = ""
    ) -> Operand:
        """A function of PyTorch, or a method of a tensor."""
        entry = function_of(path)
        if entry is None and path.rpartition(".")[2] in _BY_VALUES:
            raise Left(f"{(shown or path).removeprefix('torch.')}, whose size depends on values", "T2K106")
        if entry is None:
            raise Left(f"{(shown or path).removeprefix('torch.')} has no counterpart in keras.ops")
        args = bound(entry, path, operands, kwargs)
        in_place = args.pop("inplace", kwargs.get("inplace"))
        if "x" in args and args["x"].text.isidentifier() and _changes(path, in_place):
            self.changed_in_place = args["x"].value
        call = Call(path, args, self.targets, dtype=self.float_dtype)
        text, value = entry.handler(call)
        self.helpers |= call.helpers
        self.imports |= call.imports
        return self.made(self.once(text, args.values()), value)

    def once(self, text: str, given: Iterable[Operand]) -> str:
        """A call of a module stands once in what is written: a second one would count its batch twice."""
        operands = {o.text: o.value for o in given}
        for operand, base in twice(text, operands).items():
            if " if " in text or " for " in text:
                raise Left(f"{operand} would be called twice")
            node = self.info.node if self.info is not None else None
            read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()
            text, name = named(text, operand, base, {*self.env, *read})
            self.env[name] = operands[operand]
        return text


_BY_VALUES = ("unique", "unique_consecutive", "nonzero", "argwhere", "masked_select", "bincount", "histc")


def _changes(path: str, in_place: Operand | None) -> bool:
    """Whether PyTorch changes the tensor itself: `x.add_(y)`, `F.relu(x, inplace=True)`."""
    name = path.rpartition(".")[2]
    return (name.endswith("_") and not name.endswith("__")) or (in_place is not None and in_place.const is not False)


def layouts(value: Value | None) -> object:
    """How the images in a value lie: of lists, how each does."""
    match value:
        case Tensor():
            return value.last
        case Items(items=items):
            found = [layouts(i) for i in items]
            return found[0] if found and all(f == found[0] for f in found) else tuple(found)
        case Many(each=each):
            return layouts(each)
    return None


def _chain(info: ClassInfo) -> Chain:
    found = info.attributes.get("*")
    return found if isinstance(found, Chain) else Chain(each=UNKNOWN_VALUE)
