"""Random recurrent layers, attention and parameters of a class's own, as statements of `forward`."""

from __future__ import annotations

from .layers import Shape
from .torch_forward import Net


def recurrent(net: Net, shape: Shape) -> Shape | None:
    """nn.LSTM and its kin, batch first or not, with what people read of them."""
    if len(shape) != 2:
        return None
    dice, (steps, features) = net.dice, shape
    units, kind = dice.number(1, 5), dice.one(["LSTM", "GRU", "RNN"])
    layers, both = dice.one([1, 1, 2]), dice.chance(25)
    first = dice.chance(80)
    texts = [str(features), str(units)]
    texts += [f"{'num_layers=' if dice.chance(60) else ''}{layers}"] if layers > 1 else []
    texts += ["batch_first=True"] if first else []
    texts += ["bidirectional=True"] if both else []
    texts += ["dropout=0.2"] if layers > 1 and dice.chance(25) else []
    texts += ["nonlinearity='relu'"] if kind == "RNN" and dice.chance(20) else []
    texts += ["bias=False"] if dice.chance(10) else []
    name = net.attribute(f"nn.{kind}({', '.join(texts)})", kind.lower())
    source = "{x}" if first else dice.one(["{x}.transpose(0, 1)", "{x}.permute(1, 0, 2)"])
    state = ""
    if dice.chance(20):
        zeros = f"torch.zeros({layers * (1 + both)}, {{x}}.size(0), {units}"
        net.say(f"h0 = {zeros}{dice.one([')', ', device={x}.device)', ').to({x}.device)'])}")
        state = ", h0"
        if kind == "LSTM":
            net.say(f"c0 = {zeros})")
            state = ", (h0, c0)"
    read = dice.number(0, 3)
    width = units * (1 + both)
    if read == 0:  # the last state
        net.say(f"_, {'(h, c)' if kind == 'LSTM' else 'h'} = self.{name}({source}{state})")
        net.say("{x} = " + ("torch.cat([h[-2], h[-1]], dim=1)" if both else dice.one(["h[-1]", "h[-1, :, :]"])))
        return (width,)
    net.say(f"{dice.one(['{x}, _', '{x}, hidden'])} = self.{name}({source}{state})")
    if read == 1:
        net.say("{x} = {x}[:, -1, :]" if first else "{x} = {x}[-1]")
        return (width,)
    if not first:
        net.say("{x} = {x}.transpose(0, 1)")
    return (steps, width)


def attention(net: Net, shape: Shape) -> Shape | None:
    """Over time: by hand, nn.MultiheadAttention, or a layer of a transformer."""
    if len(shape) != 2:
        return None
    dice, (_, features) = net.dice, shape
    kind = dice.number(0, 4)
    heads = next(n for n in (2, 3, 1) if features % n == 0)
    if kind == 0:
        name = net.attribute(
            dice.call("nn.MultiheadAttention", str(features), str(heads), "batch_first=True", dropout=[0.1]), "attn"
        )
        net.say(f"attended, {dice.one(['_', 'weights'])} = self.{name}({{x}}, {{x}}, {{x}})", "{x} = {x} + attended")
        return shape
    if kind == 1:
        texts = [f"d_model={features}", f"nhead={heads}", f"dim_feedforward={dice.number(4, 8)}", "batch_first=True"]
        layer = dice.call(
            "nn.TransformerEncoderLayer", *texts, dropout=[0.0, 0.2], activation=["'gelu'"], norm_first=["True"]
        )
        if dice.chance(30):
            layer = f"nn.TransformerEncoder({layer}, num_layers={dice.number(1, 2)})"
        net.say(f"{{x}} = self.{net.attribute(layer, 'encoder')}({{x}})")
        return shape
    net.imports.add("import math")
    names = [net.attribute(f"nn.Linear({features}, {features})", stem) for stem in ("query", "key", "value")]
    net.say(*(f"{v} = self.{name}({{x}})" for v, name in zip("qkv", names, strict=True)))
    scores = dice.one(
        [
            "torch.bmm(q, k.transpose(1, 2))",
            "q @ k.transpose(-2, -1)",
            "torch.matmul(q, k.transpose(1, 2))",
            "torch.einsum('bqd,bkd->bqk', q, k)",
        ]
    )
    net.say(
        f"scores = {scores} / math.sqrt({features})",
        dice.one(["weights = F.softmax(scores, dim=-1)", "weights = scores.softmax(-1)"]),
    )
    net.say(dice.one(["{x} = torch.bmm(weights, v)", "{x} = weights @ v"]))
    return shape


def parameter(net: Net, shape: Shape) -> Shape:
    """A parameter or a buffer of the class's own."""
    dice = net.dice
    name = dice.fresh(dice.one(["scale", "shift", "gate"]))
    size = dice.one(["1", "1", ", ".join(["1", *map(str, shape)]), str(shape[-1])])
    value = dice.one([f"torch.ones({size})", f"torch.full(({size},), 0.5)", f"torch.randn({size}) * 0.1"])
    if dice.chance(20):
        net.init.append(f"self.register_buffer('{name}', {value if 'randn' not in value else f'torch.ones({size})'})")
    else:
        net.init.append(f"self.{name} = nn.Parameter({value})")
    net.say(f"{{x}} = {{x}} {dice.one(['*', '+'])} self.{name}")
    return shape
