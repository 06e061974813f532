"""Reductions, products, dtypes, creation and other functions of PyTorch, on keras.ops."""

from __future__ import annotations

import re

from transpile.ir import UNKNOWN
from transpile.ops._functions import Call, Handler, Left, Result, axis_of, fresh, function, like, relaid
from transpile.ops.torch_elementwise import aligned
from transpile.torch_values import Extents, Items, Plain, Tensor, Value


def _reduced(call: Call, dim: str = "dim", keep: str = "keepdim") -> tuple[str, str, Tensor]:
    """Text, the arguments after it, and the value of a reduction over some axes."""
    value, axes, keepdims = call.tensor(), call.const(dim), call.const(keep)
    if not call.has(dim):
        return call.text("x"), "", fresh(0, value.dtype)
    x, axis = axis_of(call, dim)
    stays = x == call.text("x") and value.last
    rank = value.rank.value
    several = call.args[dim].elements
    count = len(several) if several is not None else 1 if isinstance(axes, int) else None
    keepdims_text = "" if keepdims is False else f", keepdims={call.text(keep)}"
    text = f", axis={axis}{keepdims_text}"
    if keepdims is True:
        spatial = stays and rank and isinstance(axes, tuple | list) and {a % rank for a in axes} == set(range(2, rank))
        return x, text, like(value, last=stays, ones=bool(spatial) or value.ones)
    if rank is None or count is None or keepdims is not False:
        return (call.torch() if stays else x), text, fresh(None, value.dtype)
    left = rank - count
    positions = axes if isinstance(axes, tuple | list) else (axes,)
    gone = [a % rank for a in positions if isinstance(a, int)]
    channels_stay = stays and 1 not in gone and 0 not in gone and left >= 3
    if stays and not channels_stay and left >= 3:  # the channels went: what is left lies as PyTorch has it
        return x, text, fresh(left, value.dtype)
    return x, text, fresh(left, value.dtype, last=channels_stay)


def reduction(keras: str, dtype: str = "") -> Handler:
    """A reduction over some axes or all."""

    def handler(call: Call) -> Result:
        x, arguments, value = _reduced(call)
        return f"ops.{keras}({x}{arguments})", like(value, dtype=dtype) if dtype else value

    return handler


_DIMS = "x, dim=None, keepdim=False"
for _name in ("mean", "sum", "prod", "logsumexp"):
    function(f"torch.{_name}", f".{_name}", params=f"{_DIMS}, dtype=None")(reduction(_name))
for _name, _keras in {"amax": "max", "amin": "min"}.items():
    function(f"torch.{_name}", f".{_name}", params=_DIMS)(reduction(_keras))
for _name in ("all", "any"):
    function(f"torch.{_name}", f".{_name}", params=_DIMS)(reduction(_name, "bool"))
for _name in ("argmax", "argmin"):
    function(f"torch.{_name}", f".{_name}", params=_DIMS)(reduction(_name, "int"))


def _spread(keras: str) -> Handler:
    """`std` and `var`, which PyTorch divides by n - 1."""

    def handler(call: Call) -> Result:
        corrected = call.const("unbiased") is not False and call.const("correction") != 0
        x, arguments, value = _reduced(call)
        if corrected:
            helper = f"unbiased_{keras}"
            call.helpers |= {"unbiased_var", helper}
            return f"{helper}({x}{arguments})", value
        return f"ops.{keras}({x}{arguments})", value

    return handler


for _name in ("std", "var"):
    function(f"torch.{_name}", f".{_name}", params="x, dim=None, unbiased=True, keepdim=False, correction=1")(
        _spread(_name)
    )


def _extreme(keras: str, binary: str) -> Handler:
    """`max`: of all, of two tensors, or along an axis with the places."""

    def handler(call: Call) -> Result:
        second = call.args["dim"]
        if isinstance(second.value, Tensor):
            (x, other), value = aligned(call, "x", "dim")
            return f"ops.{binary}({x}, {other})", value
        if not call.has("dim"):
            return f"ops.{keras}({call.text('x')})", fresh(0, call.tensor().dtype)
        x, arguments, value = _reduced(call)
        places = f"ops.arg{keras}({x}{arguments})"
        return f"(ops.{keras}({x}{arguments}), {places})", Items((value, like(value, dtype="int")))

    return handler


for _name, _binary in (("max", "maximum"), ("min", "minimum")):
    function(f"torch.{_name}", f".{_name}", params=_DIMS)(_extreme(_name, _binary))


