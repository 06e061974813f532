"""Softmax and sigmoid at the end of a model: into the loss, where every use of the model is seen.

Keras on TensorFlow computes a crossentropy behind a softmax from the logits, and so does
`nn.CrossEntropyLoss` on a model without the softmax. Predictions get the activation back.
It does so for every pair (the binary crossentropy behind a softmax takes what goes into the
softmax for the logits of a sigmoid), so that such a pair is not what its names say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import libcst as cst

from transpile.frontends.facts import layer_names, model_facts
from transpile.frontends.keras_streams import GENERATOR_METHODS
from transpile.frontends.keras_training import PLAIN, PREDICTIONS, STEPS, Reading, Use
from transpile.frontends.sites import Sites
from transpile.interpret.callbacks import callbacks_of
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Function, Layer, ModelValue, Tensor
from transpile.ir import literal
from transpile.ops.loss import ACTIVATIONS
from transpile.passes.class_outputs import class_activation
from transpile.registry import ACTIVITY
from transpile.training_ir import Compiled

_STORED = frozenset({"save", "save_weights", "load_weights", "load_model"})
_ALLOWED = frozenset({"compile", "fit", "evaluate"}) | _STORED | PLAIN | STEPS | PREDICTIONS
_ALLOWED |= GENERATOR_METHODS.keys()
# What may be read from a model without meeting its output.
_HARMLESS_ATTRIBUTES = frozenset(
    "name layers trainable get_weights set_weights weights trainable_weights count_params summary input inputs "
    "input_shape output_shape get_layer add pop stop_training optimizer metrics_names".split()
)
_HARMLESS_CALLS = frozenset("print type id len isinstance plot_model model_to_dot".split())


def final_activations(interpreter: Interpreter) -> dict[ModelValue, tuple[str, ...]]:
    """Per model and output, "softmax" or "sigmoid" where it is to leave the model, else ""."""
    ends = {m: tuple(_own_activation(t) for t in m.outputs) for m in interpreter.models}
    if not any(any(e) for e in ends.values()):
        return {m: ("",) * len(m.outputs) for m in interpreter.models}
    names = layer_names(interpreter.layers)
    facts = {m: model_facts(m, names) for m in interpreter.models if m.outputs}
    sites = Sites(interpreter.source)
    reading = Reading(interpreter, interpreter.source, facts, sites)
    wishes: dict[ModelValue, tuple[str, ...] | None] = {}
    for model in interpreter.models:
        wish = _moved(model, ends[model], reading.uses)
        wanted = (wish is None or any(wish)) and any(ends[model])
        if wanted and not (_private(model, interpreter) and _seen(model, interpreter, sites)):
            wish = ("",) * len(ends[model])
        wishes[model] = wish
    return {m: _agreed(m, wishes) for m in interpreter.models}


def _agreed(model: ModelValue, wishes: dict[ModelValue, tuple[str, ...] | None]) -> tuple[str, ...]:
    """Models made by the same line of the file are written once, so they agree.

    Those that are only used for predictions (None) go along with those that are trained.
    """
    group = [w for m, w in wishes.items() if m.call is model.call and w is not None]
    none = ("",) * len(model.outputs)
    return group[0] if group and all(w == group[0] for w in group) else none


def final_activation(tensor: Tensor) -> str:
    """The activation that a model's output comes out of: its own, or that of a model inside."""
    passed: list[Tensor] = []  # a class's outputs are what its own call gives
    while tensor not in passed and isinstance(tensor.source, Apply) and isinstance(tensor.source.layer, ModelValue):
        passed.append(tensor)
        inner = tensor.source.layer.outputs
        tensor = inner[tensor.index] if tensor.index < len(inner) else tensor
    if tensor not in passed:
        return _own_activation(tensor)
    assert isinstance(tensor.source, Apply)
    assert isinstance(tensor.source.layer, ModelValue)
    return class_activation(tensor.source.layer, final_activation)


def _own_activation(tensor: Tensor) -> str:
    """The activation that a model's output ends in, if a loss may take it over."""
    source = tensor.source
    if not isinstance(source, Apply) or source.op is None or isinstance(source.layer, ModelValue):
        return ""
    if source.op.name not in ("softmax", "softmax_layer", "sigmoid"):
        return ""
    before = source.inputs[0].source if source.fused else source
    if isinstance(before, Apply) and ACTIVITY in before.args and before.args[ACTIVITY].value is not None:
        return ""  # there is a penalty on the probabilities
    axis = source.args.get("axis")
    return "" if axis is not None and axis.value != -1 else source.op.name.removesuffix("_layer")


def _moved(model: ModelValue, ends: tuple[str, ...], uses: Iterable[Use]) -> tuple[str, ...] | None:
    """What the losses could take over, if the uses of the model allow it; None: no wish."""
    mine = [u for u in uses if model in u.models]
    compiles = [u for u in mine if u.kind == "compile"]
    none = ("",) * len(ends)
    if any(u.kind not in _ALLOWED or u.problem is not None for u in mine):
        return none
    if not compiles and mine:
        return None
    if not any(u.kind in ("fit", "train_on_batch") for u in mine):
        return none
    moved = [*ends]
    for use in compiles:
        assert isinstance(use.record, Compiled)
        for i, loss in enumerate(use.record.losses):
            if loss.op not in ACTIVATIONS:
                moved[i] = ""
    return tuple(moved)


