"""A step of training with a gradient tape: forward under the tape, then the optimizer."""

from __future__ import annotations

import ast
import re

from transpile.backends.keras_rules import variables_text
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_owned import inside, models_in, parameters_of
from transpile.frontends.torch_steps import Region, Step, Steps, calls_method, loss_of
from transpile.frontends.torch_variables import is_handed

_TAPE = "tf.GradientTape()"


class StepWriter:
    """Rewrites the steps of a file."""

    def __init__(self, e: ScriptExpressions, steps: Steps, written: list[Step]) -> None:
        self.e = e
        self.plan = e.script.plan
        self.steps = steps
        self.written = written  # steps that are calls of train_on_batch now
        self.names: dict[Step, tuple[str, str]] = {}  # (tape, gradients)
        self.regions: dict[Step, Region] = {}  # what is recorded for a step and those recorded with it

    def write(self) -> None:
        """Writes what can be translated, reports the rest."""
        good = []
        for step in self.steps.steps:
            if step in self.written:
                continue
            variables = self.variables(step)
            if not step.problem and variables is None:
                step.problem = "it is not known which weights the optimizer changes"
            if step.problem:
                self.e.script.report("T2K150", step.statement, f"this step of training was left: {step.problem}")
                continue
            good.append(step)
        groups = self._groups(good)
        for group in groups:
            self._wrap(group)
        for step in good:
            self._write_step(step)
        self._clear({id(s) for g in groups for s in g})

    def variables(self, step: Step) -> str | None:
        """The weights of the optimizer, as they are named at the step."""
        parameters = parameters_of(self.e.kinds, step.optimizer)
        if parameters is None:
            return self._variables_of_caller(step)
        parameters = self._resolved(parameters)
        function = self.e.kinds.function_of(step.statement)
        made = self.e.kinds.of(step.optimizer).node
        rename = {}
        if isinstance(function, FUNCTION) and made is not None and self.e.kinds.function_of(made) is not function:
            names = [self.e.kinds.code(m) for m in models_in(self.e.kinds, parameters)]
            rename = {n: inside(self.e.kinds, function, n) for n in names}
        return variables_text(self.e, parameters, rename)

    def _variables_of_caller(self, step: Step) -> str | None:
        """The weights of the only model of a step whose optimizer another file makes."""
        if step.region is None or not is_handed(self.e.kinds, step.optimizer):
            return None
        calls = [n for s in step.region.statements for n in ast.walk(s) if isinstance(n, ast.Call)]
        models = {self.e.kinds.code(c.func) for c in calls if self.e.kind(c.func).name == "model"}
        if len(models) != 1 or not all(isinstance(c.func, ast.Name | ast.Attribute) for c in calls):
            return None
        text = f"{models.pop()}.trainable_variables"
        optimizer = self.e.kinds.code(step.optimizer)
        self.e.script.report("T2K224", step.statement, f"{optimizer} is made elsewhere: here it changes {text}")
        return text

    def _resolved(self, parameters: ast.expr) -> ast.expr:
        """What a variable that holds parameters was set to."""
        if isinstance(parameters, ast.Name):
            entries = self.e.kinds.assigned.get((id(self.e.kinds.function_of(parameters)), parameters.id), [])
            if entries and isinstance(entries[-1][1], ast.expr):
                return entries[-1][1]
        return parameters

    # Regions

    def _groups(self, steps: list[Step]) -> list[list[Step]]:
        """Steps whose regions overlap are recorded together."""
        groups: list[list[Step]] = []
        for step in sorted(steps, key=lambda s: self._start(s)):
            assert step.region is not None
            first = groups[-1][0].region if groups else None
            if first is not None and self._overlap(first, step.region):
                first.alone = first.alone and step.region.alone
                first.last = max(first.last, step.region.last)
                first.first = min(first.first, step.region.first)
                groups[-1].append(step)
            else:
                groups.append([step])
        return groups

    def _start(self, step: Step) -> int:
        assert step.region is not None
        return self.e.references.start(step.region.statements[0])

    @staticmethod
    def _overlap(a: Region | None, b: Region) -> bool:
        return a is not None and a.block is b.block and b.first <= a.last

    def _wrap(self, group: list[Step]) -> None:
        region = group[0].region
        assert region is not None
        self.regions |= dict.fromkeys(group, region)
        taken = self.e.references.text
        if len(group) == 1:
            self.names[group[0]] = (free_name("tape", taken), free_name("gradients", taken))
        else:
            for i, step in enumerate(group):
                suffix = self._suffix(step) or str(i + 1)
                self.names[step] = (free_name(f"tape_{suffix}", taken), free_name(f"gradients_{suffix}", taken))
        tapes = ", ".join(f"{_TAPE} as {self.names[s][0]}" for s in group)
        self.e.script.output.imports.add("import tensorflow as tf")
        self.e.script.report("T2K322", group[0].statement, "the step records a gradient tape of TensorFlow's")
        if not region.alone:
            self.plan.wrap(region.statements[0], region.statements[-1], f"with {tapes}:")

    def _suffix(self, step: Step) -> str:
        """What tells one optimizer from another: `optimizer_G`, `d_optimizer`."""
        text = self.e.kinds.code(step.optimizer).rpartition(".")[2]
        return re.sub(r"(?i)_?opti?m?i?z?e?r?_?", "", text).strip("_").lower()

    # Statements

    def _write_step(self, step: Step) -> None:
        tape, gradients = self.names[step]
        variables = self.variables(step)
        last = step.backwards[-1]
        shared = [s for s in self.steps.steps if s is not step and last in s.backwards and s in self.names]
        recorded, loss = recorded_loss(self.e, self.regions[step], step.backwards)
        if recorded and self.regions[step].alone:
            recorded = [f"with {_TAPE} as {tape}:\n    {recorded[0]}"]
        take = [f"{gradients} = {self._dense(step, f'{tape}.gradient({loss}, {variables})')}"]
        if step.accumulates:
            take = self._accumulated(step, take[0])
        take = [*recorded, *take]
        if shared and self.plan.is_gone(last):
            self.plan.insert_behind(last, *take)
        else:
            self.plan.rewrite(last, *take)
        for backward in step.backwards[:-1]:
            if not self.plan.is_gone(backward):
                self.plan.remove(backward)
        for clip in step.clips:
            self._clip(clip, gradients)
        optimizer = self.e.text(step.optimizer)
        self.plan.rewrite(step.statement, f"{optimizer}.apply_gradients(zip({gradients}, {variables}))")

    def _dense(self, step: Step, taken: str) -> str:
        """TensorFlow gives gradients of embeddings by rows, the same row several times: no sum, no norm is right."""
        if not (step.accumulates or step.clips) or not any("Embedding" in r.path for r in self.e.references.references):
            return taken
        return f"[g if g is None else tf.convert_to_tensor(g) for g in {taken}]"

    def _accumulated(self, step: Step, take: str) -> list[str]:
        """Gradients that are added up until the step."""
        _, gradients = self.names[step]
        new = free_name("new_gradients", self.e.references.text)
        total = f"[a + b for a, b in zip({gradients}, {new})]"
        self._start_accumulating(step, gradients)
        return [take.replace(f"{gradients} =", f"{new} =", 1), f"{gradients} = {total} if {gradients} else {new}"]

    def _start_accumulating(self, step: Step, gradients: str) -> None:
        """`gradients = None` where PyTorch clears them, and before the loop."""
        outer: ast.stmt | None = None
        for around in self.e.references.around(step.backwards[-1]):
            if isinstance(around, FUNCTION | ast.Module):
                break
            if isinstance(around, ast.For | ast.While):
                outer = around
        if outer is not None:
            self.plan.insert_before(outer, f"{gradients} = None")
        name = self.e.kinds.code(step.optimizer)
        for statement in ast.walk(self.e.kinds.function_of(step.statement)):
            if not isinstance(statement, ast.Expr) or calls_method(statement, "zero_grad") is None:
                continue
            function = calls_method(statement, "zero_grad")
            if function is not None and self.e.kinds.code(function.value) == name:
                inner = any(isinstance(a, ast.For | ast.While) for a in self._within(statement))
                if inner:
                    self.plan.rewrite(statement, f"{gradients} = None")

    def _within(self, statement: ast.stmt) -> list[ast.AST]:
        found = []
        for around in self.e.references.around(statement):
            if isinstance(around, FUNCTION | ast.Module):
                break
            found.append(around)
        return found

    def _clip(self, statement: ast.stmt, gradients: str) -> None:
        call = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        assert isinstance(call, ast.Call)
        name = self.e.path(call.func).rpartition(".")[2]
        limit = call.args[1] if len(call.args) > 1 else call.keywords[0].value if call.keywords else None
        extra = len(call.args) > 2 or len(call.keywords) > int(len(call.args) < 2)
        if limit is None or extra:
            self.e.script.report("T2K151", statement, f"{name} with these arguments has no counterpart")
            return
        if name == "clip_grad_value_":
            value = self.e.text(limit)
            self.e.needs(("from keras import ops",), ())
            self.plan.rewrite(statement, f"{gradients} = [ops.clip(g, -{value}, {value}) for g in {gradients}]")
            return
        self.e.needs(("from keras import ops",), ("clip_by_norm",))
        target = "_"
        if isinstance(statement, ast.Assign):
            target = self.e.references.code(statement.targets[0])
        self.plan.rewrite(statement, f"{gradients}, {target} = clip_by_norm({gradients}, {self.e.text(limit)})")

    def _clear(self, done: set[int]) -> None:
        """What cleared gradients goes: a tape starts afresh. Functions that only did that go, too."""
        left = [s for s in self.steps.steps if s.problem]
        if left:
            good = [s for s in self.steps.steps if not s.problem]
            zeros = {z for s in good for z in s.zeros} - {z for s in left for z in s.zeros}
            self._remove(zeros)
            return
        zeros = set()
        for node in ast.walk(self.e.references.tree):
            if isinstance(node, ast.Expr) and calls_method(node, "zero_grad") and not self.e.script.is_skipped(node):
                zeros.add(node)
        self._remove(zeros)
        for name, function in self.e.kinds.functions.items():
            body = [s for s in function.body if not isinstance(s.value if isinstance(s, ast.Expr) else s, ast.Constant)]
            if body and all(s in zeros for s in body):
                self.plan.remove(function)
                for call in self.e.kinds.calls.get(name, []):
                    statement = self.e.references.statement(call)
                    if not self.plan.is_gone(statement):
                        self.plan.remove(statement)

    def _remove(self, statements: set[ast.stmt]) -> None:
        for statement in statements:
            if not self.plan.is_gone(statement):
                self.plan.remove(statement)


