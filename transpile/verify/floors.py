"""Which Keras models hold a construct that TensorFlow computes in float32 whatever the dtype,
or cannot compute in float64 at all."""

from __future__ import annotations

import re
from typing import Any

from transpile.verify.structures import flatten

# Slopes and constants that are float32 inside the kernel; see `tolerances`.
_LAYERS = {"LeakyReLU", "LeakyRelu", "Gelu", "Softplus", "Resizing", "Rescaling", "HardSigmoid"}
_FUNCTIONS = {"leaky_relu", "gelu", "softplus", "hard_sigmoid", "hard_silu", "mish"}
_LOSSES = {"logcosh", "log_cosh", "ctc", "softplus"}
_TEXT = re.compile(r"\b(leaky_relu|gelu|softplus|logcosh|log_cosh|ctc|resize|mish)\b")


def floor_constructs(layers: list[Any], loss: str, source: str) -> list[str]:
    """Names what limits a float64 comparison, empty if nothing does."""
    found = {name for layer in layers for name in _of_layer(layer)}
    found |= {word for word in _LOSSES if word in loss.lower()}
    if any(not _from_keras(layer) for layer in layers) or "Lambda" in source:
        found |= set(_TEXT.findall(source))
    return sorted(found)


def _from_keras(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] in {"keras", "tf_keras"}


def _of_layer(layer: Any) -> set[str]:
    kind = type(layer).__name__
    found = {kind} & _LAYERS
    if kind == "ReLU" and getattr(layer, "negative_slope", False):
        found.add("ReLU with a slope")
    interpolation = getattr(layer, "interpolation", "nearest")
    if kind.startswith("UpSampling") and interpolation != "nearest":
        found.add(f"{interpolation} upsampling")
    for attribute in ("activation", "recurrent_activation"):
        function = getattr(layer, attribute, None)
        name = getattr(function, "__name__", type(function).__name__)
        if name in _FUNCTIONS or name in _LAYERS:
            found.add(name)
    if kind == "BatchNormalization" and getattr(layer, "supports_masking", False):
        found.update({"masked batch normalization"} if _masked(layer) else ())
    return found


def _masked(layer: Any) -> bool:
    """Some input of the layer carries a mask, as far as the built model tells."""
    nodes = getattr(layer, "_inbound_nodes", ())
    for node in nodes:
        tensors = flatten(getattr(node, "input_tensors", ()))
        if any(getattr(tensor, "_keras_mask", None) is not None for tensor in tensors):
            return True
    return False


_NO_KERNEL = re.compile(
    r"No OpKernel|of double is not in the list|"
    r"no supported kernel|only supports the NHWC|DT_DOUBLE|"
    r"not (?:yet )?(?:supported|implemented)|UnimplementedError|depthwise",
    re.IGNORECASE,
)


def lacks_float64(error: BaseException) -> bool:
    """The error says that TensorFlow has no such kernel for float64 on this machine."""
    known = type(error).__name__ in {
        "UnimplementedError",
        "InvalidArgumentError",
        "NotFoundError",
    }
    return known and bool(_NO_KERNEL.search(str(error)))


def exact_penalties(regularizer: Any) -> None:
    """Keras keeps the factor of L1, and of no other penalty, in float32."""
    first = regularizer.__init__

    def init(self: Any, l1: Any = 0.01) -> None:
        first(self, l1)
        self.l1 = float(0.01 if l1 is None else l1)

    regularizer.__init__ = init
