"""Cutting a tensor apart, and padding it.

A list of parts means sizes to TensorFlow and PyTorch, and indices to Keras.
https://keras.io/api/ops/numpy/ https://docs.pytorch.org/docs/stable/generated/torch.split.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import FREE, Expr, Node, Shape, literal
from transpile.ops._lowering import known, refused, run_time, unsupported
from transpile.registry import Context, Example, Lowered, Op
from transpile.shapes import add, value


def _cuts(node_args: Mapping[str, Expr], size: int | None) -> list[Expr] | None:
    """The extents of the parts of a split, None where they are not known."""
    parts = node_args["parts"]
    if isinstance(parts.value, int):
        return [FREE if size is None else literal(size // parts.value)] * parts.value
    return None


def _split_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> list[Shape | None] | None:
    shape, parts, axis = inputs[0], args["parts"].value, args["axis"].value
    count = parts if isinstance(parts, int) else None
    if isinstance(parts, tuple | list):
        count = len(parts) + (args["kind"].value == "indices" if "kind" in args else 0)
    if count is None:
        return None
    if shape is None or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return [None] * count
    at = axis % len(shape)
    cuts = _cuts(args, value(shape[at]))
    if isinstance(parts, tuple | list) and "kind" not in args:
        cuts = [literal(p) if isinstance(p, int) and p >= 0 else FREE for p in parts]
    return [(*shape[:at], d, *shape[at + 1 :]) for d in cuts or [FREE] * count]


def _expand_split(op: Op, node: Node, context: Context) -> Lowered:
    """A number of equal parts; a list means sizes to TensorFlow, and indices to Keras."""
    parts, axis = node.args["parts"], node.args["axis"]
    wrong = known(node, "parts")
    if wrong:
        return refused(*wrong)
    if isinstance(parts.value, int):
        return Lowered(call="{x}.chunk(" + f"{parts.text}, dim={axis.text})")
    if not isinstance(parts.value, tuple | list):
        return refused(*unsupported(f"{op.keras_path}: {parts.text}"))
    method = "tensor_split" if op.name == "split_ops" else "split"
    return Lowered(call="{x}." + f"{method}({list(parts.value)}, dim={axis.text})")


def _indices_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> list[Shape | None] | None:
    return _split_shape(inputs, {**args, "kind": literal("indices")})


SPLITS = (
    Op(
        name="split",
        keras="tf.split(x, parts, axis=0)",
        layout="keras",
        shape=_split_shape,
        expand=_expand_split,
        renamed={"value": "x", "num_or_size_splits": "parts", "num_split": "parts", "split_dim": "axis"},
        examples=(
            Example("tf.split(x, 2, axis=-1)[0]", "x.chunk(2, dim=-1)", input=(5, 8)),
            Example("tf.split(x, [3, 5], axis=2)[1]", "x.split([3, 5], dim=2)", input=(5, 8)),
        ),
    ),
    Op(
        name="split_ops",
        keras="ops.split(x, parts, axis=0)",
        layout="keras",
        shape=_indices_shape,
        expand=_expand_split,
        renamed={"indices_or_sections": "parts"},
        examples=(
            Example("ops.split(x, 2, axis=-1)[0]", "x.chunk(2, dim=-1)", input=(5, 8)),
            Example("ops.split(x, [3, 5], axis=2)[1]", "x.tensor_split([3, 5], dim=2)", input=(5, 8)),
        ),
    ),
)


def _margins(expr: Expr) -> list[tuple[int, int]] | None:
    """The numbers before and after each axis."""
    rows = expr.value
    if not isinstance(rows, tuple | list):
        return None
    pairs = [tuple(r) for r in rows if isinstance(r, tuple | list) and len(r) == 2]
    fine = len(pairs) == len(rows) and all(isinstance(n, int) for p in pairs for n in p)
    return pairs if fine else None


def _pad_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape, margins = inputs[0], _margins(args["paddings"])
    if shape is None or margins is None or len(margins) != len(shape):
        return None
    pairs = zip(shape, margins, strict=True)
    return tuple(d if a == b == 0 else add([d, literal(a + b)]) if d.text else FREE for d, (a, b) in pairs)


def _expand_pad(op: Op, node: Node, context: Context) -> Lowered:
    """A constant margin; the last axis comes first in PyTorch."""
    margins = _margins(node.args["paddings"])
    wrong = known(node, "mode")
    if margins is None:
        wrong += run_time(node.args["paddings"], "paddings")
    if not wrong and str(node.args["mode"].value).lower() != "constant":
        wrong += unsupported(f"{op.keras_path}: mode={node.args['mode'].text}")
    if wrong or margins is None:
        return refused(*wrong)
    while margins and margins[0] == (0, 0):
        margins = margins[1:]
    amounts = repr(tuple(n for pair in reversed(margins) for n in pair))
    filled = node.args["constant_values"]
    constant = "" if filled.value in (0, None) else f", value={filled.text}"
    return Lowered(call="F.pad({x}, " + f"{amounts}{constant})")


PAD = Op(
    name="pad",
    keras="tf.pad(x, paddings, mode='CONSTANT', constant_values=0)",
    layout="keras",
    shape=_pad_shape,
    expand=_expand_pad,
    renamed={"tensor": "x", "pad_width": "paddings"},
    aliases=("ops.pad",),
    examples=(
        Example("ops.pad(x, [[0, 0], [1, 2], [0, 3]])", "F.pad(x, (0, 3, 1, 2))", input=(5, 8)),
        Example("tf.pad(x, [[0, 0], [1, 1]], constant_values=2.0)", "F.pad(x, (1, 1), value=2.0)", input=(8,)),
    ),
)

OPS = (*SPLITS, PAD)
