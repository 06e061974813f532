"""How the modules of a file are used: what all its readings find out about each call that makes one."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.torch_values import Rank

Calls = dict[int, tuple[int, tuple[str, ...]]]


class Uses:
    """How each call that makes a module is used, by the call's node; kept over all readings."""

    def __init__(self) -> None:
        self.ranks: dict[int, Rank] = {}
        self.initial: dict[int, dict[str, str]] = {}
        self.late = False  # what earlier readings have not found out is not to be found out
        self.packed: set[str] = set()  # recurrent layers that get packed sequences
        # Of each name of a class or function: the calls that stay, by how many arguments and which names.
        self.calls: dict[int, Calls] = {}
        self.grown: dict[int, str] = {}  # calls of nn.Sequential() that modules are added to: "always" or "maybe"
        self._partly: dict[tuple[int, int], ast.Call] = {}

    def rank(self, node: ast.expr) -> Rank:
        return self.ranks.setdefault(id(node), Rank())

    def see_call(self, named: ast.expr, node: ast.Call, names: Sequence[str]) -> None:
        """A call that stays of what a name stands for."""
        self.calls.setdefault(id(named), {})[id(node)] = (len(node.args), tuple(names))

    def call_with(self, node: ast.Call, named: ast.expr) -> ast.Call:
        """A call with what `functools.partial` gives in addition; the same object every time."""
        if not isinstance(named, ast.Call):
            return node
        keywords = [*node.keywords, *named.keywords]
        return self._partly.setdefault((id(node), id(named)), ast.Call(named.args[0], node.args, keywords))
