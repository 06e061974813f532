"""Training loops by hand: gradient tapes become zero_grad, backward and step, in place."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Mapping, Sequence

from transpile.backends.bodies.calls import Call, Refusal
from transpile.backends.bodies.handed import array_of, formatted, handed, model_input
from transpile.backends.bodies.initial_values import drawn
from transpile.backends.bodies.kinds import FLOATS, NUMBER, TENSOR, Kind, tensor
from transpile.backends.bodies.modules import TRAINED
from transpile.backends.bodies.statements import Body, Function
from transpile.backends.bodies.tape_backward import alias, backward, minimized, step_with
from transpile.backends.bodies.tape_batches import moved, moved_names
from transpile.backends.bodies.tape_calls import called, outputs
from transpile.backends.bodies.tape_clips import clipped
from transpile.backends.bodies.tape_losses import LOSS_NAMES, METRICS, loss_value, penalty
from transpile.backends.bodies.tape_operands import mixed, suit
from transpile.backends.bodies.tape_parameters import parameters
from transpile.backends.bodies.tape_scopes import Relied, Scopes, held_by
from transpile.backends.bodies.tape_steps import (
    Models,
    applied,
    dotted,
    kept_graph,
    models_of,
    options,
    parameters_of,
)
from transpile.backends.bodies.variables import Variables, variables_of
from transpile.backends.bodies.walker import Env, Hook, Value
from transpile.backends.torch_epoch import clipping
from transpile.backends.torch_nodes import closed
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import KerasObject, ModelValue
from transpile.ir import Edit
from transpile.references import References
from transpile.splice import apply
from transpile.training_ir import Optimizer


class TapeBody(Body):
    """Statements with gradient tapes.

    `converted` are the models that are PyTorch's by now (by id), and whether they have penalties.
    """

    loaded = False  # whether batches come from loaders, whose targets are floats

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
        self.taping = 0  # the tapes around what is walked
        self.written: list[tuple[int, int]] = []  # what other parts of the tool write: predictions among it
        self.batch: list[str] = []  # the names of a batch that the loop around moves to the device
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
        if env.parent is not None and self.is_local(node.id, env):
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

    def result_of(self, node: object, kinds: Mapping[str, Kind]) -> Kind:
        kept, trained = self.relied.copy(), dict(self.trained)
        try:
            return super().result_of(node, kinds)
        finally:
            self.relied, self.trained = kept, trained  # what it uses counts where it is converted

    def bind(self, target: ast.expr, kind: Kind, env: Env) -> None:
        """Gives the names of a target their kinds; batches of a pipeline are tensors."""
        batch = isinstance(target, ast.Name) and target.id in self.batch and kind.what == "unknown"
        super().bind(target, TENSOR if batch else kind, env)

    def visit_iterable(self, node: ast.expr, env: Env) -> Value:
        """What a loop runs over: the rows of an array are arrays."""
        value = super().visit_iterable(node, env)
        rows = value.kind.what == "unknown" and array_of(self, node, env) is not None
        return Value(Kind("array"), value.edits) if rows else value

    def is_local(self, name: str, env: Env) -> bool:
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
        value = handed(self, node, env) or super()._Call(node, env)
        own = self._is_own(node.func, env)
        if not own and any(k.arg == "training" for k in node.keywords):
            message = f"{self.references.code(node.func)} is not a model that this module makes and that was converted"
            raise Refusal("K2T191", message, node)
        if own:
            self.modes = {}  # whatever it calls may be in another mode afterwards
        return value

    def prepare(self, call: Call, env: Env) -> None:
        """Arrays become tensors where a framework's function computes with them."""
        suit(self, call, env)
        super().prepare(call, env)

    def _BinOp(self, node: ast.BinOp, env: Env) -> Value:
        return formatted(self, node, env) or mixed(self, node, env) or super()._BinOp(node, env)

    def _Attribute(self, node: ast.Attribute, env: Env) -> Value:
        if node.attr == "losses" and isinstance(self.object_of(node.value, env), ModelValue):
            raise Refusal("K2T191", "the single losses of a model; their sum is converted", node)
        return parameters(self, node, env) or super()._Attribute(node, env)

    def _is_own(self, func: ast.expr, env: Env) -> bool:
        """Whether a function of the user's is called."""
        if isinstance(func, ast.Name):
            return env.get(func.id).what == "function"
        return isinstance(func, ast.Attribute) and bool(self.owner) and dotted(func.value) == self.owner

    def _called_object(self, node: ast.Call, held: KerasObject, env: Env) -> Value | None:
        name = held.path.rpartition(".")[2]
        if held.path.startswith("keras.losses."):
            self.rely(dotted(node.func), held)
            return self._loss(node, held, env)
        if held.path.startswith("keras.initializers."):
            self.rely(dotted(node.func), held)
            return drawn(self, node, held, env)
        if held.path.startswith("keras.metrics.") and name in METRICS:
            self.rely(dotted(node.func), held)
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
        start = self.references.start(node)
        if any(first <= start < end for first, end in self.written):
            return Value(Kind("array"))
        if any(record.layer is model and record.span.start == start for record in self.interpreter.applies):
            raise Refusal("K2T110", f"{name} is part of a model that was left", node)
        tensors, mode = called(self, node, model)
        inputs = [f"{name}{model_input(self, a, env)}" for name, a in tensors]
        self.calls.append(node)
        if self.moody and self.modes.get(name) != mode:
            if any(line.startswith(f"{name}.") for line in self.wanted):
                raise Refusal("K2T191", f"{name} is called in two modes in one statement", node)
            self.modes[name] = mode
            self.wanted.append(f"{name}.{mode}" + ("" if "(" in mode else "()"))
        return self.replaced(node, f"{name}({', '.join(inputs)})", outputs(model))

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
        self.rely(dotted(func.value), held)
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
        text = f"torch.autograd.grad({of}, {source.text}{kept_graph(self, node)})"
        if source.kind.what == "list" or source.items is not None:
            return self.replaced(node, text, Kind("list", item=FLOATS))
        return self.replaced(node, f"{text}[0]", tensor("float", source.kind.shape))

    # Statements

    def statement(self, node: ast.stmt, env: Env) -> None:
        outer, self.wanted, before = self.wanted, [], len(self.calls)
        if isinstance(node, ast.For | ast.While | ast.If | ast.FunctionDef):
            self.modes = {}
        super().statement(node, env)
        lines, self.wanted = self.wanted, outer
        if isinstance(node, ast.For | ast.While | ast.If | ast.FunctionDef):
            self.modes = {}
        if self._is_untaped(node, before):
            lines.append("with torch.no_grad():")
        if lines and not isinstance(node, ast.With | ast.For | ast.If):
            at, indent = self.references.start(node), " " * node.col_offset
            inner = "    " if lines[-1].startswith("with ") else ""
            self.edits.append(Edit(at, at, "".join(f"{line}\n{indent}" for line in lines) + inner))
        elif lines:
            self.wanted += lines

    def _is_untaped(self, node: ast.stmt, before: int) -> bool:
        """Whether a line of the module calls a model outside of tapes, where TensorFlow keeps no gradients."""
        plain = isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.lineno == node.end_lineno
        return plain and len(self.calls) > before and not self.functions and not self.taping

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
        self.taping += 1
        try:
            self.block(node.body, env)
        finally:
            self.taping -= 1
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
        outer, self.batch = self.batch, moved_names(self, node, env)
        names = self.batch
        super()._do_For(node, env)
        self.batch = outer
        self.edits += moved(self, node, names)

    def _do_Assign(self, node: ast.Assign, env: Env) -> None:
        call, target = node.value, node.targets[0]
        if (isinstance(target, ast.Name) and alias(self, node, target.id, env)) or clipped(self, node, env):
            return
        tape = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "gradient"
        if tape and isinstance(call, ast.Call) and isinstance(target, ast.Name):
            step = step_with(self, target.id, node, env)
            if step is not None:
                backward(self, node, call, step, env)
                return
        super()._do_Assign(node, env)

    def _do_Delete(self, node: ast.Delete, env: Env) -> None:
        """`del tape`: there is none."""
        if all(isinstance(t, ast.Name) and env.get(t.id).path == "tape" for t in node.targets):
            self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
        else:
            self.edits += self._children(node, env)

    def _do_Expr(self, node: ast.Expr, env: Env) -> None:
        found = applied(node.value, lambda n: self.models_of(n, env))
        if found is not None and self.key(found.optimizer, env) in self.trained:
            indent = " " * node.col_offset
            lines = [*self.clip_lines(self.key(found.optimizer, env)), f"{dotted(found.optimizer)}.step()"]
            text = f"\n{indent}".join(lines)
            self.edits.append(Edit(self.references.start(node), self.references.end(node), text))
            return
        if not minimized(self, node, env):
            super()._do_Expr(node, env)

    def key(self, optimizer: ast.expr, env: Env) -> str:
        """A text that tells optimizers apart: names of functions may mean different ones."""
        name = dotted(optimizer)
        local = isinstance(optimizer, ast.Name) and env.parent is not None and self.is_local(name, env)
        return f"{name} {id(self.object_of(optimizer, env))}" if local else name

    def rely(self, name: str, held: KerasObject) -> None:
        """Converted code uses an object."""
        self.used.add(name)
        self.relied.objects[id(held)] = held

    def clip_lines(self, optimizer: str) -> list[str]:
        """The lines that clip gradients before a step."""
        chosen, models = self.chosen[optimizer], self.trained[optimizer]
        return [line.replace("model.parameters()", parameters_of(models)) for line in clipping(chosen)]

    def models_of(self, node: ast.expr, env: Env) -> Models:
        """The models and variables that an expression lists; () for anything else."""
        return models_of(node, self.aliases, lambda n: variables_of(self, n, env))

    def is_model(self, text: str, env: Env) -> bool:
        """Whether a text is a model that is PyTorch's by now, or variables."""
        if isinstance(text, Variables):
            return True
        owner = self.object_of(ast.parse(text, mode="eval").body, env)
        return isinstance(owner, ModelValue) and self.is_converted(owner)

    def is_converted(self, model: ModelValue) -> bool:
        """Whether a model is PyTorch's by now."""
        return id(model) in self.converted

    def options(self, node: ast.Assign, call: ast.Call, models: Models) -> list[str]:
        """What `backward` is given."""
        return options(self.references, node, call, models)
