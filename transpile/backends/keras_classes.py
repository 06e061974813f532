"""`nn.Module` classes become `keras.Model` and `keras.layers.Layer` classes, edited in place."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from transpile.ir import Span
from transpile.references import References
from transpile.splice import Output


@dataclass(frozen=True)
class ModuleClass:
    """What the rest of the file must know of a converted class.

    `params` are the parameters of `forward` without self. `training`: `call` takes the argument
    `training`. `renamed` maps attributes and methods to their new names, where Keras
    keeps the old ones for itself. `inner`: only other classes of the file make it. `converted`
    is False for a class that was left as it was.
    """

    name: str
    node: ast.ClassDef
    span: Span
    params: tuple[str, ...] = ()
    training: bool = False
    inner: bool = False
    converted: bool = True
    renamed: dict[str, str] = field(default_factory=dict)


def convert_classes(references: References, output: Output, layout: str, style: str) -> tuple[ModuleClass, ...]:
    """Edits every module class of the file; one that can't be converted gets a T2K101."""
    return ()
