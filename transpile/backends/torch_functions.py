"""Functions that are written once into the file, before the statement that first needs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from transpile.backends.templates import helper
from transpile.splice import Output, fragment

_IMPORTS = (
    (r"\bnn\.", "from torch import nn"),
    (r"\bF\.", "from torch.nn import functional as F"),
    (r"\bDataLoader\(", "from torch.utils.data import DataLoader"),
    (r"\bTensorDataset\(", "from torch.utils.data import TensorDataset"),
    (r"\bislice\(", "from itertools import islice"),
    (r"\bchain\(", "from itertools import chain"),
    (r"\bnp\.", "import numpy as np"),
    (r"\bmath\.", "import math"),
    (r"\bSummaryWriter\(", "from torch.utils.tensorboard import SummaryWriter"),
    (r"\bcsv\.", "import csv"),
    (r"\bitertools\.", "import itertools"),
    (r"\bos\.(path|makedirs)\b", "import os"),
    (r"\bshutil\.", "import shutil"),
    (r"\bcopy\.", "import copy"),
    (r"\bfunctools\.", "import functools"),
    (r"\btorch\.", "import torch"),
)


class Functions:
    """Hands out functions by their text: equal texts are one function."""

    def __init__(self, output: Output, taken: Iterable[str]) -> None:
        self.output = output
        self._user = frozenset(taken)
        self._taken = set(self._user)
        self._names: dict[tuple[str, str], str] = {}

    def add(self, base: str, variable: str, render: Callable[[str], str], offset: int) -> str:
        """The name of the function that `render(name)` writes, defined before `offset`.

        The first text under a base name gets that name; another one the model's variable too.
        """
        key = (base, render("_"))
        if key not in self._names:
            self._names[key] = self._free((base, joined(base, variable)))
        name = self._names[key]
        text = fragment(render(name))
        self.output.define(name, offset, text)
        self.imports(text)
        if re.search(r"\bdevice\b", text):
            self.output.device(offset)
        return name

    def constant(self, name: str, text: str, offset: int) -> str:
        """The name of a variable at module level that holds the value of an expression."""
        key = (name, text)
        if key not in self._names:
            self._names[key] = self._free((name,))
        self.output.define(self._names[key], offset, f"{self._names[key]} = {text}")
        self.imports(text)
        return self._names[key]

    def _free(self, candidates: tuple[str, ...]) -> str:
        for name in candidates:
            if name not in self._taken:
                self._taken.add(name)
                return name
        count = 2
        while f"{candidates[-1]}_{count}" in self._taken:
            count += 1
        self._taken.add(f"{candidates[-1]}_{count}")
        return f"{candidates[-1]}_{count}"

    def renaming(self, names: Iterable[str]) -> Callable[[str], str]:
        """What gives helpers another name in a text that calls them, where the file uses theirs."""
        renamed = [n for n in names if n in self._user]

        def rename(text: str) -> str:
            for name in renamed:
                text = re.sub(rf"(?<![\w.'\"]){name}(?=[(,)]|$)", f"torch_{name}", text)
            return text

        return rename

    def helpers(self, names: Iterable[str], offset: int) -> Callable[[str], str]:
        """Files of templates/torch/helpers. Returns `renaming(names)`."""
        rename = self.renaming(names)
        for name in names:
            text = rename(helper(name))
            self.output.define(rename(name), offset, fragment(text))
            self.imports(text)
        return rename

    def imports(self, text: str) -> None:
        """What a piece of written code needs to import."""
        imports_of(text, self.output)


def imports_of(text: str, output: Output) -> None:
    """What a piece of written code needs to import."""
    for pattern, statement in _IMPORTS:
        if re.search(pattern, text):
            output.imports.add(statement)


def joined(base: str, variable: str) -> str:
    """run_epoch for the model `critic`: run_critic_epoch."""
    variable = re.sub(r"\W+", "_", variable.rpartition(".")[2]).strip("_").lower() or "model"
    head, _, tail = base.rpartition("_")
    return f"{head}_{variable}_{tail}" if head else f"{base}_{variable}"
