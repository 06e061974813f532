"""Names: looked up, assigned, unpacked."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

import libcst as cst

from transpile.interpret.calls import Calls
from transpile.interpret.expressions import Expressions
from transpile.interpret.keras_calls import KerasCalls
from transpile.interpret.uncertainty import Uncertainty
from transpile.interpret.values import Counter, Frame, Instance, Layer, ModelValue, Ref, Tensor
from transpile.ir import UNKNOWN
from transpile.names import canonical


class Names(Uncertainty):
    """The names of a program, as seen from a frame."""

    expressions: Expressions
    calls: Calls
    keras: KerasCalls

    def lookup(self, name: str, frame: Frame) -> object:
        """The value of a name, as seen from a frame."""
        scope: Frame | None = frame
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        if name in self.source.imports.names:
            return Ref(self.source.imports.names[name])
        for star in reversed(self.source.imports.stars):
            if self.keras.exports(star, name):
                return Ref(canonical(f"{star}.{name}"))
        return Ref(f"builtins.{name}") if hasattr(builtins, name) else UNKNOWN

    def assign(self, target: cst.BaseExpression, value: object, frame: Frame) -> None:
        """`target = value`."""
        match target:
            case cst.Name(value=name):
                self.at_least.pop((id(frame), name), None)
                if isinstance(value, Counter):
                    self.at_least[id(frame), name] = value.least
                    value = UNKNOWN
                self._label(value, name)
                self.note_tensors(value, frame)
                frame.set(name, value, self.next_order())
                if self.loops:
                    frame.loop_names.add(name)
            case cst.Attribute(value=owner, attr=attr):
                holder = self.expressions.evaluate(owner, frame)
                self._label(value, attr.value)
                if isinstance(holder, Instance):
                    if self.uncertain:
                        self._set.append((holder, attr.value, holder.attributes.get(attr.value)))
                    holder.attributes[attr.value] = value
                else:
                    self.keras.set_attribute(holder, attr.value, value, target, frame)
            case cst.Subscript(value=owner):
                holder = self.expressions.evaluate(owner, frame)
                key = self.expressions._index(target.slice[0].slice, frame)
                self.note_mutation(holder)
                self._set_item(holder, key, value)
            case cst.Tuple(elements=elements) | cst.List(elements=elements):
                self._unpack(elements, value, frame)

    @staticmethod
    def _set_item(holder: object, key: object, value: object) -> None:
        if isinstance(holder, dict):
            if isinstance(key, str | int | float | tuple):
                holder[key] = value
        elif isinstance(holder, list) and isinstance(key, int) and -len(holder) <= key < len(holder):
            holder[key] = value

    def _unpack(self, elements: Sequence[cst.BaseElement], value: object, frame: Frame) -> None:
        values = self.iterate(value)
        starred = [i for i, e in enumerate(elements) if isinstance(e, cst.StarredElement)]
        if values is not None and starred:
            at, extra = starred[0], len(values) - len(elements) + 1
            if extra >= 0:
                values = [*values[:at], values[at : at + extra], *values[at + extra :]]
        fits = values is not None and len(values) == len(elements)
        for i, element in enumerate(elements):
            self.assign(element.value, values[i] if fits and values else UNKNOWN, frame)

    @staticmethod
    def _label(value: object, name: str) -> None:
        if isinstance(value, Layer) and value.applications:
            return  # taken from a model: `for layer in model.layers`
        if isinstance(value, Layer | ModelValue | Tensor) and not value.variable:
            value.variable = name

    def iterate(self, value: object) -> list[object] | None:
        """The items of an iterable, None when they are not known."""
        if isinstance(value, range) and len(value) > 100_000:
            return None
        if isinstance(value, tuple | list | range | str | dict | set):
            return list(value)
        return None


def target_names(target: cst.CSTNode) -> set[str]:
    """The plain names in an assignment target."""
    if isinstance(target, cst.Name):
        return {target.value}
    if isinstance(target, cst.Tuple | cst.List):
        return set().union(*(target_names(e.value) for e in target.elements))
    return set()
