"""The loss and the metrics that `compile` was given, in a training step of a model's own."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.tape_losses import LOSS_NAMES, loss_value
from transpile.backends.bodies.walker import Env, Value
from transpile.frontends.compile_objects import Refused, resolve
from transpile.interpret.values import KerasObject
from transpile.ir import Edit, Expr

if TYPE_CHECKING:
    from transpile.backends.bodies.own_step import StepBody

_COMPUTED = {"compiled_loss": ("y", "y_pred", "sample_weight", "regularization_losses"),
             "compute_loss": ("x", "y", "y_pred", "sample_weight", "training")}  # fmt: skip
_ROWS = {"mae": "mean_absolute_error", "mean_absolute_error": "mean_absolute_error",
         "mse": "mean_squared_error", "mean_squared_error": "mean_squared_error"}  # fmt: skip
_CLASSES = {"MeanAbsoluteError": "mean_absolute_error", "MeanSquaredError": "mean_squared_error"}
_ACCURACIES = {
    "sparse_categorical_crossentropy": "SparseCategoricalAccuracy", "binary_crossentropy": "BinaryAccuracy",
    "categorical_crossentropy": "CategoricalAccuracy",
}  # fmt: skip
_GONE_THROUGH = """for {m} in self.metrics:
    if {m}.name == 'loss':
        {m}.update_state({loss})
    else:
        {m}.update_state({y}, {p})"""


@dataclass
class Compiled:
    """`loss` is the function's name in keras.losses. `trackers`: per name in the history the class of
    the tracker and, of a mean, the function of rows."""

    loss: str
    kwargs: dict[str, Expr]
    trackers: dict[str, tuple[str, str]]
    used: bool = False  # the trackers are read, so the constructor makes them
    noted: bool = False  # the loss is noted where it is computed, as Keras 2 did


def compiled_of(body: StepBody, node: ast.AST) -> Compiled:
    """What `compile` said of the loss and the metrics. Raises Refusal."""
    own = body.own
    if own.compiled is None:
        given = own.given
        if "loss" not in given or any(n in given for n in ("loss_weights", "weighted_metrics")):
            raise Refusal("K2T181", "the loss of compile() is not seen", node)
        layers = body.interpreter.layers
        added = any(m.added for m in body.interpreter.models)
        if body.adds_loss or added or any(x.adds_loss or penalises(x.args) for x in layers):
            raise Refusal("K2T181", "the penalties that Keras adds to the loss", node)
        try:
            op, _ = resolve(given["loss"], "losses", "K2T120")
        except Refused as error:
            raise Refusal(error.problem.code, error.problem.message, node) from None
        if op.name not in LOSS_NAMES.values():
            raise Refusal("K2T181", f"the loss {op.name} in a step of a model's own", node)
        value = given["loss"].value
        kwargs = value.kwargs if isinstance(value, KerasObject) else {}
        metrics = given["metrics"].value if "metrics" in given else None
        trackers = dict(_tracker(m, op.name, node) for m in (metrics if isinstance(metrics, list) else []))
        if metrics is not None and not isinstance(metrics, list):
            raise Refusal("K2T181", "the metrics of compile() are no list", node)
        own.compiled = Compiled(op.name, kwargs, {"loss": ("Mean", ""), **trackers})
    return own.compiled


def penalises(args: dict[str, Expr]) -> bool:
    """Whether a layer has a regularizer."""
    return any(n.endswith("_regularizer") and e.value is not None for n, e in args.items())


def _tracker(metric: object, loss: str, node: ast.AST) -> tuple[str, tuple[str, str]]:
    if isinstance(metric, str) and metric in _ROWS:
        return metric, ("Mean", _ROWS[metric])
    if metric in ("accuracy", "acc") and loss in _ACCURACIES:
        return str(metric), (_ACCURACIES[loss], "")
    if isinstance(metric, KerasObject):
        kind, name = metric.path.rpartition(".")[2], metric.kwargs.get("name")
        known = name.value if name is not None else None
        if kind in _CLASSES and not set(metric.kwargs) - {"name"}:
            return known if isinstance(known, str) else _CLASSES[kind], ("Mean", _CLASSES[kind])
        if kind in _ACCURACIES.values() and not set(metric.kwargs) - {"name"}:
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).strip("_")
            return known if isinstance(known, str) else snake, (kind, "")
    raise Refusal("K2T181", "a metric of compile() in a step of a model's own", node)


def attribute(name: str) -> str:
    """The attribute that holds the tracker of a name in the history."""
    return f"{name}_tracker"


# Calls


def computed(body: StepBody, node: ast.Call, env: Env) -> Value | None:
    """`self.compiled_loss(y, y_pred)`, `self.compute_loss(x, y, y_pred)`; None for any other call."""
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr not in _COMPUTED or not _mine(body, func.value):
        return None
    given = dict(zip(_COMPUTED[func.attr], node.args)) | {str(k.arg): k.value for k in node.keywords}
    for name in ("sample_weight", "regularization_losses"):
        value = given.pop(name, None)
        losses = isinstance(value, ast.Attribute) and value.attr == "losses" and name.startswith("reg")
        if value is not None and not losses and not (isinstance(value, ast.Constant) and value.value is None):
            raise Refusal("K2T181", f"{func.attr} with {name}", node)
    if "y" not in given or "y_pred" not in given:
        raise Refusal("K2T181", f"{func.attr} without targets or outputs", node)
    found = compiled_of(body, node)
    arguments = [body.argument(given[n], env) for n in ("y", "y_pred")]
    return loss_value(body, node, found.loss, found.kwargs, arguments, env)


def _mine(body: StepBody, node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == body.owner


def is_compiled_loss(body: StepBody, node: ast.AST) -> bool:
    """Whether a call is one of `self.compiled_loss`, which updates the tracker of the loss, too."""
    func = node.func if isinstance(node, ast.Call) else None
    return isinstance(func, ast.Attribute) and func.attr == "compiled_loss" and _mine(body, func.value)


# Statements


def updated(body: StepBody, node: ast.stmt, env: Env) -> bool:
    """Statements that update the metrics of `compile`: whether this is one, and was written."""
    lines: list[str] | None = None
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        func = call.func
        named = isinstance(func, ast.Attribute) and ast.unparse(func) == f"{body.owner}.compiled_metrics.update_state"
        if named and len(call.args) == 2 and not call.keywords:
            lines = _updates(body, node, call.args[0], call.args[1], env)
        elif is_compiled_loss(body, call):
            value = body.visit(call, env)
            lines = [f"{body.owner}.{attribute('loss')}.update_state({body.text(call, value)})"]
            compiled_of(body, node).noted = True
    elif isinstance(node, ast.For):
        lines = _gone_through(body, node, env)
    if lines is None:
        return False
    body.own.compiled.used = True  # type: ignore[union-attr]
    text = f"\n{' ' * node.col_offset}".join(lines) or "pass"
    body.edits.append(Edit(body.references.start(node), body.references.end(node), text))
    return True


def _updates(body: StepBody, node: ast.stmt, y: ast.expr, p: ast.expr, env: Env) -> list[str]:
    lines = []
    arguments = [body.argument(a, env) for a in (y, p)]
    found = compiled_of(body, node)
    for name, (kind, rows) in found.trackers.items():
        if name == "loss":
            continue
        values = ", ".join(a.text for a in arguments)
        if kind == "Mean":
            values = body.rows(node, rows, arguments, env)
        lines.append(f"{body.owner}.{attribute(name)}.update_state({values})")
    return lines


def _gone_through(body: StepBody, node: ast.For, env: Env) -> list[str] | None:
    """`for metric in self.metrics: ...`, as Keras's guide has it."""
    if ast.unparse(node.iter) != f"{body.owner}.metrics" or not isinstance(node.target, ast.Name):
        return None
    if body.whole.method("metrics") is not None:
        return None
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    if len(calls) != 2 or len(calls[0].args) != 1 or len(calls[1].args) != 2:
        return None
    loss, (y, p) = calls[0].args[0], calls[1].args
    expected = _GONE_THROUGH.format(m=node.target.id, loss=ast.unparse(loss), y=ast.unparse(y), p=ast.unparse(p))
    if ast.unparse(node) != expected:
        return None
    value = body.argument(loss, env)
    first = f"{body.owner}.{attribute('loss')}.update_state({value.text})"
    return [first, *_updates(body, node, y, p, env)]
