"""Networks of keras.applications: torchvision's of the same name.

The architecture of the VGG networks is the same; the others differ in details (where a block
strides, padding, epsilon), and all pretrained weights differ.
https://keras.io/api/applications/ https://docs.pytorch.org/vision/stable/models.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.registry import Context, Lowered, Op

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # means and deviations of images of 0 to 1
SYMMETRIC = ((0.5,) * 3, (0.5,) * 3)  # images of -1 to 1


class Network(NamedTuple):
    """torchvision's function, the channels of its features, how the image shrinks, its inputs.

    `steps`: "down" and "up" halve it five times, rounded so; "valid" convolves without padding.
    `scales`: Keras's network scales images of 0 to 255 itself, torchvision's does not.
    """

    function: str
    channels: int
    steps: str
    scales: bool = False
    inputs: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET


NETWORKS: dict[str, Network] = {
    "VGG16": Network("vgg16", 512, "down"),
    "VGG19": Network("vgg19", 512, "down"),
    "ResNet50": Network("resnet50", 2048, "up"),
    "ResNet101": Network("resnet101", 2048, "up"),
    "ResNet152": Network("resnet152", 2048, "up"),
    "InceptionV3": Network("inception_v3", 2048, "valid", inputs=SYMMETRIC),
    "MobileNetV2": Network("mobilenet_v2", 1280, "up"),
    "MobileNetV3Large": Network("mobilenet_v3_large", 960, "up", scales=True),
    "MobileNetV3Small": Network("mobilenet_v3_small", 576, "up", scales=True),
    "DenseNet121": Network("densenet121", 1024, "down"),
    "DenseNet169": Network("densenet169", 1664, "down"),
    "DenseNet201": Network("densenet201", 1920, "down"),
    "EfficientNetB0": Network("efficientnet_b0", 1280, "up", scales=True),
    "EfficientNetB1": Network("efficientnet_b1", 1280, "up", scales=True),
    "EfficientNetB2": Network("efficientnet_b2", 1408, "up", scales=True),
    "EfficientNetB3": Network("efficientnet_b3", 1536, "up", scales=True),
    "EfficientNetB4": Network("efficientnet_b4", 1792, "up", scales=True),
    "EfficientNetB5": Network("efficientnet_b5", 2048, "up", scales=True),
    "EfficientNetB6": Network("efficientnet_b6", 2304, "up", scales=True),
    "EfficientNetB7": Network("efficientnet_b7", 2560, "up", scales=True),
    "EfficientNetV2S": Network("efficientnet_v2_s", 1280, "up", scales=True),
    "EfficientNetV2M": Network("efficientnet_v2_m", 1280, "up", scales=True),
    "EfficientNetV2L": Network("efficientnet_v2_l", 1280, "up", scales=True, inputs=SYMMETRIC),
}
SAME = ("VGG16", "VGG19")  # only the weights differ
# The modules of keras.applications with a `preprocess_input`: the networks that each is for.
PREPROCESSING = {
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "resnet": ("ResNet50", "ResNet101", "ResNet152"),
    "resnet50": ("ResNet50", "ResNet101", "ResNet152"),
    "inception_v3": ("InceptionV3",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Large", "MobileNetV3Small"),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{n}" for n in range(8)),
    "efficientnet_v2": ("EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L"),
}
CLASSES = 1000
_HALVINGS = 5
# Without the second classifier of its training, on images of -1 to 1.
_PLAIN_INCEPTION = tuple("{module}." + s for s in ("transform_input = False", "aux_logits = False", "AuxLogits = None"))
_VALID = ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2))  # kernels and strides in InceptionV3


def extent(value: object, steps: str) -> object:
    """The extent of the features for that of an image."""
    if not isinstance(value, int):
        return UNKNOWN
    if steps == "valid":
        for kernel, stride in _VALID:
            value = (value - kernel) // stride + 1
        return value
    for _ in range(_HALVINGS):
        value = (value + (steps == "up")) // 2
    return value


def _shape(shapes: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    name, given = args["network"].value, shapes[0]
    if given is None or len(given) != 4 or not isinstance(name, str):
        return None
    if args["top"].value:
        return (given[0], args["classes"])
    network = NETWORKS[name]
    sides = [extent(d.value, network.steps) for d in given[1:3]]
    inner = [Expr("") if s is UNKNOWN else literal(s) for s in sides]
    return (given[0], *inner, literal(network.channels))


def _expand(op: Op, node: Node, context: Context) -> Lowered:
    name = node.args["network"].value
    assert isinstance(name, str)
    weights = node.args["weights"].value
    top = bool(node.args["top"].value)
    function = NETWORKS[name].function
    made = f"torchvision.models.{function}({', '.join(_arguments(name, node, top))})"
    setup: tuple[str, ...] = ()
    if top:
        setup = _PLAIN_INCEPTION if name == "InceptionV3" else ()
    elif name == "InceptionV3":
        names = '("AuxLogits", "avgpool", "dropout", "fc")'
        made = f"nn.Sequential(*(m for n, m in {made}.named_children() if n not in {names}))"
    elif function.startswith("resnet"):
        made = f"nn.Sequential(*list({made}.children())[:-2])"
    elif function.startswith("densenet"):
        made = f"nn.Sequential({made}.features, nn.ReLU())"
    else:
        made = f"{made}.features"
    differ = "the weights" if weights else "the initial weights"
    differ += "" if name in SAME else ", and details of the architecture,"
    message = f"torchvision's {function} stands for {name}: {differ} differ from Keras's"
    return Lowered(made, "{module}({x})", setup, (), (("K2T233", message),))


def _arguments(name: str, node: Node, top: bool) -> list[str]:
    """What torchvision's function is called with."""
    found = ['weights="DEFAULT"' if node.args["weights"].value else "weights=None"]
    if top and node.args["classes"].value != CLASSES:
        found.append(f"num_classes={node.args['classes'].text}")
    if top and name in SAME:
        found.append("dropout=0.0")  # Keras's classifier has none
    return found


OPS = (
    Op(
        name="pretrained",
        keras="applications.pretrained(network, weights, top, classes)",
        layout="torch",
        shape=_shape,
        expand=_expand,
        own_init=True,
        mask="drop",
        note="pretrained weights differ",
    ),
)
