"""Variables that hold one of several models."""

from __future__ import annotations

from dataclasses import dataclass

from transpile.interpret.values import ModelValue


@dataclass(eq=False)
class ModelChoice:
    """One of several models: which, only a test of the running program says."""

    models: tuple[ModelValue, ...]
    taken: ModelValue | None = None  # the one that the program takes as it stands

    @classmethod
    def of(cls, *values: object) -> ModelValue | ModelChoice | None:
        """What a variable holds that holds one of these values; None where no model is among them.

        A model that is loaded from a file is taken to be the one that the program makes.
        """
        found = [m for v in values for m in (v.models if isinstance(v, cls) else (v,)) if isinstance(m, ModelValue)]
        models = dict.fromkeys([m for m in found if m.style != "loaded"] or found)
        return None if not models else next(iter(models)) if len(models) == 1 else cls(tuple(models))


def as_run(value: object) -> object:
    """What a variable holds when the program runs as it stands; of a choice that only the run makes, the choice."""
    return value.taken or value if isinstance(value, ModelChoice) else value
