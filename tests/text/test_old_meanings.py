"""Old programs whose layers mean something else since are told so; new programs are left alone."""

from __future__ import annotations

import pytest

from transpile import keras2torch

PROGRAM = """
from keras.models import Sequential
from keras.layers import {kind}, Dense

model = Sequential()
model.add({kind}({arguments}))
model.add(Dense(1))
model.compile(loss="mse", optimizer="adam")
model.fit(x, y, {epochs}=2)
"""


def _warnings(kind: str, arguments: str, epochs: str) -> list[str]:
    result = keras2torch(PROGRAM.format(kind=kind, arguments=arguments, epochs=epochs))
    return [d.message for d in result.diagnostics if d.code == "K2T205"]


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("LSTM", "8, input_shape=(5, 2)", "recurrent activation"),
        ("GRU", "8, input_shape=(5, 2), recurrent_activation='sigmoid'", "reset_after"),
        ("Dense", "8, activation='hard_sigmoid', input_shape=(5,)", "hard_sigmoid was"),
    ],
)
def test_old_program_is_warned(kind: str, arguments: str, said: str) -> None:
    messages = _warnings(kind, arguments, "nb_epoch")
    assert len(messages) == 1
    assert said in messages[0]


@pytest.mark.parametrize(
    ("kind", "arguments", "epochs"),
    [
        ("LSTM", "8, input_shape=(5, 2)", "epochs"),
        ("LSTM", "8, input_shape=(5, 2), recurrent_activation='sigmoid'", "nb_epoch"),
        ("LSTM", "8, 'tanh', 'sigmoid', input_shape=(5, 2)", "nb_epoch"),
        ("GRU", "8, input_shape=(5, 2), recurrent_activation='sigmoid', reset_after=True", "nb_epoch"),
        ("Dense", "8, activation='sigmoid', input_shape=(5,)", "nb_epoch"),
    ],
)
def test_others_are_not(kind: str, arguments: str, epochs: str) -> None:
    assert _warnings(kind, arguments, epochs) == []
