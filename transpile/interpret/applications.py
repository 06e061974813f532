"""`keras.applications`: a pretrained network as a model with one layer."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.graph import shape_of, tensors_in
from transpile.interpret.model_layers import INNER
from transpile.interpret.values import Frame, InputSource, Layer, ModelValue, Tensor
from transpile.ir import FREE, UNKNOWN, Expr, literal
from transpile.ops.pretrained import CLASSES, NETWORKS, PREPROCESSING, SAME, inner_layers, layers_within, within
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
    output: object = result
    for part in _parts(models, name, values):
        output = _apply(models, name, part, output, node, frame)
    if ending:
        output = _through(models, ending, {}, output, node, frame)
    model.inputs, model.outputs = [tensor], tensors_in([output])
    return model


def _apply(models: Models, name: str, values: dict[str, Expr], tensor: object, node: cst.Call, frame: Frame) -> object:
    """The network, or a part of it, as one layer."""
    inter = models.interpreter
    layer = Layer(f"keras.applications.{name}", by_name()["pretrained"], values, {}, node,
                  inter.source.span(node), frame, inter.next_order(), statement=inter.statement)  # fmt: skip
    layer.variable = NETWORKS[name].function
    if name in SAME and not values["top"].value:
        layer.common = {"name": literal(within(values)[-1].name)}
        layer.variable = layer.variable if len(within(values)) == len(inner_layers(name)) else within(values)[-1].name
    if not values["top"].value:
        layer.inside = [Layer(INNER, None, {}, {}, None, layer.span, frame, layer.order)
                        for _ in range(layers_within(values) - 1)]  # fmt: skip
    inter.layers.append(layer)
    return inter.keras.graph.apply(layer, tensors_in([tensor]), node, frame)


def _parts(models: Models, name: str, values: dict[str, Expr]) -> list[dict[str, Expr]]:
    """The arguments for each part of a network: cut behind each layer that the program asks for."""
    if name not in SAME or values["top"].value:
        return [values | {"start": literal(0), "stop": literal(0)}]
    inner = inner_layers(name)
    stops = sorted({inner[i].stop for i in _cuts_in(models.interpreter.source.text, tuple(x.name for x in inner))})
    starts = [0, *stops]
    return [values | {"start": literal(a), "stop": literal(b)} for a, b in zip(starts, stops)]


@cache
def _cuts_in(text: str, names: tuple[str, ...]) -> frozenset[int]:
    found = {len(names) - 1}
    tree = ast.parse(text)
    outputs = [n.value for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr == "output"]
    ends = {id(a) for n in outputs if isinstance(n, ast.Call) for a in n.args}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in names:
            at = names.index(str(node.value))
            found |= {at} if id(node) in ends else {at - 1, at}
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "layers":
            found |= _asked(node.slice, len(names), node in outputs)
    return frozenset(i for i in found if i >= 0)


def _asked(index: ast.expr, count: int, output: bool) -> set[int]:
    """The layers behind which `layers[10]`, `layers[:-4]` cut; Keras counts the input too."""
    single = not isinstance(index, ast.Slice)
    bounds = [b for b in (index.lower, index.upper) if b is not None] if isinstance(index, ast.Slice) else [index]
    found: set[int] = set()
    for bound in bounds:
        try:
            value = ast.literal_eval(bound)
        except ValueError:
            continue
        at = value + (count + 1 if value < 0 else 0) if isinstance(value, int) else 0
        found |= {at - 1} if output else {at - 1, at - 2} if single else {at - 2}
    return {i for i in found if 0 <= i < count}


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
