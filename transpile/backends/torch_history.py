"""What `fit` returns: a dict of lists, and `history.history[...]` becomes `history[...]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import libcst as cst
from libcst import matchers

from transpile.frontends.keras_training import Use
from transpile.frontends.sites import Sites
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import ModelValue
from transpile.source import Source
from transpile.splice import Output
from transpile.training_ir import Fit

Scope = cst.FunctionDef | None
_HERE = "__HISTORY__"


@dataclass(frozen=True)
class Form:
    """How the result of `fit` is used: the variable that holds it, or that it is returned.

    `bare`: the variable holds the dict itself (`fit(...).history`). `around`: the rest of a
    statement in which the call stands, with a HISTORY in its place.
    """

    history: str = ""
    returned: bool = False
    bare: bool = False
    around: str = ""

    @property
    def needed(self) -> bool:
        return self.returned or bool(self.around)

    def after(self, history: str) -> list[str]:
        """What follows the loop."""
        if self.around:
            return [self.around.replace(_HERE, history)]
        return [f"return {history}"] if self.returned else []


@dataclass(frozen=True)
class _Variable:
    text: str
    scope: Scope
    start: str


class Histories:
    """The variables that hold histories, followed through the file."""

    def __init__(self, sites: Sites, interpreter: Interpreter, output: Output) -> None:
        self.sites, self.source, self.output = sites, interpreter.source, output
        self.read = interpreter.history_uses
        self.of_models = {
            u.node: u for u in interpreter.attribute_uses.values()
            if u.node.attr.value == "history" and all(isinstance(t, ModelValue) for t in u.targets)
        }  # fmt: skip
        self._kept: dict[cst.CSTNode, set[str]] = {}  # under which names `model.history` is kept
        self._starts: dict[cst.Call, str] = {}
        self.variables: list[_Variable] = []
        self._seen: set[tuple[str, Scope]] = set()

    def namer(self, scope: Scope) -> Callable[[str], str]:
        """A function that makes names free in a scope; equal wishes get equal names."""
        taken = self.sites.taken(scope)

        def name(wish: str) -> str:
            free = wish
            while free in taken:
                free = f"torch_{free}" if not free.endswith("_") else free
            return free

        return name

    def form(self, call: cst.Call, statement: cst.SimpleStatementLine | None) -> Form | None:
        """How the statement uses the result; None where it cannot become a loop."""
        if statement is None or len(statement.body) != 1:
            return None
        small = statement.body[0]
        bare = False
        value: cst.BaseExpression = call
        outer = self.sites.parents.get(call)
        if isinstance(outer, cst.Attribute) and outer.attr.value == "history":
            bare, value = True, outer
        match small:
            case cst.Expr(value=inner) if inner is value:
                return Form()
            case cst.Assign(targets=[cst.AssignTarget(target=target)], value=inner) if inner is value:
                if isinstance(target, cst.Name | cst.Attribute):
                    return Form(self.source.code(target), bare=bare)
            case cst.Return(value=inner) if inner is value:
                return Form(returned=True, bare=bare)
        if not self._is_first(value, small) or not (bare or self._is_followed(call)):
            return None
        around = small.deep_replace(value, cst.Name(_HERE))
        return Form(bare=bare, around=self.source.tree.code_for_node(around))

    def _is_first(self, value: cst.BaseExpression, statement: cst.BaseSmallStatement) -> bool:
        """Whether a statement does nothing before an expression that is part of it, and computes that always."""
        start, above = self.source.span(value).start, list(self.sites.above(value))
        if any(isinstance(n, cst.IfExp | cst.BooleanOperation | cst.Comparison) for n in above):
            return False
        calls = matchers.findall(statement, matchers.Call())
        return all(c in above or self.source.span(c).start >= start for c in calls)

    def _is_followed(self, call: cst.Call) -> bool:
        """Whether it is seen where what `fit` returns is read."""
        return any(h.call is call for _, histories in self.read.values() for h in histories)

    def asked(self, use: Use, fits: Iterable[Use]) -> list[cst.CSTNode]:
        """Where the program reads `model.history` and sees what a training keeps."""
        others = [u for u in fits if u is not use and set(u.models) & set(use.models)]
        scope = self.sites.function(use.call)
        if any(self.sites.function(u.call) is not scope for u in others):
            return []
        return [
            n for n, found in self.of_models.items()
            if self.sites.function(n) is scope and all(t in use.models for t in found.targets)
        ]  # fmt: skip

    def add(self, text: str, use: Use, form: Form, asked: Iterable[cst.CSTNode] = ()) -> None:
        """A history in a variable, which the places of `asked` read, too."""
        fit, scope = use.record, self.sites.function(use.call)
        assert isinstance(fit, Fit)
        start = fit.initial_epoch.text if fit.initial_epoch.value != 0 else ""
        self._starts[use.call] = start
        for node in asked:
            self._kept.setdefault(node, set()).add(text)
        if form.bare or form.around:
            return
        if form.returned:
            self._through_calls(scope, start)
        else:
            self._follow(text, scope, start)

    def _follow(self, text: str, scope: Scope, start: str) -> None:
        if (text, scope) in self._seen:
            return
        self._seen.add((text, scope))
        self.variables.append(_Variable(text, scope, start))
        for node in self._uses(text, scope):
            self._flow(node, scope, start)

    def _flow(self, node: cst.CSTNode, scope: Scope, start: str) -> None:
        """Where the object goes: to a function of the user's, to the caller, to another name."""
        parent = self.sites.parents.get(node)
        match parent:
            case cst.Return():
                self._through_calls(scope, start)
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=other))]):
                self._follow(other, scope, start)
            case cst.Arg():
                self._into(parent, start)
            case cst.Element():
                container = self.sites.parents.get(parent)
                if isinstance(container, cst.Tuple) and isinstance(self.sites.parents.get(container), cst.Return):
                    self._through_calls(scope, start, list(container.elements).index(parent))

    def _into(self, arg: cst.Arg, start: str) -> None:
        call = self.sites.parents.get(arg)
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Name):
            return
        function = self._function(call.func.value)
        if function is None:
            return
        params = [p.name.value for p in (*function.params.posonly_params, *function.params.params)]
        if arg.keyword is not None:
            self._follow(arg.keyword.value, function, start)
        elif list(call.args).index(arg) < len(params):
            self._follow(params[list(call.args).index(arg)], function, start)

    def _function(self, name: str) -> cst.FunctionDef | None:
        for statement in self.source.tree.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value == name:
                return statement
        return None

    def _through_calls(self, scope: Scope, start: str, position: int | None = None) -> None:
        """The variables that hold what a function returns."""
        if scope is None:
            return
        finder = _Calls(scope.name.value)
        self.source.tree.visit(finder)
        for call in finder.found:
            parent = self.sites.parents.get(call)
            there = self.sites.function(call)
            if not isinstance(parent, cst.Assign) or len(parent.targets) != 1:
                if isinstance(parent, cst.Return):
                    self._through_calls(there, start, position)
                continue
            target = parent.targets[0].target
            if position is not None:
                if isinstance(target, cst.Tuple) and position < len(target.elements):
                    self._follow(self.source.code(target.elements[position].value), there, start)
            elif isinstance(target, cst.Name | cst.Attribute):
                self._follow(self.source.code(target), there, start)

    def _uses(self, text: str, scope: Scope) -> list[cst.CSTNode]:
        """Where the variable is read."""
        finder = _Texts(text, self.source, self.sites, scope)
        self.source.tree.visit(finder)
        return finder.found

    def rewrite(self) -> None:
        """Edits every use of every history."""
        for node, histories in self.read.values():
            starts = {self._starts.get(h.call) for h in histories}
            held = self._held(node.value)
            if len(starts) == 1 and held and (start := starts.pop()) is not None:
                self._edit(node.value, _Variable(held, None, start))
        for variable in self.variables:
            for place in self._uses(variable.text, variable.scope):
                self._edit(place, variable)
        for kept in self._kept:
            if (held := self._held(kept)) and not self._is_done(kept):
                self.output.edit(self.source.span(kept), self.sites.quoted(kept, held))

    def _held(self, node: cst.CSTNode) -> str:
        """The text that gives a history where the program's expression gave one."""
        if node not in self.of_models:
            return self.source.code(node)
        kept = self._kept.get(node, set())
        return next(iter(kept)) if len(kept) == 1 else ""

    def _is_done(self, node: cst.CSTNode) -> bool:
        span = self.source.span(node)
        return any(e.start <= span.start and span.end <= e.end for e in self.output.edits)

    def _edit(self, node: cst.CSTNode, variable: _Variable) -> None:
        if self._is_done(node):
            return
        parent = self.sites.parents.get(node)
        if not isinstance(parent, cst.Attribute) or parent.value is not node:
            if isinstance(parent, cst.FormattedStringExpression | cst.Subscript):
                self._report(node)
            return
        span = self.source.span(parent)
        if any(c.start <= span.start and span.end <= c.end for c in self.output.claimed):
            return
        if parent.attr.value == "history":
            self.output.edit(span, variable.text)
        elif parent.attr.value == "epoch":
            count = f'len({variable.text}["loss"])'
            text = f"list(range({count}))"
            if variable.start:
                text = f"list(range({variable.start}, {variable.start} + {count}))"
            outer = self.sites.parents.get(parent)
            call = self.sites.parents.get(outer) if isinstance(outer, cst.Arg) else None
            if isinstance(call, cst.Call) and self.source.code(call.func) == "len":
                span, text = self.source.span(call), count
            self.output.edit(span, self.sites.quoted(node, text))
        else:
            self._report(parent)

    def _report(self, node: cst.CSTNode) -> None:
        text = self.source.code(node)
        self.output.report("K2T134", self.source.span(node), f"{text} is not known: the history is a dict of lists now")


class _Calls(cst.CSTVisitor):
    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[cst.Call] = []

    def visit_Call(self, node: cst.Call) -> None:
        func = node.func
        if (isinstance(func, cst.Name) and func.value == self.name) or (
            isinstance(func, cst.Attribute) and func.attr.value == self.name
        ):
            self.found.append(node)


class _Texts(cst.CSTVisitor):
    """Reads of a variable or of an attribute such as `self.history`, in one scope."""

    def __init__(self, text: str, source: Source, sites: Sites, scope: Scope) -> None:
        self.text, self.source, self.sites, self.scope = text, source, sites, scope
        self.found: list[cst.CSTNode] = []

    def _is_here(self, node: cst.CSTNode) -> bool:
        if "." in self.text:
            return True
        there = self.sites.function(node)
        if there is self.scope:
            return True
        return self.scope is None and self.text not in self.sites.bound(there)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return self.source.code(node.target) != self.text

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Param(self, node: cst.Param) -> bool:
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        if self.source.code(node) == self.text and self._is_here(node):
            self.found.append(node)
            return False
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value == self.text and self._is_here(node):
            self.found.append(node)
