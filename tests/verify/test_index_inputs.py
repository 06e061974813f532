"""Inputs of embeddings are integers, whatever dtype they were declared with; whole programs are compared."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

PROGRAM = """
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(7)
x = rng.integers(0, 22, (24, 4)){cast}
y = rng.normal(size=(24, 2))
{model}
model.compile("sgd", "mse")
model.fit(x, y, batch_size=8, epochs=2)
print(model.evaluate(x, y), model.predict(x)[:2])
"""
REST = "layers.Embedding(22, 3), layers.Flatten(), layers.Dense(2)"
MODELS = {
    "input": f"model = keras.Sequential([keras.Input((4,)), {REST}])",
    "float": f"model = keras.Sequential([keras.Input((4,), dtype='float32'), {REST}])",
    "input_layer": f"model = keras.Sequential([layers.InputLayer(shape=(4,)), {REST}])",
    "reshaped": f"model = keras.Sequential([keras.Input((4,)), layers.Reshape((2, 2)), {REST}])",
    "nested": f"tower = keras.Sequential([{REST}])\ninputs = keras.Input((4,))\nmodel = keras.Model(inputs, tower(inputs))",
    "both": """inputs = keras.Input((4,))
ids = layers.Flatten()(layers.Embedding(22, 3)(inputs))
model = keras.Model(inputs, layers.Dense(2)(layers.Concatenate()([ids, layers.Dense(2)(inputs)])))""",
}


@pytest.mark.parametrize("cast", ["", ".astype('float32')"])
@pytest.mark.parametrize("model", MODELS)
def test_ids_are_integers(session: Session, model: str, cast: str) -> None:
    source = PROGRAM.format(cast=cast, model=MODELS[model])
    result = keras2torch(source)
    assert not [d for d in result.diagnostics if d.level != "note"]
    report = session.verify(source, result.code, result.models, smoke=False, levels=(6,))
    assert report.level_ok(6), report.as_table()
