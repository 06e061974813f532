"""Gradients without an optimizer: `loss.backward(); w.data -= lr * w.grad` with a tape of its own."""

from __future__ import annotations

import ast
import re

from transpile.backends.keras_built import need_weights
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.backends.keras_steps import free_name, recorded_loss
from transpile.frontends.torch_hand_gradients import HandBackward, HandGradients
from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_leaves import Leaf
from transpile.frontends.torch_steps import Region, Steps, calls_method
from transpile.frontends.torch_weight_loops import WeightLoop


class HandWriter:
    """Rewrites the backward passes of a file whose gradients the script uses by itself."""

    def __init__(self, e: ScriptExpressions, steps: Steps) -> None:
        self.e = e
        self.plan = e.script.plan
        self.found = HandGradients(e.kinds, steps)
        self.leaves = steps.leaves
        self.names: dict[str, str] = {}  # target -> its gradient
        self.good: list[HandBackward] = []
        e.taped |= {id(s) for b in self.found.backwards for s in (*b.region.statements, b.statement)}
        self._leaves()

    def write(self) -> None:
        """Writes what can be translated, reports the rest."""
        taken = [s.region for s in self.found.steps.steps if s.region and not s.problem]
        for backward in self.found.backwards:
            problem = self._problem(backward, taken)
            if problem:
                self.e.script.report("T2K158", backward.statement, f"these gradients were left: {problem}")
        for statement in self.e.stored.unclear:
            self.e.script.report("T2K103", statement, "it is not clear where the tensors that this changes are made")
        left = {t for b in self.found.backwards if self._problem(b, taken) for t in b.targets}
        self.good = [b for b in self.found.backwards if not left & set(b.targets)]
        self._looped(left)
        if not self.good:
            return
        targets = list(dict.fromkeys(t for b in self.good for t in b.targets))
        self.names = {t: self._name(t, targets) for t in targets}
        for group in self._groups():
            self._group(group)
        for target in targets:
            for read in self.found.reads[target]:
                self._read(read, target)
            for leaf in self._leaves_of(target):
                if target in self.found.summed or target in self.found.unset:
                    start = self._zero(target) if target in self.found.summed else "None"
                    self.plan.insert_behind(leaf.statement, f"{self.names[target]} = {start}")
        self._zeros(set(targets))
        for loop in self.found.loops:
            if id(loop.given) in self.e.looped and self._is_read_in(loop):
                self._loop(loop)

    def _name(self, target: str, targets: list[str]) -> str:
        text = self.e.references.text
        if any(leaf.name == target for leaf in self.leaves.all):
            return free_name(f"{target}_grad", text)
        alone = sum(bool(self._leaves_of(t)) is False for t in targets) == 1
        stem = re.sub(r"\W+", "_", target.removeprefix("self."))
        return free_name("gradients" if alone else f"{stem}_gradients", text)

    def _leaves_of(self, target: str) -> list[Leaf]:
        return [leaf for leaf in self.leaves.all if leaf.name == target]

    def _problem(self, backward: HandBackward, taken: list[Region]) -> str:
        """Why a backward pass cannot be translated; "" if it can."""
        if any(r.block is backward.region.block and r.first <= backward.region.last and backward.region.first <= r.last
               for r in taken):  # fmt: skip
            return "a step of an optimizer records the same statements"
        function = self.e.kinds.function_of(backward.statement)
        call = backward.statement.value
        assert isinstance(call, ast.Call)
        if any(k.arg not in ("retain_graph", "gradient") for k in call.keywords) or len(call.args) > 1:
            return "the backward pass has options that a tape has not"
        for target in backward.targets:
            leaves = self._leaves_of(target)
            if target in self.found.summed | self.found.unset and (
                not leaves or any(leaf.scope is not function for leaf in leaves)
            ):
                return f"it is not clear whether {target} has a gradient already"
            if self._is_kept(target):
                return f"a gradient of {target} that is kept becomes zero when it is cleared"
            for read in self.found.reads[target]:
                problem = self._misplaced(read, target, function)
                if problem:
                    return problem
        return ""

    def _is_kept(self, target: str) -> bool:
        """Whether a variable or list holds the gradient itself, which `w.grad.zero_()` then clears, too."""
        clears = [s for s, cleared in self.found.zeros.items() if target in cleared and "zero_(" in ast.unparse(s)]
        for read in self.found.reads[target] if clears else ():
            node: ast.AST = read
            while isinstance(self.e.references.parents[node], ast.Attribute):
                node = self.e.references.parents[node]
            match self.e.references.parents[node]:
                case ast.Assign(targets=[ast.Name() | ast.Tuple() | ast.List()]):
                    return True
                case ast.Call(func=ast.Attribute(attr="append" | "insert")) | ast.List() | ast.Tuple() | ast.Dict():
                    return True
                case ast.Return():
                    return True
        return False

    def _misplaced(self, read: ast.Attribute, target: str, function: ast.AST) -> str:
        """Why a gradient that is read elsewhere is not known there."""
        loop, there = self.found.loop_of(read.value), self.e.kinds.function_of(read)
        if loop is not None and not isinstance(loop.statement, ast.For):
            return f"the gradients of {target} are read in a comprehension"
        if loop is not None and 0 not in loop.models:
            calls = [c for c in self.e.kinds.calls_of(there) if isinstance(there, FUNCTION)]  # type: ignore[arg-type]
            if any(self.e.kinds.function_of(c) is not function or not c.args for c in calls):
                return f"the gradients of {target} are read where they are not known"
            return ""
        if there is function or isinstance(function, ast.Module):
            return ""
        return f"the gradients of {target} are read where they are not known"

    # Tensors by name

    def _leaves(self) -> None:
        """Tensors that are trained become variables; others are watched."""
        for leaf in self.leaves.all:
            if self._is_watched(leaf):
                if leaf.value is None:
                    self.e.needs(("from keras import ops",), ())
                    self.plan.rewrite(leaf.statement, f"{leaf.name} = ops.convert_to_tensor({leaf.name})")
            else:
                self.e.variables.add(id(leaf.value))

    def _is_watched(self, leaf: Leaf) -> bool:
        if self.leaves.is_changed(leaf):
            return False
        around = list(self.e.references.around(leaf.statement))
        return leaf.value is None or any(isinstance(a, ast.For | ast.While | FUNCTION) for a in around)

    # Tapes

    def _groups(self) -> list[list[HandBackward]]:
        """Backward passes whose regions overlap take their gradients from one tape."""
        groups: list[list[HandBackward]] = []
        for backward in sorted(self.good, key=lambda b: self.e.references.start(b.region.statements[0])):
            last = groups[-1][0].region if groups else None
            region = backward.region
            if last is not None and last.block is region.block and region.first <= last.last:
                last.alone = last.alone and region.alone
                last.first, last.last = min(last.first, region.first), max(last.last, region.last)
                groups[-1].append(backward)
            else:
                groups.append([backward])
        return groups

    def _group(self, group: list[HandBackward]) -> None:
        region = group[0].region
        tape = free_name("tape", self.e.references.text)
        takes = {b: self._takes(b, tape) for b in group}
        persistent = "persistent=True" if sum(map(len, takes.values())) > 1 else ""
        self.e.script.output.imports.add("import tensorflow as tf")
        self.e.script.report("T2K322", group[0].statement, "the gradients come from a tape of TensorFlow's")
        header = f"with tf.GradientTape({persistent}) as {tape}:"
        watched = [f"{tape}.watch({t})" for t in self._watched(group)]
        if not region.alone:
            first, last = region.statements[0], region.statements[-1]
            self.plan.wrap(first, last, header)
            self.plan.insert_before(first, *watched)
        for backward in group:
            before, loss = recorded_loss(self.e, region, [backward.statement])
            if before and region.alone:
                inner = "\n    ".join([*watched, *before])
                before = [f"{header}\n    {inner}"]
            self.plan.rewrite(backward.statement, *before, *(t.replace("LOSS", loss) for t in takes[backward]))

    def _watched(self, group: list[HandBackward]) -> list[str]:
        targets = dict.fromkeys(t for b in group for t in b.targets)
        return [t for t in targets if any(self._is_watched(leaf) for leaf in self._leaves_of(t))]

    def _takes(self, backward: HandBackward, tape: str) -> list[str]:
        """The statements that take the gradients of a backward pass."""
        call = backward.statement.value
        assert isinstance(call, ast.Call)
        given = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "gradient"), None)
        weights = f", output_gradients={self.e.text(given)}" if given is not None else ""
        plain = all(self._leaves_of(t) and t not in backward.adds | self.found.summed for t in backward.targets)
        if plain and len(backward.targets) > 1:
            left = ", ".join(self.names[t] for t in backward.targets)
            return [f"{left} = {tape}.gradient(LOSS, [{', '.join(backward.targets)}]{weights})"]
        return [self._take(t, f"{tape}.gradient(LOSS, {{}}{weights})", backward) for t in backward.targets]

    def _take(self, target: str, taken: str, backward: HandBackward) -> str:
        name, adds = self.names[target], target in backward.adds | self.found.summed
        if self._leaves_of(target):
            return f"{name} {'+=' if adds else '='} {taken.format(target)}"
        taken = taken.format(f"{target}.trainable_variables")
        return f"{name} = [a + b for a, b in zip({name}, {taken})]" if adds else f"{name} = {taken}"

    # What read and cleared gradients

    def _read(self, read: ast.Attribute, target: str) -> None:
        loop = self.found.loop_of(read.value)
        text = self._inner(loop) if loop else self.names[target]
        outer = self.e.references.parents[read]
        taken = outer if isinstance(outer, ast.Attribute) and outer.attr == "data" else read
        self.e.override(read, text)
        if isinstance(taken, ast.expr):
            self.e.override(taken, text)

    def _zero(self, target: str) -> str:
        self.e.needs(("from keras import ops",), ())
        return f"ops.zeros_like({target})"

    def _zeros(self, targets: set[str]) -> None:
        """What cleared gradients goes, or starts a sum anew."""
        for statement, cleared in self.found.zeros.items():
            outer = [a for a in self.e.references.around(statement) if isinstance(a, ast.stmt)]
            if not cleared <= targets or self.plan.is_gone(statement) or any(a in self.found.zeros for a in outer):
                continue
            if calls_method(statement, "zero_grad") and not self._is_ours(statement):
                continue
            summed = sorted(cleared & self.found.summed)
            if summed:
                self.plan.rewrite(statement, *(f"{self.names[t]} = {self._zero(t)}" for t in summed))
            else:
                self.plan.remove(statement)
                self.plan.drop_comments_above(statement)

    def _is_ours(self, statement: ast.stmt) -> bool:
        """Whether a `zero_grad()` clears gradients of no step of an optimizer."""
        return not any(statement in s.zeros for s in self.found.steps.steps)

    # Loops over weights

    def _inner(self, loop: WeightLoop) -> str:
        """The gradient of one weight in a loop."""
        return free_name("gradient", self.e.references.text)

    def _looped(self, left: set[str]) -> None:
        """The loops over weights that convert: all but those whose gradients are not known."""
        known = {t for b in self.good for t in b.targets} - left
        for loop in self.found.loops:
            others = [w for w in self.found.loops if w.statement is loop.statement]
            if any(self._is_read_in(w) and not set(w.models.values()) <= known for w in others):
                continue
            self.e.looped |= {id(loop.given), *map(id, loop.sources)}
            for source in loop.sources:
                match source:
                    case ast.Call(func=ast.Attribute(value=model)):
                        need_weights(self.e, model, "listed")

    def _is_read_in(self, loop: WeightLoop) -> bool:
        reads = [r for found in self.found.reads.values() for r in found]
        return any(self.found.loop_of(r.value) is loop for r in reads)

    def _loop(self, loop: WeightLoop) -> None:
        """`for p in net.parameters():` with the gradients beside the weights."""
        node, inner = loop.statement, self._inner(loop)
        assert isinstance(node, ast.For)
        function = self.e.kinds.function_of(node)
        name = self.names[next(iter(loop.models.values()))]
        if 0 not in loop.models:
            assert isinstance(function, FUNCTION)
            name = free_name("gradients", "") if len(set(loop.models.values())) > 1 else name
            self._hand(loop, function, name)
        given = self.e.text(loop.given)
        if loop.index is None:
            self.e.override(node.iter, f"zip({given}, {name})")
            self.plan.replace(*self._span(node.target), f"{loop.variable}, {inner}")
            return
        assert isinstance(node.target, ast.Tuple)
        at = node.target.elts[loop.index]
        self.plan.replace(self._span(at)[1], self._span(at)[1], f", {inner}")
        self.e.override(loop.given, f"{given}, {name}")

    def _hand(self, loop: WeightLoop, function: FUNCTION, name: str) -> None:
        """Hands the gradients to a function that gets the weights."""
        assert isinstance(loop.given, ast.Name)
        parameter = next(a for a in function.args.args if a.arg == loop.given.id)
        end = self._span(parameter)[1]
        self.plan.replace(end, end, f", {name}")
        place = [a.arg for a in function.args.args].index(parameter.arg)
        for call in self.e.kinds.calls_of(function):
            given = call.args[place]
            self.e.override(given, f"{self.e.text(given)}, {self.names[loop.models[id(call)]]}")

    def _span(self, node: ast.AST) -> tuple[int, int]:
        return self.e.references.start(node), self.e.references.end(node)
