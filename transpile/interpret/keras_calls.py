"""Calls into Keras: layers, models, tensors, and what is done with models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret import callbacks, eager, graph_sizes, image_batches, streams
from transpile.interpret.adapted import note_adapted
from transpile.interpret.applications import application, preprocessed
from transpile.interpret.arrays import ARRAY_FUNCTIONS, KERAS_CONSTANTS, ON_ARRAYS
from transpile.interpret.asked import ObjectUse
from transpile.interpret.attributes import class_attribute
from transpile.interpret.chosen import GETTERS, got
from transpile.interpret.custom import Custom
from transpile.interpret.graph import MODE_SECOND, Graph, tensors_in
from transpile.interpret.legacy import modern_arguments
from transpile.interpret.model_choice import ModelChoice
from transpile.interpret.models import Models
from transpile.interpret.pipelines import problem
from transpile.interpret.saved import cloned, described, load_saved
from transpile.interpret.values import (
    Array,
    Batch,
    Frame,
    Function,
    KerasObject,
    Layer,
    ModelValue,
    Phi,
    Ref,
    Stream,
    Tensor,
    UserClass,
)  # fmt: skip
from transpile.ir import UNKNOWN, Expr
from transpile.references import References
from transpile.registry import LAYER_ARGUMENTS, UnknownArgument, bind, by_keras_path

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

_OF_TENSORFLOW_1 = re.compile(r"tf\.(compat\.v1\.)?train\.\w+Optimizer$")
_OBJECTS = (
    "optimizers",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "callbacks",
)
_STAR_NAMES = {
    "keras": frozenset("Sequential Model Input backend layers models utils optimizers losses callbacks".split()),
    "keras.models": frozenset("Sequential Model load_model model_from_json".split()),
    "keras.layers": frozenset("Input InputLayer Lambda Activation".split()),
    "keras.utils": frozenset({"to_categorical"}),
}


def registry_key(path: str) -> str:
    """The registry's key of a canonical path: `keras.layers.Dense` is under `layers.Dense`."""
    return path.removeprefix("keras.")


