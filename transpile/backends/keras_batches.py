"""`model.compile` and `train_on_batch` for steps that are nothing more than that."""

from __future__ import annotations

import ast

from transpile.backends.keras_fit_loops import FitWriter
from transpile.backends.keras_losses import LossText, bound, loss_name, loss_object
from transpile.backends.keras_optimizers import OptimizerText, write_optimizer
from transpile.backends.keras_ranks import has_inner_classes
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.frontends.torch_plain_steps import PlainStep, plain_step
from transpile.frontends.torch_steps import Step


class BatchWriter:
    """Compiles models where every step of theirs is plain."""

    def __init__(self, e: ScriptExpressions, steps: list[Step]) -> None:
        self.e = e
        self.plan = e.script.plan
        self.references = e.references
        self.plain: list[PlainStep] = []
        for step in steps:
            found = plain_step(e.kinds, step, steps)
            if found is not None and self._converts(found):
                self.plain.append(found)
        twice = [p.made for p in self.plain]
        models = [p.model_there for p in self.plain]
        self.plain = [p for p in self.plain if twice.count(p.made) == 1 and models.count(p.model_there) == 1]

    def _converts(self, plain: PlainStep) -> bool:
        """Whether loss, optimizer and mode can be said in `compile`, at the place of the optimizer."""
        statement = self.references.statement(plain.made)
        match statement:
            case ast.Assign(targets=[ast.Name()], value=value) if value is plain.made:
                pass
            case _:
                return False
        if self.loss(plain).problem or not self.loss(plain).text or self.optimizer(plain).problem:
            return False
        call = next(
            (n for s in plain.forward for n in ast.walk(s) if isinstance(n, ast.Call) and self._is_model(n, plain)),
            None,
        )
        mode = "" if call is None else self.e.mode(call, self.e.kind(call.func))
        if call is None or has_inner_classes(self.e, self.loss_class(plain), plain.criterion.args[0]):
            return False
        return mode in ("", "training=True") and self._is_in_reach(plain)

    def _is_model(self, node: ast.Call, plain: PlainStep) -> bool:
        return self.e.kinds.code(node.func) == plain.model

    def _is_in_reach(self, plain: PlainStep) -> bool:
        """Whether what the loss is made from is known where the model is compiled."""
        made = self.e.kind(plain.criterion.func).node
        if not isinstance(made, ast.Call) or made is plain.criterion:
            return not any(isinstance(n, ast.Name) for k in plain.criterion.keywords for n in ast.walk(k.value))
        names = [n for n in ast.walk(made) if isinstance(n, ast.Name) and not self.e.path(n)]
        names = [n for n in names if self.references.parents.get(n) is not made.func and n is not made.func]
        same = self.e.kinds.function_of(made) is self.e.kinds.function_of(plain.made)
        return all(self._is_library(n) for n in names) or (
            same and self.references.start(made) < self.references.start(plain.made)
        )

    def _is_library(self, name: ast.Name) -> bool:
        node: ast.AST = name
        while isinstance(self.references.parents.get(node), ast.Attribute):
            node = self.references.parents[node]
        return bool(self.e.path(node))

    def loss_class(self, plain: PlainStep) -> str:
        """The class of the loss, "" where it is not known."""
        made = self._made_loss(plain)
        return loss_name(self.e.path((made or plain.criterion).func))

    def _made_loss(self, plain: PlainStep) -> ast.Call | None:
        """The call that makes the loss object; None for a function."""
        kind = self.e.kind(plain.criterion.func)
        return kind.node if kind.name == "loss" and isinstance(kind.node, ast.Call) else None

    def loss(self, plain: PlainStep) -> LossText:
        """The loss for `compile`."""
        made = self._made_loss(plain)
        given = self.e.arguments(made or plain.criterion)
        if made is None and given is not None:
            given = (given[0][2:], given[1])
        name = self.loss_class(plain)
        if not name or given is None:
            return LossText(problem="unknown")
        return loss_object(name, bound(name, *given), self.e.floats(plain.target))

    def optimizer(self, plain: PlainStep) -> OptimizerText:
        """The optimizer for `compile`."""
        given = self.e.arguments(plain.made)
        if given is None:
            return OptimizerText(problem="unknown")
        args, kwargs = given
        kwargs.pop("params", None)
        return write_optimizer(self.e.path(plain.made.func), args[1:], kwargs, *self.e.rate_of(plain.made))

    # Writing

    def write(self) -> None:
        """Rewrites the plain steps; what only served them goes."""
        fits = FitWriter(self.e)
        for plain in self.plain:
            if not fits.write(plain):
                self._step(plain)
        for plain in self.plain:
            self._compile(plain)
        self._drop_loaders()

    def _drop_loaders(self) -> None:
        """Loaders, and then data sets, that only a loop needed that is a call of fit now."""
        for wanted in ("loader", "dataset"):
            for node in ast.walk(self.references.tree):
                match node:
                    case ast.Assign(targets=[ast.Name() as target], value=ast.Call() as made) if self.e.fitted:
                        served = id(made) in self.e.fitted or self.e.kind(made).name == "dataset"
                        if served and self.e.kind(made).name == wanted and self._goes(target):
                            self.plan.remove(node)

    def _step(self, plain: PlainStep) -> None:
        *before, last = plain.forward
        for statement in (*before, *plain.step.backwards, plain.step.statement):
            self.plan.remove(statement)
            self.plan.drop_comments_above(statement)
        for zero in plain.step.zeros:
            self.plan.drop_comments_above(zero)
        self.plan.drop_comments_above(last)
        self.e.numbers.add((id(self.e.kinds.function_of(last)), plain.loss))
        call = f"{plain.model}.train_on_batch({self.e.text(plain.inputs)}, {self.e.text(plain.target)})"
        self.plan.rewrite(last, f"{plain.loss} = {call}" if self._loss_is_read(plain) else call)

    def _loss_is_read(self, plain: PlainStep) -> bool:
        gone = [*plain.forward, *plain.step.backwards]
        function = self.e.kinds.function_of(plain.step.statement)
        return any(
            isinstance(n, ast.Name)
            and n.id == plain.loss
            and isinstance(n.ctx, ast.Load)
            and self.references.statement(n) not in gone
            for n in ast.walk(function)
        )

    def _compile(self, plain: PlainStep) -> None:
        """`model.compile` in the place of the optimizer."""
        loss, optimizer = self.loss(plain), self.optimizer(plain)
        self.e.needs(
            (*loss.imports, "import keras"), (*loss.helpers, *([optimizer.helper] if optimizer.helper else []))
        )
        if optimizer.epsilon:
            self.e.script.report("T2K320", plain.made, "epsilon stands in another place of the formula than in PyTorch")
        statement = self.references.statement(plain.made)
        assert isinstance(statement, ast.Assign)
        target = statement.targets[0]
        assert isinstance(target, ast.Name)
        self._drop_parameters(plain)
        self._drop_criterion(plain)
        if self._goes(target):
            self.plan.rewrite(statement, f"{plain.model_there}.compile(optimizer={optimizer.text}, loss={loss.text})")
            return
        self.plan.rewrite(
            statement,
            f"{target.id} = {optimizer.text}",
            f"{plain.model_there}.compile(optimizer={target.id}, loss={loss.text})",
        )

    def _goes(self, target: ast.Name) -> bool:
        """Whether nothing reads a variable any more."""
        made = self.references.parents[target]
        if isinstance(made, ast.Assign) and id(made.value) in self.e.rates:
            return False
        function = self.e.kinds.function_of(target)
        for node in ast.walk(function):
            if not isinstance(node, ast.Name) or node.id != target.id or not isinstance(node.ctx, ast.Load):
                continue
            if not self._read_is_gone(node):
                return False
        return True

    def _read_is_gone(self, node: ast.Name) -> bool:
        statement = self.references.statement(node)
        if self.plan.is_gone(statement) or self._clears(statement):
            return True
        for parent in self.references.around(node):
            if isinstance(parent, ast.Call) and id(parent) in self.e.cut:
                return id(node) in self.e.cut[id(parent)]
            if isinstance(parent, ast.stmt):
                break
        return False

    def _clears(self, statement: ast.stmt) -> bool:
        return any(statement in p.step.zeros for p in self.plain)

    def _drop_parameters(self, plain: PlainStep) -> None:
        """Parameters of the step's function that only the step needed."""
        function = self.e.kinds.function_of(plain.step.statement)
        if not isinstance(function, FUNCTION) or function.name not in self.e.kinds.functions:
            return
        names = set() if id(plain.made) in self.e.rates else {self.e.kinds.code(plain.step.optimizer)}
        if isinstance(plain.criterion.func, ast.Name) and self.e.kind(plain.criterion.func).name == "loss":
            names.add(plain.criterion.func.id)
        for arg in (*function.args.args, *function.args.kwonlyargs):
            reads = [
                n
                for n in ast.walk(function)
                if isinstance(n, ast.Name) and n.id == arg.arg and isinstance(n.ctx, ast.Load)
            ]
            if arg.arg in names and all(self._read_is_gone(n) for n in reads):
                self._cut(function, arg.arg)

    def _cut(self, function: FUNCTION, name: str) -> None:
        self.e.cut_parameters.setdefault(id(function), []).append(name)
        for call in self.e.kinds.calls.get(function.name, []):
            given = argument(call, function, name)
            if given is not None:
                holder: ast.AST = next((k for k in call.keywords if k.value is given), given)
                self.e.cut.setdefault(id(call), set()).add(id(holder))

    def _drop_criterion(self, plain: PlainStep) -> None:
        made = self.e.kind(plain.criterion.func).node
        statement = self.references.statement(made) if isinstance(made, ast.Call) else None
        match statement:
            case ast.Assign(targets=[ast.Name() as target], value=value) if value is made and self._goes(target):
                self.plan.remove(statement)
