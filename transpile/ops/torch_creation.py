"""New tensors, and functions of images, on keras.ops."""

from __future__ import annotations

import ast

from transpile.ir import UNKNOWN
from transpile.ops._functions import Call, Handler, Left, Operand, Result, fresh, function, like, listed, relaid
from transpile.ops.torch_reduction import dtype_of
from transpile.torch_values import Extents, Items, Many, Plain, Tensor


def _shape(call: Call, name: str = "shape") -> tuple[str, int | None]:
    operand = call.args.get(name)
    if operand is None:
        raise Left(f"{call.name}: the shape is missing")
    if operand.elements is None and not isinstance(operand.value, Items | Extents | Many):
        operand = listed((operand,))
    if operand.elements is not None:
        starred = any(e.text.startswith("*") for e in operand.elements)
        return listed(operand.elements).text, None if starred else len(operand.elements)
    value, text = operand.value, operand.text.removeprefix("*")  # `torch.randn(*x.shape)`
    if isinstance(value, Extents):
        return text, value.tensor.rank.value
    return text, len(value.items) if isinstance(value, Items) else None


def _dtype(call: Call) -> tuple[str, str]:
    """The dtype argument as text, with a comma, and the kind; "" for the default."""
    operand = call.args.get("dtype")
    if operand is None or operand.const is None:
        return "", "float"
    found = dtype_of(call)
    if found is None:
        raise Left(f"{call.name}: dtype={operand.text}")
    return ("" if found[1] == "float" and found[0] == call.dtype else f", dtype={found[0]}"), found[1]


def creation(keras: str) -> Handler:
    """`zeros` and `ones`."""

    def handler(call: Call) -> Result:
        text, rank = _shape(call)
        dtype, kind = _dtype(call)
        return f"ops.{keras}({text}{dtype})", fresh(rank, kind)

    return handler


for _name, _keras in {"zeros": "zeros", "ones": "ones", "empty": "zeros"}.items():
    function(f"torch.{_name}", params="*shape, dtype=None")(creation(_keras))


@function("torch.full", params="shape, value, dtype=None")
def _full(call: Call) -> Result:
    text, rank = _shape(call)
    dtype, kind = _dtype(call)
    value, given = call.const("value"), call.args.get("dtype")
    if (given is None or given.const is None) and isinstance(value, int):  # bools are ints
        kind, name = ("bool", "bool") if isinstance(value, bool) else ("int", "int64")
        dtype = f', dtype="{name}"'
    return f"ops.full({text}, {call.text('value')}{dtype})", fresh(rank, kind)


def _new(keras: str) -> Handler:
    def handler(call: Call) -> Result:
        text, rank = _shape(call)
        return f"ops.{keras}({text}, dtype={call.text('x')}.dtype)", fresh(rank, call.tensor().dtype)

    return handler


for _name, _keras in {"zeros": "zeros", "ones": "ones", "empty": "zeros"}.items():
    function(f".new_{_name}", params="x, *shape")(_new(_keras))


def _like(keras: str) -> Handler:
    def handler(call: Call) -> Result:
        dtype, kind = _dtype(call)
        kind = kind if dtype else call.tensor().dtype
        return f"ops.{keras}({call.text('x')}{dtype})", like(call.args["x"].value, dtype=kind)

    return handler


for _name, _keras in {"zeros_like": "zeros_like", "ones_like": "ones_like", "empty_like": "zeros_like"}.items():
    function(f"torch.{_name}", params="x, dtype=None")(_like(_keras))


def size_of_zeros(text: str) -> str:
    """The size in `ops.zeros(size)`, "" for any other text."""
    match ast.parse(text, mode="eval").body:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="ops"), attr="zeros"), args=[size], keywords=[]):
            return ast.get_source_segment(text, size) or ""
    return ""


@function(".zero_")
def _zero_(call: Call) -> Result:
    x = call.text("x")
    return x if size_of_zeros(x) else f"ops.zeros_like({x})", like(call.args["x"].value)


