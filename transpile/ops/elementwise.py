"""Elementwise functions of tensors, and products of them.

https://keras.io/api/ops/numpy/ https://docs.pytorch.org/docs/stable/torch.html#math-operations
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transpile.ir import Expr, Node, Shape, literal
from transpile.ops._lowering import axes_of, known, rank, refused, run_time, unsupported
from transpile.ops.operator import BINARY, binary_shape, expand_binary
from transpile.registry import Context, Example, Lowered, Op


def unary(name: str, torch: str, *aliases: str) -> Op:
    """A function of one tensor."""
    backend = () if name == "sqrt" else (f"backend.{name}",)
    return Op(
        name=name,
        keras=f"ops.{name}(x)",
        function=f"torch.{torch}(x)",
        aliases=(f"tf.{name}", f"tf.math.{name}", *backend, *aliases),
        examples=(Example(f"ops.{name}(x)", f"torch.{torch}(x)", input=(5, 8)),),
    )


_UNARY = (
    *(
        unary(n, n)
        for n in ("square", "sqrt", "log", "abs", "sin", "cos", "sign", "round", "floor", "ceil", "rsqrt", "log1p")
    ),
    unary("expm1", "expm1"),
    unary("erf", "erf"),
    unary("negative", "neg"),
)


def _expand_backend_sqrt(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.clamp(min=0).sqrt()")


BACKEND_SQRT = Op(
    name="backend_sqrt",
    keras="backend.sqrt(x)",
    expand=_expand_backend_sqrt,
    examples=(Example("backend.sqrt(x)", "x.clamp(min=0).sqrt()", input=(5, 8)),),
    note="the square root of a negative number is 0 here",
)


def _expand_detach(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.detach()")


def _expand_like(op: Op, node: Node, context: Context) -> Lowered:
    dtype = node.args["dtype"]
    if dtype.value is not None:
        return refused(*unsupported(f"{op.keras_path}: dtype={dtype.text}"))
    return Lowered(call=f"torch.{op.name}(" + "{x})")


STOP_GRADIENT = Op(
    name="stop_gradient",
    keras="ops.stop_gradient(variable)",
    expand=_expand_detach,
    aliases=("tf.stop_gradient", "backend.stop_gradient"),
    renamed={"input": "variable", "variables": "variable"},
    examples=(Example("ops.stop_gradient(x)", "x.detach()", input=(5, 8)),),
)
_LIKES = tuple(
    Op(
        name=name,
        keras=f"ops.{name}(x, dtype=None)",
        expand=_expand_like,
        aliases=(f"tf.{name}", f"backend.{name}"),
        renamed={"input": "x", "tensor": "x"},
        examples=(Example(f"ops.{name}(x)", f"torch.{name}(x)", input=(5, 8)),),
    )
    for name in ("zeros_like", "ones_like")
)


def _expand_clip(op: Op, node: Node, context: Context) -> Lowered:
    low, high = node.args.get("x_min"), node.args.get("x_max")
    if low is None or high is None:
        return refused(("K2T112", f"{op.keras_path} with tensors as bounds"))
    return Lowered(call="{x}.clamp(" + f"{low.text}, {high.text})")


CLIP = Op(
    name="clip",
    keras="ops.clip(x, x_min, x_max)",
    expand=_expand_clip,
    aliases=("tf.clip_by_value", "backend.clip"),
    renamed={
        "min_value": "x_min",
        "max_value": "x_max",
        "clip_value_min": "x_min",
        "clip_value_max": "x_max",
        "t": "x",
    },
    examples=(Example("ops.clip(x, -0.5, 0.5)", "x.clamp(-0.5, 0.5)", input=(5, 8)),),
)

_DTYPES = {
    "float16": "torch.float16", "float32": "torch.float32", "float64": "torch.float64", "bfloat16": "torch.bfloat16",
    "int32": "torch.int32", "int64": "torch.int64", "int8": "torch.int8", "uint8": "torch.uint8", "bool": "torch.bool",
    "float": "torch.float32", "int": "torch.int32",
}  # fmt: skip


def dtype_of(expr: Expr) -> str | None:
    """PyTorch's name of a dtype given as a string, or as `tf.float32`."""
    path = getattr(expr.value, "path", "")
    name = expr.value if isinstance(expr.value, str) else str(path).removeprefix("tf.").removeprefix("dtypes.")
    return _DTYPES.get(name)


