"""What the verifier must know of models that are objects of the user's own classes."""

from __future__ import annotations

from collections.abc import Mapping

from transpile.backends.bodies.classes import Classes
from transpile.backends.pairs import expression_of
from transpile.interpret.values import ModelValue, Tensor
from transpile.result import InputInfo, ModelPair, TrainingInfo
from transpile.shapes import value as extent


def own_pairs(classes: Classes, trainings: Mapping[ModelValue, TrainingInfo]) -> tuple[ModelPair, ...]:
    """One pair for each model that an expression can name; weights are matched by order."""
    pairs = []
    for own in classes.own.values():
        for model in own.models:
            expression = expression_of([model], classes.interpreter)
            if not expression or not model.outputs:
                continue
            high = _ids(classes, model)
            inputs = tuple(
                InputInfo(f"input_{i}", _plain(t), t.dtype, high if "int" in t.dtype else None)
                for i, t in enumerate(model.inputs)
            )
            shapes = tuple(_plain(t) for t in model.outputs)
            final = ("",) * len(shapes)
            pairs.append(ModelPair(expression, expression, inputs, shapes, final, (), trainings.get(model)))
    return tuple(pairs)


def _plain(tensor: Tensor) -> tuple[int | None, ...] | None:
    return None if tensor.shape is None else tuple(extent(d) for d in tensor.shape)


def _ids(classes: Classes, model: ModelValue) -> int | None:
    """The number of ids that the embeddings of a model take."""
    sizes = [
        layer.args["input_dim"].value
        for layer in classes.interpreter.layers
        if layer.op is not None and layer.op.name == "embedding" and layer.applications
    ]
    known = [s for s in sizes if isinstance(s, int)]
    return min(known) if known else None
