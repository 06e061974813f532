"""Initial values that a program sets itself, as initialisers of the layers."""

from __future__ import annotations

import ast

from transpile.backends.body_modules import Uses
from transpile.backends.body_statements import Walker
from transpile.frontends.torch_program import Program


class Rules:
    """What the statements about initial values say, for the modules that they concern."""

    def __init__(self, program: Program, uses: Uses) -> None:
        self.program, self.uses = program, uses

    def settle(self) -> None:
        """Tells the modules their initialisers."""


class InitialWalker(Walker):
    """Adds statements with nn.init to the walker."""

    rules: Rules

    def configure(self, uses: Uses, style: str, rules: Rules, final: bool) -> None:
        self.uses, self.style, self.rules, self.final = uses, style, rules, final

    def initialises(self, node: ast.Expr) -> bool:
        return False
