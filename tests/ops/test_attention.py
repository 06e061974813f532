"""Attention: the order of query, value, key; sizes of heads; scales; masks and their polarity."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

from .conversions import HEAD, Case, check, convert


def model(call: str, *, outputs: str = "y", more: str = "") -> str:
    """`y = call` on q (5 steps of 8), v and k (6 steps of 8)."""
    names = [n for n in ("q", "v", "k") if f"{n}," in f"{call} {more}," or f"{n})" in call or f"{n}]" in call]
    steps = {"q": 5, "v": 6, "k": 6}
    lines = [f"{n} = keras.Input(({steps[n]}, 8))" for n in names]
    given = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    body = [*lines, more, f"y = {call}", f"model = keras.Model({given}, {outputs})"]
    return HEAD + "\n".join(filter(None, body)) + "\n"


CASES = (
    Case(
        "pytorch's own",
        model("layers.MultiHeadAttention(2, 4)(q, v, k)"),
        (("(q, k, v,", "(q, v, k,"), (", batch_first=True", "")),
        "nn.MultiheadAttention(8, 2, batch_first=True)",
    ),
    Case(
        "self-attention",
        model("layers.MultiHeadAttention(2, 4)(q, q)"),
        (),
        "(q, q, q, need_weights=False)[0]",
    ),
    Case(
        "key_dim is per head",
        model("layers.MultiHeadAttention(2, 8)(q, v)"),
        (("k.shape[-1] ** 0.5", "8"),),
        "MultiHeadAttention(8, 2, 8)",
    ),
    Case(
        "sizes",
        model("layers.MultiHeadAttention(3, 5, value_dim=2, output_shape=7, use_bias=False)(q, v, k)"),
        (
            (
                ".transpose(1, 2).flatten(2)",
                ".flatten(2).unflatten(2, (-1, 6))[:, 0] if False else self.value(value)[:, :5]",
            ),
        ),
    ),
    Case(
        "causal",
        model("layers.MultiHeadAttention(2, 3)(q, v, use_causal_mask=True)"),
        ((".tril()", ".triu()"), (", mask=causal_mask(q, v)", ""), ("~mask", "mask")),
    ),
    Case(
        "causal, pytorch's own",
        model("layers.MultiHeadAttention(2, 4)(q, q, use_causal_mask=True)"),
    ),
    Case(
        "dropout",
        model("layers.MultiHeadAttention(2, 3, dropout=0.3)(q, v)"),
        ((", dropout=0.3", ""),),
    ),
    Case(
        "keywords",
        model("layers.MultiHeadAttention(2, 3)(q, key=k, value=v)"),
        (("(q, v, k)", "(q, k, v)"),),
    ),
    Case(
        "not divided by sqrt(d)",
        model("layers.Dense(2)(layers.Attention()([q, v]))"),
        ((", scale=1.0", ""),),
        "F.scaled_dot_product_attention(q, v, v, scale=1.0)",
    ),
    Case(
        "three inputs",
        model("layers.Dense(2)(layers.Attention()([q, v, k]))"),
        (("(q, k, v,", "(q, v, k,"),),
    ),
    Case(
        "causal attention",
        model("layers.Dense(2)(layers.Attention()([q, v], use_causal_mask=True))"),
        ((", is_causal=True", ""),),
    ),
    Case(
        "dropout of attention",
        model("layers.Dense(2)(layers.Attention(dropout=0.4)([q, v]))"),
        (("0.4 if self", "0.0 if self"),),
    ),
    Case(
        "learned scale",
        model("layers.Attention(use_scale=True)([q, v])"),
        (("scale * query", "query"),),
    ),
    Case(
        "concat",
        model("layers.Attention(score_mode='concat', use_scale=True)([q, v])"),
        (("scale * pairs", "pairs"),),
    ),
    Case("additive", model("layers.AdditiveAttention()([q, v])"), (("self.scale * pairs", "pairs"),)),
    Case(
        "additive without scale",
        model("layers.Dense(2)(layers.AdditiveAttention(use_scale=False)([q, v, k]))"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_agrees(session: Session, case: Case) -> None:
    check(session, case)


@pytest.mark.parametrize("layer", ["MultiHeadAttention(2, 4)", "MultiHeadAttention(2, 3, dropout=0.1)"])
def test_scores(session: Session, layer: str) -> None:
    program = model(f"layers.{layer}(q, v, return_attention_scores=True)")
    program = program.replace("model = keras.Model([q, v], y)", "").replace("y = ", "y, scores = ")
    program += "model = keras.Model([q, v], [y, scores])\n"
    wrong = ((", average_attn_weights=False", ""),) if "dropout" not in layer else ()
    check_forward(session, Case("scores", program, wrong))


def check_forward(session: Session, case: Case) -> None:
    """Like `check`, for models with several outputs: no loss."""
    result = convert(case.keras)
    assert session.verify(case.keras, result.code, result.models, smoke=False).ok
    for old, new in case.wrong:
        assert old in result.code
        broken = result.code.replace(old, new)
        assert not session.verify(case.keras, broken, result.models, smoke=False).ok


IDS = (
    HEAD
    + """
