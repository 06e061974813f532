"""Statements that set initial values, read as initialisers of the modules that they concern."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transpile.frontends.torch_initial_drops import Drops, Initial
from transpile.frontends.torch_initial_reach import depends_on, spared, unknown_names
from transpile.frontends.torch_initialisers import spelled
from transpile.frontends.torch_module_calls import ModuleCalls
from transpile.frontends.torch_own_parameters import OwnParameters
from transpile.frontends.torch_parameter_loops import OTHERS, chosen, over_parameters
from transpile.frontends.torch_program import ClassInfo, FunctionInfo, Program

_INIT = "torch.nn.init."
_METHODS = ("normal_", "uniform_", "fill_", "zero_", "constant_")


class Unread(Exception):
    """A statement about initial values that is not understood."""


@dataclass(frozen=True)
class Effect:
    """An initialiser for a parameter of modules of some kinds (patterns; () = any), but not of others."""

    kinds: tuple[str, ...]
    parameter: str
    text: str
    others: tuple[str, ...] = ()
    every: bool = False  # of all modules, whatever their parameters are called

    def concerns(self, kind: str) -> bool:
        """Whether it sets the parameter of modules of this kind."""
        among = not self.kinds or any(re.search(k, kind) for k in self.kinds)
        return among and not any(re.search(k, kind) for k in self.others)


def read_initial(program: Program) -> Initial:
    """Every statement about initial values in module classes, and `model.apply(...)` outside."""
    reader = _Reader(program)
    for info in program.classes.values():
        reader.read_class(info)
    reader.read_outside()
    drops = Drops(program.references, reader.found)
    drops.functions(reader.used)
    for info in program.classes.values():
        drops.methods(info)
    return reader.found


class _Reader:
    def __init__(self, program: Program) -> None:
        self.program, self.found = program, Initial()
        self.references = program.references
        self.modules = ModuleCalls(program)
        self.used: list[FunctionInfo] = []
        self.own = OwnParameters(program)

    # Where such statements stand

    def read_class(self, info: ClassInfo) -> None:
        for node in ast.walk(info.node):
            if isinstance(node, ast.For) and self.loops_over_modules(node):
                self.take(node, lambda node=node: self.loop(node, info), info)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                if any(id(a) in self.found.gone for a in self.references.around(node)):
                    continue
                call = node.value
                applied = self.applied(call)
                if applied is not None and ast.unparse(call.func) == "self.apply":
                    self.take(node, lambda applied=applied: self.from_function(applied, info), info)
                elif self.own.sets(call, info):
                    self.take(node, lambda call=call: self.own_parameter(call, info), info)
                elif self.sets(call) and (
                    self.base(self.target(call)).startswith("self.") or self.locals_of(self.target(call))
                ):
                    self.take(node, lambda call=call: self.single(call, info), info)

    def read_outside(self) -> None:
        """`model.apply(init)` in the code outside of classes, and `nn.init.zeros_(model[0].bias)` there."""
        for node in ast.walk(self.references.tree):
            around = list(self.references.around(node)) if isinstance(node, ast.For | ast.Expr) else []
            if any(isinstance(a, ast.ClassDef) and a.name in self.program.classes for a in around):
                continue
            if isinstance(node, ast.For) and self.outside_loop(node):
                self.take(node, lambda node=node: self.loop(node, None))
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
                continue
            if any(id(a) in self.found.gone for a in around):
                continue
            call = node.value
            applied = self.applied(call)
            if applied is not None:
                func = call.func
                assert isinstance(func, ast.Attribute)
                for info in self.classes_of(ast.unparse(func.value)):
                    self.take(node, lambda applied=applied, info=info: self.from_outside(applied, info))
                self.found.drop(node)
            elif self.sets(call) and self.modules.calls_at(self.base(self.target(call)), None):
                self.take(node, lambda call=call: self.single(call, None))

    def outside_loop(self, node: ast.For) -> bool:
        """`for layer in (model[0], model[2]):` around initial values."""
        sets = any(isinstance(n, ast.Call) and self.sets(n) for n in ast.walk(node))
        listed = node.iter.elts if isinstance(node.iter, ast.Tuple | ast.List) else []
        return sets and bool(listed) and all(self.modules.calls_at(ast.unparse(e), None) for e in listed)

    def take(self, node: ast.stmt, read: object, info: ClassInfo | None = None) -> None:
        try:
            test = depends_on(self.program, node, info) if info is not None else ""
            if test:
                raise Unread(test)
            read()  # type: ignore[operator]
        except Unread as problem:
            self.found.problems.append((node, str(problem)))
        if id(node) not in self.found.gone:
            self.found.drop(node)

    def locals_of(self, target: ast.expr) -> list[tuple[str, ast.Call]]:
        return self.modules.local_calls(target, self.base(target))

    def loops_over_modules(self, node: ast.For) -> bool:
        text = ast.unparse(node.iter)
        if over_parameters(node, "self") and any(isinstance(n, ast.Call) and self.is_init(n) for n in ast.walk(node)):
            return True
        sets = any(isinstance(n, ast.Call) and self.sets(n) for n in ast.walk(node))
        listed = isinstance(node.iter, ast.Tuple | ast.List) and all(
            ast.unparse(e).startswith("self.") for e in node.iter.elts
        )
        return sets and (bool(re.match(r"self\.(named_)?(modules|children|parameters)\(\)", text)) or listed)

    def applied(self, call: ast.Call) -> FunctionInfo | None:
        """The function that `.apply(f)` applies to every module."""
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "apply" and len(call.args) == 1):
            return None
        given = call.args[0]
        if isinstance(given, ast.Name):
            return self.program.functions.get(given.id)
        if isinstance(given, ast.Attribute) and isinstance(given.value, ast.Name) and given.value.id == "self":
            for info in self.program.classes.values():
                method = info.methods.get(given.attr)
                if method is not None and any(n is given for n in ast.walk(info.node)):
                    return method
        return None

    def classes_of(self, name: str) -> list[ClassInfo]:
        """The classes whose objects a name outside may hold: all where it is not seen."""
        made = []
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.Assign) and any(ast.unparse(t) == name for t in node.targets):
                made += [
                    self.program.classes[n.id]
                    for n in ast.walk(node.value)
                    if isinstance(n, ast.Name) and n.id in self.program.classes
                ]
        return made or list(self.program.classes.values())

    # What they say

    def loop(self, node: ast.For, info: ClassInfo | None) -> None:
        if isinstance(node.iter, ast.Tuple | ast.List):
            assert isinstance(node.target, ast.Name)
            for effect in list(self.block(node.body, node.target.id, {})):
                for element in node.iter.elts:
                    self.give(self.modules.calls_at(ast.unparse(element), info), effect)
            return
        if info is not None and over_parameters(node, "self"):
            if self.modules_follow(node):
                raise Unread("a loop over parameters before all modules are made")
            for effect in self.over_parameters(node):
                self.give(self.modules.all_calls(info), effect)
            self.own_parameters_too(node, info)
            return
        target = node.target.elts[-1] if isinstance(node.target, ast.Tuple) else node.target
        if info is None or not isinstance(target, ast.Name) or "parameters" in ast.unparse(node.iter):
            raise Unread("a loop over parameters")
        for effect in list(self.block(node.body, target.id, {})):
            self.give(self.modules.all_calls(info), effect)

    def from_outside(self, function: FunctionInfo, info: ClassInfo) -> None:
        if function not in self.used:
            self.used.append(function)
        other = spared(self.program, info, function)
        if other:
            raise Unread(f"{info.node.name}: not all of its models are set alike, see {other}")
        self.from_function(function, info)

    def from_function(self, function: FunctionInfo, info: ClassInfo) -> None:
        node = function.node
        if not isinstance(node, ast.FunctionDef) or len(function.parameters) != 1:
            raise Unread("the function that is applied")
        effects = list(self.block(node.body, function.parameters[0].arg, {}))
        if function not in self.used:
            self.used.append(function)
        for effect in effects:
            self.give(self.modules.all_calls(info), effect)

    def single(self, call: ast.Call, info: ClassInfo | None) -> None:
        """`nn.init.zeros_(self.fc.bias)`."""
        base, parameter = self.split(self.target(call))
        calls = self.modules.calls_at(base, info, call.lineno) or self.locals_of(self.target(call))
        if not calls:
            raise Unread(f"{base}.{parameter}")
        around = [a for a in self.references.around(call) if isinstance(a, ast.FunctionDef)]
        names = _locals(around[0].body) if around else {}
        text = self.initialiser(call, names)
        if around and around[0].name != "__init__" and unknown_names(text, {a.arg for a in around[0].args.args[1:]}):
            raise Unread(ast.unparse(call))
        self.give(calls, Effect((), parameter, text))

    def is_init(self, call: ast.Call) -> bool:
        return self.program.paths.get(id(call.func), "").startswith(_INIT)

    def over_parameters(self, node: ast.For) -> Iterator[Effect]:
        """`for p in self.parameters(): if p.dim() > 1: nn.init.xavier_uniform_(p)`."""
        found = chosen(node, self.is_init)
        if found is None:
            raise Unread("a loop over parameters")
        for one in found:
            for kinds, parameter in one.parts():
                yield Effect(kinds, parameter, self.initialiser(one.call, {}), every=True)

    def modules_follow(self, node: ast.For) -> bool:
        """Whether the constructor makes more of its modules behind a loop."""
        around = [a for a in self.references.around(node) if isinstance(a, ast.FunctionDef)]
        later = (
            [n for n in ast.walk(around[0]) if isinstance(n, ast.Assign) and n.lineno > node.lineno] if around else []
        )
        return any(isinstance(n.value, ast.Call) and ast.unparse(n.targets[0]).startswith("self.") for n in later)

    def own_parameters_too(self, node: ast.For, info: ClassInfo) -> None:
        """An nn.Parameter of a class itself is among them: it keeps its value, which is said."""
        held = [c for c in self.program.classes.values() if any(self.own.all_made(c))]
        if any(c is info or c.inner for c in held):
            raise Unread("a loop over parameters, some of the class itself")

    def own_parameter(self, call: ast.Call, info: ClassInfo) -> None:
        """`nn.init.xavier_uniform_(self.W)` of an nn.Parameter of the class."""
        around = [a for a in self.references.around(call) if isinstance(a, ast.FunctionDef)]
        text = self.initialiser(call, _locals(around[0].body) if around else {})
        for made, spelled_for in self.own.initialisers(call, info, text):
            if not spelled_for:
                raise Unread(ast.unparse(call))
            self.found.by_call.setdefault(id(made), {})["value"] = spelled_for

    def block(self, body: Sequence[ast.stmt], name: str, known: dict[str, ast.expr]) -> Iterator[Effect]:
        """The effects of statements on the module called `name`."""
        for node in body:
            match node:
                case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Return(value=None):
                    continue
                case ast.Assign(targets=[ast.Name(id=local)], value=value):
                    known[local] = value
                case ast.With():
                    yield from self.block(node.body, name, known)
                case ast.For() if over_parameters(node, name):
                    yield from self.over_parameters(node)
                case ast.If(test=test, body=inner, orelse=orelse):
                    kinds = self.kinds(test, name, known)
                    for effect in self.block(inner, name, dict(known)):
                        yield replace(effect, kinds=effect.kinds or kinds)
                    if orelse and not kinds:
                        raise Unread(f"if {ast.unparse(test)}")
                    for effect in self.block(orelse, name, dict(known)):
                        yield replace(effect, others=(*effect.others, *kinds))
                case ast.Expr(value=ast.Call() as call) if self.sets(call):
                    base, parameter = self.split(self.target(call))
                    if base != name:
                        raise Unread(f"{base}.{parameter}")
                    text = self.initialiser(call, known)
                    if unknown_names(text, {name, *known}):
                        raise Unread(ast.unparse(call))
                    yield Effect((), parameter, text)
                case _:
                    raise Unread(ast.unparse(node).split("\n")[0])

    def kinds(self, test: ast.expr, name: str, known: dict[str, ast.expr]) -> tuple[str, ...]:
        """The kinds of modules that pass a test, as patterns of their names; () for any."""
        match test:
            case ast.BoolOp(op=ast.And(), values=values):
                found: tuple[str, ...] = ()
                for value in values:
                    found = self.kinds(value, name, known) or found
                return found
            case ast.BoolOp(op=ast.Or(), values=values):
                return tuple(k for v in values for k in self.kinds(v, name, known))
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=tested), types]) if tested == name:
                return tuple(f"^{t}$" for t in self.type_names(types))
            case ast.Call(func=ast.Name(id="hasattr")):
                return ()
            case ast.Compare(left=ast.Call(func=ast.Attribute(attr="find"), args=[ast.Constant(value=str() as part)])):
                return (_found(test, part),)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.In() | ast.Is()], comparators=[types]):
                if ast.unparse(left) == f"type({name})":
                    return tuple(f"^{t}$" for t in self.type_names(types))
                if isinstance(left, ast.Constant) and isinstance(left.value, str):
                    return (re.escape(left.value),)
            case ast.Compare(ops=[ast.IsNot()]) | ast.Attribute():
                return ()
        raise Unread(f"if {ast.unparse(test)}")

    def type_names(self, node: ast.expr) -> list[str]:
        parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
        names = []
        for part in parts:
            path = self.program.paths.get(id(part), "")
            if not path.startswith("torch.nn."):
                raise Unread(ast.unparse(part))
            names.append(path.rpartition(".")[2])
        return names

    # Parameters and initialisers

    def sets(self, call: ast.Call) -> bool:
        """`nn.init.f_(x.weight)`, `x.weight.data.fill_(0)`."""
        path = self.program.paths.get(id(call.func), "")
        if path.startswith(_INIT):
            return bool(call.args) and self.split(call.args[0]) != ("", "")
        func = call.func
        return isinstance(func, ast.Attribute) and func.attr in _METHODS and self.split(func.value) != ("", "")

    def target(self, call: ast.Call) -> ast.expr:
        path = self.program.paths.get(id(call.func), "")
        if path.startswith(_INIT):
            return call.args[0]
        assert isinstance(call.func, ast.Attribute)
        return call.func.value

    @staticmethod
    def split(node: ast.expr) -> tuple[str, str]:
        """`m.weight.data` and `m.weight.detach()` as ("m", "weight")."""
        while True:
            match node:
                case ast.Attribute(value=inner, attr="data"):
                    node = inner
                case ast.Call(func=ast.Attribute(value=inner, attr="detach"), args=[], keywords=[]):
                    node = inner
                case _:
                    break
        if isinstance(node, ast.Attribute) and node.attr in ("weight", "bias"):
            return ast.unparse(node.value), node.attr
        return "", ""

    def base(self, node: ast.expr) -> str:
        return self.split(node)[0]

    def initialiser(self, call: ast.Call, known: dict[str, ast.expr]) -> str:
        """Keras's initialiser, as text."""
        path = self.program.paths.get(id(call.func), "")
        args = list(call.args[1:]) if path.startswith(_INIT) else list(call.args)
        name = path.removeprefix(_INIT) if path.startswith(_INIT) else getattr(call.func, "attr", "")
        name += "" if name.endswith("_") else "_"  # nn.init.normal is an old name of nn.init.normal_
        named = {k.arg or "": k.value for k in call.keywords}
        text = spelled(name, args, named, known)
        if text is None:
            raise Unread(ast.unparse(call))
        return text

    def give(self, calls: Sequence[tuple[str, ast.Call]], effect: Effect) -> None:
        for kind, call in calls:
            if effect.every and OTHERS.search(kind) and not (kind == "Transformer" and "glorot" in effect.text):
                self.found.problems.append((call, f"a loop over parameters, which nn.{kind} keeps as they were"))
            if not effect.concerns(kind):
                continue
            self.found.by_call.setdefault(id(call), {})[effect.parameter] = effect.text


def _found(test: ast.Compare, part: str) -> str:
    """The pattern of the names in which `name.find("Conv")` compares as it must."""
    right = ast.unparse(test.comparators[0])
    match test.ops, right:
        case ([ast.NotEq() | ast.Gt()], "-1") | ([ast.GtE()], "0"):
            return re.escape(part)
        case [ast.Eq()], "0":
            return f"^{re.escape(part)}"
    raise Unread(f"if {ast.unparse(test)}")


def _locals(body: Sequence[ast.stmt]) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node.value
    return found
