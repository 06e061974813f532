"""Schedulers of PyTorch as functions of how often they stepped; a step sets the learning rate.

PyTorch's formulas are recursive; these are their closed forms, which are equal.
https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.backends.keras_optimizers import by_torch_path
from transpile.backends.keras_rates import is_scheduler_class
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_owned import inside
from transpile.frontends.torch_variables import is_constant
from transpile.ir import Expr
from transpile.registry import equal, signature

_SIGNATURES = {
    "StepLR": "f(optimizer, step_size, gamma=0.1, last_epoch=-1)",
    "MultiStepLR": "f(optimizer, milestones, gamma=0.1, last_epoch=-1)",
    "ExponentialLR": "f(optimizer, gamma, last_epoch=-1)",
    "CosineAnnealingLR": "f(optimizer, T_max, eta_min=0, last_epoch=-1)",
    "CosineAnnealingWarmRestarts": "f(optimizer, T_0, T_mult=1, eta_min=0, last_epoch=-1)",
    "LambdaLR": "f(optimizer, lr_lambda, last_epoch=-1)",
    "MultiplicativeLR": "f(optimizer, lr_lambda, last_epoch=-1)",
    "PolynomialLR": "f(optimizer, total_iters=5, power=1.0, last_epoch=-1)",
    "LinearLR": "f(optimizer, start_factor=0.3333333333333333, end_factor=1.0, total_iters=5, last_epoch=-1)",
    "ConstantLR": "f(optimizer, factor=0.3333333333333333, total_iters=5, last_epoch=-1)",
}
# Those whose first rate is not the optimizer's.
_STARTS = ("LambdaLR", "LinearLR", "ConstantLR")


@dataclass(eq=False)
class Schedule:
    """A scheduler of the file: the statement that makes it, what it is called, its optimizer.

    `is_object`: it is more than a function of how often it stepped, an object that counts the steps itself.
    """

    statement: ast.Assign
    name: str
    optimizer: ast.expr
    call: ast.Call
    made: ast.Call  # the optimizer's
    steps: list[ast.Expr]
    is_object: bool = False


class Schedules:
    """Writes the schedulers of a file."""

    def __init__(self, e: ScriptExpressions) -> None:
        self.e = e
        self.plan = e.script.plan
        self.references = e.references
        self.found: list[Schedule] = []
        for node in ast.walk(self.references.tree):
            if (
                isinstance(node, ast.Assign)
                and e.kind(node.value).name == "scheduler"
                and not e.script.is_skipped(node)
            ):
                self._read(node)
        changing = [s.made for s in self.found]
        if any(_sets_rate(n) or is_scheduler_class(e, n) for n in ast.walk(self.references.tree)):
            nodes = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Call)]
            changing += [n for n in nodes if e.kind(n).name == "optimizer" and e.path(n.func)]
        for made in changing:
            e.rates[id(made)] = ("", True, "")

    def _read(self, node: ast.Assign) -> None:
        match node:
            case ast.Assign(
                targets=[ast.Name() | ast.Attribute() as target], value=ast.Call(args=[optimizer, *_]) as call
            ):
                made = self.e.kind(optimizer).node
                if isinstance(made, ast.Call) and self.e.kind(optimizer).name == "optimizer":
                    steps = [s for s in ast.walk(self.references.tree) if self._steps(s, call)]
                    found = Schedule(node, self.e.kinds.code(target), optimizer, call, made, steps)  # type: ignore[arg-type]
                    found.is_object = isinstance(target, ast.Attribute) or self._is_object(found)
                    self.found.append(found)
                    return
        self.e.script.report("T2K154", node, "the optimizer of this scheduler is not known")

    def _is_object(self, schedule: Schedule) -> bool:
        """Whether it steps where its maker's variables are not known, or is asked for more than its rate."""
        made = self.e.kinds.function_of(schedule.statement)
        if not isinstance(made, ast.Module) and any(self.e.kinds.function_of(s) is not made for s in schedule.steps):
            return True
        for node in ast.walk(self.references.tree):
            if (
                isinstance(node, ast.Attribute)
                and node.attr != "step"
                and self.e.kind(node.value).node is schedule.call
            ):
                first = self.references.parents.get(self.references.parents[node])
                if not isinstance(first, ast.Subscript):
                    return True
        return False

    def _steps(self, node: ast.AST, call: ast.Call) -> bool:
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=scheduler, attr="step"))):
                return self.e.kind(scheduler).node is call
        return False

    def write(self) -> None:
        """Rewrites every scheduler, or reports why it stays."""
        for schedule in self.found:
            problem = self.problem(schedule)
            if problem:
                self.e.script.report("T2K154", schedule.call, problem)
            elif self._class(schedule) == "ReduceLROnPlateau":
                self._plateau(schedule)
            else:
                self._write(schedule)

    def _class(self, schedule: Schedule) -> str:
        return self.e.path(schedule.call.func).rpartition(".")[2]

    def problem(self, schedule: Schedule) -> str:
        name = self._class(schedule)
        if name == "ReduceLROnPlateau":
            return ""
        if name not in _SIGNATURES:
            return f"{name} has no counterpart"
        given = self._arguments(schedule)
        if given is None or not equal(given["last_epoch"].value, -1):
            return f"{name} with these arguments has no counterpart"
        told = [bool(self._told(s)) for s in schedule.steps]
        if any(told) and (name == "MultiplicativeLR" or not all(told)):
            return "the scheduler is told the epoch at some of its steps"
        others = [s for s in self.found if s is not schedule and s.made is schedule.made]
        if others and not all(told):
            return "another scheduler changes the same rate"
        return ""

    def _told(self, step: ast.Expr) -> list[ast.expr]:
        """What a step is told: `scheduler.step(epoch)`."""
        assert isinstance(step.value, ast.Call)
        return [*step.value.args, *(k.value for k in step.value.keywords)]

    def _arguments(self, schedule: Schedule) -> dict[str, Expr] | None:
        given = self.e.arguments(schedule.call)
        if given is None:
            return None
        _, params = signature(_SIGNATURES[self._class(schedule)])
        bound = {n: e for n, e in params.items() if e is not None} | dict(zip(params, given[0])) | given[1]
        return bound if set(bound) <= {*params, "verbose"} else None

    def _plateau(self, schedule: Schedule) -> None:
        """Its own class, which is called as before."""
        self.e.needs((), ("reduce_lr_on_plateau",))
        given = [self.e.text(a) for a in schedule.call.args]
        given += [self.e.text(k) for k in schedule.call.keywords if k.arg != "verbose"]
        optimizer = self._optimizer_at(schedule, schedule.statement)
        text = f"{schedule.name} = ReduceLROnPlateau({', '.join([optimizer, *given[1:]])})"
        self.plan.rewrite(schedule.statement, text)

    def _write(self, schedule: Schedule) -> None:
        name = self._class(schedule)
        optimizer = self._optimizer_at(schedule, schedule.statement)
        if schedule.is_object:
            self.e.needs((), ("learning_rate_schedule",))
            self.e.scheduled.add(id(schedule.call))
            rate = f"lambda {self._parameters(schedule, 'step')}: {self.formula(schedule, 'step')}"
            self.plan.rewrite(schedule.statement, f"{schedule.name} = LearningRateSchedule({optimizer}, {rate})")
            return
        per_batch = any(self._is_per_batch(s, schedule) for s in schedule.steps)
        count = "step" if per_batch else "epoch"
        formula = self.formula(schedule, count)
        lines = [f"def {schedule.name}({self._parameters(schedule, count)}):", f"    return {formula}"]
        if name in _STARTS:
            lines += ["", f"{optimizer}.learning_rate = {schedule.name}(0)"]
        self.plan.rewrite(schedule.statement, *lines)
        self.plan.set_apart(schedule.statement)
        self.e.functions.add(schedule.name)
        for step in schedule.steps:
            self._step(schedule, step, per_batch)

    def formula(self, schedule: Schedule, count: str) -> str:
        """The learning rate as an expression of how often the scheduler has stepped."""
        given = self._arguments(schedule)
        assert given is not None
        text = _formula(self._class(schedule), given, self._initial_rate(schedule), count)
        restarts = ("warm_restarts",) if "warm_restarts(" in text else ()
        self.e.needs(("import math",) if "math." in text else (), restarts)
        return text

    def _parameters(self, schedule: Schedule, count: str) -> str:
        """Those of the function: the rate that the optimizer has now, too, where it has no lasting name here."""
        if self._initial_rate(schedule) != "base":
            return count
        return f"{count}, base=float({self._optimizer_at(schedule, schedule.statement)}.learning_rate)"

    def _is_lasting(self, schedule: Schedule, rate: ast.expr) -> bool:
        """Whether the names of a rate stand for the same wherever the function runs."""
        made = self.e.kinds.function_of(schedule.made)
        if isinstance(schedule.statement.targets, list) and not schedule.statement.targets:
            return True  # of a class of Lightning's: names are the model's
        here = self.e.kinds.function_of(schedule.statement)
        names = [n for n in ast.walk(rate) if isinstance(n, ast.Name)]
        same = made is here or isinstance(made, ast.Module)
        return not names or (same and all(is_constant(self.e.kinds, n) for n in names))

    def _initial_rate(self, schedule: Schedule) -> str:
        """The learning rate that the optimizer was made with; `base` where it has no lasting name."""
        given = [k.value for k in schedule.made.keywords if k.arg == "lr"] or schedule.made.args[1:2]
        if given and not self._is_lasting(schedule, given[0]):
            return "base"
        op = by_torch_path().get(self.e.path(schedule.made.func))
        for keyword in schedule.made.keywords:
            if keyword.arg == "lr":
                return _operand(self.e.text(keyword.value))
        if len(schedule.made.args) > 1:
            return _operand(self.e.text(schedule.made.args[1]))
        default = signature(op.torch)[1]["lr"] if op is not None else None
        return default.text if default is not None else "0.001"

    def _step(self, schedule: Schedule, step: ast.Expr, per_batch: bool) -> None:
        call = step.value
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        optimizer = self._optimizer_at(schedule, step)
        told = self._told(step)
        if told:
            count = self.e.text(told[0])
        else:
            count = f"int({optimizer}.iterations)" if per_batch else self._count(schedule, step)
        self.plan.rewrite(step, f"{optimizer}.learning_rate = {self.e.text(call.func.value)}({count})")

    def _count(self, schedule: Schedule, step: ast.Expr) -> str:
        """How often the scheduler has stepped: by the variable of the loop, else counted."""
        parent = self.references.parents[step]
        if isinstance(parent, ast.For) and isinstance(parent.target, ast.Name) and len(schedule.steps) == 1:
            name = parent.target.id
            match parent.iter:
                case ast.Call(func=ast.Name(id="range"), args=[_]):
                    return f"{name} + 1"
                case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=1), _]):
                    return name
                case ast.Call(func=ast.Name(id="range"), args=[start, _]):
                    return f"{name} + 1 - {_operand(self.e.text(start))}"
        counter = f"{schedule.name}_steps"
        self.e.needs(("import itertools",), ())
        if counter not in self.e.functions:
            self.e.functions.add(counter)
            self.plan.insert_before(schedule.statement, f"{counter} = itertools.count(1)")
        return f"next({counter})"

    def _is_per_batch(self, step: ast.Expr, schedule: Schedule) -> bool:
        """Whether a scheduler steps with every step of its optimizer."""
        parent = self.references.parents[step]
        block = getattr(parent, "body", [])
        for statement in block:
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=optimizer, attr="step"))):
                    if self.e.kind(optimizer).node is schedule.made:
                        return True
        return False

    def _optimizer_at(self, schedule: Schedule, statement: ast.stmt) -> str:
        """The optimizer, as it is named where a statement stands."""
        there = self.e.kinds.code(schedule.optimizer)
        function = self.e.kinds.function_of(statement)
        if not isinstance(function, FUNCTION) or self.e.kinds.function_of(schedule.statement) is function:
            return there
        return inside(self.e.kinds, function, there)


