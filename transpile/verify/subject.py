"""Both sides of one pair of models, built, matched and given the same weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from transpile.result import InputInfo, ModelPair
from transpile.verify.batches import BATCH, random_inputs, random_weight, trivial
from transpile.verify.counterparts import (
    Counterparts,
    KerasLayer,
    Matcher,
    Parameter,
    audit,
)
from transpile.verify.floors import lacks_float64
from transpile.verify.keras_side import KerasModel, find_weight, weight_name
from transpile.verify.programs import API_ERRORS, ProgramProblem, described
from transpile.verify.recipes import Array
from transpile.verify.structure import Structure
from transpile.verify.structures import flatten
from transpile.verify.torch_side import TorchModel, TorchProblem


class KerasProblem(ProgramProblem):
    """The Keras program cannot be run as far as its model."""


DRAWS = 20  # of weights, until the outputs are not constant


class Unbuildable(Exception):
    """A model that cannot be compared, and why."""


class Subject:
    """A Keras model and a PyTorch module that should be the same function."""

    def __init__(
        self,
        pair: ModelPair,
        keras: KerasModel,
        module: TorchModel,
        dtype: str,
        by_structure: bool = False,
        draws: int = DRAWS,
    ) -> None:
        self.draws = draws
        self.pair, self.keras, self.torch, self.dtype = pair, keras, module, dtype
        self.by_structure = by_structure
        self.rng = np.random.default_rng(20)
        self.inputs_info = input_infos(pair, keras)
        self.notes: list[str] = []
        self.late = module.uninitialized()
        self.build()
        keras.settle()
        self.counterparts = self.match()
        self.fresh = keras.read(), module.read()
        self.start = self.lively_weights()
        self.load()

    def build(self) -> None:
        """Runs both models once, for what is only made on the first call."""
        inputs = self.batch(np.random.default_rng(1))
        try:
            with self.keras.side.real_draws():  # it may make the weights
                self.keras.call(inputs, False)
        except Exception as error:
            if lacks_float64(error):
                raise
            text = f"Keras: {described(error, 'keras_program')}"
            raise KerasProblem(text, type(error).__name__, isinstance(error, API_ERRORS)) from None
        try:
            self.torch.forward(inputs, False)
        except TorchProblem as problem:
            self.build_native(inputs, problem)

    def build_native(self, inputs: Sequence[Array], problem: TorchProblem) -> None:
        """A model with the channels first, if it takes the inputs that way.

        If not, the forward pass of level 2 says so, after the counterparts have been found.
        """
        self.torch.native = True
        try:
            self.torch.forward(inputs, False)
        except TorchProblem:
            self.torch.native = False
            if self.torch.uninitialized():
                raise problem from None
            return
        self.notes.append("the PyTorch model takes its inputs with the channels first")

    def batch(self, rng: np.random.Generator | None = None) -> list[Array]:
        """A new random batch of inputs."""
        return random_inputs(self.inputs_info, self.dtype, rng or self.rng)

    def match(self) -> Counterparts:
        """The counterparts by the conversion's record, else by order and shape."""
        names = [getattr(w, "path", w.name) for w in self.keras.weights]
        parameters = torch_parameters(self.torch)
        if self.by_structure:
            numbers = {id(w): n for n, w in enumerate(self.keras.weights)}
            structure = Structure(lambda layer: described_layer(layer, numbers), numbers)
            structure.match(self.torch.module, self.keras.model)
            audit(structure.result, names, parameters)
            return structure.result
        matcher = Matcher(
            keras_layers(self.keras),
            [tuple(w.shape) for w in self.keras.weights],
            [path for path, _ in self.torch.modules()],
            parameters,
        )
        result = matcher.by_pairs(self.pair.layers)
        audit(result, names, parameters)
        if not result.problems:
            return result
        by_order = matcher.by_order()
        audit(by_order, names, parameters)
        if self.pair.layers and by_order.problems:
            return result
        if not by_order.problems and self.pair.layers:
            by_order.notes.append(f"matched by order, not by the recorded names ({result.problems[0]})")
        return by_order

    def lively_weights(self) -> list[Array]:
        """Weights under which the outputs are not constant: a chain of narrow ReLUs is dead under many.

        The first draw if none is found: level 2 then says that nothing was compared.
        """
        draws = [self.random_weights()]
        probe = self.batch(np.random.default_rng(2))
        while self.dead(draws[-1], probe):
            if len(draws) == self.draws:
                return draws[0]
            draws.append(self.random_weights())
        return draws[-1]

    def dead(self, weights: list[Array], probe: list[Array]) -> bool:
        """Whether an output is constant under these weights; a model that fails is level 2's to report."""
        self.keras.write(weights)
        try:
            outputs = self.keras.forward(probe, False)
        except Exception as error:
            if lacks_float64(error):
                raise
            return False
        return any(trivial(output) for output in outputs)

    def random_weights(self) -> list[Array]:
        """New values for every Keras weight; integers (a counter) stay."""
        values = []
        for weight, old in zip(self.keras.weights, self.keras.read(), strict=True):
            if not np.issubdtype(old.dtype, np.floating):
                values.append(old)
                continue
            new = random_weight(weight_name(weight), old.shape, self.rng)
            values.append(new.astype(old.dtype))
        return values

    def load(self) -> None:
        """Gives both sides the starting weights."""
        self.keras.write(self.start)
        self.torch.write(self.counterparts.convert(self.start))

    def converted(self) -> dict[str, Array]:
        """Keras's present weights as PyTorch's parameters."""
        return self.counterparts.convert(self.keras.read())

    def as_parameters(self, gradients: Mapping[int, Array]) -> dict[str, Array]:
        """Gradients by the number of their Keras weight, as PyTorch's parameters."""
        values = [gradients.get(n, np.zeros_like(v)) for n, v in enumerate(self.start)]
        return self.counterparts.convert(values)

    def numbered(self, gradients: Sequence[Any]) -> dict[int, Array]:
        """Keras's gradients by the number of their weight; absent ones are zero."""
        numbers = {id(w): n for n, w in enumerate(self.keras.weights)}
        trainable = self.keras.model.trainable_weights
        array = self.keras.side.backend.array
        return {numbers[id(w)]: array(g) for w, g in zip(trainable, gradients, strict=True) if g is not None}

    def parameter_counts(self) -> tuple[int, int]:
        """Trainable numbers on both sides."""
        ours = {id(w): w for w in self.keras.model.trainable_weights}.values()
        theirs = (p for n, p in self.torch.trained().items() if not self.counterparts.is_unused(n))
        return (
            sum(int(np.prod(tuple(w.shape))) for w in ours),
            sum(p.numel() for p in theirs),
        )