def recorded_loss(e: ScriptExpressions, region: Region, backwards: list[ast.Expr]) -> tuple[list[str], str]:
    """What a tape must still record where the backward pass stood, and the loss for its gradient."""
    losses = [_parts_of_sum(loss_of(b)) for b in backwards]
    names = [e.text(n) for parts in losses for n in parts]
    if all(losses):
        return [], names[0] if len(names) == 1 else f"[{', '.join(names)}]"  # gradients of their sum
    total = free_name("total_loss", e.references.text)
    text = f"{total} = {' + '.join(e.text(loss_of(b)) for b in backwards)}"
    if region.alone or any(backwards[-1] is inner for s in region.statements for inner in ast.walk(s)):
        return [text], total
    e.script.plan.insert_behind(region.statements[-1], text)
    return [], total


def _parts_of_sum(loss: ast.expr) -> list[ast.expr]:
    """The variables that a loss is the sum of; [] where it is anything else."""
    match loss:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return [loss]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [_parts_of_sum(left), _parts_of_sum(right)]
            return [*parts[0], *parts[1]] if all(parts) else []
    return []


def free_name(name: str, text: str) -> str:
    """The name, or a longer one where the file has it already."""
    while re.search(rf"\b{name}\b", text):
        name = f"{name}_"
    return name
