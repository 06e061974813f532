"""What the training side needs to know of a converted model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from transpile.frontends.naming import snake
from transpile.interpret.values import Apply, InputSource, Layer, ModelValue, Tensor
from transpile.ir import Shape


@dataclass(frozen=True, slots=True)
class Steps:
    """The training step of a model's own: what `train_step` and `test_step` report.

    `metrics`: an expression for what is reset before each pass, with `{model}` for the model.
    `parameters`: per optimizer (the parameter of `compile` that gives it), an expression for what
    it steps. `compiles`: the class has a `compile` of its own, whose `dropped` parameters went.
    `silent`: Keras reports 0 as the loss, since its own tracker has its name.
    """

    trained: tuple[str, ...]
    tested: tuple[str, ...]
    has_test: bool
    metrics: str
    parameters: Mapping[str, str]
    compiles: bool = False
    dropped: frozenset[str] = frozenset()
    silent: bool = False


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One converted model.

    `expression` gives the model in the written file ("model", "self.model"). Per output:
    `final_activations` ("softmax", "sigmoid" where it was moved out of the model, else ""),
    `output_names` and `output_shapes`. Per input: `input_names` and `input_dtypes`.
    `has_regularization`: the model has a method `regularization_loss()`.
    `has_constraints`: it has a method `apply_constraints()`, to be called after each step.
    `steps`: it has a training step of its own.
    """

    expression: str
    final_activations: tuple[str, ...]
    input_names: tuple[str, ...]
    input_dtypes: tuple[str, ...]
    output_names: tuple[str, ...]
    output_shapes: tuple[Shape | None, ...]
    has_regularization: bool = False
    has_constraints: bool = False
    input_permutes: tuple[str, ...] = ()  # per input: what moves the user's data to the model's layout
    steps: Steps | None = None
    columns: tuple[bool, ...] = (False,)  # per input: whether it has the shape (n, 1)

    def moved(self, position: int) -> str:
        """`.permute(0, 3, 1, 2)` where the model takes that input channels first, else ""."""
        return self.input_permutes[position] if position < len(self.input_permutes) else ""


def model_facts(
    model: ModelValue,
    names: Mapping[int, str],
    final_activations: tuple[str, ...] = (),
    *,
    has_regularization: bool = False,
    has_constraints: bool = False,
    native: bool = False,
) -> ModelFacts:
    """The facts of one model; `names` are Keras's names of the layers."""
    return ModelFacts(
        model.variable or "model",
        final_activations or ("",) * len(model.outputs),
        tuple(t.source.name if isinstance(t.source, InputSource) else "" for t in model.inputs) or ("",),
        tuple(t.dtype for t in model.inputs) or ("float32",),
        tuple(_producer_name(t, names) for t in model.outputs),
        model.output_shapes,
        has_regularization,
        has_constraints,
        tuple(_permute(t) if native else "" for t in model.inputs),
        columns=tuple(_is_column(t) for t in model.inputs) or (False,),
    )


def _producer_name(tensor: Tensor, names: Mapping[int, str]) -> str:
    """The name of the layer that made a tensor: what Keras calls the output."""
    source = tensor.source
    while isinstance(source, Apply) and source.layer is None and source.inputs:
        source = source.inputs[0].source
    if not isinstance(source, Apply) or source.layer is None:
        return "output"
    if isinstance(source.layer, Layer):
        return names.get(id(source.layer), "output")
    given = source.layer.name.value if source.layer.name is not None else None
    return given if isinstance(given, str) else source.layer.variable or "model"


def layer_names(layers: Iterable[Layer]) -> dict[int, str]:
    """Keras's names of the layers: given, or by class and order of creation."""
    counts: Counter[str] = Counter()
    names = {}
    for layer in sorted(set(layers), key=lambda item: item.order):
        given = layer.common.get("name")
        if given is not None and isinstance(given.value, str):
            names[id(layer)] = given.value
            continue
        base = snake(layer.kind)
        names[id(layer)] = base if not counts[base] else f"{base}_{counts[base]}"
        counts[base] += 1
    return names


def _is_column(tensor: Tensor) -> bool:
    return tensor.shape is not None and len(tensor.shape) == 2 and tensor.shape[-1].value == 1


def _permute(tensor: Tensor) -> str:
    """What moves an image from channels last to channels first; "" for anything else."""
    rank = len(tensor.shape) if tensor.shape is not None else 0
    return f".permute({', '.join(map(str, (0, rank - 1, *range(1, rank - 1))))})" if rank >= 4 else ""