@function("torch.norm", ".norm", "torch.linalg.norm", params="x, p=2, dim=None, keepdim=False")
def _norm(call: Call) -> Result:
    order = call.const("p")
    if order not in (2, 2.0, "fro", 1):
        raise Left(f"norm: p={call.text('p')}")
    x, arguments, value = _reduced(call)
    if order == 1:
        return f"ops.sum(ops.abs({x}){arguments})", value
    return f"ops.sqrt(ops.sum(ops.square({x}){arguments}))", value


@function("torch.nn.functional.normalize", params="x, p=2.0, dim=1, eps=1e-12")
def _normalize(call: Call) -> Result:
    if call.const("p") != 2:
        raise Left(f"normalize: p={call.text('p')}")
    x, axis = axis_of(call)
    value = like(call.tensor(), last=call.tensor().last and x == call.text("x"))
    return f"ops.normalize({x}, axis={axis}, epsilon={call.text('eps')})", value


def _along(keras: str) -> Handler:
    def handler(call: Call) -> Result:
        if not call.has("dim"):
            rank = call.tensor().rank.value
            if rank is None:
                raise Left(f"{call.name} without dim on a tensor whose rank is not known")
            place = 0 if rank in (0, 1, 3) else 1
            return f"ops.{keras}({call.torch()}, axis={place})", like(call.tensor(), last=False)
        x, axis = axis_of(call)
        value = like(call.tensor(), last=call.tensor().last and x == call.text("x"), dtype="float")
        return (f"ops.{keras}({x})" if axis == "-1" else f"ops.{keras}({x}, axis={axis})"), value

    return handler


_SOFT = "x, dim=None, _stacklevel=3, dtype=None"
function("torch.softmax", ".softmax", "torch.nn.functional.softmax", params=_SOFT)(_along("softmax"))
function("torch.log_softmax", ".log_softmax", "torch.nn.functional.log_softmax", params=_SOFT)(_along("log_softmax"))


@function("torch.cumsum", ".cumsum", params="x, dim")
def _cumsum(call: Call) -> Result:
    return f"ops.cumsum({call.torch()}, axis={call.text('dim')})", like(call.tensor(), last=False)


@function("torch.topk", ".topk", params="x, k, dim=-1, largest=True, sorted=True")
def _topk(call: Call) -> Result:
    rank = call.tensor().rank.value
    x, value = call.torch(), like(call.tensor(), last=False)
    if call.const("k") == 1 and call.const("largest") is True and re.fullmatch(r"[\w.]+", x):
        axis = call.text("dim")
        text = f"(ops.max({x}, axis={axis}, keepdims=True), ops.argmax({x}, axis={axis}, keepdims=True))"
        return text, Items((value, like(value, dtype="int")))
    if call.const("dim") not in (-1, (rank or 0) - 1) or call.const("largest") is not True:
        raise Left("topk along another axis than the last")
    return f"ops.top_k({x}, {call.text('k')})", Items((value, like(value, dtype="int")))


@function("torch.sort", ".sort", params="x, dim=-1, descending=False")
def _sort(call: Call) -> Result:
    if call.const("descending") is not False:
        raise Left("sort in descending order")
    x, axis, value = call.torch(), call.text("dim"), like(call.tensor(), last=False)
    return f"(ops.sort({x}, axis={axis}), ops.argsort({x}, axis={axis}))", Items((value, like(value, dtype="int")))


@function("torch.argsort", ".argsort", params="x, dim=-1, descending=False")
def _argsort(call: Call) -> Result:
    x = call.torch() if call.const("descending") is False else f"-{call.torch()}"
    return f"ops.argsort({x}, axis={call.text('dim')})", like(call.tensor(), last=False, dtype="int")


def _product(call: Call, a: str, b: str) -> Result:
    first, second = call.tensor(a), call.tensor(b)
    ranks = [first.rank.value, second.rank.value]
    rank = None if None in ranks else max(r for r in ranks if r is not None) if 1 not in ranks else None
    best = first if ranks[0] == rank else second
    value = like(best, last=False, ones=False) if rank else fresh(None)
    if ranks[0] is None and ranks[1] is not None and ranks[1] > 2:
        value = like(second, last=False, ones=False)
    elif ranks[1] is None and ranks[0] is not None and ranks[0] > 2:
        value = like(first, last=False, ones=False)
    return f"ops.matmul({call.torch(a)}, {call.torch(b)})", value


