"""Elementwise functions, activations and arithmetic of PyTorch tensors on keras.ops."""

from __future__ import annotations

from transpile.ops._booleans import dtype_of_booleans, function_of_booleans
from transpile.ops._functions import Call, Handler, Left, Result, function, like, relaid
from transpile.torch_values import Extents, Plain, Tensor, Value

_SAME = (
    "abs exp log sqrt sin cos tan square sign floor ceil round log1p expm1 sigmoid tanh relu rsqrt isnan "
    "log2 log10 sinh cosh isinf isfinite erf"
)
_RENAMED = {
    "neg": "negative", "logical_not": "logical_not", "acos": "arccos", "asin": "arcsin", "atan": "arctan",
    "reciprocal": "reciprocal", "erfinv": "erfinv", "logical_and": "logical_and",
}  # fmt: skip
IN_PLACE = "x, inplace=False"  # the walker sees to what is changed in place
_BOOLEAN = ("isnan", "isinf", "isfinite", "logical_not")


def unary(keras: str) -> Handler:
    """A function of one tensor, wherever it lies."""

    def handler(call: Call) -> Result:
        dtype = "bool" if keras in _BOOLEAN else call.tensor().dtype
        return f"ops.{keras}({call.text('x')})", like(call.args["x"].value, dtype=dtype)

    return handler


for _name in (*_SAME.split(), *_RENAMED):
    _paths = [f"torch.{_name}", f".{_name}", f".{_name}_"]
    if _name in ("relu", "sigmoid", "tanh"):
        _paths += [f"torch.nn.functional.{_name}", f"torch.{_name}_", f"torch.nn.functional.{_name}_"]
    if _name != "logical_and":
        function(*_paths, params=IN_PLACE if _name == "relu" else "x")(unary(_RENAMED.get(_name, _name)))

_ACTIVATIONS = {
    "silu": "silu", "selu": "selu", "softplus": "softplus", "softsign": "softsign", "relu6": "relu6",
    "hardsigmoid": "hard_sigmoid", "hardswish": "hard_silu", "logsigmoid": "log_sigmoid", "tanhshrink": "tanh_shrink",
    "mish": None,
}  # fmt: skip
for _name, _keras in _ACTIVATIONS.items():
    if _keras is not None:
        function(f"torch.nn.functional.{_name}", params=IN_PLACE)(unary(_keras))
function("torch.special.expit")(unary("sigmoid"))


@function("torch.nn.functional.mish", params=IN_PLACE)
def _mish(call: Call) -> Result:
    call.imports.add("import keras")
    return f"keras.activations.mish({call.text('x')})", like(call.args["x"].value)


@function("torch.nn.functional.gelu", params="x, approximate='none'")
def _gelu(call: Call) -> Result:
    exact = call.const("approximate") == "none"
    return f"ops.gelu({call.text('x')}, approximate={not exact})", like(call.args["x"].value)


@function(
    "torch.nn.functional.leaky_relu", "torch.nn.functional.leaky_relu_", params="x, negative_slope=0.01, inplace=False"
)
def _leaky(call: Call) -> Result:
    return f"ops.leaky_relu({call.text('x')}, {call.text('negative_slope')})", like(call.args["x"].value)


@function("torch.nn.functional.elu", "torch.nn.functional.elu_", params="x, alpha=1.0, inplace=False")
def _elu(call: Call) -> Result:
    alpha = "" if call.const("alpha") == 1 else f", alpha={call.text('alpha')}"
    return f"ops.elu({call.text('x')}{alpha})", like(call.args["x"].value)


@function("torch.nn.functional.hardtanh", params="x, min_val=-1.0, max_val=1.0, inplace=False")
def _hardtanh(call: Call) -> Result:
    return f"ops.clip({call.text('x')}, {call.text('min_val')}, {call.text('max_val')})", like(call.args["x"].value)


@function("torch.clamp", "torch.clip", ".clamp", ".clip", ".clamp_", ".clip_", params="x, min=None, max=None")
def _clamp(call: Call) -> Result:
    x, value = call.text("x"), like(call.args["x"].value)
    if call.has("min") and call.has("max"):
        return f"ops.clip({x}, {call.text('min')}, {call.text('max')})", value
    if call.has("min"):
        return f"ops.maximum({x}, {call.text('min')})", value
    return f"ops.minimum({x}, {call.text('max')})", value


@function(".clamp_min", ".clamp_min_", params="x, min")
def _clamp_min(call: Call) -> Result:
    return f"ops.maximum({call.text('x')}, {call.text('min')})", like(call.args["x"].value)


@function(".clamp_max", ".clamp_max_", params="x, max")
def _clamp_max(call: Call) -> Result:
    return f"ops.minimum({call.text('x')}, {call.text('max')})", like(call.args["x"].value)


def aligned(call: Call, *names: str) -> tuple[list[str], Tensor]:
    """The operands in one layout, and the value of what is made of them."""
    return align([(call.text(n), call.args[n].value) for n in names])


