"""Models that a program keeps as attributes of the framework: `tf.model = tf.keras.Sequential()`.

TensorFlow has no such attribute: it is a variable of the program's own, and is converted as one.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from transpile.frontends.rewritten import Rewritten
from transpile.ir import Edit
from transpile.references import References
from transpile.result import Result
from transpile.source import Source

_MODELS = frozenset({"Sequential", "Model"})


class ModuleAttributes(Rewritten):
    """The program of a source with plain variables for such attributes."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._own: dict[str, str] = {}  # variable -> attribute
        if any(f"{module}." in source.text for module in source.imports.names):
            self._find(ast.parse(source.text))
        if self._own:
            self.rewrite(self._edits())

    def _find(self, tree: ast.Module) -> None:
        """Attributes that module-level statements of the program set to a model."""
        inside = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.Lambda) for n in ast.walk(f)}
        strings = {id(n) for s in ast.walk(tree) if isinstance(s, ast.JoinedStr) for n in ast.walk(s)}
        for node in ast.walk(tree):
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=module), attr=name)],
                    value=ast.Call(func=ast.Attribute(attr=made) | ast.Name(id=made)),
                ) if made in _MODELS and self.source.imports.names.get(module) in ("tf", "tensorflow", "keras"):
                    self._own[name] = f"{module}.{name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and self._own.get(node.attr) == ast.unparse(node):
                stored = isinstance(node.ctx, ast.Store) and id(node) in inside
                if stored or id(node) in strings:
                    self._own.pop(node.attr, None)  # a place at which it cannot be a variable
        for name in self._own.keys() & self.source.taken_names:
            del self._own[name]

    def _edits(self) -> list[Edit]:
        references = References(self.source.text)
        return [
            Edit(references.start(n), references.end(n), n.attr)
            for n in ast.walk(references.tree)
            if isinstance(n, ast.Attribute) and self._own.get(n.attr) == ast.unparse(n)
        ]

    def restore(self, result: Result) -> Result:
        """The result with the places and the names of the source."""
        found = super().restore(result)
        return replace(found, models=tuple(replace(m, keras=self._own.get(m.keras, m.keras)) for m in found.models))
