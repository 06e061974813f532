"""Bodies of classes with layers: calls of modules, and the layout of their tensors."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.backends.bodies.build_shapes import BuildBody, as_followed
from transpile.backends.bodies.calls import Argument, Refusal, special_paths
from transpile.backends.bodies.kinds import TENSOR, UNSURE, Kind, in_layout, tensor
from transpile.backends.bodies.method_calls import method_call
from transpile.backends.bodies.modules import Module, place_of_mode
from transpile.backends.bodies.own import OwnClass
from transpile.backends.bodies.walker import Env, Hook, Value
from transpile.backends.torch_nodes import filled
from transpile.ir import FREE, UNKNOWN, Edit, Expr, Node, Shape, literal
from transpile.ops._lowering import factor
from transpile.passes.layout import rank_of, to_keras, to_torch
from transpile.references import References
from transpile.registry import Context, by_keras_path, lower, signature

_FREE = frozenset("equal greater less greater_equal less_equal not_equal logical_and logical_or logical_not".split())
_SPATIAL_REDUCTIONS = ("reduce_mean", "mean", "reduce_sum", "sum", "reduce_max", "max")
# What Keras gives every layer or model, and nn.Module has not or means otherwise.
KERAS_ONLY = frozenset(
    """
    add_loss add_metric losses metrics compiled_loss compiled_metrics optimizer trainable_variables
    trainable_weights non_trainable_weights weights variables trainable inputs outputs input output
    layers get_layer summary predict fit compile evaluate save save_weights load_weights dtype compute_dtype
    name built build input_spec call compute_output_shape get_weights set_weights count_params
    """.split()
)
_CONCATS = ("concat", "concatenate")


class MixedLayout(Exception):
    """A tensor that lies one way or the other, depending on how the program got there."""


class ForwardBody(BuildBody):
    """Walks the methods of a class. With `wrapped` each layer that needs channels first moves them
    itself; without, they stay first from the first such layer on."""

    def __init__(self, references: References, paths: Mapping[ast.AST, str], hooks: tuple[Hook, ...] = ()) -> None:
        super().__init__(references, paths, hooks)
        self.wrapped = False
        self.inner = False  # returns images channels first
        self.training = ""  # the parameter that tells the mode
        self.adds_loss = False
        self.parent: OwnClass | None = None  # the class above, of the user's
        self.methods: dict[str, ast.FunctionDef] = {}  # of the class, those that it inherits among them
        self.kept: dict[int, Value] = {}  # arguments that stay in their layout

    # Layouts

    def settled(self, node: ast.expr, value: Value) -> Value:
        if value.kind.what != "tensor" or value.kind.layout == "keras":
            return value
        if value.kind.layout == "mixed" or value.kind.rank is None:
            raise MixedLayout
        text = to_keras(self.operand_text(node, value), value.kind.rank)
        return self._whole(node, text, in_layout(value.kind, "keras"))

    def operand_text(self, node: ast.expr, value: Value) -> str:
        """The text of an expression for use before an attribute."""
        return factor(Expr(self.text(node, value)))

    def _whole(self, node: ast.expr, text: str, kind: Kind) -> Value:
        start, end = self.references.start(node), self.references.end(node)
        return Value(kind, (Edit(start, end, text),))

    def aligned(self, parts: list[tuple[ast.expr, Value]]) -> tuple[list[Value], str]:
        values = [v for _, v in parts]
        if all(v.kind.layout == "keras" for v in values):
            return values, "keras"
        tensors = [v.kind for v in values if v.kind.what not in ("number", "none")]
        same = all(k.layout == "torch" and k.rank == tensors[0].rank for k in tensors)
        if same:
            return values, "torch"
        return [self.settled(n, v) for n, v in parts], "keras"

    def _do_Expr(self, node: ast.Expr, env: Env) -> None:
        from transpile.backends.bodies.added_losses import added

        if not added(self, node, env):
            super()._do_Expr(node, env)

    def _do_Return(self, node: ast.Return, env: Env) -> None:
        """What is returned, in the layout that the callers expect."""
        if node.value is None or self.inner:
            super()._do_Return(node, env)
            return
        if isinstance(node.value, ast.Tuple | ast.List):
            values = [self.plain(e, env) for e in node.value.elts]
            self.edits += [e for v in values for e in v.edits]
            self.returned.append(Kind("list", items=tuple(v.kind for v in values)))
            return
        value = self.plain(node.value, env)
        self.edits += value.edits
        self.returned.append(value.kind)

    # Names

    def _Attribute(self, node: ast.Attribute, env: Env) -> Value:
        mine = isinstance(node.value, ast.Name) and node.value.id == self.owner and self.owner
        if mine and node.attr in KERAS_ONLY and node.attr not in self.attributes:
            raise Refusal("K2T189", f"self.{node.attr} is Keras's own", node)
        if mine and self.attributes.get(node.attr, UNSURE).path == "taken":
            raise Refusal("K2T185", f"self.{node.attr} is used outside of layers and weights", node)
        return super()._Attribute(node, env)

    def _Name(self, node: ast.Name, env: Env) -> Value:
        if self.training and node.id == self.training:
            return self.replaced(node, f"{self.owner}.training", Kind("number", "bool"))
        return super()._Name(node, env)

    # Calls

    def _Call(self, node: ast.Call, env: Env) -> Value:
        if (found := method_call(self, node, env)) is not None:
            return found
        callee = self.callee(node, env)
        if callee.what == "module":
            return self.module_call(node, callee, env)
        return super()._Call(node, env)

    def callee(self, node: ast.Call, env: Env) -> Kind:
        """What is called, where it is a variable or attribute."""
        func = node.func
        if isinstance(func, ast.Name):
            return env.get(func.id)
        if isinstance(func, ast.Attribute | ast.Subscript) and func not in self.paths:
            return self.visit(func, env).kind if _simple(func) else UNSURE
        return UNSURE

    def module_call(self, node: ast.Call, callee: Kind, env: Env) -> Value:
        """`self.conv(x)`: in the module's own words."""
        module = self.one(callee, node)
        receiver = self.text(node.func, self.visit(node.func, env))
        inputs, extra = self.inputs(node, module, env)
        if module.own is not None or module.op is None:
            return self._opaque(node, module, receiver, inputs)
        return self._layer(node, module, receiver, inputs, extra)

    def one(self, callee: Kind, node: ast.AST) -> Module:
        """The module behind a kind; several that are called alike count as one."""
        if isinstance(callee.node, Module):
            return callee.node
        found = callee.node if isinstance(callee.node, tuple) else ()
        if found and found[0].own is not None and all(m.own is found[0].own for m in found):
            first: Module = found[0]
            return first if all(m.shape == first.shape for m in found) else replace(first, shape=None)
        plain = all(m.call == "{module}({x})" and not m.activation and m.own is None for m in found)
        if found and plain and len({m.layout for m in found}) == 1:
            first = found[0]
            return Module("", first.call, first.op, first.args, first.layout, mode=any(m.mode for m in found))
        raise Refusal("K2T187", "layers of different kinds are called in one place", node)

    def inputs(self, node: ast.Call, module: Module, env: Env) -> tuple[list[tuple[ast.expr, Value]], dict[str, Expr]]:
        """The tensors of a call, and its other arguments."""
        found: list[tuple[ast.expr, Value]] = []
        told = module.own is None or module.own.flag in ("", "training")
        for i, argument in enumerate(node.args):
            if i == place_of_mode(module):
                told = self._mode(argument, module)
                continue
            parts = argument.elts if isinstance(argument, ast.List | ast.Tuple) and module.own is None else [argument]
            if any(isinstance(p, ast.Starred) for p in parts):
                raise Refusal("K2T186", "arguments that are unpacked", node)
            found += [(p, self.visit(p, env)) for p in parts]
        extra: dict[str, Expr] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise Refusal("K2T186", "arguments that are unpacked", node)
            if keyword.arg in ("training", module.own.flag if module.own is not None else ""):
                told = self._mode(keyword.value, module)
                continue
            value = self.visit(keyword.value, env)
            if keyword.arg == "mask" and value.kind.what == "none":
                continue
            if keyword.arg == "inputs":
                found.insert(0, (keyword.value, value))
            elif value.kind.what in ("tensor", "list", "unknown") and module.own is None:
                parts = keyword.value.elts if isinstance(keyword.value, ast.List | ast.Tuple) else [keyword.value]
                extra[keyword.arg] = literal(tuple(range(len(found), len(found) + len(parts))))
                found += [(p, self.visit(p, env)) for p in parts]
            elif module.own is not None:
                found.append((keyword.value, value))
                extra[keyword.arg] = Expr("", len(found) - 1)
            else:
                extra[keyword.arg] = Expr(self.text(keyword.value, value), value.kind.value)
        if not told and module.own is not None and module.own.trained:
            raise Refusal("K2T186", f"{module.own.node.name} without {module.own.flag}=", node)
        return found, extra

    def _mode(self, value: ast.expr, module: Module) -> bool:
        """`training=training`: the module knows its mode; a fixed one is not said so easily."""
        if not module.mode and not (module.own is not None and module.own.trained):
            return True
        if isinstance(value, ast.Constant) and value.value is not None:
            raise Refusal("K2T186", "training= with a fixed value", value)
        if not isinstance(value, ast.Constant) and not (isinstance(value, ast.Name) and value.id == self.training):
            raise Refusal("K2T186", "training= with another value than the parameter of that name", value)
        return True

    def _opaque(self, node: ast.Call, module: Module, receiver: str, inputs: list[tuple[ast.expr, Value]]) -> Value:
        """A module of the user's own class, a model, or what is no more than a function."""
        if module.op is None and module.own is None and (module.chosen or module.call != "{module}({x})"):
            first, value = inputs[0]
            if module.chosen:
                value = self.settled(first, value)
                if len(inputs) != 1 or node.keywords or value.kind.what not in ("tensor", "unknown"):
                    raise Refusal("K2T186", "these arguments of an activation", node)
            text = filled(module.call, {"x": self.text(first, value), "module": receiver})
            return self._whole(node, text, value.kind)
        inner = module.own is not None and module.own.inner
        texts = []
        for part, value in inputs:
            texts.append(self._towards(part, value, "torch" if inner else "keras"))
        flag = module.own.flag if module.own is not None else ""
        names = [k.arg for k in node.keywords if k.arg not in ("training", "inputs", "mask", flag)]
        plain = len(texts) - len(names)
        texts = [*texts[:plain], *(f"{n}={t}" for n, t in zip(names, texts[plain:]))]
        if module.own is not None and module.own.outputs:
            kinds = tuple(in_layout(tensor("float", s), "torch" if inner else "keras") for s in module.own.outputs)
            kind = kinds[0] if len(kinds) == 1 and not module.own.several else Kind("list", items=kinds)
            if len(kinds) == 1 and module.shape is not None:
                kind = in_layout(tensor("float", module.shape), kinds[0].layout)
        else:
            kind = tensor("float", module.shape)
            if module.outputs > 1:
                kind = Kind("list", items=(TENSOR,) * module.outputs)
        return self._whole(node, f"{receiver}({', '.join(texts)})", kind)

    def _towards(self, node: ast.expr, value: Value, layout: str) -> str:
        """The text of a tensor in a layout."""
        kind = value.kind
        if layout == "keras" or kind.what != "tensor":
            return self.text(node, self.settled(node, value))
        if kind.layout == "torch" or (kind.rank is not None and kind.rank < 3):
            return self.text(node, value)
        if kind.layout == "mixed" or kind.rank is None:
            raise MixedLayout
        return to_torch(self.operand_text(node, value), kind.rank)

    def _layer(
        self, node: ast.Call, module: Module, receiver: str, inputs: list[tuple[ast.expr, Value]],
        extra: Mapping[str, Expr],
    ) -> Value:  # fmt: skip
        op = module.op
        assert op is not None
        inputs = as_followed(self.references, inputs, module.inputs)
        shapes = tuple(v.kind.shape for _, v in inputs)
        layouts = {v.kind.layout for _, v in inputs if v.kind.what in ("tensor", "unknown")}
        layout = module.layout
        if layout == "any":
            ranks = {v.kind.rank for _, v in inputs}
            if "axis" in module.args and not op.name.startswith("batch_norm"):
                layouts = set()  # what its module normalizes depends on the layout
            layout = "torch" if layouts == {"torch"} and len(ranks) == 1 else "keras"
        texts = []
        for part, value in inputs:
            rank = rank_of(value.kind.shape, op.name)
            if layout == "torch" and value.kind.layout == "keras":
                if rank is None:
                    raise Refusal("K2T111", "the rank of this tensor is not known", part)
                texts.append(to_torch(self.operand_text(part, value), rank))
            else:
                texts.append(self.text(part, value if layout == "torch" else self.settled(part, value)))
        args = {**module.args, **{f"call:{n}": e for n, e in extra.items()}}
        found = Node(op.name, args, tuple(f"x{i}" for i in range(len(inputs))), ("x",), input_shapes=shapes,
                     layout=layout)  # type: ignore[arg-type]  # fmt: skip
        low = lower(op, found, Context(layout, "default", True))  # type: ignore[arg-type]
        for code, message in low.diagnostics:
            if code < "K2T2":
                raise Refusal(code, message, node)
        template = low.call if low.module or not module.text else module.call
        self.helpers += low.helpers
        values = {"module": receiver, "x": texts[0] if texts else "", "xs": ", ".join(texts)}
        text = filled(template, values | {f"x{i}": t for i, t in enumerate(texts)})
        if module.activation:
            wrapped = module.activation.replace("dim=-1", "dim=1") if layout == "torch" else module.activation
            text = filled(wrapped, {"x": text})
        return self._finished(node, text, self._results(op.shape(shapes, args), module, layout, op.name))

    def _results(self, shape: object, module: Module, layout: str, name: str) -> Kind:
        if isinstance(shape, list):
            return Kind("list", items=tuple(in_layout(tensor("float", s), layout) for s in shape))
        found: Shape | None = shape if isinstance(shape, tuple) else module.shape
        if found is None and layout == "torch" and "global" not in name:
            rank = rank_of(None, name)
            found = (FREE,) * rank if rank else None
        rank = len(found) if found is not None else None
        first = layout == "torch" and (rank >= 3 if rank is not None else "global" not in name)
        return in_layout(tensor("float", found), "torch" if first else "keras")

    def _finished(self, node: ast.expr, text: str, kind: Kind) -> Value:
        value = self._whole(node, text, kind)
        return self.settled(node, value) if self.wrapped else value

    # Functions of frameworks

    def _framework(self, node: ast.Call, path: str, env: Env) -> Value:
        torch = [a for a in _tensors_of(node) if self.visit(a, env).kind.layout == "torch"] if not self.wrapped else []
        if torch:
            found = self._in_place(node, path, env)
            if found is not None:
                return found
        return super()._framework(node, path, env)

    def _in_place(self, node: ast.Call, path: str, env: Env) -> Value | None:
        """A function that runs with the channels first as well."""
        name = path.rpartition(".")[2]
        values = [(a, self.visit(a, env)) for a in _tensors_of(node)]
        tensors = [v.kind for _, v in values if v.kind.what not in ("number", "none")]
        if any(k.layout != "torch" or k.rank != tensors[0].rank for k in tensors) or tensors[0].rank is None:
            return None
        rank = tensors[0].rank
        if name in _CONCATS:
            return self._concat(node, values, rank)
        if name in _SPATIAL_REDUCTIONS:
            return self._reduced(node, path, values, rank, env)
        op = by_keras_path().get(path.removeprefix("keras."))
        known = path.removeprefix("keras.") in special_paths()
        agnostic = op is not None and op.layout == "any" and "axis" not in signature(op.keras)[1] and not known
        if not agnostic and name not in _FREE:
            return None
        outer, self.kept = self.kept, {id(n): v for n, v in values}
        try:
            value = super()._framework(node, path, env)
        finally:
            self.kept = outer
        return Value(in_layout(replace(value.kind, shape=tensors[0].shape), "torch"), value.edits)

    def argument(self, node: ast.expr, env: Env) -> Argument:
        if id(node) in self.kept:
            value = self.kept[id(node)]
            return Argument(self.text(node, value), in_layout(value.kind, "keras"), node)
        return super().argument(node, env)

    def _axis(self, node: ast.Call, position: int) -> object:
        given = node.args[position] if len(node.args) > position else None
        given = next((k.value for k in node.keywords if k.arg in ("axis", "reduction_indices")), given)
        try:
            return ast.literal_eval(given) if given is not None else UNKNOWN
        except ValueError:
            return UNKNOWN

    def _concat(self, node: ast.Call, values: Sequence[tuple[ast.expr, Value]], rank: int) -> Value | None:
        axis = self._axis(node, 1)
        if axis is UNKNOWN or not isinstance(axis, int) or axis % rank == 0:
            return None
        place = 1 if axis % rank == rank - 1 else axis % rank + 1
        texts = ", ".join(self.text(n, v) for n, v in values)
        shapes = [v.kind.shape for _, v in values]
        first = shapes[0]
        assert first is not None
        sizes = [s[axis].value if s is not None else UNKNOWN for s in shapes]
        whole = literal(sum(s for s in sizes if isinstance(s, int))) if all(isinstance(s, int) for s in sizes) else None
        dims = list(first)
        dims[axis % rank] = whole or FREE
        kind = in_layout(tensor("float", tuple(dims)), "torch")
        return self._whole(node, f"torch.cat([{texts}], dim={place})", kind)

    def _reduced(
        self, node: ast.Call, path: str, values: Sequence[tuple[ast.expr, Value]], rank: int, env: Env
    ) -> Value | None:
        axis = self._axis(node, 1)
        spatial = tuple(range(1, rank - 1))
        if not isinstance(axis, tuple | list) or tuple(sorted(a % rank for a in axis)) != spatial:
            return None
        others = [k for k in node.keywords if k.arg not in ("axis", "reduction_indices")]
        if others or len(node.args) > 2:
            return None
        part, value = values[0]
        method = {"reduce_mean": "mean", "reduce_sum": "sum", "reduce_max": "amax", "max": "amax"}
        name = path.rpartition(".")[2]
        dims = tuple(a + 1 for a in spatial)
        shape = value.kind.shape
        kind = tensor("float", (shape[0], shape[-1]) if shape else None)
        text = f"{self.operand_text(part, value)}.{method.get(name, name)}(dim={dims if len(dims) > 1 else dims[0]})"
        return self._whole(node, text, kind)


def _tensors_of(node: ast.Call) -> list[ast.expr]:
    """The arguments that may be tensors: the elements of lists, too."""
    found: list[ast.expr] = []
    for argument in node.args[:2]:
        if isinstance(argument, ast.List | ast.Tuple):
            found += [e for e in argument.elts if not isinstance(e, ast.Constant | ast.Starred | ast.UnaryOp)]
        elif not isinstance(argument, ast.Constant | ast.UnaryOp):
            found.append(argument)
    return found


def _simple(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return isinstance(node, ast.Name)
