"""Functions that move, join or count axes, and some of TensorFlow's that Python says itself."""

from __future__ import annotations

import ast

from transpile.backends.bodies.calls import Argument, Bound, special
from transpile.backends.bodies.functions import Plain, _register
from transpile.backends.bodies.kinds import NUMBER, UNSURE, Kind, tensor
from transpile.backends.torch_nodes import atomic
from transpile.ir import FREE, UNKNOWN

_XY = {"x1": "x", "x2": "y"}
_PLAIN = (
    Plain("x", "{x}.flatten()", "ops.ravel", keeps=False),
    Plain("x axis1 axis2", "{x}.transpose({axis1}, {axis2})", "ops.swapaxes", keeps=False),
    Plain("x source destination", "{x}.movedim({source}, {destination})", "ops.moveaxis", keeps=False),
    Plain("x", "{x}.transpose(-2, -1)", "tf.linalg.matrix_transpose tf.matrix_transpose", keeps=False),
    Plain("x y", "torch.logaddexp({x}, {y})", "ops.logaddexp", renamed=_XY),
    Plain("x", "torch.log10({x})", "ops.log10"),
    Plain("x", "torch.log2({x})", "ops.log2"),
    Plain("x", "torch.exp2({x})", "ops.exp2"),
    Plain("x", "torch.trunc({x})", "ops.trunc"),
    Plain("x", "torch.erfc({x})", "tf.math.erfc ops.erfc"),
    Plain("x", "torch.erfinv({x})", "tf.math.erfinv ops.erfinv"),
    Plain("x", "torch.asinh({x})", "tf.math.asinh tf.asinh ops.arcsinh"),
    Plain("x", "torch.acosh({x})", "tf.math.acosh tf.acosh ops.arccosh"),
    Plain("x", "torch.atanh({x})", "tf.math.atanh tf.atanh ops.arctanh"),
    Plain("x y", "torch.hypot({x}, {y})", "ops.hypot", renamed=_XY),
    Plain("x y", "torch.outer({x}, {y})", "ops.outer", renamed=_XY, keeps=False),
    Plain("x", "torch.isnan({x})", "tf.debugging.is_nan", "bool"),
    Plain("x", "{x}", "tf.identity backend.identity ops.copy", renamed={"input": "x"}),
    Plain("x", "torch.linalg.det({x})", "tf.linalg.det ops.det", renamed={"input": "x"}, keeps=False),
    Plain("x", "torch.linalg.cholesky({x})", "tf.linalg.cholesky tf.cholesky ops.cholesky",
          renamed={"input": "x"}),
    Plain("x y", "torch.linalg.solve({x}, {y})", "tf.linalg.solve ops.solve",
          renamed={"matrix": "x", "rhs": "y", "a": "x", "b": "y"}, keeps=False),
    Plain("a b", "({a} @ {b}[..., None])[..., 0]", "tf.linalg.matvec", keeps=False),
    Plain("x k", "torch.diagonal({x})", "ops.diagonal", only={"k": 0}, keeps=False),
    Plain("x fill_value dtype", "torch.full_like({x}, {fill_value})", "ops.full_like", only={"dtype": None}),
    Plain("x", "torch.rot90({x}, 1, (-3, -2))", "tf.image.rot90", renamed={"image": "x"}, keeps=False),
)  # fmt: skip


def _add(entry: Plain) -> None:
    from transpile.backends.bodies.calls import special_paths

    left = " ".join(p for p in entry.paths.split() if p not in special_paths())
    if left:
        _register(Plain(entry.parameters, entry.template, left, entry.element, entry.renamed, entry.only, entry.keeps))


for _entry in _PLAIN:
    _add(_entry)


@special("x shift axis", "tf.roll", "ops.roll", input="x")
def roll(b: Bound) -> tuple[str, Kind]:
    """`x.roll`; without an axis over all elements in their order, as in Keras."""
    axis = f", {b['axis'].text}" if b.value("axis", None) is not None else ""
    return b.fill("{x}.roll({shift}" + axis + ")"), b["x"].kind


@special("x y", "tf.math.divide_no_nan", "tf.div_no_nan", "ops.divide_no_nan", x1="x", x2="y")
def divide_no_nan(b: Bound) -> tuple[str, Kind]:
    """0 where the divisor is 0, without a gradient there."""
    if b["y"].kind.what != "tensor":
        raise b.call.refuse("a divisor that is no tensor")
    safe = "torch.where({y} == 0, 1, {y})"
    return b.fill("torch.where({y} == 0, 0, {x} / " + safe + ")"), tensor("float", b["y"].kind.shape)


@special("t clip_norm axes", "tf.clip_by_norm")
def clip_by_norm(b: Bound) -> tuple[str, Kind]:
    """Shortened to a length, over all axes."""
    b.only("axes", None)
    text = "{t} * {clip_norm} / torch.linalg.vector_norm({t}).clamp(min={clip_norm})"
    return b.fill(text), b["t"].kind


