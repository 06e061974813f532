"""What a program did while it ran to its end, in the same form for both sides."""

from __future__ import annotations

import builtins
import io
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transpile.verify.recipes import Array

TEXTS = {".txt", ".csv", ".json", ".log", ".tsv", ".md"}
MOST_PRINTED = 16 << 20
WHOLE_TEXT = 1 << 20  # of a longer file only the existence is compared


@dataclass(frozen=True, slots=True)
class Cuts:
    """How far a program is run; None: to its own end."""

    epochs: int | None = None
    batches: int | None = None
    samples: int | None = None

    def rows(self, batch_size: int) -> int | None:
        """How many samples of a data set are used."""
        limits = [self.samples, None if self.batches is None else self.batches * batch_size]
        known = [n for n in limits if n is not None]
        return min(known) if known else None

    def shortened(self, numbers: Iterable[Any]) -> Iterator[Any]:
        """A loop over epochs."""
        return itertools.islice(iter(numbers), self.epochs)


@dataclass(slots=True)
class Record:
    """Losses of the updates, metrics, what was printed and written, and the models."""

    updates: list[float] = field(default_factory=list)
    training: list[dict[str, float]] = field(default_factory=list)  # per epoch
    evaluation: list[dict[str, float]] = field(default_factory=list)  # validation and evaluate, in order
    printed: io.StringIO = field(default_factory=io.StringIO)
    files: dict[str, str | None] = field(default_factory=dict)  # name -> text, None where it is none
    models: dict[tuple[int, int], Any] = field(default_factory=dict)  # (pair, how many before) -> model
    weights: dict[tuple[int, int], list[Array]] = field(default_factory=dict)  # Keras: at the end

    def remember(self, pair: int, model: Any) -> tuple[int, int] | None:
        """Notes a model; None if it is known already."""
        if any(model is known for known in self.models.values()):
            return None
        key = pair, sum(number == pair for number, _ in self.models)
        self.models[key] = model
        return key

    def print(self, skip: Any) -> Any:
        """A `print` that notes; objects of the class `skip` are shown by the framework, not by the program."""

        def write(*values: Any, **options: Any) -> None:
            if self.printed.tell() > MOST_PRINTED:
                raise RuntimeError(f"the program prints more than {MOST_PRINTED >> 20} MiB")
            if options.get("file") is None and not any(isinstance(v, skip) for v in values):
                options.pop("flush", None)
                builtins.print(*(shown(v) for v in values), **{**options, "file": self.printed})

        return write

    def look(self, folder: Path, before: set[str]) -> None:
        """Notes the files that were written."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = path.relative_to(folder).as_posix()
            if name not in before and not any(part.startswith(".") for part in path.parts[-2:]):
                text = path.suffix in TEXTS and path.stat().st_size < WHOLE_TEXT
                self.files[name] = _ordered(path.read_text(errors="replace")) if text else None


def shown(value: Any) -> Any:
    """What is printed of a value: of tensors the numbers, not how a framework shows them."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return value.detach().cpu().numpy()
    if type(value).__name__ in ("Size", "TensorShape"):
        return tuple(value)
    if type(value).__module__.startswith("tensorflow.") and hasattr(value, "numpy"):
        return value.numpy()
    return value


def _ordered(text: str) -> str:
    """JSON with its keys in order: dicts of metrics are ordered differently by the frameworks."""
    try:
        return json.dumps(json.loads(text), sort_keys=True, indent=1)
    except ValueError:
        return text


def numbers_of(logs: Any) -> dict[str, float]:
    """The numbers of a dict of metrics."""
    found = {}
    for name, value in dict(logs).items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found
