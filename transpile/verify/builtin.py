"""Weight lines of the common Keras layers, for files that come without a conversion's record.

Sources of the orders: keras.io and docs.pytorch.org, as measured (a GRU's gates are z, r, h in
Keras and r, z, n in PyTorch; an LSTM's are i, f, c, o in both).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from transpile.verify.recipes import Line, parse


class Layer(Protocol):
    """What the recipes need to know of a layer."""

    @property
    def kind(self) -> str:
        """Keras's class name."""

    @property
    def inner(self) -> str:
        """The class name of the wrapped layer."""

    @property
    def find(self) -> Callable[[str], int | None]:
        """The number of a weight by its path."""


_SPACE = {"1D": "w", "2D": "h w", "3D": "d h w"}
_NORM = (
    "gamma: ... -> weight: ...",
    "beta: ... -> bias: ...",
    "moving_mean: ... -> running_mean: ...",
    "moving_variance: ... -> running_var: ...",
)
_PLAIN: dict[str, tuple[str, ...]] = {
    "Dense": ("kernel: i o -> weight: o i", "bias: o -> bias: o"),
    "Embedding": ("embeddings: ... -> weight: ...",),
    "PaddedEmbedding": ("embeddings: ... -> weight: ...",),  # of templates/keras/helpers
    "BatchNormalization": _NORM,
    "LayerNormalization": _NORM[:2],
    "GroupNormalization": _NORM[:2],
    "RMSNormalization": ("scale: ... -> weight: ...",),
    "Normalization": ("mean: ... -> mean: ...", "variance: ... -> variance: ..."),
    "PReLU": ("alpha: 1 1 c -> weight: c",),
}


def _conv(kind: str) -> tuple[tuple[str, ...], ...]:
    space, bias = _SPACE[kind[-2:]], "bias: o -> bias: o"
    return ((f"kernel: {space} i o -> weight: o i {space}", bias),)


def _transposed(kind: str) -> tuple[tuple[str, ...], ...]:
    space = _SPACE[kind.removesuffix("Transpose")[-2:]]
    return ((f"kernel: {space} o i -> weight: i o {space}", "bias: o -> bias: o"),)


def _depthwise(kind: str) -> tuple[tuple[str, ...], ...]:
    space = _SPACE[kind[-2:]]
    lines = [f"{name}: {space} c m -> weight: (c m) 1 {space}" for name in ("depthwise_kernel", "kernel")]
    return ((*lines, "bias: o -> bias: o"),)


def _separable(kind: str) -> tuple[tuple[str, ...], ...]:
    space = _SPACE[kind[-2:]]
    return (
        (f"depthwise_kernel: {space} c m -> weight: (c m) 1 {space}",),
        (f"pointwise_kernel: {space} i o -> weight: o i {space}", "bias: o -> bias: o"),
    )


def recurrent(kind: str, source: str = "", suffix: str = "") -> tuple[str, ...]:
    """LSTM, GRU (reset_after) and SimpleRNN; `source` and `suffix` for one direction."""
    ours, theirs = {
        "LSTM": ("(i+f+c+o)", "(i+f+c+o)"),
        "GRU": ("(z+r+n)", "(r+z+n)"),
        "SimpleRNN": ("u", "u"),
    }[kind]
    lines = [
        f"{source}kernel: x {ours} -> weight_ih_l0{suffix}: {theirs} x",
        f"{source}recurrent_kernel: h {ours} -> weight_hh_l0{suffix}: {theirs} h",
    ]
    if kind == "GRU":
        return (
            *lines,
            f"{source}bias[0]: {ours} -> bias_ih_l0{suffix}: {theirs}",
            f"{source}bias[1]: {ours} -> bias_hh_l0{suffix}: {theirs}",
        )
    lines.append(f"{source}bias: {ours} -> bias_ih_l0{suffix}: {theirs}")
    return (*lines, f"0 -> bias_hh_l0{suffix}")


def _attention() -> tuple[tuple[str, ...], ...]:
    lines = []
    for number, name in enumerate(("query", "key", "value")):
        lines.append(f"{name}/kernel: e h d -> in_proj_weight[{number}/3]: (h d) e")
        lines.append(f"{name}/bias: h d -> in_proj_bias[{number}/3]: (h d)")
    lines.append("attention_output/kernel: h d e -> out_proj.weight: e (h d)")
    return ((*lines, "attention_output/bias: e -> out_proj.bias: e"),)


def _texts(kind: str, inner: str) -> Sequence[Sequence[str]]:
    """The recipe of a kind: lines per PyTorch module."""
    if kind in _PLAIN:
        return (_PLAIN[kind],)
    if kind in {"LSTM", "GRU", "SimpleRNN"}:
        return (recurrent(kind),)
    if kind == "Bidirectional" and inner in {"LSTM", "GRU", "SimpleRNN"}:
        forward = recurrent(inner, "forward_layer/")
        return ((*forward, *recurrent(inner, "backward_layer/", "_reverse")),)
    if kind == "MultiHeadAttention":
        return _attention()
    for prefix, recipe in (("Separable", _separable), ("Depthwise", _depthwise)):
        if kind.startswith(prefix):
            return recipe(kind)
    if kind.startswith(("Conv", "Convolution")) and kind.endswith("Transpose"):
        return _transposed(kind)
    if kind.startswith("Conv") and kind[-2:] in _SPACE and "LSTM" not in kind:
        return _conv(kind)
    return ()


def recipes_for(layer: Layer) -> list[tuple[Line, ...]]:
    """The lines of a layer, one tuple per PyTorch module that it takes."""
    texts = _texts(layer.kind, layer.inner)
    prefix = ""
    if layer.kind == "TimeDistributed":
        texts, prefix = _texts(layer.inner, ""), "layer/"
    if not texts:
        raise LookupError(f"there is no recipe for the layer {layer.kind}")
    result = []
    for group in texts:
        lines = [parse(text if text[0] == "0" else prefix + text) for text in group]
        result.append(tuple(line for line in lines if line.source is None or layer.find(line.source.name) is not None))
    return [lines for lines in result if lines]
