"""What a step of a LightningModule computes, where it is a model, a loss and an accuracy and nothing else.

The step is followed statement by statement, into the helpers of its class; a value is what it means
for training: the batch, its input and target, what the model gives, the loss.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Path = Callable[[ast.AST], str]
ACCURACIES = tuple(
    f"{root}.{name}"
    for root in ("torchmetrics", "torchmetrics.classification", "pytorch_lightning.metrics")
    for name in ("Accuracy", "MulticlassAccuracy")
)
_ACCURACY_CALLS = (
    "torchmetrics.functional.accuracy", "torchmetrics.functional.classification.multiclass_accuracy",
    "torchmetrics.functional.classification.accuracy", "pytorch_lightning.metrics.functional.accuracy",
)  # fmt: skip
_PLAIN_ACCURACY = {"task", "num_classes", "dist_sync_on_step", "compute_on_step"}
_SAME = frozenset("detach cpu float item double to type_as cuda clone".split())


class Otherwise(Exception):
    """Something else than the plain step; says what."""

    def __init__(self, node: ast.AST) -> None:
        super().__init__()
        self.node = node


@dataclass(frozen=True)
class Meaning:
    """A value: batch, input, target, output, classes, hits, count, accuracy, metric, loss, text, none, parts, self."""

    name: str
    node: ast.AST | None = None  # of a loss: the call
    text: str = ""
    parts: tuple[Meaning, ...] = ()


NUMBER = Meaning("number")


class StepReader:
    """Follows the steps of one class.

    `attributes` are those of `__init__`, `inner` is the only module that forward calls.
    """

    def __init__(
        self,
        path: Path,
        methods: Mapping[str, ast.FunctionDef],
        attributes: Mapping[str, ast.expr],
        inner: str,
        is_loss: Callable[[str], bool],
    ) -> None:
        self.path, self.methods, self.attributes, self.inner, self.is_loss = path, methods, attributes, inner, is_loss
        self.logged: dict[str, str] = {}
        self.followed: set[str] = set()
        self.accurate = False

    def step(self, name: str) -> Meaning:
        """What a step returns."""
        method = self.methods[name]
        given = {a.arg: Meaning("batch") if i == 0 else NUMBER for i, a in enumerate(method.args.args[1:])}
        return self._function(method, given)

    def _function(self, method: ast.FunctionDef, given: dict[str, Meaning]) -> Meaning:
        if method.name in self.followed and len(self.followed) > 20:
            raise Otherwise(method)
        self.followed.add(method.name)
        env = {"self": Meaning("self"), **given}
        return self._block(method.body, env) or Meaning("none")

    def _block(self, block: list[ast.stmt], env: dict[str, Meaning]) -> Meaning | None:
        for statement in block:
            match statement:
                case ast.Return(value=value):
                    return Meaning("none") if value is None else self.value(value, env)
                case ast.Assign(targets=[target], value=value):
                    self._bind(target, self.value(value, env), env)
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    pass
                case ast.Expr(value=ast.Call() as call):
                    self._call_alone(call, env)
                case ast.If(test=ast.Name() as test, body=body, orelse=orelse):
                    known = self.value(test, env)
                    if known.name not in ("text", "none"):
                        raise Otherwise(statement)
                    found = self._block(body if known.text else orelse, env)
                    if found is not None:
                        return found
                case _:
                    raise Otherwise(statement)
        return None

    def _bind(self, target: ast.expr, value: Meaning, env: dict[str, Meaning]) -> None:
        match target:
            case ast.Name(id=name):
                env[name] = value
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                parts = (Meaning("input"), Meaning("target")) if value.name == "batch" else value.parts
                if len(parts) != len(elts):
                    raise Otherwise(target)
                for part, meaning in zip(elts, parts):
                    self._bind(part, meaning, env)
            case _:
                raise Otherwise(target)

    def _call_alone(self, call: ast.Call, env: dict[str, Meaning]) -> None:
        """`self.log(...)`, `self.accuracy.update(...)`."""
        match call.func:
            case ast.Attribute(value=ast.Name(id="self"), attr="log") if len(call.args) >= 2:
                self._log(call.args[0], self.value(call.args[1], env), env)
            case ast.Attribute(value=ast.Name(id="self"), attr="log_dict") if len(call.args) == 1:
                given = call.args[0]
                if not isinstance(given, ast.Dict):
                    raise Otherwise(call)
                for key, value in zip(given.keys, given.values):
                    self._log(key or given, self.value(value, env), env)
            case ast.Attribute(value=value, attr="update" | "reset") if self.value(value, env).name == "metric":
                self._metric(call, env) if call.args else None
            case _:
                self.value(call, env)

    def _log(self, key: ast.expr, value: Meaning, env: dict[str, Meaning]) -> None:
        name = self.value(key, env)
        if name.name != "text" or value.name not in ("loss", "accuracy", "metric"):
            raise Otherwise(key)
        self.logged[name.text] = "loss" if value.name == "loss" else "accuracy"
        self.accurate |= value.name != "loss"

    # Expressions

    def value(self, node: ast.expr, env: dict[str, Meaning]) -> Meaning:
        """What an expression means."""
        match node:
            case ast.Name(id=name) if name in env:
                return env[name]
            case ast.Constant(value=value):
                return (
                    Meaning("text", text=value)
                    if isinstance(value, str)
                    else Meaning("none")
                    if value is None
                    else NUMBER
                )
            case ast.JoinedStr(values=values):
                return Meaning("text", text="".join(self._piece(v, env) for v in values))
            case ast.Tuple(elts=elts):
                return Meaning("parts", parts=tuple(self.value(e, env) for e in elts))
            case ast.Dict(keys=keys, values=values):
                known = [v for k, v in zip(keys, values) if isinstance(k, ast.Constant) and k.value == "loss"]
                if len(known) == 1:
                    return self.value(known[0], env)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(index))):
                whole = self.value(value, env)
                parts = (Meaning("input"), Meaning("target")) if whole.name == "batch" else whole.parts
                if index < len(parts):
                    return parts[index]
            case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                made = self.attributes.get(attr)
                if isinstance(made, ast.Call) and self.path(made.func) in ACCURACIES and self._is_plain(made):
                    return Meaning("metric")
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                if {self.value(left, env).name, self.value(right, env).name} == {"classes", "target"}:
                    return Meaning("hits")
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                if self.value(left, env).name == "count" and self._is_size(right, env):
                    return Meaning("accuracy")
            case ast.Call():
                return self._call(node, env)
        raise Otherwise(node)

    def _piece(self, part: ast.expr, env: dict[str, Meaning]) -> str:
        inner = self.value(part.value, env) if isinstance(part, ast.FormattedValue) else self.value(part, env)
        if inner.name != "text":
            raise Otherwise(part)
        return inner.text

    def _is_size(self, node: ast.expr, env: dict[str, Meaning]) -> bool:
        match node:
            case (
                ast.Call(func=ast.Name(id="len"), args=[of])
                | ast.Call(func=ast.Attribute(value=of, attr="size"), args=[ast.Constant(value=0)])
                | ast.Subscript(value=ast.Attribute(value=of, attr="shape"), slice=ast.Constant(value=0))
            ):
                return self.value(of, env).name in ("input", "target")
        return False

    def _call(self, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        path = self.path(node.func)
        if path:
            return self._library(path, node, env)
        match node.func:
            case ast.Name(id="self"):
                return self._model(node, env)
            case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                return self._own(attr, node, env)
            case ast.Attribute(value=value, attr=attr):
                return self._method(self.value(value, env), attr, node)
        raise Otherwise(node)

    def _model(self, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        if [self.value(a, env).name for a in node.args] != ["input"] or node.keywords:
            raise Otherwise(node)
        return Meaning("output")

    def _own(self, attr: str, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        """A call of a method or an attribute of the class."""
        if attr in ("forward", self.inner):
            return self._model(node, env)
        made = self.attributes.get(attr)
        if made is not None:
            if isinstance(made, ast.Call) and self.is_loss(self.path(made.func)):
                return self._loss(made, node, env)
            if self.is_loss(self.path(made)):
                return self._loss(node, node, env)
            if self.value(node.func, env).name == "metric":
                return self._metric(node, env)
        method = self.methods.get(attr)
        if method is None or method.decorator_list:
            raise Otherwise(node)
        names = [a.arg for a in method.args.args[1:]]
        defaults = dict(zip(names[len(names) - len(method.args.defaults) :], method.args.defaults))
        given = {n: self.value(d, env) for n, d in defaults.items()}
        given |= {n: self.value(a, env) for n, a in zip(names, node.args)}
        given |= {str(k.arg): self.value(k.value, env) for k in node.keywords}
        return self._function(method, given)

    def _library(self, path: str, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        given = [self.value(a, env).name for a in node.args[:2]]
        if self.is_loss(path) and path.startswith("torch.nn.functional."):
            return self._loss(node, node, env)
        short = path.removeprefix("torch.").removeprefix("nn.functional.")
        if short == "argmax" and given[0] == "output" and self._is_last_axis(node, 1):
            return Meaning("classes")
        if short == "max" and given[0] == "output" and self._is_last_axis(node, 1):
            return Meaning("parts", parts=(NUMBER, Meaning("classes")))
        if short in ("softmax", "log_softmax") and given[0] == "output" and self._is_last_axis(node, 1):
            return Meaning("output", text="scaled")
        if short == "sum" and given == ["hits"]:
            return Meaning("count")
        if short == "mean" and given == ["hits"]:
            return Meaning("accuracy")
        if path in _ACCURACY_CALLS and self._is_plain(node):
            return self._metric(node, env)
        raise Otherwise(node)

    def _method(self, receiver: Meaning, attr: str, node: ast.Call) -> Meaning:
        if attr in _SAME and receiver.name in ("loss", "hits", "count", "accuracy", "classes", "target"):
            return receiver
        match receiver.name, attr:
            case "output", "argmax" if self._is_last_axis(node, 0):
                return Meaning("classes")
            case "output", "max" if self._is_last_axis(node, 0):
                return Meaning("parts", parts=(NUMBER, Meaning("classes")))
            case "hits", "sum":
                return Meaning("count")
            case "hits", "mean":
                return Meaning("accuracy")
            case "classes", "eq":
                return Meaning("hits")
        raise Otherwise(node)

    def _is_last_axis(self, node: ast.Call, place: int) -> bool:
        axes = [*node.args[place : place + 1], *(k.value for k in node.keywords if k.arg in ("dim", "axis"))]
        try:
            return [ast.literal_eval(a) for a in axes] in ([1], [-1])
        except ValueError:
            return False

    def _is_plain(self, made: ast.Call) -> bool:
        """Whether an accuracy counts classes, one by one."""
        task = [k.value for k in made.keywords if k.arg == "task"]
        named = all(isinstance(t, ast.Constant) and t.value == "multiclass" for t in task)
        return named and {k.arg for k in made.keywords} <= _PLAIN_ACCURACY

    def _metric(self, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        kinds = [self.value(a, env).name for a in node.args[:2]]
        if kinds not in (["classes", "target"], ["output", "target"]):
            raise Otherwise(node)
        self.accurate = True
        return Meaning("accuracy")

    def _loss(self, made: ast.Call, node: ast.Call, env: dict[str, Meaning]) -> Meaning:
        """`made`: the call with the loss's own arguments."""
        pair = [self.value(a, env) for a in node.args[:2]]
        if [p.name for p in pair] != ["output", "target"] or pair[0].text:
            raise Otherwise(node)
        return Meaning("loss", made)
