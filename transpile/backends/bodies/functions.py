"""Functions of tensors that are one expression in PyTorch, and those of several tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from transpile.backends.bodies.calls import Bound, special
from transpile.backends.bodies.kinds import FLOATS, Element, Kind, element_of, tensor
from transpile.backends.bodies.scatter import ids_of
from transpile.ir import FREE, UNKNOWN, Shape


@dataclass(frozen=True)
class Plain:
    """Paths with one signature and one template. `only` are arguments with one allowed value.

    `element` is the type of the result, "" for that of its arguments.
    """

    parameters: str
    template: str
    paths: str
    element: Element = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, object] = field(default_factory=dict)
    keeps: bool = True  # the shape of the first tensor


_XY = {"x1": "x", "x2": "y", "a": "x", "b": "y"}


def _comparison(symbol: str, *names: str) -> Plain:
    paths = " ".join(f"{root}.{n}" for n in names for root in ("tf", "tf.math", "ops", "backend"))
    return Plain("x y", "{x} " + symbol + " {y}", paths, "bool", _XY, keeps=False)


_PLAIN = (
    _comparison("==", "equal"),
    _comparison("!=", "not_equal"),
    _comparison(">", "greater"),
    _comparison(">=", "greater_equal"),
    _comparison("<", "less"),
    _comparison("<=", "less_equal"),
    _comparison("&", "logical_and"),
    _comparison("|", "logical_or"),
    _comparison("^", "logical_xor"),
    Plain("x", "~{x}", "tf.logical_not tf.math.logical_not ops.logical_not", "bool"),
    Plain("x", "torch.isnan({x})", "tf.math.is_nan tf.is_nan ops.isnan", "bool"),
    Plain("x", "torch.isinf({x})", "tf.math.is_inf tf.is_inf ops.isinf", "bool"),
    Plain("x", "torch.isfinite({x})", "tf.math.is_finite tf.is_finite ops.isfinite", "bool"),
    Plain("x", "torch.tan({x})", "tf.tan tf.math.tan ops.tan"),
    Plain("x", "torch.asin({x})", "tf.asin tf.math.asin ops.arcsin"),
    Plain("x", "torch.acos({x})", "tf.acos tf.math.acos ops.arccos"),
    Plain("x", "torch.atan({x})", "tf.atan tf.math.atan ops.arctan"),
    Plain("y x", "torch.atan2({y}, {x})", "tf.atan2 tf.math.atan2 ops.arctan2", renamed={"x1": "y", "x2": "x"}),
    Plain("x", "torch.sinh({x})", "tf.sinh tf.math.sinh ops.sinh"),
    Plain("x", "torch.cosh({x})", "tf.cosh tf.math.cosh ops.cosh"),
    Plain("x", "{x}.reciprocal()", "tf.math.reciprocal tf.reciprocal ops.reciprocal"),
    Plain("x", "torch.lgamma({x})", "tf.math.lgamma tf.lgamma"),
    Plain("x", "torch.digamma({x})", "tf.math.digamma tf.digamma"),
    Plain("x y", "{x} % {y}", "tf.math.floormod tf.floormod tf.mod tf.math.mod ops.mod", renamed=_XY),
    Plain("x y", "{x} // {y}", "tf.math.floordiv tf.floor_div tf.floordiv ops.floor_divide", renamed=_XY),
    Plain("x y", "torch.square({x} - {y})", "tf.math.squared_difference tf.squared_difference", renamed=_XY),
    Plain("tensor axis", "{tensor}.flip({axis})", "tf.reverse ops.flip backend.reverse",
          renamed={"x": "tensor", "axes": "axis"}),
    Plain("tensor", "torch.diagonal({tensor}, dim1=-2, dim2=-1)", "tf.linalg.diag_part tf.linalg.tensor_diag_part",
          renamed={"input": "tensor"}, keeps=False),
    Plain("diagonal", "torch.diag_embed({diagonal})", "tf.linalg.diag tf.diag", keeps=False),
    Plain("x", "torch.trace({x})", "tf.linalg.trace tf.trace ops.trace", keeps=False),
    Plain("x", "torch.linalg.inv({x})", "tf.linalg.inv ops.inv"),
    Plain("x k", "torch.tril({x})", "ops.tril", only={"k": 0}),
    Plain("x k", "torch.triu({x})", "ops.triu", only={"k": 0}),
    Plain("x", "{x}.conj()", "tf.math.conj"),
    Plain("value bias data_format", "{value} + {bias}", "tf.nn.bias_add backend.bias_add",
          renamed={"x": "value"}, only={"data_format": None}),
    Plain("t", "{t}.square().sum() / 2", "tf.nn.l2_loss", keeps=False),
    Plain("labels logits", 'F.binary_cross_entropy_with_logits({logits}, {labels}, reduction="none")',
          "tf.nn.sigmoid_cross_entropy_with_logits", renamed={"targets": "labels"}),
)  # fmt: skip


def _register(entry: Plain) -> None:
    def handle(b: Bound) -> tuple[str, Kind]:
        for name, value in entry.only.items():
            b.only(name, value)
        for name in entry.parameters.split():
            if "{" + name + "}" in entry.template and name not in b and name == "axis":
                raise b.call.refuse("no axis is given")
        kinds = tuple(b[n].kind for n in entry.parameters.split() if n in b)
        if all(k.plain for k in kinds) and not any(k.what == "number" for k in kinds):
            raise b.call.refuse("none of its arguments is a tensor")
        tensors = [k for k in kinds if k.what == "tensor"]
        shape = tensors[0].shape if entry.keeps and len(tensors) == 1 else None
        if len(tensors) == 2 and tensors[0].shape is not None and tensors[0].rank == tensors[1].rank:
            shape = tensors[0].shape  # the extents may be broadcast; the rank is what counts
        return b.fill(entry.template), tensor(entry.element or element_of(kinds), shape)

    special(entry.parameters, *entry.paths.split(), **entry.renamed)(handle)


for _entry in _PLAIN:
    _register(_entry)


@special("condition x y", "tf.where", "ops.where", x1="x", x2="y")
def where(b: Bound) -> tuple[str, Kind]:
    """A choice by element, or the places where a condition holds."""
    if "x" not in b:
        return b.fill("torch.nonzero({condition})"), tensor("int")
    kinds = (b["x"].kind, b["y"].kind)
    shape = b["condition"].kind.shape
    return b.fill("torch.where({condition}, {x}, {y})"), tensor(element_of(kinds), shape)


def axes(b: Bound, name: str = "axis") -> str:
    return b[name].text if name in b and b[name].kind.what != "none" else ""


def _reduced(b: Bound, method: str) -> str:
    texts = [f"dim={axes(b)}"] if axes(b) else []
    keep = b.value("keepdims", False)
    if keep is UNKNOWN:
        raise b.call.refuse("keepdims is only known at run time")
    if keep:
        if not texts:
            raise b.call.refuse("keepdims over all axes")
        texts.append("keepdim=True")
    return b.fill("{x}.METHOD(REST)".replace("METHOD", method).replace("REST", ", ".join(texts)))


@special("x axis keepdims", "tf.reduce_any", "tf.math.reduce_any", "ops.any", "backend.any", input_tensor="x",
         keep_dims="keepdims")  # fmt: skip
def any_of(b: Bound) -> tuple[str, Kind]:
    """Whether it holds for any."""
    return _reduced(b, "any"), tensor("bool")


@special("x axis keepdims", "tf.reduce_all", "tf.math.reduce_all", "ops.all", "backend.all", input_tensor="x",
         keep_dims="keepdims")  # fmt: skip
def all_of(b: Bound) -> tuple[str, Kind]:
    """Whether it holds for all."""
    return _reduced(b, "all"), tensor("bool")


@special("x axis keepdims", "tf.math.count_nonzero", "tf.count_nonzero", "ops.count_nonzero", input="x")
def count_nonzero(b: Bound) -> tuple[str, Kind]:
    """How many are not zero."""
    b.only("keepdims", False)
    axis = axes(b)
    return b.fill("torch.count_nonzero({x}" + (f", dim={axis}" if axis else "") + ")"), tensor("int")


@special("x ord axis keepdims", "tf.norm", "tf.linalg.norm", "ops.norm", tensor="x")
def norm(b: Bound) -> tuple[str, Kind]:
    """The length of vectors."""
    order = b.value("ord", "euclidean")
    if not any(order == o for o in ("euclidean", None, 1, 2)):
        raise b.call.refuse(f"ord={b['ord'].text}")
    if not axes(b) and order not in ("euclidean",) and "ord" in b and b.call.path.startswith("keras"):
        raise b.call.refuse("a norm without an axis")
    texts = ["{x}"] + (["1"] if order == 1 else [])
    texts += [f"dim={axes(b)}"] if axes(b) else []
    keep = b.value("keepdims", False)
    if keep is UNKNOWN:
        raise b.call.refuse("keepdims is only known at run time")
    texts += ["keepdim=True"] if keep else []
    return b.fill(f"torch.linalg.vector_norm({', '.join(texts)})"), FLOATS


@special("params indices validate_indices axis batch_dims", "tf.gather", "backend.gather", reference="params")
def gather(b: Bound) -> tuple[str, Kind]:
    """Rows by their numbers; other axes too. With `batch_dims=1` each row has numbers of its own."""
    if b.value("batch_dims", 0) == 1 and b.value("axis", 1) == 1:
        return _row_by_row(b)
    b.only("batch_dims", 0)
    return _taken(b, "params", "axis", 0)


def _row_by_row(b: Bound) -> tuple[str, Kind]:
    rank = b["indices"].kind.rank
    if rank not in (1, 2):
        pairs = b.fill("torch.stack([rows[places] for rows, places in zip({params}, {indices})])")
        return pairs, tensor(b["params"].kind.element)
    rows = "torch.arange(len({params}), device={params}.device)" + ("[:, None]" if rank == 2 else "")
    return b.fill("{params}[" + rows + ", {indices}]"), tensor(b["params"].kind.element)


@special("x indices axis", "ops.take")
def take(b: Bound) -> tuple[str, Kind]:
    """Rows by their numbers."""
    return _taken(b, "x", "axis", None)


def _taken(b: Bound, name: str, axis_name: str, default: object) -> tuple[str, Kind]:
    axis = b.value(axis_name, default)
    if axis is None and default is not None:
        axis = default
    element = b[name].kind.element
    indices = b["indices"]
    written = indices.text
    if axis == 0:
        return b.fill("{" + name + "}[INDEX]".replace("INDEX", written)), tensor(element)
    if isinstance(axis, int) and axis > 0:
        return b.fill("{" + name + "}[" + ":, " * axis + written + "]"), tensor(element)
    if axis == -1:
        return b.fill("{" + name + "}[..., " + written + "]"), tensor(element)
    raise b.call.refuse("an axis that is not a known number")


@special("params indices batch_dims", "tf.gather_nd")
def gather_nd(b: Bound) -> tuple[str, Kind]:
    """By rows of coordinates."""
    b.only("batch_dims", 0)
    return b.fill("{params}[tuple({indices}.movedim(-1, 0))]"), tensor(b["params"].kind.element)


@special("params ids", "tf.nn.embedding_lookup")
def embedding_lookup(b: Bound) -> tuple[str, Kind]:
    """Rows of a table."""
    return b.fill("F.embedding({ids}, {params})"), FLOATS


@special("indices depth on_value off_value axis dtype", "tf.one_hot", "backend.one_hot", "ops.one_hot",
         num_classes="depth", x="indices")  # fmt: skip
def one_hot(b: Bound) -> tuple[str, Kind]:
    """Rows with a one; ids outside the range raise in PyTorch."""
    if b.call.path == "keras.ops.one_hot":
        if len(b.call.args) > 2:
            raise b.call.refuse("its axis")
    else:
        b.only("on_value", None, 1, 1.0)
        b.only("off_value", None, 0, 0.0)
    b.only("axis", -1, None)
    ids = ids_of(b, "indices")
    if b["indices"].kind.what == "list":
        ids = f"torch.as_tensor({b['indices'].text}, device={b.call.place or 'device'})"
    cast, element = ".float()", "float"
    if "dtype" in b and b["dtype"].kind.what != "none" and "int" in b["dtype"].text:
        cast, element = "", "int"
    return f"F.one_hot({ids}, {b['depth'].text}){cast}", tensor(element)  # type: ignore[arg-type]


@special("equation a b c d e f", "tf.einsum", "ops.einsum", "tf.linalg.einsum")
def einsum(b: Bound) -> tuple[str, Kind]:
    """The same notation."""
    if b.call.kwargs:
        raise b.call.refuse("keyword arguments")
    return f"torch.einsum({', '.join(a.text for a in b.call.args)})", FLOATS


@special("a b axes", "tf.tensordot", "ops.tensordot", x1="a", x2="b")
def tensordot(b: Bound) -> tuple[str, Kind]:
    """`torch.tensordot` counts axes in the same way."""
    axes = b["axes"].text if "axes" in b else "2"
    return b.fill("torch.tensordot({a}, {b}, dims=" + axes + ")"), FLOATS


@special("x y", "backend.dot")
def backend_dot(b: Bound) -> tuple[str, Kind]:
    """The last axis of one with the last but one of the other."""
    if b["y"].kind.rank == 2:
        return b.fill("{x} @ {y}"), tensor("float", _dot_shape(b["x"].kind, b["y"].kind))
    return b.fill("torch.tensordot({x}, {y}, dims=([-1], [-2]))"), FLOATS


def _dot_shape(x: Kind, y: Kind) -> Shape | None:
    return (*x.shape[:-1], y.shape[-1]) if x.shape is not None and y.shape is not None else None


@special("a b transpose_a transpose_b", "tf.matmul", "tf.linalg.matmul", "ops.matmul", x1="a", x2="b", x="a", y="b")
def matmul(b: Bound) -> tuple[str, Kind]:
    """`a @ b`."""
    parts = []
    for name in ("a", "b"):
        flip = b.value(f"transpose_{name}", False)
        if flip is UNKNOWN:
            raise b.call.refuse("a transpose that is only known at run time")
        parts.append("{" + name + "}" + (".transpose(-2, -1)" if flip else ""))
    rank = b["a"].kind.rank if b["a"].kind.rank == b["b"].kind.rank else None
    return b.fill(" @ ".join(parts)), tensor("float", (FREE,) * rank if rank else None)


@special("x axis epsilon", "tf.math.l2_normalize", "tf.nn.l2_normalize", "tf.linalg.l2_normalize",
         "backend.l2_normalize", dim="axis")  # fmt: skip
def l2_normalize(b: Bound) -> tuple[str, Kind]:
    """x / max(norm, sqrt(epsilon))."""
    epsilon = b.value("epsilon", 1e-12)
    if not isinstance(epsilon, float | int):
        raise b.call.refuse("an epsilon that is only known at run time")
    if not axes(b):
        raise b.call.refuse("no axis is given")
    value = b.value("axis", None)
    axis = axes(b) if not isinstance(value, tuple | list) or len(value) != 1 else str(value[0])
    root = float(f"{epsilon**0.5:.6g}")
    return b.fill("F.normalize({x}, dim=" + f"{axis}, eps={root!r})"), b["x"].kind


@special("x k sorted", "tf.math.top_k", "tf.nn.top_k", "ops.top_k", input="x")
def top_k(b: Bound) -> tuple[str, Kind]:
    """Values and indices."""
    k = b["k"].text if "k" in b else "1"
    rest = "" if b.value("sorted", True) else ", sorted=False"
    return b.fill("torch.topk({x}, " + k + rest + ")"), Kind("list", items=(tensor(b["x"].kind.element), tensor("int")))


@special("x axis direction", "tf.sort", "ops.sort", values="x")
def sort(b: Bound) -> tuple[str, Kind]:
    """The values in order."""
    axis = axes(b) or "-1"
    descending = ", descending=True" if b.value("direction", "ASCENDING") == "DESCENDING" else ""
    dim = "" if axis == "-1" else f", dim={axis}"
    return b.fill("torch.sort({x}" + f"{dim}{descending})" + ".values"), b["x"].kind


@special("x axis direction stable", "tf.argsort", "ops.argsort", values="x")
def argsort(b: Bound) -> tuple[str, Kind]:
    """The order, ties as they come."""
    b.only("stable", False, True)
    axis = axes(b) or "-1"
    descending = ", descending=True" if b.value("direction", "ASCENDING") == "DESCENDING" else ""
    dim = "" if axis == "-1" else f", dim={axis}"
    return b.fill("torch.argsort({x}" + f"{dim}{descending}, stable=True)"), tensor("int")


@special("x num_lower num_upper", "tf.linalg.band_part", "tf.matrix_band_part", input="x")
def band_part(b: Bound) -> tuple[str, Kind]:
    """A triangle of a matrix."""
    pair = (b.value("num_lower", UNKNOWN), b.value("num_upper", UNKNOWN))
    names = {(-1, 0): "tril", (0, -1): "triu"}
    if pair not in names:
        raise b.call.refuse("a band of its own")
    return b.fill(f"torch.{names[pair]}(" + "{x})"), b["x"].kind


@special("x axes shift keepdims", "tf.nn.moments")
def moments(b: Bound) -> tuple[str, Kind]:
    """Mean and biased variance."""
    b.only("shift", None)
    keep = b.value("keepdims", False)
    if keep is UNKNOWN:
        raise b.call.refuse("keepdims is only known at run time")
    rest = ", keepdim=True" if keep else ""
    axes = b["axes"].text
    mean = "{x}.mean(dim=" + f"{axes}{rest})"
    return b.fill("(" + mean + ", {x}.var(dim=" + f"{axes}, correction=0{rest}))"), Kind("list", items=(FLOATS, FLOATS))


def _running(b: Bound, method: str, start: str) -> tuple[str, Kind]:
    """A running sum or product, also from the end, and also without the element itself."""
    axis = axes(b) or ("0" if b.call.path.startswith("tf.") else "")
    if not axis:
        raise b.call.refuse("no axis is given")
    exclusive, backwards = b.value("exclusive", False), b.value("reverse", False)
    if UNKNOWN in (exclusive, backwards) or (exclusive and method != "cumsum"):
        raise b.call.refuse("a running product without the element itself, or flags only known at run time")
    text = "{x}" + (f".flip({axis}).{method}({axis}).flip({axis})" if backwards else f".{method}({axis})")
    return b.fill(text + start if exclusive else text), b["x"].kind


_RUNNING = "x axis exclusive reverse"


@special(_RUNNING, "tf.cumsum", "tf.math.cumsum", "ops.cumsum", "backend.cumsum")
def cumsum(b: Bound) -> tuple[str, Kind]:
    """`x.cumsum(dim)`; without the element itself, less that."""
    return _running(b, "cumsum", " - {x}")


@special(_RUNNING, "tf.math.cumprod", "ops.cumprod", "backend.cumprod")
def cumprod(b: Bound) -> tuple[str, Kind]:
    """`x.cumprod(dim)`."""
    return _running(b, "cumprod", "")
