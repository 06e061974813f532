"""Functions of nn.init as initialisers of Keras."""

from __future__ import annotations

import ast
import re

_GAINS = {"relu": 2.0, "linear": 1.0, "sigmoid": 1.0, "conv1d": 1.0, "conv2d": 1.0, "tanh": 25 / 9, "selu": 9 / 16}


class _Given:
    """The arguments of a function of nn.init, as text."""

    def __init__(self, args: list[ast.expr], named: dict[str, ast.expr], known: dict[str, ast.expr]) -> None:
        self.args, self.named, self.known = args, named, known

    def get(self, position: int, key: str, default: str) -> str:
        node = self.args[position] if position < len(self.args) else self.named.get(key)
        return default if node is None else _inlined(node, self.known)


def _call(kind: str, *parts: str) -> str:
    return f"keras.initializers.{kind}({', '.join(p for p in parts if p)})"


def spelled(name: str, args: list[ast.expr], named: dict[str, ast.expr], known: dict[str, ast.expr]) -> str | None:
    """The initialiser of Keras that draws as the function does."""
    given = _Given(args, named, known)
    match name:
        case "zeros_" | "zero_":
            return '"zeros"'
        case "ones_":
            return '"ones"'
        case "constant_" | "fill_":
            value = given.get(0, "val", "0")
            return {"0": '"zeros"', "0.0": '"zeros"', "1": '"ones"', "1.0": '"ones"'}.get(value) or _call(
                "Constant", value
            )
        case "normal_":
            mean, std = given.get(0, "mean", "0.0"), given.get(1, "std", "1.0")
            if re.fullmatch(r"(math|np)\.sqrt\(2(\.0?)? / \(?\w+\.kernel_size.*out_channels\)?\)", std):
                return _call("VarianceScaling", "2.0", '"fan_out"', '"untruncated_normal"')
            return _call("RandomNormal", "" if float_or_none(mean) == 0 else f"mean={mean}", f"stddev={std}")
        case "trunc_normal_":
            std = given.get(1, "std", "1.0")
            small = (float_or_none(std) or 1) < 0.4
            return _call("RandomNormal" if small else "TruncatedNormal", f"stddev={std}")
        case "uniform_":
            return _call("RandomUniform", given.get(0, "a", "0.0"), given.get(1, "b", "1.0"))
        case "orthogonal_":
            gain = given.get(0, "gain", "1")
            return _call("Orthogonal", "" if float_or_none(gain) == 1 else f"gain={gain}")
    return _scaled(name, given)


def _scaled(name: str, given: _Given) -> str | None:
    """The initialisers that look at the size of what they fill."""
    kind = '"uniform"' if name.endswith("uniform_") else '"untruncated_normal"'
    if name in ("xavier_uniform_", "xavier_normal_"):
        gain = given.get(0, "gain", "1.0")
        plain = float_or_none(gain) == 1
        if plain and name == "xavier_uniform_":
            return '"glorot_uniform"'
        return _call("VarianceScaling", "1.0" if plain else f"{_factor(gain)}**2", '"fan_avg"', kind)
    if name in ("kaiming_uniform_", "kaiming_normal_"):
        slope = float_or_none(given.get(0, "a", "0"))
        activation = given.get(2, "nonlinearity", "'leaky_relu'").strip("'\"")
        leaky = None if slope is None else 2.0 / (1 + slope**2)
        scale = leaky if activation == "leaky_relu" else _GAINS.get(activation)
        if scale is None:
            return None
        mode = given.get(1, "mode", "'fan_in'").strip("'\"")
        text = f"{scale:.12g}" if scale != int(scale) else f"{scale:.1f}"
        return _call("VarianceScaling", text, f'"{mode}"', kind)
    return None


def _factor(text: str) -> str:
    return text if re.fullmatch(r"[\w.]+(\(.*\))?", text) else f"({text})"


def float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return {"math.sqrt(5)": 5**0.5}.get(text)


def _inlined(node: ast.expr, known: dict[str, ast.expr]) -> str:
    """The text of an argument, with the locals of the statement's function put in."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.expr:
            value = known.get(name.id)
            return name if value is None else self.visit(value)

        def visit_Call(self, call: ast.Call) -> ast.expr:
            gain = _gain(call)
            return ast.Constant(gain) if gain is not None else self.generic_visit(call)  # type: ignore[return-value]

    copied = ast.parse(ast.unparse(node), mode="eval").body
    return ast.unparse(Put().visit(copied))


def _gain(call: ast.Call) -> float | None:
    """The value of `nn.init.calculate_gain("relu")`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name != "calculate_gain" or not all(isinstance(a, ast.Constant) for a in call.args) or call.keywords:
        return None
    kind, *given = [a.value for a in call.args if isinstance(a, ast.Constant)]
    slope = given[0] if given else 0.01
    if kind == "leaky_relu" and isinstance(slope, int | float):
        return float(f"{(2 / (1 + slope**2)) ** 0.5:.12g}")
    return float(f"{_GAINS[str(kind)] ** 0.5:.12g}") if kind in _GAINS else None
