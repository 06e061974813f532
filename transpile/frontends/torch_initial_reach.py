"""Whether initial values are set for every object of a class, by values that its constructor knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.frontends.torch_program import ClassInfo, FunctionInfo, Program
from transpile.references import References


def depends_on(program: Program, node: ast.AST, info: ClassInfo) -> str:
    """The test that decides whether a method of the class sets initial values; "" where it always does."""
    references = program.references
    for test, branch in _tests(references, node, info, set()):
        if not (branch and (_asks_for_module(test) or _always_given(program, test, info))):
            return f"if {ast.unparse(test)}"
    return ""


def _tests(references: References, node: ast.AST, info: ClassInfo, seen: set[str]) -> Iterator[tuple[ast.expr, bool]]:
    """Tests around a statement and around the calls of its method in the class; whether it stands in the body."""
    here = node
    for around in references.around(node):
        if isinstance(around, ast.FunctionDef | ast.ClassDef):
            break
        if isinstance(around, ast.If):
            yield around.test, here in around.body
        here = around
    if not isinstance(around, ast.FunctionDef) or around.name in {"__init__", *seen}:
        return
    for use in ast.walk(info.node):
        if isinstance(use, ast.Attribute) and use.attr == around.name and ast.unparse(use.value) == "self":
            yield from _tests(references, use, info, {*seen, around.name})


def _asks_for_module(test: ast.expr) -> bool:
    """`if self.bias is not None`, `if bias`, `if isinstance(self.fc, nn.Linear)`: whether there is what is set."""
    match test:
        case ast.BoolOp(values=values):
            return all(map(_asks_for_module, values))
        case (
            ast.Compare(left=ast.Attribute(), ops=[ast.IsNot()]) | ast.Call(func=ast.Name(id="isinstance" | "hasattr"))
        ):
            return True
    return "bias" in ast.unparse(test)


def _always_given(program: Program, test: ast.expr, info: ClassInfo) -> bool:
    """`if init_weights:` of a parameter that is true by default and that no call in the file sets to anything else."""
    init = info.methods.get("__init__")
    if not isinstance(test, ast.Name) or init is None or not isinstance(init.node, ast.FunctionDef):
        return False
    arguments = init.node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults)))
    defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}
    default = defaults.get(test.id)
    given = [k.value for n in ast.walk(program.references.tree) if isinstance(n, ast.Call) for k in n.keywords
             if k.arg == test.id]  # fmt: skip
    return all(isinstance(v, ast.Constant) and v.value is True for v in (default, *given))


def spared(program: Program, info: ClassInfo, function: FunctionInfo) -> str:
    """A name outside of classes whose object of the class the function is not applied to; "" where there is none."""
    references, name = program.references, info.node.name
    outside = [n for n in ast.walk(references.tree) if not _in_class(references, n)]
    applied = {
        ast.unparse(n.func.value)
        for n in outside
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr == "apply"
        and n.args
        and isinstance(n.args[0], ast.Name)
        and program.functions.get(n.args[0].id) is function
    }
    for node in outside:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            target = ast.unparse(node.targets[0])
            if isinstance(called, ast.Name) and called.id == name and target not in applied:
                return target
    return ""


def _in_class(references: References, node: ast.AST) -> bool:
    return any(isinstance(a, ast.ClassDef) for a in references.around(node))


def unknown_names(text: str, names: set[str]) -> list[str]:
    """Names in an initialiser that stand for the module it is set on, or for what its function was given."""
    return sorted({n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)} & names)
