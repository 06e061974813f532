"""TimeDistributed: a layer applied to every step of a sequence.

Steps become samples, (N * T, ...), and are taken apart again; a layer that acts on the last axis
needs nothing. Keras runs batch norm step by step, so its statistics are those of one step.

https://keras.io/api/layers/recurrent_layers/time_distributed/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.ir import FREE, Expr, Node, Shape
from transpile.ops import _recurrent as rnn
from transpile.ops._wrapped import initial_values
from transpile.registry import (
    Context,
    Example,
    Lowered,
    Mask,
    Op,
    by_keras_path,
    lower,
    mask_of,
    same_shape,
    signature,
    weight_lines,
    wrapped,
)

# What acts on the last axis or on each number: the axis of time makes no difference.
_POINTWISE = frozenset("dense layer_normalization".split())


def _inner_shape(shape: Shape | None) -> Shape | None:
    return None if shape is None or len(shape) < 2 else (FREE, *shape[2:])


def _distributed_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    inner = wrapped(args["layer"])
    shape = inputs[0] if inputs else None
    if _activation_alone(args["layer"]) is not None:
        return shape
    if inner is None or shape is None:
        return None
    op, own = inner
    result = op.shape([_inner_shape(shape)], own)
    if result is None or isinstance(result, list):
        return None
    return (shape[0], shape[1], *result[1:])


def _activation_alone(layer: Expr) -> Expr | None:
    """The argument of a wrapped `Activation("relu")`; None for any other layer."""
    if getattr(layer.value, "kind", "") != "Activation":
        return None
    args = getattr(layer.value, "args", {})
    return args.get("activation") or args.get("0")


def _inner_node(node: Node) -> tuple[Op, Node] | None:
    """The wrapped layer as a node of its own, applied to (N * T, ...)."""
    inner = wrapped(node.args["layer"])
    if inner is None:
        return None
    op, args = inner
    shape = _inner_shape(node.input_shapes[0]) if node.input_shapes else None
    result = op.shape([shape], args)
    shapes = tuple(result) if isinstance(result, list) else (result,)
    return op, Node(op.name, args, inputs=("x",), name=node.name, input_shapes=(shape,), shapes=shapes)


def _distributed_weights(node: Node) -> tuple[str, ...]:
    inner = _inner_node(node)
    if inner is None:
        return ()
    return tuple(w if w.startswith("0 ") else f"layer/{w}" for w in weight_lines(*inner))


def _distributed_mask(args: Mapping[str, Expr]) -> Mask:
    inner = wrapped(args["layer"])
    if _activation_alone(args["layer"]) is not None:
        return "keep"
    uses = inner is None or mask_of(*inner) in ("use", "use+keep")
    return "use+keep" if uses else "keep"


def _expand_distributed(op: Op, node: Node, context: Context) -> Lowered:
    activation = _activation_alone(node.args["layer"])
    if activation is not None:
        shapes = node.input_shapes
        layer = Node("time_distributed", {"activation": activation}, input_shapes=shapes, shapes=shapes)
        return _with_activation(Lowered(call="{x}"), layer, replace(context, layout="keras"))
    inner = _inner_node(node)
    if inner is None:
        what = node.args["layer"].text
        return Lowered(diagnostics=(("K2T104", f"TimeDistributed: {what} cannot be converted"),))
    if node.mask:
        message = "TimeDistributed around a layer that uses the mask cannot be converted"
        return Lowered(diagnostics=(("K2T113", message),))
    return _with_initial(_distributed(inner, context), inner, context)


def _with_initial(low: Lowered, inner: tuple[Op, Node], context: Context) -> Lowered:
    """The initial values of the wrapped layer, before its other statements."""
    op, layer = inner
    if op.own_init or context.style == "idiomatic" or "nn.Lazy" in low.module or "(," in low.module:
        return low
    lines, found = initial_values(op, layer.args, weight_lines(op, layer), layer)
    return replace(low, setup=(*lines, *low.setup), diagnostics=(*low.diagnostics, *found))


def _distributed(inner: tuple[Op, Node], context: Context) -> Lowered:
    """The call, whatever the layer's kind."""
    inner_op, layer = inner
    if inner_op.name == "flatten":
        return Lowered(call="{x}.flatten(2)")
    if inner_op.name in _POINTWISE or _elementwise(inner_op):
        context = replace(context, layout="keras")
        return _with_activation(lower(inner_op, layer, context), layer, context)
    rank = len(layer.input_shapes[0] or ())
    channels_first = inner_op.layout == "torch" and rank > 2
    if inner_op.layout == "torch" and not rank:
        message = "TimeDistributed: the rank of its input is not known"
        return Lowered(diagnostics=(("K2T111", message),))
    context = replace(context, layout="torch" if channels_first else "keras")
    low = _with_activation(lower(inner_op, layer, context), layer, context)
    if inner_op.name.startswith("batch_norm"):
        step = low.call.replace("{x}", _first(rank) if channels_first else "{x}[:, t]")
        step = f"{step}{_last(rank)}" if channels_first else step
        step = step.replace("{x}", "{x}[:, t]") if channels_first else step
        return replace(low, call=f"torch.stack([{step} for t in range({{x}}.shape[1])], dim=1)")
    x = "{x}.flatten(0, 1)"
    call = low.call.replace("{x0}", "{x}")
    call = call.replace("{x}", _first(rank).replace("{x}", x) if channels_first else x)
    out = len(layer.shapes[0] or ())
    if channels_first and out > 2:
        call += _last(out)
    return replace(low, call=f"{call}.unflatten(0, {{x}}.shape[:2])")


