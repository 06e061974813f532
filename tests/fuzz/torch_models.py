"""Random PyTorch models: nn.Sequential, or classes with a `forward` of random statements."""

from __future__ import annotations

from . import torch_blocks, torch_forward, torch_sequences
from .dice import Dice
from .layers import Shape
from .torch_forward import Net, Step, limited
from .torch_layers import size_of

STEPS: list[Step] = [
    *([torch_forward.plain] * 5),
    *(torch_forward.sequential, torch_forward.pointwise, torch_forward.pointwise, torch_forward.functional_pool),
    *(torch_forward.rearranged, torch_forward.rearranged, torch_forward.residual, torch_forward.residual),
    *(torch_forward.joined, torch_forward.listed, torch_forward.flagged, torch_forward.in_training),
    *(torch_sequences.recurrent, torch_sequences.recurrent, torch_sequences.attention, torch_sequences.parameter),
    *(torch_blocks.function_block, torch_blocks.class_block, torch_blocks.squeezed, torch_blocks.function),
]


class Model:
    """The lines that make `model`, and the shapes of its inputs and outputs."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.imports: set[str] = set()
        self.helpers: list[str] = []
        self.lines: list[str] = []  # that make the model
        self.inputs: list[Shape] = []
        self.words: dict[int, int] = {}
        self.outputs: list[int] = []
        self.after: list[str] = []  # behind the model: initial values, frozen parts
        self.attributes: list[str] = []


def input_shape(dice: Dice) -> Shape:
    kind = dice.number(1, 3)
    if kind == 1:
        return (dice.number(1, 12),)
    if kind == 2:
        return (dice.number(2, 8), dice.number(2, 8))
    return (dice.one([1, 3, 4]), dice.number(4, 10), dice.number(4, 10))


def sequential(dice: Dice, units: int, final: str) -> Model:
    """Modules in a row."""
    model = Model(dice)
    shape = input_shape(dice)
    model.inputs, model.outputs = [shape], [units]
    texts = []
    if len(shape) == 1 and shape[0] > 1 and dice.chance(20):
        model.words[0], width = dice.number(5, 20), dice.number(2, 5)
        texts.append(f"nn.Embedding({model.words[0]}, {width})")
        shape = (shape[0], width)
    more, shape = torch_forward.chain(dice, shape, dice.number(0, 6))
    texts += more
    if len(shape) > 1:
        texts.append("nn.Flatten()")
    texts.append(f"nn.Linear({size_of(shape)}, {units})")
    texts += [f"nn.{final}({'dim=1' if 'oftmax' in final else ''})"] if final else []
    if dice.chance(25):
        model.lines = ["model = nn.Sequential()"]
        model.lines += [f"model.add_module('layer{i}', {text})" for i, text in enumerate(texts)]
    elif dice.chance(30):
        model.lines = ["layers = []", *(f"layers.append({text})" for text in texts), "model = nn.Sequential(*layers)"]
    else:
        model.lines = ["model = nn.Sequential(", *(f"    {text}," for text in texts), ")"]
    return model


def classed(dice: Dice, units: int, final: str) -> Model:
    """A class of its own."""
    model, net = Model(dice), Net(dice)
    shape = input_shape(dice)
    model.inputs, model.outputs = [shape], [units]
    if len(shape) == 1 and shape[0] > 1 and dice.chance(30):
        shape = _embedded(model, net, shape)
    side = dice.number(2, 5) if dice.chance(12) else 0
    for _ in range(dice.number(1, 5)):
        shape = step(net, shape)
    shape = _flat(net, shape)
    if side:
        model.inputs.append((side,))
        net.say("{x} = " + dice.one(["torch.cat([{x}, extra], dim=1)", "torch.cat(({x}, torch.tanh(extra)), 1)"]))
        shape = (shape[0] + side,)
    _head(model, net, shape, units, final)
    _written(model, net, ["extra"] if side else [])
    return model


def step(net: Net, shape: Shape) -> Shape:
    """One random step that fits; what did not fit is taken back."""
    parts = (net.helpers, net.init, net.forward, net.methods)
    for _ in range(4):
        kept, flags, given = [len(p) for p in parts], dict(net.flags), list(net.given)
        after = net.dice.one(STEPS)(net, shape)
        if after is not None and limited(after):
            return after
        for part, length in zip(parts, kept, strict=True):
            del part[length:]
        net.flags, net.given = flags, given
    return torch_forward.pointwise(net, shape)


def _embedded(model: Model, net: Net, shape: Shape) -> Shape:
    """Ids become vectors, with places perhaps."""
    dice, words, width = net.dice, net.dice.number(5, 20), net.dice.number(2, 6)
    model.words[0] = words
    name = net.attribute(dice.call("nn.Embedding", str(words), str(width), padding_idx=["0"]), "embedding")
    net.say(f"{{x}} = self.{name}({{x}})")
    if dice.chance(25):
        net.init.append(f"self.position = nn.Embedding({shape[0]}, {width})")
        net.say("places = torch.arange({x}.size(1), device={x}.device)", "{x} = {x} + self.position(places)")
    if dice.chance(25):
        net.say("{x} = {x}.mean(dim=1)")
        return (width,)
    return (shape[0], width)


def _flat(net: Net, shape: Shape) -> Shape:
    """One axis is left."""
    if len(shape) == 1:
        return shape
    size = size_of(shape)
    forms = ["torch.flatten({x}, 1)", "{x}.flatten(1)", "{x}.reshape({x}.size(0), -1)", "{x}.reshape({x}.shape[0], -1)"]
    forms += [f"{{x}}.reshape(-1, {size})", "{x}.reshape(len({x}), -1)", "torch.flatten({x}, start_dim=1)"]
    if size > 60 or net.dice.chance(30):
        return torch_forward.reduced(net, shape)
    net.say("{x} = " + net.dice.one(forms))
    return (size,)


def _head(model: Model, net: Net, shape: Shape, units: int, final: str) -> None:
    """The output, or two of them."""
    dice = net.dice
    name = net.attribute(f"nn.Linear({shape[0]}, {units})", dice.one(["head", "out", "classifier"]))
    text = f"self.{name}({{x}})"
    ends = {
        "": ["T"],
        "Sigmoid": ["torch.sigmoid(T)", "F.sigmoid(T)", "T.sigmoid()"],
        "LogSoftmax": ["F.log_softmax(T, dim=1)", "torch.log_softmax(T, 1)"],
        "Tanh": ["torch.tanh(T)"],
        "Softplus": ["F.softplus(T)"],
    }[final]
    if dice.chance(30):
        net.say(f"{{x}} = {text}")
        text = "{x}"
    net.say("return " + dice.one(ends).replace("T", text))


def _written(model: Model, net: Net, more: list[str]) -> None:
    """The class and the model of it."""
    dice = net.dice
    name = dice.one(["Net", "Model", "Classifier"])
    inits = torch_blocks.initialised(net) if dice.chance(15) else []
    parameters = "".join(f", {flag}={value}" for flag, value in net.flags.items())
    lines = [f"class {name}(nn.Module):", f"    def __init__(self{parameters}):"]
    lines.append(f"        {dice.one(['super().__init__()', f'super({name}, self).__init__()'])}")
    lines += [f"        {line}" for line in (*net.init, *inits)]
    lines += ["", *(f"    {line}" if line else "" for line in net.methods)]
    lines.append(f"    def forward(self, {', '.join([net.x, *more])}):")
    lines += [f"        {line}" for line in net.forward]
    model.imports |= net.imports
    model.helpers = [*net.helpers, *lines, "", ""]
    made = f"{name}({', '.join(net.given)})"
    model.lines = [f"model = {made}"]
    if "def init_weights(m):" in net.helpers:
        model.lines.append("model.apply(init_weights)")
    model.attributes = [
        line.partition(" =")[0] for line in net.init if line.startswith("self.") and "nn.Linear(" in line
    ]
