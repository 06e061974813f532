"""Training steps of a model's own: `train_step`, `test_step`, and the `compile` that goes with them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Argument, Call, Refusal, translate
from transpile.backends.bodies.forward import ForwardBody
from transpile.backends.bodies.kinds import TENSOR, UNSURE, Kind, tensor
from transpile.backends.bodies.own_compiled import Compiled, attribute, computed, is_compiled_loss, updated
from transpile.backends.bodies.statements import Body
from transpile.backends.bodies.tape import TapeBody
from transpile.backends.bodies.tape_losses import METRICS
from transpile.backends.bodies.tape_operands import suit_targets
from transpile.backends.bodies.tape_steps import Models, dotted, function_of, methods_in
from transpile.backends.bodies.walker import Env, Hook, Value
from transpile.frontends.compile_objects import Refused, arguments
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Array, Event, KerasObject, ModelValue
from transpile.ir import FREE, Edit, Expr, literal
from transpile.references import References

if TYPE_CHECKING:
    from transpile.backends.bodies.own import OwnClass

STEPS = ("train_step", "test_step")
_COMPILE = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")


@dataclass
class Own:
    """What the attributes of a model with a step of its own are, and what its steps were found to be."""

    objects: dict[str, object]
    compiles: ast.FunctionDef | None
    given: dict[str, Expr]  # per parameter of compile, what it is given
    fed: tuple[Expr, ...]  # what fit is given
    reports: dict[str, dict[str, ast.expr]] = field(default_factory=dict)
    models: list[tuple[ModelValue, ast.AST]] = field(default_factory=list)  # that must be converted
    compiled: Compiled | None = None  # the loss and the metrics of compile
    dropped: set[str] = field(default_factory=set)  # parameters of compile
    sources: dict[str, str] = field(default_factory=dict)  # attribute -> parameter of compile


def own_of(interpreter: Interpreter, own: OwnClass) -> Own:
    """Reads the objects of a class with a training step. Raises Refusal."""
    try:
        return _read(interpreter, own)
    except Refused as error:
        raise Refusal(error.problem.code, error.problem.message, own.node) from None


def _read(interpreter: Interpreter, own: OwnClass) -> Own:
    if not own.models or not own.instances:
        raise Refusal("K2T181", "no model of this class is made", own.node)
    objects: dict[str, object] = {}
    for instance in own.instances:
        for name, value in instance.attributes.items():
            if isinstance(value, KerasObject | ModelValue):
                objects.setdefault(name, value)
    compiles = own.method("compile")
    events = [e for e in interpreter.events if e.kind == "compile" and e.model in own.models]
    given: dict[str, Expr] = {}
    for event in events:
        found = _bound(event, compiles)
        if given and {k: _what(v) for k, v in found.items()} != {k: _what(v) for k, v in given.items()}:
            raise Refusal("K2T181", "its models are compiled in different ways", own.node)
        given = found
    fits = [e for e in interpreter.events if e.kind == "fit" and e.model in own.models]
    fed = [arguments(e, ("x", "y")) for e in fits]
    same = {tuple(_rank(f.get(n)) for n in ("x", "y")) for f in fed}
    first = tuple(fed[0][n] for n in ("x", "y") if n in fed[0]) if len(same) == 1 else ()
    made = Own(objects, compiles, given, first)
    if compiles is None and events:
        made.given.setdefault("optimizer", literal("rmsprop"))
        made.objects["optimizer"] = made.given["optimizer"].value
        made.sources["optimizer"] = "optimizer"
    return made


def _bound(event: Event, compiles: ast.FunctionDef | None) -> dict[str, Expr]:
    if compiles is None:
        return arguments(event, _COMPILE)
    names = [a.arg for a in compiles.args.args[1:]]
    given = dict(zip(names, event.args)) | event.kwargs
    defaults = dict(zip(names[::-1], compiles.args.defaults[::-1]))
    for name, default in defaults.items():
        if isinstance(default, ast.Constant):
            given.setdefault(name, Expr(ast.unparse(default), default.value))
    return given


def _what(expr: Expr) -> object:
    value = expr.value
    return (value.path, tuple(value.kwargs)) if isinstance(value, KerasObject) else str(value)


def _rank(expr: Expr | None) -> object:
    if expr is None:
        return None
    return len(expr.value.shape) if isinstance(expr.value, Array) and expr.value.shape else type(expr.value)


def data_kind(fed: tuple[Expr, ...]) -> Kind:
    """What `train_step` gets: a tensor, or inputs and targets."""
    kinds = [_kind(e) for e in fed]
    if not kinds:
        return UNSURE
    return kinds[0] if len(kinds) == 1 else Kind("list", items=tuple(kinds))


def _kind(expr: Expr) -> Kind:
    value = expr.value
    if not isinstance(value, Array) or value.shape is None:
        return UNSURE if not isinstance(value, Array) else TENSOR
    element = "int" if "int" in (value.dtype or "") else "float"
    shape = (FREE, *(FREE if n is None else literal(n) for n in value.shape[1:]))
    return tensor(element, shape)  # type: ignore[arg-type]


class StepBody(TapeBody, ForwardBody):
    """Walks the methods of a model with a training step of its own."""

    loaded = True

    def __init__(
        self, references: References, paths: Mapping[ast.AST, str], interpreter: Interpreter, own: Own,
        whole: OwnClass, hooks: tuple[Hook, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(references, paths, interpreter, {}, hooks)
        self.own, self.whole = own, whole
        self.stepping = False  # inside train_step or test_step

    # What names mean

    def object_of(self, node: ast.expr, env: Env) -> object:
        if isinstance(node, ast.Name) and node.id == self.owner and self.owner:
            return self.whole.models[0]
        if isinstance(node, ast.Attribute) and dotted(node.value) == self.owner and self.owner:
            found = self.own.objects.get(node.attr)
            return found if found is not None else super().object_of(node, env)
        return super().object_of(node, env)

    def is_converted(self, model: ModelValue) -> bool:
        return True  # `Classes.write` looks whether that came true

    def _Name(self, node: ast.Name, env: Env) -> Value:
        if node.id in self.aliases:
            raise Refusal("K2T191", f"{node.id} is used outside of tapes and optimizers", node)
        return super()._Name(node, env)

    # Calls

    def _model(self, node: ast.Call, model: ModelValue, env: Env) -> Value:
        if model not in self.whole.models:
            self.own.models.append((model, node))
        value = super()._model(node, model, env)
        shapes = list(self.whole.outputs) if model in self.whole.models else list(model.output_shapes)
        single = len(shapes) == 1 and model.single_output
        if not self._detached(node) or not single:
            return value
        return self.replaced(node, f"{self.text(node, value)}.detach()", value.kind)

    def _detached(self, node: ast.AST) -> bool:
        """Whether a tape of the function does not see a call."""
        function = function_of(self.references, node)
        tapes = [n for n in ast.walk(function) if self.paths.get(n) == "tf.GradientTape"]
        return self.stepping and bool(tapes) and not self.taping

    def options(self, node: ast.Assign, call: ast.Call, models: Models) -> list[str]:
        """Nothing, where each loss has a tape of its own and is applied before the next."""
        start, function = self.references.start, function_of(self.references, node)
        gradients = [start(c) for c in methods_in(self.references, node, "gradient")]
        steps = [start(c) for c in methods_in(self.references, node, "apply_gradients", "apply")]
        tapes = [start(n) for n in ast.walk(function) if self.paths.get(n) == "tf.GradientTape"]
        for first, following in zip(gradients, [*gradients[1:], self.references.end(function)]):
            apart = any(first < t < following for t in tapes) or following == self.references.end(function)
            if not apart or not any(first < s < following for s in steps):
                return super().options(node, call, models)
        return []

    def module_call(self, node: ast.Call, callee: Kind, env: Env) -> Value:
        from transpile.backends.bodies.modules import Module

        module = callee.node
        moody = isinstance(module, Module) and (module.mode or (module.own is not None and module.own.trained))
        if self.stepping and moody:
            raise Refusal("K2T181", "a layer that behaves differently in training, called in a step", node)
        return super().module_call(node, callee, env)

    def rows(self, node: ast.AST, name: str, args: list[Argument], env: Env) -> str:
        """A function of Keras's with one value for each row."""
        made = node.value if isinstance(node, ast.Expr) else node
        call = Call(f"keras.losses.{name}", made, args, {}, self.place(env))  # type: ignore[arg-type]
        suit_targets(self, call, env, aligns=True)
        return translate(call)[0]

    def _Call(self, node: ast.Call, env: Env) -> Value:
        found = computed(self, node, env)
        return found if found is not None else super()._Call(node, env)

    # Statements

    def statement(self, node: ast.stmt, env: Env) -> None:
        if self.stepping and updated(self, node, env):
            return
        super().statement(node, env)
        if self.stepping and isinstance(node, ast.Assign) and is_compiled_loss(self, node.value):
            self._noted(node)

    def _do_Return(self, node: ast.Return, env: Env) -> None:
        if self.stepping and isinstance(node.value, ast.DictComp):
            return  # written out already
        super()._do_Return(node, env)

    def _noted(self, node: ast.Assign) -> None:
        """`loss = self.compiled_loss(...)`: Keras notes the loss on the way."""
        if self.own.compiled is None or self.whole.method("metrics") is not None:
            return
        self.own.compiled.noted = True
        name, end = ast.unparse(node.targets[0]), self.references.end(node)
        line = f"\n{' ' * node.col_offset}{self.owner}.{attribute('loss')}.update_state({name})"
        self.edits.append(Edit(end, end, line))

    def _do_If(self, node: ast.If, env: Env) -> None:
        """`if isinstance(data, tuple): data = data[0]`, where it is known what `fit` feeds."""
        known = self._tested(node.test, env)
        if known is None:
            super()._do_If(node, env)
            return
        before = dict(env.names)
        self.value(node.test, env)
        ways = (node.body, node.orelse) if known else (node.orelse, node.body)
        for way in reversed(ways):  # the one that is taken comes last
            env.names = dict(before)
            self.block(way, env)

    def _tested(self, test: ast.expr, env: Env) -> bool | None:
        named = isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id == "isinstance"
        if not named or not isinstance(test, ast.Call) or len(test.args) != 2 or "tuple" not in ast.dump(test.args[1]):
            return None
        kind = env.get(test.args[0].id) if isinstance(test.args[0], ast.Name) else UNSURE
        return {"list": True, "tensor": False}.get(kind.what)


def tracker(body: Body, node: ast.Call, path: str) -> Value:
    """`keras.metrics.Mean(name="loss")` in a constructor."""
    name = METRICS.get(path.rpartition(".")[2])
    if name is None or any(k.arg not in ("name", "dtype") for k in node.keywords):
        raise Refusal("K2T181", f"the metric {body.references.code(node)}", node)
    body.helpers += dict.fromkeys(("Mean", name))
    return body.replaced(node, f"{name}()", Kind("object", path=path))