def _expand_cast(op: Op, node: Node, context: Context) -> Lowered:
    dtype = dtype_of(node.args["dtype"])
    if dtype is None:
        return refused(*run_time(node.args["dtype"], "dtype"))
    return Lowered(call="{x}.to(" + f"{dtype})")


CAST = Op(
    name="cast",
    keras="ops.cast(x, dtype)",
    expand=_expand_cast,
    aliases=("tf.cast", "backend.cast"),
    examples=(Example("ops.cast(x, 'float32')", "x.to(torch.float32)", input=(5, 8)),),
)


def _expand_extreme(op: Op, node: Node, context: Context) -> Lowered:
    """maximum(x, 0.5) is a clamp: the gradient of a tie goes to the tensor, as in Keras."""
    given = [node.args[n] for n in ("x1", "x2") if n in node.args]
    if not given:
        return expand_function(op, node, context)
    if not isinstance(given[0].value, int | float):
        return refused(("K2T112", f"{op.keras_path} of a tensor and {given[0].text}, which is no number"))
    bound = "min" if op.name == "maximum_ops" else "max"
    return Lowered(call="{x}.clamp(" + f"{bound}={given[0].text})")


def expand_function(op: Op, node: Node, context: Context) -> Lowered:
    """A torch function of two tensors that are broadcast from the right."""
    name = op.name.removesuffix("_ops")
    even = rank(node, 0) == rank(node, 1)
    if context.layout == "torch" and not even:
        return refused(("K2T112", f"{op.keras_path} of tensors of different rank"))
    return Lowered(call=f"torch.{name}(" + "{x0}, {x1})")


def _extreme_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    return binary_shape(inputs, {"operator": literal("+")})


_EXTREMES = tuple(
    Op(
        name=f"{name}_ops",
        keras=f"ops.{name}(x1, x2)",
        shape=_extreme_shape,
        expand=_expand_extreme,
        aliases=(f"tf.{name}", f"tf.math.{name}", f"backend.{name}"),
        renamed={"x": "x1", "y": "x2"},
        examples=(
            Example(f"ops.{name}(x0, x1)", f"torch.{name}(x0, x1)", input=((5, 8), (5, 8))),
            Example(f"ops.{name}(x, 0.5)", f"x.clamp({'min' if name == 'maximum' else 'max'}=0.5)", input=(5, 8)),
            Example(f"ops.{name}(0.5, x)", f"x.clamp({'min' if name == 'maximum' else 'max'}=0.5)", input=(5, 8)),
        ),
        note="the gradient of a tie goes to both tensors in PyTorch",
    )
    for name in ("maximum", "minimum")
)


def _as_binary(symbol: str, node: Node) -> Node:
    sides = {"left": "x1", "right": "x2"}
    given = {side: node.args[n] for side, n in sides.items() if n in node.args}
    return replace(node, args={"operator": literal(symbol), **given})


def arithmetic(name: str, symbol: str, *aliases: str) -> Op:
    """`ops.add(a, b)` is `a + b`."""

    def expand(op: Op, node: Node, context: Context) -> Lowered:
        return expand_binary(BINARY, _as_binary(symbol, node), context)

    def shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
        return binary_shape(inputs, {"operator": literal(symbol)})

    return Op(
        name=f"{name}_ops",
        keras=f"ops.{name}(x1, x2)",
        shape=shape,
        expand=expand,
        aliases=(f"tf.{name}", f"tf.math.{name}", *aliases),
        renamed={"x": "x1", "y": "x2", "a": "x1"},
        examples=(
            Example(f"ops.{name}(x0, x1)", f"x0 {symbol} x1", input=((5, 8), (5, 8))),
            Example(f"ops.{name}(x, 2.0)", f"x {symbol} 2.0", input=(5, 8)),
        ),
    )


