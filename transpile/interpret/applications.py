"""`keras.applications`: a pretrained network as a model with one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.graph import shape_of, tensors_in
from transpile.interpret.values import Frame, InputSource, Layer, ModelValue, Tensor
from transpile.ir import FREE, UNKNOWN, Expr, literal
from transpile.ops.pretrained import NETWORKS
from transpile.registry import by_name

if TYPE_CHECKING:
    from transpile.interpret.models import Models

_PARAMETERS = ("include_top", "weights", "input_tensor", "input_shape", "pooling", "classes")


def application(
    models: Models, name: str, node: cst.Call, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame
) -> ModelValue | None:
    """`VGG16(weights="imagenet", include_top=False, input_shape=(150, 150, 3))`; None for any other form."""
    given = dict(zip(_PARAMETERS, args)) | dict(kwargs)
    known = {n: e.value for n, e in given.items()}
    if name not in NETWORKS or set(given) - {*_PARAMETERS, "name"} or known.get("include_top", True) is not False:
        return None
    weights, pooling = known.get("weights", "imagenet"), known.get("pooling")
    if weights != "imagenet" or pooling not in (None, "avg", "max"):
        return None  # without weights the details and the initial values of Keras count
    tensor = _input(models, given, node, frame)
    if tensor is None:
        return None
    model = models._new("application", node, kwargs, frame)
    inter = models.interpreter
    values = {"network": literal(name)}
    layer = Layer(f"keras.applications.{name}", by_name()["pretrained"], values, {}, node,
                  inter.source.span(node), frame, inter.next_order(), statement=inter.statement)  # fmt: skip
    layer.variable = NETWORKS[name][0]
    inter.layers.append(layer)
    result = inter.keras.graph.apply(layer, [tensor], node, frame)
    if pooling is not None:
        kind = "GlobalAveragePooling2D" if pooling == "avg" else "GlobalMaxPooling2D"
        pool = inter.keras.layer(f"keras.layers.{kind}", node, [], {}, frame)
        result = inter.keras.graph.apply(pool, tensors_in([result]), node, frame)
    model.inputs, model.outputs = [tensor], tensors_in([result])
    return model


def _input(models: Models, given: Mapping[str, Expr], node: cst.Call, frame: Frame) -> Tensor | None:
    tensor = given.get("input_tensor")
    if tensor is not None and tensor.value is not None:
        return tensor.value if isinstance(tensor.value, Tensor) else None
    shape = given.get("input_shape")
    dims = (
        shape_of(shape) if shape is not None and shape.value not in (None, UNKNOWN) else (FREE, FREE, FREE, literal(3))
    )
    if dims is None or len(dims) != 4:
        return None
    inter = models.interpreter
    source = InputSource("", dims, "float32", inter.source.span(node), frame, inter.next_order())
    inter.note_dims(dims, frame)
    return Tensor(dims, source)