def _private(model: ModelValue, interpreter: Interpreter) -> bool:
    """Whether nothing else in the file is computed from the outputs, or shares their layers."""
    for apply in interpreter.applies:
        if apply.layer is model or any(t in model.outputs for t in apply.inputs):
            return False
    inner = {id(layer) for layer in _final_layers(model)}
    for other in interpreter.models:
        if other is model:
            continue
        if any(t in model.outputs for t in (*other.outputs, *other.inputs)):
            return False
        if inner & {id(layer) for layer in _final_layers(other)} or model in other.layers:
            return False
        if inner & {id(layer) for layer in other.layers}:
            return False
    return True


def _final_layers(model: ModelValue) -> list[Layer]:
    layers = []
    for tensor in model.outputs:
        source = tensor.source
        while isinstance(source, Apply) and source.layer is None and source.inputs:
            source = source.inputs[0].source
        if isinstance(source, Apply) and isinstance(source.layer, Layer):
            layers.append(source.layer)
    return layers


# Does the model go where it is not seen?


def _seen(model: ModelValue, interpreter: Interpreter, sites: Sites) -> bool:
    names = _names(model, interpreter)
    visitor = _Escapes(names, interpreter, sites)
    interpreter.source.tree.visit(visitor)
    return not visitor.escaped


def _names(model: ModelValue, interpreter: Interpreter) -> set[str]:
    """The texts under which the model is known in the file."""
    names = {model.variable} if model.variable else set()
    frames = {id(f): f for f in (interpreter.module, model.frame, *(e.frame for e in interpreter.events))}
    for frame in frames.values():
        names |= {n for n, v in frame.names.items() if v is model}
    for event in interpreter.events:
        if event.model is model and isinstance(event.call.func, cst.Attribute):
            names.add(interpreter.source.code(event.call.func.value))
            if any(callbacks_of(event)):
                names.add("self.model")
    return names


class _Escapes(cst.CSTVisitor):
    """Looks at every place where one of the names is read."""

    def __init__(self, names: set[str], interpreter: Interpreter, sites: Sites) -> None:
        self.names, self.interpreter, self.sites = names, interpreter, sites
        self.escaped = False

    def visit_Name(self, node: cst.Name) -> None:
        if node.value in self.names:
            self._look(node)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        if self.interpreter.source.code(node) in self.names:
            self._look(node)
            return False
        node.value.visit(self)
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    visit_ImportFrom = visit_Import  # type: ignore[assignment]

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Param(self, node: cst.Param) -> bool:
        if node.default is not None:
            node.default.visit(self)
        return False

    def _look(self, node: cst.CSTNode) -> None:
        parent = self.sites.parents.get(node)
        match parent:
            case cst.Attribute(value=value, attr=attr) if value is node:
                called = self.sites.parents.get(parent)
                method = isinstance(called, cst.Call) and called.func is parent
                allowed = attr.value in _HARMLESS_ATTRIBUTES or (method and attr.value in _ALLOWED)
                self.escaped |= not allowed
            case cst.AssignTarget() | cst.AnnAssign() | cst.Assign() | cst.Return() | cst.FunctionDef() | cst.Del():
                pass
            case cst.Comparison() | cst.ComparisonTarget() | cst.If() | cst.Global() | cst.NameItem():
                pass
            case cst.Element() if self._followed(self.sites.parents.get(parent)):
                pass
            case cst.Arg():
                self._passed(self.sites.parents.get(parent))
            case _:
                self.escaped = True

    def _followed(self, container: cst.CSTNode | None) -> bool:
        """`return model, x` and `model, x = build()`."""
        outer = self.sites.parents.get(container) if container is not None else None
        return isinstance(container, cst.Tuple) and isinstance(outer, cst.Return | cst.AssignTarget)

    def _passed(self, call: cst.CSTNode | None) -> None:
        """The model as an argument: of a function of the user's it was followed."""
        if not isinstance(call, cst.Call):
            return
        name = self.interpreter.source.code(call.func).rpartition(".")[2]
        known = any(f.name == name for f in self.interpreter.functions)
        methods = any(isinstance(c.attributes.get(name), Function) for c in self.interpreter.classes)
        if not known and not methods and name not in _HARMLESS_CALLS:
            self.escaped = True


def with_kept(compiled: Compiled, outputs: Sequence[Tensor]) -> Compiled:
    """The record where an activation stays under a crossentropy: the loss reads probabilities.

    Keras on TensorFlow looks behind that activation, whatever `from_logits` says.
    """
    losses = list(compiled.losses)
    for i, (loss, tensor) in enumerate(zip(compiled.losses, outputs)):
        if not loss.moved and loss.op in ACTIVATIONS and final_activation(tensor):
            losses[i] = replace(loss, args={**loss.args, "from_logits": literal(False)})
    return replace(compiled, losses=tuple(losses))
