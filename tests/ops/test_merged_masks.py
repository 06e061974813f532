"""Masks where tensors meet: what Keras 3 makes of the values at masked steps, and of the mask."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.diagnostics import CODES
from transpile.verify import Session

HEAD = """
import keras
from keras import layers

inputs = keras.Input((9,), dtype="int32")
masked = layers.Embedding(4, 5, mask_zero=True)(inputs)
"""
TENSORS = {
    "also": "also = layers.Dense(5)(masked)\n",
    "free": "free = layers.Conv1D(5, 1)(masked)\n",
    "second": "others = keras.Input((9,), dtype='int32')\nsecond = layers.Embedding(4, 5, mask_zero=True)(others)\n",
}
MERGES = ("Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum", "Concatenate")
PAIRS = ("masked, also", "masked, free", "free, masked")


def program(merged: str, read_by: str) -> str:
    """A model that ends in what reads the merged tensor."""
    head = HEAD + "".join(line for name, line in TENSORS.items() if name in merged)
    inputs = "[inputs, others]" if "second" in merged else "inputs"
    return f"{head}merged = {merged}\nmodel = keras.Model({inputs}, layers.Dense(2)({read_by}(merged)))\n"


@pytest.mark.parametrize("merge", MERGES)
def test_values_agree(session: Session, merge: str) -> None:
    """Read by what looks at masked steps, and by what does not."""
    source = HEAD + TENSORS["also"] + TENSORS["free"]
    for i, pair in enumerate(PAIRS):
        source += f"merged{i} = layers.{merge}()([{pair}])\n"
    outputs = [f"{read_by}(merged{i})" for i in range(len(PAIRS)) for read_by in ("layers.Flatten()", "layers.LSTM(3)")]
    source += f"model = keras.Model(inputs, [{', '.join(outputs)}])\n"
    result = keras2torch(source)
    assert not [d for d in result.diagnostics if d.level == "error"]
    report = session.verify(source, result.code, result.models, smoke=False, levels=(1, 2, 4))
    assert report.level_ok(2), report.as_table()
    assert report.level_ok(4), report.as_table()


@pytest.mark.parametrize("merge", ["add", "multiply", "concatenate"])
def test_functions_are_layers(session: Session, merge: str) -> None:
    source = program(f"layers.{merge}([masked, also])", "layers.LSTM(3)")
    result = keras2torch(source)
    said = [d.message for d in result.diagnostics if d.code == "K2T205"]
    assert [m.partition(" ")[0] for m in said] == (["multiply"] if merge == "multiply" else [])
    report = session.verify(source, result.code, result.models, smoke=False, levels=(1, 2))
    assert report.ok, report.as_table()


@pytest.mark.parametrize("merge", ["Multiply", "Maximum"])
def test_three_tensors(session: Session, merge: str) -> None:
    source = program(f"layers.{merge}()([masked, also, layers.ReLU()(masked)])", "layers.Flatten()")
    result = keras2torch(source)
    report = session.verify(source, result.code, result.models, smoke=False, levels=(1, 2))
    assert report.ok, report.as_table()
    mixed = keras2torch(program(f"layers.{merge}()([masked, also, free])", "layers.Flatten()"))
    assert [d.code for d in mixed.diagnostics] == ["K2T113"]


@pytest.mark.parametrize(
    ("merged", "read_by", "codes"),
    [
        ("layers.Add()([masked, second])", "layers.LSTM(3)", ["K2T113"]),
        ("layers.Add()([masked, second])", "layers.Flatten()", []),
        ("layers.Multiply()([masked, second])", "layers.Flatten()", ["K2T113"]),
        ("layers.Concatenate(axis=1)([masked, second])", "layers.LSTM(3)", ["K2T113"]),
        ("layers.Concatenate(axis=2)([masked, also])", "layers.LSTM(3)", []),
        ("layers.Concatenate(axis=1)([masked, free])", "layers.Flatten()", []),
        ("layers.Add()([masked, free])", "layers.LSTM(3)", ["K2T205"]),
        ("layers.Add()([masked, free])", "layers.Flatten()", []),
        ("layers.Multiply()([masked, free])", "layers.Flatten()", ["K2T205"]),
    ],
)
def test_what_is_said(merged: str, read_by: str, codes: list[str]) -> None:
    """Masks of several origins are left where they are used; a warning where Keras 2 did something else."""
    result = keras2torch(program(merged, read_by))
    assert [d.code for d in result.diagnostics if CODES[d.code].level != "note"] == codes