_ARITHMETIC = (
    arithmetic("add", "+"),
    arithmetic("subtract", "-", "tf.sub"),
    arithmetic("multiply", "*", "tf.mul"),
    arithmetic("divide", "/", "tf.div", "tf.truediv", "ops.true_divide"),
)


def _expand_power(op: Op, node: Node, context: Context) -> Lowered:
    return expand_binary(BINARY, _as_binary("**", node), context)


POWER = Op(
    name="power",
    keras="ops.power(x1, x2)",
    shape=_extreme_shape,
    expand=_expand_power,
    aliases=("tf.pow", "tf.math.pow", "backend.pow"),
    renamed={"x": "x1", "y": "x2", "a": "x2"},
    examples=(Example("ops.power(x, 2)", "x ** 2", input=(5, 8)),),
)


def _expand_matmul(op: Op, node: Node, context: Context) -> Lowered:
    """A product of matrices; `ops.dot` and `backend.dot` only where it is the same."""
    wrong = known(node, "transpose_a", "transpose_b")
    if len(node.inputs) != 2:
        return refused(("K2T112", f"{op.keras_path} of a tensor and a value that is none"))
    if op.name == "dot_ops" and rank(node, 1) != 2:
        wrong += (("K2T112", "dot with more than a matrix on the right"),)
    if wrong:
        return refused(*wrong)
    sides = zip(("transpose_a", "transpose_b"), ("{x0}", "{x1}"))
    flipped = [f"{x}.transpose(-2, -1)" if n in node.args and node.args[n].value else x for n, x in sides]
    return Lowered(call=f"{flipped[0]} @ {flipped[1]}")


def _matmul_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    if len(inputs) != 2 or inputs[0] is None or inputs[1] is None or min(len(s) for s in inputs if s) < 2:
        return None
    left, right = list(inputs[0]), list(inputs[1])
    if "transpose_a" in args and args["transpose_a"].value:
        left[-2:] = reversed(left[-2:])
    if "transpose_b" in args and args["transpose_b"].value:
        right[-2:] = reversed(right[-2:])
    return (*left[:-1], right[-1])


MATMULS = tuple(
    Op(
        name=name,
        keras=keras,
        layout="keras",
        shape=_matmul_shape,
        expand=_expand_matmul,
        aliases=aliases,
        renamed={"a": "x1", "b": "x2", "x": "x1", "y": "x2"},
        examples=examples,
    )
    for name, keras, aliases, examples in (
        (
            "matmul", "ops.matmul(x1, x2)", (),
            (Example("ops.matmul(x0, x1)", "x0 @ x1", input=((5, 8), (8, 4))),),
        ),
        (
            "matmul_tf", "tf.matmul(x1, x2, transpose_a=False, transpose_b=False)", ("tf.linalg.matmul",),
            (
                Example("tf.matmul(x0, x1)", "x0 @ x1", input=((5, 8), (8, 4))),
                Example("tf.matmul(x0, x1, transpose_b=True)", "x0 @ x1.transpose(-2, -1)", input=((5, 8), (6, 8))),
            ),
        ),
        ("dot_ops", "ops.dot(x1, x2)", ("backend.dot",), ()),
    )
)  # fmt: skip


def _expand_l2(op: Op, node: Node, context: Context) -> Lowered:
    """x / max(norm, sqrt(epsilon))."""
    axis = node.args["axis"]
    if axis.value is None:
        return refused(*unsupported(f"{op.keras_path}: axis={axis.text}"))
    if isinstance(axis.value, tuple | list) and len(axis.value) == 1:
        axis = literal(axis.value[0])
    epsilon = node.args["epsilon"]
    if not isinstance(epsilon.value, float | int):
        return refused(*run_time(epsilon, "epsilon"))
    root = f"{epsilon.value**0.5:.6g}"
    return Lowered(call="F.normalize({x}, dim=" + f"{axis.text}, eps={float(root)!r})")


