"""Activations: functions, the strings that name them, and layers.

The three defaults of a leaky slope (0.2 for the function, 0.3 for the layer, 0.01 in PyTorch) and
the exact and approximate gelu are the differences that matter.
https://keras.io/api/layers/activations/
https://docs.pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions
"""

from __future__ import annotations

from collections.abc import Mapping

from transpile.ir import UNKNOWN, Expr, Node, literal
from transpile.ops._lowering import dim, known, refused, run_time, unsupported
from transpile.registry import Context, Example, Lowered, Op, spell

_OLD_NAMES = {"features": "x", "logits": "x", "dim": "axis"}


def spellings(name: str, *more: str) -> tuple[str, ...]:
    """The other paths of an activation function."""
    return (f"ops.{name}", f"tf.nn.{name}", f"backend.{name}", *more)


def elementwise(name: str, function: str, torch: str = "", aliases: tuple[str, ...] = (), layer: str = "") -> Op:
    """An activation without arguments."""
    keras = layer or f"activations.{name}(x)"
    call = keras.replace("(x)", "()") if layer else keras
    module = (Example(call, torch, input=(5, 8)),) if torch else ()
    return Op(
        name=name,
        keras=keras,
        torch=torch,
        function=function,
        mask="keep",
        aliases=aliases or spellings(name),
        renamed=_OLD_NAMES,
        examples=(Example(call, function, input=(5, 8)), *module),
    )


_PLAIN = (
    elementwise("sigmoid", "torch.sigmoid(x)", "nn.Sigmoid()", spellings("sigmoid", "tf.sigmoid", "tf.math.sigmoid")),
    elementwise("tanh", "torch.tanh(x)", "nn.Tanh()", spellings("tanh", "tf.tanh", "tf.math.tanh")),
    elementwise("selu", "F.selu(x)", "nn.SELU()"),
    elementwise("softplus", "F.softplus(x)", "nn.Softplus()", spellings("softplus", "tf.math.softplus")),
    elementwise("softsign", "F.softsign(x)", "nn.Softsign()", spellings("softsign", "tf.math.softsign")),
    elementwise("silu", "F.silu(x)", "nn.SiLU()", (*spellings("silu", "activations.swish"), *spellings("swish"))),
    elementwise("hard_sigmoid", "F.hardsigmoid(x)", "nn.Hardsigmoid()", ("ops.hard_sigmoid",)),
    elementwise(
        "hard_silu", "F.hardswish(x)", "nn.Hardswish()",
        ("ops.hard_silu", "activations.hard_swish", "ops.hard_swish"),
    ),
    elementwise("relu6", "F.relu6(x)", "nn.ReLU6()"),
    elementwise("mish", "F.mish(x)", "nn.Mish()"),
    elementwise("log_sigmoid", "F.logsigmoid(x)", "nn.LogSigmoid()", spellings("log_sigmoid", "tf.math.log_sigmoid")),
    elementwise("tanh_shrink", "F.tanhshrink(x)", "nn.Tanhshrink()"),
    elementwise(
        "exponential", "torch.exp(x)", "", ("ops.exp", "tf.exp", "tf.math.exp", "backend.exp")
    ),
)  # fmt: skip


def _expand_linear(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}") if context.in_class else Lowered(module="nn.Identity()")


LINEAR = Op(
    name="linear",
    keras="activations.linear(x)",
    torch="nn.Identity()",
    mask="keep",
    expand=_expand_linear,
    aliases=("layers.Identity", "tf.identity", "ops.identity"),
    renamed={"input": "x"},
    examples=(Example("activations.linear(x)", "x", input=(5, 8)),),
)


def _expand_hard_tanh(op: Op, node: Node, context: Context) -> Lowered:
    return Lowered(call="{x}.clamp(-1, 1)")


HARD_TANH = Op(
    name="hard_tanh",
    keras="activations.hard_tanh(x)",
    mask="keep",
    expand=_expand_hard_tanh,
    aliases=("ops.hard_tanh",),
    examples=(Example("activations.hard_tanh(x)", "x.clamp(-1, 1)", input=(5, 8)),),
)


