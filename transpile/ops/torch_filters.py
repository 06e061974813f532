"""Convolutions of PyTorch with kernels that are given as tensors, on keras.ops."""

from __future__ import annotations

from transpile.ops._functions import Call, Left, Operand, Result, function, like
from transpile.ops.torch_creation import around, spatial
from transpile.torch_values import Plain

_SIGNATURE = "x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1"


@function(
    "torch.nn.functional.conv1d", "torch.nn.functional.conv2d", "torch.nn.functional.conv3d", params=_SIGNATURE,
)  # fmt: skip
def _conv(call: Call) -> Result:
    rank = int(call.name[-2]) + 2
    x, weight, groups = spatial(call, rank), call.args["weight"], call.args["groups"]
    if call.const("stride") != 1 and call.const("dilation") != 1:
        raise Left(f"{call.name}: stride and dilation together")
    padding = call.const("padding")
    if padding not in (0, "valid", "same"):
        x = f"ops.pad({x}, {around(call, rank - 2)})"
    given = [f"strides={call.text('stride')}"] if call.const("stride") != 1 else []
    given += ['padding="same"'] if padding == "same" else []
    given += [f"dilation_rate={call.text('dilation')}"] if call.const("dilation") != 1 else []
    name, kernel = _kernel(call, rank, weight, groups)
    text = f"ops.{name}({', '.join([x, kernel, *given])})"
    text = f"({text} + {call.torch('bias')})" if call.has("bias") else text
    return text, like(call.tensor(), last=True, ones=False, dtype="float")


def _kernel(call: Call, rank: int, weight: Operand, groups: Operand) -> tuple[str, str]:
    """The function, and the kernel with its axes as Keras counts them."""
    axes = (*range(2, rank), 1, 0)
    text = f"ops.transpose({call.torch('weight')}, {axes!r})"
    if isinstance(groups.value, Plain) and groups.const == 1:
        return "conv", text
    raise Left(f"{call.name}: groups={groups.text}; write an nn.Conv{rank - 2}d")
