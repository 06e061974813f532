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
    `layers`: how many Keras counts, without the input and the classifier.
    `scales`: Keras's network scales images of 0 to 255 itself, torchvision's does not.
    """

    function: str
    channels: int
    steps: str
    layers: int = 0
    scales: bool = False
    inputs: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET


NETWORKS: dict[str, Network] = {
    "VGG16": Network("vgg16", 512, "down"),
    "VGG19": Network("vgg19", 512, "down"),
    "ResNet50": Network("resnet50", 2048, "up", 174),
    "ResNet101": Network("resnet101", 2048, "up", 344),
    "ResNet152": Network("resnet152", 2048, "up", 514),
    "InceptionV3": Network("inception_v3", 2048, "valid", 310, inputs=SYMMETRIC),
    "MobileNetV2": Network("mobilenet_v2", 1280, "up", 153),
    "MobileNetV3Large": Network("mobilenet_v3_large", 960, "up", 186, scales=True),
    "MobileNetV3Small": Network("mobilenet_v3_small", 576, "up", 156, scales=True),
    "DenseNet121": Network("densenet121", 1024, "down", 426),
    "DenseNet169": Network("densenet169", 1664, "down", 594),
    "DenseNet201": Network("densenet201", 1920, "down", 706),
    "EfficientNetB0": Network("efficientnet_b0", 1280, "up", 236, scales=True),
    "EfficientNetB1": Network("efficientnet_b1", 1280, "up", 338, scales=True),
    "EfficientNetB2": Network("efficientnet_b2", 1408, "up", 338, scales=True),
    "EfficientNetB3": Network("efficientnet_b3", 1536, "up", 383, scales=True),
    "EfficientNetB4": Network("efficientnet_b4", 1792, "up", 473, scales=True),
    "EfficientNetB5": Network("efficientnet_b5", 2048, "up", 575, scales=True),
    "EfficientNetB6": Network("efficientnet_b6", 2304, "up", 665, scales=True),
    "EfficientNetB7": Network("efficientnet_b7", 2560, "up", 812, scales=True),
    "EfficientNetV2S": Network("efficientnet_v2_s", 1280, "up", 512, scales=True),
    "EfficientNetV2M": Network("efficientnet_v2_m", 1280, "up", 739, scales=True),
    "EfficientNetV2L": Network("efficientnet_v2_l", 1280, "up", 1027, scales=True, inputs=SYMMETRIC),
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
_BLOCKS = {"VGG16": (2, 2, 3, 3, 3), "VGG19": (2, 2, 4, 4, 4)}  # convolutions
_HALVINGS = 5
# Without the second classifier of its training, on images of -1 to 1.
_PLAIN_INCEPTION = tuple("{module}." + s for s in ("transform_input = False", "aux_logits = False", "AuxLogits = None"))
_VALID = ((3, 2), (3, 1), (3, 2), (3, 1), (3, 2), (3, 2), (3, 2))  # kernels and strides in InceptionV3


class Inner(NamedTuple):
    """A layer inside of a network: Keras's name, where it ends in torchvision's features, its channels."""

    name: str
    stop: int
    channels: int


def inner_layers(network: str) -> list[Inner]:
    """The layers of a VGG network in Keras, which are convolution and activation in torchvision."""
    found: list[Inner] = []
    stop = 0
    for block, convolutions in enumerate(_BLOCKS[network], 1):
        channels = min(64 << (block - 1), 512)
        for number in range(1, convolutions + 1):
            stop += 2
            found.append(Inner(f"block{block}_conv{number}", stop, channels))
        stop += 1
        found.append(Inner(f"block{block}_pool", stop, channels))
    return found


def within(args: Mapping[str, Expr]) -> list[Inner]:
    """The layers in a part of a VGG network."""
    start, stop = args["start"].value, args["stop"].value
    assert isinstance(start, int)
    assert isinstance(stop, int)
    return [x for x in inner_layers(str(args["network"].value)) if start < x.stop <= stop]


def layers_within(args: Mapping[str, Expr]) -> int:
    """How many layers Keras counts in a network without its classifier, or in a part of a VGG network."""
    name = str(args["network"].value)
    if name in SAME:
        return len(within(args))
    return NETWORKS[name].layers + (name.startswith("EfficientNetB") and bool(args["weights"].value))


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
    if name in SAME:
        inside = within(args)
        halvings = sum(x.name.endswith("pool") for x in inside)
        extents = [d.value // 2**halvings if isinstance(d.value, int) else UNKNOWN for d in given[1:3]]
        return (given[0], *(Expr("") if s is UNKNOWN else literal(s) for s in extents), literal(inside[-1].channels))
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
        made = f"{made}.features{_slice(node.args)}"
    if node.args["start"].value:
        return Lowered(made, "{module}({x})")
    differ = "the weights" if weights else "the initial weights"
    differ += "" if name in SAME else ", and details of the architecture,"
    message = f"torchvision's {function} stands for {name}: {differ} differ from Keras's"
    return Lowered(made, "{module}({x})", setup, (), (("K2T233", message),))


def _slice(args: Mapping[str, Expr]) -> str:
    """`[:9]`, where the program asks for what is inside of a VGG network."""
    name, start, stop = str(args["network"].value), args["start"].value, args["stop"].value
    last = name not in SAME or stop == inner_layers(name)[-1].stop
    if last and not start:
        return ""
    return f"[{start or ''}:{'' if last else stop}]"


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
        keras="applications.pretrained(network, weights, top, classes, start=0, stop=0)",
        layout="torch",
        shape=_shape,
        expand=_expand,
        own_init=True,
        mask="drop",
        note="pretrained weights differ",
    ),
)
