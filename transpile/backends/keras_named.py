"""What the code outside of module classes names for them: `ACTS = {"relu": nn.ReLU}`, `Net(nn.ReLU)`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.backends.body_initial import InitialWalker
from transpile.frontends.torch_program import Program
from transpile.ops._functions import Left
from transpile.torch_values import MODULES, ClassValue, FunctionValue, Items, Many, Value, alternatives

_TABLES = ast.Dict | ast.List | ast.Tuple | ast.Lambda | ast.Call


def constructions(program: Program) -> Iterator[ast.Call]:
    """The calls outside of module classes that make objects of them."""
    for node in ast.walk(program.references.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in program.classes):
            continue
        around = program.references.around(node)
        if not any(isinstance(a, ast.ClassDef) and a.name in program.classes for a in around):
            yield node


def names_in(walker: InitialWalker, node: ast.Call) -> dict[int, str]:
    """Keras's texts for the classes and functions that such a call gives, by their nodes."""
    found: dict[int, str] = {}
    for argument in (*node.args, *(k.value for k in node.keywords)):
        for part in ast.walk(argument):
            called = isinstance(parent := walker.references.parents[part], ast.Call) and parent.func is part
            if id(part) not in walker.program.paths or not isinstance(part, ast.expr) or called:
                continue
            try:
                operand = walker.expr(part)
            except Left:
                continue
            if isinstance(operand.value, ClassValue | FunctionValue) and operand.text != walker.source(part):
                found[id(part)] = walker.qualified(operand.text, "")
    return found


def tables(program: Program) -> list[ast.Assign]:
    """Assignments of the module that hold classes or functions of PyTorch for its module classes."""
    parts = [info.node for info in program.classes.values()]
    parts += [program.functions[n].node for n in program.helpers]  # type: ignore[misc]
    read = {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
    found = []
    for node in program.references.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in read and isinstance(value, _TABLES):
                if any(id(n) in program.paths for n in ast.walk(value)):
                    found.append(node)
    return found


def holds_names(value: Value) -> bool:
    """Whether a value is a class or function of PyTorch, or a collection of some, or of modules."""
    match value:
        case Many(each=each):
            return holds_names(each)
        case Items(items=items):
            return any(holds_names(i) for i in items)
    return any(isinstance(v, (ClassValue, FunctionValue, *MODULES)) for v in alternatives(value))
