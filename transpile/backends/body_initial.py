"""The walker that leaves out the statements about initial values: the layers have them."""

from __future__ import annotations

import ast

from transpile.backends.body_flow import Walker
from transpile.backends.body_uses import Uses
from transpile.frontends.torch_initial_drops import Initial
from transpile.frontends.torch_program import FunctionInfo
from transpile.ir import Edit


class InitialWalker(Walker):
    """A walker that knows which statements are gone."""

    initial: Initial

    def configure(self, uses: Uses, style: str, initial: Initial, final: bool) -> None:
        self.uses, self.style, self.initial, self.final = uses, style, initial, final

    def child(self, info: FunctionInfo) -> InitialWalker:
        inner = super().child(info)
        assert isinstance(inner, InitialWalker)
        inner.configure(self.uses, self.style, self.initial, self.final)
        return inner

    def statement(self, node: ast.stmt) -> None:
        if id(node) in self.initial.gone:
            self.edits.append(
                Edit(self.references.start(node), self.references.end(node), self.initial.instead.get(id(node), ""))
            )
            return
        super().statement(node)