@function(".fill_", params="x, value")
def _fill_(call: Call) -> Result:
    x, value = call.text("x"), call.text("value")
    size = size_of_zeros(x)
    return f"ops.full({size}, {value})" if size else f"ops.full_like({x}, {value})", like(call.args["x"].value)


@function(".new_full", params="x, shape, value")
def _new_full(call: Call) -> Result:
    text, rank = _shape(call)
    return f"ops.full({text}, {call.text('value')}, dtype={call.text('x')}.dtype)", fresh(rank, call.tensor().dtype)


@function("torch.full_like", params="x, value, dtype=None")
def _full_like(call: Call) -> Result:
    return f"ops.full_like({call.text('x')}, {call.text('value')})", like(call.args["x"].value)


def _random(keras: str) -> Handler:
    def handler(call: Call) -> Result:
        text, rank = _shape(call)
        call.imports.add("import keras")
        return f"keras.random.{keras}({text})", fresh(rank)

    return handler


function("torch.randn", params="*shape, dtype=None")(_random("normal"))
function("torch.rand", params="*shape, dtype=None")(_random("uniform"))


def _random_like(keras: str) -> Handler:
    def handler(call: Call) -> Result:
        x = call.text("x")
        call.imports.add("import keras")
        return f"keras.random.{keras}(ops.shape({x}), dtype={x}.dtype)", like(call.args["x"].value)

    return handler


function("torch.randn_like", params="x, dtype=None")(_random_like("normal"))
function("torch.rand_like", params="x, dtype=None")(_random_like("uniform"))


@function("torch.randint", params="low, high, shape, dtype=None")
def _randint(call: Call) -> Result:
    text, rank = _shape(call)
    call.imports.add("import keras")
    return f"keras.random.randint({text}, {call.text('low')}, {call.text('high')})", fresh(rank, "int")


@function("torch.arange", params="start, end=None, step=1, dtype=None")
def _arange(call: Call) -> Result:
    dtype, kind = _dtype(call)
    parts = [call.text("start")]
    if call.has("end"):
        parts.append(call.text("end"))
        if call.const("step") != 1:
            parts.append(call.text("step"))
    numbers = [call.const(n) for n in ("start", "end", "step")]
    floating = any(isinstance(n, float) for n in numbers)
    if kind == "float" and call.has("dtype") and not dtype:
        dtype = f", dtype={call.dtype}"
    kind = kind if call.has("dtype") else "float" if floating else "int"
    return f"ops.arange({', '.join(parts)}{dtype})", fresh(1, kind)


@function("torch.linspace", params="start, end, steps=100, dtype=None")
def _linspace(call: Call) -> Result:
    return f"ops.linspace({call.text('start')}, {call.text('end')}, {call.text('steps')})", fresh(1)


@function("torch.eye", params="n, m=None, dtype=None")
def _eye(call: Call) -> Result:
    more = f", {call.text('m')}" if call.has("m") else ""
    dtype, kind = _dtype(call)
    return f"ops.eye({call.text('n')}{more}{dtype})", fresh(2, kind)


@function(
    "torch.tensor", "torch.as_tensor", "torch.from_numpy", "torch.FloatTensor", "torch.LongTensor", "torch.Tensor",
    params="data, dtype=None",
)  # fmt: skip
def _tensor(call: Call) -> Result:
    data = call.args["data"]
    dtype, kind = _dtype(call)
    if call.name == "torch.Tensor" and isinstance(data.const, int):
        raise Left("torch.Tensor of a given size")
    if call.name.endswith("Tensor") and isinstance(data.value, Extents):  # of a size, not filled
        kind = "int" if call.name == "torch.LongTensor" else "float"
        return f"ops.zeros({data.text}{_INT64 if kind == 'int' else ''})", fresh(data.value.tensor.rank.value, kind)
    if isinstance(data.value, Tensor):
        return data.text, data.value
    if call.name == "torch.LongTensor":
        dtype, kind = ', dtype="int64"', "int"
    elif call.name in ("torch.FloatTensor", "torch.Tensor"):  # floats, whatever they are made of
        dtype, kind = f", dtype={call.dtype}", "float"
    rank = _depth(data)
    if not dtype and _is_whole(data.const):
        kind = "int"
    if kind == "float" and not dtype:
        dtype = f", dtype={call.dtype}" if _is_float(data) else ""
        kind = "float" if dtype else ""
    return f"ops.convert_to_tensor({data.text}{dtype})", fresh(rank, kind)


