"""Random numbers: distributions are equal, values are not."""

from __future__ import annotations

import ast

from transpile.backends.bodies.calls import Argument, Bound, special
from transpile.backends.bodies.creation import made
from transpile.backends.bodies.kinds import Kind, tensor
from transpile.backends.bodies.special import dims_of, dims_text, dtype_name


@special(
    "shape mean stddev dtype seed", "tf.random.normal", "tf.random_normal", "backend.random_normal", "random.normal",
)  # fmt: skip
def normal(b: Bound) -> tuple[str, Kind]:
    """Draws from a normal distribution."""
    text = _like(b, "randn") or made(b, "randn")
    for name, symbol, neutral in (("stddev", "*", 1), ("mean", "+", 0)):
        if name in b and b.value(name, neutral) != neutral:
            text = f"{text} {symbol} {_operand(b[name])}" if symbol == "*" else f"{text} + {b[name].text}"
    return text, tensor("float", dims_of(b["shape"]))


@special(
    "shape minval maxval dtype seed", "tf.random.uniform", "tf.random_uniform", "backend.random_uniform",
    "random.uniform", low="minval", high="maxval",
)  # fmt: skip
def uniform(b: Bound) -> tuple[str, Kind]:
    """Draws from a uniform distribution, of integers where the dtype says so."""
    dtype = dtype_name(b["dtype"]) if "dtype" in b else "float32"
    if "int" in dtype:
        least = b["minval"].text if "minval" in b else "0"
        shape = b["shape"]
        text = shape.text if shape.items is None else f"({dims_text(shape)}{',' if len(shape.items) == 1 else ''})"
        place = f", device={b.call.place}" if b.call.place else ""
        return f"torch.randint({least}, {b['maxval'].text}, {text}{place})", tensor("int", dims_of(shape))
    text = _like(b, "rand") or made(b, "rand")
    low, high = b.value("minval", 0), b.value("maxval", 1)
    if low == 0 and high == 1:
        return text, tensor("float", dims_of(b["shape"]))
    lower = b["minval"].text if "minval" in b else "0"
    upper = b["maxval"].text if "maxval" in b else "1"
    if low == 0:
        text = f"{text} * {_operand(b['maxval'])}"
    else:
        known = isinstance(low, int | float) and isinstance(high, int | float)
        width = repr(high - low) if known else f"({upper} - {lower})"  # type: ignore[operator]
        text = f"{lower} + {text} * {width}"
    return text, tensor("float", dims_of(b["shape"]))


@special(
    "shape mean stddev dtype seed", "tf.random.truncated_normal", "tf.truncated_normal",
    "backend.truncated_normal", "random.truncated_normal",
)  # fmt: skip
def truncated_normal(b: Bound) -> tuple[str, Kind]:
    """Draws from a normal distribution that is cut at two standard deviations."""
    text = f"nn.init.trunc_normal_({made(b, 'empty')})"
    if b.value("stddev", 1) != 1:
        text = f"{text} * {_operand(b['stddev'])}"
    if b.value("mean", 0) != 0:
        text = f"{text} + {_operand(b['mean'])}"
    return text, tensor("float", dims_of(b["shape"]))


def _operand(argument: Argument) -> str:
    simple = isinstance(argument.node, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript)
    return argument.text if simple else f"({argument.text})"


def _like(b: Bound, name: str) -> str:
    """`torch.randn_like(x)` for the shape of a tensor."""
    text = b["shape"].text
    if b["shape"].kind.what == "shape" and text.endswith(".shape") and text[:-6].isidentifier() and "dtype" not in b:
        return f"torch.{name}_like({text[:-6]})"
    return ""


@special("x rate noise_shape seed", "tf.nn.dropout", "backend.dropout", "random.dropout", level="rate", inputs="x")
def dropout(b: Bound) -> tuple[str, Kind]:
    """Always on."""
    b.only("noise_shape", None)
    return b.fill("F.dropout({x}, {rate})"), b["x"].kind
