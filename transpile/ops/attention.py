"""Attention and AdditiveAttention.

Keras takes [query, value, key], PyTorch (query, key, value); the scores are not divided by
sqrt(d).

https://keras.io/api/layers/attention_layers/attention/
https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node, Shape
from transpile.ops._attention import Args, calling, extra, flag, last_size, masks, roles
from transpile.ops._recurrent import Problems, Shapes, known_flag
from transpile.registry import Context, Example, Lowered, Op


def _attention_shape(inputs: Sequence[Shape | None], args: Args) -> Shapes:
    query, value = (*inputs, None, None)[:2]
    out = None if query is None or value is None else (*query[:-1], value[-1])
    if known_flag(args, "call:return_attention_scores"):
        scores = None if query is None or value is None else (*query[:-1], value[1])
        return [out, scores]
    return out


def _attention_weights(node: Node) -> tuple[str, ...]:
    lines = []
    if known_flag(node.args, "use_scale") is not False:
        lines.append("scale: ... -> scale: ...")
    if "score_mode" in node.args and node.args["score_mode"].value == "concat":
        lines.append("concat_score_weight: ... -> concat_score_weight: ...")
    return tuple(lines)


def _expand_attention(op: Op, node: Node, context: Context) -> Lowered:
    additive = op.name == "additive_attention"
    problems = Problems(op.keras_class)
    extra(node, problems, ("mask", "use_causal_mask", "return_attention_scores"))
    problems.only(node.args, "score_mode", "dot", "concat")
    for shape in node.input_shapes[:2]:
        if shape is not None and len(shape) != 3:
            problems.add(
                "K2T104",
                "inputs with more than one axis between batch and features cannot be converted",
            )
    fields = roles(node, problems)
    causal, scores = (
        flag(node, problems, "use_causal_mask"),
        flag(node, problems, "return_attention_scores"),
    )
    found = _given_masks(node, problems) or masks(node, fields)
    scaled, concat = (
        problems.flag(node.args, "use_scale"),
        node.args.get("score_mode", Expr("", "")).value == "concat",
    )
    if not (additive or scaled or concat or scores or found):
        return _product(node, fields, causal, problems)
    mask = [f"{found['value']}[:, None]"] if "value" in found else []
    helpers = ["attention", *(["additive_attention"] if additive else [])]
    if causal:
        mask.append(f"causal_mask({fields['query']}, {fields['value']})")
        helpers.append("causal_mask")
    options = list(fields.values())
    options += [f"mask={' & '.join(mask)}"] if mask else []
    options += [f"query_mask={found['query']}"] if "query" in found else []
    options += ["need_weights=True"] if scores else []
    module = _attention_module(node, additive, scaled, concat, last_size(node, fields["query"]), problems)
    return Lowered(module, calling("{module}", options), (), tuple(helpers), tuple(problems.found))


def _given_masks(node: Node, problems: Problems) -> dict[str, str]:
    """`mask=[query_mask, value_mask]` of the call."""
    expr = node.args.get("call:mask")
    if expr is None or expr.value is None:
        return {}
    if isinstance(expr.value, tuple) and len(expr.value) == 2:
        return {role: f"{{x{i}}}.bool()" for role, i in zip(("query", "value"), expr.value, strict=True)}
    problems.add("K2T104", f"mask={expr.text} cannot be converted")
    return {}


def _attention_module(node: Node, additive: bool, scaled: bool, concat: bool, size: Expr, problems: Problems) -> str:
    options = []
    if additive and not size.text:
        problems.add("K2T111", "the size of its inputs is not known")
    if additive:
        options += [size.text] if scaled else [size.text, "use_scale=False"]
    else:
        options += ["use_scale=True"] if scaled else []
        options += ["concat=True"] if concat else []
    if node.args["dropout"].value != 0:
        options.append(f"dropout={node.args['dropout'].text}")
    return calling("AdditiveAttention" if additive else "Attention", options)


def _product(node: Node, fields: Mapping[str, str], causal: bool, problems: Problems) -> Lowered:
    """Plain dot-product attention: a function of PyTorch's."""
    options = [fields["query"], fields.get("key", fields["value"]), fields["value"]]
    dropout = node.args["dropout"]
    if dropout.value != 0:
        literal_rate = isinstance(dropout.value, int | float) and dropout.text == repr(dropout.value)
        if not literal_rate:
            options = list(fields.values())
            if causal:
                options.append(f"mask=causal_mask({fields['query']}, {fields['value']})")
            helpers = ("attention", *(("causal_mask",) if causal else ()))
            module = f"Attention(dropout={dropout.text})"
            return Lowered(module, calling("{module}", options), (), helpers, tuple(problems.found))
        options.append(f"dropout_p={dropout.text} if self.training else 0.0")
    options += ["is_causal=True"] if causal else []
    call = calling("F.scaled_dot_product_attention", [*options, "scale=1.0"])
    return Lowered(call=call, diagnostics=tuple(problems.found))


_PAIR, _TRIPLE = ((5, 8), (6, 8)), ((5, 8), (6, 8), (6, 8))

ATTENTION = Op(
    name="attention",
    keras="layers.Attention(use_scale=False, score_mode='dot', dropout=0.0, seed=None)",
    function="F.scaled_dot_product_attention(x0, x1, x2, dropout_p=0.0, is_causal=False, scale=None)",
    layout="keras",
    shape=_attention_shape,
    weights_of=_attention_weights,
    mask="use+keep",
    expand=_expand_attention,
    own_init=True,
    ignored=("seed",),
    examples=(
        Example(
            "layers.Attention()([x0, x1])",
            "F.scaled_dot_product_attention(x0, x1, x1, scale=1.0)",
            input=_PAIR,
        ),
        Example(
            "layers.Attention()([x0, x1, x2])",
            "F.scaled_dot_product_attention(x0, x2, x1, scale=1.0)",
            input=_TRIPLE,
        ),
        Example(
            "layers.Attention(dropout=0.2)([x0, x1])",
            "F.scaled_dot_product_attention(x0, x1, x1, dropout_p=0.2 if self.training else 0.0, scale=1.0)",
            input=_PAIR,
        ),
        Example("layers.Attention(use_scale=True)([x0, x1])", "Attention(use_scale=True)", input=_PAIR),
        Example("layers.Attention(score_mode='concat')([x0, x1])", "Attention(concat=True)", input=_PAIR),
        Example(
            "layers.Attention(use_scale=True, score_mode='concat', dropout=0.1)([x0, x1, x2])",
            "Attention(use_scale=True, concat=True, dropout=0.1)",
            input=_TRIPLE,
        ),
    ),
    note="the scores are not divided by sqrt(d)",
)

ADDITIVE_ATTENTION = Op(
    name="additive_attention",
    keras="layers.AdditiveAttention(use_scale=True, dropout=0.0)",
    layout="keras",
    shape=_attention_shape,
    weights_of=_attention_weights,
    mask="use+keep",
    expand=_expand_attention,
    own_init=True,
    ignored=("seed",),
    examples=(
        Example("layers.AdditiveAttention()([x0, x1])", "AdditiveAttention(8)", input=_PAIR),
        Example(
            "layers.AdditiveAttention(use_scale=False)([x0, x1, x2])",
            "AdditiveAttention(8, use_scale=False)",
            input=_TRIPLE,
        ),
        Example(
            "layers.AdditiveAttention(dropout=0.3)([x0, x1])",
            "AdditiveAttention(8, dropout=0.3)",
            input=_PAIR,
        ),
    ),
)

OPS = (ATTENTION, ADDITIVE_ATTENTION)
