"""Which expression of the written file gives the module of a Keras layer."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.written_model import Converted
from transpile.interpret.model_layers import Counted, counted
from transpile.interpret.values import InputSource, Layer, ModelValue
from transpile.ir import Node
from transpile.registry import weight_lines


class NoModule(Exception):
    """A layer that has no module of its own in PyTorch, or none that can be named."""


class Left(Exception):
    """Why a use stays as it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Modules:
    """The modules of all converted models."""

    def __init__(self, converted: Sequence[Converted]) -> None:
        self._of = {id(v): c for c in converted for v in c.values}

    def of(self, model: ModelValue) -> Converted | None:
        """What a model was written as."""
        return self._of.get(id(model))

    def path(self, model: ModelValue, layer: Counted) -> str:
        """The attribute path below the model: "dense", "0". Raises NoModule."""
        done = self._of.get(id(model))
        if done is None:
            raise NoModule("its model was not converted")
        if isinstance(layer, InputSource):
            raise NoModule("an input has no module in PyTorch")
        name = self._name(done, layer)
        if done.reading.structured:
            name = _structured_name(done, name)
        path = done.written.paths.get(name, "")
        if not path:
            kind = layer.kind if isinstance(layer, Layer) else "model"
            raise NoModule(f"the layer {kind} has become a function call: there is no module for it")
        return path

    @staticmethod
    def _name(done: Converted, layer: Layer | ModelValue) -> str:
        """The attribute of a layer, as it was read: models of one piece of code have the same."""
        for reading in done.readings:
            for name, held in zip(done.reading.layers, reading.layers.values()):
                if held is layer:
                    return name
        return ""

    def access(self, model: ModelValue, text: str, layer: Counted) -> str:
        """`model.dense`, or `model[0]` for a position in a Sequential. Raises NoModule."""
        path = self.path(model, layer)
        return f"{text}[{path}]" if path.isdigit() else f"{text}.{path}"

    def has(self, model: ModelValue, layer: Counted) -> bool:
        """Whether a layer has a module."""
        try:
            self.path(model, layer)
        except NoModule:
            return False
        return True

    def same_positions(self, model: ModelValue) -> bool:
        """Whether `model.layers[i]` of Keras is `model[i]` here."""
        every = counted(model) or []
        done = self._of.get(id(model))
        if done is None or done.written.definition or not every:
            return False
        return all(self.has(model, x) and self.path(model, x) == str(i) for i, x in enumerate(every))

    def owner(self, layer: Layer) -> ModelValue | None:
        """The one converted model that a layer belongs to."""
        found = {id(c): c for c in self._of.values() if self._name(c, layer)}
        return next(iter(found.values())).values[0] if len(found) == 1 else None

    def lines(self, layer: Layer) -> tuple[str, ...] | None:
        """The weight lines of a layer ("kernel: i o -> weight: o i"), of the weights that it has."""
        for done in self._of.values():
            name = self._name(done, layer)
            node = next((n for n in done.reading.model.body if isinstance(n, Node) and n.name == name), None)
            if name and node is not None and layer.op is not None:
                lines = weight_lines(layer.op, node)
                bias = node.args.get("use_bias")
                return tuple(x for x in lines if not (x.startswith("bias:") and bias is not None and not bias.value))
        return None


def _structured_name(done: Converted, name: str) -> str:
    """The name of a layer's node where the structure was kept. Raises NoModule in loops and helpers."""
    flat = next((n for n in done.reading.model.body if isinstance(n, Node) and n.name == name), None)
    nodes = [n for n in done.model.body if isinstance(n, Node) and n.name]
    found = [n for n in nodes if flat is not None and (n.span, n.op) == (flat.span, flat.op)]
    if len({n.name for n in found}) != 1:
        raise NoModule("the layers of this model are built in loops or helpers, and have other names there")
    return found[0].name
