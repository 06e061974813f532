"""The steps of training: which backward passes feed which `optimizer.step()`, and from where.

The region of a step runs from the first statement that the losses depend on through the
weights of the optimizer to the last backward pass: what a gradient tape must record.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_leaves import Leaves
from transpile.frontends.torch_owned import owned_models, parameters_of
from transpile.frontends.torch_slices import Slices
from transpile.frontends.torch_weight_loops import weight_loops
from transpile.scopes import blocks

_LOOP = ast.For | ast.While


@dataclass(eq=False)
class Region:
    """Statements `first` to `last` of one block, both included.

    `alone`: it is nothing but the backward pass, as in `criterion(model(x), y).backward()`.
    """

    block: list[ast.stmt]
    first: int
    last: int
    alone: bool = False

    @property
    def statements(self) -> list[ast.stmt]:
        return self.block[self.first : self.last + 1]


@dataclass(eq=False)
class Step:
    """One `optimizer.step()`, with the backward passes whose gradients it takes.

    `accumulates`: the gradients of several rounds of the loop are added up. `problem` says why the
    step cannot be translated.
    """

    statement: ast.stmt
    optimizer: ast.expr
    backwards: list[ast.Expr] = field(default_factory=list)
    zeros: list[ast.stmt] = field(default_factory=list)
    clips: list[ast.stmt] = field(default_factory=list)
    region: Region | None = None
    accumulates: bool = False
    problem: str = ""


def calls_method(statement: ast.AST, *names: str) -> ast.Attribute | None:
    """`x.name(...)` as a statement of its own (its value may be assigned)."""
    match statement:
        case (
            ast.Expr(value=ast.Call(func=ast.Attribute(attr=attr) as function))
            | ast.Assign(value=ast.Call(func=ast.Attribute(attr=attr) as function))
        ) if attr in names:
            return function
    return None


def loss_of(backward: ast.Expr) -> ast.expr:
    """What `loss.backward()` is called on, or `scaler.scale(loss).backward()`: scaling undoes itself."""
    function = calls_method(backward, "backward")
    assert function is not None
    match function.value:
        case ast.Call(func=ast.Attribute(attr="scale"), args=[loss], keywords=[]):
            return loss
    return function.value


class Steps:
    """Finds the steps of a file."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.references = kinds.references
        self.leaves = Leaves(kinds)
        self.loops = weight_loops(kinds)
        self.slices = Slices(kinds, self.leaves)
        self.steps: list[Step] = []
        for statement in self._statements():
            function = calls_method(statement, "step")
            optimizer = self._stepped(statement, function) if function is not None else None
            if optimizer is not None:
                self.steps.append(self._read(statement, optimizer))
        self.backwards = [s for s in self._statements() if calls_method(s, "backward")]

    def _statements(self) -> Iterator[ast.stmt]:
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.stmt):
                yield node

    def _stepped(self, statement: ast.stmt, function: ast.Attribute) -> ast.expr | None:
        """The optimizer of `optimizer.step()`, or of `scaler.step(optimizer)`; None for other calls."""
        match statement:
            case ast.Expr(value=ast.Call(args=[optimizer], keywords=[])) if (
                self.kinds.of(function.value).name == "scaler"
            ):
                return optimizer if self._is_optimizer(optimizer) else None
        return function.value if self._is_optimizer(function.value) else None

    def _is_optimizer(self, node: ast.expr) -> bool:
        kind = self.kinds.of(node)
        if kind.name == "optimizer":
            return True
        text = self.kinds.code(node).lower()
        return not kind and ("optim" in text or text.rpartition(".")[2] in ("opt", "optg", "optd", "opt_g", "opt_d"))

    # One step

    def _read(self, statement: ast.stmt, optimizer: ast.expr) -> Step:
        step = Step(statement, optimizer)
        call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        scaled = isinstance(call, ast.Call) and call.args[:1] == [optimizer]
        if isinstance(call, ast.Call) and (call.args or call.keywords) and not scaled:
            step.problem = "the optimizer takes a closure"
            return step
        models = owned_models(self.kinds, optimizer)
        if isinstance(parameters_of(self.kinds, optimizer), ast.List | ast.Tuple):
            tensors = {leaf.name for leaf in self.leaves.all}
            models = models if set(models) <= tensors else []  # [x]: an image, say; any model may feed the loss
        self._gather(step, models)
        if not step.backwards:
            step.problem = "the backward pass of this step was not found"
        else:
            self._place(step, models)
        return step

    def _gather(self, step: Step, models: list[str]) -> None:
        """Backward passes and clipping before the step, back to where gradients were cleared."""
        name = self.kinds.code(step.optimizer)
        here: ast.AST = step.statement
        found_zero = False
        while not isinstance(here, FUNCTION | ast.Module | ast.Lambda) and not found_zero:
            parent = self.references.parents[here]
            block = next((b for b in blocks(parent) if here in b), [])
            for earlier in reversed(block[: block.index(here)] if here in block else []):
                if self._clears(earlier, name, models):
                    step.zeros.append(earlier)
                    found_zero = True
                    break
                self._consider(earlier, step, models)
            if isinstance(parent, _LOOP):
                break
            here = parent
        if not found_zero:
            self._clears_after(step, name, models)
        step.backwards.reverse()

    def _clears_after(self, step: Step, name: str, models: list[str]) -> None:
        """Gradients cleared behind the step; where the step is conditional, they accumulate."""
        parent = self.references.parents[step.statement]
        block = next((b for b in blocks(parent) if step.statement in b), [])
        for later in block[block.index(step.statement) + 1 :]:
            if self._clears(later, name, models):
                step.zeros.append(later)
        outside = [b for b in step.backwards if b not in block]
        conditional = isinstance(parent, ast.If) and bool(outside)
        step.accumulates = conditional or any(self._in_inner_loop(b, step) for b in step.backwards)
        if not step.zeros and not step.accumulates:
            if any(self._clears(s, name, models) for s in self._statements()):
                step.accumulates = True
            else:
                step.problem = "gradients are never cleared, so they accumulate from step to step"

    def _in_inner_loop(self, backward: ast.stmt, step: Step) -> bool:
        outer = set(self.references.around(step.statement))
        return any(isinstance(a, _LOOP) and a not in outer for a in self.references.around(backward))

    def _clears(self, statement: ast.stmt, optimizer: str, models: list[str]) -> bool:
        function = calls_method(statement, "zero_grad")
        if function is not None:
            text = self.kinds.code(function.value)
            return text == optimizer or text in models or any(m.startswith(f"{text}.") for m in models)
        match statement:
            case ast.Expr(value=ast.Call(args=[]) as call) if called := self.kinds.called_function(call):
                return any(self._clears(s, optimizer, models) for s in called.body)
            case ast.Assign(targets=[ast.Attribute(attr="grad")]):
                return False
        return False

    def _consider(self, statement: ast.stmt, step: Step, models: list[str]) -> None:
        for inner in reversed([statement, *(s for s in ast.walk(statement) if isinstance(s, ast.stmt))]):
            if inner in step.backwards or isinstance(inner, FUNCTION):
                continue
            backward = calls_method(inner, "backward")
            if backward is not None and isinstance(inner, ast.Expr):
                if self.slices.reaches(inner, loss_of(inner), models):
                    step.backwards.append(inner)
                    if inner is not statement and self._in_inner_loop(inner, step):
                        step.accumulates = True
            elif self._clips(inner):
                step.clips.append(inner)

    def _clips(self, statement: ast.stmt) -> bool:
        match statement:
            case ast.Expr(value=ast.Call(func=function)) | ast.Assign(value=ast.Call(func=function)):
                name = self.kinds.path(function).rpartition(".")[2]
                return name in ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm")
        return False

    def _place(self, step: Step, models: list[str]) -> None:
        """The region that the tape of a step records."""
        needed: set[ast.stmt] = set()
        for backward in step.backwards:
            needed |= self.slices.differentiable(backward, loss_of(backward), models)
        if not needed:
            step.problem = "it is not clear where the loss is computed"
            return
        step.region = self.region(needed, step.backwards)
        if step.region is None:
            step.problem = "the loss is computed outside of the loop that holds its backward pass"

    def region(self, needed: set[ast.stmt], ends: list[ast.Expr]) -> Region | None:
        """The smallest run of statements of one block that holds `needed`, up to `ends`."""
        chains = [self._chain(s) for s in (*needed, *ends)]
        common: list[ast.stmt] | None = None
        for block, _ in chains[0]:
            if all(any(b is block for b, _ in chain) for chain in chains):
                common = block
                break
        if common is None:
            return None
        places = [next(i for b, i in chain if b is common) for chain in chains]
        first = min(places[: len(needed)])
        last = max(places[: len(needed)])
        if common[last] in ends:
            last -= 1
        if first > last:
            return Region(common, first, first, alone=True) if len(ends) == 1 else None
        return Region(common, first, last)

    def _chain(self, statement: ast.stmt) -> list[tuple[list[ast.stmt], int]]:
        """The blocks around a statement, inside out, with its place in each."""
        found = []
        here: ast.AST = statement
        while here in self.references.parents and not isinstance(here, FUNCTION):
            parent = self.references.parents[here]
            for block in blocks(parent):
                if here in block:
                    found.append((block, block.index(here)))
            here = parent
        return found
