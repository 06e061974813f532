"""Level 1: which Keras weight is which PyTorch parameter. Plain data; no framework.

With layer pairs (a conversion of ours) the names, or the order of creation, decide. Without
them, or where a hand-written file names things its own way, layers are matched in order with
the first module that can hold their weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from transpile.result import LayerPair
from transpile.verify.builtin import recipes_for
from transpile.verify.recipes import (
    Array,
    Line,
    RecipeError,
    parse,
    sources,
    targets,
    to_torch,
    zeros,
)


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """A layer as the matching sees it. `find` gives the number of a weight by its path."""

    name: str
    kind: str
    own: tuple[int, ...]  # the numbers of its weights
    find: Callable[[str], int | None]
    inner: str = ""  # the kind of the layer that it wraps
    attributes: tuple[str, ...] = ()  # of a class of the program's: those that hold its own weights
    program: bool = False  # of a class of the program's
    holder: str = ""  # the layer of the program's own that it is a part of


@dataclass(frozen=True, slots=True)
class Parameter:
    """A PyTorch parameter or buffer."""

    shape: tuple[int, ...]
    trainable: bool
    constant_zero: bool = False
    persistent: bool = True
    floating: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """One layer and its module: the lines, and which numbers the Keras names stand for."""

    layer: str
    module: str
    lines: tuple[Line, ...]
    weights: Mapping[str, int]

    def convert(self, values: Sequence[Array]) -> dict[str, Array]:
        """Arrays in Keras's order to arrays by the parameters' full names."""
        arrays = {name: values[number] for name, number in self.weights.items()}
        prefix = f"{self.module}." if self.module else ""
        return {prefix + k: v for k, v in to_torch(self.lines, arrays).items()}

    def zeros(self) -> list[str]:
        """The full names of the parameters that must be zeros, and frozen."""
        prefix = f"{self.module}." if self.module else ""
        return [prefix + name for name in zeros(self.lines)]


@dataclass(slots=True)
class Counterparts:
    """The map between both sides, and what is wrong with it."""

    matches: list[Match] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)  # modules whose layers are never called: those have no weights

    def is_unused(self, parameter: str) -> bool:
        """Whether a parameter lies in a module that is never called."""
        return any(parameter.startswith(f"{path}.") for path in self.unused)

    def convert(self, values: Sequence[Array]) -> dict[str, Array]:
        """Every weight in Keras's order, as PyTorch's parameters."""
        return {k: v for match in self.matches for k, v in match.convert(values).items()}


def lines_of(layer: KerasLayer) -> list[Sequence[Line]]:
    """The recipes of a layer; a weight of a class of the program's keeps its attribute and its shape."""
    if layer.attributes:
        return [tuple(parse(f"{name}: ... -> {name}: ...") for name in layer.attributes)]
    return list(recipes_for(layer))


