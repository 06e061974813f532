"""The other direction on one page: read, classes, script, imports."""

from __future__ import annotations

from typing import Literal

from transpile.backends.keras_classes import convert_classes
from transpile.backends.keras_file import finish
from transpile.backends.keras_losses import loss_name
from transpile.backends.keras_pairs import pairs_of
from transpile.backends.keras_script import convert_script
from transpile.frontends.torch_lightning import read_lightning
from transpile.indentation import Indentation
from transpile.references import TORCH_ROOTS, References
from transpile.result import Result
from transpile.source import Source
from transpile.splice import Output

Layout = Literal["drop-in", "native"]
Style = Literal["default", "exact", "idiomatic"]


def torch2keras(
    source: str, *, filename: str = "<string>", layout: Layout = "drop-in", style: Style = "default"
) -> Result:
    """Converts a PyTorch program to Keras.

    `layout` "drop-in": the converted model takes the arrays that the PyTorch model took, in the
    same layout; "native": images are channels last. `style` "idiomatic" leaves out what
    changes no result.

    Raises UnusableInput if the source is not a Python 3 program.
    """
    indentation = Indentation(source)
    parsed = Source(indentation.expanded, filename)
    if not parsed.imports.uses("torch"):
        return Result(source, (), (), filename, source)
    output = Output()
    if parsed.imports.uses("keras") or parsed.imports.uses("tf"):
        output.report("T2K201", parsed.span_of(0, 0), "this file uses Keras as well as PyTorch: its Keras code stays")
    references = References(parsed.text, roots=TORCH_ROOTS)
    lightning = read_lightning(references, lambda path: bool(loss_name(path)))
    classes = convert_classes(references, output, layout, style, lightning)
    trainings = convert_script(references, output, classes, lightning)
    code = finish(references, output)
    diagnostics = tuple(sorted(output.diagnostics, key=lambda d: (d.span.start, d.code, d.message)))
    result = Result(code, diagnostics, pairs_of(references, classes, trainings), filename, parsed.text)
    return indentation.restore(result)
