"""einops in module classes, ready-made models, and what depends on values."""

from __future__ import annotations

import pytest

from tests.to_keras.bodies import HEAD
from transpile import torch2keras


def test_patterns_become_layers_and_functions_stay() -> None:
    result = torch2keras(f"""{HEAD}
from einops import rearrange, repeat
from einops.layers.torch import Rearrange


class Model(nn.Module):
    def __init__(self, patch=4):
        super().__init__()
        self.to_patch = nn.Sequential(
            Rearrange("b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=patch, p2=patch),
            nn.Linear(48, 8),
        )
        self.cls = nn.Parameter(torch.randn(1, 1, 8))
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, image):
        x = self.to_patch(self.conv(image))
        x = torch.cat((repeat(self.cls, "1 1 d -> b 1 d", b=x.shape[0]), x), dim=1)
        return rearrange(x, "b n (h d) -> b h n d", h=2)
""")
    assert not [d for d in result.diagnostics if d.level != "note"]
    assert 'layers.Lambda(partial(rearrange, pattern="b c (h p1) (w p2) -> b (h w) (p1 p2 c)", p1=' in result.code
    assert "repeat(ops.copy(self.cls)" in result.code.replace("\n", "").replace("  ", "")
    assert "einops.layers" not in result.code
    assert "self.to_patch(ops.transpose(self.conv(image), (0, 3, 1, 2)))" in result.code


@pytest.mark.parametrize(
    ("code", "init", "body"),
    [
        ("T2K105", "torchvision.models.resnet18(pretrained=True)", "self.part(x)"),
        ("T2K106", "nn.Linear(3, 4)", "torch.unique(self.part(x))"),
        ("T2K106", "nn.Linear(3, 4)", "self.part(x).nonzero()"),
        ("T2K104", "make(nn.Linear)", "self.part(x)"),
        ("T2K104", "(nn.Conv2d if wide else nn.Conv3d)(3, 4, 3)", "self.part(x)"),
        ("T2K104", "(nn.BatchNorm2d if wide else lambda c: nn.GroupNorm(2, c))(4)", "self.part(x)"),
    ],
)
def test_what_has_no_counterpart_gets_its_code(code: str, init: str, body: str) -> None:
    result = torch2keras(f"""{HEAD}
import torchvision
from blocks import make


class Model(nn.Module):
    def __init__(self, wide=False):
        super().__init__()
        self.part = {init}

    def forward(self, x):
        return {body}
""")
    assert code in [d.code for d in result.diagnostics]


def test_arguments_by_name_that_are_handed_on_are_written_out() -> None:
    result = torch2keras(f"""{HEAD}
class Block(nn.Module):
    def __init__(self, inputs, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, 6, **kwargs)

    def forward(self, x):
        return self.conv(x)


def wide(inputs, **settings):
    return nn.Sequential(Block(inputs, **settings), nn.ReLU())


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = wide(4, kernel_size=3)

    def forward(self, x):
        return self.wide(x)
""")
    assert "def wide(inputs, kernel_size):" in result.code
    assert "Block(inputs, kernel_size=kernel_size)" in result.code
    assert "settings" not in result.code
