"""The expressions of the user's that give a model or a layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from transpile.interpret.values import Instance, Layer, ModelValue


def variable_of(value: ModelValue | Layer, scopes: Iterable[Mapping[str, object]]) -> str:
    """The user's variable that holds a model or layer in some scopes, inner ones first; "" if there is none.

    A name counts where no inner scope hides it.
    """
    hidden: set[str] = set()
    elements = ""
    for scope in scopes:
        names = {n: held for n, held in scope.items() if n not in hidden}
        found = [n for n, held in names.items() if held is value]
        found += [
            f"{n}.{attribute}"
            for n, held in names.items()
            if isinstance(held, Instance)
            for attribute, inner in held.attributes.items()
            if inner is value
        ]
        if found:
            return found[0]
        elements = elements or _element(value, names)
        hidden |= scope.keys()
    return elements


def _element(value: ModelValue | Layer, names: Mapping[str, object]) -> str:
    """`members[0]` for a model in a list (or a dict) that a variable holds."""
    for name, held in names.items():
        items = enumerate(held) if isinstance(held, list | tuple) else held.items() if isinstance(held, dict) else ()
        for key, item in items:
            if item is value:
                return f"{name}[{key!r}]"
    return ""
