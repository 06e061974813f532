"""Keras programs around the examples of the registry."""

from __future__ import annotations

import re

from transpile.registry import Example, Op, by_keras_path

HEAD = "import keras\nfrom keras import activations, layers, ops\nimport tensorflow as tf\n\n"
POSITIVE = ("ops.sqrt", "ops.log", "ops.log1p", "ops.rsqrt")  # functions of positive numbers
CONSTANT = ("ops.zeros_like", "ops.ones_like", "tf.random.normal", "tf.random.uniform")
# No Keras that runs here has them: Keras 1 and 2, and `backend` of Keras 2.
NOT_IN_KERAS_3 = ("backend.", "layers.merge(", "layers.ThresholdedReLU(", "input_length=")


def shapes(example: Example) -> list[tuple[int, ...]]:
    """The shape of each input, without the batch."""
    if example.input and isinstance(example.input[0], tuple):
        return [s for s in example.input if isinstance(s, tuple)]
    return [tuple(n for n in example.input if isinstance(n, int))]


def applied(example: Example, names: list[str]) -> str:
    """The example's call on tensors of these names."""
    text = example.keras
    path = text.partition("(")[0]
    whole = "([x" in text or re.search(r"\bx[01]?\b", text)
    call = text if whole else f"{text}({names[0]})"
    return f"keras.{call}" if path.startswith("backend.") else call


def functional(example: Example, convolved: bool = False, wrap: bool = False) -> str:
    """A functional model around the example, behind a convolution if wanted.

    `wrap`: inside a Lambda, where TensorFlow's functions can run on Keras's tensors.
    """
    given = shapes(example)
    names = ["x"] if len(given) == 1 else [f"x{i}" for i in range(len(given))]
    lines, inputs = [], []
    positive = example.keras.partition("(")[0] in POSITIVE
    for i, (name, shape) in enumerate(zip(names, given, strict=True)):
        spatial = convolved and len(shape) > 1
        inputs.append(f"inputs{i}" if spatial or positive else name)
        dtype = "" if example.dtype == "float32" else f", dtype={example.dtype!r}"
        lines.append(f"{inputs[-1]} = keras.Input({shape!r}{dtype})")
        if spatial:
            lines.append(f"{name} = layers.Conv{len(shape) - 1}D({shape[-1]}, 1)(inputs{i})")
        if positive:
            lines.append(f"{name} = layers.Softmax()({name if spatial else inputs[-1]})")
    call = applied(example, names)
    if example.keras.partition("(")[0] in CONSTANT:
        call = f"x + {call}"  # a constant output shows nothing
    if wrap and re.fullmatch(r"activations\.\w+\(x\)", call):
        call = f"layers.Activation({call[:-3]})(x)"
    elif wrap and len(names) == 1:
        shape = ", output_shape=lambda shape: shape" if example.keras.startswith("tf.random") else ""
        call = f"layers.Lambda(lambda x: {call}{shape})(x)"
    elif wrap:
        body = re.sub(r"\bx([01])\b", r"xs[\1]", call)
        call = f"layers.Lambda(lambda xs: {body})([x0, x1])"
    lines.append(f"y = {call}")
    given_to = f"[{', '.join(inputs)}]" if len(inputs) > 1 else inputs[0]
    lines.append(f"model = keras.Model({given_to}, y)")
    return HEAD + "\n".join(lines) + "\n"


def sequential(example: Example) -> str:
    """A Sequential model of the example's layer alone."""
    path = example.keras.partition("(")[0]
    layer = example.keras if path.startswith("layers.") else f"layers.Activation({path})"
    return HEAD + f"model = keras.Sequential([keras.Input({shapes(example)[0]!r}), {layer}])\n"


def executable(example: Example) -> bool:
    """Whether Keras 3 runs the example."""
    return not any(word in example.keras for word in NOT_IN_KERAS_3)


def needs_lambda(example: Example) -> bool:
    """Whether Keras refuses the function on its own tensors."""
    return example.keras.startswith(("tf.", "activations."))


def squeezed(text: str) -> str:
    """The text without what a formatter changes."""
    text = re.sub(r"\s+", "", text).replace("'", '"')
    return re.sub(r",([)\]])", r"\1", text).replace("0.0010", "0.001")


def op_of(example: Example) -> Op | None:
    """The entry of the example's own path."""
    return by_keras_path().get(example.keras.partition("(")[0])
