"""The other modules of torch.nn as layers of Keras: dense, norms, dropout, embedding, activations."""

from __future__ import annotations

from functools import cache

from transpile.ir import Expr
from transpile.ops import torch_conv, torch_sequences, torch_transformer
from transpile.ops._modules import (
    Args,
    Fold,
    Folded,
    Module,
    Use,
    fan_in,
    flag,
    from_relation,
    keras_call,
    one,
    refused,
)
from transpile.registry import all_ops, equal


def _fold_linear(args: Args, use: Use) -> Folded:
    init, helpers = fan_in(args["in_features"].text, use)
    given = [("", args["out_features"].text), ("use_bias", flag(args["bias"], True)), *init]
    return one(keras_call("layers.Dense", given), *helpers)


def _affine(expr: Expr) -> list[tuple[str, str | None]]:
    return [("center", flag(expr, True)), ("scale", flag(expr, True))]


def _initial(use: Use) -> list[tuple[str, str | None]]:
    weight, bias = use.initialiser("weight"), use.initialiser("bias")
    return [
        ("gamma_initializer", weight if weight not in ("", '"ones"') else None),
        ("beta_initializer", bias if bias not in ("", '"zeros"') else None),
    ]


def _fold_batch_norm(args: Args, use: Use) -> Folded:
    if args["momentum"].value is None:
        return refused("nn.BatchNorm: momentum=None averages over all batches")
    if args["track_running_stats"].value is not True:
        return refused(f"nn.BatchNorm: track_running_stats={args['track_running_stats'].text}")
    momentum = args["momentum"]
    keep = f"{1 - momentum.value:.12g}" if isinstance(momentum.value, int | float) else f"1 - {momentum.text}"
    given = [
        ("axis", None if use.last or use.rank == 2 else "1"),
        ("momentum", keep),
        ("epsilon", args["eps"].text),
        *_affine(args["affine"]),
        *_initial(use),
    ]
    if use.style == "idiomatic":
        return one(keras_call("layers.BatchNormalization", given))
    return one(keras_call("BatchNormalization", given), "BatchNormalization")


def _fold_instance_norm(args: Args, use: Use) -> Folded:
    if args["track_running_stats"].value is not False:
        return refused(f"nn.InstanceNorm: track_running_stats={args['track_running_stats'].text}")
    given = [("", "-1"), ("epsilon", args["eps"].text), *_affine(args["affine"]), *_initial(use)]
    return one(keras_call("layers.GroupNormalization", given))


def _fold_group_norm(args: Args, use: Use) -> Folded:
    given = [("", args["num_groups"].text), ("axis", None if use.last else "1"), ("epsilon", args["eps"].text)]
    return one(keras_call("layers.GroupNormalization", [*given, *_affine(args["affine"]), *_initial(use)]))


def _fold_layer_norm(args: Args, use: Use) -> Folded:
    shape = args["normalized_shape"]
    axis = None
    if isinstance(shape.value, tuple | list) and len(shape.value) > 1:
        axis = str(list(range(-len(shape.value), 0)))
    elif not shape.known:
        written = shape.text.startswith(("[", "("))
        count = (use.counts or {}).get("normalized_shape", shape.text.count(",") + 1 if written else 0)
        if not count and any(c in shape.text for c in "[("):
            return refused(f"nn.LayerNorm: how many axes {shape.text} are is only known at run time")
        axis = None if count < 2 else str(list(range(-count, 0)))
    affine = args["elementwise_affine"]
    center = "False" if args["bias"].value is False else flag(affine, True)
    given = [("axis", axis), ("epsilon", args["eps"].text), ("center", center), ("scale", flag(affine, True))]
    return one(keras_call("layers.LayerNormalization", [*given, *_initial(use)]))


def _fold_rms_norm(args: Args, use: Use) -> Folded:
    eps = args["eps"].text if args["eps"].value is not None else "1.1920929e-07"
    return one(keras_call("layers.RMSNormalization", [("epsilon", eps)]))


def _fold_embedding(args: Args, use: Use) -> Folded:
    for name in ("max_norm", "scale_grad_by_freq"):
        if args[name].value not in (None, False):
            return refused(f"nn.Embedding: {name}={args[name].text}")
    initial = use.initialiser("weight") or (
        "" if use.style == "idiomatic" else "keras.initializers.RandomNormal(stddev=1.0)"
    )
    padded = args["padding_idx"].value is not None
    given = [
        ("", args["num_embeddings"].text),
        ("", args["embedding_dim"].text),
        ("padding_idx", args["padding_idx"].text if padded else None),
        ("embeddings_initializer", initial or None),
    ]
    return one(
        keras_call("PaddedEmbedding" if padded else "layers.Embedding", given), *(["PaddedEmbedding"] if padded else [])
    )