def _sets_rate(node: ast.AST) -> bool:
    """`group["lr"] = rate`: the rate changes, by hand."""
    match node:
        case ast.Subscript(slice=ast.Constant(value="lr"), ctx=ast.Store()):
            return True
    return False


def _operand(text: str) -> str:
    """The text, in parentheses unless it is one word."""
    plain = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant
    return text if isinstance(ast.parse(f"({text})", mode="eval").body, plain) else f"({text})"


def _formula(name: str, given: dict[str, Expr], rate: str, count: str) -> str:
    """The learning rate after `count` steps."""
    text = {k: _operand(e.text) for k, e in given.items() if k != "lr_lambda"}
    match name:
        case "StepLR":
            power = count if equal(given["step_size"].value, 1) else f"({count} // {text['step_size']})"
            return f"{rate} * {text['gamma']} ** {power}"
        case "ExponentialLR":
            return f"{rate} * {text['gamma']} ** {count}"
        case "MultiStepLR":
            return f"{rate} * {text['gamma']} ** sum({count} >= m for m in {given['milestones'].text})"
        case "CosineAnnealingLR" | "CosineAnnealingWarmRestarts":
            period = text["T_max"] if name == "CosineAnnealingLR" else text["T_0"]
            now = f"{count} / {period}" if name == "CosineAnnealingLR" else f"({count} % {period}) / {period}"
            if "T_mult" in given and not equal(given["T_mult"].value, 1):
                now = f"warm_restarts({count}, {period}, {text['T_mult']})"
            wave = f"(1 + math.cos(math.pi * {now})) / 2"
            low = text["eta_min"]
            return f"{rate} * {wave}" if equal(given["eta_min"].value, 0) else f"{low} + ({rate} - {low}) * {wave}"
        case "PolynomialLR":
            total = text["total_iters"]
            decay = f"(1 - min({count}, {total}) / {total})"
            return f"{rate} * {decay}" + ("" if equal(given["power"].value, 1) else f" ** {text['power']}")
        case "LinearLR":
            a, b, total = text["start_factor"], text["end_factor"], text["total_iters"]
            return f"{rate} * ({a} + ({b} - {a}) * min({count}, {total}) / {total})"
        case "MultiplicativeLR":
            factor = _called(given["lr_lambda"].text, "i")
            return f"{rate} * math.prod({factor} for i in range(1, {count} + 1))"
        case "ConstantLR":
            return f"{rate} * ({text['factor']} if {count} < {text['total_iters']} else 1)"
    return f"{rate} * {_called(given['lr_lambda'].text, count)}"


def _called(function: str, count: str) -> str:
    """A function of one argument, called; a lambda is written out."""
    function = " ".join(function.split()) if "\n" in function and '"' not in function else function
    node = ast.parse(function, mode="eval").body
    if isinstance(node, ast.List) and len(node.elts) == 1:
        return _called(ast.get_source_segment(function, node.elts[0]) or "", count)
    if isinstance(node, ast.Lambda) and len(node.args.args) == 1:
        body = ast.get_source_segment(function, node.body) or ast.unparse(node.body)
        renamed = [n for n in ast.walk(node.body) if isinstance(n, ast.Name) and n.id == node.args.args[0].arg]
        for name in sorted(renamed, key=lambda n: -n.col_offset):
            start = name.col_offset - node.body.col_offset
            body = body[:start] + count + body[start + len(name.id) :]
        return _operand(body)
    return f"{function}({count})"