def _elementwise(op: Op) -> bool:
    return op.shape is same_shape and op.layout == "any" and not op.axes and not op.weights


def _first(rank: int) -> str:
    return "{x}.permute(0, " + ", ".join(str(i) for i in (rank - 1, *range(1, rank - 1))) + ")"


def _last(rank: int) -> str:
    return ".permute(0, " + ", ".join(str(i) for i in (*range(2, rank), 1)) + ")"


def _with_activation(low: Lowered, layer: Node, context: Context) -> Lowered:
    """The activation that the wrapped layer applies to its own output."""
    given = layer.args.get("activation")
    if layer.op in rnn.CELLS or layer.op == "activation" or given is None or given.value in (None, "linear"):
        return low
    path = given.value if isinstance(given.value, str) else getattr(given.value, "path", "")
    path = path if isinstance(path, str) else ""
    op = by_keras_path().get(f"activations.{path.rpartition('.')[2]}")
    if op is None:
        message = f"TimeDistributed: the activation {given.text} cannot be converted"
        return replace(low, diagnostics=(*low.diagnostics, ("K2T106", message)))
    args = {n: e for n, e in signature(op.keras)[1].items() if e is not None}
    outer = lower(
        op,
        Node(op.name, args, inputs=("x",), input_shapes=layer.shapes, shapes=layer.shapes),
        replace(context, in_class=True),
    )
    if outer.module:
        message = f"TimeDistributed: the activation {given.text} has weights"
        return replace(low, diagnostics=(*low.diagnostics, ("K2T106", message)))
    found = (*low.diagnostics, *outer.diagnostics)
    return replace(
        low,
        call=outer.call.replace("{x}", low.call),
        helpers=low.helpers + outer.helpers,
        diagnostics=found,
    )


TIME_DISTRIBUTED = Op(
    name="time_distributed",
    keras="layers.TimeDistributed(layer)",
    layout="keras",
    shape=_distributed_shape,
    weights_of=_distributed_weights,
    mask=_distributed_mask,
    expand=_expand_distributed,
    own_init=True,
    examples=(
        Example("layers.TimeDistributed(layers.Dense(4))", "nn.Linear(8, 4)", input=(5, 8)),
        Example(
            "layers.TimeDistributed(layers.Dense(4, activation='relu'))",
            "nn.Linear(8, 4)",
            input=(5, 8),
        ),
        Example("layers.TimeDistributed(layers.Conv2D(4, 3))", "nn.Conv2d(3, 4, 3)", input=(5, 6, 7, 3)),
        Example(
            "layers.TimeDistributed(layers.Conv2D(4, 3, padding='same', activation='relu'))",
            "nn.Conv2d(3, 4, 3, padding=1)",
            input=(5, 6, 7, 3),
        ),
        Example("layers.TimeDistributed(layers.Conv1D(4, 3))", "nn.Conv1d(3, 4, 3)", input=(5, 6, 3)),
        Example("layers.TimeDistributed(layers.MaxPooling2D(2))", "nn.MaxPool2d(2)", input=(5, 6, 8, 3)),
        Example("layers.TimeDistributed(layers.Flatten())", "x.flatten(2)", input=(5, 2, 3, 4)),
        Example(
            "layers.TimeDistributed(layers.GlobalAveragePooling2D())",
            "x.flatten(0, 1).mean(dim=(1, 2)).unflatten(0, x.shape[:2])",
            input=(5, 6, 7, 3),
        ),
        Example(
            "layers.TimeDistributed(layers.BatchNormalization())",
            "BatchNorm1d(4, eps=0.001, momentum=0.01)",
            input=(5, 4),
        ),
        Example(
            "layers.TimeDistributed(layers.BatchNormalization())",
            "BatchNorm2d(3, eps=0.001, momentum=0.01)",
            input=(5, 6, 7, 3),
        ),
        Example("layers.TimeDistributed(layers.Dropout(0.5))", "nn.Dropout(0.5)", input=(5, 8)),
        Example("layers.TimeDistributed(layers.Activation('relu'))", "F.relu(x)", input=(5, 8)),
        Example(
            "layers.TimeDistributed(layers.LSTM(4))",
            "nn.LSTM(3, 4, batch_first=True)",
            input=(5, 6, 3),
        ),
        Example(
            "layers.TimeDistributed(layers.Embedding(8, 4))",
            "nn.Embedding(8, 4)",
            input=(5, 6),
            dtype="int32",
            high=8,
        ),
    ),
    note="batch norm takes its statistics per time step",
)

OPS = (TIME_DISTRIBUTED,)
