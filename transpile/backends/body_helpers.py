"""Small functions and layers that a converted file gets where Keras has nothing."""

from __future__ import annotations

import ast
from functools import cache

from transpile.files import templates_dir


@cache
def helper_text(name: str) -> tuple[str, tuple[str, ...]]:
    """The definition, and the imports that it needs."""
    text = (templates_dir() / "keras" / "helpers" / f"{name}.py").read_text(encoding="utf-8")
    names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    imports = []
    for used, statement in (
        ("keras", "import keras"),
        ("layers", "from keras import layers"),
        ("ops", "from keras import ops"),
        ("np", "import numpy as np"),
        ("math", "import math"),
    ):
        if used in names:
            imports.append(statement)
    return text, tuple(imports)
