"""Converts the tensor code of a file that no model and no training has taken: function by function."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from transpile.backends.bodies.calls import Refusal, knows
from transpile.backends.bodies.kinds import UNSURE, Kind, literal_kind
from transpile.backends.bodies.objects import Objects
from transpile.backends.bodies.statements import Body, Function
from transpile.backends.bodies.step_results import detached
from transpile.backends.bodies.tape import TapeBody
from transpile.backends.bodies.tape_scopes import Relied
from transpile.backends.bodies.variables import holds_variables
from transpile.backends.bodies.walker import Env
from transpile.backends.templates import helper
from transpile.backends.torch_functions import imports_of
from transpile.backends.torch_helpers import HELPERS
from transpile.backends.torch_setup import DEVICE_LISTS, SEEDS
from transpile.frontends.keras_utilities import SETUP_CALLS, SETUP_VALUES
from transpile.interpret.arrays import KERAS_CONSTANTS
from transpile.interpret.callbacks import callbacks_of
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Instance, KerasObject, ModelValue
from transpile.interpret.vocabularies import mapped_functions, text_functions
from transpile.ir import Edit
from transpile.passes.leftovers import code_of, remaining
from transpile.references import References
from transpile.splice import Output

_CONSTANTS = frozenset(KERAS_CONSTANTS)  # no tensor code by themselves
_SHARED = _CONSTANTS | {"keras.backend.int_shape", "tf.function"}
_ELSEWHERE = frozenset({*HELPERS, *SEEDS, *DEVICE_LISTS, *SETUP_CALLS, *SETUP_VALUES, "keras.utils.to_categorical"})
_SETUP = ("tf.test.", "tf.config.", "tf.logging.", "tf.get_logger")
_PIPELINE = frozenset("map filter interleave flat_map from_generator apply py_function numpy_function".split())
_ANSWERED = (
    "calling the model on data",
    "the model's trainable_variables",
    "the model's trainable_weights",
    "the model's losses",
)
_OBJECTS = (KerasObject, ModelValue)
NOTHING: Mapping[int, bool] = {}
_MADE = ("keras.optimizers.", "keras.losses.", "keras.metrics.")
_CLASS_ROOTS = ("keras.", "tf.")


def convert_bodies(
    references: References,
    output: Output,
    classes: Mapping[str, Kind] | None = None,
    interpreter: Interpreter | None = None,
    converted: Mapping[int, bool] = NOTHING,
) -> list[tuple[int, int]]:
    """Adds the edits of every function and statement whose tensor code has a translation.

    `classes` are those of the user's that were converted, `converted` the models (by id).
    Returns the spans of calls of models that are right as they stand.
    """
    bodies = Bodies(references, output, interpreter, converted)
    bodies.body.module.names |= classes or {}
    bodies.run()
    if isinstance(bodies.body, TapeBody):
        Objects(references, output, bodies.body).write()
    return bodies.answered


def is_foreign(path: str) -> bool:
    """Whether a function is a utility or part of TensorFlow's set-up: converted elsewhere."""
    return path in _ELSEWHERE or path.startswith(_SETUP) or "__version__" in path


def is_tensor_code(path: str) -> bool:
    """Whether a name is one of tensor code."""
    if is_foreign(path):
        return False
    return path in ("tf.function", "tf.GradientTape") or knows(path) or code_of(path) == "K2T153"


def _object(path: str) -> bool:
    """Whether a name may be meant as an object, to be passed on."""
    return path.startswith(("keras.losses.", "keras.metrics.", "keras.activations."))


