"""Random PyTorch modules for a tensor of a known shape (without its batch): the constructor, and the new shape.

A shape of two numbers is a sequence: of channels and time to convolutions, of time and features to
recurrent layers; that of an image has its channels first.
"""

from __future__ import annotations

from .dice import Dice
from .layers import Made, Maker, Shape

ACTIVATIONS = [
    *("nn.ReLU()", "nn.ReLU(inplace=True)", "nn.Tanh()", "nn.Sigmoid()", "nn.LeakyReLU(0.2)", "nn.ELU()", "nn.GELU()"),
    *("nn.SELU()", "nn.Softplus()", "nn.SiLU()", "nn.ReLU6()", "nn.PReLU()", "nn.LeakyReLU()", "nn.ReLU(True)"),
    *("nn.Hardtanh()", "nn.Identity()", "nn.LogSigmoid()"),
]
RARE = [
    *("nn.Softsign()", "nn.Hardswish()", "nn.Mish()", "nn.CELU(0.5)", "nn.Hardsigmoid()", "nn.Tanhshrink()"),
    *("nn.Hardshrink(0.3)", "nn.Softshrink(0.3)", "nn.Threshold(0.1, 0.0)", "nn.GELU('tanh')", "nn.ELU(alpha=0.5)"),
    *("nn.Softplus(beta=2)", "nn.RReLU()", "nn.Hardtanh(-2, 2)"),
]


def size_of(shape: Shape) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def linear(dice: Dice, shape: Shape) -> Made:
    units = dice.number(1, 9)
    if dice.chance(10):
        text = f"nn.Linear(in_features={shape[-1]}, out_features={units})"
    else:
        text = dice.call("nn.Linear", str(shape[-1]), str(units), bias=["False"])
    return text, (*shape[:-1], units)


def activation(dice: Dice, shape: Shape) -> Made:
    softmax = f"nn.{dice.mostly(['Softmax', 'LogSoftmax'], ['Softmin'])}(dim={dice.one([1, -1])})"
    prelu = f"nn.PReLU({shape[0]})"
    return dice.mostly([*ACTIVATIONS, softmax], [*RARE, prelu]), shape


def dropout(dice: Dice, shape: Shape) -> Made:
    names = ["Dropout", "Dropout", "AlphaDropout"]
    names += ["Dropout2d"] if len(shape) == 3 else ["Dropout1d"] if len(shape) == 2 else []
    return f"nn.{dice.one(names)}({dice.one(['0.5', '', 'p=0.1', '0.25'])})", shape


def norm(dice: Dice, shape: Shape) -> Made:
    rank = max(len(shape) - 1, 1)
    makers = [batch_norm, batch_norm, layer_norm]
    if len(shape) > 1:
        groups = dice.one([n for n in (1, 2, 3, 4) if shape[0] % n == 0])
        texts = [dice.call("nn.GroupNorm", str(groups), str(shape[0]), eps=[1e-3], affine=["False"])]
        if shape[-1] > 1:
            texts += [dice.call(f"nn.InstanceNorm{rank}d", str(shape[0]), affine=["True"], eps=[1e-3])]
        if dice.chance(40):
            return dice.one(texts), shape
    return dice.one(makers)(dice, shape)


def batch_norm(dice: Dice, shape: Shape) -> Made:
    rank = max(len(shape) - 1, 1)
    options: dict[str, list[object]] = {"eps": [1e-3], "momentum": [0.01, 0.3], "affine": ["False"]}
    if dice.chance(5):
        options |= {"momentum": ["None"], "track_running_stats": ["False"]}
    return dice.call(f"nn.BatchNorm{rank}d", str(shape[0]), **options), shape


def layer_norm(dice: Dice, shape: Shape) -> Made:
    over = shape[-dice.number(1, len(shape)) :]
    text = str(over[0]) if len(over) == 1 and dice.chance(70) else str(list(over))
    if len(over) == 1 and dice.chance(10):
        return dice.call("nn.RMSNorm", text, eps=[1e-3]), shape
    return dice.call("nn.LayerNorm", text, eps=[1e-3], elementwise_affine=["False"], bias=["False"]), shape


