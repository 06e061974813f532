"""Merge layers and functions: several tensors become one.

Keras pads the rank of a smaller tensor after the batch axis; concatenation axes move with the
layout. https://keras.io/api/layers/merging_layers/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.ir import FREE, Dim, Expr, Node, Shape, literal
from transpile.ops._lowering import (
    dim,
    is_known,
    known,
    rank,
    refused,
    run_time,
    unsupported,
)  # fmt: skip
from transpile.registry import Context, Example, Lowered, Op
from transpile.shapes import add, value

_TWO = ((5, 6, 8), (5, 6, 8))
_THREE = (*_TWO, (5, 6, 8))
_MASKED = ("multiply", "maximum", "minimum")  # Keras 3 leaves masked steps out
KINDS = ("add", "subtract", "multiply", "average", "maximum", "minimum")


def broadcast(shapes: Sequence[Shape | None]) -> Shape | None:
    """The shape of an elementwise combination; smaller ranks are padded after the batch."""
    if not shapes or any(s is None or not s for s in shapes):
        return None
    known_shapes = [s for s in shapes if s is not None]
    most = max(map(len, known_shapes))
    padded = [(s[0], *[literal(1)] * (most - len(s)), *s[1:]) for s in known_shapes]
    return tuple(_widest(dims) for dims in zip(*padded))


def _widest(dims: Sequence[Dim]) -> Dim:
    rest = [d for d in dims if value(d) != 1]
    return next((d for d in rest if d.text), rest[0] if rest else dims[0])


def merged_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The shape rule of the elementwise merges."""
    return broadcast(inputs)


def aligned(node: Node) -> list[str] | None:
    """The inputs, each with as many axes as the largest; None if a rank is not known."""
    ranks = [rank(node, i) for i in range(len(node.inputs))]
    names = [f"{{x{i}}}" for i in range(len(ranks))]
    most = max((r for r in ranks if r is not None), default=0)
    if all(r == most for r in ranks) or all(r is None for r in ranks):
        return names
    if None in ranks:
        return None
    texts = []
    for name, own in zip(names, ranks):
        missing = most - (own or most)
        before = ":, :" if missing and (own or 0) >= 2 and node.layout == "torch" else ":"
        texts.append(f"{name}[{before}{', None' * missing}]" if missing else name)
    return texts


def _joined(operator: str, texts: Sequence[str]) -> str:
    return f" {operator} ".join(texts)


def _nested(function: str, texts: Sequence[str]) -> str:
    result = texts[0]
    for text in texts[1:]:
        result = f"torch.{function}({result}, {text})"
    return result


def combine(kind: str, texts: Sequence[str]) -> str:
    """The text of an elementwise merge."""
    match kind:
        case "add":
            return _joined("+", texts)
        case "subtract":
            return _joined("-", texts)
        case "multiply":
            return _joined("*", texts)
        case "average":
            return f"({_joined('+', texts)}) / {len(texts)}"
    return _nested(kind, texts)


def _expand_merge(op: Op, node: Node, context: Context) -> Lowered:
    texts = aligned(_placed(node, context))
    if texts is None:
        return refused(("K2T111", f"{op.keras_class}: the rank of an input is not known"))
    kind = op.name.removesuffix("_function")
    return _masked(kind, texts, node, context) if any(node.masks) else Lowered(call=combine(kind, texts))


def _masked(kind: str, texts: Sequence[str], node: Node, context: Context) -> Lowered:
    """A merge of tensors with Keras masks: a masked step gives way to the other tensor's.

    Where both are masked a product is 0, a maximum or minimum the first tensor's.
    https://github.com/keras-team/keras/blob/v3.15.0/keras/src/layers/merging/base_merge.py
    """
    several = len({*node.masks} - {""}) > 1 or (len(texts) > 2 and "" in node.masks)
    if several or any(rank(node, i) != 3 for i in range(len(texts))):
        return refused(("K2T113", f"a mask that changes what {kind} gives"))
    steps = [f"{m}[:, None]" if context.layout == "torch" else f"{m}[..., None]" for m in node.masks]
    if all(node.masks):
        first = "0" if kind == "multiply" else texts[0]
        return Lowered(call=f"torch.where({steps[0]}, {combine(kind, texts)}, {first})")
    at = 0 if node.masks[0] else 1
    other = "1" if kind == "multiply" else texts[1 - at]
    left = [f"torch.where({steps[at]}, {t}, {other})" if i == at else t for i, t in enumerate(texts)]
    return Lowered(call=combine(kind, left))