def keras_layers(keras: KerasModel) -> list[KerasLayer]:
    """The layers for the matching."""
    numbers = {id(w): n for n, w in enumerate(keras.weights)}
    layers = [keras.model, *keras.visible_layers()]
    holders: dict[int, str] = {}
    for layer in layers[1:]:
        if of_program(layer):
            for inner in layer._flatten_layers(include_self=False, recursive=True):
                holders.setdefault(id(inner), layer.name)
    result = []
    for layer in layers:
        if isinstance(layer, keras.side.keras.Model) and not (of_program(layer) and own_weights(layer)):
            continue
        made = of_own_class(layer, numbers) if of_program(layer) else described_layer(layer, numbers)
        result.append(replace(made, holder=holders.get(id(layer), "")))
    return result


def of_program(layer: Any) -> bool:
    """Whether a layer is of a class of the program's own."""
    return type(layer).__module__.partition(".")[0] not in {"keras", "tf_keras"}


def of_own_class(layer: Any, numbers: Mapping[int, int]) -> KerasLayer:
    """A layer of the program's own: the weights that it holds itself."""
    held = {name: numbers[id(w)] for name, w in own_weights(layer).items() if id(w) in numbers}
    return KerasLayer(layer.name, type(layer).__name__, tuple(held.values()), held.get, "", tuple(held), True)


