"""Where criterion and optimizer are to be made, and under which names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import libcst as cst

from transpile.frontends.keras_training import Reading, Use
from transpile.frontends.sites import Sites
from transpile.source import Source


@dataclass(frozen=True, eq=False)
class Home:
    """Where a `compile` comes out.

    here: in its place. after: behind the statement that gets the model from the function that
    compiles it. before: in front of the statement that trains. attribute: in its place, the
    optimizer as an attribute of the model, which is trained elsewhere; the criterion then
    stands before the function. `model` is the text of the model there.
    """

    mode: Literal["here", "after", "before", "attribute"]
    statement: cst.SimpleStatementLine
    model: str
    criterion: str
    optimizer: str

    def optimizer_of(self, model: str) -> str:
        """The optimizer, where the model goes by another name."""
        return f"{model}.optimizer" if self.mode == "attribute" else self.optimizer


def receiver(use: Use, source: Source) -> str:
    """The text of the model that a method is called on."""
    func = use.call.func
    return source.code(func.value) if isinstance(func, cst.Attribute) else ""


def places(compiled: Use, reading: Reading, names: Names) -> Iterator[Home]:
    """Where criterion and optimizer can be made, the best place first."""
    sites, source = reading.sites, reading.source
    statement = sites.statement(compiled.call)
    if statement is None or len(statement.body) != 1 or not isinstance(statement.body[0], cst.Expr):
        return
    model = receiver(compiled, source)
    users = reading.governed(compiled)
    scope = sites.function(compiled.call)
    if all(_sees(sites, scope, model, u, source) for u in users) and (users or scope is None):
        yield Home("here", statement, model, *names.pair(model, scope))
        return
    hoisted = _hoisted(users, reading, names, compiled) if users else None
    if hoisted is not None:
        yield hoisted
    yield Home("attribute", statement, model, "criterion", f"{model}.optimizer")


def _sees(sites: Sites, scope: cst.FunctionDef | None, model: str, use: Use, source: Source) -> bool:
    """Whether a variable made where `compile` stands can be read where the model is used."""
    there = sites.function(use.call)
    if there is scope:
        return receiver(use, source) == model
    if model.startswith("self.") and receiver(use, source) == model:
        return sites.owner(use.call) is not None
    return scope is None and receiver(use, source) == model


def _hoisted(users: list[Use], reading: Reading, names: Names, compiled: Use) -> Home | None:
    """Behind `model = build_model()`, else before the only use."""
    sites, source = reading.sites, reading.source
    texts = {receiver(u, source) for u in users}
    scopes = {sites.function(u.call) for u in users}
    if len(texts) != 1:
        return None
    model, first = texts.pop(), users[0]
    if len(scopes) == 1 or model.startswith("self."):
        found = _assignments(model, reading, first)
        if len(found) == 1:
            scope = sites.function(found[0])
            return Home("after", found[0], model, *names.pair(model, scope))
    if len(users) == 1 and len(scopes) == 1:
        statement = sites.statement(first.call)
        if statement is not None and _runs_once(first, sites):
            return Home("before", statement, model, *names.pair(model, scopes.pop()))
    return None


def _runs_once(use: Use, sites: Sites) -> bool:
    """Whether a statement trains once: a second time would go on with the optimizer that there is."""
    site = use.first.frame.site
    return len(use.events) == 1 and not sites.loops(use.call) and (site is None or not sites.loops(site))


def _assignments(model: str, reading: Reading, use: Use) -> list[cst.SimpleStatementLine]:
    """The statements `model = f(...)` that the use can see."""
    finder = _Finder(model, reading.source)
    reading.source.tree.visit(finder)
    sites = reading.sites
    scope, owner = sites.function(use.call), sites.owner(use.call)
    if model.startswith("self."):
        return [s for s in finder.found if sites.owner(s) is owner]
    return [s for s in finder.found if sites.function(s) is scope]


class _Finder(cst.CSTVisitor):
    def __init__(self, target: str, source: Source) -> None:
        self.target, self.source = target, source
        self.found: list[cst.SimpleStatementLine] = []

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        for small in node.body:
            if not isinstance(small, cst.Assign) or not isinstance(small.value, cst.Call):
                continue
            targets = [t.target for t in small.targets]
            flat = [e.value for t in targets if isinstance(t, cst.Tuple) for e in t.elements] + targets
            if any(self.source.code(t) == self.target for t in flat):
                self.found.append(node)


class Names:
    """Names for criterion and optimizer: plain while one model is trained in a scope."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._receivers: dict[cst.FunctionDef | None, set[str]] = {}
        for compiled in (u for u in reading.uses if u.kind == "compile"):
            own = reading.sites.function(compiled.call)
            users = [u for u in reading.governed(compiled) if reading.sites.function(u.call) is not own]
            for use in (compiled, *users):
                scope = reading.sites.function(use.call)
                self._receivers.setdefault(scope, set()).add(receiver(use, reading.source))

    def pair(self, model: str, scope: cst.FunctionDef | None) -> tuple[str, str]:
        """The names of criterion and optimizer."""
        own = "self." if model.startswith("self.") else ""
        there = self._receivers.get(scope, set())
        stem = ""
        if len(there) > 1:
            stem = re.sub(r"\W+", "_", model.removeprefix("self.")).strip("_") + "_"
        return own + self._free(stem + "criterion", own, scope), own + self._free(stem + "optimizer", own, scope)

    def _free(self, name: str, own: str, scope: cst.FunctionDef | None) -> str:
        if own:
            return name
        taken = self.reading.sites.taken(scope)
        while name in taken:
            name = f"torch_{name}"
        return name