class KerasCalls:
    """What the interpreter knows of Keras."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.graph = Graph(interpreter)
        self.models = Models(interpreter)
        self.own = Custom(interpreter)
        self.operator = self.graph.operator
        self.subscript = self.graph.subscript
        self.opaque = self.graph.opaque
        self.build = self.models.build
        self.method = self.models.method
        self.has_pipelines = False  # whether the program makes one of tf.data

    @cached_property
    def pipelines(self) -> str:
        """Why the file's pipelines of tf.data cannot be converted; "" where they can."""
        return problem(References(self.interpreter.source.text, self.exports))

    @cached_property
    def image_batches(self) -> str:
        """Why the file's ImageDataGenerators cannot be converted; "" where they can."""
        return image_batches.problem(References(self.interpreter.source.text, self.exports))

    def exports(self, module: str, name: str) -> bool:
        """Whether `from module import *` brings in that name (as far as we know the API)."""
        if name in _STAR_NAMES.get(module, ()):
            return True
        return registry_key(f"{module}.{name}") in by_keras_path()

    def library(self, path: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> object:
        """A call of something below `keras.` or `tf.`."""
        match path:
            case "keras.Sequential":
                return self.models.sequential(node, args, kwargs, frame)
            case "keras.Model":
                return self.models.functional(node, args, kwargs, frame)
            case "keras.Input":
                return self.graph.input(node, args, kwargs, frame)
        if path in (
            "keras.models.load_model",
            "keras.models.model_from_json",
            "keras.models.model_from_yaml",
            "keras.models.clone_model",
        ):
            read = {"load_model": load_saved, "clone_model": cloned}.get(path.rpartition(".")[2], described)
            saved = read(self.models, node, args, kwargs, frame)
            return saved if saved is not None else self.models.opaque(node, "loaded", frame)
        if path.startswith("keras.applications.") and path.rpartition(".")[2][0].isupper():
            return application(self.models, path.rpartition(".")[2], node, args, kwargs, frame)
        stream = streams.made(self, path, args, kwargs)
        if stream is not None:
            return stream
        return self._function(path, node, args, kwargs, frame)

    def _function(self, path: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> object:
        """A layer's constructor, a function of arrays or tensors, or an object for compile and fit."""
        values = [a.value for a in args]
        named = {k: e.value for k, e in kwargs.items()}
        if path in GETTERS:
            return got(path, [*values, *named.values()])
        if self.own.depth:
            found = eager.function(self.interpreter, path, node, values, named)
            if found is not eager.NOTHING:
                return found
        else:
            size = graph_sizes.sizes(path, values, named)
            if size is not None:
                if path in graph_sizes.STATIC:
                    self.interpreter.note_shape(node, size)
                return size
            drawn = graph_sizes.draw(self.graph, path, node, args, kwargs, frame)
            if drawn is not None:
                return drawn
        if path in KERAS_CONSTANTS and not args and "set_image_da" not in self.interpreter.source.text:
            return KERAS_CONSTANTS[path]
        if path in ARRAY_FUNCTIONS:
            return ARRAY_FUNCTIONS[path](values, named) if values else Array(None)
        if path in ON_ARRAYS and values and isinstance(values[0], Array):
            found = ON_ARRAYS[path](values, named)
            if isinstance(values[0], Batch) and isinstance(found, Array):
                return Batch(found.shape, found.dtype)
            return found
        if path.startswith("keras.layers.") and path.rpartition(".")[2][:1].isupper():
            return self.layer(path, node, args, kwargs, frame)
        if tensors_in([*values, *named.values()]):
            if path.startswith("keras.applications.") and path.endswith(".preprocess_input") and len(values) == 1:
                scaled = preprocessed(self, path, node, values[0], frame) if isinstance(values[0], Tensor) else None
                if scaled is not None and not named:
                    return scaled
            return self.graph.function(path, node, args, kwargs, frame)
        if path.split(".")[1] in _OBJECTS or _OF_TENSORFLOW_1.match(path):
            span = self.interpreter.source.span(node)
            return KerasObject(path, tuple(args), kwargs, node, span, frame)
        return UNKNOWN

    def layer(self, path: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> Layer:
        """A layer's constructor."""
        op = by_keras_path().get(registry_key(path))
        span = self.interpreter.source.span(node)
        common = {k: e for k, e in kwargs.items() if k in LAYER_ARGUMENTS or k == "input_length"}
        layer = Layer(
            path, op, {}, common, node, span, frame, self.interpreter.next_order(),
            statement=self.interpreter.statement,
        )  # fmt: skip
        if op is None:
            layer.args = {str(i): a for i, a in enumerate(args)} | kwargs
            if layer.kind == "Activation" and args:
                layer.args["activation"] = args[0]
            if layer.kind not in ("Lambda", "InputLayer", "Activation"):
                layer.problems.append(("K2T101", f"the layer {layer.kind} is not supported yet"))
        else:
            args, kwargs, old = modern_arguments(layer.kind, args, kwargs)
            common |= {k: e for k, e in kwargs.items() if k in LAYER_ARGUMENTS}
            layer.problems += old
            self._bind(layer, args, kwargs)
        note_adapted(layer)
        self.interpreter.layers.append(layer)
        return layer

    def _bind(self, layer: Layer, args: list[Expr], kwargs: dict[str, Expr]) -> None:
        assert layer.op is not None
        own = {k: e for k, e in kwargs.items() if k in signature_names(layer) or k not in LAYER_ARGUMENTS}
        try:
            layer.args = bind(layer.op, args, own)
        except UnknownArgument as error:
            names = error.names
            layer.problems.append(("K2T104", f"{layer.kind}: {', '.join(names)} cannot be converted"))
            layer.args = bind(layer.op, args[: len(signature_names(layer))],
                              {k: e for k, e in own.items() if k not in names})  # fmt: skip
        for name in signature_names(layer):
            if name not in layer.args:
                layer.problems.append(("K2T104", f"{layer.kind}: its argument {name} is missing"))
                layer.args[name] = Expr(name)

    def custom(
        self,
        cls: UserClass,
        node: cst.Call,
        args: list[Expr],
        kwargs: dict[str, Expr],
        frame: Frame,
    ) -> object:
        """An object of a user's class that derives from one of Keras's."""
        cls.made = True
        if cls.keras_base.startswith("keras.callbacks."):
            return callbacks.made(self.interpreter, cls, node, args, kwargs, frame)
        name = cls.node.name.value
        span = self.interpreter.source.span(node)
        if cls.keras_base in ("keras.Model", "keras.Sequential"):
            model = self.models.opaque(node, "subclass", frame)
            model.instance = self.own.construct(cls, args, kwargs, frame)
            return model
        if cls.keras_base.startswith("keras.layers."):
            layer = Layer(f"user.{name}", None, {}, {}, node, span, frame, self.interpreter.next_order(),
                          statement=self.interpreter.statement)  # fmt: skip
            layer.problems.append(("K2T102", f"{name} is a layer of your own; its code is not converted"))
            layer.instance = self.own.construct(cls, args, kwargs, frame)
            layer.args = {str(i): a for i, a in enumerate(args)} | kwargs
            self.interpreter.layers.append(layer)
            return layer
        if cls.keras_base in ("keras.utils.Sequence", "keras.utils.PyDataset"):
            weighted = streams.yields_three(class_attribute(cls, "__getitem__"))
            return Stream("sequence", cls, weighted=weighted)
        return KerasObject(f"user.{name}", tuple(args), kwargs, node, span, frame)

    def apply(
        self,
        target: Layer | ModelValue,
        node: cst.Call,
        args: list[Expr],
        kwargs: dict[str, Expr],
        frame: Frame,
    ) -> object:
        """A layer or model called on something."""
        values = [*(a.value for a in args), *(e.value for e in kwargs.values())]
        tensors = tensors_in(values)
        if not tensors:
            if isinstance(target, ModelValue):
                return self.models.called_on_data(target, node, args, kwargs, frame)
            return UNKNOWN
        if isinstance(target, Layer) and target.instance is not None:
            return self.own.apply(target, node, args, kwargs, frame)
        if isinstance(target, Layer) and target.kind == "Lambda":
            return self._inline(target, node, args, frame)
        args, kwargs = _with_mode(target, args, kwargs)
        if isinstance(target, ModelValue):
            return self.models.nested(target, node, tensors, kwargs, frame)
        return self.graph.apply_layer(target, node, args, kwargs, frame)

    def _inline(self, layer: Layer, node: cst.Call, args: list[Expr], frame: Frame) -> object:
        """A Lambda layer is what its function does to the tensor."""
        function = (layer.args.get("0") or layer.args.get("function") or Expr("")).value
        extra = layer.args.get("arguments")
        kwargs = extra.value if extra is not None and isinstance(extra.value, dict) else {}
        result: object = UNKNOWN
        if isinstance(function, Function):
            result = self.interpreter.call_function(function, [a.value for a in args], kwargs, frame)
        elif isinstance(function, Ref):
            result = self.graph.function(function.path, node, args, {}, frame)
        if tensors_in([result]):
            for tensor in tensors_in([result]):
                tensor.mask = None  # a Lambda drops the mask
            return result
        span = self.interpreter.source.span(node)
        return Tensor(None, Phi("the body of this Lambda is not understood", span))

    def method_of_one(
        self, choice: ModelChoice, name: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
    ) -> object:
        """`model.name(...)` of a model that is one of several: done with each."""
        if name in ("add", "pop"):
            for model in choice.models:
                self.models.problem(model, "the model that this changes is only known when the program runs", node)
            return None
        turn, events = self.interpreter.next_order(), self.interpreter.events
        begun = len(events)
        found = [self.models.method(model, name, node, args, kwargs, frame) for model in choice.models]
        for event in events[begun:]:
            event.turn = turn
        return self.interpreter.either(found, node)

    def set_attribute(self, holder: object, name: str, value: object, target: cst.Attribute, frame: Frame) -> None:
        """`holder.name = value` on something of Keras's."""
        if isinstance(holder, KerasObject):
            holder.attributes[name] = value
            holder.uses.append(ObjectUse(target, self.interpreter.order))
        for each in holder.models if isinstance(holder, ModelChoice) else (holder,):
            if isinstance(each, ModelValue | Layer) and name == "trainable":
                self.models.set_trainable(each, value, target, frame)


def _with_mode(
    target: Layer | ModelValue, args: list[Expr], kwargs: dict[str, Expr]
) -> tuple[list[Expr], dict[str, Expr]]:
    """`layer(x, True)`: the mode by position, which Keras 2 took, by its name."""
    if isinstance(target, ModelValue):
        moody = target.instance is None
    else:
        moody = target.op is not None and target.op.name in MODE_SECOND
    by_position = len(args) == 2 and "training" not in kwargs and not tensors_in([args[1].value])
    if not moody or not by_position:
        return args, kwargs
    return args[:1], {**kwargs, "training": args[1]}


def signature_names(layer: Layer) -> Mapping[str, object]:
    """The parameters of a layer's op."""
    from transpile.registry import signature

    assert layer.op is not None
    return signature(layer.op.keras)[1]
