"""Statements of kept functions: the kinds of their names by flow, and the edits in them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from transpile.backends.bodies.calls import Behind, Refusal
from transpile.backends.bodies.inference import dict_of, item_of
from transpile.backends.bodies.kinds import HANDED, NONE, TENSOR, UNSURE, Kind, handed, joined, literal_kind, tensor
from transpile.backends.bodies.tables import names_used_as_tensors
from transpile.backends.bodies.walker import Env, Hook, Value, Walker
from transpile.ir import Edit
from transpile.references import References

_TENSOR_NAMES = frozenset("y_true y_pred".split())
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Body(Walker):
    """Walks statements. After a walk, `edits` holds what is to change and `returned` the result."""

    def __init__(self, references: References, paths: Mapping[ast.AST, str], hooks: tuple[Hook, ...] = ()) -> None:
        super().__init__(references, paths, hooks)
        self.module = Env()
        self.edits: list[Edit] = []
        self.returned: list[Kind] = []

    def function(self, node: Function | ast.Lambda, outer: Env, given: Mapping[str, Kind]) -> tuple[list[Edit], Kind]:
        """The edits inside one function and what it returns. Raises Refusal."""
        env = Env(self.parameters(node, given), outer)
        saved, likely = (self.edits, self.returned), self.likely
        self.likely = likely | names_used_as_tensors(self.paths, node)
        self.edits, self.returned = [], []
        try:
            if isinstance(node, ast.Lambda):
                value = self.visit(node.body, env)
                return list(value.edits), value.kind
            self._signature(node, outer)
            self.block(node.body, env)
            result = self.returned[0] if self.returned else NONE
            for kind in self.returned[1:]:
                result = joined(result, kind)
            return self.edits, result
        finally:
            (self.edits, self.returned), self.likely = saved, likely

    def parameters(self, node: Function | ast.Lambda, given: Mapping[str, Kind]) -> dict[str, Kind]:
        """The kinds of the parameters: as given, by their defaults, or by their use."""
        kinds: dict[str, Kind] = {}
        used = names_used_as_tensors(self.paths, node)
        args = [*node.args.posonlyargs, *node.args.args]
        defaults = dict(zip([a.arg for a in args][::-1], node.args.defaults[::-1]))
        defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults) if d is not None}
        for argument in (*args, *node.args.kwonlyargs):
            name = argument.arg
            default = defaults.get(name)
            if name in given:
                kinds[name] = given[name]
            elif isinstance(default, ast.Constant) and default.value is not None:
                kind = literal_kind(default.value)
                kinds[name] = Kind(kind.what, kind.element)
            elif name in used or name in _TENSOR_NAMES:
                kinds[name] = TENSOR
            else:
                kinds[name] = UNSURE
        return kinds

    def _signature(self, node: Function, outer: Env) -> None:
        """Defaults, annotations and decorators."""
        start = self.references.start(node)
        at = self.references.offset(node.lineno, node.col_offset)
        for decorator, following in zip(node.decorator_list, [*node.decorator_list[1:], None]):
            inner = decorator.func if isinstance(decorator, ast.Call) else decorator
            end = at if following is None else self.references.data.rindex(b"@", 0, self.references.start(following))
            if self.paths.get(inner) == "tf.function":
                self.edits.append(Edit(start, end, ""))
            else:
                self.edits += self.visit(decorator, outer).edits
            start = end
        parts = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        parts += [a.annotation for a in ast.walk(node.args) if isinstance(a, ast.arg) and a.annotation is not None]
        parts += [node.returns] if node.returns is not None else []
        for part in parts:
            self.edits += self.visit(part, outer).edits

    def result_of(self, node: object, kinds: Mapping[str, Kind]) -> Kind:
        """What a function of the user's returns when it is called with these."""
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            return UNSURE
        given = {n: handed(k) for n, k in kinds.items()}
        key = node, tuple((n, k.path) for n, k in given.items() if k.path.startswith(HANDED))
        if key in self.results:
            return self.results[key]
        self.results[key] = TENSOR if any(k.what == "tensor" for k in given.values()) else UNSURE
        owner, self.owner = self.owner, ""
        try:
            _, self.results[key] = self.function(node, self.module, given)
        except Behind:
            raise
        except Refusal:
            pass  # the function itself says so, where it stands
        finally:
            self.owner = owner
        return self.results[key]

    def _Dict(self, node: ast.Dict, env: Env) -> Value:
        values = [self.visit(v, env) for v in node.values]
        keys = [e for k in node.keys if k is not None for e in self.visit(k, env).edits]
        return Value(dict_of(node, [v.kind for v in values]), (*keys, *(e for v in values for e in v.edits)))

    # Statements

    def block(self, statements: Sequence[ast.stmt], env: Env) -> None:
        """Statements in order."""
        for statement in statements:
            self.statement(statement, env)

    def statement(self, node: ast.stmt, env: Env) -> None:
        """One statement."""
        method = getattr(self, f"_do_{type(node).__name__}", None)
        if method is not None:
            method(node, env)
        else:
            self.edits += self._children(node, env)

    def value(self, node: ast.expr, env: Env) -> Value:
        """An expression whose edits are taken."""
        found = self.visit(node, env)
        self.edits += found.edits
        return found

    def _do_Assign(self, node: ast.Assign, env: Env) -> None:
        kind = self.value(node.value, env).kind
        for target in node.targets:
            if isinstance(target, ast.Subscript | ast.Attribute):
                self.value(target, env)
            self.bind(target, kind, env)

    def _do_AnnAssign(self, node: ast.AnnAssign, env: Env) -> None:
        self.value(node.annotation, env)
        if node.value is not None:
            self.bind(node.target, self.value(node.value, env).kind, env)

    def _do_AugAssign(self, node: ast.AugAssign, env: Env) -> None:
        """`x += y` makes a new tensor in TensorFlow, and writes into the old one in PyTorch."""
        value = self.visit(node.value, env)
        before = self.visit(node.target, env).kind
        after = _augmented(before, value.kind)
        self.bind(node.target, after, env)
        if before.what != "tensor" or not isinstance(node.target, ast.Name):
            self.edits += value.edits
            return
        text = self.text(node.value, value)
        symbol = _SYMBOLS[type(node.op)]
        simple = isinstance(node.value, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
        operand = text if simple and not value.edits else f"({text})" if not _atomic(text) else text
        start, end = self.references.start(node), self.references.end(node)
        self.edits.append(Edit(start, end, f"{node.target.id} = {node.target.id} {symbol} {operand}"))

    def _do_Return(self, node: ast.Return, env: Env) -> None:
        self.returned.append(self.value(node.value, env).kind if node.value is not None else NONE)

    def _do_Expr(self, node: ast.Expr, env: Env) -> None:
        self.value(node.value, env)

    def _do_If(self, node: ast.If, env: Env) -> None:
        self.value(node.test, env)
        before = dict(env.names)
        self.block(node.body, env)
        after = env.names
        env.names = dict(before)
        self.block(node.orelse, env)
        env.names = _merged(after, env.names)

    def _do_For(self, node: ast.For, env: Env) -> None:
        source = self.visit_iterable(node.iter, env)
        self.edits += source.edits
        self._repeat(node.body, env, lambda: self.bind(node.target, item_of(source.kind), env))
        self.block(node.orelse, env)

    _do_AsyncFor = _do_For

    def _do_While(self, node: ast.While, env: Env) -> None:
        self.value(node.test, env)
        self._repeat(node.body, env, lambda: None)
        self.block(node.orelse, env)

    def _repeat(self, body: Sequence[ast.stmt], env: Env, start) -> None:  # type: ignore[no-untyped-def]
        """A loop's body, walked first for what it makes of the names it starts with."""
        before = dict(env.names)
        kept, returned = list(self.edits), list(self.returned)
        start()
        self.block(body, env)
        env.names = _merged(before, env.names, missing=False)
        self.edits, self.returned = kept, returned
        outer, self.unsure = self.unsure, self.unsure | (env.names.keys() - before.keys())
        start()
        self.block(body, env)
        self.unsure = outer
        env.names = _merged(before, env.names, missing=False)

    def _do_With(self, node: ast.With, env: Env) -> None:
        for item in node.items:
            value = self.value(item.context_expr, env)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value.kind, env)
        self.block(node.body, env)

    def _do_Try(self, node: ast.Try, env: Env) -> None:
        self.block(node.body, env)
        for handler in node.handlers:
            if handler.type is not None:
                self.value(handler.type, env)
            self.block(handler.body, env)
        self.block([*node.orelse, *node.finalbody], env)

    def _do_FunctionDef(self, node: ast.FunctionDef, env: Env) -> None:
        env.names[node.name] = Kind("function", node=node)
        edits, _ = self.function(node, env, {})
        self.edits += edits

    def _do_ClassDef(self, node: ast.ClassDef, env: Env) -> None:
        for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.value(part, env)
        self.block(node.body, Env({}, env))


_SYMBOLS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@", ast.FloorDiv: "//",
    ast.Mod: "%", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip


def _augmented(before: Kind, value: Kind) -> Kind:
    if "tensor" in (before.what, value.what):
        element = before.element if before.element == value.element else ""
        scalar = before.rank == 0 and value.rank == 0
        return tensor(element, () if scalar else None)
    return Kind("number") if before.what == value.what == "number" else joined(before, value)


def _merged(a: Mapping[str, Kind], b: Mapping[str, Kind], missing: bool = True) -> dict[str, Kind]:
    """The names after two ways; one that only one way sets has what that way gave it."""
    return {n: joined(a[n], b[n]) if n in a and n in b else a.get(n, b.get(n, UNSURE)) for n in {**a, **b}}


def _atomic(text: str) -> bool:
    from transpile.backends.torch_nodes import atomic

    return atomic(text)
