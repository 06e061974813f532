"""What the variables of a PyTorch script are: tensors, models, optimizers, loaders, ...

A name's kind is that of the last assignment before its use, in the order of the text; where
there is none, that of the first after it (a loop). Parameters take their kind from the calls.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from transpile.frontends.torch_kind import (
    ARRAY,
    FUNCTION,
    NUMBER,
    TENSOR,
    UNKNOWN,
    Element,
    Kind,
    Part,
    alike,
    argument,
    arithmetic,
    constant,
    dtype,
    joined,
    part_of,
    pinned,
)
from transpile.frontends.torch_kind_tables import (
    CREATION,
    DTYPES,
    LIGHTNING_MODULES,
    PASSED_ON,
    RESULTS,
    SCALAR_METHODS,
    TENSOR_FUNCTIONS,
    TENSOR_METHODS,
    TENSOR_TYPES,
)
from transpile.frontends.torch_objects import Objects
from transpile.frontends.torch_results import called, literal_dtype, tensor_function, tensor_method, weight_of
from transpile.references import References

_DATASETS = ("torch.utils.data.Dataset", "torch.utils.data.IterableDataset", "torch.utils.data.dataset.Dataset")
_MODULES = ("torch.nn.Module", "torch.nn.Sequential", *LIGHTNING_MODULES)


class Kinds:
    """Answers for one file. `classes` are the names of its module classes."""

    def __init__(self, references: References, classes: Mapping[str, object]) -> None:
        self.references = references
        self.paths = {id(r.node): r.path for r in references.references}
        self.scope_of = {id(name): scope for name, scope in references.reads}
        self.classes = set(classes) | self._classes_below(_MODULES)
        self.datasets = self._classes_below(_DATASETS)
        self.functions: dict[str, FUNCTION] = {s.name: s for s in references.tree.body if isinstance(s, FUNCTION)}
        self.assigned: dict[tuple[int, str], list[tuple[int, ast.AST, ast.AST]]] = {}
        self.calls: dict[str, list[ast.Call]] = {}
        self._memo: dict[int, Kind] = {}
        self._busy: set[int] = set()
        self.objects = Objects(references, self.classes, self.of)
        self.in_strings = pinned(references.tree)
        for node in ast.walk(references.tree):
            self._collect(node)
        self.parameterised = self.objects.models(self.functions, self.calls)

    def _classes_below(self, roots: tuple[str, ...]) -> set[str]:
        """The classes of the file that are modules (or data sets), converted or not."""
        found: set[str] = set()
        for node in self.references.tree.body:
            if isinstance(node, ast.ClassDef) and any(
                self.path(b) in roots or (isinstance(b, ast.Name) and b.id in found) for b in node.bases
            ):
                found.add(node.name)
        return found

    def code(self, node: ast.AST) -> str:
        """The text of a node, wherever it stands."""
        return ast.unparse(node) if id(node) in self.in_strings else self.references.code(node)

    def path(self, node: ast.AST) -> str:
        """The dotted path of a name of PyTorch's; "" for anything else."""
        return self.paths.get(id(node), "")

    # Assignments

    def _collect(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value, node)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._bind(target, value, node)
            case ast.AugAssign(target=target):
                self._bind(target, node, node)
            case ast.For(target=target, iter=iterated) | ast.comprehension(target=target, iter=iterated):
                self._bind(target, Element(iterated), iterated)
            case ast.With(items=items):
                for item in items:
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, item.context_expr, item.context_expr)
            case ast.Call(func=ast.Name(id=name)):
                self.calls.setdefault(name, []).append(node)
            case ast.Call(func=ast.Attribute()):
                self.objects.see_call(node)

    def _bind(self, target: ast.AST, value: ast.AST, at: ast.AST) -> None:
        match target:
            case ast.Name(id=name):
                key = (id(self.function_of(target)), name)
                self.assigned.setdefault(key, []).append((self.references.end(at), value, at))
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                for i, part in enumerate(elts):
                    inner = part.value if isinstance(part, ast.Starred) else part
                    self._bind(inner, Part(value, i), at)
            case ast.Attribute():
                self.objects.bind(target, (self.references.end(at), value, at))

    def function_of(self, node: ast.AST) -> ast.AST:
        """The function (or lambda, or the module) around a node."""
        for outer in self.references.around(node):
            if isinstance(outer, FUNCTION | ast.Lambda | ast.Module):
                return outer
        return self.references.tree

    # Kinds

    def of(self, node: ast.AST | None) -> Kind:
        """The kind of an expression."""
        if node is None:
            return UNKNOWN
        if id(node) in self._memo:
            return self._memo[id(node)]
        if id(node) in self._busy:
            return UNKNOWN
        self._busy.add(id(node))
        found = self._compute(node)
        self._busy.discard(id(node))
        if not self._busy:
            self._memo[id(node)] = found
        return found

    def _compute(self, node: ast.AST) -> Kind:
        path = self.path(node)
        if path:
            return self._of_path(path, node)
        match node:
            case Part(value=value, index=index):
                return part_of(self.of(value), index)
            case Element(value=value):
                return self.element(value)
            case ast.Constant(value=value):
                return constant(value)
            case ast.Name():
                return self.of_name(node)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                return Kind("sequence", parts=tuple(self.of(e) for e in elts))
            case ast.ListComp(elt=elt):
                return Kind("list", parts=(self.of(elt),))
            case ast.DictComp(value=value):
                return Kind("dict", parts=(self.of(value),))
            case ast.Dict(values=[first, *rest]):
                return Kind("dict", parts=(alike([self.of(first), *map(self.of, rest)]),))
            case ast.Call():
                return self._call(node)
            case ast.Attribute(value=value, attr=attr):
                found = self._attribute(self.of(value), attr)
                return found if found or ast.unparse(node) not in self.parameterised else Kind("model")
            case ast.Subscript(value=value):
                return self._subscript(self.of(value), node)
            case ast.IfExp(body=body, orelse=orelse):
                return joined(self.of(body), self.of(orelse))
            case ast.JoinedStr():
                return Kind("text")
            case ast.AugAssign(target=ast.Name() as target, value=value):
                return joined(self._before(target, self.references.start(node)), self.of(value))
        return self._operation(node)

    def _operation(self, node: ast.AST) -> Kind:
        match node:
            case ast.BinOp(left=left, right=right):
                kinds = [self.of(left), self.of(right)]
                return Kind("text") if kinds[0].name == "text" else arithmetic(kinds, isinstance(node.op, ast.Div))
            case ast.UnaryOp(operand=operand):
                return self.of(operand)
            case ast.Compare(left=left, comparators=comparators):
                found = arithmetic([self.of(left), *(self.of(c) for c in comparators)])
                return Kind(found.name, "bool") if found.name in ("tensor", "array") else NUMBER
            case ast.BoolOp(values=values):
                return joined(self.of(values[0]), self.of(values[-1]))
        return UNKNOWN

    def of_name(self, node: ast.Name) -> Kind:
        """The kind of a variable where it is read; what has parameters is a model."""
        found = self._before(node, self.references.start(node))
        return Kind("model") if not found and node.id in self.parameterised else found

    def _before(self, node: ast.Name, offset: int) -> Kind:
        scope: ast.AST = self.function_of(node)
        while True:
            entries = self.assigned.get((id(scope), node.id), [])
            if entries:
                return self._last(entries, offset, node)
            if isinstance(scope, FUNCTION):
                found = self._parameter(scope, node.id)
                if found is not None:
                    return found
            if isinstance(scope, ast.Module):
                break
            scope = self.function_of(scope)
        if node.id in self.functions:
            return Kind("function", node=self.functions[node.id])
        return Kind("class", node=node) if node.id in self.classes else UNKNOWN

    def _last(self, entries: list[tuple[int, ast.AST, ast.AST]], offset: int, node: ast.Name) -> Kind:
        """By the last assignment before; global names that a function reads: by any."""
        same = self.function_of(entries[0][2]) is self.function_of(node)
        here = [e for e in entries if e[0] <= offset] if same else entries
        chosen = here or entries[:1]
        kind = self.of(chosen[-1][1])
        for entry in reversed(chosen[:-1]):
            if kind and kind.name not in ("none", "number"):
                break
            kind = joined(self.of(entry[1]), kind)
        if kind.name == "none":  # of the rounds of a loop only the first finds None
            kind = next((k for e in entries if (k := self.of(e[1])) and k.name != "none"), kind)
        return kind

    def _parameter(self, function: FUNCTION, name: str) -> Kind | None:
        """What the calls of a function give for a parameter; None if it has no such one."""
        arguments = function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        if name not in names:
            return None
        found = self.objects.kind_of_self(function, name)
        if found is not None:
            return found
        found = UNKNOWN
        for call in self.calls_of(function):
            given = argument(call, function, name)
            kind = self.of(given) if given is not None else UNKNOWN
            found = joined(found, kind) if kind else found
        return found

    def calls_of(self, function: FUNCTION) -> list[ast.Call]:
        """The calls of a function or method of the file."""
        method = id(function) in self.objects.owners
        return self.objects.calls_of(function, self.calls) if method else self.calls.get(function.name, [])

    def called_function(self, call: ast.Call) -> FUNCTION | None:
        """The function or method of the file that a call runs; None for any other."""
        if isinstance(call.func, ast.Name) and call.func.id in self.functions:
            return self.functions[call.func.id]
        kind = self.of(call.func) if isinstance(call.func, ast.Attribute) else UNKNOWN
        return kind.node if kind.name == "function" and isinstance(kind.node, FUNCTION) else None

    # Parts of _compute

    def _of_path(self, path: str, node: ast.AST) -> Kind:
        if path in TENSOR_TYPES:
            return Kind("tensor type", TENSOR_TYPES[path])
        return Kind("dtype") if path.rpartition(".")[2] in DTYPES else UNKNOWN

    def _call(self, node: ast.Call) -> Kind:
        path = self.path(node.func)
        if path:
            return self._library(path, node)
        match node.func:
            case ast.Name(id=name):
                return self._plain_call(name, node)
            case ast.Attribute(value=value, attr=attr):
                return self._method(self.of(value), attr, node)
        return TENSOR if self.of(node.func).name in ("model", "loss") else UNKNOWN

    def _library(self, path: str, node: ast.Call) -> Kind:
        if path in RESULTS:
            return Kind(RESULTS[path], node=node)
        if path in PASSED_ON:
            return self.of(node.args[0]) if node.args else UNKNOWN
        short = path.removeprefix("torch.")
        for prefix, name in (
            ("torch.optim.lr_scheduler.", "scheduler"),
            ("torch.optim.", "optimizer"),
            ("torchvision.datasets.", "dataset"),
            ("torchvision.models.", "model"),
            ("torchvision.transforms.", "transform"),
        ):
            if path.startswith(prefix):
                return Kind(name, node=node)
        if path.startswith("torch.nn.") and path.rpartition(".")[2][0].isupper():
            return Kind("loss" if path.endswith("Loss") else "model", node=node)
        if path.endswith("utils.data.random_split") and node.args:
            source = self.of(node.args[0])
            return Kind("list", parts=(source,)) if source.name == "dataset" else UNKNOWN
        if path.startswith("torch.nn.functional."):
            return Kind("tensor", "float")
        if short in CREATION:
            given = [dtype(self.path(k.value)) for k in node.keywords if k.arg == "dtype"]
            return Kind("tensor", given[0] if given else CREATION[short] or literal_dtype(short, node))
        if short in TENSOR_FUNCTIONS:
            return tensor_function(short, node, self.of)
        return UNKNOWN

    def _plain_call(self, name: str, node: ast.Call) -> Kind:
        kind = self.of(node.func)
        if kind.name in ("model", "loss"):
            return Kind("tensor", "float")
        if kind.name == "class" or name in self.classes:
            return Kind("model", node=node)
        if name in self.objects.classes and name not in self.datasets:
            return Kind("object", node=self.objects.classes[name])
        if name in self.datasets:
            return Kind("dataset", node=node)
        if kind.name == "function" and isinstance(kind.node, FUNCTION):
            return self.returned(kind.node)
        if kind.name == "tensor type":
            return Kind("tensor", kind.dtype)
        if name in ("len", "int", "float", "round", "range", "sum", "min", "max", "abs"):
            return self._builtin(name, node)
        if name == "next" and node.args:
            return self.element(node.args[0])
        if name in ("enumerate", "zip", "tqdm", "list", "tuple", "reversed", "iter"):
            return Kind("list", parts=(self.element(node),))
        return Kind("text") if name in ("str", "repr") else UNKNOWN

    def _builtin(self, name: str, node: ast.Call) -> Kind:
        if name in ("sum", "min", "max", "abs") and node.args:
            first = self.of(node.args[0])
            return part_of(first, 0) if first.name in ("list", "sequence") else first
        return NUMBER

    def returned(self, function: FUNCTION) -> Kind:
        """What a function of the user's returns."""
        found = UNKNOWN
        for inner in ast.walk(function):
            if isinstance(inner, ast.Return) and inner.value is not None and self.function_of(inner) is function:
                found = joined(found, self.of(inner.value))
        return found

    def element(self, node: ast.AST) -> Kind:
        """What iterating over an expression gives."""
        if isinstance(node, ast.Call) and not self.path(node.func):
            match node.func:
                case ast.Name(id="enumerate"):
                    return Kind("sequence", parts=(NUMBER, self.element(node.args[0])))
                case ast.Name(id="zip"):
                    return Kind("sequence", parts=tuple(self.element(a) for a in node.args))
                case ast.Name(id="range"):
                    return NUMBER
                case ast.Name(id="tqdm" | "list" | "iter" | "reversed") | ast.Attribute(attr="tqdm") if node.args:
                    return self.element(node.args[0])
        kind = self.of(node)
        if kind.name in ("loader", "dataset"):
            return Kind("batch", parts=(TENSOR,))
        if kind.name in ("parameters", "list"):
            return weight_of(kind) if kind.name == "parameters" else part_of(kind, 0)
        if kind.name == "sequence" and kind.parts:
            found = kind.parts[0]
            for part in kind.parts[1:]:
                found = joined(found, part)
            return found
        return kind if kind.name in ("tensor", "array") else UNKNOWN

    def _method(self, receiver: Kind, attr: str, node: ast.Call) -> Kind:
        if receiver.name == "tensor" or (not receiver and attr in TENSOR_METHODS and attr in SCALAR_METHODS):
            return tensor_method(receiver, attr, node)
        if receiver.name == "model":
            if attr in ("to", "cuda", "cpu", "train", "eval", "double", "float", "half", "apply"):
                return receiver
            if attr in ("parameters", "named_parameters"):
                return Kind("parameters", node=node)
            return Kind("state", node=node) if attr == "state_dict" else TENSOR
        if receiver.name in ("loss", "optimizer", "scheduler", "array", "loader") and attr in ("to", "cuda", "astype"):
            return receiver
        if receiver.name == "object":
            method = self.objects.method(receiver.node, attr)
            return self.returned(method) if method else called(self.of(node.func))
        if receiver.name == "array":
            return ARRAY
        return Kind("text") if receiver.name == "text" else UNKNOWN

    def _attribute(self, receiver: Kind, attr: str) -> Kind:
        if receiver.name == "object" and receiver.node is not None:
            method = self.objects.method(receiver.node, attr)
            return Kind("function", node=method) if method else self.objects.attribute(receiver.node, attr)
        if receiver.name == "sequence" and attr in ("values", "indices"):
            return part_of(receiver, int(attr == "indices"))
        if receiver.name == "tensor":
            return {"shape": Kind("shape"), "device": Kind("device"), "is_cuda": NUMBER}.get(attr, receiver)
        if receiver.name in ("model", "loss", "optimizer") and attr == "module":
            return receiver
        if receiver.name == "array":
            return Kind("shape") if attr == "shape" else ARRAY
        return Kind("model", node=None) if receiver.name == "model" and attr[0].islower() else UNKNOWN

    def _subscript(self, receiver: Kind, node: ast.Subscript) -> Kind:
        index = node.slice.value if isinstance(node.slice, ast.Constant) else None
        return part_of(receiver, index if isinstance(index, int) else 0)
