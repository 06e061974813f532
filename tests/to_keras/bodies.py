"""Small module classes, each around one family of operations, with the inputs that they take."""

from __future__ import annotations

HEAD = """
import math
import torch
from torch import nn
import torch.nn.functional as F

"""

PROGRAMS = {
    "convolutions": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(4, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 8, (3, 5), stride=2, padding=(1, 2), bias=False)
        self.c = nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=8)
        self.d = nn.Conv2d(16, 6, 4, padding=1)
        self.e = nn.ConvTranspose2d(6, 5, 3, stride=2, padding=1, output_padding=1)
        self.f = nn.ConvTranspose2d(5, 4, 4, stride=2, padding=1, bias=False)
        self.g = nn.Conv2d(4, 4, 3, padding="same", padding_mode="zeros")
        self.h = nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")

    def forward(self, x):
        x = torch.tanh(self.c(self.b(F.relu(self.a(x)))))
        return self.h(self.g(self.f(torch.tanh(self.e(self.d(x))))))
""",
    "one_dimension": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv1d(3, 6, 5, stride=2, padding=2)
        self.bn = nn.BatchNorm1d(6)
        self.b = nn.ConvTranspose1d(6, 4, 4, stride=2, padding=1)
        self.pool = nn.MaxPool1d(3, stride=2, padding=1)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.pool(self.b(F.elu(self.bn(self.a(x)))))
        return self.fc(x.mean(-1)), x.transpose(1, 2)
""",
    "pooling": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.a = nn.MaxPool2d(3, 2, 1)
        self.b = nn.MaxPool2d(2, ceil_mode=True)
        self.c = nn.AvgPool2d(3, stride=1, padding=1)
        self.d = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.e = nn.AdaptiveAvgPool2d((2, 3))

    def forward(self, x):
        x = self.conv(x)
        u = self.d(self.c(self.a(x)))
        v = F.avg_pool2d(self.b(x), 2)
        return self.e(u), F.adaptive_avg_pool2d(v, 1).view(v.size(0), -1), F.max_pool2d(x, 2, 2).flatten(1)
""",
    "norms": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8, eps=1e-3, momentum=0.2)
        self.gn = nn.GroupNorm(4, 8)
        self.inorm = nn.InstanceNorm2d(8, affine=True)
        self.plain = nn.InstanceNorm2d(8)
        self.act = nn.PReLU()
        self.ln = nn.LayerNorm([8, 8])
        self.flat = nn.BatchNorm1d(8)

    def forward(self, x):
        x = self.bn(self.conv(x))
        x = self.act(self.gn(x)) + self.inorm(x) * self.plain(x)
        return self.ln(x), self.flat(x.amax(dim=(2, 3)))
""",
    "images": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.pad = nn.ReflectionPad2d(1)
        self.rep = nn.ReplicationPad2d((1, 0, 2, 1))
        self.zero = nn.ZeroPad2d((1, 2, 0, 1))

    def forward(self, x):
        x = self.conv(x)
        a = F.interpolate(x, scale_factor=2, mode="nearest")
        b = F.interpolate(x, size=(11, 5), mode="bilinear", align_corners=False)
        c = self.up(self.shuffle(x))
        d = F.pad(self.zero(self.rep(self.pad(x))), (1, 2, 3, 0), value=0.5)
        return a, b, c, d
""",
    "rearranging": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        b, t, c = x.shape
        y = self.fc(x).view(b, t, 2, c // 2).permute(0, 2, 1, 3).contiguous()
        a, z = y.chunk(2, dim=-1)
        parts = torch.split(x, [3, 5], dim=2)
        s = torch.stack([a, z], dim=1).flatten(1, 2)
        u = x.unsqueeze(1).expand(-1, 3, -1, -1).reshape(b, -1)
        v = x[:, None, :, ::2].repeat(1, 2, 1, 1)
        w = torch.cat(parts[::-1], dim=-1).transpose(1, 2)[..., -1]
        q, r = x.unbind(0)[0], x.flip(1)
        return s, u, v, w, q, r, x.repeat_interleave(2, dim=1), x.T.sum()
""",
    "reducing": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        x = self.fc(x)
        m, i = x.max(dim=1)
        y = self.conv(x.view(x.size(0), 1, 2, 3))
        norms = x.norm(dim=1, keepdim=True), F.normalize(x), x.var(), torch.logsumexp(x, 1), x.std(0, unbiased=False)
        wide = y.std(dim=1, keepdim=True) + y.softmax(1) * F.log_softmax(y, dim=1)
        return m, torch.max(x), wide, y.mean(1), y.sum(dim=(2, 3)), *norms, x.cumsum(1), x.topk(2)[0], x.min(1)[0], torch.maximum(x, -x)
""",
    "elementwise": """
