"""What a class must be given: the names of the function in which its model is built."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.interpret.values import Frame, KerasObject
from transpile.ir import Branch, Expr, Loop, Model, Node, Plain, Shape, Statement


def lift(model: Model, home: Frame) -> tuple[Model, dict[str, str]]:
    """`self.units` of the user's class as a parameter `units`: the model, and name -> text."""
    function = home.function
    params = function.node.params.params if function is not None else ()
    owner = params[0].name.value if params else ""
    if owner not in ("self", "cls"):
        return model, {}
    lifter = _Lifter(owner)
    return replace(model, body=lifter.body(model.body)), lifter.found


class _Lifter:
    """Rewrites every text of a body."""

    def __init__(self, owner: str) -> None:
        self._attribute = re.compile(rf"\b{owner}\.([A-Za-z_]\w*)(?!\w*\()")
        self.found: dict[str, str] = {}

    def body(self, statements: Sequence[Statement]) -> tuple[Statement, ...]:
        return tuple(map(self._statement, statements))

    def _statement(self, s: Statement) -> Statement:
        match s:
            case Node():
                return self._node(s)
            case Loop():
                return replace(s, iterable=self._expr(s.iterable), body=self.body(s.body))
            case Branch():
                return replace(s, test=self._text(s.test), body=self.body(s.body), orelse=self.body(s.orelse))
            case Plain(where="init"):
                return replace(s, text=self._text(s.text))
        return s

    def _text(self, text: str) -> str:
        def rename(match: re.Match[str]) -> str:
            self.found[match.group(1)] = match.group(0)
            return match.group(1)

        return self._attribute.sub(rename, text)

    def _expr(self, expr: Expr) -> Expr:
        value = expr.value
        if isinstance(value, Node):
            value = self._node(value)
        elif isinstance(value, KerasObject):
            kwargs = {k: self._expr(e) for k, e in value.kwargs.items()}
            value = replace(value, args=tuple(self._expr(e) for e in value.args), kwargs=kwargs)
        return Expr(self._text(expr.text), value)

    def _shape(self, dims: Shape | None) -> Shape | None:
        return None if dims is None else tuple(self._expr(d) for d in dims)

    def _node(self, n: Node) -> Node:
        args: Mapping[str, Expr] = {k: self._expr(e) for k, e in n.args.items()}
        inputs, shapes = tuple(map(self._shape, n.input_shapes)), tuple(map(self._shape, n.shapes))
        return replace(n, args=args, input_shapes=inputs, shapes=shapes)


def parameters(definition: str, home: Frame) -> list[str]:
    """The names that a class reads and that only the function around its construction binds.

    Of the module's own: those that a method changes, as `width *= 2` in a loop does.
    """
    tree = ast.parse(definition)
    names: list[str] = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for name in _free(function):
            given = _local(name, home) if home.parent is not None else name in home.names and _binds(function, name)
            if name not in names and given:
                names.append(name)
    own = list(home.arguments)  # in the order of the function's own parameters, then its variables
    return sorted(names, key=lambda n: own.index(n) if n in own else len(own))


def _free(function: ast.FunctionDef) -> list[str]:
    """The names that a function reads before it binds them, in the order of the text."""
    bound = {a.arg for a in function.args.args}
    free: list[str] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            visit(ast.Name(node.target.id, ast.Load()))
        for child in _in_order(node):
            visit(child)
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                bound.add(node.id)
            elif node.id not in bound and node.id not in free:
                free.append(node.id)

    for statement in function.body:
        visit(statement)
    return free


def _binds(function: ast.FunctionDef, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(function))


def _in_order(node: ast.AST) -> list[ast.AST]:
    """The parts of a node in the order in which they are evaluated: what is assigned comes last."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.iter, node.target, *node.body, *node.orelse]
    if isinstance(node, ast.comprehension):
        return [node.iter, node.target, *node.ifs]
    if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
        return [*node.generators, node.elt]
    if isinstance(node, ast.DictComp):
        return [*node.generators, node.key, node.value]
    if isinstance(node, ast.Assign):
        return [node.value, *node.targets]
    if isinstance(node, ast.Lambda):
        return [node.args, node.body]
    return list(ast.iter_child_nodes(node))


def _local(name: str, home: Frame) -> bool:
    scope: Frame | None = home
    while scope is not None and scope.parent is not None:
        if name in scope.names:
            return True
        scope = scope.parent
    return False