def _expand_relu(op: Op, node: Node, context: Context) -> Lowered:
    """ReLU with a slope, a ceiling and a threshold, each in its own words."""
    slope, ceiling, threshold = (node.args[n] for n in ("negative_slope", "max_value", "threshold"))
    wrong = known(node, "max_value", "threshold") if threshold.value != 0 or ceiling.value is not None else ()
    if wrong:
        return refused(*wrong)
    sloped, capped, shifted = slope.value not in (0, None), ceiling.value is not None, threshold.value not in (0, None)
    if not (sloped or shifted):
        if not capped:
            return Lowered(call="F.relu({x})") if context.in_class else Lowered(module="nn.ReLU()")
        if ceiling.value == 6:
            return Lowered(call="F.relu6({x})") if context.in_class else Lowered(module="nn.ReLU6()")
        return Lowered(call="F.relu({x}).clamp(max=" + ceiling.text + ")")
    if not (capped or shifted):
        if context.in_class:
            return Lowered(call="F.leaky_relu({x}, " + slope.text + ")")
        return Lowered(module=f"nn.LeakyReLU({slope.text})")
    if not (capped or sloped):
        if context.in_class:
            return Lowered(call="F.threshold({x}, " + threshold.text + ", 0.0)")
        return Lowered(module=f"nn.Threshold({threshold.text}, 0.0)")
    wrong = known(node, "negative_slope")
    if wrong:
        return refused(*wrong)
    arguments = f"{slope.text}, {ceiling.text}, {threshold.text}"
    return Lowered(call="general_relu({x}, " + arguments + ")", helpers=("general_relu",))


def relu(name: str, keras: str, aliases: tuple[str, ...]) -> Op:
    """The function, or the layer, with its arguments."""
    path, _, rest = keras.partition("(")
    first = "x, " if rest.startswith("x") else ""

    def example(arguments: str, torch: str) -> Example:
        return Example(f"{path}({(first + arguments).removesuffix(', ')})", torch, input=(5, 8))

    return Op(
        name=name,
        keras=keras,
        torch="nn.ReLU()",
        function="F.relu(x)",
        mask="keep",
        expand=_expand_relu,
        aliases=aliases,
        renamed={"alpha": "negative_slope", "features": "x"},
        examples=(
            example("", "F.relu(x)"),
            example("", "nn.ReLU()"),
            example("max_value=6.0", "F.relu6(x)"),
            example("max_value=1.5", "F.relu(x).clamp(max=1.5)"),
            example("negative_slope=0.25", "F.leaky_relu(x, 0.25)"),
            example("threshold=0.5", "F.threshold(x, 0.5, 0.0)"),
            example("max_value=1.5, negative_slope=0.25", "general_relu(x, 0.25, 1.5, 0.0)"),
            example("max_value=1.5, threshold=0.5", "general_relu(x, 0.0, 1.5, 0.5)"),
            example("negative_slope=0.25, threshold=0.5", "general_relu(x, 0.25, None, 0.5)"),
        ),
    )


RELUS = (
    relu("relu", "activations.relu(x, negative_slope=0.0, max_value=None, threshold=0.0)", spellings("relu")),
    relu("relu_layer", "layers.ReLU(max_value=None, negative_slope=0.0, threshold=0.0)", ()),
)


def one_number(
    name: str, keras: str, function: str, torch: str, parameter: str, to: str,
    examples: tuple[Example, ...], aliases: tuple[str, ...] = (), renamed: Mapping[str, str] | None = None,
) -> Op:  # fmt: skip
    """An activation with one number: `parameter` of Keras's is `to` of PyTorch's."""
    return Op(
        name=name,
        keras=keras,
        torch=torch,
        function=function,
        same={parameter: to},
        mask="keep",
        aliases=aliases,
        renamed=_OLD_NAMES | dict(renamed or {}),
        examples=examples,
    )


def _pair(keras: str, torch: str) -> Example:
    return Example(keras, torch, input=(5, 8))


