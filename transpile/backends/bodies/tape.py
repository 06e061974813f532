"""Training loops by hand: gradient tapes become zero_grad, backward and step, in place."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping

from transpile.backends.bodies.calls import Argument, Call, Refusal, translate
from transpile.backends.bodies.kinds import FLOATS, NUMBER, Kind, literal_kind, tensor
from transpile.backends.bodies.modules import TRAINED
from transpile.backends.bodies.statements import Body
from transpile.backends.bodies.walker import Env, Hook, Value
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import KerasObject, ModelValue
from transpile.ir import Edit
from transpile.references import References
from transpile.splice import apply

_VARIABLES = ("trainable_variables", "trainable_weights", "variables", "weights")
_LOSS_NAMES = {
    "BinaryCrossentropy": "binary_crossentropy", "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy", "MeanSquaredError": "mean_squared_error",
    "MeanAbsoluteError": "mean_absolute_error", "KLDivergence": "kl_divergence", "Poisson": "poisson",
}  # fmt: skip
METRICS = {
    "Mean": "Mean", "SparseCategoricalAccuracy": "SparseCategoricalAccuracy",
    "CategoricalAccuracy": "CategoricalAccuracy", "BinaryAccuracy": "BinaryAccuracy",
}  # fmt: skip


class TapeBody(Body):
    """Statements with gradient tapes. `converted` are the models that are PyTorch's by now."""

    def __init__(
        self, references: References, paths: Mapping[ast.AST, str], interpreter: Interpreter,
        converted: frozenset[int], hooks: tuple[Hook, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(references, paths, hooks)
        self.interpreter, self.converted = interpreter, converted
        self.used: set[str] = set()  # the objects of the module that converted code relies on
        self.modes: dict[str, str] = {}  # in which mode each model is by now
        self.wanted: list[str] = []  # statements that must stand before the present one
        self.trained: dict[str, str] = {}  # optimizer -> the model whose parameters it steps
        ops = {layer.op.name for layer in interpreter.layers if layer.op is not None}
        self.moody = bool(ops & TRAINED)
        self.scope: ast.AST | None = None

    # What names mean

    def object_of(self, node: ast.expr, env: Env) -> object:
        """The module's object that a name stands for: a loss, a metric, an optimizer, a model."""
        if not isinstance(node, ast.Name) or (env.parent is not None and self._local(node.id, env)):
            return None
        return self.interpreter.module.names.get(node.id)

    def _local(self, name: str, env: Env) -> bool:
        here: Env | None = env
        while here is not None and here.parent is not None:
            if name in here.names:
                return True
            here = here.parent
        return False

    # Calls

    def _Call(self, node: ast.Call, env: Env) -> Value:
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
        return super()._Call(node, env)

    def _called_object(self, node: ast.Call, held: KerasObject, env: Env) -> Value | None:
        assert isinstance(node.func, ast.Name)
        name = held.path.rpartition(".")[2]
        if held.path.startswith("keras.losses."):
            self.used.add(node.func.id)
            return self._loss(node, held, env)
        if held.path.startswith("keras.metrics.") and name in METRICS:
            self.used.add(node.func.id)
            return Value(NUMBER, tuple(e for a in node.args for e in self.plain(a, env).edits))
        return None

    def _loss(self, node: ast.Call, held: KerasObject, env: Env) -> Value:
        """`loss_object(y, p)` as the function that it computes."""
        name = _LOSS_NAMES.get(held.path.rpartition(".")[2])
        if name is None or len(node.args) != 2 or node.keywords or held.args:
            raise Refusal("K2T191", f"this use of the loss {held.path.rpartition('.')[2]}", node)
        reduction = held.kwargs.get("reduction")
        kwargs = {
            k: Argument(e.text, literal_kind(e.value), node)
            for k, e in held.kwargs.items()
            if k not in ("reduction", "name")
        }
        args = [self.argument(a, env) for a in node.args]
        text, _ = translate(Call(f"keras.losses.{name}", node, args, kwargs, self.place(env)))
        how = str(getattr(reduction, "value", None) or getattr(reduction, "text", "") or "mean").lower()
        if how.endswith("none"):
            return self.replaced(node, text, FLOATS)
        if how.endswith("sum"):
            return self.replaced(node, f"{_closed(text)}.sum()", tensor("float", ()))
        short = re.sub(r', reduction="none"\)(\.mean\(dim=-1\))?$', ")", text)
        if short == text:
            short = f"{_closed(text.removesuffix('.mean(dim=-1)'))}.mean()"
        return self.replaced(node, short, tensor("float", ()))

    def _model(self, node: ast.Call, model: ModelValue, env: Env) -> Value:
        """`model(x, training=True)`: the mode is set before."""
        assert isinstance(node.func, ast.Name)
        if id(model) not in self.converted:
            raise Refusal("K2T191", f"the model {node.func.id} was left", node)
        mode = "eval"
        for keyword in node.keywords:
            if keyword.arg != "training":
                raise Refusal("K2T191", f"{keyword.arg}= at the call of a model", node)
            value = keyword.value
            if isinstance(value, ast.Constant):
                mode = "train" if value.value else "eval"
            else:
                mode = f"train({self.references.code(value)})"
        inputs = [self.argument(a, env) for a in node.args]
        name = node.func.id
        if self.moody and self.modes.get(name) != mode:
            self.modes[name] = mode
            self.wanted.append(f"{name}.{mode}" + ("" if "(" in mode else "()"))
        shapes = model.output_shapes
        kind = tensor("float", shapes[0]) if len(shapes) == 1 else Kind("list", items=(FLOATS,) * len(shapes))
        return self.replaced(node, f"{name}({', '.join(a.text for a in inputs)})", kind)

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
        assert isinstance(func.value, ast.Name)
        if held.path.rpartition(".")[2] not in METRICS:
            raise Refusal("K2T191", f"the metric {held.path.rpartition('.')[2]} in a loop of your own", node)
        self.used.add(func.value.id)
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
        of = target.text if scalar else f"{_closed(target.text)}.sum()"
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

    def _do_Assign(self, node: ast.Assign, env: Env) -> None:
        call = node.value
        tape = isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "gradient"
        if tape and isinstance(call, ast.Call) and isinstance(node.targets[0], ast.Name):
            step = self._step_with(node.targets[0].id, node)
            if step is not None:
                self._backward(node, call, step, env)
                return
        super()._do_Assign(node, env)

    def _do_Expr(self, node: ast.Expr, env: Env) -> None:
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "apply_gradients":
            found = _zipped(call)
            optimizer = call.func.value
            if found is not None and isinstance(optimizer, ast.Name):
                self.edits.append(
                    Edit(self.references.start(node), self.references.end(node), f"{optimizer.id}.step()")
                )
                return
        super()._do_Expr(node, env)

    def _step_with(self, gradients: str, node: ast.stmt) -> ast.Call | None:
        """The apply_gradients that takes these gradients, in the same function."""
        for call in self._steps(node):
            zipped = _zipped(call)
            if zipped is not None and zipped[0] == gradients:
                return call
        return None

    def _steps(self, node: ast.stmt) -> list[ast.Call]:
        scope: ast.AST = node
        for outer in self.references.around(node):
            scope = outer
            if isinstance(outer, ast.FunctionDef):
                break
        calls = [n for n in ast.walk(scope) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
        return sorted(
            (c for c in calls if c.func.attr == "apply_gradients"),  # type: ignore[attr-defined]
            key=self.references.start,
        )

    def _backward(self, node: ast.Assign, call: ast.Call, step: ast.Call, env: Env) -> None:
        """`grads = tape.gradient(loss, model.trainable_variables)`."""
        assert isinstance(step.func, ast.Attribute)
        optimizer = self.references.code(step.func.value)
        held = self.object_of(step.func.value, env)
        model = _model_of(call.args[1]) if len(call.args) == 2 and not call.keywords else ""
        zipped = _zipped(step)
        if not model or zipped is None or zipped[1] != model:
            raise Refusal("K2T191", "gradients of other variables than those of one model", call)
        named = call.args[1]
        owner = self.object_of(named.value, env) if isinstance(named, ast.Attribute) else None
        if not isinstance(owner, ModelValue) or id(owner) not in self.converted:
            raise Refusal("K2T191", f"{model} is not a model that this module makes and that was converted", call)
        if not isinstance(held, KerasObject) or not held.path.startswith("keras.optimizers."):
            raise Refusal("K2T191", f"the optimizer {optimizer} is not made in the module", step)
        if self.trained.setdefault(optimizer, model) != model:
            raise Refusal("K2T191", f"{optimizer} steps the variables of several models", step)
        self.used.add(optimizer)
        loss = self.argument(call.args[0], env)
        text = loss.text if loss.kind.rank == 0 else f"{_closed(loss.text)}.sum()"
        steps = self._steps(node)
        options = []
        if len(steps) > 1:
            last = max(self.references.start(c) for c in self._gradients(node)) == self.references.start(call)
            options = [] if last else ["retain_graph=True"]
            options.append(f"inputs=list({model}.parameters())")
        indent = " " * node.col_offset
        lines = f"{optimizer}.zero_grad()\n{indent}{_closed(text)}.backward({', '.join(options)})"
        self.edits.append(Edit(self.references.start(node), self.references.end(node), lines))

    def _gradients(self, node: ast.stmt) -> list[ast.Call]:
        scope: ast.AST = node
        for outer in self.references.around(node):
            scope = outer
            if isinstance(outer, ast.FunctionDef):
                break
        calls = [n for n in ast.walk(scope) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
        return [c for c in calls if c.func.attr == "gradient"]  # type: ignore[attr-defined]


def _model_of(node: ast.expr) -> str:
    """`model` of `model.trainable_variables`."""
    held = isinstance(node, ast.Attribute) and node.attr in _VARIABLES and isinstance(node.value, ast.Name)
    return node.value.id if held and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""


def _zipped(call: ast.Call) -> tuple[str, str] | None:
    """The gradients and the model of `apply_gradients(zip(grads, model.trainable_variables))`."""
    inner = call.args[0] if len(call.args) == 1 and not call.keywords else None
    if not isinstance(inner, ast.Call) or not isinstance(inner.func, ast.Name) or inner.func.id != "zip":
        return None
    if len(inner.args) != 2 or not isinstance(inner.args[0], ast.Name):
        return None
    return inner.args[0].id, _model_of(inner.args[1])


def _closed(text: str) -> str:
    from transpile.backends.torch_nodes import atomic

    return text if atomic(text) else f"({text})"
