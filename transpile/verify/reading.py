"""What a piece of a program reads, binds and calls, by its syntax tree."""

from __future__ import annotations

import ast


def names_read(node: ast.AST) -> set[str]:
    """Every name that the code loads, inside functions and classes too."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def free_names(node: ast.AST) -> set[str]:
    """The names that the code takes from outside itself: functions hide their own."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        arguments = node.args
        own = {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)}
        body = node.body if isinstance(node.body, list) else [node.body]
        for part in body:
            own |= _own_bindings(part)
        inside = {name for part in body for name in free_names(part)}
        outside: list[ast.AST] = [*arguments.defaults, *filter(None, arguments.kw_defaults)]
        outside += [a.annotation for a in ast.walk(arguments) if isinstance(a, ast.arg) and a.annotation is not None]
        outside += getattr(node, "decorator_list", [])
        declared = {n for g in ast.walk(node) if isinstance(g, ast.Global) for n in g.names}
        return (inside - own) | declared | {n for o in outside for n in free_names(o)}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, COMPREHENSIONS):  # its variables are its own, but not where it begins
        children = [child for child in ast.iter_child_nodes(node) if child is not node.generators[0]]
        first = node.generators[0]
        inside = {name for part in (*children, *first.ifs) for name in free_names(part)}
        own = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
        return (inside - own) | free_names(first.iter)
    return {name for child in ast.iter_child_nodes(node) for name in free_names(child)}


def _own_bindings(node: ast.AST) -> set[str]:
    """The local variables that a statement of a function makes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    names = set()
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        names.add(node.id)
    if isinstance(node, ast.comprehension):
        return {name for part in (node.iter, *node.ifs) for name in _own_bindings(part)}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        names |= bound_names(node)
    if isinstance(node, ast.ExceptHandler) and node.name:
        names.add(node.name)
    for child in ast.iter_child_nodes(node):
        names |= _own_bindings(child)
    return names


def bound_names(node: ast.AST) -> set[str]:
    """The names that a statement binds: targets, imports, definitions, `x[i] = `, `x.a = `, `del x.a`."""
    names: set[str] = set()
    inner = {id(n) for c in ast.walk(node) if isinstance(c, ast.comprehension) for n in ast.walk(c.target)}
    for n in ast.walk(node):
        if id(n) in inner:  # variables of a comprehension
            continue
        match n:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
                names.add(root_name(n))
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {a.asname or a.name.partition(".")[0] for a in aliases}
    return names - {""}


def bound_parts(statement: ast.stmt) -> set[str]:
    """The names whose attributes or items a statement assigns or deletes."""
    return {
        root_name(n)
        for n in ast.walk(statement)
        if isinstance(n, (ast.Attribute, ast.Subscript)) and isinstance(n.ctx, ast.Store | ast.Del)
    }


def called(call: ast.Call) -> str:
    """The last part of the name that is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def trains(node: ast.AST) -> bool:
    return any(called(n) in {"fit", "fit_generator", "backward"} for n in calls_in(node))


def runs_backward(node: ast.AST) -> bool:
    return any(called(n) == "backward" for n in calls_in(node))


def calls_in(node: ast.AST) -> list[ast.Call]:
    return [n for n in ast.walk(node) if isinstance(n, ast.Call)]


def root_name(node: ast.AST) -> str:
    """The name at the start of `a.b[c].d(...)`."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def rebound(statement: ast.stmt) -> set[str]:
    """The names that an assignment gives a new value, whatever they were before."""
    if not isinstance(statement, ast.Assign):
        return set()
    names = {t.id for t in statement.targets if isinstance(t, ast.Name)}
    return names - names_read(statement.value)