_ALPHA = {"alpha": "negative_slope"}
_NUMBERS = (
    one_number(
        "leaky_relu", "activations.leaky_relu(x, negative_slope=0.2)", "F.leaky_relu(x, negative_slope)",
        "nn.LeakyReLU(negative_slope)", "negative_slope", "negative_slope",
        (
            _pair("activations.leaky_relu(x)", "F.leaky_relu(x, 0.2)"),
            _pair("activations.leaky_relu(x, negative_slope=0.25)", "F.leaky_relu(x, 0.25)"),
        ),
        spellings("leaky_relu"), _ALPHA,
    ),
    one_number(
        "leaky_relu_layer", "layers.LeakyReLU(negative_slope=0.3)", "F.leaky_relu(x, negative_slope)",
        "nn.LeakyReLU(negative_slope)", "negative_slope", "negative_slope",
        (
            _pair("layers.LeakyReLU()", "F.leaky_relu(x, 0.3)"),
            _pair("layers.LeakyReLU(0.2)", "nn.LeakyReLU(0.2)"),
            _pair("layers.LeakyReLU(alpha=0.2)", "F.leaky_relu(x, 0.2)"),
        ),
        (), _ALPHA,
    ),
    one_number(
        "elu", "activations.elu(x, alpha=1.0)", "F.elu(x, alpha=1.0)", "nn.ELU(alpha=1.0)", "alpha", "alpha",
        (
            _pair("activations.elu(x)", "F.elu(x)"),
            _pair("activations.elu(x, alpha=0.5)", "F.elu(x, alpha=0.5)"),
        ),
        spellings("elu"),
    ),
    one_number(
        "elu_layer", "layers.ELU(alpha=1.0)", "F.elu(x, alpha=1.0)", "nn.ELU(alpha=1.0)", "alpha", "alpha",
        (_pair("layers.ELU()", "F.elu(x)"), _pair("layers.ELU(0.5)", "nn.ELU(alpha=0.5)")),
    ),
    one_number(
        "celu", "activations.celu(x, alpha=1.0)", "F.celu(x, alpha=1.0)", "nn.CELU(alpha=1.0)", "alpha", "alpha",
        (_pair("activations.celu(x, alpha=0.5)", "F.celu(x, alpha=0.5)"),), ("ops.celu",),
    ),
    one_number(
        "hard_shrink", "activations.hard_shrink(x, threshold=0.5)", "F.hardshrink(x, lambd=0.5)",
        "nn.Hardshrink(lambd=0.5)", "threshold", "lambd",
        (_pair("activations.hard_shrink(x, threshold=0.3)", "F.hardshrink(x, lambd=0.3)"),), ("ops.hard_shrink",),
    ),
    one_number(
        "soft_shrink", "activations.soft_shrink(x, threshold=0.5)", "F.softshrink(x, lambd=0.5)",
        "nn.Softshrink(lambd=0.5)", "threshold", "lambd",
        (_pair("activations.soft_shrink(x, threshold=0.3)", "F.softshrink(x, lambd=0.3)"),), ("ops.soft_shrink",),
    ),
)  # fmt: skip

THRESHOLD = Op(
    name="threshold",
    keras="activations.threshold(x, threshold, default_value)",
    torch="nn.Threshold(threshold, value)",
    function="F.threshold(x, threshold, value)",
    same={"threshold": "threshold", "default_value": "value"},
    mask="keep",
    aliases=("ops.threshold",),
    examples=(_pair("activations.threshold(x, 0.5, 0.1)", "F.threshold(x, 0.5, 0.1)"),),
)

THRESHOLDED_RELU = Op(
    name="thresholded_relu",
    keras="layers.ThresholdedReLU(theta=1.0)",
    torch="nn.Threshold(threshold, value)",
    function="F.threshold(x, threshold, value)",
    same={"theta": "threshold"},
    to_torch={"value": "0.0"},
    mask="keep",
    examples=(_pair("layers.ThresholdedReLU(0.5)", "F.threshold(x, 0.5, 0.0)"),),
    note="a layer of Keras 2; Keras 3 has ReLU(threshold=...)",
)


def gelu(name: str, keras: str, aliases: tuple[str, ...], examples: tuple[Example, ...]) -> Op:
    """`keras.ops.gelu` is approximate by default, `keras.activations.gelu` exact."""
    return Op(
        name=name,
        keras=keras,
        torch="nn.GELU(approximate='none')",
        function="F.gelu(x, approximate='none')",
        to_torch={"approximate": "'tanh' if approximate else 'none'"},
        to_keras={"approximate": "approximate == 'tanh'"},
        mask="keep",
        aliases=aliases,
        renamed=_OLD_NAMES,
        examples=examples,
    )


GELUS = (
    gelu(
        "gelu",
        "activations.gelu(x, approximate=False)",
        ("tf.nn.gelu",),
        (
            _pair("activations.gelu(x)", "F.gelu(x)"),
            _pair("activations.gelu(x, approximate=True)", "F.gelu(x, approximate='tanh')"),
        ),
    ),
    gelu(
        "gelu_ops",
        "ops.gelu(x, approximate=True)",
        (),
        (
            _pair("ops.gelu(x)", "F.gelu(x, approximate='tanh')"),
            _pair("ops.gelu(x, approximate=False)", "F.gelu(x)"),
        ),
    ),
)


