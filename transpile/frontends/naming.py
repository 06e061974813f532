"""Names of classes and attributes, as a person would choose them."""

from __future__ import annotations

import keyword
import re

from transpile.interpret.values import Layer, ModelValue

# Attributes that nn.Module has itself.
_RESERVED = frozenset(
    "forward train eval training parameters modules children buffers half float double to cpu cuda type "
    "apply state_dict load_state_dict register_buffer zero_grad share_memory compile extra_repr dump_patches "
    "add_module get_parameter named_modules named_children named_parameters call_super_init self super".split()
)
# Words that keep their usual capitals inside a class name.
_WORDS = {
    "resnet": "ResNet", "unet": "UNet", "cnn": "CNN", "rnn": "RNN", "lstm": "LSTM", "gru": "GRU", "mlp": "MLP",
    "vae": "VAE", "gan": "GAN", "vgg": "VGG", "lenet": "LeNet", "alexnet": "AlexNet", "densenet": "DenseNet",
    "mobilenet": "MobileNet", "ann": "ANN", "dnn": "DNN", "fcn": "FCN", "nn": "NN", "convnet": "ConvNet",
    "autoencoder": "Autoencoder", "googlenet": "GoogLeNet", "bn": "Bn",
}  # fmt: skip
_PREFIXES = (
    "build",
    "create",
    "make",
    "get",
    "define",
    "construct",
    "init",
    "generate",
    "load",
    "my",
)


class Namespace:
    """Hands out names that are unique: conv2d, conv2d_1, conv2d_2."""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)

    def unique_class(self, name: str) -> str:
        """A class name that is free: Net, NetModel, NetModel_1."""
        if name in self._taken and not name.endswith("Model"):
            name += "Model"
        return self.unique(name)

    def unique(self, name: str) -> str:
        candidate, count = name, 0
        while candidate in self._taken:
            count += 1
            candidate = f"{name}_{count}"
        self._taken.add(candidate)
        return candidate

    def copy(self) -> Namespace:
        return Namespace(frozenset(self._taken))


def snake(name: str) -> str:
    """Keras's own rule: BatchNormalization -> batch_normalization, Conv2D -> conv2d."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def identifier(name: str) -> str:
    """The name as a Python identifier that may be an attribute of a module."""
    name = re.sub(r"\W+", "_", name).strip("_")
    if not name or name[0].isdigit():
        name = f"layer_{name}" if name else "layer"
    if keyword.iskeyword(name) or name in _RESERVED:
        name += "_layer"
    return name


def attribute_name(layer: Layer | ModelValue) -> str:
    """The attribute for a layer: its Keras name, its variable, or its class's name."""
    if isinstance(layer, ModelValue):
        given = layer.name.value if layer.name is not None else None
        return identifier(layer.variable or (given if isinstance(given, str) else "") or "model")
    given = layer.common["name"].value if "name" in layer.common else None
    if isinstance(given, str):
        return identifier(given)
    inner = layer.args.get("layer")
    if layer.variable:
        return identifier(layer.variable)
    if inner is not None and isinstance(inner.value, Layer) and layer.kind in ("Bidirectional", "TimeDistributed"):
        return identifier(snake(layer.kind))
    return identifier(snake(layer.kind))


def camel(name: str) -> str:
    """conv_bn -> ConvBn, build_resnet -> ResNet, my_model -> Model."""
    words = [w for w in re.split(r"[_\W]+", name) if w]
    while len(words) > 1 and words[0].lower() in _PREFIXES:
        words = words[1:]
    if len(words) == 1 and words[0][:1].isupper():
        return words[0]
    return "".join(_WORDS.get(w.lower(), w[:1].upper() + w[1:]) for w in words)


def class_name(model: ModelValue) -> str:
    """A class name for a model: from its `name=`, its variable, or the function that builds it."""
    given = model.name.value if model.name is not None else None
    if isinstance(given, str) and re.fullmatch(r"[A-Za-z]\w*", camel(given) or ""):
        return camel(given)
    function = model.frame.function
    if model.variable and model.variable not in ("model", "m", "net", "nn", "clf"):
        name = camel(model.variable)
    elif function is not None and function.name != "<lambda>":
        name = camel(function.name)
    else:
        name = camel(model.variable or "model")
    name = re.sub(r"\W", "", name) or "Model"
    return "Model" if name[0].isdigit() or name in ("Main", "Run", "Train", "Model", "Init", "Sequential") else name
