"""What the interpreter recorded, by statement; and the helpers among it as classes."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence

import libcst as cst

from transpile.frontends.blocks import simple_statements
from transpile.frontends.naming import Namespace, camel
from transpile.frontends.portable import free_names
from transpile.frontends.scope import Block, Record, Run, State, Unstructured, merged, with_values
from transpile.frontends.usage import pruned, used_names
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Frame, Function, Tensor, UserCall
from transpile.ir import FREE, Dim, Expr, Input, Model, Plain, Shape


def has_tensors(value: object) -> bool:
    """Whether a value is a tensor or holds one."""
    if isinstance(value, list | tuple):
        return any(has_tensors(v) for v in value)
    return isinstance(value, Tensor)


class Recorded:
    """The record of one interpreter, indexed; blocks are made on demand."""

    def __init__(self, interpreter: Interpreter, names: Namespace, applies: set[int]) -> None:
        self.applies = applies  # what belongs to the model; the rest is another model's
        self.interpreter = interpreter
        self.source = interpreter.source
        self.names = names
        self.blocks: dict[int, Block] = {}
        self._making: set[int] = set()
        self._index: dict[tuple[int, int], list[Record]] = defaultdict(list)
        self._calls: dict[int, list[UserCall]] = defaultdict(list)
        for apply in interpreter.applies:
            self._index[id(apply.frame), id(apply.statement)].append(apply)
        for call in interpreter.user_calls:
            if self._on_tensors(call):
                self._index[id(call.caller), id(call.statement)].append(call)
                self._calls[id(call.function.node)].append(call)

    @staticmethod
    def _on_tensors(call: UserCall) -> bool:
        values = [*(a.value for a in call.args), *(e.value for e in call.kwargs.values())]
        return has_tensors(values) and has_tensors(call.result)

    def at(self, statement: cst.CSTNode, run: Run) -> list[Record]:
        """What happened during one execution of a statement, in order."""
        records = self._index.get((id(run.frame), id(statement)), [])
        ours = (r for r in records if r.loops == run.loops and self._belongs(r))
        return sorted(ours, key=lambda r: r.order)

    def happens(self, statement: cst.CSTNode, run: Run) -> bool:
        """Whether anything happened there, in loops of its own too."""
        records = self._index.get((id(run.frame), id(statement)), [])
        return any(r.loops[: len(run.loops)] == run.loops and self._belongs(r) for r in records)

    def _belongs(self, record: Record) -> bool:
        if isinstance(record, Apply):
            return id(record) in self.applies
        return any(id(s) in self.applies for t in _tensors(record.result) for s in t.sources)

    def begun(self, statement: cst.CSTNode, run: Run) -> int | None:
        """When the first thing happened inside a statement."""
        inner = (self._index.get((id(run.frame), id(s)), []) for s in simple_statements(statement))
        orders = [r.order for records in inner for r in records if r.loops[: len(run.loops)] == run.loops]
        return min(orders, default=None)

    def outcome(self, statement: cst.If, run: Run) -> bool | None:
        """Which way a condition went."""
        return self.interpreter.outcomes.get((id(statement), id(run.frame), run.loops))

    def joined(self, statement: cst.If, run: Run) -> dict[str, Tensor]:
        """What the names hold behind a condition that is not known, where its two ways leave other tensors."""
        return self.interpreter.joined.get((id(statement), id(run.frame), run.loops), {})

    def passes(self, statement: cst.For, run: Run) -> int | None:
        """How many passes a loop made."""
        return self.interpreter.passes.get((id(statement), id(run.frame), run.loops))

    # Helpers

    @staticmethod
    def _parameters(function: Function) -> dict[str, str | None]:
        """The parameters of a function and the text of their defaults."""
        if isinstance(function.node, cst.Lambda):
            raise Unstructured("a lambda")
        params = function.node.params
        if params.star_kwarg is not None or isinstance(params.star_arg, cst.Param):
            raise Unstructured("a helper with * or **")
        empty = cst.Module([])
        every = (*params.posonly_params, *params.params, *params.kwonly_params)
        return {p.name.value: empty.code_for_node(p.default) if p.default else None for p in every}

    def _given(self, call: UserCall) -> dict[str, tuple[Expr, bool]]:
        """The arguments of a call by parameter, and whether they stand without a keyword."""
        names = list(self._parameters(call.function))
        if len(call.args) > len(names) or {"*", "**"} & call.kwargs.keys():
            raise Unstructured("a helper called with * or **")
        given = {n: (e, True) for n, e in zip(names, call.args)}
        return given | {n: (e, False) for n, e in call.kwargs.items()}

    def tensor_arguments(self, call: UserCall) -> list[Tensor]:
        """The tensors a helper is given, in the order of its parameters."""
        assert call.frame is not None
        found = []
        for name in self._parameters(call.function):
            value = call.frame.arguments.get(name)
            if isinstance(value, Tensor):
                found.append(value)
            elif has_tensors(value):
                raise Unstructured("a helper that takes a list of tensors")
        return found

    def block(self, function: Function) -> Block:
        """The class that a helper becomes. Raises Unstructured."""
        key = id(function.node)
        if key not in self.blocks:
            if key in self._making or function.closure.parent is not None:
                raise Unstructured("a helper that calls itself, or is defined inside another")
            self._making.add(key)
            self.blocks[key] = self._make_block(function)
        return self.blocks[key]

    def _make_block(self, function: Function) -> Block:
        from transpile.frontends.structure import Walker

        assert isinstance(function.node, cst.FunctionDef)
        calls = [c for c in self._calls[id(function.node)] if self._belongs(c)]
        params = self._parameters(function)
        frames = [c.frame for c in calls if c.frame is not None]
        tensors = [n for n in params if isinstance(frames[0].arguments.get(n), Tensor)]
        shapes, channels = self._symbolic_inputs(tensors, frames, set(params))
        runs = [Run(f, (), {n: _tensor(f, n) for n in tensors}) for f in frames]
        state = State(Namespace(frozenset(params)), dict(shapes), set())
        plain = set(params) - set(tensors) | set(channels.values())
        walker = Walker(self, state, plain, None)
        body = walker.walk(function.node.body.body, runs)
        if not walker.returned:
            raise Unstructured("a helper that returns nothing")
        self._check_results(walker.returned, calls, runs)
        results = tuple(walker.state.shapes.get(n) for n in walker.returned)
        lines, results = _own_channels(results, walker.state.local)
        kept = pruned([*body, *lines])
        used = used_names(kept)
        own = [n for n in (*channels.values(), *params) if n in used and n not in tensors]
        signature = tuple(n if params.get(n) is None else f"{n}={params[n]}" for n in own)
        model = Model(
            name=function.name,
            class_name=self.names.unique_class(camel(function.name)),
            style="block",
            inputs=tuple(Input(n, shapes[n]) for n in tensors),
            body=kept,
            outputs=tuple(walker.returned),
            params=signature,
            docstring=walker.docstring,
            span=self.source.span(function.node),
        )
        return Block(model, tuple(tensors), channels, tuple(own), results)

    @staticmethod
    def _check_results(returned: list[str], calls: list[UserCall], runs: list[Run]) -> None:
        for call, run in zip(calls, runs):
            values = call.result if isinstance(call.result, tuple | list) else [call.result]
            if [run.env.get(n) for n in returned] != list(values):
                raise Unstructured("what the helper returns")

    @staticmethod
    def _symbolic_inputs(
        tensors: list[str], frames: list[Frame], taken: set[str]
    ) -> tuple[dict[str, Shape | None], dict[str, str]]:
        shapes: dict[str, Shape | None] = {}
        channels: dict[str, str] = {}
        for i, name in enumerate(tensors):
            concrete = [_tensor(f, name).shape for f in frames]
            first = concrete[0]
            if first is None or any(s is None or len(s) != len(first) for s in concrete):
                raise Unstructured("a helper given tensors of several ranks")
            word = "in_features" if len(first) == 2 else "in_channels"
            variable = word if not i else f"{name}_{word.removeprefix('in_')}"
            while variable in taken:
                variable += "_"
            channels[name] = variable
            open_shape = (*(FREE for _ in first[:-1]), Expr(variable))
            shapes[name] = with_values(open_shape, concrete) if len(concrete) > 1 else _named(first, variable)
        return shapes, channels

    def constructor(self, block: Block, calls: Sequence[UserCall], shapes: dict[str, Shape | None]) -> dict[str, Expr]:
        """The constructor's arguments at a call site; "=name" marks those given by keyword."""
        args: dict[str, Expr] = {}
        by_channel = {v: k for k, v in block.channels.items()}
        given = [self._given(c) for c in calls]
        for name in block.parameters:
            if name in by_channel:
                shape = shapes.get(by_channel[name])
                dim = shape[-1] if shape else FREE
                if not dim.text and not dim.known:
                    raise Unstructured("a number of channels that is not known")
                args[name] = dim if dim.text else Expr(repr(dim.value), dim.value)
            elif name in given[0]:
                if any(name not in g for g in given):
                    raise Unstructured("an argument that is given now and then")
                args[name] = merged([g[name][0] for g in given])
        positional = [n for n in args if n in by_channel or given[0][n][1]]
        ordered = list(block.parameters)
        keep = [n for i, n in enumerate(ordered) if n in positional and all(m in positional for m in ordered[:i])]
        return {(n if n in keep else f"={n}"): e for n, e in args.items()}

    def substituted(self, shape: Shape | None, block: Block, args: dict[str, Expr], attribute: str) -> Shape | None:
        """A block's result, in terms of the place where it is constructed.

        `attribute` holds the block there: what it computed itself is read off it.
        """
        if shape is None:
            return None
        stored = re.fullmatch(r"self\.(\w+)", shape[-1].text)
        if stored:
            own = Expr(f"self.{attribute}.{stored.group(1)}", shape[-1].value)
            return (*(_substitute(d, {}) for d in shape[:-1]), own)
        texts = {p.partition("=")[0]: p.partition("=")[2] for p in block.model.params}
        texts |= {n.lstrip("="): e.text for n, e in args.items()}
        return tuple(_substitute(d, texts) for d in shape)


