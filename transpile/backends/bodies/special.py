"""Functions whose eager form differs from their form in a graph: shapes, new tensors, casts."""

from __future__ import annotations

import ast

from transpile.backends.bodies.calls import Argument, Bound, special
from transpile.backends.bodies.kinds import (
    NUMBER,
    SHAPE,
    Kind,
    element_of,
    tensor,
)
from transpile.ir import FREE, UNKNOWN, Shape, literal

# Shapes


@special("input out_type", "tf.shape", "backend.shape", "backend.int_shape", "ops.shape", x="input", tensor="input")
def shape_of(b: Bound) -> tuple[str, Kind]:
    """`x.shape`: what TensorFlow computes is a torch.Size of Python integers."""
    dims = b["input"].kind.shape
    items = tuple(Kind("number", "int", value=d.value) for d in dims) if dims is not None else None
    return b.fill("{input}.shape"), Kind("shape", items=items)


@special("x", "backend.ndim", "tf.rank", "ops.ndim", input="x")
def number_of_axes(b: Bound) -> tuple[str, Kind]:
    """`x.ndim`."""
    return b.fill("{x}.ndim"), Kind("number", "int", value=b["x"].kind.rank or UNKNOWN)


@special("input out_type", "tf.size", "ops.size", x="input")
def size(b: Bound) -> tuple[str, Kind]:
    """The number of elements; of a shape, the number of its axes."""
    if b["input"].kind.what == "shape":
        return b.fill("len({input})"), NUMBER
    return b.fill("{input}.numel()"), NUMBER


@special("x", "backend.count_params")
def count(b: Bound) -> tuple[str, Kind]:
    """The number of elements of a parameter."""
    return b.fill("{x}.numel()"), NUMBER


def dims_text(argument: Argument) -> str:
    """A shape argument as arguments of `reshape` and its like."""
    if argument.items is not None:
        return ", ".join(a.text for a in argument.items)
    if argument.kind.what == "number":
        return argument.text
    return argument.text


def dims_of(argument: Argument) -> Shape | None:
    """A shape argument as a shape."""
    kinds = [a.kind for a in argument.items] if argument.items is not None else argument.kind.items
    if kinds is None:
        return None
    return tuple(literal(k.value) if isinstance(k.value, int) and k.value >= 0 else FREE for k in kinds)


@special("tensor shape", "tf.reshape", "backend.reshape", "ops.reshape", x="tensor", newshape="shape")
def reshape(b: Bound) -> tuple[str, Kind]:
    """`x.reshape(...)` takes -1 as TensorFlow does."""
    dims = dims_text(b["shape"])
    if not dims:
        dims = "()"
    return b.fill("{tensor}.reshape({dims})", dims=dims), tensor(b["tensor"].kind.element, dims_of(b["shape"]))


@special("input shape", "tf.broadcast_to", "ops.broadcast_to", x="input")
def broadcast(b: Bound) -> tuple[str, Kind]:
    """`x.expand(...)`; a view, which nothing writes to."""
    return b.fill("{input}.expand({dims})", dims=dims_text(b["shape"])), tensor(
        b["input"].kind.element, dims_of(b["shape"])
    )


@special("input multiples", "tf.tile", "backend.tile", "ops.tile", x="input", n="multiples", repeats="multiples")
def tile(b: Bound) -> tuple[str, Kind]:
    """`x.repeat(...)`: one number for each axis."""
    times = b["multiples"]
    if times.items is None and times.kind.what == "number":
        raise b.call.refuse("a lone number of repeats")
    shape = b["input"].kind.shape
    if times.items is not None and shape is not None and len(times.items) != len(shape):
        raise b.call.refuse("the number of repeats differs from that of the axes")
    return b.fill("{input}.repeat({dims})", dims=dims_text(times)), tensor(b["input"].kind.element)


@special(
    "a perm conjugate", "tf.transpose", "backend.transpose", "backend.permute_dimensions", "ops.transpose",
    x="a", axes="perm", pattern="perm",
)  # fmt: skip
def transpose(b: Bound) -> tuple[str, Kind]:
    """`x.permute(...)`; without a permutation the axes are reversed."""
    given = b["a"].kind
    if "perm" in b and b["perm"].kind.what != "none":
        perm = b["perm"]
        shape = None
        values = [i.kind.value for i in perm.items or ()]
        if given.shape is not None and values and all(isinstance(v, int) for v in values):
            shape = tuple(given.shape[v] for v in values if isinstance(v, int) and v < len(given.shape))
        return b.fill("{a}.permute({dims})", dims=dims_text(perm)), tensor(given.element, shape)
    if given.rank == 2:
        assert given.shape is not None
        return b.fill("{a}.T"), tensor(given.element, given.shape[::-1])
    text = "{a}.permute(*reversed(range({a}.ndim)))"
    return b.fill(text), tensor(given.element, given.shape[::-1] if given.shape is not None else None)