ids = keras.Input((7,), dtype="int32")
other = keras.Input((6,), dtype="int32")
x = layers.Embedding(3, 8, mask_zero=True)(ids)
z = layers.Embedding(3, 8, mask_zero=True)(other)
"""
)


def masked(call: str, inputs: str = "ids") -> str:
    """Attention on padded ids, a third of the steps."""
    unused = ("z = ", "other = ") if inputs == "ids" else ()
    head = "\n".join(line for line in IDS.split("\n") if not line.startswith(unused))
    return head + f"y = {call}\nmodel = keras.Model({inputs}, layers.Flatten()(y))\n"


QUERY, VALUE = "mask[:, :, None]", "mask[:, None, :]"
MASKED = (
    Case(
        "self-attention",
        masked("layers.MultiHeadAttention(2, 4)(x, x)"),
        (("~mask", "mask"), (f", mask={QUERY} & {VALUE}", ""), (f"{QUERY} & ", "")),
    ),
    Case(
        "with dropout a padded query gives zeros",
        masked("layers.MultiHeadAttention(2, 4, dropout=0.2)(x, x)"),
        (("weights * mask[:, None].any(dim=-1, keepdim=True)", "weights"),),
    ),
    Case(
        "decoder",
        masked("layers.MultiHeadAttention(2, 4)(x, z, use_causal_mask=True)", "[ids, other]"),
        (
            (" & causal_mask(x, z)", ""),
            ("mask_1[:, None, :]", "torch.ones_like(mask_1)[:, None, :]"),
        ),
    ),
    Case(
        "attention",
        masked("layers.Dense(2)(layers.Attention()([x, z]))", "[ids, other]"),
        ((", query_mask=mask", ""), ("mask=mask_1[:, None]", "mask=~mask_1[:, None]")),
    ),
    Case(
        "additive attention",
        masked("layers.AdditiveAttention()([x, z])", "[ids, other]"),
        ((", query_mask=mask", ""),),
    ),
    Case(
        "mask goes on with the query",
        masked("layers.LSTM(4)(layers.MultiHeadAttention(2, 4)(x, x))").replace("layers.Flatten()(y)", "y"),
        (("masked_rnn(self.lstm, y, mask)", "self.lstm(y)"),),
    ),
)


@pytest.mark.parametrize("case", MASKED, ids=lambda c: c.name)
def test_padded(session: Session, case: Case) -> None:
    check(session, case)


def test_attention_mask(session: Session) -> None:
    more = "allowed = keras.Input((5, 6), dtype='bool')"
    program = model("layers.MultiHeadAttention(2, 3)(q, v, attention_mask=allowed)", more=more)
    program = program.replace("keras.Model([q, v], y)", "keras.Model([q, v, allowed], y)")
    check(session, Case("mask", program, (("~mask", "mask"), (", mask=allowed.bool()", ""))))


REFUSED = (
    "layers.MultiHeadAttention(2, 3, sliding_window=2)(q, v)",
    "layers.MultiHeadAttention(2, 3, kernel_initializer='he_normal')(q, v)",
    "layers.MultiHeadAttention(2, 3, attention_axes=(2,))(q, v)",
    "layers.MultiHeadAttention(2, 3)(q, v, use_causal_mask=flag)",
    "layers.Attention(score_mode=flag)([q, v])",
    "layers.Attention(causal=True)([q, v])",
)


@pytest.mark.parametrize("call", REFUSED)
def test_left_with_a_reason(call: str) -> None:
    program = model(call).replace(HEAD, "import sys\n" + HEAD + "flag = len(sys.argv) > 1\n")
    result = keras2torch(program)
    assert call in result.code
    assert {d.code for d in result.diagnostics} & {"K2T104", "K2T105"}