class Model(nn.Module):
    def __init__(self, scale=0.5):
        super().__init__()
        self.fc = nn.Linear(5, 5)
        self.scale = scale
        self.gain = nn.Parameter(torch.ones(5))
        self.register_buffer("shift", torch.linspace(0, 1, 5))

    def forward(self, x, y):
        x = self.fc(x)
        x = x.mul(self.scale).add(y).sub_(0.1)
        x += y ** 2
        x = x * self.gain + self.shift
        z = torch.where(x > 0, x, y).clamp(-1, 1)
        w = x.masked_fill(y < 0, 0.25) / (1 + y.abs())
        v = F.gelu(x) + F.leaky_relu(y, 0.1) + F.silu(x).sigmoid() + F.softplus(y) + torch.exp(-x.pow(2))
        return z, w, v, (x > y).float(), x @ y.t(), torch.einsum("bi,ci->bc", x, y), F.hardtanh(x) - F.relu6(y)
""",
    "branches": """
class Block(nn.Module):
    def __init__(self, channels, down=None, act=nn.ReLU):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = act()
        self.down = down

    def forward(self, x):
        y = self.act(self.conv(x))
        if self.down is not None:
            y = self.down(y)
            x = self.down(x)
        return x + y


class Model(nn.Module):
    def __init__(self, steps=2):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.blocks = nn.ModuleList([Block(4, nn.AvgPool2d(2)), Block(4)])
        self.named = nn.ModuleDict({"a": nn.Conv2d(4, 4, 1), "b": nn.Identity()})
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 4, 3))
        self.steps = steps

    def forward(self, x, features=False):
        outs = []
        x = self.stem(x)
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == 0:
                outs.append(x)
        for _ in range(self.steps):
            x = self.named["b"](self.named["a"](x))
        if self.training:
            x = F.dropout(x, 0.2, training=self.training)
        b, c, h, w = x.size()
        scale = x.mean(dim=[2, 3], keepdim=True)
        x = x * scale.expand_as(x) + c / (h * w)
        return self.head(x), outs[0], x[:, :2], x.shape[-1] * x.mean(dim=(1, 2, 3))
""",
    "reserved_names": """
class Encoder(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        layers = []
        for i, o in zip(sizes, sizes[1:]):
            layers.append(nn.Linear(i, o))
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)
        self.output = nn.Linear(sizes[-1], 2)
        self.dtype = "unused"

    def build(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, input):
        return self.output(self.build(input))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        def block(i, o):
            return [nn.Linear(i, o), nn.BatchNorm1d(o), nn.LeakyReLU(0.2, inplace=True)]
        self.pre = nn.Sequential(*block(4, 6), nn.Linear(6, 4))
        self.enc = Encoder([4, 5, 3])

    def forward(self, x):
        return self.enc(self.pre(x))
""",
    "cells": """
class Model(nn.Module):
    def __init__(self, hidden=5):
        super().__init__()
        self.hidden = hidden
        self.first = nn.LSTMCell(3, hidden)
        self.second = nn.LSTMCell(hidden, 4, bias=False)
        self.gated = nn.GRUCell(4, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        batch, steps, _ = x.shape
        h = torch.zeros(batch, self.hidden)
        c = torch.zeros(batch, self.hidden)
        state, g = None, None
        outputs = []
        for step in range(steps):
            h, c = self.first(x[:, step, :], (h, c))
            state = self.second(torch.tanh(h), state)
            g = self.gated(state[0], g) if g is not None else self.gated(state[0])
            outputs.append(self.head(g))
        return torch.stack(outputs, dim=1), h + c, self.second(h)[1]
""",
    "pretrained": """
def positions(count, size):
    angles = torch.linspace(0.0, 3.0, count)[:, None] / torch.linspace(1.0, 10.0, size)
    return torch.sin(angles)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding.from_pretrained(torch.eye(6), freeze=False)
        self.places = nn.Embedding.from_pretrained(positions(8, 6))
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        places = torch.arange(x.size(1))
        return self.fc(self.words(x) * 2 + self.places(places)[None]), self.places(x)
""",
    "booleans": """
def sines(count, size):
    table = [[i / (j + 1) for j in range(size)] for i in range(count)]
    table[0] = [0.5] * size
    return torch.FloatTensor(table)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.places = nn.Embedding.from_pretrained(sines(4, 4), freeze=True)
        self.fc = nn.Linear(4, 4)
        self.register_buffer("steps", torch.FloatTensor([1, 2, 3, 4]))

    def forward(self, x):
        y = self.fc(x) / self.steps
        some, more = y > 0, x > 0.1
        both = torch.gt(some + more, 0).add(x.gt(2))
        counted = (some * 2 + 1) * more.long()
        lower = torch.ones(4, 4).triu(1).byte()
        hidden = (lower + (x.mean(0) > 0)) > 0
        places = self.places(torch.arange(4)).masked_fill(hidden, -1.0)
        return y * both, (some == 0) * y, (more != some).mul(y), counted.float() * y, (some * more) * y, (some * 0.5 - 1) * x, y @ places
""",
    "padding_modes": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 2, (3, 5), padding=(1, 2), padding_mode="circular")
        self.b = nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")
        self.c = nn.Conv2d(2, 2, 3, padding=(1, 2), padding_mode="reflect")
        self.d = nn.Conv1d(2, 3, 3, padding=1, padding_mode="circular")
        self.e = nn.Conv1d(3, 3, 3, padding=(2,), padding_mode="replicate")

    def forward(self, x):
        x = self.c(self.b(self.a(x)))
        return self.e(self.d(x.flatten(2)))
""",
}
