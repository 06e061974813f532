"""Models as values: Sequential, functional, nested; and what is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.asked import History
from transpile.interpret.callbacks import run_hooks
from transpile.interpret.graph import shape_of, tensors_in
from transpile.interpret.model_layers import find_layer, layers_of, of_rows
from transpile.interpret.values import (
    Apply,
    Array,
    Event,
    Frame,
    InputSource,
    Layer,
    ModelValue,
    Phi,
    Stream,
    Tensor,
)  # fmt: skip
from transpile.ir import FREE, UNKNOWN, Expr, Shape, literal

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

# Methods of a model that the training front end converts.
EVENTS = frozenset(
    "compile fit fit_generator evaluate evaluate_generator predict predict_generator predict_classes "
    "predict_proba predict_on_batch train_on_batch test_on_batch summary save save_weights load_weights "
    "get_weights set_weights to_json to_yaml get_config reset_states build add_loss add_metric export "
    "get_layer count_params".split()
)


# Methods of which the first argument is data.
_FED = frozenset("fit train_on_batch test_on_batch evaluate predict predict_on_batch call".split())


def inputs_of(data: object) -> object:
    """What a model is given of some data: of what a pipeline yields, the first part."""
    if not isinstance(data, Stream):
        return data
    return data.element[0] if isinstance(data.element, tuple) and data.element else data.element


class Models:
    """Makes models and records what is done with them."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def _new(self, style: str, node: cst.Call, kwargs: Mapping[str, Expr], frame: Frame) -> ModelValue:
        model = ModelValue(
            style,
            self.interpreter.source.span(node),
            frame,
            self.interpreter.next_order(),
            node,
            kwargs.get("name"),
        )
        model.uncertain = self.interpreter.uncertain
        model.scopes = frame.scopes()
        if self.interpreter.statement is not None:
            model.statements.append(self.interpreter.statement)
        self.interpreter.models.append(model)
        return model

    def sequential(self, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> ModelValue:
        """`Sequential([...])`."""
        model = self._new("sequential", node, kwargs, frame)
        layers = args[0] if args else kwargs.get("layers")
        if layers is not None and isinstance(layers.value, list | tuple):
            for layer in layers.value:
                self._append(model, layer, node)
        elif layers is not None and layers.value is not None:
            self.problem(model, "the list of layers is not known before the program runs", node)
        return model

    def functional(self, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> ModelValue:
        """`Model(inputs, outputs)`; Keras 1 said `Model(input=, output=)`."""
        model = self._new("functional", node, kwargs, frame)
        names = ("inputs", "outputs")
        given = dict(zip(names, args)) | {("inputs" if k == "input" else "outputs" if k == "output" else k): e
                                          for k, e in kwargs.items()}  # fmt: skip
        for side in names:
            value = given[side].value if side in given else UNKNOWN
            value = list(value.values()) if isinstance(value, dict) else value
            tensors = tensors_in([value])
            expected = len(value) if isinstance(value, list | tuple) else 1
            if len(tensors) != expected:
                self.problem(model, f"the model's {side} are not understood", node)
            setattr(model, side, tensors)
        outputs = given.get("outputs", Expr("")).value
        model.single_output = not isinstance(outputs, list | tuple | dict)
        model.output_keys = tuple(map(str, outputs)) if isinstance(outputs, dict) else ()
        return model

    def opaque(self, node: cst.Call, style: str, frame: Frame) -> ModelValue:
        """A model of which the layers are not in the file."""
        reasons = {
            "loaded": ("K2T131", "the layers of a model loaded from a file are not in the source"),
            "application": ("K2T115", "this network of keras.applications is not converted"),
            "subclass": ("K2T103", "subclassed models are not converted yet"),
        }
        model = self._new(style, node, {}, frame)
        model.problems.append((*reasons[style], model.span))
        return model

    def problem(self, model: ModelValue, message: str, node: cst.CSTNode) -> None:
        model.problems.append(
            (
                "K2T109" if "only known" in message else "K2T110",
                message,
                self.interpreter.source.span(node),
            )
        )

    def _append(self, model: ModelValue, layer: object, node: cst.CSTNode) -> None:
        model.closed = self.interpreter.next_order()
        model.scopes = model.frame.scopes()
        if isinstance(layer, Layer | ModelValue):
            model.layers.append(layer)
            model.places.append((self.interpreter.statement, self.interpreter.loops))
        elif isinstance(layer, Tensor) and not model.layers:
            model.inputs.append(layer)
        else:
            self.problem(model, "this element of the Sequential is not a known layer", node)

    # What is done with a model

    def method(
        self, target: ModelValue | Layer, name: str, node: cst.Call, args: list[Expr],
        kwargs: dict[str, Expr], frame: Frame,
    ) -> object:  # fmt: skip
        """`model.name(...)`."""
        if isinstance(target, Layer):
            if name in ("get_weights", "set_weights"):
                self._event(name, None, node, args, kwargs, frame)
                self.interpreter.events[-1].holder = target
            return UNKNOWN
        if target.style == "sequential" and name in ("add", "pop"):
            self._unchanged(target, node)
        if target.style == "sequential" and name == "add" and len(args) + len(kwargs) == 1:
            value = (args[0] if args else next(iter(kwargs.values()))).value
            self._append(target, value, node)
            if self.interpreter.uncertain > target.uncertain:
                self.problem(target, "whether this layer is added is only known when the program runs", node)
            if self.interpreter.statement is not None:
                target.statements.append(self.interpreter.statement)
            return None
        if target.style == "sequential" and name == "pop" and target.layers:
            target.layers.pop()
            target.places.pop()
            if self.interpreter.uncertain > target.uncertain:
                self.problem(target, "whether a layer is removed is only known when the program runs", node)
            if self.interpreter.statement is not None:
                target.statements.append(self.interpreter.statement)
            return None
        if name == "get_layer":
            self.build(target)
            found = find_layer(target, args, kwargs)
            self.interpreter.note_picked(node, found)
            return found
        if name == "add_loss" and target.style in ("sequential", "functional"):
            self._add_loss(target, args, node)
            return None
        if name in EVENTS:
            return self._event(name, target, node, args, kwargs, frame)
        return UNKNOWN

    def _add_loss(self, model: ModelValue, args: list[Expr], node: cst.Call) -> None:
        """`model.add_loss(tensor)`: a tensor of the graph that is part of the loss."""
        self.build(model)
        value = args[0].value if len(args) == 1 else UNKNOWN
        if not isinstance(value, Tensor) or value.shape != ():
            what = "what is added to the loss is not one number that the model computes"
            model.problems.append(("K2T183", what, self.interpreter.source.span(node)))
        elif self.interpreter.tentative > 0 or model.uncertain:
            what = "whether this is added to the loss is only known when the program runs"
            model.problems.append(("K2T183", what, self.interpreter.source.span(node)))
        else:
            model.added.append(value)
        self._unchanged(model, node)
        if self.interpreter.statement is not None:
            model.statements.append(self.interpreter.statement)

    def _unchanged(self, model: ModelValue, node: cst.CSTNode) -> None:
        """A model that was used already must not get other layers."""
        used = ("fit", "fit_generator", "train_on_batch", "evaluate", "predict", "load_weights", "set_weights")
        if any(e.model is model and e.kind in used for e in self.interpreter.events):
            message = "layers are added to this model, or taken from it, after it was used"
            model.problems.append(("K2T179", message, self.interpreter.source.span(node)))

    def _event(
        self, kind: str, model: ModelValue | None, node: cst.Call, args: list[Expr],
        kwargs: dict[str, Expr], frame: Frame,
    ) -> object:  # fmt: skip
        if model is not None and kind in _FED and args:
            data = inputs_of(args[0].value)
            self._shape_from_data(model, data)
            self.interpreter.keras.own.feed(model, [data])
        if model is not None and kind == "build":
            shape = shape_of(args[0] if args else kwargs.get("input_shape", Expr("")))
            if shape and model.style == "sequential" and not model.inputs and not model.outputs:
                model.inputs.append(self._implied_input(model, (FREE, *shape[2:])))
            if shape and model.instance is not None:
                dims = (d.value if isinstance(d.value, int) else None for d in shape[1:])
                self.interpreter.keras.own.feed(model, [Array(tuple(dims), "float32")])
        values = {str(i): a.value for i, a in enumerate(args)} | {k: e.value for k, e in kwargs.items()}
        event = Event(
            kind, model, node, tuple(args), dict(kwargs), values, frame, self.interpreter.statement,
            self.interpreter.next_order(),
        )  # fmt: skip
        self.interpreter.events.append(event)
        event.result = self._result(kind, model, args, node)
        run_hooks(self.interpreter, event)
        return event.result

    def compiled(
        self, model: ModelValue, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
    ) -> None:
        """A `compile` of the user's own was called."""
        self._event("compile", model, node, args, kwargs, frame)

    def _result(self, kind: str, model: ModelValue | None, args: Sequence[Expr], node: cst.Call) -> object:
        if kind in ("fit", "fit_generator"):
            return History(node)
        if kind not in ("predict", "predict_proba") or model is None:
            return UNKNOWN
        shapes = model.output_shapes
        if len(shapes) != 1 or shapes[0] is None:
            return Array(None)
        data = args[0].value if args else UNKNOWN
        count = data.shape[0] if isinstance(data, Array) and data.shape else None
        return Array(
            (count, *(d.value if isinstance(d.value, int) else None for d in shapes[0][1:])),
            "float32",
        )

    def set_trainable(self, holder: ModelValue | Layer, value: object, target: cst.Attribute, frame: Frame) -> None:
        """`model.trainable = False` (and `layer.trainable = False`)."""
        call = cst.Call(target)
        self.interpreter.source.stands_for(call, target)
        event = Event(
            "trainable", holder if isinstance(holder, ModelValue) else None, call, (), {}, {"value": value}, frame,
            self.interpreter.statement, self.interpreter.next_order(), holder=holder,
        )  # fmt: skip
        self.interpreter.events.append(event)

    def called_on_data(
        self,
        model: ModelValue,
        node: cst.Call,
        args: list[Expr],
        kwargs: dict[str, Expr],
        frame: Frame,
    ) -> object:
        """`model(x)` on an array: inference."""
        return self._event("call", model, node, args, kwargs, frame)

    # Graphs

    def _shape_from_data(self, model: ModelValue, data: object) -> None:
        """The input shape of a Sequential that declares none, from the first data it sees."""
        if model.style != "sequential" or model.inputs or self._declared(model) is not None:
            return
        if isinstance(data, Array) and data.shape is not None and len(data.shape) > 1:
            dims = tuple(FREE if n is None else literal(n) for n in data.shape[1:])
            model.inputs.append(self._implied_input(model, (FREE, *dims), data.dtype))

    def _declared(self, model: ModelValue) -> Shape | None:
        """The input shape that the first layer of a Sequential declares."""
        first = model.layers[0] if model.layers else None
        if isinstance(first, ModelValue):
            self.build(first)
            return first.inputs[0].shape if first.inputs else None
        if first is None:
            return None
        layer: Layer = first
        inner = layer.args.get("layer")
        common = dict(layer.common)
        if layer.kind == "InputLayer":
            common |= {k: e for k, e in layer.args.items() if k.isalpha() or "_" in k}
            if "0" in layer.args:
                common["input_shape"] = layer.args["0"]
            if "shape" in common:
                common["input_shape"] = common["shape"]
        if inner is not None and isinstance(inner.value, Layer):
            common = inner.value.common | common
        for key in ("batch_input_shape", "batch_shape"):
            if key in common:
                whole = shape_of(common[key])
                return (FREE, *whole[2:]) if whole else None
        if "input_shape" in common:
            return shape_of(common["input_shape"])
        if layer.op is not None and layer.op.name == "embedding":
            return (FREE, common.get("input_length", FREE))
        if "input_dim" in common:
            dim = common["input_dim"]
            return (FREE, FREE, dim) if layer.kind in ("LSTM", "GRU", "SimpleRNN") else (FREE, dim)
        return None

    def _implied_input(self, model: ModelValue, shape: Shape | None, dtype: str = "float32") -> Tensor:
        first = model.layers[0] if model.layers else None
        if isinstance(first, Layer) and first.op is not None and first.op.name == "embedding":
            dtype = "int32"
        if dtype not in ("int32", "int64"):
            dtype = "float32"
        source = InputSource("", shape, dtype, model.span, model.frame, self.interpreter.next_order())
        self.interpreter.note_dims(shape, model.frame)
        return Tensor(shape, source, dtype=dtype)

    def build(self, model: ModelValue, final: bool = False) -> None:
        """Runs a Sequential symbolically once its input is known (or, at the end, without)."""
        if model.style != "sequential" or model.outputs or not model.layers:
            return
        if not model.inputs:
            shape = self._declared(model)
            if shape is None and not final:
                return
            model.inputs.append(self._implied_input(model, shape or of_rows(model.layers[0])))
        inter = self.interpreter
        outer = inter.statement, inter.loops
        model.outputs = tensors_in([self._through(model, model.inputs[0])])
        inter.statement, inter.loops = outer

    def _through(self, model: ModelValue, tensor: object) -> object:
        inter = self.interpreter
        entries: dict[int, object] = {}  # what each loop that only the program counts begins with
        for layer, (inter.statement, inter.loops) in zip(model.layers, model.places):
            self._leave_loops(entries, tensor)
            entries |= {id(n): tensor for n, _ in inter.loops if id(n) in inter.supposed and id(n) not in entries}
            tensors = tensors_in([tensor])
            if isinstance(layer, ModelValue):
                tensor = self.nested(layer, None, tensors, {}, model.frame)
            elif layer.kind == "InputLayer":
                continue
            elif layer.kind == "Lambda" and layer.call is not None:
                args = [Expr("x", tensor)]
                tensor = self.interpreter.keras._inline(layer, layer.call, args, model.frame)
            else:
                args = [Expr("x", t) for t in tensors]
                call = layer.call
                assert call is not None
                tensor = self.interpreter.keras.graph.apply_layer(layer, call, args, {}, model.frame)
        inter.loops = ()
        self._leave_loops(entries, tensor)
        return tensor

    def _leave_loops(self, entries: dict[int, object], tensor: object) -> None:
        """Of a tensor behind a loop of unknown length only that is known which the loop leaves as it was."""
        around = {id(n) for n, _ in self.interpreter.loops}
        for loop in entries.keys() - around:
            entry = entries.pop(loop)
            if isinstance(entry, Tensor) and isinstance(tensor, Tensor):
                tensor.leave_loop(entry)

    def _takes_mask(self, model: ModelValue, tensors: Sequence[Tensor]) -> bool:
        """Whether a mask of the inputs has a use inside the model."""
        ops = [layer.op for layer in layers_of(model) if isinstance(layer, Layer)]
        uses = any(op is not None and op.mask not in ("keep", "drop", "merge") for op in ops)
        return uses and any(t.mask is not None for t in tensors)

    def nested(
        self, model: ModelValue, node: cst.Call | None, tensors: Sequence[Tensor], kwargs: Mapping[str, Expr],
        frame: Frame,
    ) -> object:  # fmt: skip
        """A model applied to tensors, as a layer."""
        if model.style == "sequential" and not model.inputs and not model.outputs and self._declared(model) is None:
            model.inputs.append(self._implied_input(model, tensors[0].shape, tensors[0].dtype))
        self.build(model)
        self.interpreter.keras.own.feed(model, [tensors[0] if len(tensors) == 1 else list(tensors)])
        span = self.interpreter.source.span(node) if node is not None else model.span
        training = kwargs.get("training")
        record = Apply(
            None,
            {"call:training": training} if training is not None and training.value is not None else {},
            tuple(tensors),
            model,
            span,
            frame,
            self.interpreter.next_order(),
            self.interpreter.statement,
        )
        self.interpreter.applies.append(record)
        record.loops = self.interpreter.loops
        if any(t.mask is not None for t in model.outputs) or self._takes_mask(model, tensors):
            message = "a mask that passes into or out of a model applied as a layer"
            record.problems.append(("K2T113", message))
        for i, output in enumerate(model.outputs):
            record.outputs.append(Tensor(output.shape, record, i))
        if not model.outputs:
            return Tensor(None, Phi("the model applied here is not understood", span))
        return record.outputs[0] if model.single_output else list(record.outputs)
