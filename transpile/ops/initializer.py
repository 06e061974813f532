"""Initial values of weights.

Glorot's and He's normal distributions are cut at two standard deviations in Keras, and widened so
that the cut one has the wanted variance; PyTorch's xavier_normal_ and kaiming_normal_ are not cut.
Fans are those of Keras's kernel: for depthwise kernels PyTorch would count others.
https://keras.io/api/layers/initializers/ https://docs.pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from transpile.ir import Expr, Node
from transpile.ops._lowering import factor, is_known
from transpile.registry import Example, Op, UnknownArgument, bind, by_keras_path

_WIDENED = 0.87962566103423978  # the standard deviation of a unit normal that is cut at two
_AFTER_CONSTRUCTION = {
    "weight": "ones", "bias": "zeros", "running_mean": "zeros", "running_var": "ones",
}  # fmt: skip
_NORMS = ("batch_norm", "layer_norm", "group_norm")


class UnknownInitializer(Exception):
    """An initialiser that has no counterpart: (code, message)."""

    def __init__(self, expr: Expr, why: str = "") -> None:
        self.code = "K2T107"
        self.message = f"the initializer {expr.text} cannot be converted{why and ': '}{why}"
        super().__init__(self.message)


@dataclass(frozen=True)
class Fans:
    """Expressions for the fans of a weight, and whether nn.init counts the same."""

    fan_in: str
    fan_out: str
    native: bool = False
    swapped: bool = False
    matrix: bool = True  # orthogonal and identity mean the same on both sides


def fans(op: Op, tensor: str, line: str, node: Node) -> Fans:
    """The fans of Keras's kernel, computed from PyTorch's weight."""
    source, _, target = line.partition("->")
    keras, torch = (side.partition(":")[2].strip() for side in (source, target))
    first, second = _tokens(keras), _tokens(torch)
    rows, columns = f"{tensor}[0].numel()", f"{tensor}[:, 0].numel()"
    if len(first) < 2:
        return Fans(f"{tensor}.numel()", f"{tensor}.numel()", matrix=False)
    if first == ("...",) or second == ("...",):
        return Fans("", "", matrix=False)
    ours = [sorted((*first[:-2], first[i])) for i in (-2, -1)]
    theirs = [sorted((*second[2:], second[i])) for i in (1, 0)]
    if ours == theirs:
        return Fans(rows, columns, native=True)
    if ours == theirs[::-1]:
        return Fans(columns, rows, swapped=True)
    if "depth_multiplier" in node.args and second[0].startswith("("):
        times = node.args["depth_multiplier"]
        if times.value == 1:
            return Fans(f"{tensor}.numel()", rows, matrix=False)
        text = factor(times)
        return Fans(f"({tensor}.numel() // {text})", f"({rows} * {text})", matrix=False)
    return Fans("", "", matrix=False)


def drawn_values(expr: Expr, tensor: str, extents: list[str]) -> str:
    """An expression for a tensor with the values of an initialiser that is called for a shape.

    `extents` are those of a kernel in Keras's order: inputs and outputs last. Raises UnknownInitializer.
    """
    op, args = _resolve(expr)
    fan = Fans("", "", matrix=len(extents) == 2)
    if len(extents) == 1:
        fan = Fans(extents[0], extents[0], matrix=False)
    elif extents:
        fan_in, fan_out = (" * ".join((*extents[:-2], extents[i])) for i in (-2, -1))
        fan = Fans(fan_in, fan_out, swapped=len(extents) == 2, matrix=len(extents) == 2)
    return _statement(op.name.removeprefix("init_"), args, tensor, fan, expr).partition("  #")[0]


def _tokens(axes: str) -> tuple[str, ...]:
    """The axes one by one; blocks in another order, (z+r+h) and (r+z+h), are the same axis."""
    found = re.findall(r"\([^)]*\)|[\w.]+", axes)
    return tuple("+".join(sorted(t.strip("()").split("+"))) if "+" in t else t for t in found)


def initialize(expr: Expr, tensor: str, layer_op: Op, weight_line: str, node: Node) -> list[str]:
    """The statements that give `tensor` its Keras initial values; [] where PyTorch has them.

    `expr` is the layer's argument; `weight_line` says how the weight is carried over.
    Raises UnknownInitializer.
    """
    if expr.value is None:
        return []
    op, args = _resolve(expr)
    name = op.name.removeprefix("init_")
    parameter = tensor.rpartition(".")[2]
    if layer_op.name in _NORMS and _AFTER_CONSTRUCTION.get(parameter) == name:
        return []
    if layer_op.name == "prelu" and name == "zeros":
        return []
    tensor = re.sub(r"\.(\d+)(?=\.)", r"[\1]", tensor)
    return [_statement(name, args, tensor, fans(layer_op, tensor, weight_line, node), expr)]


def _resolve(expr: Expr) -> tuple[Op, dict[str, Expr]]:
    """The entry of an initialiser, and its arguments."""
    value = expr.value
    path = f"initializers.{value}" if isinstance(value, str) else str(getattr(value, "path", ""))
    path = re.sub(r"^(keras|tf)\.", "", path)
    op = by_keras_path().get(path) or by_keras_path().get(path.lower())
    if op is None or not op.name.startswith("init_"):
        raise UnknownInitializer(expr)
    args, kwargs = getattr(value, "args", ()), getattr(value, "kwargs", {})
    if isinstance(value, str):
        args, kwargs = (), {}
    try:
        return op, bind(op, args, kwargs)
    except UnknownArgument as error:
        raise UnknownInitializer(expr, str(error)) from None


def _statement(name: str, args: Mapping[str, Expr], tensor: str, fan: Fans, expr: Expr) -> str:
    """One statement; the families by variance share one form."""
    match name:
        case "zeros" | "ones":
            return f"nn.init.{name}_({tensor})"
        case "constant":
            if not isinstance(args["value"].value, int | float) and is_known(args["value"].value):
                raise UnknownInitializer(expr)
            return f"nn.init.constant_({tensor}, {args['value'].text})"
        case "random_uniform":
            return f"nn.init.uniform_({tensor}, {args['minval'].text}, {args['maxval'].text})"
        case "random_normal":
            return f"nn.init.normal_({tensor}, {args['mean'].text}, {args['stddev'].text})"
        case "truncated_normal":
            shift = "" if args["mean"].value == 0 else f".add_({args['mean'].text})"
            return f"nn.init.trunc_normal_({tensor}).data.mul_({args['stddev'].text}){shift}"
        case "orthogonal" | "identity":
            return _matrix(name, args, tensor, fan, expr)
    return _scaled(name, args, tensor, fan, expr)


def _matrix(name: str, args: Mapping[str, Expr], tensor: str, fan: Fans, expr: Expr) -> str:
    if not fan.matrix:
        raise UnknownInitializer(expr, "for a weight that is no matrix")
    gain = args["gain"]
    if name == "orthogonal":
        return f"nn.init.orthogonal_({tensor}{'' if gain.value == 1 else f', gain={gain.text}'})"
    return f"nn.init.eye_({tensor}){'' if gain.value == 1 else f'.data.mul_({gain.text})'}"


_SCALED = {  # scale, mode, distribution
    "glorot_uniform": (1.0, "fan_avg", "uniform"),
    "glorot_normal": (1.0, "fan_avg", "truncated_normal"),
    "he_uniform": (2.0, "fan_in", "uniform"),
    "he_normal": (2.0, "fan_in", "truncated_normal"),
    "lecun_uniform": (1.0, "fan_in", "uniform"),
    "lecun_normal": (1.0, "fan_in", "truncated_normal"),
}


def _scaled(name: str, args: Mapping[str, Expr], tensor: str, fan: Fans, expr: Expr) -> str:
    """A distribution of the variance scale / fan."""
    if not fan.fan_in:
        raise UnknownInitializer(expr, "for this weight")
    if name == "glorot_uniform" and (fan.native or fan.swapped):
        return f"nn.init.xavier_uniform_({tensor})"
    if name == "he_uniform" and (fan.native or fan.swapped):
        return f"nn.init.kaiming_uniform_({tensor}{', mode=' + repr('fan_out') if fan.swapped else ''})"
    if name == "variance_scaling":
        scale, mode, kind = args["scale"].text, args["mode"].value, args["distribution"].value
    else:
        number, mode, kind = _SCALED[name]
        scale = f"{number:g}"
    if kind not in ("uniform", "normal", "truncated_normal", "untruncated_normal"):
        raise UnknownInitializer(expr)
    times = 3 if kind == "uniform" else 1
    match mode:
        case "fan_in" | "fan_out":
            below = fan.fan_in if mode == "fan_in" else fan.fan_out
        case "fan_avg":
            below, times = f"({fan.fan_in} + {fan.fan_out})", times * 2
        case _:
            raise UnknownInitializer(expr)
    above = _product(times, scale)
    spread = f"({above} / {below}) ** 0.5"
    note = "" if name == "variance_scaling" else f"  # {name}"
    if kind == "uniform":
        return f"nn.init.uniform_({tensor}, -1, 1).data.mul_({spread}){note}"
    if kind == "untruncated_normal":
        return f"nn.init.normal_({tensor}).data.mul_({spread}){note}"
    return f"nn.init.trunc_normal_({tensor}).data.mul_({spread} / {_WIDENED:.8f}){note}"


def _product(times: int, scale: str) -> str:
    try:
        return f"{times * float(scale):g}" if abs(times * float(scale) * 1e6 % 1) < 1e-9 else f"{times} * {scale}"
    except ValueError:
        return f"{times} * ({scale})" if times != 1 else f"({scale})"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _by_variance(name: str, *aliases: str) -> Op:
    kind = _SCALED[name][2]
    text = {
        "glorot_uniform": "nn.init.xavier_uniform_({})",
        "he_uniform": "nn.init.kaiming_uniform_({})",
    }.get(name, "nn.init.trunc_normal_({}).data.mul_(" if "normal" in kind else "nn.init.uniform_({}, -1, 1)")
    return Op(
        name=f"init_{name}",
        keras=f"initializers.{_camel(name)}(seed=None)",
        torch="nn.init.xavier_uniform_(tensor, gain=1.0)" if name == "glorot_uniform" else "",
        aliases=(f"initializers.{name}", *aliases),
        ignored=("seed", "dtype"),
        examples=(Example(f"initializers.{_camel(name)}()", text),),
    )


def _initializer(name: str, keras: str, torch: str, aliases: tuple[str, ...], *examples: Example) -> Op:
    return Op(
        name=f"init_{name}",
        keras=f"initializers.{keras}",
        torch=torch,
        aliases=tuple(f"initializers.{a}" for a in aliases),
        renamed={"scale": "stddev", "lower": "minval", "upper": "maxval"} if "random" in name else {},
        ignored=("seed", "dtype"),
        examples=examples,
    )


OPS = (
    *(_by_variance(n) for n in ("glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform")),
    _by_variance("glorot_uniform"),
    _initializer(
        "variance_scaling", "VarianceScaling(scale=1.0, mode='fan_in', distribution='truncated_normal', seed=None)",
        "", ("variance_scaling",),
        Example("initializers.VarianceScaling(2.0, 'fan_out', 'untruncated_normal')", "nn.init.normal_({}).data.mul_("),
        Example("initializers.VarianceScaling(1 / 3, distribution='uniform')", "nn.init.uniform_({}, -1, 1)"),
    ),
    _initializer(
        "random_normal", "RandomNormal(mean=0.0, stddev=0.05, seed=None)",
        "nn.init.normal_(tensor, mean, std)", ("random_normal", "normal", "gaussian"),
        Example("initializers.RandomNormal(stddev=0.02)", "nn.init.normal_({}, 0.0, 0.02)"),
    ),
    _initializer(
        "random_uniform", "RandomUniform(minval=-0.05, maxval=0.05, seed=None)",
        "nn.init.uniform_(tensor, a, b)", ("random_uniform", "uniform"),
        Example("initializers.RandomUniform(-0.1, 0.1)", "nn.init.uniform_({}, -0.1, 0.1)"),
    ),
    _initializer(
        "truncated_normal", "TruncatedNormal(mean=0.0, stddev=0.05, seed=None)", "", ("truncated_normal",),
        Example("initializers.TruncatedNormal(stddev=0.1)", "nn.init.trunc_normal_({}).data.mul_(0.1)"),
    ),
    _initializer(
        "constant", "Constant(value=0.0)", "nn.init.constant_(tensor, val)", ("constant",),
        Example("initializers.Constant(0.1)", "nn.init.constant_({}, 0.1)"),
    ),
    _initializer(
        "zeros", "Zeros()", "nn.init.zeros_(tensor)", ("zeros", "zero"),
        Example("initializers.Zeros()", "nn.init.zeros_({})"),
    ),
    _initializer(
        "ones", "Ones()", "nn.init.ones_(tensor)", ("ones", "one"),
        Example("initializers.Ones()", "nn.init.ones_({})"),
    ),
    _initializer(
        "orthogonal", "Orthogonal(gain=1.0, seed=None)", "nn.init.orthogonal_(tensor, gain=1)", ("orthogonal",),
        Example("initializers.Orthogonal(gain=2.0)", "nn.init.orthogonal_({}, gain=2.0)"),
    ),
    _initializer(
        "identity", "Identity(gain=1.0)", "nn.init.eye_(tensor)", ("identity", "IdentityInitializer"),
        Example("initializers.Identity()", "nn.init.eye_({})"),
    ),
)  # fmt: skip
