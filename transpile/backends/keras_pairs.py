"""What the verifier must know of each model that became Keras."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.keras_classes import ModuleClass
from transpile.references import References
from transpile.result import ModelPair


def pairs_of(references: References, classes: Sequence[ModuleClass]) -> tuple[ModelPair, ...]:
    """One pair per model that an expression of the file makes."""
    return ()