def _expand_along(op: Op, node: Node, context: Context) -> Lowered:
    """A function along one axis, which moves with the layout."""
    if node.mask and op.name == "softmax_layer":
        return refused(("K2T113", "Softmax of masked steps"))
    axis = node.args["axis"]
    if isinstance(axis.value, tuple | list):
        return refused(*unsupported(f"softmax over several axes, axis={axis.text}"))
    where, wrong = dim(node, context)
    if wrong:
        return refused(*wrong)
    if context.in_class or not op.torch:
        return Lowered(call=spell(op.function, {"x": Expr("{x}"), "dim": where}))
    return Lowered(module=spell(op.torch, {"dim": where}))


def along(name: str, keras: str, function: str, torch: str, aliases: tuple[str, ...]) -> Op:
    """softmax and its kin."""
    path, _, rest = keras.partition("(")
    x = "x, " if rest.startswith("x") else ""
    short = function.partition("(")[0]
    return Op(
        name=name,
        keras=keras,
        torch=torch,
        function=function,
        same={"axis": "dim"},
        axes=("axis",),
        mask="use+keep" if name == "softmax_layer" else "keep",
        expand=_expand_along,
        aliases=aliases,
        renamed=_OLD_NAMES,
        examples=(
            _pair(f"{path}({x.removesuffix(', ')})", f"{short}(x, dim=-1)"),
            _pair(f"{path}({x}axis=1)", f"{short}(x, dim=1)"),
            Example(f"{path}({x}axis=2)", f"{short}(x, dim=2)", input=(4, 6, 8)),
        ),
    )


_SOFTMAXES = (
    along(
        "softmax", "activations.softmax(x, axis=-1)", "F.softmax(x, dim=None)", "nn.Softmax(dim=None)",
        spellings("softmax"),
    ),
    along("softmax_layer", "layers.Softmax(axis=-1)", "F.softmax(x, dim=None)", "nn.Softmax(dim=None)", ()),
    along(
        "log_softmax", "activations.log_softmax(x, axis=-1)", "F.log_softmax(x, dim=None)",
        "nn.LogSoftmax(dim=None)", spellings("log_softmax"),
    ),
)  # fmt: skip


_PRELU = "ElementwisePReLU"  # a helper; Keras's own name may stand in the file


def _prelu_shape(node: Node) -> tuple[Expr, ...] | None:
    """The shape of alpha: one slope per element, except along the shared axes."""
    shape, shared = node.input_shapes[0], node.args["shared_axes"].value
    if shape is None or shared is UNKNOWN:
        return None
    axes = shared if isinstance(shared, tuple | list) else () if shared is None else (shared,)
    return tuple(literal(1) if i in axes else d for i, d in enumerate(shape) if i > 0)


def _expand_prelu(op: Op, node: Node, context: Context) -> Lowered:
    shape = _prelu_shape(node)
    if shape is None:
        return refused(*run_time(node.args["shared_axes"], "shared_axes"))
    if not all(d.text for d in shape):
        return refused(("K2T111", "PReLU has a slope per element, and the size is not known"))
    return Lowered(f"{_PRELU}({', '.join(d.text for d in shape)})", helpers=(_PRELU,))


PRELU = Op(
    name="prelu",
    keras="layers.PReLU(alpha_initializer='Zeros', alpha_regularizer=None, alpha_constraint=None, shared_axes=None)",
    layout="torch",
    weights=("alpha: ... -> weight: ...",),
    mask="keep",
    expand=_expand_prelu,
    renamed={"init": "alpha_initializer"},
    examples=(
        Example("layers.PReLU()", f"{_PRELU}(8)", input=(8,)),
        Example("layers.PReLU()", f"{_PRELU}(5, 6, 8)", input=(5, 6, 8)),
        Example("layers.PReLU(shared_axes=[1, 2])", f"{_PRELU}(1, 1, 8)", input=(5, 6, 8)),
        Example("layers.PReLU(shared_axes=[1])", f"{_PRELU}(1, 8)", input=(5, 8)),
    ),
)

OPS = (
    *_PLAIN, LINEAR, HARD_TANH, *RELUS, *_NUMBERS, THRESHOLD, THRESHOLDED_RELU, *GELUS, *_SOFTMAXES, PRELU,
)  # fmt: skip
