"""The calls that make the modules which an expression of the program names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from transpile.frontends.torch_program import ClassInfo, Program


class ModuleCalls:
    """Finds them, in classes and outside."""

    def __init__(self, program: Program) -> None:
        self.program, self.references = program, program.references

    def all_calls(self, info: ClassInfo) -> list[tuple[str, ast.Call]]:
        """Every module of torch.nn that is made in a class and what it uses."""
        parts = list(self.program.parts_of(info))
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == info.name:
                for given in (n.id for a in node.args for n in ast.walk(a) if isinstance(n, ast.Name)):
                    if given in self.program.classes:
                        parts += self.program.parts_of(self.program.classes[given])
        for parent in info.lineage():
            parts.append(parent.node)
        return [found for part in parts for found in self.made_in(part)]

    def made_in(self, part: ast.AST) -> Iterator[tuple[str, ast.Call]]:
        for node in ast.walk(part):
            path = self.program.paths.get(id(node.func), "") if isinstance(node, ast.Call) else ""
            if path.startswith("torch.nn.") and isinstance(node, ast.Call):
                yield path.rpartition(".")[2], node

    def local_calls(self, target: ast.expr, text: str) -> list[tuple[str, ast.Call]]:
        """The module in a variable of the function around a node: `layers[-1]`, `conv`."""
        function = next((a for a in self.references.around(target) if isinstance(a, ast.FunctionDef)), None)
        match = re.fullmatch(r"(\w+)(\[-1\])?", text)
        if function is None or match is None or match[1] == "self":
            return []
        found = self.assigned(function, match[1], [-1] if match[2] else [], target.lineno)
        return found[-1:]

    def calls_at(self, text: str, info: ClassInfo | None, line: int = 0) -> list[tuple[str, ast.Call]]:
        """The modules at `self.features[0]`; outside of classes (None) at `model[0]` or `model.fc`."""
        match = re.fullmatch(r"(self\.)?(\w+)((?:\[-?\d+\])*)((?:\.\w+)*)", text)
        if match is None or bool(match[1]) != (info is not None):
            return []
        name, indices, rest = match[2], [int(n) for n in re.findall(r"-?\d+", match[3])], match[4]
        if info is not None:
            if rest:
                return []
            places = [parent.node for parent in info.lineage()]
            return [m for place in places for m in self.assigned(place, f"self.{name}", indices, line)]
        if not rest:
            return self.assigned(self.references.tree, name, indices)
        inside = self.made_classes(name) if not indices else []
        return [m for found in inside for m in self.calls_at(f"self{rest}", found)]

    def assigned(
        self, place: ast.AST, target: str, indices: Sequence[int], line: int = 0
    ) -> list[tuple[str, ast.Call]]:
        """The modules that a variable is given, or those at some positions in them.

        Of what is appended to a list, the last above the line.
        """
        found: list[tuple[str, ast.Call]] = []
        nodes = [n for n in ast.walk(place) if not line or getattr(n, "lineno", 0) < line]
        for node in sorted(nodes, key=lambda n: getattr(n, "lineno", 0)):
            match node:
                case ast.Assign(value=value) if any(ast.unparse(t) == target for t in node.targets):
                    made = self.at(placed(value), indices)
                case ast.Call(func=ast.Attribute(attr="append"), args=[value]) if (
                    list(indices) == [-1] and ast.unparse(node.func.value) == target  # type: ignore[attr-defined]
                ):
                    made = placed(value)
                case _:
                    continue
            path = self.program.paths.get(id(made.func), "") if isinstance(made, ast.Call) else ""
            if isinstance(made, ast.Call) and path.startswith("torch.nn."):
                found.append((path.rpartition(".")[2], made))
        return found[-1:] if list(indices) == [-1] else found

    @staticmethod
    def at(value: ast.expr, indices: Sequence[int]) -> ast.expr | None:
        for index in indices:
            if not isinstance(value, ast.Call) or not -len(value.args) <= index < len(value.args):
                return None
            value = placed(value.args[index])
        return value

    def made_classes(self, name: str) -> list[ClassInfo]:
        """The classes of the file whose objects a variable is seen to hold."""
        return [
            self.program.classes[n.func.id]
            for node in ast.walk(self.references.tree)
            if isinstance(node, ast.Assign) and any(ast.unparse(t) == name for t in node.targets)
            for n in ast.walk(node.value)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in self.program.classes
        ]


def placed(value: ast.expr) -> ast.expr:
    """A module behind `.to(device)`, `.cuda()`, `.double()`."""
    while (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(value.func.value, ast.Call)
    ):
        if value.func.attr not in ("to", "cuda", "cpu", "double", "float", "eval", "train"):
            break
        value = value.func.value
    return value