@special("values axis", "tf.concat", "backend.concatenate", "ops.concatenate", tensors="values", xs="values")
def concat(b: Bound) -> tuple[str, Kind]:
    """`torch.cat`; shapes are tuples and join as such."""
    parts = b["values"]
    default = {"tf.concat": None, "keras.backend.concatenate": "-1", "keras.ops.concatenate": "0"}
    axis = b["axis"].text if "axis" in b else default.get(b.call.path)
    if axis is None:
        raise b.call.refuse("no axis is given")
    pieces = parts.items
    if pieces is not None and pieces and any(p.kind.what == "shape" for p in pieces):
        if all(p.kind.what in ("shape", "list") for p in pieces):
            inner = [f"*{p.text}" if p.items is None else ", ".join(i.text for i in p.items) for p in pieces]
            return f"({', '.join(inner)},)" if len(inner) == 1 else f"({', '.join(inner)})", SHAPE
        raise b.call.refuse("a shape joined with a tensor")
    if pieces is None and parts.kind.plain:
        raise b.call.refuse("its argument is no list of tensors")
    if pieces is None:
        return f"torch.cat({parts.text}, dim={axis})", tensor()
    kinds = tuple(p.kind for p in pieces)
    shape = _joined_shape(kinds, b.value("axis", -1 if "backend" in b.call.path else 0))
    device = f", device={b.call.place}" if b.call.place else ""
    texts = [f"torch.as_tensor({p.text}{device})" if p.kind.what == "array" else p.text for p in pieces]
    return f"torch.cat([{', '.join(texts)}], dim={axis})", tensor(element_of(kinds), shape)


def _joined_shape(kinds: tuple[Kind, ...], axis: object) -> Shape | None:
    shapes = [k.shape for k in kinds]
    first = shapes[0] if shapes else None
    if first is None or any(s is None or len(s) != len(first) for s in shapes) or not isinstance(axis, int):
        return None
    at = axis % len(first)
    sizes = [s[at].value for s in shapes if s is not None]
    total = literal(sum(n for n in sizes if isinstance(n, int))) if all(isinstance(n, int) for n in sizes) else FREE
    return (*first[:at], total, *first[at + 1 :])


@special("values axis", "tf.stack", "backend.stack", "ops.stack", x="values")
def stack(b: Bound) -> tuple[str, Kind]:
    """`torch.stack`; numbers are a shape."""
    parts = b["values"]
    axis = b["axis"].text if "axis" in b else "0"
    if parts.items is not None:
        kinds = tuple(p.kind for p in parts.items)
        if kinds and all(k.what == "number" for k in kinds):
            return f"({', '.join(p.text for p in parts.items)}{',' if len(kinds) == 1 else ''})", Kind(
                "shape", items=kinds
            )
        if any(k.what == "number" for k in kinds):
            raise b.call.refuse("numbers among the tensors")
    elif parts.kind.plain:
        raise b.call.refuse("its argument is no list of tensors")
    text = f"[{', '.join(p.text for p in parts.items)}]" if parts.items is not None else parts.text
    dim = "" if axis == "0" else f", dim={axis}"
    return f"torch.stack({text}{dim})", tensor(element_of(tuple(p.kind for p in parts.items or ())))


@special("value num axis", "tf.unstack", "ops.unstack", x="value")
def unstack(b: Bound) -> tuple[str, Kind]:
    """`x.unbind(dim)`; a shape is a sequence already."""
    if b["value"].kind.what == "shape":
        return b["value"].text, b["value"].kind
    axis = b["axis"].text if "axis" in b else "0"
    return b.fill("{value}.unbind({axis})", axis=axis), Kind("list", item=tensor(b["value"].kind.element))


@special("inputs", "tf.add_n", "tf.math.add_n")
def add_n(b: Bound) -> tuple[str, Kind]:
    """`sum` of a list."""
    parts = b["inputs"]
    if parts.items is not None and len(parts.items) <= 3 and parts.items:
        return " + ".join(p.text for p in parts.items), tensor(element_of(tuple(p.kind for p in parts.items)))
    return f"sum({parts.text})", tensor()


# Values and types

_TYPES = {
    "float16": "half", "float32": "float", "float64": "double", "int32": "int", "int64": "long", "bool": "bool",
    "float": "float",
}  # fmt: skip
_NAMES = {
    "float16": "float16", "float32": "float32", "float64": "float64", "bfloat16": "bfloat16", "int8": "int8",
    "uint8": "uint8", "int16": "int16", "int32": "int32", "int64": "int64", "bool": "bool", "half": "float16",
    "double": "float64", "complex64": "complex64",
}  # fmt: skip
DEFAULT = "torch.get_default_dtype()"


def dtype_name(argument: Argument) -> str:
    """The name of a dtype that is given as `tf.float32` or "float32"; "" for any other."""
    name = str(argument.kind.value) if argument.kind.what in ("text", "dtype") else ""
    name = name.removeprefix("tf.").removeprefix("dtypes.").removeprefix("torch.")
    return name if name in _NAMES else ""


def torch_dtype(argument: Argument) -> str:
    """A dtype in PyTorch's words, `""` where it cannot be said."""
    name = dtype_name(argument)
    if name:
        return f"torch.{_NAMES[name]}"
    return argument.text if argument.kind.what == "dtype" else ""