def _fold_pretrained(args: Args, use: Use) -> Folded:
    """Rows that padding or a norm would change are left; those that are frozen have no gradient to keep off."""
    ignored = ("padding_idx",) if args["freeze"].value is True else ()
    for name in ("padding_idx", "max_norm", "scale_grad_by_freq"):
        if name not in ignored and args[name].value is not None and args[name].value is not False:
            return refused(f"nn.Embedding.from_pretrained: {name}={args[name].text}")
    if use.initialiser("weight"):
        return refused("nn.Embedding.from_pretrained whose rows are set again")
    given = [("", args["embeddings"].text), ("freeze", flag(args["freeze"], True))]
    return one(keras_call("PretrainedEmbedding", given), "PretrainedEmbedding")


def _plain(path: str, names: str = "") -> Fold:
    """A layer whose arguments have other names: "p=rate" (positional: "p=")."""
    pairs = [pair.split("=") for pair in names.split()]

    def fold(args: Args, use: Use) -> Folded:
        return one(keras_call(path, [(keras, args[torch].text) for torch, keras in pairs]))

    return fold


def _fold_channel_dropout(count: int) -> Fold:
    """Drops whole channels of what it is given: a single number where that is a matrix."""

    def fold(args: Args, use: Use) -> Folded:
        axes = (use.rank or count + 2) - 2
        return one(f"layers.SpatialDropout{axes}D({args['p'].text})" if axes else f"layers.Dropout({args['p'].text})")

    return fold


def _fold_softmax(name: str) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        axis = args["dim"].text
        if args["dim"].value is None:
            axis = "-1" if use.rank == 2 else "1" if use.rank == 4 else ""
        if not axis:
            return refused(f"nn.{name}() without dim on a tensor whose rank is not known")
        if name == "LogSoftmax":
            return one(f"LogSoftmax(axis={axis})", "LogSoftmax")
        return one("layers.Softmax()" if axis == "-1" else f"layers.Softmax(axis={axis})")

    return fold


def _fold_leaky(args: Args, use: Use) -> Folded:
    return one(f"layers.LeakyReLU(negative_slope={args['negative_slope'].text})")


def _fold_threshold(args: Args, use: Use) -> Folded:
    if args["value"].value not in (0, 0.0):
        return refused(f"nn.Threshold: value={args['value'].text}")
    return one(f"layers.ReLU(threshold={args['threshold'].text})")


def _fold_gelu(args: Args, use: Use) -> Folded:
    if args["approximate"].value == "none":
        return one('layers.Activation("gelu")')
    return one("ApproximateGelu()", "ApproximateGelu")


def _fold_prelu(args: Args, use: Use) -> Folded:
    count, init = args["num_parameters"], args["init"].text
    start = f"alpha_initializer=keras.initializers.Constant({init})"
    if use.rank is None and count.value == 1:
        return refused("nn.PReLU on a tensor whose rank is not known")
    if count.value == 1:
        return one(f"layers.PReLU({start}, shared_axes={list(range(1, use.rank or 2))})")
    if use.last or use.rank == 2:
        return one(f"layers.PReLU({start}, shared_axes={list(range(1, (use.rank or 4) - 1))})")
    return refused("nn.PReLU with a slope per channel on a tensor whose rank is not known")


def _fold_flatten(args: Args, use: Use) -> Folded:
    if (args["start_dim"].value, args["end_dim"].value) != (1, -1):
        return refused(f"nn.Flatten({args['start_dim'].text}, {args['end_dim'].text})")
    return one("layers.Flatten()")


def _fold_unflatten(args: Args, use: Use) -> Folded:
    if args["dim"].value not in (1, -1) or use.rank != 2:
        return refused("nn.Unflatten of another axis than the features of a matrix")
    return one(f"layers.Reshape({args['unflattened_size'].text})")


def _fold_upsample(mode: str = "") -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        kind, factor = mode or str(args["mode"].value), args["scale_factor"]
        dims = (use.rank or 2 + _UPSAMPLED.get(kind, 2)) - 2
        aligned = mode == "bilinear" or ("align_corners" in args and args["align_corners"].value is True)
        if kind not in _UPSAMPLED or (kind != "nearest" and dims != _UPSAMPLED[kind]):
            return refused(f"nn.Upsample: mode={args['mode'].text if 'mode' in args else mode}")
        parts = factor.value if isinstance(factor.value, tuple | list) else (factor.value,)
        whole = all(isinstance(p, int | float) and p == int(p) for p in parts)
        if whole and args["size"].value is None and kind in ("nearest", "bilinear"):
            times = repr(tuple(map(int, parts))) if len(parts) > 1 else str(int(parts[0]))
            if kind == "nearest" and dims in (1, 2, 3):
                return one(f"layers.UpSampling{dims}D({times})")
            if kind == "bilinear" and not aligned:
                return one(f'layers.UpSampling2D({times}, interpolation="bilinear")')
            return one(f"AlignedUpSampling2D({times})", "AlignedUpSampling2D")
        sized = args["size"].value is not None
        given = [
            ("size", args["size"].text if sized else None),
            ("scale_factor", None if sized else factor.text),
            ("mode", f'"{kind}"' if kind not in ("nearest", "bicubic") else None),
            ("align_corners", "True" if aligned and kind != "nearest" else None),
        ]
        if kind == "bicubic":
            return one(
                f"layers.Lambda({keras_call('partial', [('', 'interpolate_bicubic'), *given])})", "interpolate_bicubic"
            )
        return one(keras_call("Upsample", given), "interpolate", "Upsample")

    return fold


