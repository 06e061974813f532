"""Random statements of `forward`, of shapes that are known, and the attributes that they need."""

from __future__ import annotations

from collections.abc import Callable

from . import torch_layers
from .dice import Dice
from .layers import Shape
from .torch_layers import LIMIT, size_of

STEMS = {
    "Linear": ["fc", "linear", "dense"],
    "Conv": ["conv"],
    "ConvTranspose": ["up", "deconv"],
    "BatchNorm": ["bn", "norm"],
    "LayerNorm": ["ln", "norm"],
    "Dropout": ["drop", "dropout"],
    "MaxPool": ["pool"],
    "AvgPool": ["pool"],
    "Adaptive": ["gap", "pool"],
}
POINTWISE = [
    *(
        "F.relu({x})",
        "torch.relu({x})",
        "torch.tanh({x})",
        "torch.sigmoid({x})",
        "F.leaky_relu({x}, 0.2)",
        "F.gelu({x})",
    ),
    *("F.elu({x})", "F.silu({x})", "{x}.relu()", "{x}.tanh()", "F.softplus({x})", "{x} * torch.sigmoid({x})"),
    *("{x} * 0.5", "1 - {x}", "{x} / 2 + 1", "{x}.clamp(-1, 1)", "{x}.sigmoid()", "torch.clamp({x}, min=0)"),
    *("F.softmax({x}, dim=-1)", "torch.softmax({x}, dim=1)", "F.dropout({x}, 0.2, training=self.training)"),
    *("F.dropout({x}, training=self.training)", "F.normalize({x}, dim=1)", "{x} ** 2", "F.log_softmax({x}, dim=1)"),
]
OTHERS = [
    *("-{x}", "torch.abs({x})", "torch.exp(-{x}.pow(2))", "torch.sqrt({x} ** 2 + 1e-3)", "{x}.mul(2).add(1)"),
    *("F.hardtanh({x})", "F.selu({x})", "F.mish({x})", "torch.sin({x})", "{x}.abs()", "torch.log(1 + {x}.abs())"),
    *("F.leaky_relu({x}, negative_slope=0.1)", "torch.where({x} > 0, {x}, 0.1 * {x})", "{x}.softmax(dim=-1)"),
    *("{x} - {x}.mean(dim=-1, keepdim=True)", "{x} / ({x}.norm(dim=-1, keepdim=True) + 1e-6)", "{x}.float()"),
    *("{x} * (1 + {x}.mean())", "torch.cumsum({x}, dim=1)", "{x}.flip(1)", "torch.flip({x}, dims=[-1])"),
    *(
        "torch.maximum({x}, torch.zeros_like({x}))",
        "{x}.masked_fill({x} < 0, 0.0)",
        "F.relu6({x})",
        "{x} * {x}.sigmoid()",
    ),
    *(
        "F.layer_norm({x}, {x}.shape[-1:])",
        "{x}.clone()",
        "{x}.contiguous()",
        "torch.pow({x}, 2)",
        "{x}.detach() + {x}",
    ),
]
RANKED = {
    2: ["F.dropout1d({x}, 0.2, training=self.training)"],
    3: ["F.dropout2d({x}, 0.25, self.training)"],
}