def window(dice: Dice, axes: Shape) -> tuple[list[str], Shape] | None:
    """The arguments behind the channels, and the new sizes."""
    kernel = [dice.number(1, 4)] * len(axes)
    if len(axes) == 2 and dice.chance(20):
        kernel = [dice.number(1, 4), dice.number(1, 4)]
    stride, dilation, padding = 1, 1, 0
    if dice.chance(35):
        stride = dice.number(2, 3)
    elif dice.chance(15):
        dilation = 2
    if dice.chance(50):
        padding = dice.one([1, 1, 2, kernel[0] // 2])
    sizes = tuple((n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(axes, kernel, strict=True))
    if min(sizes) < 1:
        return None
    first = str(kernel[0]) if len(set(kernel)) == 1 and dice.chance(80) else str(tuple(kernel))
    texts = [dice.one([first, f"kernel_size={first}"])]
    if stride > 1:
        texts.append(f"{'stride=' if '=' in texts[0] or dice.chance(50) else ''}{stride}")
    texts += [f"padding={padding}"] if padding or dice.chance(10) else []
    texts += [f"dilation={dilation}"] if dilation > 1 else []
    if stride == 1 and dice.chance(8):
        texts = [t for t in texts if not t.startswith("padding")] + ["padding='same'"]
        sizes = axes
    return texts, sizes


def conv(dice: Dice, shape: Shape) -> Made | None:
    found = window(dice, shape[1:])
    if found is None:
        return None
    texts, sizes = found
    filters = dice.number(1, 6)
    if shape[0] > 1 and dice.chance(15):
        groups = shape[0] if dice.chance(50) else next(n for n in (2, 3, 5, shape[0]) if shape[0] % n == 0)
        filters = groups * dice.number(1, 2)
        texts.append(f"groups={groups}")
    modes = ["'circular'", "'reflect'", "'replicate'"] if dice.chance(10) and "padding=1" in texts else []
    options: dict[str, list[str]] = {"bias": ["False"]} | ({"padding_mode": modes} if modes else {})
    text = dice.call(f"nn.Conv{len(shape) - 1}d", str(shape[0]), str(filters), *texts, **options)
    return text, (filters, *sizes)


def transposed(dice: Dice, shape: Shape) -> Made | None:
    filters, kernel, stride = dice.number(1, 5), dice.number(1, 4), dice.number(1, 3)
    padding = dice.number(0, kernel - 1) if dice.chance(50) else 0
    more = 1 if stride > 1 and dice.chance(30) else 0
    sizes = tuple((n - 1) * stride - 2 * padding + kernel + more for n in shape[1:])
    if min(sizes) < 1:
        return None
    texts = [str(shape[0]), str(filters), str(kernel)]
    texts += [f"stride={stride}"] if stride > 1 else []
    texts += [f"padding={padding}"] if padding else []
    texts += [f"output_padding={more}"] if more else []
    return dice.call(f"nn.ConvTranspose{len(shape) - 1}d", *texts, bias=["False"]), (filters, *sizes)


def pool(dice: Dice, shape: Shape) -> Made | None:
    rank, kernel = len(shape) - 1, dice.number(2, 3)
    stride, padding, ceil = dice.one([kernel, kernel, 1, 2]), dice.one([0, 0, 1]), dice.chance(15)
    sizes = []
    for n in shape[1:]:
        room = n + 2 * padding - kernel
        if room < 0:
            return None
        size = (-(-room // stride) if ceil else room // stride) + 1
        size -= ceil and (size - 1) * stride >= n + padding
        sizes.append(int(size))
    name = dice.one(["MaxPool", "MaxPool", "AvgPool"])
    texts = [str(kernel)] if dice.chance(70) else [f"kernel_size={kernel}"]
    if stride != kernel or dice.chance(30):
        texts.append(f"{'stride=' if '=' in texts[0] or dice.chance(50) else ''}{stride}")
    texts += [f"padding={padding}"] if padding else []
    texts += ["ceil_mode=True"] if ceil else []
    if name == "AvgPool" and padding and dice.chance(40):
        texts.append("count_include_pad=False")
    return f"nn.{name}{rank}d({', '.join(texts)})", (shape[0], *sizes)


def adaptive(dice: Dice, shape: Shape) -> Made:
    rank, name = len(shape) - 1, dice.one(["Avg", "Avg", "Max"])
    n = dice.one([1, 1, 1, *(k for k in (2, 3, 4) if all(s % k == 0 for s in shape[1:]))])
    if dice.chance(5):
        n = 2
    size = str(n) if rank == 1 or dice.chance(50) else f"({n}, {n})"
    return f"nn.Adaptive{name}Pool{rank}d({size})", (shape[0], *[n] * rank)


def resize(dice: Dice, shape: Shape) -> Made:
    rank, n = len(shape) - 1, dice.number(1, 2)
    if dice.chance(40):
        mode = dice.one(["", ", mode='nearest'"] + (["", ", mode='bilinear'"] if rank == 2 else []))
        corner = ", align_corners=True" if "bilinear" in mode and dice.chance(20) else ""
        return f"nn.Upsample(scale_factor=2{mode}{corner})", (shape[0], *(2 * a for a in shape[1:]))
    if rank == 2 and shape[0] % 4 == 0 and dice.chance(40):
        return "nn.PixelShuffle(2)", (shape[0] // 4, shape[1] * 2, shape[2] * 2)
    if min(shape[1:]) > n and dice.chance(30):
        kind = dice.one(["ReflectionPad", "ReplicationPad"])
        return f"nn.{kind}{rank}d({n})", (shape[0], *(a + 2 * n for a in shape[1:]))
    if dice.chance(30):
        return f"nn.ConstantPad{rank}d({n}, 0.5)", (shape[0], *(a + 2 * n for a in shape[1:]))
    return f"nn.ZeroPad{rank}d({n})", (shape[0], *(a + 2 * n for a in shape[1:]))


def flatten(dice: Dice, shape: Shape) -> Made:
    return dice.one(["nn.Flatten()", "nn.Flatten(1)", "nn.Flatten(start_dim=1)"]), (size_of(shape),)


def unflatten(dice: Dice, shape: Shape) -> Made | None:
    n = shape[0]
    pairs = [(a, n // a) for a in range(2, 9) if n % a == 0 and n // a > 1]
    if not pairs:
        return None
    pair = dice.one(pairs)
    return f"nn.Unflatten(1, {pair})", pair


VECTOR: list[Maker] = [linear, activation, linear, dropout, norm, activation, linear, unflatten]
SEQUENCE: list[Maker] = [linear, conv, activation, norm, pool, conv, dropout, adaptive, flatten, resize, transposed]
IMAGE: list[Maker] = [conv, activation, norm, pool, conv, dropout, adaptive, flatten, resize, transposed, linear, conv]
MAKERS = {1: VECTOR, 2: SEQUENCE, 3: IMAGE}
LIMIT = 800


def module(dice: Dice, shape: Shape) -> Made:
    """A random module that fits."""
    for _ in range(4):
        made = dice.one(MAKERS[len(shape)])(dice, shape)
        if made is not None and len(made[1]) <= 3 and size_of(made[1]) <= LIMIT:
            return made
    return linear(dice, shape)