class Bodies:
    """The tensor code of one file."""

    def __init__(
        self,
        references: References,
        output: Output,
        interpreter: Interpreter | None = None,
        converted: Mapping[int, bool] = NOTHING,
    ) -> None:
        self.references = references
        self.output = output
        live = remaining(references, output)
        self.paths: dict[ast.AST, str] = {r.node: r.path for r in live}
        self.every: dict[ast.AST, str] = {r.node: r.path for r in references.references}
        self.on_texts = text_functions(references) | mapped_functions(references)
        pipelines = interpreter is not None and interpreter.keras.has_pipelines
        self.written_out = pipelines and interpreter is not None and not interpreter.keras.pipelines
        if interpreter is not None and not self.written_out:
            self.on_texts |= self._left_lambdas()
        mine = self._mine()
        self.body = Body(references, mine)
        if interpreter is not None:
            self.body = TapeBody(references, mine, interpreter, converted)
            self.body.written = [(e.start, e.end) for e in output.edits]
        self.answered: list[tuple[int, int]] = []  # calls of models, which stay as they are
        self.piped = set() if self.written_out else self._piped()
        self.converted: set[str] = set()  # functions
        self.steps: set[str] = set()  # the functions with a gradient tape that were converted

    def _mine(self) -> dict[ast.AST, str]:
        """The references of tensor code; the others are for other back ends."""
        return {
            n: p
            for n, p in self.paths.items()
            if is_tensor_code(p) and (self._called(n) or not _object(p)) and not self._on_text(n)
        }

    def _on_text(self, node: ast.AST) -> bool:
        """Whether code works on strings, which are no tensors, or on what a pipeline of TensorFlow's yields."""
        return bool(self.on_texts) and any(n in self.on_texts for n in self.references.around(node))

    def _called(self, node: ast.AST) -> bool:
        parent = self.references.parents.get(node)
        return isinstance(parent, ast.Call) and parent.func is node

    def prepare(self) -> None:
        """Notes what the names of the module are."""
        self._collect(self.references.tree.body, self.body.module)
        for unit in self.units(self.references.tree.body):
            if not self._touches(unit):
                self._note(unit)

    def run(self) -> None:
        """Functions and what stands outside of them, in order."""
        self.prepare()
        for unit in self.units(self.references.tree.body):
            if not self._touches(unit):
                self._forget_modes()  # a training may stand there
                continue
            if not isinstance(unit, ast.FunctionDef | ast.AsyncFunctionDef):
                self._convert_statement(unit)
            elif unit.name not in self.piped:
                self.convert_function(unit)
        for edit in detached(self.references, self.steps):
            if not any(e.start < edit.end and edit.start < e.end for e in self.output.edits):
                self.output.edits.append(edit)

    def _forget_modes(self) -> None:
        """Nothing is known any more of the modes that models are in."""
        if isinstance(self.body, TapeBody):
            self.body.modes, self.body.wanted = {}, []

    def units(self, statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
        """What is converted as a whole or not at all: functions, methods, statements."""
        for statement in statements:
            if isinstance(statement, ast.ClassDef):
                if not self.from_framework(statement) or self._is_hook(statement):
                    yield from self.units(statement.body)
            elif isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test):
                yield from self.units([*statement.body, *statement.orelse])
            else:
                yield statement

    def _is_hook(self, node: ast.ClassDef) -> bool:
        """Whether a class is a callback that became a plain class."""
        bases = [self.every.get(b, "") for b in node.bases]
        kept = any(b in self.paths for b in node.bases)
        return isinstance(self.body, TapeBody) and not kept and all(b.startswith("keras.callbacks.") for b in bases)

    def _enter(self, node: Function) -> None:
        """The object whose method is walked: of a callback that `fit` is given."""
        if not isinstance(self.body, TapeBody):
            return
        owner = next((o for o in self.references.around(node) if isinstance(o, ast.ClassDef)), None)
        made = [v for e in self.body.interpreter.events for v in callbacks_of(e) if isinstance(v, Instance)]
        found = next((i for i in made if owner is not None and i.cls.node.name.value == owner.name), None)
        self.body.holder, self.body.calls = found, []
        self.body.owner = node.args.args[0].arg if found is not None and node.args.args else ""

    def _without_gradients(self, node: Function) -> list[Edit]:
        """A callback that calls models has no use for their gradients."""
        hook = isinstance(self.body, TapeBody) and self.body.holder is not None and bool(self.body.calls)
        if not hook or "GradientTape" in self.references.code(node):
            return []
        at = self.references.start(node)
        return [Edit(at, at, f"@torch.no_grad()\n{' ' * node.col_offset}")]

    def from_framework(self, node: ast.ClassDef) -> bool:
        """Whether a class derives from one of a framework's."""
        above = {b.id for b in node.bases if isinstance(b, ast.Name)} - {node.name}
        before = [n for n in self.references.tree.body if isinstance(n, ast.ClassDef) and n.lineno < node.lineno]
        keras = any(self.every.get(b, "").startswith(_CLASS_ROOTS) for b in node.bases)
        return keras or any(self.from_framework(c) for c in before if c.name in above)

    def _collect(self, statements: Sequence[ast.stmt], env: Env) -> None:
        """The functions and plain constants of the module."""
        for statement in statements:
            if isinstance(statement, ast.FunctionDef):
                env.names[statement.name] = Kind("function", node=statement)

    def _touches(self, unit: ast.stmt) -> bool:
        """Whether a unit holds tensor code, and nothing that will be left beside it."""
        nodes = [node for node in ast.walk(unit) if node in self.paths and not self._makes_object(node)]
        if any(n not in self.body.paths and not self._elsewhere(n, unit) for n in nodes):
            return False
        if self._concerned(unit):
            return True
        shared = _CONSTANTS if isinstance(unit, ast.FunctionDef) else _SHARED
        return any(n in self.body.paths and self.paths[n] not in shared for n in nodes)

    def _concerned(self, unit: ast.stmt) -> bool:
        """Whether a unit computes with tensors, variables, functions or models that are PyTorch's by now."""
        body = self.body
        if not isinstance(body, TapeBody) or isinstance(unit, ast.ClassDef | ast.Import | ast.ImportFrom):
            return False
        start, end = self.references.start(unit), self.references.end(unit)
        if any(e.start < end and start < e.end for e in self.output.edits):
            return False  # other parts of the tool write it
        for node in ast.walk(unit):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                kind = body.module.get(node.id)
                if kind.what == "tensor" or holds_variables(kind) or node.id in self.converted:
                    return True
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                held = body.object_of(node.func, body.module)
                if isinstance(held, ModelValue) and body.is_converted(held):
                    return True
        return False

    def _elsewhere(self, node: ast.AST, unit: ast.stmt) -> bool:
        """Whether another part of the tool converts what a reference names."""
        path = self.paths[node]
        piped = self.written_out and isinstance(unit, ast.FunctionDef) and path.startswith("tf.data.")
        if not piped or any(a in self.body.paths for a in self._arguments(node)):
            return is_foreign(path)
        return True

    def _arguments(self, node: ast.AST) -> Iterator[ast.AST]:
        """What stands in the arguments of the call that a reference is the function of."""
        call = self.references.parents.get(node)
        if isinstance(call, ast.Call) and call.func is node:
            for part in (*call.args, *call.keywords):
                yield from ast.walk(part)

    def _makes_object(self, node: ast.AST) -> bool:
        """Whether a reference is the class of `optimizer = keras.optimizers.SGD(0.1)`: written with what uses it."""
        call = self.references.parents.get(node)
        if not isinstance(call, ast.Call) or call.func is not node or not self.paths[node].startswith(_MADE):
            return False
        return isinstance(self.references.parents.get(call), ast.Assign)

    def _note(self, unit: ast.stmt) -> None:
        """A statement without tensor code: what it assigns."""
        if not isinstance(unit, ast.Assign):
            return
        env = self.body.module
        if isinstance(unit.value, ast.Constant):
            kind = literal_kind(unit.value.value)
        else:
            try:
                kind = self.body.visit(unit.value, env).kind
            except Refusal:
                kind = UNSURE
            self._forget_modes()
        for target in unit.targets:
            self.body.bind(target, kind, env)

    def _piped(self) -> set[str]:
        """Functions that a data pipeline calls: they go with it."""
        found: set[str] = set()
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PIPELINE:
                found |= {a.id for a in node.args if isinstance(a, ast.Name)}
        return found

    def _left_lambdas(self) -> set[ast.AST]:
        """The lambdas of data pipelines that stay TensorFlow's: its tensors go in and come out."""
        calls = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Call)]
        piped = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr in _PIPELINE]
        return {a for c in piped for a in c.args if isinstance(a, ast.Lambda)}

    def convert_function(self, node: Function, given: dict[str, Kind] | None = None) -> bool:
        """One function, whole or not at all; whether it was converted."""
        self.body.helpers = []
        self.body.edits, self.body.returned = [], []
        kept = self._relied_on()
        self._enter(node)
        try:
            edits, _ = self.body.function(node, self.body.module, given or {})
        except Refusal as refusal:
            self._relied_on(kept)
            self._refused(refusal)
            return False
        edits = [*self._without_gradients(node), *edits]
        tape = "GradientTape" in self.references.code(node)
        taken = self._take(node, [*edits, *self._moved(node)] if tape else edits)
        if taken and tape:
            self.steps.add(node.name)
        if taken:
            self.converted.add(node.name)
        return taken

    def _relied_on(self, kept: Relied | None = None) -> Relied:
        """The objects that converted code uses; what was left uses none anew."""
        if not isinstance(self.body, TapeBody):
            return Relied()
        if kept is not None:
            self.body.relied = kept
        return self.body.relied.copy()

    def _moved(self, node: Function) -> list[Edit]:
        """The line that moves a batch to the device at the start of a training step."""
        required = node.args.args[: len(node.args.args) - len(node.args.defaults)]
        read: set[str] = set()
        for part in ast.walk(node):
            uses = part.args if isinstance(part, ast.Call) else []
            uses = [part.left, part.right] if isinstance(part, ast.BinOp) else uses
            read |= {a.id for a in uses if isinstance(a, ast.Name)}
        frames = self.body.scopes.of(node) if isinstance(self.body, TapeBody) else []
        objects = {n for f in frames for n, v in f.names.items() if isinstance(v, _OBJECTS)}
        names = [a.arg for a in required if a.arg in read and a.arg != "self" and a.arg not in objects]
        first = next((s for s in node.body if not _is_docstring(s)), None)
        if not names or first is None:
            return []
        at, indent = self.references.start(first), " " * first.col_offset
        line = f"{', '.join(names)} = {', '.join(f'{n}.to(device)' for n in names)}"
        self.output.device(self.references.start(node))
        return [Edit(at, at, f"{line}\n{indent}")]

    def _answered(self, start: int, end: int) -> None:
        """Takes back what was said about uses of models that are converted now."""
        kept = [
            d
            for d in self.output.diagnostics
            if not (d.code == "K2T130" and start <= d.span.start < end and d.message.startswith(_ANSWERED))
        ]
        self.output.diagnostics[:] = kept

    def _convert_statement(self, unit: ast.stmt) -> None:
        if isinstance(self.body, TapeBody):
            self.body.holder, self.body.owner, self.body.calls = None, "", []
        self.body.helpers = []
        self.body.edits, self.body.returned = [], []
        kept = self._relied_on()
        try:
            self.body.loose = True
            self.body.statement(unit, self.body.module)
        except Refusal as refusal:
            self._relied_on(kept)
            self._refused(refusal)
            return
        finally:
            self.body.loose = False
        self._take(unit, self.body.edits)

    def _refused(self, refusal: Refusal) -> None:
        """Reported here where it is tensor code; other constructs have codes of their own."""
        start, end = self.references.start(refusal.node), self.references.end(refusal.node)
        self.output.report(refusal.code, self.references.span(start, end), str(refusal))

    def _take(self, unit: ast.AST, edits: Sequence[Edit]) -> bool:
        """The edits, unless they meet others; with the imports and helpers that they need."""
        mine = list(dict.fromkeys(edits))
        for edit in mine:
            if any(e.start < edit.end and edit.start < e.end for e in self.output.edits):
                return False
        offset = self.references.start(unit)
        if isinstance(self.body, TapeBody):
            self.answered += [(self.references.start(c), self.references.end(c)) for c in self.body.calls]
            self._answered(offset, self.references.end(unit))
        for name in dict.fromkeys(self.body.helpers):
            self.output.define(name, offset, helper(name))
        for edit in mine:
            self.output.edit(self.references.span(edit.start, edit.end), edit.text)
            imports_of(edit.text, self.output)
            if re.search(r"\bdevice=device\b|\.to\(device\)", edit.text):
                self.output.device(offset)
        return bool(mine)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