def align(operands: list[tuple[str, Value]]) -> tuple[list[str], Tensor]:
    """Texts in one layout: channels last where all tensors that have a rank of 3 or more allow it."""
    tensors = [v for _, v in operands if not isinstance(v, Plain | Extents)]
    known = [v for v in tensors if isinstance(v, Tensor)]
    ranks = [v.rank.value for v in known]
    wide = [v for v in known if v.last]
    last = bool(wide)
    if last:
        rank = wide[0].rank.value
        for value in tensors:
            if not isinstance(value, Tensor) or value.rank.value not in (0, rank):
                last = False
        if sum(v.last for v in known if v.rank.value == rank) * 2 < sum(v.rank.value == rank for v in known):
            last = False
    texts = [text if isinstance(v, Tensor) and v.rank.value == 0 else relaid(text, v, last) for text, v in operands]
    if not known:
        return texts, Tensor(dtype="")
    full = [v for v in known if v.rank.value is not None]
    best = max(full, key=lambda v: v.rank.value or 0) if len(full) == len(tensors) else None
    if best is None:
        best = known[0] if len(tensors) == 1 else _unified(known, ranks)
    dtypes = {v.dtype for v in known}
    dtype = dtypes.pop() if len(dtypes) == 1 else "float" if "float" in dtypes else ""
    ones = all(v.ones or v.rank.value == 0 for v in known)
    return texts, Tensor(best.rank, last, ones, dtype)


def _unified(known: list[Tensor], ranks: list[int | None]) -> Tensor:
    """The rank of what is made of tensors of which one is not known: that of the known one, if large."""
    best = max(known, key=lambda v: v.rank.value or 0)
    return best if (best.rank.value or 0) >= 3 or len({id(v.rank.root()) for v in known}) == 1 else Tensor()


def arithmetic(operator: str) -> Handler:
    """`a.add(b)` as `(a + b)`; the parentheses go where they are not needed."""

    def handler(call: Call) -> Result:
        (x, other), value = aligned(call, "x", "other")
        if "alpha" in call.args and call.const("alpha") != 1:
            other = f"{call.text('alpha')} * {other}"
        compares = operator in ("==", "!=", "<", "<=", ">", ">=")
        name = function_of_booleans(operator, call.args["x"], call.args["other"])
        if compares or name:
            found = "bool" if compares else dtype_of_booleans(call.args["x"], call.args["other"])
            value = like(value, dtype=found)
        if name:
            return f"ops.{name}({x}, {other})", value
        return f"({x} {operator} {other})", value

    return handler


for _torch, _operator in {"add": "+", "sub": "-", "subtract": "-"}.items():
    function(f"torch.{_torch}", f".{_torch}", f".{_torch}_", params="x, other, alpha=1")(arithmetic(_operator))
for _torch, _operator in {
    "mul": "*", "multiply": "*", "true_divide": "/", "pow": "**", "eq": "==", "ne": "!=", "lt": "<", "le": "<=",
    "gt": ">", "ge": ">=", "remainder": "%", "floor_divide": "//",
}.items():  # fmt: skip
    function(f"torch.{_torch}", f".{_torch}", f".{_torch}_", params="x, other")(arithmetic(_operator))


@function("torch.div", ".div", ".div_", "torch.divide", ".divide", params="x, other, rounding_mode=None")
def _div(call: Call) -> Result:
    (x, other), value = aligned(call, "x", "other")
    mode = call.const("rounding_mode")
    if mode not in (None, "floor"):
        raise Left(f"div: rounding_mode={call.text('rounding_mode')}")
    return f"({x} {'//' if mode else '/'} {other})", value


def binary(keras: str) -> Handler:
    """A function of two tensors."""

    def handler(call: Call) -> Result:
        (x, other), value = aligned(call, "x", "other")
        if keras.startswith("logical"):
            value = like(value, dtype="bool")
        return f"ops.{keras}({x}, {other})", value

    return handler


for _torch, _keras in {
    "maximum": "maximum", "minimum": "minimum", "logical_and": "logical_and", "logical_or": "logical_or",
    "atan2": "arctan2", "isclose": "isclose",
}.items():  # fmt: skip
    function(f"torch.{_torch}", f".{_torch}", params="x, other")(binary(_keras))


@function("torch.where", params="condition, x, other")
def _where(call: Call) -> Result:
    texts, value = aligned(call, "condition", "x", "other")
    return f"ops.where({', '.join(texts)})", like(value, dtype=call.tensor("x").dtype or call.tensor("other").dtype)


@function(".where", params="x, condition, other")
def _where_method(call: Call) -> Result:
    (condition, x, other), value = aligned(call, "condition", "x", "other")
    return f"ops.where({condition}, {x}, {other})", like(value, dtype=call.tensor("x").dtype)


@function(".masked_fill", ".masked_fill_", "torch.masked_fill", params="x, mask, value")
def _masked_fill(call: Call) -> Result:
    (x, mask), value = aligned(call, "x", "mask")
    return f"ops.where({mask}, {call.text('value')}, {x})", like(value, dtype=call.tensor().dtype)


@function("torch.nn.functional.threshold", params="x, threshold, value, inplace=False")
def _threshold(call: Call) -> Result:
    x = call.text("x")
    return f"ops.where({x} > {call.text('threshold')}, {x}, {call.text('value')})", like(call.args["x"].value)


@function("torch.nn.functional.dropout", params="x, p=0.5, training=True, inplace=False")
def _dropout(call: Call) -> Result:
    x, rate, training = call.text("x"), call.text("p"), call.args["training"]
    value = like(call.args["x"].value)
    if training.const is False:
        return x, value
    drawn = f"keras.random.dropout({x}, {rate})"
    call.imports.add("import keras")
    return (drawn if training.const is True else f"({drawn} if {training.text} else {x})"), value


@function(
    "torch.nn.functional.dropout2d", "torch.nn.functional.dropout3d", params="x, p=0.5, training=True, inplace=False"
)
def _dropout2d(call: Call) -> Result:
    raise Left("F.dropout2d drops whole channels; write an nn.Dropout2d")