def _placed(node: Node, context: Context) -> Node:
    """The node with the layout that is in force."""
    return replace(node, layout=context.layout)


def elementwise_merge(kind: str, layer: bool) -> Op:
    """Add, Multiply, ... as a layer or as a function."""
    path = f"layers.{kind.capitalize()}" if layer else f"layers.{kind}"

    def call(tensors: str) -> str:
        return f"{path}()([{tensors}])" if layer else f"{path}([{tensors}])"

    two = combine(kind, ("x0", "x1"))
    examples = [Example(call("x0, x1"), two, input=_TWO)]
    if layer:
        padded = combine(kind, ("x0", "x1[:, None, None]"))
        examples += [
            Example(call("x0, x1"), two, input=((8,), (8,))),
            Example(call("x0, x1"), two, input=((5, 6, 8), (1, 1, 8))),
            Example(call("x0, x1"), padded, input=((5, 6, 8), (8,))),
        ]
    if kind != "subtract":
        examples.append(Example(call("x0, x1, x2"), combine(kind, ("x0", "x1", "x2")), input=_THREE))
    return Op(
        name=kind if layer else f"{kind}_function",
        keras=f"{path}()" if layer else f"{path}(inputs)",
        shape=merged_shape,
        mask="use+merge" if kind in _MASKED else "merge",
        expand=_expand_merge,
        examples=tuple(examples),
        note="the gradient of a tie goes to both tensors in PyTorch" if "imum" in kind else "",
    )


def concat_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """The extents along the axis are added."""
    shapes = [s for s in inputs if s is not None]
    axis = args.get("axis", literal(-1)).value
    if len(shapes) != len(inputs) or not shapes or not isinstance(axis, int):
        return None
    if len({len(s) for s in shapes}) != 1 or not -len(shapes[0]) <= axis < len(shapes[0]):
        return None
    at = axis % len(shapes[0])
    others = [next((s[i] for s in shapes if s[i].text), shapes[0][i]) for i in range(len(shapes[0]))]
    joined = add([s[at] for s in shapes]) if at else FREE
    return (*others[:at], joined, *others[at + 1 :])


def expand_concat(op: Op, node: Node, context: Context) -> Lowered:
    """torch.cat along the axis where it lies now."""
    where, wrong = dim(node, context)
    return refused(*wrong) if wrong else Lowered(call="torch.cat([{xs}], dim=" + where.text + ")")


def concat(name: str, keras: str, aliases: tuple[str, ...], renamed: Mapping[str, str]) -> Op:
    """Concatenation; Keras, its backend and TensorFlow have different default axes."""
    path, _, rest = keras.partition("(")
    layer = path == "layers.Concatenate"

    def call(arguments: str) -> str:
        if layer:
            return f"{path}({arguments})([x0, x1])"
        return f"{path}([x0, x1]{', ' if arguments else ''}{arguments})"

    required = "=" not in rest
    examples = [
        Example(call("axis=-1"), "torch.cat([x0, x1], dim=-1)", input=((5, 6, 8), (5, 6, 3))),
        Example(call("axis=1"), "torch.cat([x0, x1], dim=1)", input=((5, 6, 8), (4, 6, 8))),
        Example(call("axis=2"), "torch.cat([x0, x1], dim=2)", input=((5, 6), (5, 3))),
    ]
    if not required and "axis=-1" in rest:
        examples.append(Example(call(""), "torch.cat([x0, x1], dim=-1)", input=((8,), (3,))))
    return Op(
        name=name,
        keras=keras,
        function="torch.cat(xs, dim=0)",
        same={"axis": "dim"},
        axes=("axis",),
        shape=concat_shape,
        mask="merge" if path.startswith("layers.") else "drop",
        expand=expand_concat,
        aliases=aliases,
        renamed=renamed,
        ignored=("inputs",),
        examples=tuple(examples),
    )


