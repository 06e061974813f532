"""Keras masks: who makes them, who uses them, who drops them, and what padded steps hold.

The ids are below 4, so that a quarter of the steps is padding, anywhere in the sequence.
"""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

from .conversions import Case, check, convert, sequential

EMBEDDING = "layers.Embedding(4, 5, mask_zero=True)"


def embedded(*layers: str) -> str:
    """A model that reads padded ids."""
    return sequential(EMBEDDING, *layers, ids=True)


IGNORED = ("masked_rnn(self.{}, x, mask)", "self.{}(x)")


def ignored(name: str) -> tuple[str, str]:
    """The mistake of not using the mask."""
    old, new = IGNORED
    return old.format(name), new.format(name)


ZEROED = (
    "step = mask.cumsum(1) * mask if rnn.bidirectional else mask.cumsum(1)",
    "step = mask.cumsum(1) * mask",
)
REPEATED = (ZEROED[0], "step = mask.cumsum(1)")
PADDED_AT_THE_END = (
    "mask.int().sort(dim=1, descending=True, stable=True).indices",
    "torch.arange(9).expand(len(x), -1)",
)
PADDING_IDX = ("nn.Embedding(4, 5)", "nn.Embedding(4, 5, padding_idx=0)")

CASES = (
    Case("lstm", embedded("layers.LSTM(4)"), (ignored("lstm"), PADDED_AT_THE_END)),
    Case("gru", embedded("layers.GRU(4)"), (ignored("gru"),)),
    Case("simple-rnn", embedded("layers.SimpleRNN(4)"), (ignored("simple_rnn"),)),
    Case("sequences-repeat", embedded("layers.LSTM(4, return_sequences=True)"), (ZEROED,)),
    Case("row-zero-is-trained", embedded("layers.LSTM(4, return_sequences=True)", "layers.Dense(2)")),
    Case(
        "stacked",
        embedded(
            "layers.LSTM(4, return_sequences=True)",
            "layers.Dropout(0.2)",
            "layers.GRU(3)",
            "layers.Dense(1)",
        ),
        (ignored("gru"),),
    ),
    Case(
        "bidirectional",
        embedded("layers.Bidirectional(layers.LSTM(4))"),
        (ignored("bidirectional"),),
    ),
    Case(
        "bidirectional-zeros",
        embedded("layers.Bidirectional(layers.GRU(4, return_sequences=True))"),
        (REPEATED, ignored("bidirectional")),
    ),
    Case("backwards", embedded("layers.LSTM(4, go_backwards=True)"), (("mask.flip(1))", "mask)"),)),
    Case(
        "loop-over-time",
        embedded("layers.GRU(4, reset_after=False, return_sequences=True)"),
        ((", mask=mask)", ")"),),
    ),
    Case(
        "loop-in-both-directions",
        embedded("layers.Bidirectional(layers.LSTM(4, recurrent_dropout=0.3, return_sequences=True))"),
        ((", mask=mask)", ")"), ("out if mask is None else out * mask[..., None]", "out")),
    ),
    Case(
        "masking",
        sequential("layers.ReLU()", "layers.Masking()", "layers.LSTM(4)", shape="(9, 2)"),
        (ignored("lstm"), (".any(dim=-1)\n", ".all(dim=-1)\n")),
    ),
    Case(
        "masking-zeroes-its-steps",
        sequential(
            "layers.ReLU()",
            "layers.Masking()",
            "layers.Dense(3)",
            "layers.Flatten()",
            shape="(9, 2)",
        ),
    ),
    Case("last-step-drops-it", embedded("layers.LSTM(4)", "layers.RepeatVector(5)", "layers.LSTM(3)")),
    Case(
        "time-distributed",
        embedded("layers.TimeDistributed(layers.Dense(3))", "layers.LSTM(4)"),
        (ignored("lstm"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_agrees(session: Session, case: Case) -> None:
    if case.name.endswith(("repeat", "trained", "zeros", "loop-over-time", "directions")):
        case = Case(
            case.name,
            case.keras.replace("])\n", ", layers.Flatten()])\n"),
            case.wrong,
            case.holds,
            case.level,
        )
    check(session, case)


def test_row_zero_is_an_ordinary_vector(session: Session) -> None:
    """padding_idx would keep it from being trained."""
    case = Case(
        "row",
        embedded("layers.LSTM(4, return_sequences=True)", "layers.Flatten()"),
        (PADDING_IDX,),
        level=4,
    )
    assert "padding_idx" not in convert(case.keras).code
    program = embedded("layers.Dense(3)", "layers.Flatten()")
    check(session, Case("row", program, (PADDING_IDX,), level=4))


def test_unused_mask_is_not_computed() -> None:
    assert "mask" not in convert(embedded("layers.Flatten()", "layers.Dense(2)")).code


def test_mask_that_depends_on_a_flag_is_left() -> None:
    program = "import sys\nflag = len(sys.argv) > 1\n"
    program += sequential("layers.Embedding(4, 5, mask_zero=flag)", "layers.LSTM(4)", ids=True)
    result = keras2torch(program)
    assert "mask_zero=flag" in result.code
    assert {d.code for d in result.diagnostics} & {"K2T104", "K2T105"}


def test_mask_that_reaches_the_loss_is_left() -> None:
    """Keras's loss is the mean over the steps that are not masked."""
    program = embedded("layers.LSTM(4, return_sequences=True)", "layers.Dense(3)")
    assert convert(program).code
    compiled = program + "model.compile('sgd', 'sparse_categorical_crossentropy')\n"
    assert "K2T113" in {d.code for d in keras2torch(compiled).diagnostics}


def test_mask_across_the_border_of_a_model_is_left() -> None:
    inner = embedded("layers.LSTM(4, return_sequences=True)").replace("model =", "inner =")
    outer = "x = keras.Input((9,), dtype='int32')\nmodel = keras.Model(x, layers.LSTM(3)(inner(x)))\n"
    assert "K2T113" in {d.code for d in keras2torch(inner + outer).diagnostics}