def _is_whole(value: object) -> bool:
    """Whether a number, or each in a list, is an integer."""
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_whole(v) for v in value)
    return isinstance(value, int)


_INT64 = ', dtype="int64"'


def _depth(data: Operand) -> int | None:
    if data.elements is None:
        return 0 if isinstance(data.const, int | float) else None
    inner = _depth(data.elements[0]) if data.elements else 0
    return None if inner is None else inner + 1


def _is_float(data: Operand) -> bool:
    if data.elements:
        return all(_is_float(e) for e in data.elements)
    return isinstance(data.const, float)


# Images


@function(
    "torch.nn.functional.max_pool1d", "torch.nn.functional.max_pool2d", "torch.nn.functional.max_pool3d",
    params="x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False",
)  # fmt: skip
def _max_pool(call: Call) -> Result:
    return _pool(call, "max_pool")


@function(
    "torch.nn.functional.avg_pool1d", "torch.nn.functional.avg_pool2d", "torch.nn.functional.avg_pool3d",
    params="x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
)  # fmt: skip
def _avg_pool(call: Call) -> Result:
    return _pool(call, "average_pool")


def spatial(call: Call, rank: int | None = None) -> str:
    """The operand with its channels last; it is an image of that rank."""
    value = call.tensor()
    if rank is not None:
        value.rank.settle(rank)
    value.rank.mark()
    return relaid(call.text("x"), value, True)


def _pool(call: Call, name: str) -> Result:
    rank = int(call.name[-2]) + 2
    x = spatial(call, rank)
    strides = f", strides={call.text('stride')}" if call.has("stride") else ""
    if call.const("ceil_mode") is not False:
        raise Left(f"{call.name}: ceil_mode={call.text('ceil_mode')}")
    if call.has("dilation") and call.const("dilation") != 1:
        raise Left(f"{call.name}: dilation={call.text('dilation')}")
    padding, p = "", call.const("padding")
    if p != 0 and (not isinstance(p, tuple | list) or any(p)):
        if name == "average_pool" and call.const("count_include_pad") is not True:
            raise Left(f"{call.name}: padding={call.text('padding')} that is not counted")
        k = call.const("kernel_size")
        if name == "max_pool" and isinstance(k, int) and k % 2 and p == k // 2 and call.const("stride") == 1:
            padding = ', padding="same"'
        else:
            x = f"ops.pad({x}, {around(call, rank - 2)}{_FILLED if name == 'max_pool' else ''})"
    return f"ops.{name}({x}, {call.text('kernel_size')}{strides}{padding})", like(call.tensor(), last=True, ones=False)


_FILLED = ', constant_values=float("-inf")'  # of no effect on the largest


def around(call: Call, count: int) -> str:
    """The same padding on both sides of every axis of an image."""
    given = call.args["padding"]
    if given.elements is not None and len(given.elements) == count:
        texts = [e.text for e in given.elements]
    elif isinstance(given.value, Plain):
        texts = [given.text] * count
    else:
        raise Left(f"{call.name}: padding={given.text} is only known at run time", "T2K104")
    return f"((0, 0), {', '.join(f'({t}, {t})' for t in texts)}, (0, 0))"


