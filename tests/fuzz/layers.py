"""Random layers for a tensor of a known shape (without its batch): the call, and the new shape."""

from __future__ import annotations

from collections.abc import Callable

from .dice import Dice

Shape = tuple[int, ...]
Made = tuple[str, Shape]
Maker = Callable[[Dice, Shape], "Made | None"]

ACTIVATIONS = [
    f"'{name}'"
    for name in "relu tanh sigmoid linear elu selu softplus softsign swish gelu exponential hard_sigmoid softmax relu6 "
    "leaky_relu mish silu log_softmax".split()
]
INITIALIZERS = [
    "'he_normal'",
    "'glorot_normal'",
    "'lecun_uniform'",
    "'orthogonal'",
    "keras.initializers.RandomNormal(stddev=0.02)",
    "keras.initializers.TruncatedNormal(stddev=0.1)",
    "keras.initializers.HeUniform()",
    "keras.initializers.VarianceScaling(2.0, 'fan_out', 'uniform')",
]
BIASES = ["'ones'", "keras.initializers.Constant(0.1)", "'random_normal'"]
PENALTIES = [
    "'l2'",
    "keras.regularizers.L2(0.001)",
    "keras.regularizers.l1(0.01)",
    "keras.regularizers.L1L2(l1=0.01, l2=0.002)",
]
WEIGHTS = {
    "use_bias": ["False"],
    "kernel_initializer": INITIALIZERS,
    "bias_initializer": BIASES,
    "kernel_regularizer": PENALTIES,
    "bias_regularizer": PENALTIES,
}


def dense(dice: Dice, shape: Shape) -> Made:
    units = dice.number(1, 9)
    return dice.call("layers.Dense", str(units), activation=ACTIVATIONS, **WEIGHTS), (*shape[:-1], units)


def dropout(dice: Dice, shape: Shape) -> Made:
    return f"layers.Dropout({dice.one([0.5, 0.1, 0.25, 0])})", shape


def noise(dice: Dice, shape: Shape) -> Made:
    name = dice.one(["GaussianNoise", "GaussianDropout", "AlphaDropout"])
    return f"layers.{name}({dice.one([0.1, 0.3])})", shape


def activation(dice: Dice, shape: Shape) -> Made:
    plain = f"layers.Activation({dice.one(ACTIVATIONS)})"
    others = [
        "layers.ReLU()",
        "layers.ReLU(max_value=1.0)",
        "layers.ReLU(negative_slope=0.1, threshold=0.2)",
        "layers.LeakyReLU()",
        "layers.LeakyReLU(negative_slope=0.2)",
        "layers.ELU(alpha=0.5)",
        "layers.PReLU()",
        "layers.Softmax()",
    ]
    return dice.one([plain, *others]), shape


def norm(dice: Dice, shape: Shape) -> Made:
    batch = dice.call(
        "layers.BatchNormalization",
        momentum=[0.9, 0.8],
        epsilon=[1e-5, 1e-2],
        center=[False],
        scale=[False],
        gamma_initializer=["'zeros'"],
        beta_regularizer=PENALTIES,
    )
    layer = dice.call("layers.LayerNormalization", epsilon=[1e-6], center=[False], scale=[False])
    return dice.one([batch, layer, "layers.UnitNormalization()"]), shape


def rescale(dice: Dice, shape: Shape) -> Made:
    return dice.call("layers.Rescaling", dice.one(["0.5", "1.0 / 255"]), offset=[-0.5, 1]), shape


def repeat(dice: Dice, shape: Shape) -> Made:
    n = dice.number(2, 4)
    return f"layers.RepeatVector({n})", (n, *shape)


