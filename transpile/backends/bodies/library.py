"""Every function and method that code bodies convert: importing this registers them all."""

from transpile.backends.bodies import arrange, creation, draws, functions, losses, methods, scatter, special

__all__ = ["arrange", "creation", "draws", "functions", "losses", "methods", "scatter", "special"]
