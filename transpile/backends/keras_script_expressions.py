"""What the rules ask about the script as a whole: modes, tapes, targets, learning rates."""

from __future__ import annotations

import ast
from functools import cached_property

from transpile.backends.keras_calls import Written
from transpile.backends.keras_expressions import Expressions, Rule, Script
from transpile.frontends.torch_kind import FUNCTION, Kind
from transpile.frontends.torch_steps import Steps, loss_of
from transpile.frontends.torch_stored import Stored
from transpile.frontends.torch_weight_loops import WeightLoop, loop_of

_METHODS = frozenset(["forward"])


class ScriptExpressions(Expressions):
    """Expressions, with the answers that need the whole script."""

    def __init__(self, script: Script, rules: tuple[Rule, ...], steps: Steps) -> None:
        super().__init__(script, rules)
        self.taped = {id(s) for step in steps.steps if step.region for s in step.region.statements}
        self.taped |= {id(b) for step in steps.steps for b in step.backwards if not isinstance(loss_of(b), ast.Name)}
        self.leaves = steps.leaves
        self.loops = steps.loops
        self.stored = Stored(self.kinds)
        self.variables = set(self.stored.made)  # expressions that make variables of Keras's
        self.built: set[int] = set()  # statements that make models that are built there
        self.looped: set[int] = set()  # weights that a loop goes over
        self.datasets: dict[int, bool] = {}  # calls that make data sets of tensors: whether they become tf.data
        self.fitted: set[int] = set()  # loaders whose loop is a call of fit now
        self.scheduled: set[int] = set()  # calls that make schedulers that are objects of ours now
        self.functions: set[str] = set()  # schedulers that are functions now, and their counters
        self.numbers: set[tuple[int, str]] = set()  # (function, variable): losses that are numbers now
        self.rates: dict[int, tuple[str, bool, str]] = {}  # optimizer's call -> (schedule, changes, clipping)

    def needs(self, imports: tuple[str, ...], helpers: tuple[str, ...]) -> None:
        """Notes imports and helpers."""
        self.script.output.imports |= set(imports)
        for name in helpers:
            self.script.define(name)

    def need(self, written: Written, node: ast.AST) -> str:
        return self.script.need(written, node)

    def override(self, node: ast.expr, text: str) -> None:
        """Fixes what an expression becomes."""
        self._texts[id(node)] = text

    def weight_loop(self, node: ast.AST) -> WeightLoop | None:
        """The converted loop over weights whose variable a name is."""
        loop = loop_of(self.references, self.loops, node)
        return loop if loop is not None and id(loop.given) in self.looped else None

    def is_idle(self, statement: ast.Assign) -> bool:
        """Whether a statement sets a variable to itself, in Keras's words."""
        if len(statement.targets) != 1:
            return False
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            return all(self.kinds.code(t) == self.text(v) for t, v in zip(target.elts, value.elts))
        return self.kinds.code(target) == self.text(value)

    # Models

    def class_of(self, model: Kind) -> str:
        """The name of the module class that a model is of; "" for others."""
        made = model.node
        return made.func.id if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) else ""

    def methods(self, model: Kind) -> set[str]:
        """The methods of a model's class."""
        known = self.script.classes.get(self.class_of(model))
        return {s.name for s in known.node.body if isinstance(s, ast.FunctionDef)} if known else set()

    def mode(self, call: ast.Call, model: Kind, called: ast.expr | None = None) -> str:
        """`training=...` for a call of a model (of `called`); "" where it makes no difference."""
        known = self.script.classes.get(self.class_of(model))
        if known is not None and not known.training:
            return ""
        if known is None and self._is_plain(model):
            return ""
        mode = self.script.modes.at(call, self.kinds.code(called or call.func))
        if not mode.certain:
            self.script.report("T2K220", call, mode.why)
        return f"training={mode.text}"

    def _is_plain(self, model: Kind) -> bool:
        """Whether a model made here has no layer that behaves differently in training."""
        made = model.node
        if not isinstance(made, ast.Call) or not self.path(made.func).startswith("torch.nn."):
            return False
        calls = [n for n in ast.walk(made) if isinstance(n, ast.Call)]
        names = [self.path(n.func) for n in calls]
        chains = [n for n, name in zip(calls, names) if name == "torch.nn.Sequential"]
        if not all(isinstance(part, ast.Call) for chain in chains for part in chain.args):
            return False  # made elsewhere: `nn.Sequential(*layers)`
        special = ("Dropout", "BatchNorm", "InstanceNorm", "Transformer", "MultiheadAttention", "RReLU", "LSTM", "GRU")
        return all(not any(s in n for s in special) and n.startswith("torch.nn.") for n in names)

    # Losses

    def floats(self, target: ast.expr) -> bool:
        """Whether the targets are probabilities, not class ids."""
        return self.kind(target).name == "tensor" and self.kind(target).dtype == "float"

    def target(self, node: ast.expr) -> str:
        return self.text(node)

    def probabilities(self, made: ast.Call) -> bool:
        """Whether some call of a loss object gives it probabilities as targets."""
        for node in ast.walk(self.references.tree):
            match node:
                case ast.Call(func=func, args=[_, target]) if self.kind(func).node is made and self.floats(target):
                    return True
        return False

    # Optimizers and tapes

    def rate_of(self, made: ast.Call) -> tuple[str, bool, str]:
        """What a scheduler and clipping say to an optimizer."""
        return self.rates.get(id(made), ("", False, ""))

    def under_tape(self, node: ast.AST) -> bool:
        """Whether a tape records where a node stands."""
        if any(id(a) in self.taped for a in self.references.around(node)):
            return True
        function = self.kinds.function_of(node)
        return isinstance(function, FUNCTION) and id(function) in self._taped_functions

    @cached_property
    def _taped_functions(self) -> set[int]:
        """The functions that are called, directly or not, where a tape records."""
        pending: list[ast.AST] = [n for n in ast.walk(self.references.tree) if id(n) in self.taped]
        found: set[int] = set()
        while pending:
            for node in ast.walk(pending.pop()):
                function = self._function(node)
                if function is not None and id(function) not in found:
                    found.add(id(function))
                    pending.append(function)
        return found

    def _function(self, node: ast.AST) -> FUNCTION | None:
        """The function of the file that a name or `self.method` stands for."""
        if isinstance(node, ast.Name):
            return self.kinds.functions.get(node.id)
        kind = self.kind(node) if isinstance(node, ast.Attribute) else None
        return kind.node if kind and kind.name == "function" and isinstance(kind.node, FUNCTION) else None
