"""Level 6: whole programs. What parts two programs is found, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from transpile import keras2torch
from transpile.verify import Cuts, Report, Session

KERAS = """
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")

model = keras.Sequential(
    [keras.Input((4,)), layers.Dense(6, activation="relu"), layers.Dropout(0.3), layers.Dense(1, activation="sigmoid")]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, batch_size=8, epochs=3, validation_split=0.2)
loss, accuracy = model.evaluate(x, y)
print("loss", round(loss, 4), "accuracy", accuracy)
np.savetxt("predictions.txt", model.predict(x)[:5])
"""
TORCH = keras2torch(KERAS).code
PAIRS = keras2torch(KERAS).models


def whole(session: Session, keras: str = KERAS, torch: str = TORCH, cuts: Cuts | None = None) -> Report:
    """Both programs run to their end."""
    report = session.verify(keras, torch, PAIRS, levels=(6,), cuts=cuts or Cuts())
    print(report.as_table())
    return report


def failures(report: Report) -> dict[str, str]:
    """What failed, and why."""
    return {row.title: row.reason for row in report.rows if row.verdict == "FAILED"}


def test_everything_agrees(session: Session) -> None:
    report = whole(session)
    assert report.ok
    titles = [row.title for row in report.rows]
    assert titles == [
        "loss of 12 updates",
        "metrics of 3 epochs",
        "metrics of 4 evaluations",
        "weights at the end",
        "what they print, 1 lines",
        "1 files written",
    ]
    (curve,) = report.curves
    assert len(curve.keras) == len(curve.torch) == 12
    assert max(abs(a - b) for a, b in zip(curve.keras, curve.torch, strict=True)) < 1e-12


def test_cut_short(session: Session) -> None:
    report = whole(session, cuts=Cuts(epochs=2, samples=16))
    assert report.ok
    assert report.rows[0].title == "loss of 4 updates"


@pytest.mark.parametrize(
    ("old", "new", "title", "says"),
    [
        ("range(3)", "range(2)", "loss of 12 updates", "Keras made 12 updates, PyTorch 8"),
        ("lr=0.001", "lr=0.01", "loss of 12 updates", "they part at update 2"),
        ("0.2)", "0.1)", "loss of 12 updates", "Keras made 12 updates, PyTorch 15"),
        ('"loss", round(', '"Loss", round(', "what they print, 1 lines", "line 1: Keras 'loss"),
        ("predictions.txt", "predicted.txt", "1 files written", "only Keras writes predictions.txt"),
        ("[:5]", "[1:6]", "1 files written", "predictions.txt: largest in line"),
    ],
)
def test_differences_are_found(session: Session, old: str, new: str, title: str, says: str) -> None:
    assert TORCH.count(old) >= 1, TORCH
    found = failures(whole(session, torch=TORCH.replace(old, new)))
    assert says in found[title]


def test_a_missing_file_and_a_missing_package_are_named(session: Session) -> None:
    keras = KERAS + 'print(open("notes.txt").read())\n'
    torch = "import no_such_package\n" + TORCH
    for report, says in (
        (whole(session, keras=keras), "needs the file notes.txt"),
        (whole(session, torch=torch), "needs the module no_such_package"),
    ):
        (row,) = report.rows
        assert row.verdict == "not applicable"
        assert says in row.reason
        assert not report.ok


def test_data_beside_the_program_is_found(session: Session, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("seven 7\n")
    line = 'print(open("notes.txt").read().strip())\n'
    report = session.verify(
        KERAS + line, TORCH + line, PAIRS, levels=(6,), keras_filename=str(tmp_path / "k.py"), cuts=Cuts(1, None, 16)
    )
    assert report.ok
    assert "what they print, 2 lines" in [row.title for row in report.rows]


NAMED = """
import keras
import numpy as np
from keras import layers

x = np.random.rand(24, 12, 1).astype("float32")
y0, y1 = np.random.rand(24, 3), np.random.rand(24, 2)
scaler = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
inputs = keras.Input((12, 1))
each = layers.TimeDistributed(layers.Dense(3))(inputs)
both = layers.Bidirectional(layers.LSTM(3))(inputs)
joined = layers.Concatenate()([layers.Flatten()(each), both])
model = keras.Model(inputs, [layers.Dense(3)(joined), layers.LSTM(2)(inputs)])
model.compile("adam", loss=["mae", "mse"])
history = model.fit(x, [y0, y1], epochs=2)
for name in sorted(history.history):
    print(name, history.history[name][-1])
"""


def test_names_count_through_the_program(session: Session) -> None:
    """Keras counts layers of other models, and those inside of TimeDistributed and Bidirectional."""
    result = keras2torch(NAMED)
    assert '{"loss": [], "dense_2_loss": [], "lstm_1_loss": []}' in result.code
    report = session.verify(NAMED, result.code, result.models, levels=(6,))
    assert report.ok, report.as_table()
