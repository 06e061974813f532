"""What a class must be given: the names of the function in which its model is built."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace

from transpile.interpret.values import Frame, KerasObject
from transpile.ir import Expr, Model, Node, Shape, Statement


def lift(model: Model, home: Frame) -> tuple[Model, dict[str, str]]:
    """`self.units` of the user's class as a parameter `units`: the model, and name -> text."""
    function = home.function
    params = function.node.params.params if function is not None else ()
    owner = params[0].name.value if params else ""
    if owner not in ("self", "cls"):
        return model, {}
    found: dict[str, str] = {}

    def text(expr: Expr) -> Expr:
        def rename(match: re.Match[str]) -> str:
            found[match.group(1)] = match.group(0)
            return match.group(1)

        value = expr.value
        if isinstance(value, Node):
            value = node(value)
        elif isinstance(value, KerasObject):
            kwargs = {k: text(e) for k, e in value.kwargs.items()}
            value = replace(value, args=tuple(text(e) for e in value.args), kwargs=kwargs)
        return Expr(re.sub(rf"\b{owner}\.([A-Za-z_]\w*)(?!\w*\()", rename, expr.text), value)

    def shape(dims: Shape | None) -> Shape | None:
        return None if dims is None else tuple(text(d) for d in dims)

    def node(n: Node) -> Node:
        args: Mapping[str, Expr] = {k: text(e) for k, e in n.args.items()}
        inputs, shapes = tuple(map(shape, n.input_shapes)), tuple(map(shape, n.shapes))
        return replace(n, args=args, input_shapes=inputs, shapes=shapes)

    body: tuple[Statement, ...] = tuple(node(s) if isinstance(s, Node) else s for s in model.body)
    lifted = replace(model, body=body)
    return lifted, found


def parameters(definition: str, home: Frame) -> list[str]:
    """The names that a class reads and that only the function around its construction binds."""
    if home.parent is None:
        return []
    tree = ast.parse(definition)
    names: list[str] = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        bound = {a.arg for a in function.args.args}
        bound |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        loads = [n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
        for name in sorted(loads, key=lambda n: (n.lineno, n.col_offset)):
            if name.id not in bound and name.id not in names and _local(name.id, home):
                names.append(name.id)
    return names


def _local(name: str, home: Frame) -> bool:
    scope: Frame | None = home
    while scope is not None and scope.parent is not None:
        if name in scope.names:
            return True
        scope = scope.parent
    return False
