"""Every function and method that code bodies convert: importing this registers them all."""

from transpile.backends.bodies import (
    arrange,
    creation,
    draws,
    functions,
    losses,
    methods,
    scatter,
    spatial,
    special,
    variables,
)

__all__ = [
    "arrange", "creation", "draws", "functions", "losses", "methods", "scatter", "spatial", "special", "variables",
]  # fmt: skip
