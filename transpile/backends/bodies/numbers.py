"""Framework functions of Python numbers: Python's own."""

from __future__ import annotations

from transpile.backends.bodies.calls import Call
from transpile.backends.bodies.kinds import NUMBER, Kind

_ONE = {
    "sqrt": "math.sqrt", "exp": "math.exp", "log": "math.log", "abs": "abs", "round": "round", "sin": "math.sin",
    "cos": "math.cos", "floor": "math.floor", "ceil": "math.ceil",
}  # fmt: skip
_TWO = {"maximum": "max({}, {})", "minimum": "min({}, {})", "pow": "{} ** {}", "power": "{} ** {}",
        "equal": "{} == {}", "greater": "{} > {}", "less": "{} < {}"}  # fmt: skip
_OPERATOR = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}


def python_call(call: Call) -> tuple[str, Kind] | None:
    """The call where all of its arguments are numbers; None for any other."""
    if not call.args or call.kwargs or not all(a.kind.what == "number" for a in call.args):
        return _product(call)
    name = call.path.rpartition(".")[2]
    texts = [a.text for a in call.args]
    if len(texts) == 1 and name in _ONE:
        return f"{_ONE[name]}({texts[0]})", Kind("number", "float")
    if len(texts) == 1 and name == "rsqrt" and _simple(texts[0]):
        return f"({texts[0]} ** -0.5)", Kind("number", "float")
    if len(texts) == 2 and name in _TWO and "{} " not in _TWO[name]:
        return _TWO[name].format(*texts), NUMBER
    if len(texts) == 2 and (name in _TWO or name in _OPERATOR) and all(_simple(t) for t in texts):
        template = _TWO.get(name) or f"{{}} {_OPERATOR[name]} {{}}"
        return template.format(*texts), NUMBER
    return None


def _product(call: Call) -> tuple[str, Kind] | None:
    """`tf.reduce_prod` of a shape."""
    product = call.path.endswith(("reduce_prod", "ops.prod")) and len(call.args) == 1 and not call.kwargs
    if product and call.args[0].kind.what == "shape":
        return f"math.prod({call.args[0].text})", Kind("number", "int")
    return None


def _simple(text: str) -> bool:
    return all(c.isalnum() or c in "._[]()'\"" for c in text)
