"""Makes the imports of a Keras program mean the Keras that is at hand.

On Keras 3, `tensorflow.python.keras` is read as `tensorflow.keras`. On tf_keras, every spelling
(`keras`, `tensorflow.keras`, `tensorflow.python.keras`) is tf_keras, and the modules in which
Keras 2 kept its layers (`keras.layers.core`) are `layers`. On another backend than TensorFlow,
`tensorflow` is a module that has Keras alone. Names and places stay as they are.
"""

from __future__ import annotations

import ast
import re

_PREFIX = re.compile(r"(tensorflow\.python\.keras|tensorflow\.keras|keras)(?=\.|$)")
_OLD_HOMES = re.compile(
    r"(layers)\.(?:core|convolutional|pooling|normalization|embeddings|recurrent|wrappers|merge|"
    r"advanced_activations|noise|local|convolutional_recurrent)$|(utils)\.np_utils$"
)


WITHOUT = "transpile.verify.without_tensorflow"


def read_imports(tree: ast.Module, legacy: bool, tensorflow: bool = True) -> None:
    """Rewrites the import statements of the tree. `tensorflow`: Keras runs on it."""
    _Imports(legacy).visit(tree)
    if not tensorflow:
        _WithoutTensorFlow().visit(tree)


class _WithoutTensorFlow(ast.NodeTransformer):
    """`tensorflow.keras` is `keras`, what else is asked of `tensorflow` says that it is missing."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """`from tensorflow.keras import layers`, `from tensorflow import keras`"""
        if node.module == "tensorflow":
            node.module = WITHOUT
        elif node.module is not None and node.module.startswith("tensorflow.keras"):
            node.module = node.module.removeprefix("tensorflow.")
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.AST]:
        """`import tensorflow as tf`, `import tensorflow.keras as keras`"""
        result: list[ast.AST] = []
        for alias in node.names:
            root, _, rest = alias.name.partition(".")
            if root == "tensorflow" and (alias.asname is None or not rest):
                alias.name, alias.asname = WITHOUT, alias.asname or "tensorflow"
            elif root == "tensorflow" and rest.startswith("keras"):
                alias.name = rest
            result.append(ast.copy_location(ast.Import([alias]), node))
        return result


class _Imports(ast.NodeTransformer):
    def __init__(self, legacy: bool) -> None:
        self.legacy = legacy

    def home(self, name: str) -> str:
        """The module to import instead."""
        match = _PREFIX.match(name)
        if match is None:
            return name
        rest = name[match.end() :]
        if self.legacy:
            return "tf_keras" + _OLD_HOMES.sub(lambda m: m.group(1) or m.group(2), rest)
        return ("keras" if match.group(1) == "keras" else "tensorflow.keras") + rest

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.AST]:
        """`from a.b import c`"""
        if not node.module or node.level:
            return node
        if node.module == "tensorflow.python" and any(a.name == "keras" for a in node.names):
            node.module = "tensorflow"
        if self.legacy and node.module == "tensorflow":
            return self.split(node)
        node.module = self.home(node.module)
        return node

    def split(self, node: ast.ImportFrom) -> list[ast.AST]:
        """`from tensorflow import keras, data`: the first is tf_keras."""
        keras = [a for a in node.names if a.name == "keras"]
        node.names = [a for a in node.names if a.name != "keras"]
        result: list[ast.AST] = [node] if node.names else []
        for alias in keras:
            new = ast.copy_location(ast.alias("tf_keras", alias.asname or "keras"), alias)
            result.append(ast.copy_location(ast.Import([new]), node))
        return result

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """`import a.b`, which binds `a`, or `import a.b as c`"""
        for alias in node.names:
            home = self.home(alias.name)
            if alias.asname is None and self.legacy and alias.name.startswith("keras"):
                alias.name, alias.asname = "tf_keras", "keras"  # submodules come along
            elif alias.asname is not None:
                alias.name = home
        return node
