"""`KerasClassifier` and `KerasRegressor`, which Keras 3 does not have, as classes of the program's own.

Keras 2 made a scikit-learn estimator of a function that builds and compiles a model
(tensorflow/python/keras/wrappers/scikit_learn.py). Here each such function gets a class with the
same `fit`, `predict` and `score`, written in Keras; the conversion then takes it as any other class.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from transpile.frontends.estimator_text import Estimator, imports_of, text_of
from transpile.frontends.naming import camel
from transpile.frontends.rewritten import Rewritten
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Event
from transpile.ir import Edit
from transpile.references import Reference, References
from transpile.result import Result
from transpile.source import Source

_MODULE = "keras.wrappers.scikit_learn"
_KINDS = {f"{_MODULE}.KerasClassifier": "classifier", f"{_MODULE}.KerasRegressor": "regressor"}
# What `fit` may be given through the estimator.
_FIT = (
    "epochs",
    "batch_size",
    "verbose",
    "callbacks",
    "validation_split",
    "validation_data",
    "shuffle",
    "class_weight",
)
# Of that, what no search varies.
_SETTINGS = frozenset({"validation_split", "shuffle"})
# Attributes of the old classes that a class of one's own has not, and objects that nothing is known of.
_INSIDE = re.compile(r"\.(sk_params|build_fn|filter_sk_params|check_params|best_estimator_\.)\b")
_CROSSENTROPIES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


class _Left(Exception):
    """The program does something with an estimator that a class would not do."""


class Estimators(Rewritten):
    """The program of a source with classes for its scikit-learn wrappers.

    `expanded` is the source's own text where it has none, or one that cannot be written out.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        if not source.imports.uses("keras.wrappers"):
            return
        with suppress(_Left):
            self.rewrite(_Expansion(source).edits())

    def left_by(self, result: Result) -> bool:
        """Whether something of the classes was left: they are nothing that the user wrote."""
        errors = [d.span for d in result.diagnostics if d.level == "error"]
        return any(start <= span.start < end for start, end in self._added() for span in errors)

    def _added(self) -> Iterator[tuple[int, int]]:
        """Where the edits ended up."""
        moved = 0
        for edit in sorted(self.edits, key=lambda e: e.start):
            new = len(edit.text.encode())
            yield edit.start + moved, edit.start + moved + new
            moved += new - (edit.end - edit.start)


@dataclass
class _Made:
    """One call of a wrapper: what it wraps and what else it is given."""

    call: ast.Call
    kind: str
    function: ast.FunctionDef
    given: dict[str, str]
    fixed: dict[str, str] = field(default_factory=dict)  # of that: what the class says by itself