def _fold_function(name: str, parameters: str) -> Fold:
    """A function of the file in a layer."""

    def fold(args: Args, use: Use) -> Folded:
        needed, _, other = parameters.partition(" | ")
        given = [(new, args[n].text) for n, _, new in (part.partition("=") for part in needed.split())]
        given += [(n, args[n].text) for n in other.split() if args[n].value != {"padding": 0}.get(n, 1)]
        return one(f"layers.Lambda({keras_call('partial', [('', name), *given])})", name)

    return fold


def _fold_pad(name: str, rank: int, helper: bool) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        padding = args["padding"]
        text = padding.text
        if isinstance(padding.value, tuple | list) and len(padding.value) == 2 * rank:
            pairs = [tuple(padding.value[2 * i : 2 * i + 2]) for i in reversed(range(rank))]
            text = repr(tuple(pairs)) if rank > 1 else repr(pairs[0])
        elif not isinstance(padding.value, int) and padding.known:
            return refused(f"nn.{name}: padding={padding.text}")
        if "value" in args and not equal(args["value"].value, 0):
            return refused(f"nn.{name}: value={args['value'].text}")
        path = {"Zero": f"layers.ZeroPadding{rank}D", "Const": f"layers.ZeroPadding{rank}D"}.get(
            name[:4].rstrip("P"), ""
        )
        path = path or f"layers.ZeroPadding{rank}D"
        if helper:
            path = f"{name.removesuffix(f'Pad{rank}d')}Padding{rank}D"
        return one(f"{path}({text})", *([path] if helper else []))

    return fold


