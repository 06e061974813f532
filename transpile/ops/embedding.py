"""Embedding and Masking: where sequences, and their masks, begin.

The mask itself is written by the front end where something uses it. Row 0 of an embedding with
mask_zero is an ordinary trainable vector, so there is no padding_idx.

https://keras.io/api/layers/core_layers/embedding/ https://keras.io/api/layers/core_layers/masking/
https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import UNKNOWN, Expr, Node, Shape
from transpile.registry import Context, Example, Lowered, Op, spell, translate


def _embedding_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0] if inputs else None
    return None if shape is None else (*shape, args["output_dim"])


def _expand_embedding(op: Op, node: Node, context: Context) -> Lowered:
    module = spell(op.torch, translate(op, "keras", node.args))
    found = []
    for name in ("lora_rank", "quantization_config"):
        if name in node.args and node.args[name].value is not None:
            found.append(("K2T104", f"Embedding: {name}={node.args[name].text} cannot be converted"))
    if node.args["mask_zero"].value is UNKNOWN:
        found.append(("K2T105", f"Embedding: mask_zero={node.args['mask_zero'].text} must be known"))
    return Lowered(
        module,
        "{module}({x}.long())" if context.in_class else "{module}({x})",
        diagnostics=tuple(found),
    )


def _expand_masking(op: Op, node: Node, context: Context) -> Lowered:
    value = node.args["mask_value"].text
    return Lowered(call="{x} * ({x} != " + value + ").any(dim=-1, keepdim=True)")


EMBEDDING = Op(
    name="embedding",
    keras="layers.Embedding(input_dim, output_dim, embeddings_initializer='uniform', "
    "embeddings_regularizer=None, embeddings_constraint=None, mask_zero=False, lora_rank=None, "
    "lora_alpha=None, quantization_config=None)",
    torch="nn.Embedding(num_embeddings, embedding_dim)",
    same={"input_dim": "num_embeddings", "output_dim": "embedding_dim"},
    layout="keras",
    shape=_embedding_shape,
    weights=("embeddings: n d -> weight: n d",),
    mask="keep",
    expand=_expand_embedding,
    renamed={
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    ignored=("input_length", "sparse", "mask_zero", "lora_alpha"),
    examples=(
        Example("layers.Embedding(8, 4)", "nn.Embedding(8, 4)", input=(5,), dtype="int32", high=8),
        Example(
            "layers.Embedding(9, 4, mask_zero=True)",
            "nn.Embedding(9, 4)",
            input=(5,),
            dtype="int32",
            high=9,
        ),
        Example(
            "layers.Embedding(8, 4, input_length=5)",
            "nn.Embedding(8, 4)",
            input=(5,),
            dtype="int32",
            high=8,
        ),
        Example("layers.Embedding(8, 4)", "nn.Embedding(8, 4)", input=(5, 3), dtype="int32", high=8),
    ),
    note="with an adaptive optimizer, an index that occurs twice in a batch is updated differently",
)

MASKING = Op(
    name="masking",
    keras="layers.Masking(mask_value=0.0)",
    function="masked(x)",
    layout="keras",
    mask="keep",
    expand=_expand_masking,
    examples=(
        Example("layers.Masking()", "x * (x != 0.0).any(dim=-1, keepdim=True)", input=(5, 3)),
        Example(
            "layers.Masking(mask_value=-1.0)",
            "x * (x != -1.0).any(dim=-1, keepdim=True)",
            input=(5, 3),
        ),
    ),
    note="a masked step is set to zero",
)

OPS = (EMBEDDING, MASKING)
