"""Attributes that a program sets on a module (`tf.model = ...`): variables of its own, to those who look for them."""

from __future__ import annotations

import ast


def as_variables(tree: ast.Module) -> dict[str, str]:
    """Puts a variable in the place of each such attribute; attribute -> variable."""
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.Import)]
    modules = {a.asname or a.name for n in imports for a in n.names}
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id=module), attr=name)]) if module in modules:
                names[f"{module}.{name}"] = f"{module}_{name}"
    taken = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if taken & set(names.values()):
        return {}
    _Variables(names).visit(tree)
    return names


class _Variables(ast.NodeTransformer):
    """Names in the place of attributes."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        variable = self.names.get(ast.unparse(node)) if isinstance(node.value, ast.Name) else None
        if variable is None:
            self.generic_visit(node)
            return node
        return ast.copy_location(ast.Name(variable, node.ctx), node)