class _Expansion:
    """The edits of one program. Raises _Left."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.interpreter = Interpreter(source)
        self.interpreter.run()
        self.references = References(source.text, self.interpreter.keras.exports)
        self.functions = [n for n in self.references.tree.body if isinstance(n, ast.FunctionDef)]

    def edits(self) -> list[Edit]:
        made = [self._made(r) for r in self.references.references if r.path in _KINDS]
        if not made or _INSIDE.search(self.source.text):
            raise _Left
        edits = list(self._imports(made))
        baked = self._baked(edits)
        names: dict[tuple[str, str], str] = {}
        for one in made:
            alike = [m.given for m in made if m.function is one.function and m.kind == one.kind]
            one.fixed = {n: t for n, t in one.given.items() if n in _SETTINGS and all(g.get(n) == t for g in alike)}
        for one in made:
            key = one.function.name, one.kind
            if key not in names:
                names[key] = self._name(one, set(names.values()))
                same = [m for m in made if (m.function.name, m.kind) == key]
                edits.append(self._class(names[key], same, baked))
            arguments = ", ".join(f"{n}={text}" for n, text in one.given.items() if n not in one.fixed)
            edits.append(Edit(*self._place(one.call), f"{names[key]}({arguments})"))
        return edits

    def _place(self, node: ast.AST) -> tuple[int, int]:
        return self.references.start(node), self.references.end(node)

    def _name(self, one: _Made, taken: set[str]) -> str:
        name = camel(one.function.name) + one.kind.capitalize()
        if name in taken | self.source.used_names:
            raise _Left
        return name

    # What there is

    def _made(self, reference: Reference) -> _Made:
        call = self.references.parents.get(reference.node)
        if not isinstance(call, ast.Call) or call.func is not reference.node or len(call.args) > 1:
            raise _Left
        given = {k.arg: k.value for k in call.keywords if k.arg is not None}
        if len(given) != len(call.keywords):
            raise _Left
        built = call.args[0] if call.args else given.pop("build_fn", None)
        function = self._function(built)
        if function is None or function.decorator_list or function.args.vararg or function.args.kwarg:
            raise _Left
        own = [p.arg for p in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
        if function.args.posonlyargs or any(n not in (*own, *_FIT) for n in given):
            raise _Left
        texts = {n: self.references.code(v) for n, v in given.items()}
        return _Made(call, _KINDS[reference.path], function, texts)

    def _function(self, name: ast.expr | None) -> ast.FunctionDef | None:
        """The function of a name, if the file's last of that name stands before."""
        found = [f for f in self.functions if isinstance(name, ast.Name) and f.name == name.id]
        others = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        if any(found and n.id == found[-1].name for n in others):
            raise _Left  # `build = KerasClassifier(build)`: the name no longer means the function when it is called
        return found[-1] if found and name is not None and found[-1].lineno < name.lineno else None

    def _compiled(self, function: ast.FunctionDef) -> Event:
        """The `compile` of what a function builds."""
        at = self.references.start(function)
        found = [
            e for e in self.interpreter.events
            if e.kind == "compile" and e.frame.function and self.source.span(e.frame.function.node).start == at
        ]  # fmt: skip
        if not found or len({id(e.call) for e in found}) > 1:
            raise _Left
        return found[0]

    # What is written

    def _class(self, name: str, made: list[_Made], baked: dict[str, str]) -> Edit:
        first = made[0]
        event = self._compiled(first.function)
        loss = event.kwargs.get("loss") or (event.args[1] if len(event.args) > 1 else None)
        metrics = event.kwargs.get("metrics") or (event.args[2] if len(event.args) > 2 else None)
        if loss is None or not isinstance(loss.value, str):
            raise _Left
        args = first.function.args
        own = [p.arg for p in (*args.args, *args.kwonlyargs)]
        texts = dict(zip(reversed([p.arg for p in args.args]), map(self.references.code, reversed(args.defaults))))
        texts |= {p.arg: self.references.code(d) for p, d in zip(args.kwonlyargs, args.kw_defaults) if d is not None}
        fit = {"epochs": "1", "batch_size": "32", "verbose": "1"}
        fit |= {n: "None" for m in made for n in m.given if n in _FIT and n not in (*fit, *m.fixed)}
        estimator = Estimator(
            name=name,
            function=first.function.name,
            own={n: texts.get(n, "None") for n in own},
            fit={n: text for n, text in fit.items() if n not in own},
            baked=first.fixed | baked,
            several=metrics is not None and bool(metrics.value),
            **self._kind(first.kind, event, loss.value, metrics.value if metrics else None),
        )
        at = self.references.line_start(self._place(self._home(first.call))[0])
        return Edit(at, at, text_of(estimator, self._numpy(), self._one_hot()))

    @staticmethod
    def _kind(kind: str, event: Event, loss: str, metrics: object) -> dict[str, bool]:
        """How targets and predictions look."""
        shape = event.model.output_shapes[0] if event.model is not None and len(event.model.outputs) == 1 else None
        units = shape[-1].value if shape is not None and len(shape) == 2 else None
        if kind == "regressor":
            if units != 1:
                raise _Left
            return {"classifier": False, "binary": False, "categorical": False}
        reads = isinstance(metrics, list | tuple) and bool(
            {"accuracy", "acc"} & {m for m in metrics if isinstance(m, str)}
        )
        binary = units == 1 and loss == "binary_crossentropy"
        if not reads or not (binary or (units != 1 and loss in _CROSSENTROPIES)):
            raise _Left
        return {"classifier": True, "binary": binary, "categorical": loss == "categorical_crossentropy"}

    def _home(self, call: ast.Call) -> ast.stmt:
        """The statement of the module that a call stands in."""
        around = [n for n in self.references.around(call) if isinstance(n, ast.stmt)]
        return around[-1]

    def _numpy(self) -> str:
        return next((n for n, path in self.source.imports.names.items() if path == "numpy"), "np")

    def _one_hot(self) -> str:
        names = self.source.imports.names
        return next((n for n, path in names.items() if path == "keras.utils.to_categorical"), "to_categorical")

    # Around it

    def _imports(self, made: list[_Made]) -> Iterator[Edit]:
        """What the classes need, in the place of the wrappers' imports."""
        wanted = imports_of(self._numpy(), self._one_hot(), {m.kind for m in made}, self.source.imports.names)
        statements = {
            id(b.statement): b.statement for b in self.references.bindings if b.path.startswith("keras.wrappers")
        }
        for statement in statements.values():
            top = isinstance(statement, ast.ImportFrom) and statement in self.references.tree.body
            names = [a.name for a in statement.names] if isinstance(statement, ast.ImportFrom) else []
            if not top or any(f"{_MODULE}.{name}" not in _KINDS for name in names):
                raise _Left
            yield Edit(*self._place(statement), "\n".join(wanted) or "pass")
            wanted = []

    def _baked(self, edits: list[Edit]) -> dict[str, str]:
        """What calls of the estimators' `fit` are given beside the data: the classes say it."""
        events = {self.source.span(e.call).start for e in self.interpreter.events}
        found: list[dict[str, str]] = []
        for node in ast.walk(self.references.tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "fit":
                continue
            if self.references.start(node) in events or not node.keywords:
                continue
            given = {k.arg: k.value for k in node.keywords if k.arg not in ("X", "y", "x")}
            if any(n not in _FIT or not isinstance(v, ast.Constant) for n, v in given.items()):
                raise _Left
            found.append({str(n): self.references.code(v) for n, v in given.items()})
            data = [self.references.code(a) for a in node.args]
            data += [f"{k.arg}={self.references.code(k.value)}" for k in node.keywords if k.arg in ("X", "y")]
            function = self.references.code(node.func)
            edits.append(Edit(*self._place(node), f"{function}({', '.join(data)})"))
        if any(one != found[0] for one in found):
            raise _Left
        return found[0] if found else {}
