"""Reductions: sums, means and extremes along axes.

PyTorch's `std` and `var` divide by n - 1 unless told otherwise; the gradient of a tied maximum is
shared by `amax` as by Keras, not by `max(dim)`.
https://keras.io/api/ops/numpy/ https://docs.pytorch.org/docs/stable/torch.html#reduction-ops
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.ir import UNKNOWN, Expr, Node, Shape, literal
from transpile.ops._lowering import axes_of, elements, known, rank, refused, tupled, unsupported
from transpile.registry import Context, Example, Lowered, Op

_RENAMED = {
    "input_tensor": "x",
    "input": "x",
    "reduction_indices": "axis",
    "keep_dims": "keepdims",
    "dimension": "axis",
}
_METHODS = {"max": "amax", "min": "amin"}


def reduced_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The shape without the axes, or with ones in their place."""
    shape, keep = inputs[0], args["keepdims"].value
    if args["axis"].value is None and keep is False:
        return ()
    if shape is None or keep is UNKNOWN:
        return None
    axes = tuple(range(len(shape))) if args["axis"].value is None else axes_of(args["axis"], len(shape))
    if axes is None:
        return None
    kept = [literal(1) if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
    return tuple(kept)


def expand_reduction(op: Op, node: Node, context: Context) -> Lowered:
    """`x.sum(dim=1, keepdim=True)`."""
    wrong = known(node, "keepdims")
    axis = node.args["axis"]
    name = op.name.removeprefix("reduce_")
    method = _METHODS.get(name, name)
    several = isinstance(axis.value, tuple | list)
    if wrong:
        return refused(*wrong)
    texts = []
    if name in ("prod", "argmax", "argmin") and several:
        return refused(*unsupported(f"{op.keras_path}: several axes, axis={axis.text}"))
    if axis.value is not None:
        dims = elements(axis) if several else (axis,)
        if dims is None or not dims:
            return refused(*unsupported(f"{op.keras_path}: axis={axis.text}"))
        texts.append(f"dim={tupled(dims)}")
    elif name == "logsumexp" or (node.args["keepdims"].value and name in ("prod", "argmax", "argmin", "sum", "mean")):
        size = rank(node)
        if size is None or name in ("prod", "argmax", "argmin"):
            return refused(*unsupported(f"{op.keras_path} over all axes"))
        texts.append(f"dim={tuple(range(size))}")
    if name in ("std", "var"):
        texts.append("correction=0")
    if node.args["keepdims"].value:
        texts.append("keepdim=True")
    return Lowered(call="{x}." + f"{method}({', '.join(texts)})")


def reduction(name: str, *aliases: str) -> Op:
    """One reduction, in all its spellings."""
    method = _METHODS.get(name, name)
    correction = ", correction=0" if name in ("std", "var") else ""
    several = name not in ("prod", "argmax", "argmin")
    examples = [
        Example(f"ops.{name}(x, axis=1)", f"x.{method}(dim=1{correction})", input=(5, 8)),
        Example(
            f"ops.{name}(x, axis=-1, keepdims=True)", f"x.{method}(dim=-1{correction}, keepdim=True)", input=(5, 8)
        ),
    ]
    if several:
        examples.append(Example(f"ops.{name}(x, axis=[1, 2])", f"x.{method}(dim=(1, 2){correction})", input=(5, 6, 8)))
    common = (f"tf.reduce_{name}", f"tf.math.reduce_{name}", f"backend.{name}")
    return Op(
        name=f"reduce_{name}",
        keras=f"ops.{name}(x, axis=None, keepdims=False)",
        layout="keras",
        shape=reduced_shape,
        expand=expand_reduction,
        aliases=(*common, *aliases) if several or name == "prod" else (),
        renamed=_RENAMED,
        examples=tuple(examples),
    )


def index_of(name: str, path: str, default: int, *aliases: str) -> Op:
    """argmax and argmin of TensorFlow and the old backend, whose default axes differ."""
    return Op(
        name=f"{path.partition('.')[0]}_{name}",
        keras=f"{path}(x, axis={default})",
        layout="keras",
        shape=lambda inputs, args: reduced_shape(inputs, {**args, "keepdims": literal(False)}),
        expand=lambda op, node, context: expand_reduction(
            replace(op, name=name), replace(node, args={**node.args, "keepdims": literal(False)}), context
        ),
        aliases=aliases,
        renamed=_RENAMED,
        examples=(Example(f"{path}(x, axis=1)", f"x.{name}(dim=1)", input=(5, 8)),),
    )


OPS = (
    *(reduction(name) for name in ("mean", "sum", "max", "min", "prod", "std")),
    reduction("var", "tf.math.reduce_variance", "tf.reduce_variance"),
    reduction("logsumexp"),
    reduction("argmax"),
    reduction("argmin"),
    *(index_of(n, f"tf.{n}", 0, f"tf.math.{n}") for n in ("argmax", "argmin")),
    *(index_of(n, f"backend.{n}", -1) for n in ("argmax", "argmin")),
)
