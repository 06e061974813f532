"""Training loops by hand: gradient tapes become zero_grad, backward and step, in place."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Mapping, Sequence

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import FLOATS, NUMBER, Kind, tensor
from transpile.backends.bodies.modules import TRAINED
from transpile.backends.bodies.statements import Body, Function
from transpile.backends.bodies.tape_batches import moved
from transpile.backends.bodies.tape_calls import called, outputs
from transpile.backends.bodies.tape_clips import clipped, clips_behind
from transpile.backends.bodies.tape_losses import LOSS_NAMES, METRICS, closed, loss_value, penalty
from transpile.backends.bodies.tape_scopes import Relied, Scopes, held_by, name_in
from transpile.backends.bodies.tape_steps import (
    Applied,
    Models,
    applied,
    dotted,
    function_of,
    is_gone_over,
    loads,
    methods_in,
    models_of,
    options,
    parameters_of,
)
from transpile.backends.bodies.walker import Env, Hook, Value
from transpile.backends.torch_epoch import clipping
from transpile.frontends.keras_compile import Refused
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import KerasObject, ModelValue
from transpile.ir import Edit, Expr
from transpile.references import References
from transpile.splice import apply
from transpile.training_ir import Optimizer


class TapeBody(Body):
    """Statements with gradient tapes.

    `converted` are the models that are PyTorch's by now (by id), and whether they have penalties.
    """

    def __init__(
        self, references: References, paths: Mapping[ast.AST, str], interpreter: Interpreter,
        converted: Mapping[int, bool], hooks: tuple[Hook, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(references, paths, hooks)
        self.interpreter, self.converted = interpreter, converted
        self.used: set[str] = set()  # the objects of the module that converted code relies on
        self.modes: dict[str, str] = {}  # in which mode each model is by now
        self.wanted: list[str] = []  # statements that must stand before the present one
        self.trained: dict[str, Models] = {}  # optimizer -> the models whose parameters it steps
        self.relied = Relied()
        self.scopes = Scopes(interpreter, references)
        self.functions: list[ast.AST] = []  # that are walked, the innermost last
        self.holder: object = None  # the object whose method is walked
        self.calls: list[ast.Call] = []  # of models, in what is walked
        self.chosen: dict[str, Optimizer] = {}
        self.gradients: dict[str, Models] = {}  # what holds them, until they are applied
        self.aliases: dict[str, Models] = {}  # variables that hold the variables of models
        ops = {layer.op.name for layer in interpreter.layers if layer.op is not None}
        self.moody = bool(ops & TRAINED)

    # What names mean

    def object_of(self, node: ast.expr, env: Env) -> object:
        """The module's object that a name stands for: a loss, a metric, an optimizer, a model."""
        if isinstance(node, ast.Attribute):
            return held_by(self.object_of(node.value, env), node.attr)
        if isinstance(node, ast.Name) and node.id == self.owner and self.holder is not None:
            return self.holder
        if not isinstance(node, ast.Name):
            return None
        if env.parent is not None and self._local(node.id, env):
            return self.scopes.object(self.functions, node.id)
        return self.interpreter.module.names.get(node.id)

    def function(self, node: Function | ast.Lambda, outer: Env, given: Mapping[str, Kind]) -> tuple[list[Edit], Kind]:
        nested = bool(self.functions) and self.functions[-1] in self.references.around(node)
        outer_names = self.aliases, self.gradients
        self.aliases = dict(self.aliases) if nested else {}
        self.gradients = {}
        self.functions.append(node)
        try:
            return super().function(node, outer, given)
        finally:
            self.functions.pop()
            self.aliases, self.gradients = outer_names

    def result_of(self, node: object, kinds: list[Kind]) -> Kind:
        kept, trained = self.relied.copy(), dict(self.trained)
        try:
            return super().result_of(node, kinds)
        finally:
            self.relied, self.trained = kept, trained  # what it uses counts where it is converted

    def _local(self, name: str, env: Env) -> bool:
        here: Env | None = env
        while here is not None and here.parent is not None:
            if name in here.names:
                return True
            here = here.parent
        return False

    # Calls

    def _Call(self, node: ast.Call, env: Env) -> Value:
        added = penalty(self, node, env)
        if added is not None:
            return added
        held = self.object_of(node.func, env)
        if isinstance(held, ModelValue):
            return self._model(node, held, env)
        if isinstance(held, KerasObject):
            found = self._called_object(node, held, env)
            if found is not None:
                return found
        if isinstance(node.func, ast.Attribute):
            found = self._method(node, node.func, env)
            if found is not None:
                return found
        value = super()._Call(node, env)
        own = self._is_own(node.func, env)
        if not own and any(k.arg == "training" for k in node.keywords):
            message = f"{self.references.code(node.func)} is not a model that this module makes and that was converted"
            raise Refusal("K2T191", message, node)
        if own:
            self.modes = {}  # whatever it calls may be in another mode afterwards
        return value

    def _Attribute(self, node: ast.Attribute, env: Env) -> Value:
        if node.attr == "losses" and isinstance(self.object_of(node.value, env), ModelValue):
            raise Refusal("K2T191", "the single losses of a model; their sum is converted", node)
        return super()._Attribute(node, env)

    def _is_own(self, func: ast.expr, env: Env) -> bool:
        """Whether a function of the user's is called."""
        if isinstance(func, ast.Name):
            return env.get(func.id).what == "function"
        return isinstance(func, ast.Attribute) and bool(self.owner) and dotted(func.value) == self.owner

    def _called_object(self, node: ast.Call, held: KerasObject, env: Env) -> Value | None:
        name = held.path.rpartition(".")[2]
        if held.path.startswith("keras.losses."):
            self._rely(dotted(node.func), held)
            return self._loss(node, held, env)
        if held.path.startswith("keras.metrics.") and name in METRICS:
            self._rely(dotted(node.func), held)
            return Value(NUMBER, tuple(e for a in node.args for e in self.plain(a, env).edits))
        return None

    def _loss(self, node: ast.Call, held: KerasObject, env: Env) -> Value:
        """`loss_object(y, p)` as the function that it computes."""
        name = LOSS_NAMES.get(held.path.rpartition(".")[2])
        if name is None or len(node.args) != 2 or node.keywords or held.args:
            raise Refusal("K2T191", f"this use of the loss {held.path.rpartition('.')[2]}", node)
        return loss_value(self, node, name, held.kwargs, [self.argument(a, env) for a in node.args], env)

    def _model(self, node: ast.Call, model: ModelValue, env: Env) -> Value:
        """`model(x, training=True)`: the mode is set before."""
        name = dotted(node.func)
        if not self.is_converted(model):
            raise Refusal("K2T191", f"the model {name} was left", node)
        tensors, mode = called(self, node, model)
        inputs = [self.argument(a, env) for a in tensors]
        self.calls.append(node)
        if self.moody and self.modes.get(name) != mode:
            if any(line.startswith(f"{name}.") for line in self.wanted):
                raise Refusal("K2T191", f"{name} is called in two modes in one statement", node)
            self.modes[name] = mode
            self.wanted.append(f"{name}.{mode}" + ("" if "(" in mode else "()"))
        return self.replaced(node, f"{name}({', '.join(a.text for a in inputs)})", outputs(model))

    def _method(self, node: ast.Call, func: ast.Attribute, env: Env) -> Value | None:
        held = self.object_of(func.value, env)
        if isinstance(held, KerasObject) and held.path.startswith("keras.metrics."):
            return self._metric(node, func, held, env)
        if func.attr == "watch" and self.visit(func.value, env).kind.path == "tape" and len(node.args) == 1:
            return self.replaced(node, f"{self.argument(node.args[0], env).text}.requires_grad_()", NUMBER)
        if func.attr == "gradient" and self.visit(func.value, env).kind.path == "tape":
            return self._gradient(node, env)
        if func.attr in ("apply_gradients", "minimize"):
            raise Refusal("K2T191", f"this use of {func.attr}", node)
        return None

    def _metric(self, node: ast.Call, func: ast.Attribute, held: KerasObject, env: Env) -> Value | None:
        if held.path.rpartition(".")[2] not in METRICS:
            raise Refusal("K2T191", f"the metric {held.path.rpartition('.')[2]} in a loop of your own", node)
        self._rely(dotted(func.value), held)
        edits = tuple(e for a in node.args for e in self.plain(a, env).edits)
        if func.attr == "reset_states":
            end = self.references.end(func)
            edits = (Edit(end - len("reset_states"), end, "reset_state"), *edits)
        return Value(NUMBER if func.attr == "result" else Kind("none"), edits)

    def _gradient(self, node: ast.Call, env: Env) -> Value:
        """The gradient with respect to a tensor."""
        if len(node.args) != 2 or node.keywords:
            raise Refusal("K2T191", "this use of gradient", node)
        target, source = (self.argument(a, env) for a in node.args)
        scalar = target.kind.rank == 0
        of = target.text if scalar else f"{closed(target.text)}.sum()"
        text = f"torch.autograd.grad({of}, {source.text}, create_graph=True)"
        if source.kind.what == "list" or source.items is not None:
            return self.replaced(node, text, Kind("list", item=FLOATS))
        return self.replaced(node, f"{text}[0]", tensor("float", source.kind.shape))

    # Statements

    def statement(self, node: ast.stmt, env: Env) -> None:
        outer, self.wanted = self.wanted, []
        if isinstance(node, ast.For | ast.While | ast.If | ast.FunctionDef):
            self.modes = {}
        super().statement(node, env)
        lines, self.wanted = self.wanted, outer
        if isinstance(node, ast.For | ast.While | ast.If | ast.FunctionDef):
            self.modes = {}
        if lines and not isinstance(node, ast.With | ast.For | ast.If):
            at, indent = self.references.start(node), " " * node.col_offset
            self.edits.append(Edit(at, at, "".join(f"{line}\n{indent}" for line in lines)))
        elif lines:
            self.wanted += lines

    def _repeat(self, body: Sequence[ast.stmt], env: Env, start: Callable[[], None]) -> None:
        """A loop's body begins with models in any mode, each time that it is walked."""

        def begin() -> None:
            self.modes = {}
            start()

        super()._repeat(body, env, begin)

    def _do_With(self, node: ast.With, env: Env) -> None:
        calls = [i.context_expr for i in node.items]
        if not all(isinstance(c, ast.Call) and self.paths.get(c.func) == "tf.GradientTape" for c in calls):
            super()._do_With(node, env)
            return
        for item in node.items:
            if item.optional_vars is not None:
                self.bind(item.optional_vars, Kind("object", path="tape"), env)
        outer, self.edits = self.edits, []
        self.block(node.body, env)
        inner, self.edits = self.edits, outer
        start, end = self.references.start(node.body[0]), self.references.end(node.body[-1])
        code = self.references.data[start:end].decode()
        text = apply(code, [Edit(e.start - start, e.end - start, e.text) for e in inner])
        indent = " " * node.body[0].col_offset
        lines = textwrap.dedent(indent + text).split("\n")
        left = " " * node.col_offset
        whole = f"\n{left}".join(lines)
        whole = "\n".join(line if line.strip() else "" for line in whole.split("\n"))
        self.edits.append(Edit(self.references.start(node), self.references.end(node), whole))

    def _do_For(self, node: ast.For, env: Env) -> None:
        super()._do_For(node, env)
        self.edits += moved(self, node, env)

    def _do_Assign(self, node: ast.Assign, env: Env) -> None:
        call, target = node.value, node.targets[0]
        if (isinstance(target, ast.Name) and self._alias(node, target.id, env)) or clipped(self, node, env):
            return
        tape = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "gradient"
        if tape and isinstance(call, ast.Call) and isinstance(target, ast.Name):
            step = self._step_with(target.id, node)
            if step is not None:
                self._backward(node, call, step, env)
                return
        super()._do_Assign(node, env)

    def _alias(self, node: ast.Assign, name: str, env: Env) -> bool:
        """`variables = model.trainable_variables`, which is only read by tapes and optimizers."""
        models = models_of(node.value, self.aliases)
        if not models or not all(self.is_model(m, env) for m in models):
            return False
        used = methods_in(self.references, node, "gradient", "apply_gradients", "apply")
        inside = {n for c in used for n in ast.walk(c)}
        if not used or any(n not in inside for n in loads(function_of(self.references, node), name)):
            return False
        self.aliases[name] = models
        self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
        return True

    def _do_Expr(self, node: ast.Expr, env: Env) -> None:
        found = applied(node.value, self.aliases)
        if found is not None and self._key(found.optimizer, env) in self.trained:
            indent = " " * node.col_offset
            lines = [*self.clip_lines(self._key(found.optimizer, env)), f"{dotted(found.optimizer)}.step()"]
            text = f"\n{indent}".join(lines)
            self.edits.append(Edit(self.references.start(node), self.references.end(node), text))
            return
        super()._do_Expr(node, env)

    def _key(self, optimizer: ast.expr, env: Env) -> str:
        """A text that tells optimizers apart: names of functions may mean different ones."""
        name = dotted(optimizer)
        local = isinstance(optimizer, ast.Name) and env.parent is not None and self._local(name, env)
        return f"{name} {id(self.object_of(optimizer, env))}" if local else name

    def _rely(self, name: str, held: KerasObject) -> None:
        """Converted code uses an object."""
        self.used.add(name)
        self.relied.objects[id(held)] = held

    def clip_lines(self, optimizer: str) -> list[str]:
        """The lines that clip gradients before a step."""
        chosen, models = self.chosen[optimizer], self.trained[optimizer]
        return [line.replace("model.parameters()", parameters_of(models)) for line in clipping(chosen)]

    def is_model(self, text: str, env: Env) -> bool:
        """Whether a text is a model that is PyTorch's by now."""
        owner = self.object_of(ast.parse(text, mode="eval").body, env)
        return isinstance(owner, ModelValue) and self.is_converted(owner)

    def is_converted(self, model: ModelValue) -> bool:
        """Whether a model is PyTorch's by now."""
        return id(model) in self.converted

    def _step_with(self, gradients: str, node: ast.stmt) -> Applied | None:
        """What applies these gradients next, in the same function."""
        names = {gradients, *(c.target for c in clips_behind(self, node, gradients))}
        for call in methods_in(self.references, node, "apply_gradients", "apply"):
            found = applied(call, self.aliases)
            behind = self.references.start(call) > self.references.start(node)
            if behind and found is not None and found.gradients in names:
                return found
        return None

    def _backward(self, node: ast.Assign, call: ast.Call, step: Applied, env: Env) -> None:
        """`grads = tape.gradient(loss, model.trainable_variables)`."""
        optimizer = self.references.code(step.optimizer)
        models = models_of(call.args[1], self.aliases) if len(call.args) == 2 and not call.keywords else ()
        if not models or step.models != models:
            raise Refusal("K2T191", "gradients of other variables than those of models", call)
        for model in models:
            if not self.is_model(model, env):
                message = f"{model} is not a model that this module makes and that was converted"
                raise Refusal("K2T191", message, call)
        gone_over = self._check_step(node, step, env)
        if self.trained.setdefault(self._key(step.optimizer, env), models) != models:
            raise Refusal("K2T191", f"{optimizer} steps the variables of several models", step.call)
        self._stepped(step, models, env)
        self.gradients[_name(node)] = models
        loss = self.argument(call.args[0], env)
        text = loss.text if loss.kind.rank == 0 else f"{closed(loss.text)}.sum()"
        options = self._options(node, call, models)
        indent = " " * node.col_offset
        lines = f"{optimizer}.zero_grad()\n{indent}{closed(text)}.backward({', '.join(options)})"
        if gone_over:
            lines += f"\n{indent}{_name(node)} = [p.grad for p in {parameters_of(models)}]"
        self.edits.append(Edit(self.references.start(node), self.references.end(node), lines))

    def _stepped(self, step: Applied, models: Models, env: Env) -> None:
        """Notes which models an optimizer steps; they must have names where it is made."""
        optimizer, held = self.references.code(step.optimizer), self.object_of(step.optimizer, env)
        self.used.add(optimizer)
        if not isinstance(held, KerasObject) or not isinstance(step.optimizer, ast.Name):
            return
        values = [self.object_of(ast.parse(m, mode="eval").body, env) for m in models]
        known = tuple(v for v in values if isinstance(v, ModelValue))
        if self.relied.stepped.setdefault(id(held), known) != known:
            raise Refusal("K2T191", f"{optimizer} steps the variables of several models", step.call)
        if not all(name_in(held.frame, m) for m in known):
            raise Refusal("K2T191", f"where {optimizer} is made, its model has no name", step.call)
        self._rely(optimizer, held)

    def _check_step(self, node: ast.Assign, step: Applied, env: Env) -> bool:
        """Whether a loop of the program's goes over the gradients, too."""
        held, optimizer = self.object_of(step.optimizer, env), self.references.code(step.optimizer)
        named = isinstance(held, str)
        if not named and not (isinstance(held, KerasObject) and held.path.startswith("keras.optimizers.")):
            raise Refusal("K2T191", f"the optimizer {optimizer} is not made in the module", step.call)
        try:
            self.chosen[self._key(step.optimizer, env)] = read_optimizer(Expr(optimizer, held))
        except Refused as error:
            raise Refusal(error.problem.code, error.problem.message, step.call) from None
        inside = set(ast.walk(step.call))
        others = [n for n in loads(function_of(self.references, node), step.gradients) if n not in inside]
        others += [n for n in loads(function_of(self.references, node), _name(node)) if n not in inside]
        applications = methods_in(self.references, node, "apply_gradients", "apply")
        clips = clips_behind(self, node, _name(node))
        elsewhere = {n for c in (*applications, *(c.statement for c in clips)) for n in ast.walk(c)}
        others = [n for n in others if n not in elsewhere]
        if others and (clips or not all(is_gone_over(self.references, n) for n in others)):
            raise Refusal("K2T191", "the gradients are used before they are applied", others[0])
        return bool(others)

    def _options(self, node: ast.Assign, call: ast.Call, models: Models) -> list[str]:
        return options(self.references, node, call, models)


def _name(node: ast.Assign) -> str:
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else ""
