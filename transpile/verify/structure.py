"""Counterparts by structure: a module and the layer that it became have the same attributes.

For programs that were converted from PyTorch. `nn.Sequential` and lists correspond in order, what
has no weights (padding, permutation, activation) left out on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from transpile.verify.builtin import recipes_for
from transpile.verify.counterparts import Counterparts, KerasLayer, Match
from transpile.verify.recipes import parse

Describe = Callable[[Any], KerasLayer]


class Structure:
    """Walks both models side by side."""

    def __init__(self, describe: Describe, numbers: Mapping[int, int]) -> None:
        self.describe, self.numbers = describe, numbers
        self.result = Counterparts()
        self.seen: set[int] = set()

    def match(self, module: torch.nn.Module, layer: Any, path: str = "") -> None:
        """A module and its layer, and all that lies in them."""
        if id(module) in self.seen or not _has_state(module):
            return
        self.seen.add(id(module))
        if isinstance(module, torch.nn.Sequential | torch.nn.ModuleList):
            if not type(module).__module__.startswith("torch.") and not self.is_chain(layer):
                self.match_attributes(module, layer, path)
            else:
                self.match_in_order(module, layer, path)
        elif isinstance(module, torch.nn.ModuleDict):
            for name, child in module.items():
                self.match_child(child, _item(layer, name), f"{path}.{name}".lstrip("."))
        elif isinstance(module, torch.nn.ParameterList):
            self.match_list(module, layer, path)
        elif isinstance(module, torch.nn.RNNBase) and hasattr(layer, "rnns"):
            self.match_recurrent(module, layer, path)
        elif isinstance(module, torch.nn.RNNCellBase) and hasattr(layer, "weight_ih"):
            self.match_attributes(module, layer, path)
        elif type(module).__module__.startswith("torch.nn.modules") and not list(module.children()):
            self.match_leaf(module, layer, path)
        else:
            self.match_attributes(module, layer, path)

    def is_chain(self, layer: Any) -> bool:
        return type(layer).__name__ == "Sequential" or _is_keras(layer, "Sequential")

    def match_child(self, module: torch.nn.Module, layer: Any, path: str) -> None:
        if layer is None:
            if _has_state(module):
                self.result.problems.append(f"the Keras model has no {path}")
            return
        self.match(module, layer, path)

    def match_in_order(self, module: torch.nn.Module, layer: Any, path: str) -> None:
        """The parts that have weights, in order."""
        ours = [part for part in parts_of(layer) if self.weighted(part)]
        theirs = [(n, m) for n, m in module.named_children() if _has_state(m)]
        if len(ours) != len(theirs):
            self.result.problems.append(
                f"{path or 'the model'} has {len(theirs)} parts with weights in PyTorch, {len(ours)} in Keras"
            )
            return
        for (name, child), part in zip(theirs, ours, strict=True):
            self.match(child, part, f"{path}.{name}".lstrip("."))

    def weighted(self, part: Any) -> bool:
        if isinstance(part, list | tuple | dict):
            return any(self.weighted(p) for p in (part.values() if isinstance(part, dict) else part))
        return bool(getattr(part, "weights", ()))

    def match_attributes(self, module: torch.nn.Module, layer: Any, path: str) -> None:
        """A class of the program: attribute by attribute."""
        for name, _ in module.named_parameters(recurse=False):
            variable = _attribute(layer, name)
            number = self.numbers.get(id(variable))
            if number is None:
                self.result.problems.append(f"the Keras model has no weight {path}.{name}")
                continue
            line = parse(f"{name}: ... -> {name}: ...")
            self.result.matches.append(Match(layer.name, path, (line,), {name: number}))
        for name, child in module.named_children():
            self.match_child(child, _attribute(layer, name), f"{path}.{name}".lstrip("."))

    def match_list(self, module: torch.nn.ParameterList, layer: Any, path: str) -> None:
        """A list of weights, in order."""
        for (name, _), variable in zip(module.named_parameters(recurse=False), layer, strict=True):
            line = parse(f"{name}: ... -> {name}: ...")
            self.result.matches.append(Match(path, path, (line,), {name: self.numbers[id(variable)]}))

    def match_recurrent(self, module: torch.nn.RNNBase, layer: Any, path: str) -> None:
        """Stacked cells, each with PyTorch's weights: `weight_ih_l1_reverse` lies in one of them."""
        if module.dropout and module.num_layers > 1:
            module.dropout = layer.dropout.rate = 0.0
            self.result.notes.append(f"{path}: the dropout between its layers is off, its draws can't be replaced")
        directions = 2 if module.bidirectional else 1
        for name, _ in module.named_parameters(recurse=False):
            kind, _, place = name.partition("_l")
            number = int(place.removesuffix("_reverse")) * directions + place.endswith("_reverse")
            variable = getattr(layer.rnns[number].cell, kind)
            line = parse(f"{name}: ... -> {name}: ...")
            self.result.matches.append(Match(layer.name, path, (line,), {name: self.numbers[id(variable)]}))

    def match_leaf(self, module: torch.nn.Module, layer: Any, path: str) -> None:
        """A module of torch.nn: by the recipe of its layer, which may have company in a Sequential."""
        while self.is_chain(layer):  # a padded convolution may stand between changes of the layout
            parts = [p for p in parts_of(layer) if self.weighted(p)]
            if len(parts) != 1:
                self.result.problems.append(f"{path} is {len(parts)} layers with weights in Keras")
                return
            layer = parts[0]
        if not getattr(layer, "built", True) and not getattr(layer, "weights", ()):
            self.result.unused.append(path)
            self.result.notes.append(f"{path} is never called")
            return
        described = replace(self.describe(layer), kind=_kind(layer))
        own = getattr(layer, "torch_weights", None) or _slopes(layer)
        try:
            groups = recipes_for(described) if own is None else [tuple(parse(line) for line in own())]
        except LookupError as error:
            self.result.problems.append(f"{path}: {error.args[0]}")
            return
        for lines in groups:
            found = {}
            for line in lines:
                if line.source is not None:
                    number = described.find(line.source.name)
                    if number is not None:
                        found[line.source.name] = number
            self.result.matches.append(Match(layer.name, path, lines, found))