class Matcher:
    """Finds the counterparts for one model."""

    def __init__(
        self,
        layers: Sequence[KerasLayer],
        shapes: Sequence[tuple[int, ...]],
        modules: Sequence[str],
        parameters: Mapping[str, Parameter],
    ) -> None:
        self.layers, self.modules, self.parameters = layers, modules, parameters
        # Zero-stride stand-ins: only shapes matter here, and kernels can be large.
        self.arrays = [np.broadcast_to(np.zeros(()), shape) for shape in shapes]
        self.taken_layers: set[int] = set()
        self.taken: set[str] = set()

    def by_pairs(self, pairs: Sequence[LayerPair]) -> Counterparts:
        """Follows the names and orders that the conversion recorded."""
        self.taken_layers, self.taken = set(), set()
        result = Counterparts()
        named = {pair.keras for pair in pairs if pair.keras}
        explicit = {pair.torch for pair in pairs if pair.torch and pair.weights}
        places: dict[str, str] = {}  # of the program's own layers
        for pair in pairs:
            try:
                if not pair.weights:
                    places[self.layer_of(pair, named).name] = pair.torch
                    continue
                layer = self.layer_of(pair, named)
                lines = self.present(layer, pair.weights)
                if lines:
                    result.matches.append(self.match(layer, lines, pair.torch, explicit))
            except (RecipeError, LookupError) as error:
                label = pair.keras or pair.kind
                result.problems.append(f"{label}: {error.args[0] if error.args else error}")
        if any(layer.attributes or layer.holder for layer in self.layers):
            self.rest(result, explicit, places)
        return result

    def rest(self, result: Counterparts, explicit: set[str], places: Mapping[str, str]) -> None:
        """The layers that no pair gives weights: the program's own, and what is inside of them."""
        for number, layer in enumerate(self.layers):
            if (number in self.taken_layers and not layer.program) or not layer.own:
                continue
            place = places.get(layer.name, "") if layer.program else ""
            try:
                for lines in lines_of(layer):
                    within = places.get(layer.holder, "")
                    result.matches.append(self.match(layer, lines, "" if within else place, explicit, within))
            except (RecipeError, LookupError) as error:
                result.problems.append(f"{layer.name}: {error.args[0]}")

    def by_order(self) -> Counterparts:
        """Matches by order and shape, with the recipes of the common layers."""
        self.taken_layers, self.taken = set(), set()
        result = Counterparts()
        for layer in self.layers:
            if not layer.own:
                continue
            try:
                for lines in lines_of(layer):
                    result.matches.append(self.match(layer, lines, "", set()))
            except (RecipeError, LookupError) as error:
                result.problems.append(f"{layer.name}: {error.args[0]}")
        return result

    def layer_of(self, pair: LayerPair, named: set[str]) -> KerasLayer:
        """The Keras layer of a pair, by name or as the next of its kind."""
        for number, layer in enumerate(self.layers):
            if number in self.taken_layers:
                continue
            if layer.name == pair.keras if pair.keras else self.next_is(layer, pair, named):
                self.taken_layers.add(number)
                return layer
        what = f"no layer {pair.keras!r}" if pair.keras else f"no further {pair.kind}"
        raise LookupError(f"the Keras model has {what}")

    def next_is(self, layer: KerasLayer, pair: LayerPair, named: set[str]) -> bool:
        """An unnamed layer of that kind that has weights, or is the program's own."""
        if layer.holder or layer.kind != pair.kind or layer.name in named:
            return False
        return layer.program if not pair.weights else bool(layer.own)

    def present(self, layer: KerasLayer, texts: Sequence[str]) -> tuple[Line, ...]:
        """The lines whose Keras weight the layer has (no bias: no line for it)."""
        lines = tuple(map(parse, texts))
        return tuple(line for line in lines if line.source is None or layer.find(line.source.name) is not None)

    def match(self, layer: KerasLayer, lines: Sequence[Line], path: str, explicit: set[str], within: str = "") -> Match:
        """The layer's module: at the path, or the next one (within another) that can hold the weights."""
        weights = {name: layer.find(name) for name in sources(lines)}
        found = {name: number for name, number in weights.items() if number is not None}
        if len(found) < len(weights):
            missing = sorted(set(weights) - set(found))
            raise LookupError(f"the layer has no weight {', '.join(missing)}")
        arrays = {name: self.arrays[number] for name, number in found.items()}
        shapes = {name: a.shape for name, a in to_torch(lines, arrays).items()}
        inside = [m for m in ("", *self.modules) if f"{m}.".startswith(f"{within}.") or not within]
        paths = [path] if path else [m for m in inside if m not in explicit]
        reasons = []
        for candidate in paths:
            prefix = f"{candidate}." if candidate else ""
            reason = self.refusal(prefix, lines, shapes)
            if not reason:
                self.taken |= {prefix + name for name in targets(lines)}
                kept = tuple(x for x in lines if x.source is not None or prefix + x.target.name in self.parameters)
                return Match(layer.name, candidate, kept, found)
            reasons.append(reason)
        reasons.sort(key=lambda reason: "Keras gives" not in reason)  # the most telling
        wanted = ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())
        nothing = f"no PyTorch module is left that holds {wanted}"
        raise LookupError(reasons[0] if path or "Keras gives" in reasons[0] else nothing)

    def refusal(self, prefix: str, lines: Sequence[Line], shapes: Mapping[str, Sequence[int]]) -> str:
        """Why the module at that prefix cannot be the counterpart; empty if it can."""
        for name, shape in shapes.items():
            parameter = self.parameters.get(prefix + name)
            if parameter is None:
                return f"the PyTorch model has no {prefix + name}"
            if prefix + name in self.taken:
                return f"{prefix + name} is already the counterpart of another layer"
            if parameter.shape != tuple(shape):
                return f"{prefix + name} is {parameter.shape}, Keras gives {tuple(shape)}"
        return self.surplus(prefix, lines) if prefix else ""

    def surplus(self, prefix: str, lines: Sequence[Line]) -> str:
        """A trainable parameter directly in the module that no line gives."""
        given = set(targets(lines))
        direct = [
            name.removeprefix(prefix) for name, p in self.parameters.items() if name.startswith(prefix) and p.trainable
        ]
        extra = [n for n in direct if "." not in n and n not in given]
        holders = {t.rpartition(".")[0] for t in given}
        return f"{prefix}{extra[0]} has no counterpart in Keras" if extra and "" in holders else ""


def _counts(name: str, names: Sequence[str]) -> bool:
    """Whether a weight only counts what a Normalization has seen: no output depends on it."""
    owner, _, own = name.rpartition("/")
    return own == "count" and {f"{owner}/mean", f"{owner}/variance"} <= set(names)


def audit(
    result: Counterparts,
    names: Sequence[str],
    parameters: Mapping[str, Parameter],
) -> None:
    """Adds what is left over on either side to the problems."""
    used = {number for match in result.matches for number in match.weights.values()}
    for number, name in enumerate(names):
        if number not in used and not _counts(name, names):
            result.problems.append(f"the Keras weight {name} has no counterpart")
    covered = {(f"{m.module}." if m.module else "") + name for m in result.matches for name in targets(m.lines)}
    frozen = {name for match in result.matches for name in match.zeros()}
    for name, parameter in parameters.items():
        if name in frozen and parameter.trainable:
            result.problems.append(f"{name} stands for nothing in Keras and is trainable")
        if name in frozen and not parameter.constant_zero:
            result.problems.append(f"{name} stands for nothing in Keras and is not zero")
        if name in covered or not parameter.floating or result.is_unused(name):
            continue
        if name.endswith("num_batches_tracked"):
            continue
        if parameter.trainable or "running_" in name:
            result.problems.append(f"the PyTorch parameter {name} has no counterpart")
        else:
            result.notes.append(f"{name} is a constant of the PyTorch file")
