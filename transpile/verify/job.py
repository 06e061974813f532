"""What a child process is asked to compare, as plain data that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from transpile.result import InputInfo, LayerPair, ModelPair, TrainingInfo

Device = Literal["auto", "cpu", "cuda"]
KerasBackend = Literal["auto", "tensorflow", "jax", "torch"]  # auto: the first that is installed
Reference = Literal["keras", "torch"]


@dataclass(frozen=True, slots=True)
class Job:
    """One comparison."""

    keras_source: str
    torch_source: str
    pairs: tuple[ModelPair, ...]
    keras_filename: str = "keras.py"
    torch_filename: str = "torch.py"
    device: Device = "cpu"
    steps: int = 10
    levels: tuple[int, ...] = (1, 2, 3, 4, 5)
    smoke: bool = True
    cpu_seconds: int = 600
    max_epochs: int | None = None  # level 6
    max_batches: int | None = None
    max_samples: int | None = None
    reference: Reference = "keras"  # the framework of the original

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def from_dict(data: Mapping[str, Any]) -> Job:
    """Reads what `to_dict` wrote, by way of JSON."""
    fields = dict(data)
    fields["pairs"] = tuple(_pair(pair) for pair in data["pairs"])
    fields["levels"] = tuple(data["levels"])
    return Job(**fields)


def _pair(data: Mapping[str, Any]) -> ModelPair:
    training = data["training"]
    return ModelPair(
        keras=data["keras"],
        torch=data["torch"],
        inputs=tuple(InputInfo(i["name"], _shape(i["shape"]), i["dtype"], i["high"]) for i in data["inputs"]),
        output_shapes=tuple(_shape(shape) for shape in data["output_shapes"]),
        final_activations=tuple(data["final_activations"]),
        layers=tuple(LayerPair(**{**layer, "weights": tuple(layer["weights"])}) for layer in data["layers"]),
        training=TrainingInfo(**training) if training else None,
        assumed=tuple((text, value) for text, value in data["assumed"]),
    )


def _shape(shape: Sequence[int | None] | None) -> tuple[int | None, ...] | None:
    return None if shape is None else tuple(shape)