def _adaptive(name: str) -> Handler:
    def handler(call: Call) -> Result:
        rank = int(call.name[-2]) + 2
        x, size = spatial(call, rank), call.const("size")
        if size == 1 or (isinstance(size, tuple | list) and set(size) == {1}):
            axes = tuple(range(1, rank - 1))
            shown = str(axes[0]) if len(axes) == 1 else repr(axes)
            return f"ops.{name}({x}, axis={shown}, keepdims=True)", like(call.tensor(), last=True, ones=True)
        if size is UNKNOWN or size is None or (isinstance(size, tuple | list) and None in size):
            raise Left(f"{call.name}: size={call.text('size')}")
        pool = "adaptive_average_pool" if name == "mean" else "adaptive_max_pool"
        return f"ops.{pool}({x}, {call.text('size')})", like(call.tensor(), last=True, ones=False)

    return handler


for _rank in (1, 2, 3):
    function(f"torch.nn.functional.adaptive_avg_pool{_rank}d", params="x, size")(_adaptive("mean"))
    function(f"torch.nn.functional.adaptive_max_pool{_rank}d", params="x, size")(_adaptive("max"))


# The ranks of tensors that the modes of interpolation are for.
_RANKS = {
    "nearest": (4, 3, 5), "linear": (3,), "bilinear": (4,), "trilinear": (5,), "bicubic": (4,), "area": (4, 3, 5),
}  # fmt: skip


@function(
    "torch.nn.functional.interpolate", "torch.nn.functional.upsample",
    params="x, size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None",
)  # fmt: skip
def _interpolate(call: Call) -> Result:
    mode, aligned, rank = call.const("mode"), call.const("align_corners"), call.tensor().rank.value
    known = _RANKS.get(mode) if isinstance(mode, str) else None
    if known is None or (rank or 4) not in known or call.const("recompute_scale_factor"):
        raise Left(f"{call.name}: mode={call.text('mode')}")
    call.tensor().rank.settle(rank or (known[0] if len(known) == 1 else 4))
    if call.has("size") and isinstance(call.args["size"].value, Extents):
        raise Left(f"{call.name}: size={call.text('size')}")
    given = [
        spatial(call),
        f"size={call.text('size')}" if call.has("size") else f"scale_factor={call.text('scale_factor')}",
    ]
    result = like(call.tensor(), last=True, ones=False)
    if mode == "area":
        if not call.has("size"):
            raise Left(f"{call.name}: mode='area' with a factor")
        return f"ops.adaptive_average_pool({given[0]}, {call.text('size')})", result
    name = "interpolate_bicubic" if mode == "bicubic" else "interpolate"
    call.helpers.add(name)
    if mode in ("linear", "bilinear", "trilinear"):
        given.append(f'mode="{mode}"')
    given += ["align_corners=True"] if aligned is True and mode != "nearest" else []
    return f"{name}({', '.join(given)})", result


@function("torch.nn.functional.pad", params="x, pad, mode='constant', value=0")
def _pad(call: Call) -> Result:
    pads, value, mode = call.args["pad"].elements, call.tensor(), call.const("mode")
    rank = value.rank.value
    if pads is None or mode not in ("constant", "reflect"):
        raise Left(f"{call.name}: {call.text('pad')}, mode={call.text('mode')}")
    if rank is None:
        raise Left(f"{call.name}: the rank is not known", "T2K104")
    pairs = [("0", "0")] * rank
    for i in range(len(pads) // 2):
        pairs[rank - 1 - i] = (pads[2 * i].text, pads[2 * i + 1].text)
    if value.last:
        pairs = [pairs[0], *pairs[2:], pairs[1]]
    shown = ", ".join(f"({a}, {b})" for a, b in pairs)
    extra = ', mode="reflect"' if mode == "reflect" else ""
    if mode == "constant" and call.const("value") != 0:
        extra = f", constant_values={call.text('value')}"
    return f"ops.pad({call.text('x')}, ({shown}){extra})", like(value, ones=False)


@function("torch.nn.functional.pixel_shuffle", "torch.pixel_shuffle", params="x, factor")
def _pixel_shuffle(call: Call) -> Result:
    call.helpers.add("pixel_shuffle")
    return f"pixel_shuffle({spatial(call, 4)}, {call.text('factor')})", like(call.tensor(), last=True, ones=False)
