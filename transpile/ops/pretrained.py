"""Networks of keras.applications without their heads: torchvision's of the same name.

The architecture of the VGG networks is the same; the others differ in details (where a block
strides, padding, epsilon), and all pretrained weights differ.
https://keras.io/api/applications/ https://docs.pytorch.org/vision/stable/models.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.registry import Context, Lowered, Op

# Keras's class: torchvision's function, the channels of its features, whether extents are rounded up.
NETWORKS: dict[str, tuple[str, int, bool]] = {
    "VGG16": ("vgg16", 512, False),
    "VGG19": ("vgg19", 512, False),
    "ResNet50": ("resnet50", 2048, True),
    "ResNet101": ("resnet101", 2048, True),
    "ResNet152": ("resnet152", 2048, True),
    "MobileNetV2": ("mobilenet_v2", 1280, True),
    "DenseNet121": ("densenet121", 1024, False),
    "DenseNet169": ("densenet169", 1664, False),
    "DenseNet201": ("densenet201", 1920, False),
    "EfficientNetB0": ("efficientnet_b0", 1280, True),
    "EfficientNetB1": ("efficientnet_b1", 1280, True),
    "EfficientNetB2": ("efficientnet_b2", 1408, True),
    "EfficientNetB3": ("efficientnet_b3", 1536, True),
}
SAME = ("VGG16", "VGG19")  # only the weights differ
_STEPS = 5  # halvings of the image


def extent(value: object, up: bool) -> object:
    """The extent of the features for that of an image."""
    if not isinstance(value, int):
        return UNKNOWN
    for _ in range(_STEPS):
        value = (value + up) // 2
    return value


def _shape(shapes: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    name, given = args["network"].value, shapes[0]
    if given is None or len(given) != 4 or not isinstance(name, str):
        return None
    _, channels, up = NETWORKS[name]
    sides = [extent(d.value, up) for d in given[1:3]]
    inner = [Expr("") if s is UNKNOWN else literal(s) for s in sides]
    return (given[0], *inner, literal(channels))


def _expand(op: Op, node: Node, context: Context) -> Lowered:
    name = node.args["network"].value
    assert isinstance(name, str)
    function = NETWORKS[name][0]
    made = f'torchvision.models.{function}(weights="DEFAULT")'
    if function.startswith("resnet"):
        made = f"nn.Sequential(*list({made}.children())[:-2])"
    elif function.startswith("densenet"):
        made = f"nn.Sequential({made}.features, nn.ReLU())"
    else:
        made = f"{made}.features"
    message = f"torchvision's {function} stands for {name}"
    message += ": the weights" + ("" if name in SAME else ", and details of the architecture,") + " differ from Keras's"
    return Lowered(made, "{module}({x})", (), (), (("K2T233", message),))


OPS = (
    Op(
        name="pretrained",
        keras="applications.pretrained(network)",
        layout="torch",
        shape=_shape,
        expand=_expand,
        own_init=True,
        mask="drop",
        note="pretrained weights differ",
    ),
)