_TENSORS = dict.fromkeys(("inputs", "values", "xs", "x", "list_of_tensors"), "tensors")
CONCATS = (
    concat("concatenate", "layers.Concatenate(axis=-1)", (), {"concat_axis": "axis"}),
    concat(
        "concatenate_function", "layers.concatenate(tensors, axis=-1)", ("backend.concatenate",),
        _TENSORS | {"concat_axis": "axis"},
    ),
    concat("concatenate_ops", "ops.concatenate(tensors, axis=0)", (), _TENSORS),
    concat("concat", "tf.concat(tensors, axis)", ("tf.concat_v2",), _TENSORS | {"concat_dim": "axis"}),
)  # fmt: skip


def _dot_axes(node: Node) -> tuple[int, int] | None:
    """The two axes that are summed over, counted from the front."""
    axes = node.args["axes"].value
    pair = (axes, axes) if isinstance(axes, int) else axes
    ranks = rank(node, 0), rank(node, 1)
    if not isinstance(pair, tuple | list) or len(pair) != 2 or None in ranks:
        return None
    if not all(isinstance(a, int) for a in pair):
        return None
    return pair[0] % (ranks[0] or 1), pair[1] % (ranks[1] or 1)


def dot_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    """Both shapes without the axis that is summed over, one batch."""
    axes = args["axes"].value
    pair = (axes, axes) if isinstance(axes, int) else axes
    if len(inputs) != 2 or inputs[0] is None or inputs[1] is None:
        return None
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not is_known(pair):
        return None
    left = [d for i, d in enumerate(inputs[0]) if i != pair[0] % len(inputs[0])]
    right = [d for i, d in enumerate(inputs[1]) if i != pair[1] % len(inputs[1])]
    result = (*left, *right[1:])
    return result if len(result) > 1 else (result[0], literal(1))


def expand_dot(op: Op, node: Node, context: Context) -> Lowered:
    """A batched product: of vectors, or of matrices."""
    normalize = node.args.get("normalize", literal(False))
    wrong = known(node, "normalize")
    axes = _dot_axes(node)
    if axes is None:
        wrong += run_time(node.args["axes"], "axes")
    if wrong or axes is None:
        return refused(*wrong)
    texts = ["{x0}", "{x1}"]
    if normalize.value:
        texts = [f"F.normalize({t}, dim={a}, eps=1e-06)" for t, a in zip(texts, axes)]
    ranks = rank(node, 0), rank(node, 1)
    if ranks == (2, 2):
        return Lowered(call=f"({texts[0]} * {texts[1]}).sum(dim=1, keepdim=True)")
    left = {3: "bij" if axes[0] == 2 else "bji", 2: "bj"}.get(ranks[0] or 0)
    right = {3: "bjk" if axes[1] == 1 else "bkj", 2: "bj"}.get(ranks[1] or 0)
    if left is None or right is None or 0 in axes:
        return refused(*unsupported(f"{op.keras_class} of tensors of rank {ranks[0]} and {ranks[1]}"))
    if ranks == (3, 3):
        first = texts[0] if axes[0] == 2 else f"{texts[0]}.transpose(1, 2)"
        second = texts[1] if axes[1] == 1 else f"{texts[1]}.transpose(1, 2)"
        return Lowered(call=f"{first} @ {second}")
    out = "b" + "".join(c for c in left + right if c in "ik")
    return Lowered(call=f'torch.einsum("{left},{right}->{out}", {texts[0]}, {texts[1]})')


