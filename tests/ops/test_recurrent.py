"""Recurrent layers: the order of gates, the second bias, the last step, states, dropout."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

from .conversions import HEAD, Case, check, compiled, convert, sequential, verified

FROZEN = "nn.init.zeros_(self.{}.bias_hh_l0).requires_grad_(False)"
LAST = "(x)[0][:, -1]"

CASES = (
    Case(
        "lstm",
        sequential("layers.LSTM(4)"),
        ((LAST, "(x)[0][:, 0]"),),
        "nn.LSTM(5, 4, batch_first=True)",
    ),
    Case("lstm-batch-first", sequential("layers.LSTM(4)"), ((", batch_first=True", ""),)),
    Case("lstm-state-is-not-cell", sequential("layers.LSTM(4)"), ((LAST, "(x)[1][1][-1]"),)),
    Case("lstm-sequences", sequential("layers.LSTM(4, return_sequences=True)"), (), "(x)[0]"),
    Case(
        "gru",
        sequential("layers.GRU(4)"),
        ((LAST, "(x.flip(1))[0][:, -1]"),),
        "nn.GRU(5, 4, batch_first=True)",
    ),
    Case(
        "gru-reset-before",
        sequential("layers.GRU(4, reset_after=False)"),
        ((", reset_after=False", ""),),
        "StepGRU(",
    ),
    Case(
        "simple-rnn",
        sequential("layers.SimpleRNN(4)"),
        ((LAST, "(x)[0][:, 0]"),),
        "nn.RNN(5, 4, batch_first=True)",
    ),
    Case(
        "simple-rnn-relu",
        sequential("layers.SimpleRNN(4, activation='relu')"),
        ((', nonlinearity="relu"', ""),),
    ),
    Case(
        "lstm-relu",
        sequential("layers.LSTM(4, activation='relu')"),
        ((", activation=torch.relu", ""),),
        "StepLSTM(",
    ),
    Case(
        "go-backwards",
        sequential("layers.LSTM(4, go_backwards=True, return_sequences=True)"),
        ((".flip(1))[0]", ")[0]"), (".flip(1))[0]", ".flip(1))[0].flip(1)")),
    ),
    Case(
        "input-dropout",
        sequential("layers.LSTM(4, dropout=0.4)"),
        (("0.4, self.training", "0.4, False"), ("0.4, self.training", "0.2, self.training")),
    ),
    Case(
        "recurrent-dropout",
        sequential("layers.GRU(4, dropout=0.2, recurrent_dropout=0.4)"),
        ((", recurrent_dropout=0.4", ""), (", dropout=0.2", "")),
        "StepGRU(",
    ),
    Case(
        "stacked",
        sequential("layers.LSTM(4, return_sequences=True)", "layers.GRU(3)", "layers.Dense(2)"),
    ),
    Case(
        "bidirectional",
        sequential("layers.Bidirectional(layers.LSTM(4))", "layers.Dense(2)"),
        (
            (
                "torch.cat(tuple(self.bidirectional(x)[1][0]), dim=-1)",
                "self.bidirectional(x)[0][:, -1]",
            ),
            (
                "torch.cat(tuple(self.bidirectional(x)[1][0]), dim=-1)",
                "torch.cat(tuple(self.bidirectional(x)[1][0])[::-1], dim=-1)",
            ),
        ),
        "bidirectional=True",
    ),
    Case(
        "bidirectional-sequences",
        sequential("layers.Bidirectional(layers.GRU(4, return_sequences=True))"),
        (("(x)[0]", "(x.flip(1))[0]"),),
    ),
    Case(
        "bidirectional-sum",
        sequential("layers.Bidirectional(layers.LSTM(4), merge_mode='sum')"),
        ((".sum(dim=0)", ".mean(dim=0)"),),
    ),
    Case(
        "bidirectional-ave-sequences",
        sequential("layers.Bidirectional(layers.SimpleRNN(4, return_sequences=True), merge_mode='ave')"),
        ((".mean(dim=-2)", ".sum(dim=-2)"),),
    ),
    Case("bidirectional-mul", sequential("layers.Bidirectional(layers.GRU(3), merge_mode='mul')")),
    Case(
        "rnn-of-cell",
        sequential("layers.RNN(layers.LSTMCell(4), return_sequences=True)"),
        (),
        "nn.LSTM(",
    ),
    Case(
        "time-distributed-conv",
        sequential(
            "layers.TimeDistributed(layers.Conv2D(3, 2, activation='relu'))",
            "layers.TimeDistributed(layers.Flatten())",
            "layers.LSTM(4)",
            shape="(3, 5, 4, 2)",
        ),
    ),
    Case(
        "time-distributed-batch-norm",
        sequential("layers.TimeDistributed(layers.BatchNormalization())"),
    ),
    Case(
        "time-distributed-softmax",
        sequential("layers.TimeDistributed(layers.Conv1D(3, 2, activation='softmax'))", shape="(4, 6, 2)"),
        (("dim=1", "dim=2"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_agrees(session: Session, case: Case) -> None:
    check(session, case)


ENCODER = (
    HEAD
    + """
