"""The losses, metrics and optimizers that training loops by hand make at module level."""

from __future__ import annotations

import ast
from dataclasses import replace

from transpile.backends.bodies.tape import TapeBody
from transpile.backends.bodies.tape_losses import METRICS
from transpile.backends.bodies.tape_steps import parameters_of
from transpile.backends.templates import helper
from transpile.backends.torch_epoch import following, optimizer
from transpile.backends.torch_functions import imports_of
from transpile.frontends.keras_compile import Refused
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.interpret.values import KerasObject, ModelValue
from transpile.ir import Edit, Expr
from transpile.references import References
from transpile.splice import Output, fragment


class Objects:
    """Rewrites their definitions, once the code that uses them is written."""

    def __init__(self, references: References, output: Output, body: TapeBody) -> None:
        self.references, self.output, self.body = references, output, body

    def write(self) -> None:
        """All definitions that converted code relies on."""
        for statement in self.references.tree.body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            target = statement.targets[0]
            if not isinstance(target, ast.Name) or target.id not in self.body.used:
                continue
            held = self.body.interpreter.module.names.get(target.id)
            if isinstance(held, KerasObject):
                self._define(statement, target.id, held)

    def _define(self, statement: ast.Assign, name: str, held: KerasObject) -> None:
        kind = held.path.rpartition(".")[2]
        if held.path.startswith("keras.losses."):
            self._edit(statement, "")
        elif held.path.startswith("keras.metrics."):
            for file in dict.fromkeys(("Mean", METRICS[kind])):
                self.output.define(file, self.references.start(statement), fragment(helper(file)))
                imports_of(helper(file), self.output)
            self._edit(statement.value, f"{METRICS[kind]}()")
        else:
            self._optimizer(statement, name, held)

    def _optimizer(self, statement: ast.Assign, name: str, held: KerasObject) -> None:
        models = self.body.trained[name]
        span = self.references.span(self.references.start(statement), self.references.end(statement))
        try:
            chosen = read_optimizer(Expr(self.references.code(statement.value), held))
        except Refused as error:
            self.output.report(error.problem.code, span, error.problem.message)
            return
        made = optimizer(chosen, "MODEL")
        made = replace(made, text=made.text.replace("MODEL.parameters()", parameters_of(models)))
        after = following(chosen, name, f"{name}_scheduler")
        text = f"{name} = {made.text}" + (f"\n{after.text}" if after.text else "")
        for file in (*made.helpers, *after.helpers):
            self.output.define(file, span.start, fragment(helper(file)))
            imports_of(helper(file), self.output)
        imports_of(text + "torch.", self.output)
        model_end = max(self._model_end(m) for m in models)
        if model_end <= span.start:
            self._edit(statement, text)
            return
        self._edit(statement, "")
        self.output.edits.append(Edit(model_end, model_end, "\n" + text))

    def _model_end(self, name: str) -> int:
        """The end of the statement that makes a model."""
        for statement in self.references.tree.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                held = self.body.interpreter.module.names.get(name)
                if statement.targets[0].id == name and isinstance(held, ModelValue):
                    return self.references.end(statement)
        return 0

    def _edit(self, node: ast.AST, text: str) -> None:
        start, end = self.references.start(node), self.references.end(node)
        self.output.edit(self.references.span(start, end), text)
