"""Expressions of a PyTorch body in Keras's words: text and what is known of the value.

Whatever is not PyTorch keeps the user's own text; a changed part is put in its place.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.frontends.torch_program import ClassInfo, FunctionInfo, Program
from transpile.ir import UNKNOWN
from transpile.ops._booleans import dtype_of_booleans, function_of_booleans
from transpile.ops._functions import Call, Left, Operand, bound, fresh, like, relaid
from transpile.ops._functions_index import function_of
from transpile.ops.torch_elementwise import align
from transpile.ops.torch_reduction import DTYPES
from transpile.torch_values import (
    UNKNOWN_VALUE,
    Chain,
    ClassValue,
    Either,
    Extents,
    FunctionValue,
    Imported,
    Items,
    Many,
    Plain,
    Tensor,
    Value,
    each_of,
    join,
)

# Classes of torch.nn that are named, not called, and what stands in their place.
LAYERS = {
    "Conv1d": "Conv1D", "Conv2d": "Conv2D", "Conv3d": "Conv3D", "Linear": "Dense", "Embedding": "Embedding",
    "ConvTranspose2d": "Conv2DTranspose", "BatchNorm1d": "BatchNormalization", "BatchNorm2d": "BatchNormalization",
    "InstanceNorm2d": "GroupNormalization", "GroupNorm": "GroupNormalization", "LayerNorm": "LayerNormalization",
    "ReLU": "ReLU", "LeakyReLU": "LeakyReLU", "ELU": "ELU", "PReLU": "PReLU", "Dropout": "Dropout",
    "MaxPool2d": "MaxPooling2D", "AvgPool2d": "AveragePooling2D", "Identity": "Identity", "Softmax": "Softmax",
}  # fmt: skip


class Expressions:
    """One function or method being read. `env` maps its local names to values."""

    def __init__(self, program: Program, info: FunctionInfo | None, owner: ClassInfo | None) -> None:
        self.program, self.info, self.owner = program, info, owner
        self.references = program.references
        self.env: dict[str, Value] = {}
        self.helpers: set[str] = set()
        self.imports: set[str] = set()
        self.uses_ops = False
        self.in_numpy = False  # constants are computed with numpy, which can assign to parts
        self.targets: int | None = None
        self.changed_in_place: Value | None = None  # the argument of a module with inplace=True
        # What dropout gives, by id, and what it was given: in inference mode the same tensor.
        self.passed: dict[int, tuple[Value | None, Value | None]] = {}
        self.constructing = info is not None and (info.name == "__init__" or info.makes)

    # Text

    def source(self, node: ast.AST) -> str:
        return self.references.code(node)

    def rebuilt(self, node: ast.AST, parts: Sequence[tuple[ast.AST, str]]) -> str:
        """The user's text of a node with the texts of some parts replaced."""
        start, data = self.references.start(node), self.references.data
        pieces, position = [], start
        for part, text in sorted(parts, key=lambda p: self.references.start(p[0])):
            begin = self.references.start(part)
            pieces += [data[position:begin].decode(), text]
            position = self.references.end(part)
        return "".join([*pieces, data[position : self.references.end(node)].decode()])

    # Expressions

    def expr(self, node: ast.expr) -> Operand:
        """Text and value of an expression."""
        method = getattr(self, f"on_{type(node).__name__}", None)
        return method(node) if method is not None else self.generic(node)

    def generic(self, node: ast.expr) -> Operand:
        """An expression of which only the parts matter."""
        if isinstance(node, ast.JoinedStr):
            return Operand(self.source(node), Plain())
        parts = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        texts = [(c, self.expr(c).text) for c in parts]
        return Operand(self.rebuilt(node, texts), UNKNOWN_VALUE)

    def on_Constant(self, node: ast.Constant) -> Operand:
        return Operand(self.source(node), Plain(node.value))

    def on_Name(self, node: ast.Name) -> Operand:
        if node.id in self.env:
            return Operand(node.id, self.env[node.id])
        path = self.program.paths.get(id(node))
        if path is not None:
            return self.reference(node, path)
        if node.id in self.program.classes:
            return Operand(node.id, ClassValue(self.program.classes[node.id]))
        if node.id in self.program.functions:
            return Operand(node.id, FunctionValue(self.program.functions[node.id].node))
        if node.id in self.program.imported:
            return Operand(node.id, Imported(self.program.imported[node.id]))
        if node.id in self.program.globals:
            return Operand(node.id, self.program.globals[node.id])
        return Operand(node.id, UNKNOWN_VALUE)

    def reference(self, node: ast.expr, path: str) -> Operand:
        """A name of PyTorch that is not called here."""
        name = path.rpartition(".")[2]
        if path.startswith("torch.nn.") and name[:1].isupper():
            self.imports.add("from keras import layers")
            return Operand(f"layers.{LAYERS.get(name, 'Layer')}", ClassValue(path))
        if path in ("torch.pi", "torch.inf", "torch.nan"):
            return Operand(f"float('{name}')" if name != "pi" else "3.141592653589793", Plain())
        if path.startswith("torch.") and (dtype := DTYPES.get(name)) is not None and path.count(".") == 1:
            return Operand(dtype[0] or '"float32"', FunctionValue(path))
        entry = function_of(path)
        if entry is not None and [n for n, default in entry.params if default is ...] == ["x"]:
            try:
                text, _ = entry.handler(Call(path, bound(entry, path, [Operand("x", Tensor())], {})))
            except Left:
                text = ""
            if text.endswith("(x)"):
                return self.made(text.removesuffix("(x)"), FunctionValue(path))
        return Operand(self.source(node), FunctionValue(path))

    def own_attribute(self, node: ast.Attribute) -> Operand:
        assert self.owner is not None
        if node.attr == "training":
            if self.info is None or self.info.name != "forward":
                raise Left("self.training outside of forward")
            self.info.training = True
            return Operand("training", Plain())
        name = self.attribute_name(node.attr)
        text = self.rebuilt(node, []) if name == node.attr else f"self.{name}"
        value = self.owner.attribute(node.attr)
        if value is None and self.owner.method(node.attr):
            method = self.owner.method(node.attr)
            return Operand(text, FunctionValue(method.node) if method else UNKNOWN_VALUE)
        return Operand(text, UNKNOWN_VALUE if value is None else value)

    def attribute_name(self, name: str) -> str:
        """The name under Keras, which keeps some for itself."""
        if self.owner is None:
            return name
        for info in self.owner.lineage():
            if name in info.renamed:
                return info.renamed[name]
        return name

    def made(self, text: str, value: Value) -> Operand:
        """Text of ours that uses `ops`."""
        self.uses_ops = self.uses_ops or "ops." in text
        return Operand(text, value)

    # Operators

    def on_BinOp(self, node: ast.BinOp) -> Operand:
        left, right = self.expr(node.left), self.expr(node.right)
        parts: list[tuple[ast.AST, str]]
        if isinstance(node.op, ast.MatMult):
            entry = function_of("torch.matmul")
            assert entry is not None
            call = Call("@", {"x": left, "other": right})
            _, value = entry.handler(call)
            parts = [(node.left, call.torch("x")), (node.right, call.torch("other"))]
            return self.made(self.rebuilt(node, parts), value)
        if not any(isinstance(o.value, Tensor) for o in (left, right)):
            parts = [(node.left, left.text), (node.right, right.text)]
            return Operand(self.rebuilt(node, parts), self.plain_sum(node, left, right))
        texts, result = align([(left.text, left.value), (right.text, right.value)])
        fraction = isinstance(node.op, ast.Div) or any(
            isinstance(o.value, Plain) and isinstance(o.value.value, float) for o in (left, right)
        )
        if result.dtype in ("int", "bool") and fraction and not self.in_numpy:
            result = like(result, dtype="float")
        texts = [self.numeric(t, o, result) for t, o in zip(texts, (left, right))]
        floats = any(isinstance(o.value, Tensor) and o.value.dtype == "float" for o in (left, right))  # these are cast
        name = "" if self.in_numpy or floats else function_of_booleans(node.op, left, right)
        if name:
            self.uses_ops = True
            return self.made(f"ops.{name}({texts[0]}, {texts[1]})", like(result, dtype=dtype_of_booleans(left, right)))
        if isinstance(node.op, ast.Pow) and result.dtype == "int":
            result = like(result, dtype="")
        return self.made(self.rebuilt(node, [(node.left, texts[0]), (node.right, texts[1])]), result)

    def numeric(self, text: str, operand: Operand, result: Tensor) -> str:
        """A tensor of integers or booleans among floats is cast, as PyTorch does by itself."""
        value = operand.value
        if self.in_numpy:
            return text
        if result.dtype == "float" and isinstance(value, Tensor) and value.dtype in ("int", "bool"):
            self.uses_ops = True
            return f"ops.cast({text}, {self.float_dtype})"
        return text

    @property
    def float_dtype(self) -> str:
        inside = self.owner is not None
        return "self.compute_dtype" if inside else '"float32"'

    @staticmethod
    def plain_sum(node: ast.BinOp, left: Operand, right: Operand) -> Value:
        """What Python's own operators make of plain values, lists and tuples."""
        a, b = left.value, right.value
        if isinstance(a, Items) and isinstance(b, Items) and isinstance(node.op, ast.Add):
            return Items((*a.items, *b.items))
        if isinstance(a, Items | Many | Extents) or isinstance(b, Items | Many | Extents):
            return UNKNOWN_VALUE if isinstance(node.op, ast.Add) and Extents in map(type, (a, b)) else _repeated(a, b)
        if not (isinstance(a, Plain) and isinstance(b, Plain)):
            return UNKNOWN_VALUE
        return Plain(_computed(left.const, node.op, right.const))

    def on_UnaryOp(self, node: ast.UnaryOp) -> Operand:
        operand = self.expr(node.operand)
        if isinstance(operand.value, Tensor):
            if isinstance(node.op, ast.Invert):
                return self.made(f"ops.logical_not({operand.text})", like(operand.value, dtype="bool"))
            return Operand(self.rebuilt(node, [(node.operand, operand.text)]), operand.value)
        text = self.rebuilt(node, [(node.operand, operand.text)])
        if isinstance(node.op, ast.USub) and isinstance(operand.const, int | float):
            return Operand(text, Plain(-operand.const))
        if isinstance(node.op, ast.Not) and isinstance(operand.const, bool | int | None):
            return Operand(text, Plain(not operand.const))
        return Operand(text, Plain() if isinstance(operand.value, Plain) else UNKNOWN_VALUE)

    def on_Compare(self, node: ast.Compare) -> Operand:
        operands = [node.left, *node.comparators]
        found = [self.expr(o) for o in operands]
        tensors = [o for o in found if isinstance(o.value, Tensor)]
        identity = any(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops)
        texts = [o.text for o in found]
        value: Value = Plain()
        if tensors and not identity:
            texts, result = align([(o.text, o.value) for o in found])
            value = like(result, dtype="bool")
            name = function_of_booleans(node.ops[0], *found) if len(found) == 2 and not self.in_numpy else ""
            if name:
                self.uses_ops = True
                return self.made(f"ops.{name}({texts[0]}, {texts[1]})", value)
        if identity and len(found) == 2 and isinstance(node.ops[0], ast.Is | ast.IsNot):
            value = Plain(self.is_same(node, found))
        return Operand(self.rebuilt(node, list(zip(operands, texts))), value)

    @staticmethod
    def is_same(node: ast.Compare, found: list[Operand]) -> object:
        """`x is None` where both sides are known."""
        if found[1].const is not None or found[1].const is UNKNOWN:
            return UNKNOWN
        value = found[0].value
        if isinstance(value, Plain) and value.value is not UNKNOWN:
            return (value.value is None) == isinstance(node.ops[0], ast.Is)
        return UNKNOWN

    def on_BoolOp(self, node: ast.BoolOp) -> Operand:
        found = [self.expr(v) for v in node.values]
        value: Value | None = None
        for operand in found:
            value = join(value, operand.value)
        return Operand(self.rebuilt(node, [(n, o.text) for n, o in zip(node.values, found)]), value or UNKNOWN_VALUE)

    def on_IfExp(self, node: ast.IfExp) -> Operand:
        test, body, other = self.expr(node.test), self.expr(node.body), self.expr(node.orelse)
        texts = [body.text, other.text]
        if isinstance(body.value, Tensor) and isinstance(other.value, Tensor) and body.value.last != other.value.last:
            if None in (body.value.rank.value, other.value.rank.value):  # one that is not known is the other's
                body.value.rank.unify(other.value.rank)
            texts = [relaid(o.text, o.value, True) for o in (body, other)]
            value: Value = like(body.value, last=True)
        else:
            value = join(body.value, other.value)
        parts = [(node.test, test.text), (node.body, texts[0]), (node.orelse, texts[1])]
        return Operand(self.rebuilt(node, parts), value)

    # Displays

    def on_Tuple(self, node: ast.Tuple | ast.List) -> Operand:
        found = tuple(self.expr(e) for e in node.elts)
        text = self.rebuilt(node, [(n, o.text) for n, o in zip(node.elts, found)])
        if any(isinstance(e, ast.Starred) for e in node.elts):
            starred = [o.value for e, o in zip(node.elts, found) if isinstance(e, ast.Starred)]
            if all(isinstance(v, Items) for v in starred):
                parts = [o.value.items if isinstance(e, ast.Starred) else (o.value,) for e, o in zip(node.elts, found)]  # type: ignore[attr-defined]
                return Operand(text, Items(tuple(p for part in parts for p in part)), found)
            each: Value | None = None
            for e, o in zip(node.elts, found):
                each = join(each, each_of(o.value) if isinstance(e, ast.Starred) else o.value, alike=False)
            return Operand(text, Many(each or UNKNOWN_VALUE), found)
        return Operand(text, Items(tuple(o.value for o in found)), found)

    on_List = on_Tuple

    def on_Starred(self, node: ast.Starred) -> Operand:
        inner = self.expr(node.value)
        if isinstance(inner.value, Extents):
            inner = Operand(inner.text, inner.value)
        return Operand(self.rebuilt(node, [(node.value, inner.text)]), inner.value)

    def on_Dict(self, node: ast.Dict) -> Operand:
        keys = [k for k in node.keys if k is not None]
        found = [self.expr(v) for v in node.values]
        parts: list[tuple[ast.AST, str]] = [(n, o.text) for n, o in zip(node.values, found)]
        parts += [(k, self.expr(k).text) for k in keys]
        each: Value | None = None
        for operand in found:
            each = join(each, operand.value)
        return Operand(self.rebuilt(node, parts), Many(each or UNKNOWN_VALUE))

    def comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Operand:
        outer = dict(self.env)
        parts: list[tuple[ast.AST, str]] = []
        for generator in node.generators:
            iterable = self.iterated(generator.iter)
            parts.append((generator.iter, iterable.text))
            self.bind(generator.target, each_of(iterable.value))
            parts += [(test, self.expr(test).text) for test in generator.ifs]
        element = self.expr(node.elt)
        parts.append((node.elt, element.text))
        self.env = outer
        return Operand(self.rebuilt(node, parts), Many(element.value))

    on_ListComp = on_GeneratorExp = on_SetComp = comprehension

    def iterated(self, node: ast.expr) -> Operand:
        """What a loop runs over; a Sequential gives its layers."""
        found = self.expr(node)
        values = found.value.values if isinstance(found.value, Either) else (found.value,)
        if values and all(isinstance(v, Chain) for v in values):
            return Operand(f"{found.text}.layers", found.value)
        if isinstance(found.value, Tensor):
            rank = found.value.rank.value
            text = relaid(found.text, found.value, False)
            return self.made(f"ops.unstack({text})", Many(fresh(rank - 1 if rank else None, found.value.dtype)))
        return found

    def on_Lambda(self, node: ast.Lambda) -> Operand:
        outer = dict(self.env)
        for arg in node.args.args:
            self.env[arg.arg] = Tensor()
        body = self.expr(node.body)
        self.env = outer
        return Operand(self.rebuilt(node, [(node.body, body.text)]), FunctionValue(node))

    def bind(self, target: ast.expr, value: Value) -> None:
        """Gives a name, or several, their values."""
        match target:
            case ast.Name(id=name):
                self.env[name] = value
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                items = value.items if isinstance(value, Items) and len(value.items) == len(elts) else None
                for i, inner in enumerate(elts):
                    if isinstance(value, Extents):
                        self.bind(inner, Plain())
                    else:
                        self.bind(inner, items[i] if items else each_of(value))
            case ast.Starred(value=inner):
                self.bind(inner, Many(value))


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip


def _computed(x: object, operator: ast.operator, y: object) -> object:
    """The value of arithmetic with two small numbers."""
    small = all(type(v) in (int, float) and abs(v) < 1e9 for v in (x, y))  # type: ignore[arg-type]
    if not small or type(operator) not in _OPERATORS or (isinstance(operator, ast.Pow) and abs(y) > 16):  # type: ignore[arg-type]
        return UNKNOWN
    try:
        return eval(f"({x!r}) {_OPERATORS[type(operator)]} ({y!r})", {"__builtins__": {}})  # two numbers
    except ArithmeticError:
        return UNKNOWN


def _repeated(a: Value, b: Value) -> Value:
    """`[x] * n`, or a list and another."""
    if isinstance(a, Items | Many) and isinstance(b, Items | Many):
        return Many(join(each_of(a), each_of(b)))
    several = a if isinstance(a, Items | Many) else b
    return Many(each_of(several)) if isinstance(several, Items | Many) else UNKNOWN_VALUE