_NORM = "(num_features, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
_INSTANCE = "(num_features, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)"
_UPSAMPLED = {"nearest": 2, "linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}  # mode -> axes of space
_UPSAMPLE = "(size=None, scale_factor=None, mode='nearest', align_corners=None, recompute_scale_factor=None)"
_WINDOW = "kernel_size, dilation=1, padding=0, stride=1"
_EMBEDDING = (
    "nn.Embedding(num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0, "
    "scale_grad_by_freq=False, sparse=False)"
)
_PRETRAINED = (
    "nn.Embedding.from_pretrained(embeddings, freeze=True, padding_idx=None, max_norm=None, norm_type=2.0, "
    "scale_grad_by_freq=False, sparse=False)"
)
_OWN = (
    Module("nn.Linear(in_features, out_features, bias=True)", _fold_linear, None, "torch"),
    Module(f"nn.BatchNorm1d{_NORM}", _fold_batch_norm, None, "last"),
    Module(f"nn.BatchNorm2d{_NORM}", _fold_batch_norm, 4, "last"),
    Module(f"nn.SyncBatchNorm{_NORM}", _fold_batch_norm, None, "last"),
    Module(f"nn.BatchNorm3d{_NORM}", _fold_batch_norm, 5, "last"),
    *(Module(f"nn.InstanceNorm{r}d{_INSTANCE}", _fold_instance_norm, r + 2, "last") for r in (1, 2, 3)),
    Module("nn.GroupNorm(num_groups, num_channels, eps=1e-05, affine=True)", _fold_group_norm, None, "last"),
    Module("nn.LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True, bias=True)", _fold_layer_norm, None, "torch"),
    Module("nn.RMSNorm(normalized_shape, eps=None, elementwise_affine=True)", _fold_rms_norm, None, "torch"),
    Module("nn.Dropout(p=0.5, inplace=False)", _plain("layers.Dropout", "p="), None, "any"),
    *(Module(f"nn.Dropout{r}d(p=0.5, inplace=False)", _fold_channel_dropout(r), None, "last", guess=r + 2) for r in (1, 2, 3)),
    Module("nn.AlphaDropout(p=0.5, inplace=False)", _plain("layers.AlphaDropout", "p=")),
    Module(_EMBEDDING, _fold_embedding, None, "torch", 1),
    Module(_PRETRAINED, _fold_pretrained, None, "torch", 1),
    Module("nn.Identity()", _plain("layers.Identity")),
    Module("nn.Flatten(start_dim=1, end_dim=-1)", _fold_flatten, None, "torch", "flat"),
    Module("nn.Unflatten(dim, unflattened_size)", _fold_unflatten, None, "torch"),
    Module("nn.Softmax(dim=None)", _fold_softmax("Softmax"), None, "torch"),
    Module("nn.LogSoftmax(dim=None)", _fold_softmax("LogSoftmax"), None, "torch"),
    Module("nn.Softmax2d()", lambda args, use: one("layers.Softmax()"), 4, "last"),
    Module("nn.ReLU(inplace=False)", _plain("layers.ReLU")),
    Module("nn.ReLU6(inplace=False)", lambda args, use: one("layers.ReLU(max_value=6)")),
    Module("nn.LeakyReLU(negative_slope=0.01, inplace=False)", _fold_leaky),
    Module("nn.Threshold(threshold, value, inplace=False)", _fold_threshold),
    Module("nn.ELU(alpha=1.0, inplace=False)", _plain("layers.ELU", "alpha=alpha")),
    Module("nn.GELU(approximate='none')", _fold_gelu),
    Module("nn.PReLU(num_parameters=1, init=0.25)", _fold_prelu, None, "last"),
    Module(f"nn.Upsample{_UPSAMPLE}", _fold_upsample(), None, "last", guess=4),
    Module("nn.UpsamplingNearest2d(size=None, scale_factor=None)", _fold_upsample("nearest"), 4, "last"),
    Module("nn.UpsamplingBilinear2d(size=None, scale_factor=None)", _fold_upsample("bilinear"), 4, "last"),
    Module("nn.PixelUnshuffle(downscale_factor)", _fold_function("pixel_unshuffle", "downscale_factor=r"), 4, "last"),
    Module("nn.ChannelShuffle(groups)", _fold_function("channel_shuffle", "groups=groups"), 4, "last"),
    Module(f"nn.Unfold({_WINDOW})", _fold_function("unfold", "kernel_size=kernel_size | dilation padding stride"), 4, "torch", -1),
    Module(f"nn.Fold(output_size, {_WINDOW})", _fold_function("fold", "output_size=output_size kernel_size=kernel_size | dilation padding stride"), 3, "torch", 1),
    Module("nn.PixelShuffle(upscale_factor)", lambda args, use: one(f"PixelShuffle({args['upscale_factor'].text})", "PixelShuffle"), 4, "last"),
    *(Module(f"nn.ZeroPad{r}d(padding)", _fold_pad(f"ZeroPad{r}d", r, False), r + 2, "last") for r in (1, 2, 3)),
    *(Module(f"nn.ConstantPad{r}d(padding, value)", _fold_pad(f"ConstantPad{r}d", r, False), r + 2, "last") for r in (1, 2, 3)),
    *(Module(f"nn.ReflectionPad{r}d(padding)", _fold_pad(f"ReflectionPad{r}d", r, True), r + 2, "last") for r in (1, 2)),
    *(Module(f"nn.ReplicationPad{r}d(padding)", _fold_pad(f"ReplicationPad{r}d", r, True), r + 2, "last") for r in (1, 2)),
)  # fmt: skip

_NAMED = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "SELU": "selu", "Softplus": "softplus", "Softsign": "softsign",
    "SiLU": "silu", "Hardsigmoid": "hard_sigmoid", "Hardswish": "hard_silu", "Mish": "mish",
    "LogSigmoid": "log_sigmoid", "Tanhshrink": "tanh_shrink",
}  # fmt: skip


def _activation(name: str) -> Fold:
    return lambda args, use: one(f'layers.Activation("{name}")')


_ACTIVATIONS = tuple(Module(f"nn.{torch}(inplace=False)", _activation(keras)) for torch, keras in _NAMED.items())


@cache
def modules() -> dict[str, Module]:
    """Every module by its full path: those here, and the rest of the registry's."""
    found = {
        m.path: m
        for m in (*_OWN, *_ACTIVATIONS, *torch_conv.MODULES, *torch_sequences.MODULES, *torch_transformer.MODULES)
    }
    for name, signature in (("Rearrange", "pattern"), ("Reduce", "pattern, reduction")):  # see body_patterns
        found[f"einops.layers.torch.{name}"] = Module(f"{name}({signature})", _plain("layers.Lambda"), None, "torch")
    for op in all_ops():
        path = f"torch.{op.torch.partition('(')[0]}"
        simple = op.torch and op.expand is None and op.keras_path.startswith("layers.")
        if simple and path not in found and not op.weights:
            found[path] = Module(op.torch, from_relation(op))
    return found
