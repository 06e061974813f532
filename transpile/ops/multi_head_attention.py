"""MultiHeadAttention.

Keras calls it with (query, value, key), PyTorch with (query, key, value). `key_dim` is the size
of one head. Keras's masks are True where attention is allowed, those of nn.MultiheadAttention
where it is blocked. PyTorch's module is used where it computes the same, else one of our own.

https://keras.io/api/layers/attention_layers/multi_head_attention/
https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node, Shape, literal
from transpile.ops._attention import (
    ROLES,
    Args,
    calling,
    extra,
    flag,
    input_of,
    last_size,
    masks,
    roles,
)
from transpile.ops._recurrent import Problems, Shapes, known_flag
from transpile.registry import Context, Example, Lowered, Op


def _query_shape(inputs: Sequence[Shape | None], args: Args) -> Shapes:
    query, value = input_of(inputs, args, "query"), input_of(inputs, args, "value")
    out = None
    size = args["output_shape"]
    if query is not None:
        last = query[-1] if size.value is None else _only(size)
        out = (*query[:-1], last) if last is not None else None
    if known_flag(args, "call:return_attention_scores"):
        scores = None
        if query is not None and value is not None:
            scores = (query[0], args["num_heads"], query[1], value[1])
        return [out, scores]
    return out


def _only(size: Expr) -> Expr | None:
    """`output_shape=64` or `output_shape=(64,)` as one extent."""
    if isinstance(size.value, int):
        return size
    if isinstance(size.value, tuple | list) and len(size.value) == 1:
        return literal(size.value[0])
    return None


def _native(node: Node, fields: Mapping[str, str]) -> bool:
    """Whether nn.MultiheadAttention computes the same."""
    args = node.args
    size, heads, key_dim = (
        last_size(node, fields["query"]).value,
        args["num_heads"].value,
        args["key_dim"].value,
    )
    if not all(isinstance(n, int) for n in (size, heads, key_dim)):
        return False
    sizes = [last_size(node, fields[r]).value for r in ROLES if r in fields]
    output = _only(args["output_shape"])
    same = size == heads * key_dim and all(n == size for n in sizes)  # type: ignore[operator]
    whole = args["value_dim"].value in (None, key_dim) and (
        args["output_shape"].value is None or (output is not None and output.value == size)
    )
    masked = masks(node, fields) or "call:attention_mask" in args
    causal = known_flag(args, "call:use_causal_mask") and node.inputs[0] != node.inputs[-1]
    dropped = known_flag(args, "call:return_attention_scores") and args["dropout"].value != 0
    return bool(same and whole and not masked and not causal and not dropped)


def _mha_weights(node: Node) -> tuple[str, ...]:
    fields = roles(node, Problems(""), "attention_mask")
    if _native(node, fields):
        lines = [
            f"{name}/{part} -> in_proj_{target}[{i}/3]: {axes}"
            for i, name in enumerate(("query", "key", "value"))
            for part, target, axes in (
                ("kernel: e h d", "weight", "(h d) e"),
                ("bias: h d", "bias", "(h d)"),
            )
        ]
        out = "out_proj"
    else:
        lines = [
            f"{name}/{part} -> {name}.{target}"
            for name in ("query", "key", "value")
            for part, target in (("kernel: e h d", "weight: (h d) e"), ("bias: h d", "bias: (h d)"))
        ]
        out = "out"
    lines += [
        f"attention_output/kernel: h d o -> {out}.weight: o (h d)",
        f"attention_output/bias: o -> {out}.bias: o",
    ]
    return tuple(w for w in lines if "bias" not in w or known_flag(node.args, "use_bias") is not False)


_MHA_CALL = (*ROLES, "attention_mask", "use_causal_mask", "return_attention_scores")


def _expand_mha(op: Op, node: Node, context: Context) -> Lowered:
    problems = Problems("MultiHeadAttention")
    extra(node, problems, _MHA_CALL)
    _check_mha(node, problems)
    fields = roles(node, problems, "attention_mask")
    if not last_size(node, fields["query"]).text or not last_size(node, fields["value"]).text:
        problems.add("K2T111", "the sizes of its inputs are not known")
    causal, scores = (
        flag(node, problems, "use_causal_mask"),
        flag(node, problems, "return_attention_scores"),
    )
    if _native(node, fields):
        return _torch_mha(node, fields, causal, scores, problems, context)
    helpers: tuple[str, ...] = ("multi_head_attention",)
    mask = _mask_terms(node, fields)
    if causal:
        mask.append(f"causal_mask({fields['query']}, {fields['value']})")
        helpers = (*helpers, "causal_mask")
    if "attention_mask" in fields:
        mask.append(f"{fields['attention_mask']}.bool()")
    options = [fields["query"], fields["value"]]
    options += [fields["key"]] if "key" in fields else []
    options += [f"mask={' & '.join(mask)}"] if mask else []
    options += ["need_weights=True"] if scores else []
    return Lowered(_own_mha(node, fields), calling("{module}", options), (), helpers, tuple(problems.found))


def _mask_terms(node: Node, fields: Mapping[str, str]) -> list[str]:
    """The masks of the inputs as parts of one mask of shape (N, T, S)."""
    found = masks(node, fields)
    terms = {role: f"{m}[:, None, :]" if role != "query" else f"{m}[:, :, None]" for role, m in found.items()}
    return list(dict.fromkeys(terms.values()))


def _check_mha(node: Node, problems: Problems) -> None:
    problems.only(node.args, "attention_axes", None, 1, (1,), -2, (-2,))
    problems.only(node.args, "sliding_window", None)
    problems.only(node.args, "use_gate", False)
    problems.only(node.args, "kernel_initializer", "glorot_uniform")
    problems.only(node.args, "bias_initializer", "zeros")
    problems.flag(node.args, "use_bias")
    if node.args["output_shape"].value is not None and _only(node.args["output_shape"]) is None:
        problems.add("K2T104", f"output_shape={node.args['output_shape'].text} cannot be converted")
    for shape in node.input_shapes[:2]:
        if shape is not None and len(shape) != 3:
            problems.add(
                "K2T104",
                "inputs with more than one axis between batch and features cannot be converted",
            )
    mask = node.args.get("call:attention_mask")
    if mask is not None and isinstance(mask.value, tuple):
        shape = node.input_shapes[mask.value[0]]
        if shape is None or len(shape) != 3:
            problems.add(
                "K2T104",
                "an attention_mask of another shape than (batch, T, S) cannot be converted",
            )


def _own_mha(node: Node, fields: Mapping[str, str]) -> str:
    args = node.args
    sizes = {role: last_size(node, field) for role, field in fields.items() if role in ROLES}
    options = [sizes["query"].text, args["num_heads"].text, args["key_dim"].text]
    if args["value_dim"].value is not None:
        options.append(f"value_dim={args['value_dim'].text}")
    if args["output_shape"].value is not None:
        options.append(f"output_size={(_only(args['output_shape']) or args['output_shape']).text}")
    for role, default in (("value", "query"), ("key", "value")):
        if role in sizes and not _equal(sizes[role], sizes[default]):
            options.append(f"{role}_size={sizes[role].text}")
    if args["dropout"].value != 0:
        options.append(f"dropout={args['dropout'].text}")
    if args["use_bias"].value is not True:
        options.append("bias=False")
    return calling("MultiHeadAttention", options)


def _equal(a: Expr, b: Expr) -> bool:
    return a.value == b.value if a.known and b.known else a.text == b.text


def _torch_mha(
    node: Node,
    fields: Mapping[str, str],
    causal: bool,
    scores: bool,
    problems: Problems,
    context: Context,
) -> Lowered:
    """PyTorch's own module."""
    args, query, value = node.args, fields["query"], fields["value"]
    size, heads = last_size(node, query), args["num_heads"]
    options = [size.text, heads.text]
    options += [f"dropout={args['dropout'].text}"] if args["dropout"].value != 0 else []
    options += ["bias=False"] if args["use_bias"].value is not True else []
    given = [query, fields.get("key", value), value]
    if causal:
        mask = f"nn.Transformer.generate_square_subsequent_mask({query}.shape[1], {query}.device, {query}.dtype)"
        given += [f"attn_mask={mask}", "is_causal=True"]
    given.append("need_weights=True, average_attn_weights=False" if scores else "need_weights=False")
    call = calling("{module}", given) + ("" if scores else "[0]")
    setup: tuple[str, ...] = ()
    if context.style != "idiomatic":
        limit = (3 / int(str(size.value))) ** 0.5
        setup = (
            f"nn.init.uniform_({{module}}.in_proj_weight, -{limit:.6g}, {limit:.6g})  # Glorot, per projection",
            "nn.init.xavier_uniform_({module}.out_proj.weight)",
        )
    return Lowered(
        calling("nn.MultiheadAttention", [*options, "batch_first=True"]),
        call,
        setup,
        (),
        tuple(problems.found),
    )


