"""Models that use modules of other models, which an object of the user's may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.backends.torch_model import write_model
from transpile.backends.written_model import Written
from transpile.ir import Model

_OWNER = "self."


def inside_class(external: Mapping[str, str]) -> dict[str, str]:
    """The expressions inside of the class: `self.generator` of the user's object is a parameter there."""
    return {name: text.removeprefix(_OWNER) for name, text in external.items()}


def given_attributes(external: Mapping[str, str]) -> dict[str, str]:
    """What those parameters are given: generator -> self.generator."""
    owned = [text.removeprefix(_OWNER) for text in external.values() if text.startswith(_OWNER)]
    roots = [text.partition(".")[0].partition("[")[0] for text in owned]
    return {root: _OWNER + root for root in roots}


def write_shared(
    model: Model,
    style: str,
    external: dict[str, str],
    blocks: Sequence[tuple[str, Written]] = (),
    as_class: bool = False,
) -> Written:
    """The model in PyTorch's words, with modules of other models. Raises CannotWrite."""
    written = write_model(model, style, inside_class(external), blocks, as_class)
    return written if written.definition else write_model(model, style, external, blocks, as_class)
