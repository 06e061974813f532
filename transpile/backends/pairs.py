"""What the verifier must know of each converted model: its counterparts, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import libcst as cst
from libcst import matchers

from transpile.frontends.sites import Sites
from transpile.interpret.attributes import class_attribute
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.model_choice import ModelChoice, as_run
from transpile.interpret.values import Frame, Function, Instance, Layer, ModelValue, Tensor
from transpile.ir import Expr, Node, Shape
from transpile.registry import Op, weight_lines
from transpile.result import InputInfo, LayerPair, ModelPair, TrainingInfo
from transpile.shapes import value as extent

if TYPE_CHECKING:
    from transpile.backends.written_model import Converted


# Ops that take numbers of classes, and the argument that says how many there are.
_CLASSES = {"embedding": "input_dim", "category_encoding": "num_tokens"}
# The statistics of a layer that learns by `adapt`.
ADAPTED = ("mean: ... -> mean: ...", "variance: ... -> variance: ...")


def given_name(layer: Layer) -> str:
    """The name that the program gives a layer, "" if it gives none."""
    given = layer.common["name"].value if "name" in layer.common else ""
    return given if isinstance(given, str) else ""


def pairs_of(
    converted: Sequence[Converted],
    interpreter: Interpreter,
    drop: Mapping[int, tuple[str, ...]],
    trainings: Mapping[ModelValue, TrainingInfo],
) -> tuple[ModelPair, ...]:
    """One pair per converted model that an expression can name."""
    by_model = {id(v): c for c in converted for v in c.values}
    pairs = []
    for done in converted:
        value = done.reading.value
        expression, assumed = _chosen(done.values, interpreter) or (expression_of(done.values, interpreter), ())
        if not expression and any(m in c.reading.layers.values() for c in converted for m in done.values):
            continue  # it is compared as a part of the other
        layers = tuple(_layers(done, by_model, ""))
        training = next((trainings[v] for v in done.values if v in trainings), None)
        training = _outside(training, expression)
        shapes = tuple(_plain(t.shape) for t in value.outputs)
        final = drop.get(id(value), ()) or ("",) * len(value.outputs)
        inputs = tuple(_input(t, i.name, done) for t, i in zip(value.inputs, done.model.inputs))
        pairs.append(ModelPair(expression, expression, inputs, shapes, final, layers, training, assumed))
    return tuple(pairs)


def _outside(training: TrainingInfo | None, expression: str) -> TrainingInfo | None:
    """`self.criterion` as the file sees it that calls the object `clf`: `clf.criterion`.

    "{model}" stands for a model that carries its optimizer along.
    """
    owner = expression.rpartition(".")[0]
    if training is not None:
        training = replace(training, optimizer=training.optimizer.replace("{model}", expression))
    if training is None or not training.criterion.startswith("self."):
        return training
    if not owner:
        return None  # an object of a method's, which the file cannot name
    criterion, optimizer = (f"{owner}.{t[5:]}" for t in (training.criterion, training.optimizer))
    return TrainingInfo(criterion, optimizer, training.run_epoch)


def _plain(shape: Shape | None) -> tuple[int | None, ...] | None:
    return None if shape is None else tuple(extent(d) for d in shape)


def _input(tensor: Tensor, name: str, done: Converted) -> InputInfo:
    highs = []
    for record in done.reading.applies:
        if record.op is not None and record.op.name in _CLASSES and tensor in record.inputs:
            size = record.args.get(_CLASSES[record.op.name], Expr("")).value
            if isinstance(size, int):
                highs.append(size)
    return InputInfo(name, _plain(tensor.shape), tensor.dtype, min(highs) if highs else None)


def _layers(done: Converted, by_model: Mapping[int, Converted], prefix: str) -> list[LayerPair]:
    """The layers with weights, nested models opened, in order of creation."""
    found: list[tuple[int, list[LayerPair]]] = []
    for name, layer in done.reading.layers.items():
        path = "" if done.reading.structured else prefix + done.written.paths.get(name, name)
        if isinstance(layer, ModelValue):
            inner = by_model.get(id(layer))
            if inner is not None:
                found.append((layer.order, _layers(inner, by_model, path + "." if path else "")))
        elif layer.instance is not None and layer.op is None:
            own = LayerPair(given_name(layer), path, "", layer.kind, ())
            found.append((layer.order, [own]))
        elif layer.adapted:
            found.append((layer.order, [LayerPair(given_name(layer), path, "normalization", layer.kind, ADAPTED)]))
        elif layer.op is not None and (lines := _lines(done, name, layer.op)):
            pair = LayerPair(given_name(layer), path, layer.op.name, layer.kind, lines)
            found.append((layer.order, [pair]))
    found.sort(key=lambda p: p[0])
    return [pair for _, pairs in found for pair in pairs]


def _lines(done: Converted, name: str, op: Op) -> tuple[str, ...]:
    """The weight lines of a layer, which may depend on its arguments."""
    node = next((n for n in done.reading.model.body if isinstance(n, Node) and n.name == name), None)
    return weight_lines(op, node) if node is not None else op.weights


def expression_of(values: Sequence[ModelValue], interpreter: Interpreter) -> str:
    """An expression that gives one of the models in the module's namespace, "" if there is none."""
    module = interpreter.module
    for value in values:
        names = [name for name, bound in module.names.items() if as_run(bound) is value]
        if names:  # copies of a model have its layers
            return value.variable if value.variable in names else names[0]
    for value in values:
        for name, bound in module.names.items():
            if isinstance(bound, Instance):
                for attribute, held in bound.attributes.items():
                    if held is value and (_constructed(bound, attribute) or not _call(value)):
                        return f"{name}.{attribute}"
    inside = _local(values, interpreter)
    return inside or _call(values[0])


