"""Initial values that a class gives its own nn.Parameters after they were made."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from transpile.frontends.torch_program import ClassInfo, Program

PARAMETER = ("torch.nn.Parameter", "torch.nn.parameter.Parameter")
# Functions that make a tensor of a size, whatever is in it.
SIZED = tuple(f"torch.{n}" for n in ("empty", "zeros", "ones", "rand", "randn", "Tensor", "FloatTensor"))
_INIT = "torch.nn.init."
_METHODS = ("normal_", "uniform_", "fill_", "zero_")
_SIZE = re.compile(r"self\.(\w+)(?:\.data)?\.(?:size\((-?\d+)\)|shape\[(-?\d+)\])")
_SWAPPED = {'"fan_in"': '"fan_out"', '"fan_out"': '"fan_in"'}


class OwnParameters:
    """The nn.Parameters of the classes of a file."""

    def __init__(self, program: Program) -> None:
        self.program, self.references = program, program.references

    def sets(self, call: ast.Call, info: ClassInfo) -> bool:
        """Whether a statement of the class sets an nn.Parameter of its own."""
        name = self.name(call)
        return bool(name) and any(True for _ in self.made(info, name))

    def name(self, call: ast.Call) -> str:
        """The attribute that a call sets: of `nn.init.f_(self.W)` and `self.W.data.uniform_()`."""
        path, func = self.program.paths.get(id(call.func), ""), call.func
        target: ast.expr | None = None
        if path.startswith(_INIT) and call.args:
            target = call.args[0]
        elif isinstance(func, ast.Attribute) and func.attr in _METHODS:
            target = func.value
        if isinstance(target, ast.Attribute) and target.attr == "data":
            target = target.value
        match target:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return name
        return ""

    def made(self, info: ClassInfo, name: str) -> Iterator[ast.Call]:
        """The calls that make the parameter."""
        for part in info.lineage():
            for node in ast.walk(part.node):
                match node:
                    case ast.Assign(
                        targets=[ast.Attribute(value=ast.Name(id="self"), attr=attr)], value=ast.Call() as call
                    ):
                        if attr == name and self.program.paths.get(id(call.func), "") in PARAMETER:
                            yield call

    def all_made(self, info: ClassInfo) -> Iterator[ast.Call]:
        """Every call that makes a parameter of the class."""
        for node in ast.walk(info.node):
            if isinstance(node, ast.Call) and self.program.paths.get(id(node.func), "") in PARAMETER:
                yield node

    def initialisers(self, call: ast.Call, info: ClassInfo, text: str) -> Iterator[tuple[ast.Call, str]]:
        """Each call that makes the parameter, and the initialiser there; "" where it can't be said there."""
        for made in self.made(info, self.name(call)):
            sizes = self.sizes(made)
            yield made, self.fitted(text, sizes, made, info) if sizes else ""

    def sizes(self, made: ast.Call) -> list[ast.expr]:
        """The extents that are written out where a parameter is made."""
        return sizes_of(made.args[0], self.program) if made.args else []

    def fitted(self, text: str, sizes: list[ast.expr], made: ast.Call, info: ClassInfo) -> str:
        """The initialiser for Keras, which counts the axes of a matrix the other way round."""
        if "fan_" in text or "glorot" in text or "Orthogonal" in text:
            if len(sizes) != 2:
                return ""
            text = re.sub(r'"fan_(in|out)"', lambda m: _SWAPPED[m[0]], text)

        def extent(found: re.Match[str]) -> str:
            other = next(self.made(info, found[1]), None)
            written = self.sizes(other) if other is not None else []
            axis = int(found[2] or found[3])
            return ast.unparse(written[axis]) if -len(written) <= axis < len(written) else found[0]

        text = _SIZE.sub(extent, text)
        names = {n.id for n in ast.walk(ast.parse(text, mode="eval")) if isinstance(n, ast.Name)}
        left = names - self.known(made) - set(dir(builtins)) - {"keras", "self"}
        itself = any(next(self.made(info, n), None) is made for n in re.findall(r"self\.(\w+)", text))
        return "" if left or itself or ".size(" in text or ".shape[" in text else text

    def known(self, made: ast.Call) -> set[str]:
        """The names that mean something where the parameter is made."""
        found = {b.name for b in self.references.bindings}
        found |= {n.id for n in ast.walk(self.references.tree) if isinstance(n, ast.Name) and self.is_global(n)}
        for function in (a for a in self.references.around(made) if isinstance(a, ast.FunctionDef)):
            found |= {a.arg for a in (*function.args.args, *function.args.kwonlyargs)}
            found |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        return found

    def is_global(self, name: ast.Name) -> bool:
        return isinstance(name.ctx, ast.Store) and not any(
            isinstance(a, ast.FunctionDef) for a in self.references.around(name)
        )


def sizes_of(node: ast.expr, program: Program) -> list[ast.expr]:
    """The extents of `torch.empty(a, b)`, `torch.zeros(size=(a, b))`, `torch.Tensor(a, b)`; [] for anything else."""
    path = program.paths.get(id(node.func), "") if isinstance(node, ast.Call) else ""
    if path not in SIZED or not isinstance(node, ast.Call):
        return []
    given = next((k.value for k in node.keywords if k.arg == "size"), None)
    if given is None and len(node.args) == 1 and isinstance(node.args[0], ast.Tuple | ast.List):
        if path.endswith("Tensor"):
            return []  # of these values
        given = node.args[0]
    parts = given.elts if isinstance(given, ast.Tuple | ast.List) else node.args if given is None else []
    return [] if any(isinstance(p, ast.Starred) for p in parts) else list(parts)