def reshape(dice: Dice, shape: Shape) -> Made | None:
    size = 1
    for n in shape:
        size *= n
    pairs = [(a, size // a) for a in range(2, 9) if size % a == 0 and size // a > 1]
    triples = [(a, a, size // a // a) for a in range(2, 6) if size % (a * a) == 0]
    choices: list[Shape] = [s for s in [*pairs, *triples] if s != shape]
    if not choices:
        return None
    new = dice.one(choices)
    written = (-1, *new[1:]) if dice.chance(30) else new
    return f"layers.Reshape({written})", new


def flatten(dice: Dice, shape: Shape) -> Made:
    size = 1
    for n in shape:
        size *= n
    return "layers.Flatten()", (size,)


def permute(dice: Dice, shape: Shape) -> Made:
    order = dice.one([(2, 1)] if len(shape) == 2 else [(2, 1, 3), (3, 1, 2), (1, 3, 2)])
    return f"layers.Permute({order})", tuple(shape[i - 1] for i in order)


def out_size(n: int, kernel: int, stride: int, padding: str, dilation: int = 1) -> int:
    """The length of what a window gives."""
    if padding != "valid":
        return -(-n // stride)
    return (n - (kernel - 1) * dilation - 1) // stride + 1


def window(dice: Dice, shape: Shape, paddings: list[str], dilates: bool) -> tuple[list[str], list[int]] | None:
    """Arguments of a window that fits over all axes but the last, and the new sizes."""
    axes = len(shape) - 1
    kernel = [dice.number(1, 4) for _ in range(axes)] if dice.chance(30) else [dice.number(1, 4)] * axes
    padding = dice.one(paddings)
    stride, dilation = [1] * axes, [1] * axes
    if dice.chance(40):
        stride = [dice.number(2, 3)] * axes
    elif dilates and dice.chance(25):
        dilation = [2] * axes
    each = list(zip(shape[:-1], kernel, stride, dilation, strict=True))
    sizes = [out_size(n, k, s, padding, d) for n, k, s, d in each]
    if min(sizes) < 1:
        return None
    texts = [str(kernel[0]) if len(set(kernel)) == 1 else str(tuple(kernel))]
    texts += [f"strides={stride[0]}"] if stride[0] > 1 else []
    texts += [f"padding='{padding}'"] if padding != "valid" or dice.chance(20) else []
    texts += [f"dilation_rate={dilation[0]}"] if dilation[0] > 1 else []
    return texts, sizes


def conv(dice: Dice, shape: Shape) -> Made | None:
    rank = len(shape) - 1
    found = window(dice, shape, ["valid", "same", "causal"] if rank == 1 else ["valid", "same"], True)
    if found is None:
        return None
    texts, sizes = found
    filters = dice.number(1, 6)
    if shape[-1] % 2 == 0 and dice.chance(15):
        filters = 2 * filters
        texts.append("groups=2")
    text = dice.call(f"layers.Conv{rank}D", str(filters), *texts, activation=ACTIVATIONS, **WEIGHTS)
    return text, (*sizes, filters)


def separable(dice: Dice, shape: Shape) -> Made | None:
    rank = len(shape) - 1
    found = window(dice, shape, ["valid", "same"], False)
    if found is None:
        return None
    texts, sizes = found
    multiplier = dice.one([1, 2])
    texts += [f"depth_multiplier={multiplier}"] if multiplier > 1 else []
    if dice.chance(50):
        text = dice.call(f"layers.DepthwiseConv{rank}D", *texts, use_bias=["False"], activation=ACTIVATIONS)
        return text, (*sizes, shape[-1] * multiplier)
    filters = dice.number(1, 5)
    text = dice.call(f"layers.SeparableConv{rank}D", str(filters), *texts, use_bias=["False"], activation=ACTIVATIONS)
    return text, (*sizes, filters)


def transposed(dice: Dice, shape: Shape) -> Made:
    rank, filters = len(shape) - 1, dice.number(1, 5)
    kernel, stride, padding = dice.number(1, 4), dice.number(1, 3), dice.one(["valid", "same"])
    sizes = [n * stride + (max(kernel - stride, 0) if padding == "valid" else 0) for n in shape[:-1]]
    texts = [str(filters), str(kernel), f"strides={stride}", f"padding='{padding}'"]
    text = dice.call(f"layers.Conv{rank}DTranspose", *texts, activation=ACTIVATIONS, use_bias=["False"])
    return text, (*sizes, filters)


def pool(dice: Dice, shape: Shape) -> Made | None:
    rank, size = len(shape) - 1, dice.number(2, 3)
    padding, stride = dice.one(["valid", "same"]), dice.one([size, 1, 2, 3])
    sizes = [out_size(n, size, stride, padding) for n in shape[:-1]]
    if min(sizes) < 1:
        return None
    texts = [str(size)]
    texts += [f"strides={stride}"] if stride != size else []
    texts += [f"padding='{padding}'"] if padding != "valid" else []
    name = dice.one(["MaxPooling", "AveragePooling", "MaxPool"])
    if size == 2 and name != "AveragePooling" and dice.chance(50):
        texts = texts[1:]  # its default
    return f"layers.{name}{rank}D({', '.join(texts)})", (*sizes, shape[-1])


def global_pool(dice: Dice, shape: Shape) -> Made:
    name = dice.one(["GlobalAveragePooling", "GlobalMaxPooling"])
    keep = dice.chance(15)
    new = (*[1] * (len(shape) - 1), shape[-1]) if keep else shape[-1:]
    return f"layers.{name}{len(shape) - 1}D({'keepdims=True' if keep else ''})", new


def resize(dice: Dice, shape: Shape) -> Made | None:
    rank, axes = len(shape) - 1, shape[:-1]
    n = dice.number(1, 2)
    if dice.chance(40):
        text = dice.call(f"layers.UpSampling{rank}D", "2", **({"interpolation": ["'bilinear'"]} if rank == 2 else {}))
        return text, (*(2 * a for a in axes), shape[-1])
    if dice.chance(50):
        side = dice.one([(n, n), (1, 0), (0, 2)])
        text = f"({side}, {side})" if rank == 2 else str(side)
        return f"layers.ZeroPadding{rank}D({text})", (*(a + sum(side) for a in axes), shape[-1])
    if min(axes) <= 2 * n:
        return None
    return f"layers.Cropping{rank}D({n})", (*(a - 2 * n for a in axes), shape[-1])


def spatial_dropout(dice: Dice, shape: Shape) -> Made:
    return f"layers.SpatialDropout{len(shape) - 1}D({dice.one([0.2, 0.5])})", shape


def recurrent_call(dice: Dice, sequences: bool, plain: bool = False) -> tuple[str, int]:
    """A recurrent layer and its units."""
    units, kind = dice.number(1, 6), dice.one(["LSTM", "GRU", "SimpleRNN"])
    fixed = [str(units)] + (["return_sequences=True"] if sequences else [])
    options: dict[str, list[str]] = {
        "activation": ["'relu'", "'sigmoid'"],
        "use_bias": ["False"],
        "kernel_initializer": INITIALIZERS[:3],
        "recurrent_initializer": ["'glorot_uniform'"],
        "kernel_regularizer": PENALTIES,
    }
    if kind == "LSTM":
        options |= {"unit_forget_bias": ["False"], "recurrent_activation": ["'hard_sigmoid'"]}
    if kind == "GRU":
        options |= {"reset_after": ["False"]}
    if not plain:
        options |= {"go_backwards": ["True"], "dropout": ["0.2"], "recurrent_dropout": ["0.1"]}
    return dice.call(f"layers.{kind}", *fixed, **options), units


def recurrent(dice: Dice, shape: Shape) -> Made:
    sequences = dice.chance(40)
    text, units = recurrent_call(dice, sequences)
    return text, (shape[0], units) if sequences else (units,)


def bidirectional(dice: Dice, shape: Shape) -> Made:
    sequences = dice.chance(40)
    text, units = recurrent_call(dice, sequences, plain=True)
    mode = dice.one(["concat", "sum", "mul", "ave"])
    text = f"layers.Bidirectional({text}{'' if mode == 'concat' else f', merge_mode={mode!r}'})"
    units *= 2 if mode == "concat" else 1
    return text, (shape[0], units) if sequences else (units,)


def distributed(dice: Dice, shape: Shape) -> Made | None:
    maker = dice.one(VECTOR[:4] if len(shape) == 2 else [conv, pool, global_pool, flatten])
    made = maker(dice, shape[1:])
    if made is None or ("Normalization" in made[0]):
        return None
    return f"layers.TimeDistributed({made[0]})", (shape[0], *made[1])


def group_norm(dice: Dice, shape: Shape) -> Made | None:
    if shape[-1] == 1:
        return None  # the backward pass of PyTorch 2.13 crashes on the CPU
    groups = dice.one([n for n in (1, 2, 3, -1) if n == -1 or shape[-1] % n == 0])
    return dice.call("layers.GroupNormalization", f"groups={groups}", epsilon=[1e-5]), shape


VECTOR: list[Maker] = [dense, activation, dense, dropout, norm, noise, rescale, repeat, reshape]
SEQUENCE: list[Maker] = [
    *(dense, conv, recurrent, pool, norm, activation, global_pool, bidirectional, flatten, separable, dropout),
    *(spatial_dropout, transposed, resize, permute, reshape, distributed, recurrent, conv, group_norm),
]
IMAGE: list[Maker] = [
    *(conv, pool, norm, activation, global_pool, flatten, conv, separable, transposed, resize, spatial_dropout, dense),
    *(dropout, permute, reshape, distributed, noise, group_norm),
]
MAKERS = {1: VECTOR, 2: SEQUENCE, 3: IMAGE}
LIMIT = 800  # numbers in a tensor: small programs are fast


def layer(dice: Dice, shape: Shape) -> Made:
    """A random layer that fits."""
    for _ in range(4):
        made = dice.one(MAKERS[len(shape)])(dice, shape)
        if made is not None and len(made[1]) <= 3 and _size(made[1]) <= LIMIT:
            return made
    return dense(dice, shape)


def to_vector(dice: Dice, shape: Shape) -> Made:
    """A layer that leaves one axis."""
    makers = [flatten, global_pool] + ([_last_state] if len(shape) == 2 else [])
    made = dice.one(makers)(dice, shape)
    return made if len(made[1]) == 1 else flatten(dice, shape)


def _last_state(dice: Dice, shape: Shape) -> Made:
    text, units = recurrent_call(dice, False)
    return text, (units,)


def _size(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