class Net:
    """The lines of a class, and what it needs in front of it."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.helpers: list[str] = []  # lines in front of the class
        self.init: list[str] = []
        self.forward: list[str] = []
        self.methods: list[str] = []
        self.flags: dict[str, str] = {}  # parameter of the constructor -> its default
        self.given: list[str] = []  # arguments where the model is made
        self.imports: set[str] = set()
        self.x = dice.one(["x", "x", "out"])

    def attribute(self, text: str, stem: str = "") -> str:
        """Keeps a module; its name."""
        if not stem:
            kind = text.removeprefix("nn.").partition("(")[0].rstrip("123d")
            stem = self.dice.one(next((names for k, names in STEMS.items() if kind.startswith(k)), ["layer"]))
        name = self.dice.fresh(stem)
        self.init.append(f"self.{name} = {text}")
        return name

    def say(self, *lines: str) -> None:
        self.forward += [line.replace("{x}", self.x) for line in lines]


Step = Callable[[Net, Shape], "Shape | None"]


def plain(net: Net, shape: Shape) -> Shape:
    """One to three modules, in one expression or in several statements."""
    text = net.x
    for _ in range(net.dice.one([1, 1, 2, 3])):
        made, shape = torch_layers.module(net.dice, shape)
        name = net.attribute(made)
        if text != net.x and net.dice.chance(50):
            net.say(f"{{x}} = {text}")
            text = net.x
        text = f"self.{name}({text})"
        if net.dice.chance(30):
            text = f"{net.dice.one(['F.relu', 'torch.tanh', 'torch.sigmoid', 'F.elu'])}({text})"
    net.say(f"{{x}} = {text}")
    return shape


def sequential(net: Net, shape: Shape) -> Shape:
    """`self.block1 = nn.Sequential(...)`, perhaps from a list that grows, or of named parts."""
    texts, shape = chain(net.dice, shape, net.dice.number(2, 4))
    name = net.dice.fresh(net.dice.one(["block", "features", "net"]))
    kind = net.dice.number(0, 9)
    if kind == 9:
        net.init += [f"self.{name} = nn.Sequential()"]
        net.init += [f"self.{name}.add_module('part{i}', {text})" for i, text in enumerate(texts)]
    elif kind == 8:
        net.imports.add("from collections import OrderedDict")
        pairs = ", ".join(f"('part{i}', {text})" for i, text in enumerate(texts))
        net.init.append(f"self.{name} = nn.Sequential(OrderedDict([{pairs}]))")
    elif kind >= 5:
        net.init += ["layers = []", *(f"layers.append({text})" for text in texts)]
        net.init.append(f"self.{name} = nn.Sequential(*layers)")
    else:
        net.init += [f"self.{name} = nn.Sequential(", *(f"    {text}," for text in texts), ")"]
    net.say(f"{{x}} = self.{name}({{x}})")
    return shape


def chain(dice: Dice, shape: Shape, count: int) -> tuple[list[str], Shape]:
    texts = []
    for _ in range(count):
        made, shape = torch_layers.module(dice, shape)
        texts.append(made)
    return texts, shape


def pointwise(net: Net, shape: Shape) -> Shape:
    text = net.dice.mostly(POINTWISE, OTHERS + RANKED.get(len(shape), []), 35)
    net.say(f"{{x}} = {text}")
    return shape


def functional_pool(net: Net, shape: Shape) -> Shape | None:
    if len(shape) == 1 or min(shape[1:]) < 3:
        return None
    rank, n = len(shape) - 1, net.dice.number(2, 3)
    kind = net.dice.one(["max", "max", "avg", "adaptive_avg", "interpolate", "pad"])
    if kind == "adaptive_avg":
        size = "1" if rank == 1 or net.dice.chance(50) else "(1, 1)"
        net.say(f"{{x}} = F.adaptive_avg_pool{rank}d({{x}}, {size})")
        return (shape[0], *[1] * rank)
    if kind == "interpolate":
        mode = net.dice.one(["nearest", "bilinear", "bicubic"] if rank == 2 else ["nearest", "linear"])
        corner = ", align_corners=False" if mode != "nearest" else ""
        net.say(f"{{x}} = F.interpolate({{x}}, scale_factor=2, mode='{mode}'{corner})")
        return (shape[0], *(2 * a for a in shape[1:]))
    if kind == "pad":
        net.say(f"{{x}} = F.pad({{x}}, ({', '.join(['1', '0'] * rank)}))")
        return (shape[0], *(a + 1 for a in shape[1:]))
    stride = net.dice.one(["", ", 2", ", stride=1"])
    step = n if not stride else int(stride[-1])
    net.say(f"{{x}} = F.{kind}_pool{rank}d({{x}}, {n}{stride})")
    return (shape[0], *((a - n) // step + 1 for a in shape[1:]))


def rearranged(net: Net, shape: Shape) -> Shape | None:
    """Views, axes that change places, parts."""
    dice = net.dice
    if len(shape) == 1:
        n = shape[0]
        pairs = [(a, n // a) for a in range(2, 9) if n % a == 0 and n // a > 1]
        if pairs and dice.chance(60):
            a, b = dice.one(pairs)
            first = dice.one(["-1", "{x}.size(0)", "{x}.shape[0]", "len({x})"])
            net.say(f"{{x}} = {{x}}.{dice.one(['view', 'reshape'])}({first}, {a}, {b})")
            return (a, b)
        net.say(f"{{x}} = {{x}}.unsqueeze({dice.one([1, 2, -1])})")
        return (1, n) if net.forward[-1].endswith("(1)") else (n, 1)
    return rearranged_sequence(net, shape) if len(shape) == 2 else rearranged_image(net, shape)


def rearranged_sequence(net: Net, shape: Shape) -> Shape:
    """The same of two axes."""
    dice = net.dice
    kind = dice.number(0, 6)
    if kind <= 2:
        net.say(
            "{x} = " + dice.one(["{x}.transpose(1, 2)", "{x}.permute(0, 2, 1)", "torch.transpose({x}, 1, 2)", "{x}.mT"])
        )
        return (shape[1], shape[0])
    if kind == 3:
        net.say("{x} = " + dice.one(["{x}[:, -1]", "{x}[:, 0, :]", "{x}[:, -1, :]", "{x}.select(1, 0)"]))
        return shape[1:]
    if kind == 4 and shape[0] > 2:
        net.say("{x} = " + dice.one(["{x}[:, 1:]", "{x}[:, :-1, :]", f"{{x}}.narrow(1, 1, {shape[0] - 1})"]))
        return (shape[0] - 1, shape[1])
    if kind == 5:
        net.say("{x} = {x}.unsqueeze(1)")
        return (1, *shape)
    return reduced(net, shape)


def rearranged_image(net: Net, shape: Shape) -> Shape:
    """The same of an image."""
    dice = net.dice
    c, h, w = shape
    kind = dice.number(0, 5)
    if kind == 0:
        net.say(
            "b, c, h, w = {x}." + dice.one(["shape", "size()"]),
            f"{{x}} = {{x}}.{dice.one(['view', 'reshape'])}(b, c, h * w)",
        )
        return (c, h * w)
    if kind == 1:
        net.say(
            "{x} = " + dice.one(["{x}.flatten(2)", "torch.flatten({x}, 2)", f"{{x}}.reshape({{x}}.size(0), {c}, -1)"])
        )
        return (c, h * w)
    if kind == 2:
        net.say("{x} = " + dice.one(["{x}.permute(0, 2, 3, 1)", "{x}.permute(0, 2, 3, 1).contiguous()"]))
        return (h, w, c)
    if kind == 3 and min(h, w) > 2:
        net.say("{x} = {x}[:, :, 1:-1, 1:-1]")
        return (c, h - 2, w - 2)
    if kind == 4:
        net.say("{x} = {x}.flatten(2).transpose(1, 2)")
        return (h * w, c)
    return reduced(net, shape)


def reduced(net: Net, shape: Shape) -> Shape:
    """A mean or maximum over an axis, or over the places of an image."""
    dice = net.dice
    if len(shape) == 3:
        net.say(
            "{x} = "
            + dice.one(
                ["{x}.mean([2, 3])", "{x}.mean(dim=(2, 3))", "torch.amax({x}, dim=(2, 3))", "{x}.mean(-1).mean(-1)"]
            )
        )
        return shape[:1]
    axis = dice.number(1, 2)
    form = dice.one(
        [
            *(
                "{x}.mean(dim=A)",
                "{x}.mean(A)",
                "torch.mean({x}, A)",
                "{x}.sum(dim=A)",
                "{x}.max(dim=A)[0]",
                "torch.max({x}, A)[0]",
            ),
            *(
                "torch.sum({x}, dim=A)",
                "{x}.max(A).values",
                "{x}.std(dim=A)",
                "torch.logsumexp({x}, dim=A)",
                "{x}.amin(A)",
            ),
            *("{x}.norm(dim=A)", "{x}.var(A, unbiased=False)", "{x}.prod(dim=A)"),
        ]
    )
    if shape[axis - 1] == 1 and "std" in form:
        form = "{x}.mean(dim=A)"
    net.say("{x} = " + form.replace("A", str(axis)))
    return shape[1:] if axis == 1 else shape[:1]


def residual(net: Net, shape: Shape) -> Shape:
    """`x = x + f(x)`, with a projection where shapes differ."""
    dice, keep = net.dice, dice_name(net, ["identity", "residual", "shortcut", "skip"])
    net.say(f"{keep} = {{x}}")
    after = shape
    for _ in range(dice.number(1, 2)):
        after = dice.one([plain, plain, pointwise])(net, after) or after
    if after != shape:
        if len(after) == len(shape) == 1:
            net.say(f"{keep} = self.{net.attribute(f'nn.Linear({shape[0]}, {after[0]})')}({keep})")
        elif len(after) == len(shape) and after[1:] == shape[1:]:
            text = f"nn.Conv{len(shape) - 1}d({shape[0]}, {after[0]}, 1, bias=False)"
            net.say(f"{keep} = self.{net.attribute(text, 'project')}({keep})")
        elif len(after) == len(shape) and after[:-1] == shape[:-1]:
            net.say(f"{keep} = self.{net.attribute(f'nn.Linear({shape[-1]}, {after[-1]})')}({keep})")
        else:
            return after
    forms = ["{x} = {x} + K", "{x} += K", "{x} = F.relu({x} + K)", "{x} = torch.add({x}, K)", "{x} = K + 0.5 * {x}"]
    net.say(dice.one([*forms, "{x} = {x} * K", "{x} = {x} * torch.sigmoid(K)"]).replace("K", keep))
    return after


def dice_name(net: Net, names: list[str]) -> str:
    free = [n for n in names if not any(n in line for line in net.forward)]
    return str(net.dice.one(free)) if free else net.dice.fresh("keep")


def joined(net: Net, shape: Shape) -> Shape | None:
    """Two branches that are concatenated; parts that gate each other."""
    dice = net.dice
    kind = dice.number(0, 5)
    if kind == 0 and shape[0] % 2 == 0:
        net.say(
            "a, b = "
            + dice.one(["{x}.chunk(2, dim=1)", "torch.chunk({x}, 2, 1)", f"torch.split({{x}}, {shape[0] // 2}, dim=1)"])
        )
        net.say("{x} = " + dice.one(["a * torch.sigmoid(b)", "torch.cat([b, a], dim=1)", "a + b", "torch.tanh(a) * b"]))
        return shape if "cat" in net.forward[-1] else (shape[0] // 2, *shape[1:])
    if kind == 1 and len(shape) < 3:
        axis = dice.number(1, len(shape))
        net.say(f"{{x}} = torch.stack([{{x}}, torch.tanh({{x}})], dim={axis})")
        return (*shape[: axis - 1], 2, *shape[axis - 1 :])
    if kind == 2 and shape[0] > 1:
        sizes = [1, shape[0] - 1]
        net.say(f"first, rest = torch.split({{x}}, {sizes}, dim=1)", "{x} = torch.cat((rest, first), 1)")
        return shape
    made, other = torch_layers.module(dice, shape)
    second, another = torch_layers.module(dice, shape)
    if other != another:
        net.say("{x} = " + dice.one(["torch.cat([{x}, {x} * 2], dim=1)", "torch.cat(({x}, F.relu({x})), 1)"]))
        return (2 * shape[0], *shape[1:])
    a, b = net.attribute(made), net.attribute(second)
    net.say(f"a, b = self.{a}({{x}}), self.{b}({{x}})")
    if dice.chance(30):
        net.say("{x} = " + dice.one(["a + b", "torch.max(a, b)", "(a + b) / 2", "torch.minimum(a, b)", "a - b"]))
        return other
    axis = dice.one([1, -1])
    net.say(f"{{x}} = torch.cat([a, b], {axis})")
    return (2 * other[0], *other[1:]) if axis == 1 else (*other[:-1], 2 * other[-1])


def listed(net: Net, shape: Shape) -> Shape:
    """A loop over a ModuleList."""
    dice, name = net.dice, net.dice.fresh(net.dice.one(["blocks", "layers", "hidden"]))
    count = dice.number(1, 3)
    if len(shape) == 1 and dice.chance(30):  # a list of sizes
        sizes = [shape[0], *(dice.number(2, 8) for _ in range(count))]
        net.init.append(f"sizes = {sizes}")
        net.init.append(f"self.{name} = nn.ModuleList([nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:])])")
        shape = (sizes[-1],)
    elif len(shape) == 1:
        net.init.append(f"self.{name} = nn.ModuleList([nn.Linear({shape[0]}, {shape[0]}) for _ in range({count})])")
    else:
        rank = len(shape) - 1
        net.init.append(f"self.{name} = nn.ModuleList()")
        net.init.append(f"for i in range({count}):")
        net.init.append(f"    self.{name}.append(nn.Conv{rank}d({shape[0]}, {shape[0]}, 3, padding=1))")
    kind = dice.number(0, 5)
    step = dice.one(["{x} = layer({x})", "{x} = F.relu(layer({x}))", "{x} = torch.tanh(layer({x}))"])
    if kind == 0:
        net.say(
            f"for i, layer in enumerate(self.{name}):",
            f"    {step}",
            f"    if i < len(self.{name}) - 1:",
            "        {x} = F.relu({x})",
        )
    elif kind == 1:
        net.say(f"for i in range(len(self.{name})):", f"    {step.replace('layer(', f'self.{name}[i](')}")
    elif kind == 2:
        net.say(f"for layer in self.{name}[:-1]:", f"    {step}", f"{{x}} = self.{name}[-1]({{x}})")
    else:
        net.say(f"for layer in self.{name}:", f"    {step}")
    return shape


def flagged(net: Net, shape: Shape) -> Shape:
    """A branch on an argument of the constructor."""
    dice, name = net.dice, net.dice.fresh(net.dice.one(["use_norm", "use_skip", "with_drop"]))
    net.flags[name] = dice.one(["True", "False"])
    if dice.chance(50):
        net.given.append(f"{name}={dice.one(['True', 'False'])}")
    made = dice.one([torch_layers.norm, torch_layers.activation, torch_layers.dropout])(dice, shape)[0]
    attribute, kind = dice.fresh("extra"), dice.number(0, 3)
    if kind == 0:
        net.init += [f"self.{name} = {name}", f"self.{attribute} = {made}"]
        net.say(f"if self.{name}:", f"    {{x}} = self.{attribute}({{x}})")
    elif kind == 1:
        net.init += [f"self.{name} = {name}", f"if {name}:", f"    self.{attribute} = {made}"]
        net.say(f"if self.{name}:", f"    {{x}} = self.{attribute}({{x}})", "else:", "    {x} = F.relu({x})")
    elif kind == 2:
        net.init.append(f"self.{attribute} = {made} if {name} else nn.Identity()")
        net.say(f"{{x}} = self.{attribute}({{x}})")
    else:
        net.init.append(f"self.{attribute} = {made} if {name} else None")
        net.say(f"if self.{attribute} is not None:", f"    {{x}} = self.{attribute}({{x}})")
    return shape


def in_training(net: Net, shape: Shape) -> Shape:
    """A branch on the mode."""
    net.say(
        *net.dice.one([["if self.training:", "    {x} = {x} * 0.9"], ["if not self.training:", "    {x} = {x} + 0.1"]])
    )
    return shape


def limited(shape: Shape | None) -> bool:
    return shape is not None and 1 <= len(shape) <= 3 and size_of(shape) <= LIMIT
