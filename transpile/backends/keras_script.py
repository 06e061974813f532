"""What stands outside of classes: training loops, data, calls of models."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.keras_classes import ModuleClass
from transpile.references import References
from transpile.splice import Output


def convert_script(references: References, output: Output, classes: Sequence[ModuleClass]) -> None:
    """Edits the code outside of the module classes, whose spans it leaves alone."""
