"""nn.Transformer and its parts, by layers of their own that the file gets."""

from __future__ import annotations

from typing import Any

from transpile.ops._functions import Call, Operand, Result, fresh, function, like
from transpile.ops._modules import Args, Fold, Folded, Module, Use, keras_call, one, refused
from transpile.ops.torch_sequences import given_text
from transpile.torch_values import Tensor, Value

_ATTENTION = ("uniform_kernel", "fan_in_uniform", "MultiheadAttention")
_STACKS = ("TransformerEncoder", "TransformerDecoder")
_SETTINGS = (
    "dim_feedforward=2048, dropout=0.1, activation='relu', {custom}layer_norm_eps=1e-05, batch_first=False, "
    "norm_first=False, bias=True"
)
_DEFAULTS: dict[str, object] = {
    "num_encoder_layers": 6, "num_decoder_layers": 6, "dim_feedforward": 2048, "dropout": 0.1, "activation": "relu",
    "layer_norm_eps": 1e-5, "batch_first": False, "norm_first": False,
}  # fmt: skip


def _fold(name: str, *needed: str) -> Fold:
    """A layer, or the whole, with the settings of all."""

    def fold(args: Args, use: Use) -> Folded:
        chosen = args["activation"]
        activation = chosen.value if isinstance(chosen.value, str) else chosen.text.rpartition(".")[2]
        if activation not in ("relu", "gelu"):
            return refused(f"nn.{name}: activation={chosen.text}")
        for other, neutral in (("bias", True), ("custom_encoder", None), ("custom_decoder", None)):
            if other in args and args[other].value is not neutral:
                return refused(f"nn.{name}: {other}={args[other].text}")
        given: list[tuple[str, str | None]] = [("", args["d_model"].text), ("", args["nhead"].text)]
        for key, default in _DEFAULTS.items():
            if key in args:
                value = activation if key == "activation" else args[key].value
                text = f'"{activation}"' if key == "activation" else args[key].text
                given.append((key, None if value == default else text))
        return one(keras_call(name, given), *_ATTENTION, *needed, name)

    return fold


def _fold_stack(name: str, part: str) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        norm = None if args["norm"].value is None else args["norm"].text
        given = [("", args[part].text), ("", args["num_layers"].text), ("norm", norm)]
        return one(keras_call(name, given), name)

    return fold


def _apply(count: int, *masks: str) -> Any:
    """A call with that many sequences first, and masks, which Keras wants by name where they may be None."""

    def apply(walker: Any, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> tuple[str, Value]:
        operands, kwargs = operands[:count], dict(zip(masks, operands[count:])) | kwargs
        sequences = [o.value for o in operands]
        sequences += [kwargs[n].value for n in ("src", "tgt", "memory") if n in kwargs]
        for value in sequences:
            if isinstance(value, Tensor):
                value.rank.settle(3)
        ignored = (
            "src_is_causal",
            "is_causal",
            "tgt_is_causal",
            "memory_is_causal",
        )  # hints about masks that are given
        kept = {n: o for n, o in kwargs.items() if n not in ignored}
        first = sequences[0] if sequences else None
        value = like(first, last=False) if isinstance(first, Tensor) else fresh(3)
        return given_text(walker, text, operands, kept), value

    return apply


@function("torch.nn.Transformer.generate_square_subsequent_mask", params="size")
def _causal_mask(call: Call) -> Result:
    n = call.text("size")
    return f'ops.triu(ops.full(({n}, {n}), float("-inf")), k=1)', fresh(2)


_OF_TARGET = ("tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
_OF_BOTH = ("src_mask", *_OF_TARGET[:2], "src_key_padding_mask", *_OF_TARGET[2:])
_LAYER = f"(d_model, nhead, {_SETTINGS.format(custom='')})"
_WHOLE = _SETTINGS.format(custom="custom_encoder=None, custom_decoder=None, ")
_LAYERS = ("TransformerEncoderLayer", "TransformerDecoderLayer")
MODULES = (
    Module(
        f"nn.TransformerEncoderLayer{_LAYER}",
        _fold(_LAYERS[0]),
        layout="torch",
        apply=_apply(1, "src_mask", "src_key_padding_mask"),
    ),
    Module(f"nn.TransformerDecoderLayer{_LAYER}", _fold(_LAYERS[1]), layout="torch", apply=_apply(2, *_OF_TARGET)),
    Module(
        "nn.TransformerEncoder(encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True)",
        _fold_stack(_STACKS[0], "encoder_layer"),
        layout="torch",
        apply=_apply(1, "mask", "src_key_padding_mask"),
    ),
    Module(
        "nn.TransformerDecoder(decoder_layer, num_layers, norm=None)",
        _fold_stack(_STACKS[1], "decoder_layer"),
        layout="torch",
        apply=_apply(2, *_OF_TARGET),
    ),
    Module(
        f"nn.Transformer(d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, {_WHOLE})",
        _fold("Transformer", *_LAYERS, *_STACKS),
        layout="torch",
        apply=_apply(2, *_OF_BOTH),
    ),
)