def dot(name: str, keras: str, aliases: tuple[str, ...]) -> Op:
    """Dot as a layer or a function."""
    layer = "layers.Dot" in keras
    form = "layers.Dot({})([x0, x1])" if layer else "layers.dot([x0, x1], {})"
    matrices = ((5, 8), (6, 8))
    return Op(
        name=name,
        keras=keras,
        function="torch.matmul(x0, x1)",
        layout="keras",
        shape=dot_shape,
        expand=expand_dot,
        aliases=aliases,
        ignored=("inputs",),
        renamed={"dot_axes": "axes"},
        examples=(
            Example(form.format("axes=1"), "(x0 * x1).sum(dim=1, keepdim=True)", input=((8,), (8,))),
            Example(form.format("axes=2"), "x0 @ x1.transpose(1, 2)", input=matrices),
            Example(form.format("axes=(2, 1)"), "x0 @ x1", input=((5, 8), (8, 6))),
            Example(form.format("axes=1"), "x0.transpose(1, 2) @ x1", input=((8, 5), (8, 6))),
            Example(form.format("axes=[2, 1]"), 'torch.einsum("bij,bj->bi", x0, x1)', input=((5, 8), (8,))),
            Example(
                form.format("axes=1, normalize=True"),
                "(F.normalize(x0, dim=1, eps=1e-06) * F.normalize(x1, dim=1, eps=1e-06)).sum(dim=1, keepdim=True)",
                input=((8,), (8,)),
            ),
        ),
    )


_MODES = {"sum": "add", "mul": "multiply", "ave": "average", "avg": "average", "max": "maximum", "min": "minimum"}


def _legacy(args: Mapping[str, Expr]) -> dict[str, Expr]:
    return {"axis": args["concat_axis"], "axes": args["dot_axes"], "normalize": literal(args["mode"].value == "cos")}


def _legacy_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    match args["mode"].value:
        case "concat":
            return concat_shape(inputs, _legacy(args))
        case "dot" | "cos":
            return dot_shape(inputs, _legacy(args))
    return broadcast(inputs)


def _expand_legacy(op: Op, node: Node, context: Context) -> Lowered:
    """Keras 1's merge([...], mode="concat", concat_axis=3)."""
    mode = node.args["mode"]
    old = [n for n in ("output_shape", "output_mask", "arguments") if n in node.args]
    wrong = [unsupported(f"merge: {n}")[0] for n in old if node.args[n].value is not None]
    if wrong:
        return refused(*wrong)
    inner = replace(node, args=_legacy(node.args), layout=context.layout)
    match mode.value:
        case "concat":
            return expand_concat(op, inner, context)
        case "dot" | "cos":
            return expand_dot(op, inner, context)
        case str() as kind if kind in _MODES:
            texts = aligned(inner)
            if texts is not None:
                return Lowered(call=combine(_MODES[kind], texts))
    return refused(*(run_time(mode, "mode") if not is_known(mode.value) else unsupported(f"merge: mode={mode.text}")))


LEGACY = Op(
    name="merge",
    keras="layers.merge(inputs, mode='sum', concat_axis=-1, dot_axes=-1, output_shape=None, "
    "output_mask=None, arguments=None)",
    layout="keras",
    shape=_legacy_shape,
    expand=_expand_legacy,
    aliases=("layers.merge.merge",),
    ignored=("tensor_indices", "node_indices"),
    examples=(
        Example("layers.merge([x0, x1], mode='concat', concat_axis=3)", "torch.cat([x0, x1], dim=3)", input=_TWO),
        Example("layers.merge([x0, x1], mode='sum')", "x0 + x1", input=_TWO),
        Example("layers.merge([x0, x1], mode='mul')", "x0 * x1", input=_TWO),
        Example("layers.merge([x0, x1], mode='dot', dot_axes=2)", "x0 @ x1.transpose(1, 2)", input=((5, 8), (6, 8))),
    ),
    note="Keras 1",
)

OPS = (
    *(elementwise_merge(kind, layer) for layer in (True, False) for kind in KINDS), *CONCATS,
    dot("dot_layer", "layers.Dot(axes, normalize=False)", ()),
    dot("dot_function", "layers.dot(inputs, axes=-1, normalize=False)", ()), LEGACY,
)  # fmt: skip
