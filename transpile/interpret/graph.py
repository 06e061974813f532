"""Symbolic tensors: inputs, layers and functions applied to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.adapted import adapted_shape
from transpile.interpret.eager import loses_batch, reshaped
from transpile.interpret.masks import mask_behind
from transpile.interpret.values import Apply, Frame, InputSource, Layer, Phi, Tensor
from transpile.ir import FREE, UNKNOWN, Expr, Shape, literal
from transpile.registry import Op, UnknownArgument, bind, by_keras_path, by_name, signature

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter


# Their activation is that of a cell, applied inside the loop over time.
RECURRENT = frozenset("lstm gru simple_rnn conv_lstm2d lstm_cell gru_cell simple_rnn_cell rnn bidirectional".split())
# Losses that are functions of two tensors of a graph, too: what becomes of the difference.
ERRORS = {"mean_squared_error": "square", "mean_absolute_error": "abs"}
CROSS_ENTROPY = ("losses.binary_crossentropy", "metrics.binary_crossentropy")
# The mask of their output is that of the query.

# Layers that do something else in training; a fixed `training=` makes a difference to them.
# Layers that are called with a mode; the first ones take it as the second argument.
MODE_SECOND = frozenset(
    "dropout spatial_dropout1d spatial_dropout2d spatial_dropout3d gaussian_noise gaussian_dropout "
    "alpha_dropout batch_norm time_distributed".split()
)
IN_TRAINING = MODE_SECOND | frozenset("multi_head_attention lstm gru simple_rnn bidirectional".split())


def tensors_in(values: Iterable[object]) -> list[Tensor]:
    """The tensors among values, lists of them opened."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += tensors_in(value)
    return found


def _mixed(value: object) -> bool:
    """Whether a list holds tensors and something else."""
    if not isinstance(value, list | tuple) or not tensors_in(value):
        return False
    return not all(isinstance(v, Tensor | list | tuple) for v in value) or any(_mixed(v) for v in value)


def shape_of(expr: Expr, batch: Expr = FREE) -> Shape | None:
    """A shape argument of the user's, `(rows, cols, 1)`, with the batch before it."""
    values = expr.value
    if isinstance(values, int):
        values = (values,)
    if not isinstance(values, tuple | list):
        return None
    texts = _element_texts(expr.text, len(values))
    dims = []
    for value, text in zip(values, texts):
        if value is None:
            dims.append(FREE)
        elif isinstance(value, int):
            written = text and not text.lstrip("-").isdigit()
            dims.append(Expr(text if written else str(value), value))
        else:
            dims.append(Expr(text) if text else FREE)
    return (batch, *dims)


def _element_texts(text: str, count: int) -> list[str]:
    """The text of each element of a tuple: its own, or `name[i]`."""
    try:
        node = cst.parse_expression(text)
    except cst.ParserSyntaxError:
        return [""] * count
    if isinstance(node, cst.Tuple | cst.List) and len(node.elements) == count:
        empty = cst.Module([])
        if all(isinstance(e, cst.Element) for e in node.elements):
            return [empty.code_for_node(e.value) for e in node.elements]
    if isinstance(node, cst.Name | cst.Attribute | cst.Subscript):
        return [f"{text}[{i}]" if i < count - 1 else f"{text}[-1]" for i in range(count)]
    if count == 1 and isinstance(node, cst.Integer):
        return [text]
    return [""] * count


