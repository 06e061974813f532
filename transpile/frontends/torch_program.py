"""The module classes and functions of a PyTorch program, and how they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from transpile.frontends.torch_lightning import Lightning
from transpile.references import References
from transpile.torch_values import UNKNOWN_VALUE, Items, Many, Plain, Tensor, Value, join

_BASES = {"torch.nn.Module": "module", "torch.nn.modules.Module": "module", "torch.nn.Sequential": "sequential"}
_MODES = ("Dropout", "dropout", "BatchNorm", "LSTM", "GRU", "RNN", "Transformer", "MultiheadAttention")
FunctionNode = ast.FunctionDef | ast.Lambda


@dataclass(eq=False)
class FunctionInfo:
    """A function or method: what its parameters were seen to be, and what it returns."""

    node: FunctionNode
    owner: ClassInfo | None = None
    values: dict[str, Value] = field(default_factory=dict)
    coming: dict[str, Value] = field(default_factory=dict)
    guesses: dict[str, Value] = field(default_factory=dict)  # of parameters that no call gives
    returns: Value | None = None
    returned: Value | None = None  # in the reading before this one, for calls of itself
    active: bool = False  # being read: a recursive call learns nothing
    makes: bool = False  # it is called while a model is made
    training: bool = False  # it asks whether the model is in training mode
    plain: set[str] = field(default_factory=set)  # parameters that get lists of images in PyTorch's layout
    mixed: bool = False  # some of what it returns lay channels last, some not: it gives PyTorch's layout
    extra: dict[str, str | None] = field(default_factory=dict)  # what `**kwargs` stands for, with defaults
    defaulted: dict[str, str | None] = field(default_factory=dict)
    boundary: bool = True  # called from outside the module classes: takes and returns PyTorch's layout

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, ast.FunctionDef) else "lambda"

    @cached_property
    def parameters(self) -> list[ast.arg]:
        """Every parameter but self."""
        args = self.node.args
        found = [*args.posonlyargs, *args.args]
        static = isinstance(self.node, ast.FunctionDef) and any(
            isinstance(d, ast.Name) and d.id == "staticmethod" for d in self.node.decorator_list
        )
        return found[1:] if self.owner is not None and not static else found

    @cached_property
    def hands_on(self) -> bool:
        """Whether it only gives its `**kwargs` on to calls."""
        kwarg = self.node.args.kwarg
        if kwarg is None:
            return False
        nodes = list(ast.walk(self.node))
        handed = {id(k.value) for k in nodes if isinstance(k, ast.keyword) and k.arg is None}
        return all(id(n) in handed for n in nodes if isinstance(n, ast.Name) and n.id == kwarg.arg)

    @cached_property
    def defaults(self) -> dict[str, ast.expr]:
        args = self.node.args
        positional = [*args.posonlyargs, *args.args]
        found = dict(zip([a.arg for a in positional[len(positional) - len(args.defaults) :]], args.defaults))
        return found | {a.arg: d for a, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None}

    @property
    def every(self) -> list[ast.arg]:
        return [*self.parameters, *self.node.args.kwonlyargs]

    def seen(self, name: str) -> Value | None:
        """What a parameter is known or taken to be."""
        found = self.values.get(name)
        return self.guesses.get(name) if found is None or found is UNKNOWN_VALUE else found

    def see(self, name: str, value: Value) -> None:
        """A call gives a parameter this value; it counts from the next reading on."""
        if name != "**" and self.hands_on and name not in [a.arg for a in self.every]:
            self.extra.setdefault(name, None)
        if self.active and not isinstance(value, Tensor) and value in (self.values.get(name), self.guesses.get(name)):
            return  # a call of itself hands the parameter on
        for known in (self.values.get(name), self.guesses.get(name), self.coming.get(name)):
            if isinstance(known, Tensor) and isinstance(value, Tensor):
                known.rank.unify(value.rank)
        old = self.coming.get(name)
        both = isinstance(old, Tensor) and isinstance(value, Tensor)
        self.coming[name] = value if old is None else old if both and old is not None else join(old, value)

    def turn(self) -> None:
        """What was seen in this reading is known in the next."""
        self.values, self.coming = self.coming, {}


@dataclass(eq=False)
class ClassInfo:
    """A class derived from nn.Module or nn.Sequential."""

    name: str
    node: ast.ClassDef
    kind: str  # "module" or "sequential"
    base: ClassInfo | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    methods: dict[str, FunctionInfo] = field(default_factory=dict)
    inner: bool = False  # only other module classes make it
    made: bool = False  # somewhere in the file
    problem: tuple[str, str, ast.AST] | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    buffers: set[str] = field(default_factory=set)

    def method(self, name: str) -> FunctionInfo | None:
        """A method, inherited ones too."""
        if name in self.methods:
            return self.methods[name]
        return self.base.method(name) if self.base else None

    def attribute(self, name: str) -> Value | None:
        if name in self.attributes:
            return self.attributes[name]
        return self.base.attribute(name) if self.base else None

    def lineage(self) -> Iterator[ClassInfo]:
        """The class and the classes of this file that it derives from."""
        here: ClassInfo | None = self
        while here is not None:
            yield here
            here = here.base

    def set(self, name: str, value: Value) -> None:
        """An attribute is assigned."""
        old = self.attributes.get(name)
        if old is None or not isinstance(old, Tensor) or not isinstance(value, Tensor):
            self.attributes[name] = value if old is None else join(old, value)
        else:
            old.rank.unify(value.rank)

    def __hash__(self) -> int:
        return id(self)


class Program:
    """The classes and functions of a file, with the names of PyTorch resolved."""

    def __init__(self, references: References, lightning: Mapping[str, Lightning] | None = None) -> None:
        self.references = references
        self.lightning = {n: c for n, c in (lightning or {}).items() if not c.problem}
        self.paths = {id(r.node): r.path for r in references.references}
        self.classes: dict[str, ClassInfo] = {}
        self.functions: dict[str, FunctionInfo] = {}
        self.globals = dict(_constants(references.tree))
        self.hidden = {n.id for n in _stored(references.tree) if n.id in ("layers", "ops")}
        self.nested: dict[int, FunctionInfo] = {}  # functions inside of functions, by their node
        self.imported = {
            b.name: b.path for b in references.bindings if b.kind == "from" and not references.is_framework(b.path)
        }
        for node in references.tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = FunctionInfo(node)
        for inner in ast.walk(references.tree):
            if isinstance(inner, ast.ClassDef):
                self._add(inner)
        self._find_inner()
        self._find_boundaries()

    def _find_boundaries(self) -> None:
        """Functions that code outside of the module classes may call."""
        tree, parents = self.references.tree, self.references
        called: set[str] = set()
        for node in ast.walk(tree):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            if not name or (isinstance(node, ast.Name) and name not in self.functions):
                continue
            around = list(parents.around(node))
            inside = any(isinstance(a, ast.ClassDef) and a.name in self.classes for a in around)
            helper = any(isinstance(a, ast.FunctionDef) and self.is_helper(a) for a in around)
            if not inside and not helper:
                called.add(name)
        for info in self.classes.values():
            for name, method in info.methods.items():
                method.boundary = not info.inner if name == "forward" else name in called
        for name, function in self.functions.items():
            function.boundary = name in called or name not in self.helpers

    def _add(self, node: ast.ClassDef) -> None:
        kind, base = self._kind(node)
        if not kind:
            return
        info = ClassInfo(node.name, node, kind, base)
        gone = self.lightning[node.name].gone if node.name in self.lightning else []
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef) and statement not in gone:
                info.methods[statement.name] = FunctionInfo(statement, info)
        self.classes[node.name] = info

    def _kind(self, node: ast.ClassDef) -> tuple[str, ClassInfo | None]:
        for base in node.bases:
            path = self.paths.get(id(base), "")
            if path in _BASES or node.name in self.lightning:
                return _BASES.get(path, "module"), None
            if isinstance(base, ast.Name) and base.id in self.classes:
                parent = self.classes[base.id]
                return parent.kind, parent
        return "", None

    def _find_inner(self) -> None:
        """A class is inner when its name is read in module classes (and helpers) only."""
        outside: set[str] = set()
        inside: set[str] = set()
        for name, _ in self.references.reads:
            if name.id not in self.classes:
                continue
            around = list(self.references.around(name))
            owners = [a.name for a in around if isinstance(a, ast.ClassDef) and a.name in self.classes]
            helper = any(isinstance(a, ast.FunctionDef) and self.is_helper(a) for a in around)
            base = any(isinstance(a, ast.ClassDef) and name in a.bases for a in around)
            if base:
                continue
            own = bool(owners) and owners[0] == name.id
            argument = self._is_argument(name)
            if (owners or helper or argument) and not own:
                inside.add(name.id)
            elif not own:
                outside.add(name.id)
        for info in self.classes.values():
            info.made = info.name in inside or info.name in outside
            info.inner = info.name in inside and info.name not in outside
        for info in self.classes.values():
            if info.inner or info.made:
                continue
            children = [c for c in self.classes.values() if c.base is info]
            info.inner = bool(children) and all(c.inner for c in children)

    def _is_argument(self, name: ast.Name) -> bool:
        """`ResNet(BasicBlock, ...)`: given to the constructor of a module class."""
        parent = self.references.parents.get(name)
        callee = parent.func if isinstance(parent, ast.Call) and name in parent.args else None
        if isinstance(parent, ast.keyword):
            call = self.references.parents.get(parent)
            callee = call.func if isinstance(call, ast.Call) else None
        return isinstance(callee, ast.Name) and callee.id in self.classes

    def is_helper(self, node: ast.FunctionDef) -> bool:
        """A function of the file that only makes modules for the classes: it calls no model, trains nothing."""
        info = self.functions.get(node.name)
        if info is None or info.node is not node:
            return False
        return node.name in self.helpers

    @cached_property
    def helpers(self) -> set[str]:
        """Functions that module classes call, and those that these call."""
        found: set[str] = set()
        todo = [
            n.id
            for info in self.classes.values()
            for n in ast.walk(info.node)
            if isinstance(n, ast.Name) and n.id in self.functions
        ]
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            body = ast.walk(self.functions[name].node)
            todo += [n.id for n in body if isinstance(n, ast.Name) and n.id in self.functions]
        return found

    def every_function(self) -> list[FunctionInfo]:
        """Functions, methods, and functions inside of them."""
        methods = [m for info in self.classes.values() for m in info.methods.values()]
        return [*self.functions.values(), *self.nested.values(), *methods]

    def parts_of(self, info: ClassInfo) -> list[ast.AST]:
        """The class, and the classes and functions of the file that it uses."""
        found: dict[str, ast.AST] = {info.name: info.node}
        todo: list[ast.AST] = [info.node]
        while todo:
            for node in ast.walk(todo.pop()):
                name = node.id if isinstance(node, ast.Name) else ""
                used: ClassInfo | FunctionInfo | None = self.classes.get(name) or self.functions.get(name)
                if used is not None and name not in found:
                    found[name] = used.node
                    todo.append(used.node)
        return list(found.values())

    def depends_on_mode(self, info: ClassInfo) -> bool:
        """Whether something in it behaves differently in training; what is imported may."""
        for part in self.parts_of(info):
            for node in ast.walk(part):
                path = self.paths.get(id(node), "")
                if any(word in path for word in _MODES) or path.startswith("torchvision.models"):
                    return True
                if isinstance(node, ast.Attribute) and node.attr == "training":
                    return True
                if isinstance(node, ast.Name) and node.id in self.imported and node.id[:1].isupper():
                    return True
        return self._given_modules(info)

    def _given_modules(self, info: ClassInfo) -> bool:
        """Whether its constructor is given classes that depend on the mode (`ResNet(BasicBlock, ...)`)."""
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == info.name:
                for arg in (*node.args, *(k.value for k in node.keywords)):
                    for part in ast.walk(arg):
                        given = self.classes.get(part.id) if isinstance(part, ast.Name) else None
                        if given is not None and given is not info and self.depends_on_mode(given):
                            return True
        return False

    def span_of(self, node: ast.AST) -> tuple[int, int]:
        return self.references.start(node), self.references.end(node)


def _stored(tree: ast.Module) -> Iterator[ast.Name]:
    """Names that are assigned at the level of the module."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.For) else []
        for target in targets:
            yield from (n for n in ast.walk(target) if isinstance(n, ast.Name))


