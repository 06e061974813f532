"""Convolutions and pools that are called as functions: channels last at the call, first inside."""

from __future__ import annotations

from transpile.backends.bodies.calls import Bound, special
from transpile.backends.bodies.kinds import Kind, tensor
from transpile.ir import FREE, UNKNOWN

_CONV = "input filters strides padding data_format dilations"
Pair = tuple[object, object]
_POOL = "input ksize strides padding data_format"


@special(_CONV, "tf.nn.conv2d", x="input", value="input", filter="filters")
def conv2d(b: Bound) -> tuple[str, Kind]:
    """`F.conv2d`; a kernel of TensorFlow's is (height, width, inputs, outputs)."""
    _plain(b)
    strides, dilations = _pair(b, "strides"), _pair(b, "dilations") if "dilations" in b else (1, 1)
    image, padding = "{input}.permute(0, 3, 1, 2)", _padding(b)
    rest = f", stride={_short(strides)}" if strides != (1, 1) else ""
    if padding == "SAME" and strides == (1, 1):
        rest += ', padding="same"'
    elif padding == "SAME":
        if dilations != (1, 1):
            raise b.call.refuse("padding SAME with strides and dilations")
        image = _padded(b, image, "{filters}.shape[:2]", strides)
    rest += f", dilation={_short(dilations)}" if dilations != (1, 1) else ""
    text = f"F.conv2d({image}, {{filters}}.permute(3, 2, 0, 1){rest}).permute(0, 2, 3, 1)"
    shape = b["filters"].kind.shape
    return b.fill(text), tensor("float", (FREE, FREE, FREE, shape[-1] if shape else FREE))


def _padded(b: Bound, image: str, size: str, strides: Pair, value: str = "") -> str:
    b.call.helpers.append("pad_same")
    return f"pad_same({image}, {size}, ({strides[0]}, {strides[1]}){value})"


def _pooled(b: Bound, function: str) -> tuple[str, Kind]:
    _plain(b)
    size = _pair(b, "ksize")
    strides = _pair(b, "strides") if "strides" in b and b["strides"].kind.what != "none" else size
    image, rest = "{input}.permute(0, 3, 1, 2)", f", stride={_short(strides)}" if strides != size else ""
    if _padding(b) == "SAME" and size == strides == (2, 2):
        rest += ", ceil_mode=True"  # covers just what SAME covers
    elif _padding(b) == "SAME" and size != (1, 1):
        if function == "avg_pool2d":
            b.call.helpers += ["pad_same", "avg_pool_same"]
            pair = f"({size[0]}, {size[1]}), ({strides[0]}, {strides[1]})"
            return b.fill(f"avg_pool_same({image}, {pair}).permute(0, 2, 3, 1)"), tensor("float", (FREE,) * 4)
        image = _padded(b, image, f"({size[0]}, {size[1]})", strides, ', value=float("-inf")')
    kind = b["input"].kind
    shape = (FREE, FREE, FREE, kind.shape[-1]) if kind.shape is not None else (FREE,) * 4
    return b.fill(f"F.{function}({image}, {_short(size)}{rest}).permute(0, 2, 3, 1)"), tensor("float", shape)


@special(_POOL, "tf.nn.max_pool", "tf.nn.max_pool2d", x="input", value="input")
def max_pool(b: Bound) -> tuple[str, Kind]:
    """The greatest of each window."""
    return _pooled(b, "max_pool2d")


@special(_POOL, "tf.nn.avg_pool", "tf.nn.avg_pool2d", x="input", value="input")
def avg_pool(b: Bound) -> tuple[str, Kind]:
    """The mean of each window, over what lies inside of the image."""
    return _pooled(b, "avg_pool2d")


def _padding(b: Bound) -> str:
    padding = str(b.value("padding", "VALID")).upper()
    if padding not in ("SAME", "VALID"):
        raise b.call.refuse("padding that is written out")
    return padding


def _plain(b: Bound) -> None:
    b.only("data_format", "NHWC", None)
    rank = b["input"].kind.rank
    if rank is not None and rank != 4:
        raise b.call.refuse("a tensor that holds no images")


def _pair(b: Bound, name: str) -> Pair:
    """What `[1, s, s, 1]`, `[s, s]` or `s` says of height and width; names, as texts."""
    given = b[name]
    if given.kind.what == "number":
        value = given.kind.value
        return (given.text if value is UNKNOWN else value,) * 2
    if given.items is None:
        raise b.call.refuse(f"{name} that is only known at run time")
    parts = [i.text if i.kind.value is UNKNOWN else i.kind.value for i in given.items]
    if len(parts) == 4 and parts[0] == parts[3] == 1:
        return parts[1], parts[2]
    if len(parts) in (1, 2):
        return parts[0], parts[-1]
    raise b.call.refuse(f"{name}={given.text}")


def _short(pair: Pair) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"({pair[0]}, {pair[1]})"
