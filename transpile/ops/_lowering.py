"""What the lowerings of several families share: diagnostics, texts, axes, extents."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.registry import Context, Lowered

Diagnostics = tuple[tuple[str, str], ...]

UNSUPPORTED = "K2T104"
RUN_TIME = "K2T105"


def unsupported(message: str) -> Diagnostics:
    """An argument that has no counterpart."""
    return ((UNSUPPORTED, message),)


def run_time(expr: Expr, name: str) -> Diagnostics:
    """An argument whose value decides the translation, and is not known."""
    return ((RUN_TIME, f"the value of {name}={expr.text} is only known at run time"),)


def refused(*diagnostics: tuple[str, str]) -> Lowered:
    """A node that can't be converted."""
    return Lowered(call="{x}", diagnostics=diagnostics)


def known(node: Node, *names: str) -> Diagnostics:
    """A diagnostic for each of these arguments whose value is not known."""
    return tuple(
        d for n in names if n in node.args and not is_known(node.args[n].value) for d in run_time(node.args[n], n)
    )


def is_known(value: object) -> bool:
    """Whether a value, and everything in it, is known; `cfg.rate` of another module is not."""
    if isinstance(value, tuple | list):
        return all(is_known(v) for v in value)
    path = getattr(value, "path", "keras.")
    return value is not UNKNOWN and str(path).startswith(("keras.", "tf."))


def channels_last(node: Node) -> Diagnostics:
    """Refuses the layer whose own tensors lie channels first."""
    expr = node.args.get("data_format")
    if expr is None or expr.value in (None, "channels_last"):
        return ()
    if not is_known(expr.value):
        return run_time(expr, "data_format")
    return unsupported(f"data_format={expr.text}: only layers whose channels are last are converted")


def factor(expr: Expr) -> str:
    """The text, in parentheses where it stands as a factor and is no plain term."""
    node = _parsed(expr.text)
    simple = isinstance(node, ast.Name | ast.Constant | ast.Attribute | ast.Call | ast.Subscript)
    enclosed = expr.text[:1] == "(" and node is not None and _parsed(expr.text[1:-1]) is not None
    return expr.text if simple or enclosed else f"({expr.text})"


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def elements(expr: Expr) -> tuple[Expr, ...] | None:
    """The elements of a tuple argument, each in the user's own text; a lone number is one."""
    if isinstance(expr.value, int):
        return (expr,)
    values = expr.value if isinstance(expr.value, tuple | list) else None
    node = _parsed(expr.text)
    if isinstance(node, ast.Tuple | ast.List) and not any(isinstance(e, ast.Starred) for e in node.elts):
        texts = [ast.get_source_segment(expr.text, e) or ast.unparse(e) for e in node.elts]
        if values is None:
            return tuple(Expr(t, e.value) if isinstance(e, ast.Constant) else Expr(t) for t, e in zip(texts, node.elts))
        if len(texts) == len(values):
            return tuple(Expr(t, v) for t, v in zip(texts, values))
    if values is None or not is_known(values):
        return None
    return tuple(literal(v) for v in values)


def listed(exprs: Sequence[Expr]) -> str:
    """The texts, separated by commas."""
    return ", ".join(e.text for e in exprs)


def tupled(exprs: Sequence[Expr]) -> str:
    """The texts as a tuple; a lone one stands for itself."""
    return exprs[0].text if len(exprs) == 1 else f"({listed(exprs)})"


def input_shape(node: Node, index: int = 0) -> Shape | None:
    """The shape of an input (Keras layout), None if not known."""
    return node.input_shapes[index] if index < len(node.input_shapes) else None


def rank(node: Node, index: int = 0) -> int | None:
    """The number of axes of an input, the batch included."""
    shape = input_shape(node, index)
    return None if shape is None else len(shape)


def axes_of(expr: Expr, rank: int | None) -> tuple[int, ...] | None:
    """An axis argument (a number or several) as axes counted from the front."""
    values = (expr.value,) if isinstance(expr.value, int) else expr.value
    if rank is None or not isinstance(values, tuple | list):
        return None
    if not all(isinstance(v, int) and -rank <= v < rank for v in values):
        return None
    return tuple(v % rank for v in values)


def moved(axis: int, rank: int, context: Context) -> int:
    """Where an axis of Keras's lies under the current layout."""
    if context.layout == "keras" or rank < 3 or axis == 0:
        return axis
    return 1 if axis == rank - 1 else axis + 1


def dim(node: Node, context: Context, name: str = "axis") -> tuple[Expr, Diagnostics]:
    """One axis argument as PyTorch's `dim`, or why it can't be said."""
    expr = node.args[name]
    if context.layout == "keras" or rank(node) in (1, 2):
        return expr, ()
    found = axes_of(expr, rank(node))
    if found is None or len(found) != 1:
        if expr.value == -1:
            return literal(1), ()
        return expr, run_time(expr, name)
    return literal(moved(found[0], rank(node) or 0, context)), ()
