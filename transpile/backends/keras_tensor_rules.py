"""Rules for tensors in code outside of module classes: how they are made, their methods."""

from __future__ import annotations

import ast
import re

from transpile.backends.body_attributes import FIELDS
from transpile.backends.keras_calls import tensor_call
from transpile.backends.keras_rules import KERAS_DTYPES
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_kind_tables import TENSOR_METHODS, TENSOR_TYPES
from transpile.ops._functions import written_parts

_OPS = ("from keras import ops",)
_KERAS = ("import keras",)
_SIZED = {
    "zeros": "ops.zeros({shape}{dtype})",
    "ones": "ops.ones({shape}{dtype})",
    "empty": "ops.zeros({shape}{dtype})",
    "randn": "keras.random.normal({shape}{dtype})",
    "rand": "keras.random.uniform({shape}{dtype})",
}
_LIKE = {
    "zeros_like": "ops.zeros_like({x})",
    "ones_like": "ops.ones_like({x})",
    "empty_like": "ops.zeros_like({x})",
    "randn_like": "keras.random.normal(ops.shape({x}))",
    "rand_like": "keras.random.uniform(ops.shape({x}))",
}
_IGNORED = ("device", "requires_grad", "out", "layout", "pin_memory", "non_blocking", "generator")


def made_tensor(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`torch.randn(16, 8, device=device)`, `torch.tensor(x)`."""
    if not isinstance(node, ast.Call):
        return None
    path = e.path(node.func)
    if e.arguments(node) is None and (
        path.removeprefix("torch.") not in _SIZED or any(not k.arg for k in node.keywords)
    ):
        return None
    if dtype := _tensor_type(e, node.func):
        return _typed(e, node, dtype)
    if not path.startswith("torch."):
        return None
    name = path.removeprefix("torch.")
    if name in _SIZED:
        return _used(
            e, _SIZED[name].format(shape=_shape(e, node.args or _keyword(node, "size")), dtype=_dtype(e, node))
        )
    if name in _LIKE:
        return _used(e, _LIKE[name].format(x=e.text(node.args[0])))
    if name in ("tensor", "as_tensor", "from_numpy"):
        return _converted(e, node, name)
    if name in ("autograd.Variable", "Variable"):
        return e.text(node.args[0])
    return _other(e, node, name)


def _tensor_type(e: ScriptExpressions, node: ast.expr) -> str:
    """The dtype of a type of tensors, such as `torch.FloatTensor` or a variable that holds it."""
    kind = e.kind(node)
    return kind.dtype if kind.name == "tensor type" else TENSOR_TYPES.get(e.path(node), "")


def _other(e: ScriptExpressions, node: ast.Call, name: str) -> str | None:
    texts = [e.text(a) for a in node.args]
    if name == "full" and len(texts) >= 2:
        kind = {"int": ', dtype="int64"', "bool": ', dtype="bool"'}.get(e.kind(node).dtype, "")
        return _used(e, f"ops.full({_shape(e, node.args[:1])}, {texts[1]}{_dtype(e, node) or kind})")
    if name == "randint":
        low, high = ("0", texts[0]) if len(texts) == 2 else (texts[0], texts[1]) if len(texts) == 3 else ("", "")
        size = node.args[-1:] or _keyword(node, "size")
        return _used(e, f"keras.random.randint({_shape(e, size)}, {low}, {high})") if high else None
    if name == "randperm" and len(texts) == 1:
        return _used(e, f"keras.random.shuffle(ops.arange({texts[0]}))")
    if name == "normal" and len(texts) == 3 and isinstance(node.args[2], ast.Tuple | ast.List):
        return _used(e, f"keras.random.normal({_shape(e, node.args[2:])}, {texts[0]}, {texts[1]})")
    return None


def _typed(e: ScriptExpressions, node: ast.Call, dtype: str) -> str | None:
    """`torch.FloatTensor(x)`, `torch.LongTensor(2, 3)`."""
    kind = {"float": "float32", "int": "int64", "bool": "bool"}[dtype]
    parent = e.references.parents.get(node)
    sized = node.args and all(e.kind(a).name == "number" or isinstance(a, ast.Starred) for a in node.args)
    if sized:
        filled = isinstance(parent, ast.Attribute) and parent.attr in ("fill_", "normal_", "uniform_")
        return None if filled else _used(e, f'ops.zeros({_shape(e, node.args)}, dtype="{kind}")')
    return _used(e, f'ops.convert_to_tensor({e.text(node.args[0])}, dtype="{kind}")') if node.args else None


def _converted(e: ScriptExpressions, node: ast.Call, name: str) -> str | None:
    """Arrays stay arrays: Keras takes them as they are."""
    inner = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "data"), None)
    if inner is None:
        return None
    given = _dtype(e, node)
    if (name == "from_numpy" or (e.kind(inner).name == "array" and not given)) and not _meets_variables(e, node):
        return e.text(inner)
    return _used(e, f"ops.convert_to_tensor({e.text(inner)}{given})")


def _meets_variables(e: ScriptExpressions, node: ast.Call) -> bool:
    """Whether an array may be computed with a variable: NumPy would do that, and no tape would see it."""
    function = e.kinds.function_of(node)
    return bool(e.leaves.all) and (isinstance(function, ast.Module) or bool(e.kinds.calls_of(function)))  # type: ignore[arg-type]


def _keyword(node: ast.Call, name: str) -> list[ast.expr]:
    return [k.value for k in node.keywords if k.arg == name]


def _dtype(e: ScriptExpressions, node: ast.Call) -> str:
    for value in _keyword(node, "dtype"):
        name = e.path(value).rpartition(".")[2]
        return f', dtype="{KERAS_DTYPES.get(name, name)}"' if name else f", dtype={e.text(value)}"
    return ""


def _shape(e: ScriptExpressions, args: list[ast.expr]) -> str:
    """The extents given as arguments, or as one tuple."""
    if len(args) == 1:
        only = args[0].value if isinstance(args[0], ast.Starred) else args[0]
        if only is not args[0]:
            return e.text(only)
        if isinstance(only, ast.Tuple | ast.List) or e.kind(only).name == "sequence" or _is_shape(e, only):
            return e.text(only)
        return f"({e.text(only)},)"
    return f"({', '.join(e.text(a) for a in args)})"


def _used(e: ScriptExpressions, text: str) -> str:
    e.needs((*(_OPS if "ops." in text.replace("keras.ops.", "") else ()), *(_KERAS if "keras." in text else ())), ())
    return text


# Methods


def filled(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`Tensor(n, 1).fill_(1.0)`: a tensor that is filled when it is made."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call() as made, attr="fill_" | "normal_" | "uniform_" | "zero_" as attr),
            args=args,
        ) if _tensor_type(e, made.func) or e.path(made.func).removeprefix("torch.") in _SIZED:
            shape = _shape(e, made.args)
            texts = ", ".join(e.text(a) for a in args)
        case _:
            return None
    if attr == "fill_":
        value = args[0].value if isinstance(args[0], ast.Constant) else None
        short = {1: f"ops.ones({shape})", 0: f"ops.zeros({shape})"}.get(value)  # type: ignore[arg-type]
        return _used(e, short or f"ops.full({shape}, {texts})")
    maker = {"normal_": "keras.random.normal", "uniform_": "keras.random.uniform", "zero_": "ops.zeros"}[attr]
    return _used(e, f"{maker}({shape}{', ' + texts if texts else ''})")


def size(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.size(0)` is `x.shape[0]`, which arrays have as well."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="size"), args=args) if e.kind(value).name in (
            "tensor",
            "unknown",
        ):
            text = e.text(value)
            return f"{text}.shape[{e.text(args[0])}]" if args else f"{text}.shape"
        case ast.Call(func=ast.Attribute(value=value, attr="dim"), args=[]) if e.kind(value).name == "tensor":
            return f"len({e.text(value)}.shape)"
        case ast.Call(func=ast.Attribute(value=value, attr="numel" | "nelement"), args=[]):
            if e.kind(value).name == "tensor":
                return _used(e, f"int(ops.size({e.text(value)}))")
    return None


def reshaped(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`labels.view(*other.shape)`, `labels.view(other.shape)`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=value, attr="view" | "reshape"), args=[ast.Starred(value=shape)], keywords=[]
        ) if e.kind(value).name == "tensor":
            return _used(e, f"ops.reshape({e.text(value)}, {e.text(shape)})")
        case ast.Call(func=ast.Attribute(value=value, attr="view" | "reshape"), args=[shape], keywords=[]) if e.kind(
            value
        ).name == "tensor" and _is_shape(e, shape):
            return _used(e, f"ops.reshape({e.text(value)}, {e.text(shape)})")
    return None


def _is_shape(e: ScriptExpressions, node: ast.expr) -> bool:
    """Whether an expression is a whole shape, also of what is not known to be a tensor: `array.shape`."""
    return e.kind(node).name == "shape" or (isinstance(node, ast.Attribute) and node.attr == "shape")


def split(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.split(32)` along the samples, into parts of which there are as many as it takes."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="split"), args=[count], keywords=[]):
            counted = _counted(e, value)
        case ast.Call(func=func, args=[value, count], keywords=[]) if e.path(func) == "torch.split":
            counted = _counted(e, value)
        case _:
            return None
    if e.kind(value).name != "tensor" or isinstance(count, ast.List | ast.Tuple) or counted is None:
        return None
    step, name, at = e.text(count), e.text(counted), "start" if "start" not in e.text(value) else "first"
    part = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", f"{name}[{at} : {at} + {step}]", e.text(value), count=1)
    return f"[{part} for {at} in range(0, len({name}), {step})]"


def gathered(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x[order[:8]]`: TensorFlow's tensors take no tensors of indices in brackets."""
    match node:
        case ast.Subscript(value=value, slice=index, ctx=ast.Load()) if e.kind(index).name == "tensor":
            if e.kind(value).name == "tensor" and e.kind(index).dtype == "int":
                return _used(e, f"ops.take({e.text(value)}, {e.text(index)}, axis=0)")
        case ast.Subscript(value=value, slice=ast.List() as index, ctx=ast.Load()) if e.kind(value).name == "tensor":
            return _used(e, f"ops.take({e.text(value)}, {e.text(index)}, axis=0)")
    return None


def _place(node: ast.AST | None) -> int | None:
    """Which of two results is read of a call: `torch.max(x, 1)[1]`, `x.max(dim=1).values`."""
    match node:
        case ast.Subscript(value=ast.Call(), slice=ast.Constant(value=int() as place), ctx=ast.Load()):
            return place
        case ast.Attribute(value=ast.Call(), attr="values" | "indices" as field):
            return FIELDS.index(field)
    return None


def _is_picked_from(e: ScriptExpressions, call: ast.Call) -> bool:
    parent = e.references.parents.get(call)
    return _place(parent) is not None and getattr(parent, "value", None) is call


def one_of_two(e: ScriptExpressions, node: ast.expr) -> str | None:
    """Only what is read of values and places is computed."""
    place = _place(node)
    if place is None or not isinstance(node, ast.Subscript | ast.Attribute):
        return None
    call = node.value
    parts = written_parts(e.text(call)) if e.kind(call).name in ("tensor", "sequence") else []
    return parts[place] if len(parts) == len(FIELDS) and -2 <= place < len(FIELDS) else None


def _counted(e: ScriptExpressions, value: ast.expr) -> ast.expr | None:
    """What has as many samples as a tensor: a variable, such as the array that it is made of."""
    while isinstance(value, ast.Call):
        path = e.path(value.func).rpartition(".")[2] or ast.unparse(value.func).rpartition(".")[2]
        if path not in ("as_tensor", "tensor", "from_numpy", "asarray", "array", "ascontiguousarray") or not value.args:
            return None
        value = value.args[0]
    return value if isinstance(value, ast.Name | ast.Attribute) else None


def cast(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.float()`, `x.type(torch.LongTensor)`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=value, attr="float" | "long" | "int" | "double" | "bool" as attr), args=[]
        ):
            dtype = KERAS_DTYPES[attr]
        case ast.Call(func=ast.Attribute(value=value, attr="type"), args=[given]):
            path = e.path(given)
            dtype = {"float": "float32", "int": "int64", "bool": "bool"}.get(TENSOR_TYPES.get(path, ""), "")
            dtype = dtype or KERAS_DTYPES.get(path.rpartition(".")[2], "")
            kind = e.kind(given)
            if not dtype and kind.name == "tensor type":
                dtype = {"float": "float32", "int": "int64"}.get(kind.dtype, "")
        case _:
            return None
    if e.kind(value).name != "tensor" or not dtype:
        return None
    made = e.text(value)
    if made.endswith(f'dtype="{dtype}")'):
        return made
    return _used(e, f'ops.cast({made}, "{dtype}")')


def function(e: ScriptExpressions, node: ast.expr) -> str | None:
    """A function of tensors, in keras.ops."""
    if not isinstance(node, ast.Call):
        return None
    path = e.path(node.func)
    if not path.startswith("torch.") or path.startswith(("torch.optim", "torch.utils")):
        return None
    given = e.arguments(node)
    if given is None:
        return None
    args, kwargs = given
    kwargs = {k: v for k, v in kwargs.items() if k not in _IGNORED}
    written = tensor_call(path, None, args, kwargs, picked=_is_picked_from(e, node))
    if written is None or any(code.startswith("T2K1") for code, _ in written.diagnostics):
        return None
    return e.script.need(written, node)


# Methods that nothing else has in a program of PyTorch's, so that what they are called on is a tensor.
_ONLY_TENSORS = frozenset("view unsqueeze permute contiguous view_as expand_as masked_fill long".split())


def method(e: ScriptExpressions, node: ast.expr) -> str | None:
    """A method of a tensor."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or e.path(node.func):
        return None
    only = not e.kind(node.func.value) and node.func.attr in _ONLY_TENSORS and not any(e.path(a) for a in node.args)
    if not only and (e.kind(node.func.value).name != "tensor" or node.func.attr not in TENSOR_METHODS):
        return None
    given = e.arguments(node)
    if given is None:
        return None
    written = tensor_call(node.func.attr, e.text(node.func.value), *given, picked=_is_picked_from(e, node))
    if written is None or any(code.startswith("T2K1") for code, _ in written.diagnostics):
        return None
    return e.script.need(written, node)


_COMPARISONS = {
    ast.Eq: "equal", ast.NotEq: "not_equal", ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater",
    ast.GtE: "greater_equal",
}  # fmt: skip


_METHODS = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}


def comparison(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`predicted == labels`: TensorFlow compares tensors of one dtype only."""
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
            kinds = [e.kind(left).name, e.kind(right).name]
            if "tensor" in kinds and set(kinds) <= {"tensor", "array"}:
                return _used(e, f"ops.{_COMPARISONS[type(operator)]}({e.text(left)}, {e.text(right)})")
        case ast.Call(func=ast.Attribute(value=left, attr=attr), args=[right]) if attr in _METHODS:
            if e.kind(left).name == "tensor" and not e.path(node.func):
                return _used(e, f"ops.{_METHODS[attr]}({e.text(left)}, {e.text(right)})")
    return None


_ARITHMETIC = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power",
}  # fmt: skip


def promoted(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`counts * 0.5`: TensorFlow computes with one dtype only, and divides integers in float64."""
    match node:
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
            kinds = [e.kind(left), e.kind(right)]
            whole = [k for k in kinds if k.name == "tensor" and k.dtype in ("int", "bool")]
            divides = isinstance(operator, ast.Div) and all(k.name == "number" for k in kinds if k not in whole)
            floats = any(
                (k.name == "tensor" and k.dtype == "float")
                or (isinstance(n, ast.Constant) and isinstance(n.value, float))
                for k, n in zip(kinds, (left, right))
            )
            if whole and (divides or floats):
                return _used(e, f"ops.{_ARITHMETIC[type(operator)]}({e.text(left)}, {e.text(right)})")
    return None


def distance(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`F.pairwise_distance(a, b)`."""
    match node:
        case ast.Call(func=func, args=[a, b], keywords=keywords) if (
            e.path(func) == "torch.nn.functional.pairwise_distance"
        ):
            if any(k.arg != "keepdim" for k in keywords):
                return None
            keep = "".join(f", keepdims={e.text(k.value)}" for k in keywords)
            return _used(e, f"ops.norm({e.text(a)} - {_tight(e, b)} + 1e-6, axis=-1{keep})")
    return None


def _tight(e: ScriptExpressions, node: ast.expr) -> str:
    text = e.text(node)
    return f"({text})" if isinstance(node, ast.BinOp | ast.IfExp) else text


def dtype_name(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`torch.float32` as a name of Keras's."""
    if isinstance(node, ast.Attribute) and e.kind(node).name == "dtype":
        name = e.path(node).rpartition(".")[2]
        return f'"{KERAS_DTYPES.get(name, name)}"'
    return None