_PENALTIES = (
    "kernel_initializer='glorot_uniform', bias_initializer='zeros', kernel_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, "
)
_PAIR, _TRIPLE = ((5, 8), (6, 8)), ((5, 8), (6, 8), (6, 8))

MULTI_HEAD_ATTENTION = Op(
    name="multi_head_attention",
    keras="layers.MultiHeadAttention(num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True, "
    "output_shape=None, attention_axes=None, sliding_window=None, flash_attention=None, "
    + _PENALTIES
    + "use_gate=False, seed=None)",
    torch="nn.MultiheadAttention(embed_dim, num_heads, dropout=0.0, bias=True, batch_first=False)",
    layout="keras",
    shape=_query_shape,
    weights_of=_mha_weights,
    mask="use+keep",
    expand=_expand_mha,
    own_init=True,
    ignored=("seed", "flash_attention"),
    examples=(
        Example(
            "layers.MultiHeadAttention(2, 4)(x0, x1)",
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            input=_PAIR,
        ),
        Example(
            "layers.MultiHeadAttention(2, 4)(x0, x1, x2)",
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            input=_TRIPLE,
        ),
        Example(
            "layers.MultiHeadAttention(2, 4, dropout=0.1, use_bias=False)(x0, x1)",
            "nn.MultiheadAttention(8, 2, dropout=0.1, bias=False, batch_first=True)",
            input=_PAIR,
        ),
        Example("layers.MultiHeadAttention(3, 5)(x0, x1)", "MultiHeadAttention(8, 3, 5)", input=_PAIR),
        Example(
            "layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=7)(x0, x1, x2)",
            "MultiHeadAttention(8, 2, 4, value_dim=3, output_size=7)",
            input=_TRIPLE,
        ),
        Example(
            "layers.MultiHeadAttention(3, 4, dropout=0.1, use_bias=False)(x0, x1)",
            "MultiHeadAttention(8, 3, 4, value_size=6, dropout=0.1, bias=False)",
            input=((5, 8), (6, 6)),
        ),
        Example(
            "layers.MultiHeadAttention(2, 4)(x, x)",
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            input=(5, 8),
        ),
        Example(
            "layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)",
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            input=(5, 8),
        ),
        Example(
            "layers.MultiHeadAttention(2, 3)(x0, x1, use_causal_mask=True)",
            "MultiHeadAttention(8, 2, 3)",
            input=_PAIR,
        ),
        Example(
            "layers.MultiHeadAttention(2, 4)(x0, x1, return_attention_scores=True)",
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            input=_PAIR,
        ),
        Example(
            "layers.MultiHeadAttention(2, 3)(value=x1, query=x0, key=x2)",
            "MultiHeadAttention(8, 2, 3)",
            input=_TRIPLE,
        ),
    ),
    note="called with (query, value, key); padded query steps follow Keras's rule, which depends on dropout",
)

OPS = (MULTI_HEAD_ATTENTION,)