def _slopes(layer: Any) -> Callable[[], list[str]] | None:
    """The recipe of a PReLU, whose slopes have an axis for each axis of the input."""
    if _kind(layer) != "PReLU" or getattr(layer, "alpha", None) is None:
        return None
    return lambda: [f"alpha: {'1 ' * (len(layer.alpha.shape) - 1)}c -> weight: c"]


def parts_of(layer: Any) -> list[Any]:
    """The layers of a Sequential, or the elements of a list."""
    if isinstance(layer, list | tuple):
        return list(layer)
    if isinstance(layer, dict):
        return list(layer.values())
    return list(getattr(layer, "layers", ()))


def _kind(layer: Any) -> str:
    """The class of Keras that a layer is of, or derives from."""
    of_keras = (c.__name__ for c in type(layer).__mro__ if c.__module__.partition(".")[0] == "keras")
    return next(of_keras, type(layer).__name__)


def _attribute(layer: Any, name: str) -> Any:
    for spelling in (name, f"{name}_", f"{name}__"):
        if spelling in getattr(layer, "__dict__", {}):
            return getattr(layer, spelling)
    return getattr(layer, name, None)


def _item(layer: Any, name: str) -> Any:
    return layer.get(name) if isinstance(layer, dict) else _attribute(layer, name)


def _has_state(module: torch.nn.Module) -> bool:
    return any(True for _ in module.parameters()) or any("running_" in n for n, _ in module.named_buffers())


def _is_keras(layer: Any, name: str) -> bool:
    return any(c.__name__ == name for c in type(layer).__mro__)
