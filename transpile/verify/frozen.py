"""Layers as they were trainable when a model was compiled: what Keras 2 trains.

GANs freeze the discriminator after they compiled it. Keras 3 looks when a model is first
trained; the comparison goes back to what the program meant.
"""

from __future__ import annotations

from typing import Any

AS_COMPILED = "trainable: each model trains what was trainable when it was compiled, as in Keras 2"


class Flags:
    """The flags of every model that a program compiled."""

    def __init__(self, keras: Any) -> None:
        self._noted: dict[int, tuple[Any, list[tuple[Any, bool]]]] = {}
        # Where it is defined: Keras does not compile what it loads if a class overrides the method.
        owner: Any = next(c for c in keras.Model.__mro__ if "compile" in vars(c))
        owner.compile = self._noting(owner.compile)

    def _noting(self, first: Any) -> Any:
        flags = self

        def compile(self: Any, *args: Any, **options: Any) -> Any:
            result = first(self, *args, **options)
            flags._noted[id(self)] = (self, [(x, bool(x.trainable)) for x in _parts(self)])
            return result

        return compile

    def forget(self) -> None:
        """Before another program."""
        self._noted.clear()

    def during(self, first: Any) -> Any:
        """A method of models that runs under the flags that were in force when they were compiled."""
        flags = self

        def method(self: Any, *args: Any, **options: Any) -> Any:
            now = [(x, bool(x.trainable)) for x in _parts(self)]
            changed = flags.restore(self)
            try:
                return first(self, *args, **options)
            finally:
                for layer, value in now if changed else ():
                    layer.trainable = value

        return method

    def restore(self, model: Any) -> bool:
        """Sets the flags that were in force; True if that changed one."""
        _, flags = self._noted.get(id(model), (None, []))
        changed = any(bool(layer.trainable) != value for layer, value in flags)
        if changed:
            for layer, value in flags:  # outer ones first: they set those inside
                layer.trainable = value
        return changed


def _parts(model: Any) -> list[Any]:
    return [model, *model._flatten_layers(include_self=False, recursive=True)]