def _constructed(instance: Instance, attribute: str) -> bool:
    """Whether an object has an attribute as soon as it is made; others come with a method that trains."""
    constructor = class_attribute(instance.cls, "__init__")
    if not isinstance(constructor, Function):
        return False
    held = matchers.Attribute(value=matchers.Name("self"), attr=matchers.Name(attribute))
    return bool(matchers.findall(constructor.node, matchers.AssignTarget(held)))


def _chosen(values: Sequence[ModelValue], interpreter: Interpreter) -> tuple[str, tuple[tuple[str, bool], ...]] | None:
    """The variable that may hold one of the models, and the tests at module level that choose it."""
    for name, bound in interpreter.module.names.items():
        if isinstance(bound, ModelChoice) and bound.taken not in values:
            for value in values:
                if value in bound.models:
                    return name, _tests(_site(value), interpreter)
    return None


def _site(value: ModelValue) -> cst.CSTNode | None:
    """The statement of the module that makes a model, itself or by a function."""
    frame, site = value.frame, cast("cst.CSTNode | None", value.call)
    while frame.function is not None and frame.caller is not None:
        frame, site = frame.caller, frame.site
    return site


def _tests(site: cst.CSTNode | None, interpreter: Interpreter) -> tuple[tuple[str, bool], ...]:
    sites = Sites(interpreter.source)
    found, below = [], site
    for node in sites.above(site) if site is not None else ():
        if isinstance(node, cst.If) and below is not node.test:
            found.append((interpreter.source.code(node.test), below is node.body))
        below = node
    return tuple(found[::-1])


def _local(values: Sequence[ModelValue], interpreter: Interpreter) -> str:
    """`main.<locals>.model` for a model that a function of the file keeps to itself.

    A function that returns the model is called instead; one that needs arguments cannot be, unless
    the file itself calls it.
    """
    for frame in interpreter.frames:
        function = frame.function
        if function is None or not isinstance(function.node, cst.FunctionDef):
            continue
        path = _path(frame, interpreter.module)
        if not path:
            continue
        for name, held in frame.names.items():
            ours = any(held is v for v in values) and not _returns(function.node, name)
            if ours and not _returned_directly(function.node, values):
                return ".<locals>.".join([*path, name])
    return ""


def _path(frame: Frame, module: Frame) -> list[str]:
    """The functions through which the file comes to a frame, outermost first; [] if it does not."""
    names: list[str] = []
    scope: Frame | None = frame
    while scope is not None and scope is not module:
        function = scope.function
        if function is None or not isinstance(function.node, cst.FunctionDef) or function.closure is not module:
            return []
        if scope.caller is None and _needs_arguments(function.node):
            return []
        names.append(function.name)
        scope = scope.caller
    return names[::-1]


def _needs_arguments(node: cst.FunctionDef) -> bool:
    params = node.params
    return any(p.default is None for p in (*params.posonly_params, *params.params, *params.kwonly_params))


def _returned_directly(node: cst.FunctionDef, values: Sequence[ModelValue]) -> bool:
    """Whether the function is the one that builds the model and returns the call itself."""
    return any(v.frame.function is not None and v.frame.function.node is node and not v.variable for v in values)


def _call(value: ModelValue) -> str:
    """A call of the function that returns the model: that of the file, if its parameters have no defaults."""
    function = value.frame.function
    if function is None or not isinstance(function.node, cst.FunctionDef):
        return ""
    if function.closure.parent is not None:
        return ""
    call = _given(value.frame) if _needs_arguments(function.node) else f"{function.name}()"
    returned = [s for s in value.statements if cst.Module([]).code_for_node(s).lstrip().startswith("return")]
    return call if returned or _returns(function.node, value.variable) else ""


def _given(frame: Frame) -> str:
    """The call at module level that runs a function: `build(n_classes)` of `model = build(n_classes)`."""
    outside = frame.caller is not None and frame.caller.function is None
    match frame.site:
        case cst.SimpleStatementLine(body=[cst.Assign(value=cst.Call(func=cst.Name(value=name)) as call)]):
            if outside and frame.function is not None and frame.function.name == name:
                return cst.Module([]).code_for_node(call)
    return ""


def _returns(function: cst.FunctionDef, variable: str) -> bool:
    for statement in function.body.body:
        if isinstance(statement, cst.SimpleStatementLine):
            for small in statement.body:
                if isinstance(small, cst.Return) and isinstance(small.value, cst.Name):
                    return small.value.value == variable
    return False
