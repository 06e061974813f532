"""The example programs and how their models correspond, written down by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transpile.result import InputInfo, LayerPair, ModelPair, TrainingInfo
from transpile.verify.builtin import recurrent

DATA = Path(__file__).parent / "data"

WEIGHTS = {
    "Dense": ("kernel: i o -> weight: o i", "bias: o -> bias: o"),
    "Conv1D": ("kernel: k i o -> weight: o i k", "bias: o -> bias: o"),
    "Conv2D": ("kernel: h w i o -> weight: o i h w", "bias: o -> bias: o"),
    "LayerNormalization": ("gamma: c -> weight: c", "beta: c -> bias: c"),
    "Embedding": ("embeddings: ... -> weight: ...",),
    "BatchNormalization": (
        "gamma: c -> weight: c",
        "beta: c -> bias: c",
        "moving_mean: c -> running_mean: c",
        "moving_variance: c -> running_var: c",
    ),
    "GRU": recurrent("GRU"),
    "Bidirectional": (
        *recurrent("LSTM", "forward_layer/"),
        *recurrent("LSTM", "backward_layer/", "_reverse"),
    ),
}


def layer(kind: str, torch: str, keras: str = "") -> LayerPair:
    """A layer pair with the usual weight lines."""
    return LayerPair(keras, torch, kind.lower(), kind, WEIGHTS[kind])


def floats(*shape: int) -> InputInfo:
    """A float input with a free batch."""
    return InputInfo("x", (None, *shape), "float32")


@dataclass(frozen=True)
class Example:
    """Two programs that compute the same."""

    name: str
    pair: ModelPair

    @property
    def keras(self) -> str:
        """The Keras program."""
        return (DATA / f"{self.name}_keras.py").read_text()

    @property
    def torch(self) -> str:
        """The PyTorch program."""
        return (DATA / f"{self.name}_torch.py").read_text()


LINEAR = Example(
    "linear",
    ModelPair(
        "model",
        "model",
        (floats(1),),
        ((None, 1),),
        ("",),
        (layer("Dense", "0"),),
        TrainingInfo("criterion", "optimizer"),
    ),
)
DIGITS = Example(
    "digits",
    ModelPair(
        "model",
        "model",
        (floats(28, 28, 1),),
        ((None, 10),),
        ("softmax",),
        (
            layer("Conv2D", "conv2d"),
            layer("BatchNormalization", "batch_normalization"),
            layer("Conv2D", "conv2d_1"),
            layer("Dense", "dense"),
        ),
        TrainingInfo("criterion", "optimizer", "run_epoch"),
    ),
)
RESNET = Example(  # no record of the layers: they are matched by order and shape
    "resnet",
    ModelPair("build_resnet()", "build_resnet()", (floats(32, 32, 3),), ((None, 10),), ("",), ()),
)
LENET = Example(
    "lenet",
    ModelPair(
        "main.<locals>.model",
        "main.<locals>.model",
        (floats(1, 28, 28),),
        ((None, 10),),
        ("",),
        (
            layer("Conv2D", "conv1"),
            layer("Conv2D", "conv2"),
            layer("Dense", "fc1"),
            layer("Dense", "fc2"),
        ),
        TrainingInfo("main.<locals>.criterion", "main.<locals>.optimizer"),
    ),
)
REVIEWS = Example(
    "reviews",
    ModelPair(
        "model",
        "model",
        (InputInfo("ids", (None, None), "int32", 200),),
        ((None, 1),),
        ("sigmoid",),
        (
            layer("Embedding", "embedding"),
            layer("Bidirectional", "bidirectional"),
            layer("GRU", "gru"),
            layer("Dense", "dense"),
        ),
        TrainingInfo("criterion", "optimizer", "run_epoch"),
    ),
)
TABLE = Example(
    "table",
    ModelPair(
        "model",
        "model",
        (floats(12),),
        ((None, 3),),
        ("softmax",),
        (
            layer("Dense", "square", "square"),
            layer("LayerNormalization", "norm", "norm"),
            layer("Dense", "side", "side"),
            layer("Conv1D", "pairs", "pairs"),
            layer("Dense", "classes", "classes"),
        ),
        TrainingInfo("criterion", "optimizer", "run_epoch"),
    ),
)
EXAMPLES = (LINEAR, DIGITS, RESNET, LENET, REVIEWS, TABLE)
