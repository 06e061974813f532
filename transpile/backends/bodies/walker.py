"""Expressions of the user's with calls of Keras and TensorFlow in them: their kinds and their edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from transpile.backends.bodies import library, methods, special  # noqa: F401  (library registers every function)
from transpile.backends.bodies.calls import Argument, Call, Refusal, translate
from transpile.backends.bodies.inference import (
    binary,
    by_parameter,
    element,
    hashable,
    item_of,
    of_builtin,
    of_numpy,
    root_of,
)
from transpile.backends.bodies.kinds import NONE, NUMBER, TENSOR, UNSURE, Kind, in_layout, joined, literal_kind, tensor
from transpile.backends.bodies.numbers import python_call
from transpile.backends.bodies.tables import FUNCTIONS, NEW, names_used_as_tensors
from transpile.backends.torch_nodes import atomic, parsed
from transpile.ir import UNKNOWN, Edit
from transpile.references import References
from transpile.splice import apply

_OPERAND = ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Attribute | ast.Subscript | ast.Starred | ast.Await
_BINDING = {ast.Add: 1, ast.Sub: 1, ast.Mult: 2, ast.Div: 2, ast.FloorDiv: 2, ast.Mod: 2, ast.MatMult: 2, ast.Pow: 3}


@dataclass
class Value:
    """What an expression is, and the edits that translate it."""

    kind: Kind = UNSURE
    edits: tuple[Edit, ...] = ()


@dataclass
class Env:
    """The kinds of the names of a scope."""

    names: dict[str, Kind] = field(default_factory=dict)
    parent: Env | None = None

    def get(self, name: str) -> Kind:
        """The kind of a name, as far as it is known."""
        here: Env | None = self
        while here is not None:
            if name in here.names:
                return here.names[name]
            here = here.parent
        return UNSURE


# A call that is no framework function by its path: `self.dense(x)`, `loss_fn(y, p)`.
Hook = Callable[["Walker", ast.Call, Env], "Value | None"]


class Walker:
    """Translates expressions. `paths` gives the canonical path of each reference that is to go."""

    def __init__(self, references: References, paths: Mapping[ast.AST, str], hooks: tuple[Hook, ...] = ()) -> None:
        self.references = references
        self.paths = paths
        self.hooks = hooks
        self.helpers: list[str] = []
        self.attributes: dict[str, Kind] = {}  # of self
        self.unsure: set[str] = set()  # names that a loop's body sets further down
        self.likely: set[str] = set()  # names that functions of tensors are called with
        self.loose = False  # outside of functions: a first argument may be an array
        self.owner = ""  # the name of the first parameter of the method that is walked
        self.results: dict[tuple[ast.AST, object], Kind] = {}  # of functions that were called, against recursion

    # Text

    def text(self, node: ast.AST, value: Value) -> str:
        """The translated text of an expression."""
        start = self.references.start(node)
        own = self.references.code(node)
        return apply(own, [Edit(e.start - start, e.end - start, e.text) for e in value.edits])

    def replaced(self, node: ast.AST, text: str, kind: Kind) -> Value:
        """An expression that is written anew."""
        start, end = self.references.start(node), self.references.end(node)
        if self.references.data[start:end].decode() == text:
            return Value(kind)
        return Value(kind, (Edit(start, end, text),))

    def operand(self, node: ast.expr, value: Value) -> Value:
        """The same, in parentheses where an operator or attribute follows."""
        if len(value.edits) != 1:
            return value
        edit = value.edits[0]
        whole = (edit.start, edit.end) == (self.references.start(node), self.references.end(node))
        if not whole or atomic(edit.text) or self._enclosed(node) or self._binds(node, edit.text):
            return value
        return Value(value.kind, (Edit(edit.start, edit.end, f"({edit.text})"),))

    def _binds(self, node: ast.expr, text: str) -> bool:
        """Whether an operation binds more tightly than the operator that it stands beside."""
        parent = self.references.parents.get(node)
        made = parsed(text)
        if not isinstance(parent, ast.BinOp) or not isinstance(made, ast.BinOp):
            return False
        return _BINDING.get(type(made.op), 0) > _BINDING.get(type(parent.op), 9)

    def _enclosed(self, node: ast.expr) -> bool:
        data = self.references.data
        before = data[: self.references.start(node)].rstrip()[-1:]
        after = data[self.references.end(node) :].lstrip()[:1]
        parent = self.references.parents.get(node)
        return before == b"(" and after == b")" and not isinstance(parent, ast.Call)

    # Layouts: a class with convolutions says more

    def settled(self, node: ast.expr, value: Value) -> Value:
        """The value in Keras's layout, for whatever counts axes."""
        return value

    def plain(self, node: ast.expr, env: Env) -> Value:
        """An expression in Keras's layout."""
        return self.settled(node, self.visit(node, env))

    def aligned(self, parts: list[tuple[ast.expr, Value]]) -> tuple[list[Value], str]:
        """Operands in one layout, and which it is."""
        return [v for _, v in parts], "keras"

    # Expressions

    def visit(self, node: ast.expr, env: Env) -> Value:
        """An expression and what is in it. Raises Refusal."""
        path = self.paths.get(node)
        if path is not None:
            return self._reference(node, path)
        method = getattr(self, f"_{type(node).__name__}", None)
        if method is not None:
            found: Value = method(node, env)
            return found
        return Value(UNSURE, self._children(node, env))

    def _children(self, node: ast.AST, env: Env) -> tuple[Edit, ...]:
        edits: tuple[Edit, ...] = ()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                edits += self.visit(child, env).edits
            elif not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.cmpop | ast.boolop):
                edits += self._children(child, env)
        return edits

    def _reference(self, node: ast.expr, path: str) -> Value:
        """A name of a framework's that is not called."""
        name = path.rpartition(".")[2]
        if path == "tf.newaxis":
            return self.replaced(node, "None", NONE)
        if path in ("tf.Tensor", "tf.Variable", "keras.KerasTensor"):
            return self.replaced(node, "torch.Tensor", UNSURE)
        short = path.removeprefix("tf.").removeprefix("dtypes.")
        if path.startswith("tf.") and short in special._NAMES:
            return self.replaced(node, f"torch.{special._NAMES[short]}", Kind("dtype", value=f"tf.{short}"))
        if path in ("tf.math.pi", "numpy.pi"):
            return self.replaced(node, "math.pi", Kind("number", "float"))
        function = FUNCTIONS.get(path.removeprefix("keras."))
        if function is not None:
            return self.replaced(node, function, Kind("function"))
        raise Refusal("K2T185", f"{path} has no counterpart in PyTorch that is known", node) if name else AssertionError

    def _Constant(self, node: ast.Constant, env: Env) -> Value:
        return Value(literal_kind(node.value))

    def _JoinedStr(self, node: ast.JoinedStr, env: Env) -> Value:
        edits: tuple[Edit, ...] = ()
        for part in ast.walk(node):
            if part in self.paths or getattr(part, "attr", "") in ("numpy", "result"):
                edits = self._in_string(node, env)
                break
        return Value(Kind("text"), edits)

    def _in_string(self, node: ast.JoinedStr, env: Env) -> tuple[Edit, ...]:
        edits: tuple[Edit, ...] = ()
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                continue
            code = self.references.code(part.value)
            if ast.dump(parsed(code)) != ast.dump(part.value):
                raise Refusal("K2T186", "a tensor computation inside a formatted string", node)
            edits += self.visit(part.value, env).edits
        return edits

    def _Name(self, node: ast.Name, env: Env) -> Value:
        return Value(env.get(node.id))

    def _Attribute(self, node: ast.Attribute, env: Env) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id == self.owner and self.owner:
            return Value(self.attributes.get(node.attr, UNSURE))
        if isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy", "math"):
            return Value(NUMBER if node.attr in ("pi", "e", "inf") else UNSURE)
        value = self.operand(node.value, self.plain(node.value, env))
        return methods.attribute(self, node, value)

    def _BinOp(self, node: ast.BinOp, env: Env) -> Value:
        found = [(n, self.visit(n, env)) for n in (node.left, node.right)]
        (first, second), layout = self.aligned(found)
        left, right = self.operand(node.left, first), self.operand(node.right, second)
        kind = binary(node.op, left.kind, right.kind)
        return Value(in_layout(kind, layout), (*left.edits, *right.edits))

    def _UnaryOp(self, node: ast.UnaryOp, env: Env) -> Value:
        value = self.operand(node.operand, self.visit(node.operand, env))
        kind = value.kind
        if kind.what == "number":
            number = kind.value
            negated = -number if isinstance(node.op, ast.USub) and isinstance(number, int | float) else UNKNOWN
            kind = Kind("number", kind.element, value=negated)
        return Value(kind if not isinstance(node.op, ast.Not) else NUMBER, value.edits)

    def _Compare(self, node: ast.Compare, env: Env) -> Value:
        nodes = [node.left, *node.comparators]
        found, layout = self.aligned([(n, self.visit(n, env)) for n in nodes])
        values = [self.operand(n, v) for n, v in zip(nodes, found)]
        edits = tuple(e for v in values for e in v.edits)
        identity = isinstance(node.ops[0], ast.Is | ast.IsNot | ast.In | ast.NotIn)
        tensors = [v.kind for v in values if v.kind.what == "tensor"]
        if tensors and not identity:
            return Value(in_layout(tensor("bool", tensors[0].shape), layout), edits)
        sure = identity or all(v.kind.plain for v in values)
        return Value(NUMBER if sure else Kind(element="bool"), edits)

    def _BoolOp(self, node: ast.BoolOp, env: Env) -> Value:
        values = [self.operand(n, self.visit(n, env)) for n in node.values]
        kind = values[0].kind
        for value in values[1:]:
            kind = joined(kind, value.kind)
        return Value(kind, tuple(e for v in values for e in v.edits))

    def _IfExp(self, node: ast.IfExp, env: Env) -> Value:
        test, body, orelse = (self.visit(n, env) for n in (node.test, node.body, node.orelse))
        return Value(joined(body.kind, orelse.kind), (*body.edits, *test.edits, *orelse.edits))

    def _sequence(self, node: ast.Tuple | ast.List, env: Env) -> Value:
        values = [self.visit(e, env) for e in node.elts]
        starred = any(isinstance(e, ast.Starred) for e in node.elts)
        items = None if starred else tuple(v.kind for v in values)
        numbers: object = UNKNOWN
        if items is not None and all(k.value is not UNKNOWN or k.what == "none" for k in items):
            numbers = tuple(k.value for k in items) if isinstance(node, ast.Tuple) else [k.value for k in items]
        kind = Kind("list", items=items, value=hashable(numbers))
        return Value(kind, tuple(e for v in values for e in v.edits))

    _Tuple = _List = _sequence

    def _Starred(self, node: ast.Starred, env: Env) -> Value:
        value = self.operand(node.value, self.plain(node.value, env))
        return Value(UNSURE, value.edits)

    def _Subscript(self, node: ast.Subscript, env: Env) -> Value:
        value = self.operand(node.value, self.plain(node.value, env))
        index = self.visit(node.slice, env)
        base = value.kind
        if base.what == "tensor":
            self._check_steps(node)
        return Value(element(base, index.kind, node.slice), (*value.edits, *index.edits))

    def _Slice(self, node: ast.Slice, env: Env) -> Value:
        return Value(UNSURE, self._children(node, env))

    def _check_steps(self, node: ast.Subscript) -> None:
        for part in ast.walk(node.slice):
            if isinstance(part, ast.Slice) and isinstance(part.step, ast.UnaryOp):
                raise Refusal("K2T186", "a slice with a negative step: PyTorch has flip()", node)

    def _Lambda(self, node: ast.Lambda, env: Env) -> Value:
        inner = Env({a.arg: UNSURE for a in node.args.args}, env)
        used = names_used_as_tensors(self.paths, node)
        inner.names |= {n: TENSOR for n in inner.names if n in used}
        value = self.visit(node.body, inner)
        return Value(Kind("function", node=node), value.edits)

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp | ast.SetComp, env: Env) -> Value:
        inner = Env({}, env)
        edits: tuple[Edit, ...] = ()
        for generator in node.generators:
            source = self.visit_iterable(generator.iter, inner)
            edits += source.edits
            self.bind(generator.target, item_of(source.kind), inner)
            for test in generator.ifs:
                edits += self.visit(test, inner).edits
        made = self.visit(node.elt, inner)
        return Value(Kind("list", item=made.kind), (*made.edits, *edits))

    _ListComp = _GeneratorExp = _SetComp = _comprehension

    def visit_iterable(self, node: ast.expr, env: Env) -> Value:
        """What a loop runs over: `tf.range(n)` there is Python's."""
        if isinstance(node, ast.Call) and self.paths.get(node.func) in ("tf.range", "keras.ops.arange"):
            values = [self.visit(a, env) for a in node.args]
            if not node.keywords:
                text = ", ".join(self.text(a, v) for a, v in zip(node.args, values))
                return self.replaced(node, f"range({text})", Kind("list", item=Kind("number", "int")))
        return self.visit(node, env)

    # Calls

    def _Call(self, node: ast.Call, env: Env) -> Value:
        for hook in self.hooks:
            found = hook(self, node, env)
            if found is not None:
                return found
        path = self.paths.get(node.func)
        if path is not None:
            return self._framework(node, path, env)
        if isinstance(node.func, ast.Attribute):
            found = methods.call(self, node, env)
            if found is not None:
                return found
        function = self.visit(node.func, env)
        edits = list(function.edits)
        kinds: list[Kind] = []
        for argument in (*node.args, *(k.value for k in node.keywords)):
            value = self.plain(argument, env)
            kinds.append(value.kind)
            edits += value.edits
        return Value(self.called(node, function.kind, kinds), tuple(edits))

    def called(self, node: ast.Call, function: Kind, kinds: list[Kind]) -> Kind:
        """What a call of the user's own function, or of Python's, gives."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        known = of_builtin(name, kinds)
        if known is not None:
            return known
        if function.what == "function" and function.node is not None:
            return self.result_of(function.node, by_parameter(function.node, node, kinds))
        if isinstance(node.func, ast.Attribute) and root_of(node.func) in ("np", "numpy", "math"):
            return of_numpy(node, kinds)
        module = isinstance(node.func, ast.Attribute) or function.what == "object"
        return TENSOR if module and any(k.what == "tensor" for k in kinds) else UNSURE

    def result_of(self, node: object, kinds: Mapping[str, Kind]) -> Kind:
        """What a function of the user's returns; statements.py knows more."""
        return UNSURE

    def _framework(self, node: ast.Call, path: str, env: Env) -> Value:
        args = [self.argument(a, env) for a in node.args]
        kwargs = {str(k.arg): self.argument(k.value, env) for k in node.keywords}
        if any(isinstance(a, ast.Starred) for a in node.args) or "None" in kwargs:
            raise Refusal("K2T186", "arguments that are unpacked", node)
        call = Call(path, node, args, kwargs, self.place(env))
        self.prepare(call, env)
        parent = self.references.parents.get(node)
        call.array = isinstance(parent, ast.Call) and getattr(parent.func, "attr", "") == "astype"
        found = python_call(call) or translate(call)
        self.helpers += call.helpers
        return self.replaced(node, *found)

    def prepare(self, call: Call, env: Env) -> None:
        """Suits the arguments of a framework's function to PyTorch's; steps by hand know more."""
        first = call.args[0] if self.loose and call.args and not call.path.endswith(NEW) else None
        if first is not None and first.kind.what in ("unknown", "array") and isinstance(first.node, ast.Name):
            call.args[0] = Argument(f"torch.as_tensor({first.text})", TENSOR, first.node)

    def argument(self, node: ast.expr, env: Env) -> Argument:
        """A translated argument."""
        value = self.plain(node, env)
        items = None
        if isinstance(node, ast.List | ast.Tuple) and not any(isinstance(e, ast.Starred) for e in node.elts):
            items = tuple(self.argument(e, env) for e in node.elts)
        return Argument(self.text(node, value), value.kind, node, items)

    def place(self, env: Env) -> str:
        """The device of a tensor at hand; the file's own where there is none."""
        here: Env | None = env
        while here is not None and here.parent is not None:
            for name, kind in here.names.items():
                if kind.what == "tensor" and name not in self.unsure:
                    return f"{name}.device"
            here = here.parent
        return "device"

    # Names

    def bind(self, target: ast.expr, kind: Kind, env: Env) -> None:
        """Gives the names of a target their kinds."""
        if isinstance(target, ast.Name):
            self.unsure.discard(target.id)
            likely = kind.what == "unknown" and target.id in self.likely
            env.names[target.id] = TENSOR if likely else kind
        elif isinstance(target, ast.Tuple | ast.List):
            items = kind.items
            for i, part in enumerate(target.elts):
                if isinstance(part, ast.Starred):
                    self.bind(part.value, UNSURE, env)
                    items = None
                    continue
                known = items is not None and i < len(items)
                self.bind(part, items[i] if known and items is not None else item_of(kind), env)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == self.owner:
            self.attributes[target.attr] = kind
