"""Losses in a PyTorch body: made in a constructor or called as functions; Keras's take the target first."""

from __future__ import annotations

import ast

from transpile.backends.body_containers import Containers
from transpile.backends.body_modules import expr_of
from transpile.backends.keras_losses import LossText, bound, loss_name, loss_object, loss_value
from transpile.ops._functions import Left, Operand, fresh
from transpile.ops.torch_elementwise import align
from transpile.torch_values import Loss, Tensor, Value

_OF_CLASSES = ("CrossEntropyLoss", "NLLLoss")


class Losses(Containers):
    """Adds losses to what modules may hold and call."""

    def make_loss(self, path: str, node: ast.Call) -> Operand:
        """`nn.MSELoss()`."""
        name = loss_name(path)
        args, kwargs = self.arguments(node)
        given = bound(name, [expr_of(a) for a in args], {n: expr_of(o) for n, o in kwargs.items()})
        reduction = given["reduction"].value if "reduction" in given else "mean"
        return Operand(self.loss_text(name, loss_object(name, given)), Loss(name, str(reduction)))

    def loss_text(self, name: str, made: LossText) -> str:
        """The text, with what it needs noted; raises Left for what has no counterpart."""
        if made.problem:
            raise Left(f"{name}: {made.problem}", "T2K102")
        self.helpers |= set(made.helpers)
        self.imports |= set(made.imports) - {"from keras import ops"}
        self.uses_ops = self.uses_ops or "from keras import ops" in made.imports
        return made.text

    def apply_loss(self, loss: Loss, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """`self.criterion(output, target)`."""
        output, target = self.loss_operands(loss.name, operands, kwargs)
        return self.made(f"{text}({target.text}, {output.text})", self.loss_outcome(loss.reduction))

    def functional_loss(self, path: str, operands: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """`F.cross_entropy(output, target)`."""
        name = loss_name(path)
        pair = operands[:2]
        named = {n: o for n, o in kwargs.items() if n in ("input", "target")}
        rest = {n: expr_of(o) for n, o in kwargs.items() if n not in named}
        given = bound(name, [expr_of(o) for o in operands[2:]], rest)
        output, target = self.loss_operands(name, pair, named)
        reduction = given["reduction"].value if "reduction" in given else "mean"
        made = loss_value(name, given, target.text, output.text, False)
        return self.made(self.loss_text(name, made), self.loss_outcome(str(reduction)))

    def loss_operands(self, name: str, operands: list[Operand], kwargs: dict[str, Operand]) -> tuple[Operand, Operand]:
        """Output and target, laid alike; the classes of a cross-entropy lie on the last axis."""
        given = dict(zip(("input", "target"), operands)) | kwargs
        if set(given) != {"input", "target"}:
            raise Left(f"{name} with {', '.join(sorted(set(given) - {'input', 'target'})) or 'one argument'}")
        output, target = given["input"], given["target"]
        if name not in _OF_CLASSES:
            texts, _ = align([(output.text, output.value), (target.text, target.value)])
            return Operand(texts[0], output.value), Operand(texts[1], target.value)
        rank = output.value.rank.value if isinstance(output.value, Tensor) else None
        if rank is None and isinstance(target.value, Tensor) and target.value.rank.value is not None:
            rank = target.value.rank.value + 1
        laid = self.laid(output, rank > 2) if rank is not None else f"ops.moveaxis({output.text}, 1, -1)"
        self.uses_ops = self.uses_ops or rank is None
        return Operand(laid, output.value), Operand(self.laid(target, False), target.value)

    @staticmethod
    def loss_outcome(reduction: str) -> Value:
        return fresh(None if reduction == "none" else 0)
