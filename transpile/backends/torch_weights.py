"""`class_weight`: a criterion that weighs the samples, for training only."""

from __future__ import annotations

from collections.abc import Callable

from transpile.frontends.texts import is_simple
from transpile.ir import Expr
from transpile.training_ir import Loss


def class_weight_function(weights: Expr, loss: Loss, name: str, free: Callable[[str], str]) -> list[str]:
    """A function `name(output, target)`: the mean over samples, not over weights."""
    binary = loss.op == "binary_crossentropy"
    logits = loss.args["from_logits"].value is True
    function = "cross_entropy" if not binary else "binary_cross_entropy" + ("_with_logits" if logits else "")
    count = loss.shape[-1] if loss.shape else Expr("2", 2)
    classes = "2" if binary else count.text
    if binary:
        index = "target.long()" if count.value == 1 else "target.argmax(dim=1)"
    else:
        index = "target" if loss.target == "ids" else "target.argmax(dim=1)"
    values = weights.text if is_simple(weights.text) else f"({weights.text})"
    tensor = free("class_weights")
    losses = f'F.{function}({_output(loss)}, target, reduction="none")'
    if loss.op == "categorical_crossentropy" and not logits:
        losses = f"-(target * {_output(loss)}).sum(dim=1)"
    if binary and count.value != 1:
        losses += ".mean(dim=1)"
    return [
        f"{tensor} = torch.tensor([{values}.get(i, 1.0) for i in range({classes})], device=device)",
        "",
        f"def {name}(output, target):",
        '    """The mean over the samples, not over their weights."""',
        f"    losses = {losses}",
        f"    return (losses * {tensor}[{index}]).mean()",
        "",
    ]


def _output(loss: Loss) -> str:
    """What the function of PyTorch reads: logits, or the probabilities of the model."""
    if loss.args["from_logits"].value is True:
        return "output"
    if loss.op == "categorical_crossentropy":
        return "(output / output.sum(dim=1, keepdim=True)).clamp(1e-7, 1 - 1e-7).log()"
    clipped = "output.clamp(1e-7, 1 - 1e-7)"
    return clipped if loss.op == "binary_crossentropy" else f"{clipped}.log()"
