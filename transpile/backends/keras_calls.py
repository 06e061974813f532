"""One call of PyTorch in Keras's words, its operands given as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transpile.ir import Expr


@dataclass(frozen=True)
class Written:
    """Keras's text of a call; `imports` are statements it needs, `diagnostics` (code, message)."""

    text: str
    imports: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    diagnostics: tuple[tuple[str, str], ...] = ()


def tensor_call(
    path: str, receiver: str | None, args: Sequence[Expr], kwargs: Mapping[str, Expr], rank: int | None = None
) -> Written | None:
    """A function ("torch.cat") or, with a receiver, a method ("view") of tensors; None if unknown."""
    return None


def layer_call(path: str, args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> Written | None:
    """A module ("torch.nn.Linear"); None if unknown."""
    return None