@function(
    "torch.matmul",
    ".matmul",
    "torch.mm",
    "torch.spmm",
    "torch.sparse.mm",
    ".mm",
    "torch.bmm",
    ".bmm",
    "torch.mv",
    ".mv",
    ".__matmul__",
    params="x, other",
)
def _matmul(call: Call) -> Result:
    return _product(call, "x", "other")


@function("torch.dot", ".dot", "torch.inner", params="x, other")
def _dot(call: Call) -> Result:
    return f"ops.sum({call.torch()} * {call.torch('other')})", fresh(0)


@function("torch.outer", "torch.ger", ".outer", params="x, other")
def _outer(call: Call) -> Result:
    return f"ops.outer({call.torch()}, {call.torch('other')})", fresh(2)


@function("torch.einsum", params="equation, *operands")
def _einsum(call: Call) -> Result:
    parts = call.args["operands"].elements or (call.args["operands"],)
    equation = call.const("equation")
    rank = len(equation.partition("->")[2].strip()) if isinstance(equation, str) and "->" in equation else None
    if isinstance(equation, str) and "." in equation:
        rank = None
    texts = [relaid(p.text, p.value, False) for p in parts]
    return f"ops.einsum({call.text('equation')}, {', '.join(texts)})", fresh(rank)


@function("torch.baddbmm", "torch.addmm", "torch.addbmm", params="x, a, b")
def _addmm(call: Call) -> Result:
    product, value = _product(call, "a", "b")
    return f"({call.torch()} + {product})", value


@function("torch.nn.functional.linear", params="x, weight, bias=None")
def _linear(call: Call) -> Result:
    text = f"ops.matmul({call.torch()}, ops.transpose({call.torch('weight')}))"
    value = like(call.tensor(), last=False)
    return (f"({text} + {call.text('bias')})" if call.has("bias") else text), value


@function("torch.nn.functional.one_hot", params="x, num_classes=-1")
def _one_hot(call: Call) -> Result:
    if call.const("num_classes") == -1:
        raise Left("one_hot without num_classes")
    rank = call.tensor().rank.value
    return f"ops.one_hot({call.torch()}, {call.text('num_classes')})", fresh(
        None if rank is None else rank + 1, "float"
    )


@function("torch.nn.functional.embedding", params="x, weight")
def _embedding(call: Call) -> Result:
    rank = call.tensor().rank.value
    return f"ops.take({call.torch('weight')}, {call.torch()}, axis=0)", fresh(None if rank is None else rank + 1)


@function("torch.nn.functional.layer_norm", params="x, shape, weight=None, bias=None, eps=1e-05")
def _layer_norm(call: Call) -> Result:
    raise Left("F.layer_norm; write an nn.LayerNorm")


@function("torch.cosine_similarity", "torch.nn.functional.cosine_similarity", params="x, other, dim=1, eps=1e-08")
def _cosine(call: Call) -> Result:
    axis, (x, other) = call.text("dim"), (call.torch(), call.torch("other"))
    rank = call.tensor().rank.value
    text = f"ops.sum(ops.normalize({x}, axis={axis}) * ops.normalize({other}, axis={axis}), axis={axis})"
    return text, fresh(None if rank is None else rank - 1)


@function(
    "torch.nn.functional.scaled_dot_product_attention",
    params="q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None",
)
def _attention(call: Call) -> Result:
    call.helpers.add("scaled_dot_product_attention")
    given = [call.torch(n) for n in ("q", "k", "v")]
    given += [f"{n}={call.text(n)}" for n in ("attn_mask", "scale") if call.has(n)]
    given += ["is_causal=" + call.text("is_causal")] if call.const("is_causal") is not False else []
    if call.const("dropout_p") not in (0, 0.0):
        given.append("dropout_p=" + call.text("dropout_p"))
    return f"scaled_dot_product_attention({', '.join(given)})", like(call.tensor("q"), last=False)


def identity(*paths: str, params: str = "x") -> None:
    """Functions that have nothing to do in Keras."""
    function(*paths, params=params)(lambda call: (call.text("x"), call.args["x"].value))


identity(".contiguous", ".cuda", ".cpu", ".clone", "torch.clone", ".requires_grad_", params="x, *more")
identity("torch.autograd.Variable", params="x, requires_grad=True, volatile=False")
identity("torch.as_strided")


@function(".detach", ".detach_", "torch.detach")
def _detach(call: Call) -> Result:
    return f"ops.stop_gradient({call.text('x')})", call.args["x"].value


@function(".item")
def _item(call: Call) -> Result:
    return f"float({call.text('x')})", Plain()


