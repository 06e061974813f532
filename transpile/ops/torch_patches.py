"""Pieces of images and places in them, from PyTorch to keras.ops: columns of patches, shuffles, grids."""

from __future__ import annotations

from transpile.ops._functions import Call, Left, Result, fresh, function, like
from transpile.ops.torch_creation import spatial

_WINDOW = "kernel_size, dilation=1, padding=0, stride=1"


def _windows(call: Call, *first: str) -> str:
    """The arguments about windows that differ from the defaults."""
    given = [call.text(n) for n in (*first, "kernel_size")]
    given += [f"{n}={call.text(n)}" for n in ("dilation", "padding", "stride") if call.const(n) not in (0, 1)]
    given += ["padding=1"] if call.const("padding") == 1 else []
    return ", ".join(given)


@function("torch.nn.functional.unfold", params=f"x, {_WINDOW}")
def _unfold(call: Call) -> Result:
    call.tensor().rank.settle(4)
    call.helpers.add("unfold")
    return f"unfold({call.torch()}, {_windows(call)})", fresh(3)


@function("torch.nn.functional.fold", params=f"x, output_size, {_WINDOW}")
def _fold(call: Call) -> Result:
    call.tensor().rank.settle(3)
    call.helpers.add("fold")
    return f"fold({call.torch()}, {_windows(call, 'output_size')})", fresh(4)


@function("torch.nn.functional.pixel_unshuffle", "torch.pixel_unshuffle", params="x, factor")
def _pixel_unshuffle(call: Call) -> Result:
    call.helpers.add("pixel_unshuffle")
    return f"pixel_unshuffle({spatial(call, 4)}, {call.text('factor')})", like(call.tensor(), last=True, ones=False)


@function("torch.nn.functional.channel_shuffle", "torch.channel_shuffle", params="x, groups")
def _channel_shuffle(call: Call) -> Result:
    call.helpers.add("channel_shuffle")
    return f"channel_shuffle({spatial(call, 4)}, {call.text('groups')})", like(call.tensor(), last=True, ones=False)


def _corners(call: Call) -> str:
    aligned = call.const("align_corners")
    return f", align_corners={call.text('align_corners')}" if aligned not in (None, False) else ""


@function("torch.nn.functional.affine_grid", params="theta, size, align_corners=None")
def _affine_grid(call: Call) -> Result:
    call.tensor("theta").rank.settle(3)
    call.helpers.add("affine_grid")
    return f"affine_grid({call.torch('theta')}, {call.text('size')}{_corners(call)})", fresh(4)


@function(
    "torch.nn.functional.grid_sample",
    params="x, grid, mode='bilinear', padding_mode='zeros', align_corners=None",
)
def _grid_sample(call: Call) -> Result:
    mode, padding = call.const("mode"), call.const("padding_mode")
    if mode not in ("bilinear", "nearest") or padding not in ("zeros", "border"):
        raise Left(f"{call.name}: mode={call.text('mode')}, padding_mode={call.text('padding_mode')}")
    call.tensor("grid").rank.settle(4)
    call.helpers.add("grid_sample")
    given = [spatial(call, 4), call.torch("grid")]
    given += ['mode="nearest"'] if mode == "nearest" else []
    given += ['padding_mode="border"'] if padding == "border" else []
    return f"grid_sample({', '.join(given)}{_corners(call)})", like(call.tensor(), last=True, ones=False)