def _own_channels(results: tuple[Shape | None, ...], local: set[str]) -> tuple[list[Plain], tuple[Shape | None, ...]]:
    """Stores a number of channels that the helper computes from its parameters."""
    shapes = []
    lines = []
    for i, shape in enumerate(results):
        names = free_names(shape[-1].text) or set() if shape and shape[-1].text else set()
        if shape is None or not names & local:
            shapes.append(shape)
            continue
        name = "out_channels" if not i else f"out_channels_{i}"
        lines.append(Plain(f"self.{name} = {shape[-1].text}", "init"))
        shapes.append((*shape[:-1], Expr(f"self.{name}", shape[-1].value)))
    return lines, tuple(shapes)


def _tensors(value: object) -> list[Tensor]:
    values = value if isinstance(value, list | tuple) else [value]
    return [v for v in values if isinstance(v, Tensor)]


def _tensor(frame: Frame, name: str) -> Tensor:
    value = frame.arguments.get(name)
    if not isinstance(value, Tensor):
        raise Unstructured("a parameter that is a tensor now and then")
    return value


def _named(shape: Shape, variable: str) -> Shape:
    return (*shape[:-1], Expr(variable, shape[-1].value))


def _substitute(dim: Dim, texts: dict[str, str]) -> Dim:
    if not dim.text or dim.text.isdigit():
        return dim
    tree = ast.parse(dim.text, mode="eval")
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name)]
    if any(not texts.get(n.id) for n in names):
        return FREE
    for n in names:
        text = texts[n.id]
        n.id = text if (len(names) == 1 and isinstance(tree.body, ast.Name)) or text.isidentifier() else f"({text})"
    return Expr(ast.unparse(tree))
