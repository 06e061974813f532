"""The expressions of the user's that give a model or a layer."""

from __future__ import annotations

from transpile.interpret.values import Frame, Instance, Layer, ModelValue


def variable_of(value: ModelValue | Layer, frame: Frame) -> str:
    """The user's variable that holds a model or layer, as seen from a frame; "" if there is none."""
    scope: Frame | None = frame
    while scope is not None:
        found = [n for n, held in scope.names.items() if held is value and n not in scope.loop_names]
        found += [
            f"{n}.{attribute}"
            for n, held in scope.names.items()
            if isinstance(held, Instance)
            for attribute, inner in held.attributes.items()
            if inner is value
        ]
        if found:
            return found[0]
        scope = scope.parent
    return _element(value, frame)


def _element(value: ModelValue | Layer, frame: Frame) -> str:
    """`members[0]` for a model in a list (or a dict) that a variable holds."""
    scope: Frame | None = frame
    while scope is not None:
        for name, held in scope.names.items():
            items = (
                enumerate(held) if isinstance(held, list | tuple) else held.items() if isinstance(held, dict) else ()
            )
            for key, item in items:
                if item is value:
                    return f"{name}[{key!r}]"
        scope = scope.parent
    return ""