def own_weights(layer: Any) -> dict[str, Any]:
    """The weights that are attributes of a layer itself, by their names."""
    known = {id(w) for w in layer.weights}
    inside = {id(w) for x in layer._flatten_layers(include_self=False, recursive=True) for w in x.weights}
    return {n: v for n, v in vars(layer).items() if id(v) in known and id(v) not in inside and n[0] != "_"}


def described_layer(layer: Any, numbers: Mapping[int, int]) -> KerasLayer:
    """A layer as the matching sees it."""

    def find(path: str) -> int | None:
        weight = find_weight(layer, path)
        return None if weight is None else numbers.get(id(weight))

    own = tuple(numbers[id(w)] for w in layer.weights if id(w) in numbers)
    inner = getattr(layer, "layer", None) or getattr(layer, "forward_layer", None)
    return KerasLayer(layer.name, type(layer).__name__, own, find, "" if inner is None else type(inner).__name__)


def torch_parameters(module: TorchModel) -> dict[str, Parameter]:
    """The parameters and buffers for the matching."""
    persistent = module.persistent()
    return {
        name: Parameter(
            tuple(tensor.shape),
            bool(tensor.requires_grad),
            constant_zero=not bool(tensor.detach().any()),
            persistent=name in persistent,
            floating=tensor.is_floating_point(),
        )
        for name, tensor in module.state().items()
    }


def input_infos(pair: ModelPair, keras: KerasModel) -> list[InputInfo]:
    """What the pair records of the inputs, completed from the built Keras model."""
    try:
        tensors = list(keras.model.inputs or ())
    except (AttributeError, ValueError):
        tensors = []
    if not pair.inputs:
        infos = [InputInfo(t.name, tuple(t.shape), str(getattr(t.dtype, "name", t.dtype))) for t in tensors]
    else:
        infos = list(pair.inputs)
        for number, info in enumerate(infos):
            if info.shape is None and len(tensors) == len(infos):
                infos[number] = replace(info, shape=tuple(tensors[number].shape))
    if not infos:
        raise Unbuildable("the inputs of the model are not known")
    for info in infos:
        if info.shape is None:
            raise Unbuildable(f"the shape of the input {info.name} is not known")
    tensors = tensors if len(tensors) == len(infos) else [None] * len(infos)
    return [
        same_batch(bounded_by_embedding(completed(info, tensor), tensor, keras))
        for info, tensor in zip(infos, tensors, strict=True)
    ]


def completed(info: InputInfo, tensor: Any) -> InputInfo:
    """Sizes that the pair does not know and the built model does."""
    known = tuple(tensor.shape) if tensor is not None else ()
    if info.shape is None or len(known) != len(info.shape):
        return info
    sizes = (k if n is None else n for n, k in zip(info.shape, known, strict=True))
    return replace(info, shape=tuple(sizes))


def bounded_by_embedding(info: InputInfo, tensor: Any, keras: KerasModel) -> InputInfo:
    """Ids must lie within the embeddings that read them."""
    if info.high is not None:
        return info
    embeddings = [x for x in keras.all_layers() if type(x).__name__ == "Embedding"]
    readers = [x for x in embeddings if reads(x, tensor)]
    if "int" in info.dtype or starts_with_embedding(keras):
        readers = readers or embeddings
    return replace(info, high=min(int(x.input_dim) for x in readers)) if readers else info


def reads(layer: Any, tensor: Any) -> bool:
    """The layer is called on that input of the model."""
    nodes = getattr(layer, "_inbound_nodes", ())
    found = [t for node in nodes for t in flatten(getattr(node, "input_tensors", ()))]
    return tensor is not None and any(t is tensor for t in found)


def starts_with_embedding(keras: KerasModel) -> bool:
    """The first layer of a plain stack."""
    layers = [x for x in keras.visible_layers() if type(x).__name__ != "InputLayer"]
    single = len(getattr(keras.model, "inputs", None) or ()) <= 1
    return single and bool(layers) and type(layers[0]).__name__ == "Embedding"


def same_batch(info: InputInfo) -> InputInfo:
    """A fixed batch stays, a free one becomes the usual size."""
    assert info.shape is not None
    first = info.shape[0] if info.shape and info.shape[0] is not None else BATCH
    return replace(info, shape=(first, *info.shape[1:]))