@function(".numpy")
def _numpy(call: Call) -> Result:
    return f"ops.convert_to_numpy({call.torch()})", fresh(call.tensor().rank.value, call.tensor().dtype)


@function(".dim", ".ndimension")
def _dim(call: Call) -> Result:
    return f"len({call.text('x')}.shape)", Plain(call.tensor().rank.value or UNKNOWN)


@function(".numel", ".nelement", "torch.numel")
def _numel(call: Call) -> Result:
    return f"ops.size({call.text('x')})", Plain()


@function(".size", params="x, dim=None")
def _size(call: Call) -> Result:
    return extents(call, "dim")


def extents(call: Call, dim: str = "") -> Result:
    """`x.shape`, or one extent of it."""
    value = call.tensor()
    x = call.text("x")
    if not dim or not call.has(dim):
        if value.last:
            return f"ops.shape({call.torch()})", Extents(like(value, last=False))
        return f"ops.shape({x})", Extents(value)
    x, axis = axis_of(call, dim)
    return f"ops.shape({x})[{axis}]", Plain()


def cast(text: str, value: Value, dtype: str, kind: str) -> Result:
    """A tensor of another dtype."""
    return f"ops.cast({text}, {dtype})", like(value, dtype=kind)


for _method, (_dtype, _kind) in {
    "float": ("", "float"), "double": ('"float64"', "float"), "half": ('"float16"', "float"), "long": ('"int64"', "int"),
    "int": ('"int32"', "int"), "bool": ('"bool"', "bool"), "byte": ('"uint8"', "int"),
}.items():  # fmt: skip

    def _caster(call: Call, dtype: str = _dtype, kind: str = _kind) -> Result:
        value = call.args["x"].value
        if kind == "float" and not dtype and isinstance(value, Tensor) and value.dtype == "float":
            return call.text("x"), value
        return cast(call.text("x"), value, dtype or call.dtype, kind)

    function(f".{_method}")(_caster)

DTYPES = {
    "float": ("", "float"), "float32": ("", "float"), "float64": ('"float64"', "float"), "double": ('"float64"', "float"),
    "half": ('"float16"', "float"), "float16": ('"float16"', "float"), "bfloat16": ('"bfloat16"', "float"),
    "long": ('"int64"', "int"), "int64": ('"int64"', "int"), "int": ('"int32"', "int"), "int32": ('"int32"', "int"),
    "int8": ('"int8"', "int"), "uint8": ('"uint8"', "int"), "bool": ('"bool"', "bool"), "int16": ('"int16"', "int"),
    "FloatTensor": ("", "float"), "LongTensor": ('"int64"', "int"), "cuda.FloatTensor": ("", "float"),
    "cuda.LongTensor": ('"int64"', "int"), "BoolTensor": ('"bool"', "bool"), "ByteTensor": ('"uint8"', "int"),
}  # fmt: skip


def dtype_of(call: Call, name: str = "dtype") -> tuple[str, str] | None:
    """A dtype argument as Keras's text and its kind; None where it is not one."""
    operand = call.args.get(name)
    if operand is None:
        return None
    path = getattr(operand.value, "of", operand.const if isinstance(operand.const, str) else "")
    found = DTYPES.get(str(path).removeprefix("torch."))
    if found is not None:  # a name may hold another one of the kind
        return operand.text if operand.text.isidentifier() else found[0] or call.dtype, found[1]
    if operand.text.endswith(".dtype"):
        return operand.text, "float"
    return None


@function(".to", ".type", params="x, target=None, dtype=None, *more")
def _to(call: Call) -> Result:
    for name in ("target", "dtype"):
        found = dtype_of(call, name)
        if found is not None:
            if found[1] == "float" and call.tensor().dtype == "float" and found[0] == call.dtype:
                return call.text("x"), call.args["x"].value
            return cast(call.text("x"), call.args["x"].value, *found)
    target = call.args["target"]
    if call.name == ".to" and isinstance(target.value, Tensor):
        return f"ops.cast({call.text('x')}, {target.text}.dtype)", like(call.args["x"].value, dtype=target.value.dtype)
    return call.text("x"), call.args["x"].value


@function(".type_as", params="x, other")
def _type_as(call: Call) -> Result:
    dtype = call.tensor("other").dtype
    return f"ops.cast({call.text('x')}, {call.text('other')}.dtype)", like(call.args["x"].value, dtype=dtype)


@function("torch.cuda.is_available", "torch.accelerator.is_available", params="")
def _available(call: Call) -> Result:
    call.imports.add("import keras")
    return 'len(keras.distribution.list_devices("gpu")) > 0', Plain()
