"""In which mode a model runs where it is called: PyTorch switches it, Keras is told each time."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.frontends.torch_kind import FUNCTION
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_owned import given_from_outside, inside
from transpile.scopes import blocks


@dataclass(frozen=True)
class Mode:
    """`text` is the expression for `training=`; `certain` is False where paths may disagree."""

    text: str
    certain: bool = True
    why: str = "whether the model trains here depends on the caller"


TRAINING = Mode("True")
INFERENCE = Mode("False")


class Modes:
    """Follows `model.train()` and `model.eval()` through one file."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.references = kinds.references
        self._busy: set[tuple[int, str]] = set()
        self.switched = any(self.switch(s) is not None for s in ast.walk(self.references.tree))

    def switch(self, node: ast.AST) -> tuple[str, str] | None:
        """(model, mode) of a statement that switches a model; None for any other."""
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)],
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=same), attr="train" | "eval")) as value,
            ) if name == same:  # `net = net.eval()`
                return self.switch(ast.copy_location(ast.Expr(value), node))
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=model, attr="train" | "eval" as attr), args=args)):
                if self.kinds.of(model).name != "model":
                    return None
                if attr == "eval":
                    return self.kinds.code(model), "False"
                return self.kinds.code(model), self.kinds.code(args[0]) if args else "True"
            case ast.If(test=test, body=body, orelse=orelse) if len(body) >= 1 and len(orelse) >= 1:
                return self._either(test, body, orelse)
        return None

    def _either(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> tuple[str, str] | None:
        """`if phase == "train": model.train() else: model.eval()`."""
        first = [s for s in map(self.switch, body) if s]
        second = [s for s in map(self.switch, orelse) if s]
        if len(first) != 1 or len(second) != 1 or first[0][0] != second[0][0]:
            return None
        text = self.kinds.code(test)
        match first[0][1], second[0][1]:
            case "True", "False":
                return first[0][0], text
            case "False", "True":
                return first[0][0], f"not ({text})"
            case a, b if a == b:
                return first[0]
        return None

    def at(self, node: ast.AST, model: str) -> Mode:
        """The mode of a model, given by its text, where a node stands."""
        function = self.kinds.function_of(node)
        key = (id(node), model)
        if key in self._busy:
            return TRAINING
        self._busy.add(key)
        try:
            return self._in_function(node, model, function)
        finally:
            self._busy.discard(key)

    def _in_function(self, node: ast.AST, model: str, function: ast.AST) -> Mode:
        statement = self.references.statement(node)
        carried: list[str] = []
        found = self._before(statement, model, function, carried)
        mode = TRAINING if found is None else Mode(found)
        if found is None and isinstance(function, FUNCTION):
            mode = self._at_calls(function, model)
        if any(later != mode.text for later in carried):
            return Mode(
                mode.text, False, "the model is switched further down in the loop: here it trains at first only"
            )
        return mode

    def _before(self, statement: ast.stmt, model: str, function: ast.AST, carried: list[str]) -> str | None:
        """By the last switch before a statement, block by block outwards.

        `carried` gathers in which modes loops that switch the model only behind the statement come back to it.
        """
        here: ast.AST = statement
        while here is not function:
            parent = self.references.parents[here]
            for block in blocks(parent):
                if here in block:
                    for earlier in reversed(block[: block.index(here)]):
                        found = self._of_statement(earlier, model)
                        if found is not None:
                            return found
                    if isinstance(parent, ast.For | ast.While) and block is parent.body:
                        switches = (self._of_statement(s, model) for s in reversed(block[block.index(here) :]))
                        carried += [s for s in switches if s is not None][:1]
            here = parent
        return None

    def _of_statement(self, statement: ast.stmt, model: str) -> str | None:
        """What mode a statement leaves a model in; None if it does not touch it."""
        direct = self.switch(statement)
        if direct is not None:
            return direct[1] if _same(direct[0], model) else None
        if isinstance(statement, FUNCTION | ast.ClassDef):
            return None
        found = None
        for inner in ast.walk(statement):
            if isinstance(inner, ast.stmt) and inner is not statement:
                switched = self.switch(inner)
                found = switched[1] if switched and _same(switched[0], model) else found
            elif isinstance(inner, ast.Call):
                function = self.kinds.called_function(inner)
                left = self._left_by(function, inner, model) if function else None
                found = left or found
        return found

    def _left_by(self, function: FUNCTION, call: ast.Call, model: str) -> str | None:
        """In which mode a call of a function leaves a model."""
        if id(function) in {k for k, _ in self._busy}:
            return None
        self._busy.add((id(function), ""))
        name = self._name_inside(function, call, model)
        found = None
        for inner in function.body if name else ():
            found = self._of_statement(inner, name) or found
        self._busy.discard((id(function), ""))
        return found if found in ("True", "False") else None

    def _name_inside(self, function: FUNCTION, call: ast.Call, model: str) -> str:
        """What a function calls a model of its caller's."""
        if id(function) in self.kinds.objects.owners:
            return inside(self.kinds, function, model)
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        for name, given in zip(names, call.args):
            if self.kinds.code(given) == model:
                return name
        for keyword in call.keywords:
            if keyword.arg and self.kinds.code(keyword.value) == model:
                return keyword.arg
        return "" if model in names else model

    def _at_calls(self, function: FUNCTION, model: str) -> Mode:
        """As the calls of the function have it, if they agree."""
        found: set[str] = set()
        for call in self.kinds.calls_of(function):
            outside = self._name_outside(function, call, model)
            found.add(self.at(call, outside).text if outside else "")
        if not found:
            return Mode("True", certain=not self._switched_in_class(function, model))
        if len(found) == 1 and found <= {"True", "False"}:
            return Mode(found.pop())
        return Mode("True", certain=False)

    def _switched_in_class(self, function: FUNCTION, model: str) -> bool:
        """Whether another method switches a model of the object: who calls this one decides then."""
        owner = self.kinds.objects.owners.get(id(function))
        switches = [self.switch(s) for s in ast.walk(owner) if isinstance(s, ast.stmt)] if owner else []
        return any(s is not None and _same(s[0], model) for s in switches)

    def _name_outside(self, function: FUNCTION, call: ast.Call, model: str) -> str:
        """What the caller calls a model of a function's; "" where that is not known."""
        if model.startswith("self.") and isinstance(call.func, ast.Attribute):
            same = self.kinds.objects.owner(call.func.value) is self.kinds.objects.owners.get(id(function))
            return model if same else given_from_outside(self.kinds, function, model)
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if model in names and names.index(model) < len(call.args):
            return self.kinds.code(call.args[names.index(model)])
        for keyword in call.keywords:
            if keyword.arg == model:
                return self.kinds.code(keyword.value)
        return model


def _same(switched: str, model: str) -> bool:
    return switched == model or model.startswith(f"{switched}.")