class Graph:
    """Builds the graph of Apply records."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def input(self, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> object:
        """`keras.Input(shape=..., dtype=..., name=...)`."""
        if args:
            kwargs = {"shape": args[0]} | kwargs
        if "tensor" in kwargs and isinstance(kwargs["tensor"].value, Tensor):
            return kwargs["tensor"].value
        shape = None
        if "batch_shape" in kwargs or "batch_input_shape" in kwargs:
            whole = kwargs.get("batch_shape") or kwargs["batch_input_shape"]
            inner = shape_of(whole)
            shape = (FREE, *inner[2:]) if inner else None
        elif "shape" in kwargs:
            shape = shape_of(kwargs["shape"])
        dtype = kwargs["dtype"].value if "dtype" in kwargs else "float32"
        name = kwargs["name"].value if "name" in kwargs else ""
        source = InputSource(
            name if isinstance(name, str) else "", shape, dtype if isinstance(dtype, str) else "float32",
            self.interpreter.source.span(node), frame, self.interpreter.next_order(), self.interpreter.statement,
        )  # fmt: skip
        self.interpreter.note_dims(shape, frame)
        return Tensor(shape, source, dtype=source.dtype)

    def apply_layer(
        self,
        layer: Layer,
        node: cst.Call,
        args: list[Expr],
        kwargs: Mapping[str, Expr],
        frame: Frame,
    ) -> object:
        """`layer(x)`, `layer([a, b])`, `layer(q, v, use_causal_mask=True)`."""
        inputs = tensors_in([a.value for a in args])
        call_args: dict[str, Expr] = {}
        for name, expr in kwargs.items():
            found = tensors_in([expr.value])
            if found:
                # Positions of the keyword tensors among the inputs, for the op's lowering.
                call_args[name] = literal(tuple(range(len(inputs), len(inputs) + len(found))))
                inputs += found
            else:
                call_args[name] = expr
        training = call_args.pop("training", literal(None))
        if training.value is not None and layer.op is not None and layer.op.name in IN_TRAINING:
            call_args["training"] = training
        if layer.kind == "Activation" and inputs:
            given = layer.args.get("activation", Expr("None", None))
            record = Apply(
                None, {}, tuple(inputs), layer, self.interpreter.source.span(node), frame,
                self.interpreter.next_order(),
                self.interpreter.statement, [inputs[0]],
            )  # fmt: skip
            layer.results.append(self.activation(given, inputs[0], record, layer))
            return layer.results[-1]
        return self.apply(layer, inputs, node, frame, call_args)

    def apply(
        self, layer: Layer, inputs: Sequence[Tensor], node: cst.Call | None, frame: Frame,
        call_args: Mapping[str, Expr] | None = None,
    ) -> object:  # fmt: skip
        """One application; returns its output, or the list of them."""
        span = self.interpreter.source.span(node) if node is not None else layer.span
        extra = {f"call:{k}": e for k, e in (call_args or {}).items()}
        record = Apply(
            layer.op, layer.args | extra, tuple(inputs), layer, span, frame,
            self.interpreter.next_order(), self.interpreter.statement,
        )  # fmt: skip
        layer.applications.append(record)
        if layer.adapted:
            record.op, record.args = None, {}
        result = self.outputs(record)
        activation = layer.args.get("activation")
        if activation is not None:
            result = self._activated(record, activation, result)
        layer.results.append(result)
        return result

    def outputs(self, record: Apply) -> object:
        """Shapes and masks of an application's outputs."""
        self.interpreter.applies.append(record)
        record.loops, record.arms = self.interpreter.loops, self.interpreter.arms
        op = record.op
        if op is not None:
            _note_rank(op, record.inputs)
        shapes = [t.shape for t in record.inputs]
        result = self._shapes(op, shapes, record) if op is not None else None
        if isinstance(record.layer, Layer) and record.layer.adapted:
            result = adapted_shape(record)
        several = isinstance(result, list)
        mask = mask_behind(record)
        written_in = record.layer.frame if isinstance(record.layer, Layer) else record.frame
        merged = loses_batch(record)
        for i, shape in enumerate(result if isinstance(result, list) else [result]):
            shape = _extents(shape)
            tensor = Tensor(shape, record, i, merged=merged)
            self.interpreter.note_dims(shape, written_in)
            tensor.mask = mask if i == 0 else None
            record.outputs.append(tensor)
        if op is not None and op.name in ("embedding", "masking"):
            makes = op.name == "masking" or record.args["mask_zero"].value is not False
            record.outputs[0].mask = record.inputs[0] if makes else None
        return list(record.outputs) if several else record.outputs[0]

    @staticmethod
    def _shapes(op: Op, shapes: Sequence[Shape | None], record: Apply) -> Shape | list[Shape | None] | None:
        """The shapes of the outputs; none where a tensor stands for an argument that must be known."""
        try:
            return op.shape(shapes, record.args)
        except KeyError as error:
            if error.args[0] not in signature(op.keras)[1]:
                raise
            record.problems.append(("K2T112", f"{op.keras_path}: a tensor stands for {error.args[0]}"))
            return None

    def _activated(self, record: Apply, activation: Expr, result: object) -> object:
        """The activation that a layer applies to its own output (not that of a cell)."""
        op = record.op
        if op is None or op.name in RECURRENT or activation.value in (None, "linear"):
            return result
        tensor = record.outputs[0]
        outer = self.activation(activation, tensor, record)
        return [outer, *record.outputs[1:]] if isinstance(result, list) else outer

    def activation(self, activation: Expr, tensor: Tensor, record: Apply, layer: Layer | None = None) -> Tensor:
        """An activation given as a string, a function or a layer, applied to a tensor.

        `layer` is the Activation layer whose whole work it is, None for a fused activation.
        """
        value = activation.value
        if isinstance(value, Layer):
            out = self.apply(value, [tensor], None, record.frame)
            assert isinstance(out, Tensor)
            return out
        path = f"activations.{value}" if isinstance(value, str) else ""
        if not path:
            path = str(getattr(value, "path", "")).removeprefix("keras.")
        op = by_keras_path().get(path)
        args = dict(bind(op, (), {})) if op is not None else {}
        fused = Apply(
            op,
            args,
            (tensor,),
            layer,
            record.span,
            record.frame,
            self.interpreter.next_order(),
            record.statement,
        )
        fused.fused = layer is None
        if layer is not None:
            layer.applications.append(fused)
        if op is None:
            fused.problems.append(("K2T106", f"the activation {activation.text} is not supported yet"))
        self.outputs(fused)
        out = fused.outputs[0]
        if out.shape is None:
            out.shape = tensor.shape
        return out

    def function(self, path: str, node: cst.Call, args: list[Expr], kwargs: Mapping[str, Expr], frame: Frame) -> object:
        """A function of Keras's or TensorFlow's applied to tensors."""
        key = path.removeprefix("keras.")
        op = by_keras_path().get(key)
        if op is not None and op.name in ERRORS and len(args) == 2 and not kwargs:
            return self._error(op, node, args, frame)
        if key in CROSS_ENTROPY and len(args) == 2 and not kwargs:
            value = self.function("keras.ops.binary_crossentropy", node, args, {}, frame)
            return self.function("keras.ops.mean", node, [Expr("", value)], {"axis": literal(-1)}, frame)
        span = self.interpreter.source.span(node)
        inputs = tensors_in([*(a.value for a in args), *(e.value for e in kwargs.values())])
        record = Apply(
            op,
            {},
            tuple(inputs),
            None,
            span,
            frame,
            self.interpreter.next_order(),
            self.interpreter.statement,
        )
        if any(_mixed(e.value) for e in (*args, *kwargs.values())):
            record.problems.append(("K2T112", f"{path}: tensors and other values in one list"))
        if op is None:
            record.problems.append(("K2T112", f"{path} is not supported yet"))
        else:
            record.args = self._function_args(op, args, kwargs, record)
        result = self.outputs(record)
        if isinstance(result, Tensor) and op is not None and op.name == "reshape" and "shape" in record.args:
            computed = reshaped(inputs[0], record.args["shape"].value)
            if computed is not None and self.interpreter.keras.own.depth:
                result.shape = computed
        return result

    def _error(self, op: Op, node: cst.Call, args: Sequence[Expr], frame: Frame) -> object:
        """`keras.losses.mse(x, y)`: the mean over the last axis."""
        away = self.operator(node, "-", args[1].value, args[0].value, frame)
        value = self.function(f"keras.ops.{ERRORS[op.name]}", node, [Expr("", away)], {}, frame)
        return self.function("keras.ops.mean", node, [Expr("", value)], {"axis": literal(-1)}, frame)

    @staticmethod
    def _function_args(op: Op, args: Sequence[Expr], kwargs: Mapping[str, Expr], record: Apply) -> dict[str, Expr]:
        names = list(signature(op.keras)[1])
        try:
            bound = bind(op, args, {k: e for k, e in kwargs.items() if k != "name"})
        except UnknownArgument as error:
            record.problems.append(("K2T104", f"{op.keras_path}: {error} cannot be converted"))
            bound = bind(op, args[: len(names)], {k: e for k, e in kwargs.items() if k in names})
        return {k: e for k, e in bound.items() if not tensors_in([e.value])}

    def operator(self, node: cst.CSTNode, symbol: str, left: object, right: object, frame: Frame) -> object:
        """`a + b`, `-a`: the op "binary" with the operand that is no tensor as an argument."""
        inputs = tensors_in([left, right])
        args = {"operator": literal(symbol)}
        for side, value in (("left", left), ("right", right)):
            if not isinstance(value, Tensor):
                args[side] = self._operand(node, side, value)
        record = Apply(
            by_name().get("binary"), args, tuple(inputs), None, self.interpreter.source.span(node), frame,
            self.interpreter.next_order(), self.interpreter.statement,
        )  # fmt: skip
        if record.op is None or not symbol:
            record.problems.append(("K2T112", "this operator is not supported on tensors yet"))
        return self.outputs(record)

    def _operand(self, node: cst.CSTNode, side: str, value: object) -> Expr:
        child: cst.CSTNode | None = None
        if isinstance(node, cst.BinaryOperation):
            child = node.left if side == "left" else node.right
        elif isinstance(node, cst.AugAssign) and side == "right":
            child = node.value
        if child is None:
            return literal(None)
        return Expr(self.interpreter.source.code(child), value)

    def subscript(self, node: cst.Subscript, tensor: Tensor, index: object, frame: Frame) -> object:
        """`x[:, 0]`: the op "getitem" with the user's index."""
        code = self.interpreter.source.code
        text = ", ".join(code(s) for s in node.slice).rstrip(", ")
        op = by_name().get("getitem")
        record = Apply(
            op, {"index": Expr(text, index)}, (tensor,), None, self.interpreter.source.span(node), frame,
            self.interpreter.next_order(), self.interpreter.statement,
        )  # fmt: skip
        if op is None or index is UNKNOWN:
            record.problems.append(("K2T112", "this index is not supported on tensors yet"))
        return self.outputs(record)

    def opaque(self, node: cst.CSTNode, values: Sequence[object], frame: Frame) -> Tensor:
        """The result of a call that we know nothing about, on a tensor."""
        span = self.interpreter.source.span(node)
        return Tensor(None, Phi("this call is not understood", span))


def _extents(shape: Shape | None) -> Shape | None:
    """A shape of numbers and texts: an extent that only a tensor of the running program holds is not known."""
    if shape is None:
        return None
    return tuple(dim if not dim.known or isinstance(dim.value, int) else FREE for dim in shape)


def _note_rank(op: Op, inputs: Sequence[Tensor]) -> None:
    """What a layer for so many dimensions takes has them, and a batch and channels: `Conv2D`, `MaxPooling1D`."""
    dimensions = re.search(r"([123])D$", op.keras_class)
    if dimensions is not None and inputs and inputs[0].shape is None:
        inputs[0].shape = (FREE,) * (int(dimensions[1]) + 2)