@special("x dtype", "tf.cast", "backend.cast", "ops.cast", "tf.dtypes.cast", "tf.saturate_cast")
def cast(b: Bound) -> tuple[str, Kind]:
    """`x.float()`; a Python number stays one."""
    given, name = b["x"].kind, dtype_name(b["dtype"])
    if given.what == "number":
        if name.startswith("float") or (not name and b["dtype"].kind.what == "dtype"):
            return b.fill("float({x})"), Kind("number", "float")
        if name.startswith("int"):
            return b.fill("int({x})"), Kind("number", "int")
    dtype = torch_dtype(b["dtype"])
    if not dtype:
        raise b.call.refuse(f"the dtype {b['dtype'].text} is not known")
    known = b["dtype"].kind.value
    if known == "floatx" and given.element in ("bool", "int"):
        return b.fill("{x}.float()"), tensor("float", given.shape)
    if name in _TYPES:
        element = "bool" if name == "bool" else "int" if "int" in name else "float"
        return b.fill("{x}." + _TYPES[name] + "()"), tensor(element, given.shape)  # type: ignore[arg-type]
    floating = name.startswith(("float", "bfloat")) or known == "floatx" or not name
    return b.fill("{x}.to({dtype})", dtype=dtype), tensor("float" if floating else "int", given.shape)


@special("x", "tf.to_float")
def to_float(b: Bound) -> tuple[str, Kind]:
    """TensorFlow 1's cast."""
    return b.fill("{x}.float()"), tensor("float", b["x"].kind.shape)


@special("x", "tf.to_int32", "tf.to_int64")
def to_int(b: Bound) -> tuple[str, Kind]:
    """TensorFlow 1's cast."""
    return b.fill("{x}.long()"), tensor("int", b["x"].kind.shape)


@special("", "backend.epsilon", "config.epsilon")
def epsilon(b: Bound) -> tuple[str, Kind]:
    """Keras's small number."""
    return "1e-7", Kind("number", "float", value=1e-7)


@special("", "backend.floatx", "config.floatx")
def floatx(b: Bound) -> tuple[str, Kind]:
    """The dtype that new tensors have; its name for an array."""
    if b.call.array:
        return '"float32"', Kind("text", value="float32")
    return DEFAULT, Kind("dtype", value="floatx")


@special("x", "backend.dtype")
def dtype_of(b: Bound) -> tuple[str, Kind]:
    """`x.dtype`."""
    return b.fill("{x}.dtype"), Kind("dtype")


@special("value dtype shape", "tf.constant", "backend.constant", "tf.convert_to_tensor", "ops.convert_to_tensor",
         "backend.variable", "ops.array", x="value")  # fmt: skip
def constant(b: Bound) -> tuple[str, Kind]:
    """A tensor of given numbers; a tensor stays what it is."""
    if "shape" in b and b["shape"].kind.what != "none":
        raise b.call.refuse("a shape")
    value = b["value"]
    dtype = torch_dtype(b["dtype"]) if "dtype" in b and b["dtype"].kind.what != "none" else ""
    if "dtype" in b and not dtype and b["dtype"].kind.what != "none":
        raise b.call.refuse(f"the dtype {b['dtype'].text} is not known")
    if value.kind.what == "text":
        raise b.call.refuse("a tensor of strings")
    if value.kind.what == "tensor":
        return (b.fill("{value}.to({dtype})", dtype=dtype) if dtype else value.text), value.kind
    scalar = value.kind.what == "number"
    # TensorFlow's numbers are float32 whatever the default is; its integers are int32.
    written = f", dtype={dtype}" if dtype and dtype != DEFAULT else ""
    place = f", device={b.call.place}" if b.call.place and not scalar else ""
    element = "float" if "float" in dtype or _has_float(value.node) else "int" if "int" in dtype else ""
    shape = () if scalar else (literal(len(value.items)),) if value.items and _flat(value.items) else None
    make = "torch.tensor" if scalar or value.items is not None else "torch.as_tensor"
    return f"{make}({value.text}{written}{place})", tensor(element, shape)  # type: ignore[arg-type]


def _flat(items: tuple[Argument, ...]) -> bool:
    return all(i.kind.what == "number" for i in items)


def _has_float(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, float) for n in ast.walk(node))


# Control


@special("x", "backend.get_value", "backend.eval", "ops.convert_to_numpy")
def to_numpy(b: Bound) -> tuple[str, Kind]:
    """The value as an array."""
    return b.fill("{x}.detach().cpu().numpy()"), Kind("array")


@special("condition then_expression else_expression", "backend.switch")
def switch(b: Bound) -> tuple[str, Kind]:
    """A choice by element, where the ranks agree."""
    ranks = {b[n].kind.rank for n in ("condition", "then_expression", "else_expression")}
    if b["condition"].kind.what == "tensor" and b["condition"].kind.rank not in (0, None) and len(ranks) > 1:
        raise b.call.refuse("a condition of lower rank")
    if None in ranks:
        raise b.call.refuse("the rank of its condition is not known")
    return b.fill("torch.where({condition}, {then_expression}, {else_expression})"), b["then_expression"].kind
