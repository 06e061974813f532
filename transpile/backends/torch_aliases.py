"""Other names for PyTorch's modules where the program uses the usual ones for something else."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from transpile.backends.torch_imports import provided_by
from transpile.ir import Edit
from transpile.references import References
from transpile.splice import Output

# The usual name: another one, and the statement that imports it.
_OTHERS = {
    "torch": ("pytorch", "import torch as pytorch"),
    "nn": ("torch_nn", "from torch import nn as torch_nn"),
    "F": ("functional", "from torch.nn import functional"),
    "np": ("numpy", "import numpy"),
    "copy": ("copy_module", "import copy as copy_module"),
    "random": ("random_module", "import random as random_module"),
    "DataLoader": ("TorchDataLoader", "from torch.utils.data import DataLoader as TorchDataLoader"),
    "TensorDataset": (
        "TorchTensorDataset",
        "from torch.utils.data import TensorDataset as TorchTensorDataset",
    ),
}


def used_names(references: References) -> set[str]:
    """The names that the program itself binds, imports of Keras left out."""
    return set(_entries(references))


def avoid_names(references: References, output: Output, edits: Sequence[Edit]) -> list[Edit]:
    """The edits, with other aliases where the program uses the name of an import of ours."""
    edits = list(edits)
    taken = _entries(references)
    for name in sorted(provided_by(output.imports) & set(_OTHERS)):
        offsets = [at for at in taken.get(name, []) if _meets(references, at, name, edits)]
        if not offsets:
            continue
        other, statement = _OTHERS[name]
        old = next(i for i in output.imports if name in provided_by([i]))
        output.imports -= {old}
        output.imports.add(statement)
        pattern = _pattern(name)
        edits = [Edit(e.start, e.end, pattern.sub(other, e.text)) for e in edits]
        span = references.span(offsets[0], offsets[0] + len(name))
        message = f"{name} is a name of this program, so PyTorch's was imported as {other}"
        output.report("K2T332", span, message)
    return edits


def _entries(references: References) -> dict[str, list[int]]:
    """Where the program binds each name, as a variable or by an import of something else."""
    found: dict[str, list[int]] = {}
    scopes = {id(s): s for _, s in references.reads}
    scopes[id(references.module)] = references.module
    for scope in scopes.values():
        for name, entries in scope.names.items():
            for offset, binding in entries:
                if binding is None or binding.kind == "assign":
                    found.setdefault(name, []).append(offset)
    return {name: sorted(offsets) for name, offsets in found.items()}


def _meets(references: References, offset: int, name: str, edits: Sequence[Edit]) -> bool:
    """Whether an edit in the scope of a variable uses its name for a module."""
    statement = references.statement_at(max(offset - 1, 0))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    around = [statement, *references.around(statement)] if statement is not None else []
    function = next((n for n in around if isinstance(n, functions)), None)
    start, end = (0, len(references.data)) if function is None else (
        references.start(function), references.end(function)
    )  # fmt: skip
    pattern = _pattern(name)
    return any(start <= e.start and e.end <= end and pattern.search(e.text) for e in edits)


def _pattern(name: str) -> re.Pattern[str]:
    """Uses of a module or class of ours in text of ours."""
    after = r"\b" if name[0].isupper() and len(name) > 1 else r"(?=\.)"
    return re.compile(rf"(?<![\w.]){name}{after}")
