"""Random classes, functions and methods that parts of a PyTorch model are made with."""

from __future__ import annotations

from . import torch_layers
from .dice import Dice
from .layers import Shape
from .torch_forward import Net, pointwise

FUNCTIONS = [
    ("swish", ["    return x * torch.sigmoid(x)"]),
    ("scaled", ["    return torch.tanh(x) * 1.7"]),
    ("squash", ["    norm = x.norm(dim=-1, keepdim=True)", "    return x / (1 + norm)"]),
    ("centered", ["    mean = x.mean(dim=-1, keepdim=True)", "    return x - mean"]),
]


def function_block(net: Net, shape: Shape) -> Shape | None:
    """`conv_block(...)`, which gives a Sequential."""
    dice, rank = net.dice, len(shape) - 1
    name, width = dice.fresh(dice.one(["conv_block", "make_block"])), dice.number(2, 6)
    if not rank:
        net.helpers += [
            f"def {name}(n_in, n_out, rate=0.1):",
            f"    return nn.Sequential(nn.Linear(n_in, n_out), {dice.one(torch_layers.ACTIVATIONS)}, nn.Dropout(rate))",
            "",
            "",
        ]
        net.say(f"{{x}} = self.{net.attribute(f'{name}({shape[0]}, {width})', 'block')}({{x}})")
        return (width,)
    act = dice.one(["nn.ReLU()", "nn.ReLU(inplace=True)", "nn.LeakyReLU(0.2)", "nn.GELU()"])
    parts = [f"nn.Conv{rank}d(c_in, c_out, 3, padding=1, bias=not norm)", act]
    net.helpers.append(f"def {name}(c_in, c_out, norm=True, pool=False):")
    net.helpers.append(f"    layers = [{parts[0]}]")
    net.helpers += ["    if norm:", f"        layers.append(nn.BatchNorm{rank}d(c_out))", f"    layers.append({act})"]
    net.helpers += [
        "    if pool:",
        f"        layers.append(nn.MaxPool{rank}d(2))",
        "    return nn.Sequential(*layers)",
        "",
        "",
    ]
    pools = min(shape[1:]) >= 4 and dice.chance(50)
    arguments = [str(shape[0]), str(width)]
    arguments += ["norm=False"] if dice.chance(40) else []
    arguments += ["pool=True"] if pools else []
    made = f"{name}({', '.join(arguments)})"
    net.say(f"{{x}} = self.{net.attribute(made, 'block')}({{x}})")
    return (width, *(n // 2 if pools else n for n in shape[1:]))


def class_block(net: Net, shape: Shape) -> Shape:
    """A module class of the program's own, used once or several times."""
    dice, rank = net.dice, len(shape) - 1
    name, width = dice.fresh("Block"), dice.number(2, 5)
    layer = f"nn.Conv{rank}d(n_in, n_out, 3, padding=1)" if rank else "nn.Linear(n_in, n_out)"
    change = f"nn.Conv{rank}d(n_in, n_out, 1)" if rank else "nn.Linear(n_in, n_out, bias=False)"
    norm = dice.one(["", f"nn.BatchNorm{max(rank, 1)}d(n_out)"])
    act = dice.one(["F.relu(out)", "torch.tanh(out)", "self.act(out)", "F.elu(out)"])
    lines = [f"class {name}(nn.Module):", "    def __init__(self, n_in, n_out, rate=0.0):"]
    lines += [f"        super({f'{name}, self' if dice.chance(30) else ''}).__init__()", f"        self.main = {layer}"]
    lines += [f"        self.norm = {norm}"] if norm else []
    lines += [f"        self.act = {dice.one(['nn.ReLU()', 'nn.GELU()', 'nn.Sigmoid()'])}"] if "self.act" in act else []
    lines += ["        self.drop = nn.Dropout(rate)"]
    style = dice.number(0, 2)
    if style == 1:
        lines += [
            "        self.shortcut = nn.Sequential()",
            "        if n_in != n_out:",
            f"            self.shortcut = nn.Sequential({change})",
        ]
    elif style == 2:
        lines += [f"        self.shortcut = {change} if n_in != n_out else None"]
    lines += ["", "    def forward(self, x):", f"        out = {'self.norm(self.main(x))' if norm else 'self.main(x)'}"]
    lines += [f"        out = self.drop({act})"]
    lines += {
        0: [],
        1: ["        out += self.shortcut(x)"],
        2: ["        skip = x if self.shortcut is None else self.shortcut(x)", "        out = out + skip"],
    }[style]
    net.helpers += [*lines, "        return out", "", ""]
    return _used(net, name, shape, width)


def _used(net: Net, name: str, shape: Shape, width: int) -> Shape:
    """One block, a method `_make_layer` of blocks, or a loop that makes a list of them."""
    dice = net.dice
    kind = dice.number(0, 3)
    rate = dice.one(["", ", rate=0.2", ", 0.1"])
    if kind == 0:
        net.say(f"{{x}} = self.{net.attribute(f'{name}({shape[0]}, {width}{rate})', 'block')}({{x}})")
    elif kind == 1:
        method, attribute = dice.fresh("_make_layer"), dice.fresh("layer")
        net.methods += [f"def {method}(self, block, n_in, n_out, count):", f"    blocks = [block(n_in, n_out{rate})]"]
        net.methods += ["    for _ in range(1, count):", f"        blocks.append(block(n_out, n_out{rate}))"]
        net.methods += ["    return nn.Sequential(*blocks)", ""]
        net.init.append(f"self.{attribute} = self.{method}({name}, {shape[0]}, {width}, {dice.number(1, 3)})")
        net.say(f"{{x}} = self.{attribute}({{x}})")
    else:
        attribute, count = dice.fresh("blocks"), dice.number(1, 3)
        net.init += [
            f"width = {shape[0]}",
            "blocks = []",
            f"for n in {[dice.number(2, 5) for _ in range(count - 1)] + [width]}:",
        ]
        net.init += [f"    blocks.append({name}(width, n{rate}))", "    width = n"]
        net.init += [f"self.{attribute} = nn.{'Sequential(*blocks)' if kind == 2 else 'ModuleList(blocks)'}"]
        if kind == 2:
            net.say(f"{{x}} = self.{attribute}({{x}})")
        else:
            net.say(f"for block in self.{attribute}:", "    {x} = block({x})")
    return (width, *shape[1:])


def squeezed(net: Net, shape: Shape) -> Shape | None:
    """Squeeze and excitation."""
    if len(shape) != 3:
        return None
    c, dice = shape[0], net.dice
    pool = net.attribute("nn.AdaptiveAvgPool2d(1)", "squeeze")
    net.init.append(
        f"self.excite = nn.Sequential(nn.Linear({c}, 2), nn.ReLU(inplace=True), nn.Linear(2, {c}), nn.Sigmoid())"
    )
    net.say("b, c, _, _ = {x}.size()", f"y = self.{pool}({{x}}).view(b, c)", "y = self.excite(y).view(b, c, 1, 1)")
    net.say(dice.one(["{x} = {x} * y", "{x} = {x} * y.expand_as({x})"]))
    return shape


def function(net: Net, shape: Shape) -> Shape:
    """A function of the module, or a method of the class, over a tensor."""
    dice = net.dice
    if dice.chance(60):
        name, body = dice.one(FUNCTIONS)
        if f"def {name}(x):" not in net.helpers:
            net.helpers += [f"def {name}(x):", *body, "", ""]
        net.say(f"{{x}} = {name}({{x}})")
        return shape
    method, inner = dice.fresh(dice.one(["_features", "encode", "_stage"])), len(net.forward)
    attribute = net.attribute(
        torch_layers.linear(dice, (shape[-1],))[0].replace("in_features=", "").replace("out_features=", "")
    )
    width = int(net.init[-1].partition("(")[2].split(",")[1].strip(" )"))
    net.say(f"{{x}} = self.{attribute}({{x}})")
    after = pointwise(net, (*shape[:-1], width))
    body = net.forward[inner:]
    del net.forward[inner:]
    net.methods += [f"def {method}(self, {net.x}):", *(f"    {line}" for line in body), f"    return {net.x}", ""]
    net.say(f"{{x}} = self.{method}({{x}})")
    return after


def initialised(net: Net) -> list[str]:
    """Lines of the constructor that set initial values, or a function for `model.apply`."""
    dice: Dice = net.dice
    sets = dice.one(
        [
            "nn.init.xavier_uniform_(m.weight)",
            "nn.init.kaiming_normal_(m.weight, nonlinearity='relu')",
            "nn.init.normal_(m.weight, 0, 0.02)",
            "m.weight.data.normal_(0, 0.05)",
            "nn.init.orthogonal_(m.weight)",
        ]
    )
    bias = dice.one(
        [
            [],
            ["    if m.bias is not None:", "        nn.init.zeros_(m.bias)"],
            ["    if m.bias is not None:", "        m.bias.data.fill_(0.01)"],
        ]
    )
    body = [f"    {sets}", *bias]
    test = dice.one(["if isinstance(m, nn.Linear):", "if isinstance(m, (nn.Linear, nn.Conv2d)):"])
    if dice.chance(50):
        return ["for m in self.modules():", f"    {test}", *(f"    {line}" for line in body)]
    net.helpers += ["def init_weights(m):", f"    {test}", *(f"    {line}" for line in body), "", ""]
    return []