def _constants(tree: ast.Module) -> Iterator[tuple[str, Value]]:
    """Names of plain data at the level of the module."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            try:
                value = ast.literal_eval(node.value)
            except (ValueError, TypeError, MemoryError, RecursionError):
                continue
            yield node.targets[0].id, plain_data(value)


def plain_data(value: object) -> Value:
    """A literal as a value."""
    if isinstance(value, dict):
        found: Value | None = None
        for inner in value.values():
            found = join(found, plain_data(inner))
        return Many(found or Plain())
    if isinstance(value, list | tuple | set):
        return Items(tuple(plain_data(v) for v in value)) if not isinstance(value, set) else Many(Plain())
    return Plain(value)


def parameter_value(info: FunctionInfo, arg: ast.arg, forward: bool) -> Value:
    """What a parameter is taken to be where no call says it."""
    default = info.defaults.get(arg.arg)
    note = ast.unparse(arg.annotation) if arg.annotation is not None else ""
    if isinstance(default, ast.Constant) and default.value is not None:
        return Plain()
    if any(word in note.split("[")[0].split(".") for word in ("int", "float", "bool", "str", "dict", "Dict")):
        return Plain()
    if any(word in note for word in ("List", "list", "Tuple", "tuple", "Callable")):
        return UNKNOWN_VALUE
    return Tensor() if forward else Plain()