L2_NORMALIZE = Op(
    name="l2_normalize",
    keras="tf.math.l2_normalize(x, axis=None, epsilon=1e-12)",
    layout="keras",
    expand=_expand_l2,
    aliases=("tf.nn.l2_normalize", "tf.linalg.l2_normalize", "backend.l2_normalize"),
    renamed={"dim": "axis"},
    examples=(Example("tf.math.l2_normalize(x, axis=-1)", "F.normalize(x, dim=-1, eps=1e-06)", input=(5, 8)),),
)


def _expand_batch_dot(op: Op, node: Node, context: Context) -> Lowered:
    """The batched product of matrices."""
    axes = node.args["axes"]
    ranks = rank(node, 0), rank(node, 1)
    if ranks != (3, 3):
        return refused(("K2T112", f"batch_dot of tensors of rank {ranks[0]} and {ranks[1]}"))
    given = (2, 1) if axes.value is None else axes.value
    pair = (given, given) if isinstance(given, int) else given
    if not isinstance(pair, tuple | list) or axes_of(literal(pair), 3) is None or 0 in pair:
        return refused(*run_time(axes, "axes"))
    first = "{x0}" if pair[0] % 3 == 2 else "{x0}.transpose(1, 2)"
    second = "{x1}" if pair[1] % 3 == 1 else "{x1}.transpose(1, 2)"
    return Lowered(call=f"{first} @ {second}")


def _batch_dot_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    if len(inputs) != 2 or any(s is None or len(s) != 3 for s in inputs):
        return None
    axes = args["axes"].value
    pair = (2, 1) if axes is None else (axes, axes) if isinstance(axes, int) else axes
    if not isinstance(pair, tuple | list) or inputs[0] is None or inputs[1] is None:
        return None
    return (inputs[0][0], inputs[0][3 - pair[0] % 3], inputs[1][3 - pair[1] % 3])


BATCH_DOT = Op(
    name="batch_dot",
    keras="backend.batch_dot(x, y, axes=None)",
    layout="keras",
    shape=_batch_dot_shape,
    expand=_expand_batch_dot,
    examples=(Example("backend.batch_dot(x0, x1, axes=2)", "x0 @ x1.transpose(1, 2)", input=((5, 8), (6, 8))),),
)


def _expand_cross_entropy(op: Op, node: Node, context: Context) -> Lowered:
    """Of two tensors that are the output and its target; not averaged."""
    if node.args["from_logits"].value is not False or {"target", "output"} & set(node.args):
        return refused(("K2T112", f"{op.keras_path}: these arguments cannot be converted"))
    return Lowered(call='F.binary_cross_entropy({x1}.clamp(1e-7, 1 - 1e-7), {x0}, reduction="none")')


CROSS_ENTROPY = Op(
    name="binary_crossentropy_ops",
    keras="ops.binary_crossentropy(target, output, from_logits=False)",
    layout="any",
    shape=_extreme_shape,
    expand=_expand_cross_entropy,
    aliases=("backend.binary_crossentropy",),
    examples=(
        Example(
            "ops.binary_crossentropy(ops.sigmoid(x0), ops.sigmoid(x1))",
            'F.binary_cross_entropy(y_1.clamp(1e-7, 1 - 1e-7), y, reduction="none")',
            input=((5, 8), (5, 8)),
        ),
    ),
)

OPS = (
    CROSS_ENTROPY,
    *_UNARY, BACKEND_SQRT, STOP_GRADIENT, *_LIKES, CLIP, CAST, *_EXTREMES, *_ARITHMETIC, POWER, *MATMULS, L2_NORMALIZE, BATCH_DOT,
)  # fmt: skip
