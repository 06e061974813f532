"""The losses, metrics and optimizers that training loops by hand make at module level."""

from __future__ import annotations

import ast
from dataclasses import replace

from transpile.backends.bodies.tape import TapeBody
from transpile.backends.bodies.tape_losses import METRICS
from transpile.backends.bodies.tape_scopes import name_in
from transpile.backends.bodies.tape_steps import function_of, parameters_of
from transpile.backends.bodies.variables import Variables, names_of
from transpile.backends.templates import helper
from transpile.backends.torch_epoch import following, optimizer
from transpile.backends.torch_functions import imports_of
from transpile.frontends.keras_compile import Refused
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.interpret.values import KerasObject
from transpile.ir import Edit, Expr
from transpile.references import References
from transpile.splice import Output, fragment


class Objects:
    """Rewrites their definitions, once the code that uses them is written."""

    def __init__(self, references: References, output: Output, body: TapeBody) -> None:
        self.references, self.output, self.body = references, output, body

    def write(self) -> None:
        """All definitions that converted code relies on."""
        made = {held.span.start: held for held in self.body.relied.objects.values()}
        for statement in ast.walk(self.references.tree):
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            target, held = statement.targets[0], made.get(self.references.start(statement.value))
            if isinstance(target, ast.Name) and held is not None:
                self._define(statement, target.id, held)

    def _define(self, statement: ast.Assign, name: str, held: KerasObject) -> None:
        kind = held.path.rpartition(".")[2]
        if held.path.startswith(("keras.losses.", "keras.initializers.")):
            self._edit(statement, "")
        elif held.path.startswith("keras.metrics."):
            for file in dict.fromkeys(("Mean", METRICS[kind])):
                self.output.define(file, self.references.start(statement), fragment(helper(file)))
                imports_of(helper(file), self.output)
            self._edit(statement.value, f"{METRICS[kind]}()")
        else:
            self._optimizer(statement, name, held)

    def _optimizer(self, statement: ast.Assign, name: str, held: KerasObject) -> None:
        stepped = self.body.relied.stepped[id(held)]
        models = tuple(m if isinstance(m, Variables) else name_in(held.frame, m) for m in stepped)
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
        indented = text.replace("\n", "\n" + " " * statement.col_offset)
        for file in (*made.helpers, *after.helpers):
            self.output.define(file, span.start, fragment(helper(file)))
            imports_of(helper(file), self.output)
        imports_of(text + "torch.", self.output)
        model_end = max(self._model_end(m, statement) for m in models)
        if model_end <= span.start:
            self._edit(statement, indented)
            return
        self._edit(statement, "")
        indent = "\n" + " " * statement.col_offset
        self.output.edits.append(Edit(model_end, model_end, indent + text.replace("\n", indent)))

    def _model_end(self, name: str, beside: ast.stmt) -> int:
        """The end of the statement that makes a model or variables, in the scope of another statement."""
        names = names_of(name) if isinstance(name, Variables) else {name}
        scope = function_of(self.references, beside)
        ends = [0]
        for statement in scope.body if isinstance(scope, ast.FunctionDef) else self.references.tree.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            if any(isinstance(n, ast.Name) and n.id in names for t in targets for n in ast.walk(t)):
                ends.append(self.references.end(statement))
        return ends[1] if len(ends) > 1 and not isinstance(name, Variables) else max(ends)

    def _edit(self, node: ast.AST, text: str) -> None:
        start, end = self.references.start(node), self.references.end(node)
        self.output.edit(self.references.span(start, end), text)
