"""Ordinary classes of a PyTorch script (trainers, agents, configurations): attributes and methods."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection

from transpile.frontends.torch_kind import FUNCTION, UNKNOWN, Kind, Part, argument, joined
from transpile.references import References

Bound = tuple[int, ast.AST, ast.AST]  # (where the statement ends, the value, the statement)


class Objects:
    """Answers for one file. `modules` are the names of classes that are modules of PyTorch's."""

    def __init__(self, references: References, modules: Collection[str], of: Callable[[ast.AST | None], Kind]) -> None:
        self.references = references
        self.of = of
        self.modules = modules
        self.classes: dict[str, ast.ClassDef] = {}
        self.owners: dict[int, ast.ClassDef] = {}  # function -> the class that it is a method of
        self.assigned: dict[tuple[int, str], list[Bound]] = {}  # (class, attribute)
        self.method_calls: dict[str, list[ast.Call]] = {}
        self._parameterised: set[str] = set()  # what has methods of models, as it is spelled
        self._trained: set[str] = set()  # what has a method that trainers or optimizers have, too
        for node in ast.walk(references.tree):
            if isinstance(node, ast.ClassDef):
                self.owners |= {id(s): node for s in node.body if isinstance(s, FUNCTION) and not _is_static(s)}
                if node.name not in modules:
                    self.classes[node.name] = node

    def owner(self, name: ast.AST) -> ast.ClassDef | None:
        """The class whose object a name is: `self` of a method, also in functions inside of it."""
        if not isinstance(name, ast.Name):
            return None
        for outer in self.references.around(name):
            if isinstance(outer, FUNCTION) and id(outer) in self.owners:
                parameters = [*outer.args.posonlyargs, *outer.args.args]
                return self.owners[id(outer)] if parameters and parameters[0].arg == name.id else None
        return None

    def kind_of_self(self, function: ast.AST, name: str) -> Kind | None:
        """What the first parameter of a method is; None for other parameters."""
        owner = self.owners.get(id(function))
        if owner is None or not isinstance(function, FUNCTION):
            return None
        parameters = [*function.args.posonlyargs, *function.args.args]
        if not parameters or parameters[0].arg != name:
            return None
        return Kind("model") if owner.name in self.modules else Kind("object", node=owner)

    def bind(self, target: ast.Attribute, bound: Bound) -> None:
        """Notes `self.attribute = value`."""
        owner = self.owner(target.value)
        if owner is not None:
            self.assigned.setdefault((id(owner), target.attr), []).append(bound)

    def see_call(self, call: ast.Call) -> None:
        """Notes `object.method(...)`."""
        assert isinstance(call.func, ast.Attribute)
        value, attr = call.func.value, call.func.attr
        self.method_calls.setdefault(attr, []).append(call)
        if not isinstance(value, ast.Name | ast.Attribute):
            return
        if attr in ("parameters", "named_parameters") or (attr == "eval" and not call.args):
            self._parameterised.add(ast.unparse(value))
        elif attr in ("train", "load_state_dict", "state_dict", "zero_grad"):
            self._trained.add(ast.unparse(value))

    def models(self, functions: dict[str, FUNCTION], calls: dict[str, list[ast.Call]]) -> set[str]:
        """The variables that are models by their methods, and what is handed to them.

        What has only `train` or `state_dict` must be called, too: it may be a trainer or an
        optimizer. `functions` and `calls` are by name.
        """
        called = set(calls) | {ast.unparse(c.func) for made in self.method_calls.values() for c in made}
        found = self._parameterised | (self._trained & called)
        makers = {n: m for n, c in self.classes.items() if (m := self.method(c, "__init__")) is not None}
        while new := self._handed(found, {**functions, **makers}, calls) - found:
            found |= new
        return found

    def _handed(
        self, models: set[str], functions: dict[str, FUNCTION], calls: dict[str, list[ast.Call]]
    ) -> set[str]:  # fmt: skip
        """What is given for parameters, or kept as attributes, that are models."""
        kept = [unpacked(v) for (_, attr), e in self.assigned.items() if f"self.{attr}" in models for _, v, _ in e]
        given = [
            argument(call, function, parameter.arg)
            for name, function in functions.items()
            for parameter in function.args.args
            if parameter.arg in models
            for call in calls.get(name, [])
        ]
        return {ast.unparse(v) for v in (*kept, *given) if isinstance(v, ast.Name | ast.Attribute)}

    def attribute(self, owner: ast.AST, attr: str) -> Kind:
        """What an attribute holds, by all that is assigned to it."""
        found = UNKNOWN
        for _, value, _ in self.assigned.get((id(owner), attr), []):
            found = joined(found, self.of(value))
        return found

    def method(self, owner: ast.AST | None, name: str) -> FUNCTION | None:
        """A method of a class of the file."""
        for statement in getattr(owner, "body", []):
            if isinstance(statement, FUNCTION) and statement.name == name:
                return statement
        return None

    def calls_of(self, method: FUNCTION, constructions: dict[str, list[ast.Call]]) -> list[ast.Call]:
        """The calls of a method; of a constructor, those of its class."""
        owner = self.owners.get(id(method))
        if owner is None:
            return []
        if method.name == "__init__":
            return constructions.get(owner.name, [])
        found = []
        for call in self.method_calls.get(method.name, []):
            assert isinstance(call.func, ast.Attribute)
            receiver = self.of(call.func.value)
            if receiver.node is owner or self.owner(call.func.value) is owner:
                found.append(call)
        return found

    def holding(self, method: ast.AST, name: str) -> str:
        """`self.attribute` for a variable of a method that the object keeps; "" where it does not."""
        owner = self.owners.get(id(method))
        for (class_id, attr), entries in self.assigned.items():
            for _, value, statement in entries:
                here = owner is not None and class_id == id(owner) and method in self.references.around(statement)
                part = unpacked(value)
                if here and isinstance(part, ast.Name) and part.id == name:
                    return f"self.{attr}"
        return ""


def unpacked(value: ast.AST) -> ast.AST:
    """The part of a tuple that is unpacked: `b` of `x, y = a, b`."""
    if isinstance(value, Part) and isinstance(value.value, ast.Tuple | ast.List):
        parts = value.value.elts
        return parts[value.index] if value.index < len(parts) else value
    return value


def _is_static(function: FUNCTION) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list)
