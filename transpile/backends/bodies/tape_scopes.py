"""What the names of functions stand for: objects that every call of a function has under them."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from transpile.backends.bodies.variables import Variables
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Frame, Instance, KerasObject, ModelValue
from transpile.references import References


@dataclass
class Relied:
    """The objects that converted code relies on, by id, and the models that optimizers step."""

    objects: dict[int, KerasObject] = field(default_factory=dict)
    stepped: dict[int, tuple[ModelValue | Variables, ...]] = field(default_factory=dict)

    def copy(self) -> Relied:
        """The same, to come back to."""
        return Relied(dict(self.objects), dict(self.stepped))


class Scopes:
    """The frames of the functions of a file."""

    def __init__(self, interpreter: Interpreter, references: References) -> None:
        self.references = references
        self.frames: dict[int, list[Frame]] = {}
        for frame in interpreter.frames:
            if frame.function is not None:
                self.frames.setdefault(interpreter.source.span(frame.function.node).start, []).append(frame)

    def of(self, function: ast.AST) -> list[Frame]:
        """The frames of one function; where the file calls it, those of its calls."""
        begin = self.references.start(function)
        line = getattr(function, "lineno", None)
        offset = self.references.offset(line, function.col_offset) if line is not None else begin  # type: ignore[attr-defined]
        frames = self.frames.get(begin) or self.frames.get(offset) or []
        return [f for f in frames if f.caller is not None] or frames

    def object(self, functions: list[ast.AST], name: str) -> object:
        """The object that a local name stands for in each call; None where that differs or is not known."""
        inner: ast.AST | None = None
        for function in reversed(functions):
            if inner is not None and function not in self.references.around(inner):
                return None  # the caller of a function, not the one around it
            inner = function
            frames = [f for f in self.of(function) if name in f.names]
            if not frames:
                continue
            values = {id(f.names[name]) for f in frames}
            again = any(len(f.bound.get(name, [])) > 1 for f in frames)
            return frames[0].names[name] if len(values) == 1 and not again else None
        return None


def name_in(frame: Frame, value: object) -> str:
    """The name of an object in a scope; "" where it has none."""
    return next((n for n, v in frame.names.items() if v is value), "")


def held_by(base: object, name: str) -> object:
    """The model that an attribute of an object is; None for anything else."""
    instance = base.instance if isinstance(base, ModelValue) else base
    found = instance.attributes.get(name) if isinstance(instance, Instance) else None
    return found if isinstance(found, ModelValue | Instance) else None