source = keras.Input((6, 5))
target = keras.Input((4, 3))
encoded, h, c = layers.LSTM(4, return_state=True)(source)
decoded = layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
model = keras.Model([source, target], layers.Dense(2)(decoded))
"""
)


def test_encoder_decoder(session: Session) -> None:
    wrong = (("(h[None], c[None])", "(c[None], h[None])"), (", (h[None], c[None]))", ")"))
    check(session, Case("encoder-decoder", ENCODER, wrong, "_, h, c = "))


STATES = (
    HEAD
    + """
source = keras.Input((6, 5))
both = layers.Bidirectional(layers.LSTM(4, return_sequences=True, return_state=True))
x, h, c, hb, cb = both(source)
y = layers.Bidirectional(layers.LSTM(4))(x, initial_state=[h, c, hb, cb])
model = keras.Model(source, layers.Dense(2)(y))
"""
)


def test_states_of_both_directions(session: Session) -> None:
    wrong = (
        (
            "torch.stack([h, hb]), torch.stack([c, cb])",
            "torch.stack([h, c]), torch.stack([hb, cb])",
        ),
    )
    check(session, Case("states", STATES, wrong))


@pytest.mark.parametrize("layer", ["lstm", "simple_rnn"])
def test_second_bias_is_frozen(session: Session, layer: str) -> None:
    """A second trainable bias would move the sum twice as fast."""
    keras_name = {"lstm": "LSTM", "simple_rnn": "SimpleRNN"}[layer]
    program = compiled(sequential(f"layers.{keras_name}(4)", "layers.Dense(1)"))
    result = convert(program)
    frozen = FROZEN.format(layer)
    assert frozen in result.code
    broken = result.code.replace(frozen, f"nn.init.zeros_(self.{layer}.bias_hh_l0)")
    assert not verified(session, program, result, broken).ok


GRU_LINE = "(r+z+h)"


def test_order_of_gates_matters(session: Session) -> None:
    """The same program with the weights carried over in Keras's order must not agree."""
    from dataclasses import replace

    program = compiled(sequential("layers.GRU(4)"))
    result = convert(program)
    pair = result.models[0]
    layers = tuple(replace(p, weights=tuple(w.replace("(r+z+h)", "(z+r+h)") for w in p.weights)) for p in pair.layers)
    report = session.verify(program, result.code, [replace(pair, layers=layers)], smoke=False)
    assert 2 in report.failed_levels


REFUSED = (
    ("layers.LSTM(4, stateful=True)", "K2T114"),
    ("layers.LSTM(4, return_sequences=flag)", "K2T105"),
    ("layers.GRU(4, go_backwards=flag)", "K2T105"),
    ("layers.LSTM(4, activation=my_function)", "K2T106"),
    ("layers.Bidirectional(layers.LSTM(4), merge_mode=flag)", "K2T105"),
    (
        "layers.Bidirectional(layers.LSTM(4), backward_layer=layers.GRU(4, go_backwards=True))",
        "K2T104",
    ),
    ("layers.Bidirectional(layers.LSTM(4, trainable=False))", "K2T104"),
    ("layers.RNN([layers.LSTMCell(4), layers.LSTMCell(3)])", "K2T104"),
    ("layers.TimeDistributed(layers.MultiHeadAttention(2, 3))", ""),
    ("layers.LSTM(4, time_major=True)", "K2T104"),
    ("layers.GRU(4, recurrent_initializer='identity')", "K2T107"),
)


@pytest.mark.parametrize(("layer", "code"), REFUSED)
def test_left_with_a_reason(layer: str, code: str) -> None:
    program = "import sys\n" + HEAD + "flag = 'x' in sys.argv\ndef my_function(x):\n    return x\n\n"
    program += sequential(layer).removeprefix(HEAD)
    result = keras2torch(program)
    assert layer in result.code
    codes = [d.code for d in result.diagnostics]
    assert code in codes if code else codes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "LSTM(output_dim=4, init='he_normal', inner_activation='sigmoid')",
            "nn.LSTM(5, 4, batch_first=True)",
        ),
        (
            "LSTM(4, dropout_W=0.2, dropout_U=0.3, consume_less='gpu')",
            "recurrent_dropout=0.3, dropout=0.2",
        ),
        ("LSTM(4, dropout_U=-0.2)", "nn.LSTM(5, 4, batch_first=True)"),
        ("LSTM(4, implementation=2, unroll=True)", "nn.LSTM(5, 4, batch_first=True)"),
        ("CuDNNLSTM(4)", "nn.LSTM(5, 4, batch_first=True)"),
        ("CuDNNGRU(4, return_sequences=True)", "nn.GRU(5, 4, batch_first=True)"),
    ],
)
def test_older_spellings(old: str, new: str) -> None:
    result = keras2torch(sequential(f"layers.{old}").replace("keras.Input", "layers.Input"))
    assert new in result.code, result.code


def test_reads_like_hand_written() -> None:
    code = convert(sequential("layers.LSTM(4, return_sequences=True)", "layers.LSTM(3)")).code
    assert "x = self.lstm(x)[0]\n" in code
    assert "return self.lstm_1(x)[0][:, -1]\n" in code
