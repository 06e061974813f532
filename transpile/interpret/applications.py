"""`keras.applications`: a pretrained network as a model with one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.graph import shape_of, tensors_in
from transpile.interpret.values import Frame, InputSource, Layer, ModelValue, Tensor
from transpile.ir import FREE, UNKNOWN, Expr, literal
from transpile.ops.pretrained import CLASSES, NETWORKS, PREPROCESSING, SAME
from transpile.registry import by_name

if TYPE_CHECKING:
    from transpile.interpret.keras_calls import KerasCalls
    from transpile.interpret.models import Models

_PARAMETERS = "include_top weights input_tensor input_shape pooling classes classifier_activation name".split()
_MOBILE_V2 = "input_shape alpha include_top weights input_tensor pooling classes classifier_activation name".split()
_MOBILE_V3 = (
    "input_shape alpha minimalistic include_top weights input_tensor classes pooling dropout_rate "
    "classifier_activation include_preprocessing name"
).split()
_FIXED = {"alpha": 1.0, "minimalistic": False, "include_preprocessing": True}  # the form that torchvision has
_SIDE = {"InceptionV3": 299}  # the extent of images with a classifier, where it is not 224


class _Left(Exception):
    """Why a network stays in Keras."""


def application(
    models: Models, name: str, node: cst.Call, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame
) -> ModelValue:
    """`VGG16(weights="imagenet", include_top=False, input_shape=(150, 150, 3))`; any other form is left."""
    try:
        return _network(models, name, node, args, kwargs, frame)
    except _Left as left:
        model = models.opaque(node, "application", frame)
        model.problems = [("K2T115", f"{name} was left: {left}", model.span)]
        return model


def _network(
    models: Models, name: str, node: cst.Call, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame
) -> ModelValue:
    if name not in NETWORKS:
        raise _Left("torchvision has no such network")
    given = _given(name, args, kwargs)
    values = _values(name, given)
    top = bool(values["top"].value)
    ending = _ending(given, top)
    tensor = _input(models, name, given, top, node, frame)
    model = models._new("application", node, kwargs, frame)
    result = _scaled(models, name, tensor, node, frame) if NETWORKS[name].scales else tensor
    inter = models.interpreter
    layer = Layer(f"keras.applications.{name}", by_name()["pretrained"], values, {}, node,
                  inter.source.span(node), frame, inter.next_order(), statement=inter.statement)  # fmt: skip
    layer.variable = NETWORKS[name].function
    inter.layers.append(layer)
    output = inter.keras.graph.apply(layer, [result], node, frame)
    if ending:
        output = _through(models, ending, {}, output, node, frame)
    model.inputs, model.outputs = [tensor], tensors_in([output])
    return model


def _given(name: str, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> dict[str, Expr]:
    names = _MOBILE_V2 if name == "MobileNetV2" else _MOBILE_V3 if name.startswith("MobileNetV3") else _PARAMETERS
    given = dict(zip(names, args)) | dict(kwargs)
    for key, expr in given.items():
        if key not in names or len(args) > len(names):
            raise _Left(f"{key}= has no counterpart")
        if expr.value is UNKNOWN and key not in ("input_shape", "input_tensor", "name", "dropout_rate"):
            raise _Left(f"the value of {key}= is not known")
        if key in _FIXED and expr.value != _FIXED[key]:
            raise _Left(f"{key}={expr.text} has no counterpart in torchvision")
    if "dropout_rate" in given:
        raise _Left("dropout_rate= has no counterpart")
    return given


def _values(name: str, given: Mapping[str, Expr]) -> dict[str, Expr]:
    """The arguments of the op."""
    weights = given["weights"].value if "weights" in given else "imagenet"
    classes = given.get("classes", literal(CLASSES))
    if weights not in ("imagenet", None):
        raise _Left("its weights are Keras's, in a file")
    if not isinstance(classes.value, int) or (weights and classes.value != CLASSES):
        raise _Left(f"classes={classes.text} is not what the weights are for")
    top = bool(given["include_top"].value) if "include_top" in given else True
    return {"network": literal(name), "weights": literal(weights), "top": literal(top), "classes": classes}


def _ending(given: Mapping[str, Expr], top: bool) -> str:
    """The layer that ends the network: torchvision's classifier gives logits."""
    if top:
        activation = given["classifier_activation"].value if "classifier_activation" in given else "softmax"
        if activation not in ("softmax", None):
            raise _Left("of classifier_activation only softmax and None are converted")
        return "Softmax" if activation else ""
    pooling = given["pooling"].value if "pooling" in given else None
    if pooling not in (None, "avg", "max"):
        raise _Left(f"pooling={pooling!r} is unknown")
    return {None: "", "avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}[pooling]


def _through(
    models: Models, kind: str, kwargs: Mapping[str, Expr], tensor: object, node: cst.Call, frame: Frame
) -> object:
    """A tensor after one more layer of Keras's."""
    keras = models.interpreter.keras
    layer = keras.layer(f"keras.layers.{kind}", node, [], dict(kwargs), frame)
    return keras.graph.apply(layer, tensors_in([tensor]), node, frame)


def _scaled(models: Models, name: str, tensor: Tensor, node: cst.Call, frame: Frame) -> Tensor:
    """Images of 0 to 255 as torchvision's weights expect them."""
    means, deviations = NETWORKS[name].inputs
    if len(set(means)) == 1:  # -1 to 1
        result = _through(models, "Rescaling", {"scale": Expr("1 / 127.5", 1 / 127.5), "offset": literal(-1)},
                          tensor, node, frame)  # fmt: skip
    else:
        result = _through(models, "Rescaling", {"scale": Expr("1 / 255", 1 / 255)}, tensor, node, frame)
        moments = {"mean": literal(list(means)), "variance": Expr(f"[{', '.join(f'{d}**2' for d in deviations)}]",
                                                                  [d**2 for d in deviations])}  # fmt: skip
        result = _through(models, "Normalization", moments, result, node, frame)
    return tensors_in([result])[0]


def preprocessed(keras: KerasCalls, path: str, node: cst.Call, tensor: Tensor, frame: Frame) -> Tensor | None:
    """`preprocess_input(x)` inside of a model, for a network that became one of torchvision."""
    networks = PREPROCESSING.get(path.split(".")[2], ())
    made = [x.kind for x in keras.interpreter.layers if x.kind in NETWORKS]
    if not networks or networks[0] not in NETWORKS or not made or any(k not in networks for k in made):
        return None
    if NETWORKS[made[0]].scales:
        return tensor
    return _scaled(keras.models, made[0], tensor, node, frame)


def _input(
    models: Models, name: str, given: Mapping[str, Expr], top: bool, node: cst.Call, frame: Frame
) -> Tensor:  # fmt: skip
    tensor = given.get("input_tensor")
    if tensor is not None and tensor.value is not None:
        if not isinstance(tensor.value, Tensor):
            raise _Left("its input_tensor is not known")
        return tensor.value
    shape = given.get("input_shape")
    side = literal(_SIDE.get(name, 224)) if top and not name.startswith(("Eff", "MobileNetV3")) else FREE
    known = shape is not None and shape.value not in (None, UNKNOWN)
    dims = shape_of(shape) if known and shape is not None else (FREE, side, side, literal(3))
    if dims is None or len(dims) != 4 or dims[3].value != 3:
        raise _Left("the shape of its images is not known, or they have not three channels")
    if top and name in SAME and any(d.value != 224 for d in dims[1:3]):
        raise _Left("torchvision's classifier is for images of 224 x 224")
    inter = models.interpreter
    source = InputSource("", dims, "float32", inter.source.span(node), frame, inter.next_order())
    inter.note_dims(dims, frame)
    return Tensor(dims, source)