@special("x begin size", "tf.slice", "ops.slice", input_="x", inputs="x", start_indices="begin", shape="size")
def slice_of(b: Bound) -> tuple[str, Kind]:
    """`x[a : a + n]` on each axis; of -1 elements: all that are left."""
    begin, size = b["begin"].items, b["size"].items
    if begin is None or size is None or len(begin) != len(size):
        raise b.call.refuse("a begin or size that is not written out")
    parts = []
    for start, count in zip(begin, size):
        first = "" if start.kind.value == 0 else start.text
        if count.kind.value == -1:
            parts.append(f"{first}:")
        elif isinstance(start.kind.value, int) and isinstance(count.kind.value, int):
            parts.append(f"{first}:{start.kind.value + count.kind.value}")
        else:
            parts.append(f"{first}:{count.text if not first else f'{_term(start)} + {_term(count)}'}")
    return b.fill("{x}[" + ", ".join(parts) + "]"), tensor(b["x"].kind.element, (FREE,) * len(parts))


def _term(argument: Argument) -> str:
    return argument.text if atomic(argument.text) else f"({argument.text})"


@special("a b c indexing", "tf.meshgrid", "ops.meshgrid")
def meshgrid(b: Bound) -> tuple[str, Kind]:
    """Keras and TensorFlow count as numpy does: "xy"."""
    indexing = b.value("indexing", "xy")
    if indexing not in ("xy", "ij"):
        raise b.call.refuse("an indexing that is only known at run time")
    given = [b[n] for n in "abc" if n in b]
    texts = [a.text if a.kind.what == "tensor" else f"torch.as_tensor({a.text})" for a in given]
    grids = Kind("list", items=tuple(tensor(a.kind.element, (FREE,) * len(given)) for a in given))
    return f'torch.meshgrid({", ".join(texts)}, indexing="{indexing}")', grids


def body_of(argument: Argument) -> str:
    """What a function without parameters computes: the body of a lambda, or a call."""
    if isinstance(argument.node, ast.Lambda):
        made = ast.parse(argument.text.strip(), mode="eval").body
        assert isinstance(made, ast.Lambda)
        return ast.get_source_segment(argument.text.strip(), made.body) or ast.unparse(made.body)
    if isinstance(argument.node, ast.Name | ast.Attribute):
        return f"{argument.text}()"
    raise UnreadableFunction


class UnreadableFunction(Exception):
    """A function that is given as something else than a name or a lambda."""


@special("pred true_fn false_fn", "tf.cond", "ops.cond", fn1="true_fn", fn2="false_fn")
def cond(b: Bound) -> tuple[str, Kind]:
    """Python's own choice: eager code takes one way."""
    try:
        yes, no = body_of(b["true_fn"]), body_of(b["false_fn"])
    except UnreadableFunction:
        raise b.call.refuse("a branch that is no function by name") from None
    return f"{yes} if {b['pred'].text} else {no}", tensor()


@special(
    "fn elems dtype parallel_iterations back_prop swap_memory infer_shape name fn_output_signature",
    "tf.map_fn", "backend.map_fn", "ops.vectorized_map", "tf.vectorized_map", function="fn", elements="elems",
)  # fmt: skip
def map_fn(b: Bound) -> tuple[str, Kind]:
    """One row after the other."""
    fn, rows = b["fn"], b["elems"]
    if rows.kind.what not in ("tensor", "unknown") or rows.items is not None:
        raise b.call.refuse("what it runs over is not known to be one tensor")
    if isinstance(fn.node, ast.Lambda) and len(fn.node.args.args) == 1:
        return f"torch.stack([{body_of(fn)} for {fn.node.args.args[0].arg} in {rows.text}])", tensor()
    if isinstance(fn.node, ast.Name | ast.Attribute):
        return f"torch.stack([{fn.text}(row) for row in {rows.text}])", tensor()
    raise b.call.refuse("a function that is neither a name nor a lambda")


@special("", "tf.executing_eagerly")
def eagerly(b: Bound) -> tuple[str, Kind]:
    """Always."""
    return "True", Kind("number", "bool", value=True)


@special("x", "tf.is_tensor", "tf.is_symbolic_tensor", "ops.is_tensor", "backend.is_tensor")
def is_tensor(b: Bound) -> tuple[str, Kind]:
    """`torch.is_tensor`."""
    return b.fill("torch.is_tensor({x})"), NUMBER


@special("a b c d e f", "tf.print")
def printed(b: Bound) -> tuple[str, Kind]:
    """`print`."""
    return f"print({', '.join(a.text for a in b.call.args)})", UNSURE


@special("dims", "tf.TensorShape")
def tensor_shape(b: Bound) -> tuple[str, Kind]:
    """A tuple will do."""
    return f"tuple({b['dims'].text})", Kind("shape", items=None, value=UNKNOWN)
