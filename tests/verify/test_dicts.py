"""Functional models that take and give dicts: `predict` gives one, too, with the keys of the program."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

SEVERAL = """import keras
import numpy as np
from keras import layers

user = keras.Input((3,), name="user")
item = keras.Input((2,), name="item")
h = layers.Dense(4, activation="relu")(layers.concatenate([user, item]))
rating = layers.Dense(1, name="rating")(h)
like = layers.Dense(1, activation="sigmoid", name="like")(h)
model = keras.Model({"user": user, "item": item}, {"rating": rating, "like": like})
model.compile("adam", {"like": "binary_crossentropy", "rating": "mse"}, loss_weights={"like": 0.5, "rating": 2.0})
rng = np.random.RandomState(0)
x = {"user": rng.rand(16, 3).astype("float32"), "item": rng.rand(16, 2).astype("float32")}
scores, liked = rng.rand(16, 1).astype("float32"), rng.randint(0, 2, (16, 1)).astype("float32")
model.fit({"user": x["user"], "item": x["item"]}, {"like": liked, "rating": scores}, epochs=2, batch_size=4, verbose=0)
found = model.predict({"user": x["user"], "item": x["item"]}, verbose=0)
print(found["rating"][:2].round(3), found["like"][:2].round(3))
"""
ONE = """import keras
import numpy as np
from keras import layers

x_in = keras.Input((3,), name="x")
h = layers.Dense(4, activation="relu")(x_in)
model = keras.Model({"x": x_in}, {"y": layers.Dense(2, activation="softmax", name="y")(h)})
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.RandomState(0)
x = rng.rand(20, 3).astype("float32")
y = rng.randint(0, 2, 20)
model.fit({"x": x}, {"y": y}, epochs=2, batch_size=5, shuffle=False, verbose=0)
print(model.predict({"x": x}, verbose=0)["y"].argmax(axis=-1))
"""


@pytest.mark.parametrize("source", [SEVERAL, ONE])
def test_dicts(session: Session, source: str) -> None:
    result = keras2torch(source)
    assert not result.diagnostics
    report = session.verify(source, result.code, result.models, levels=(1, 2, 3, 4, 5, 6))
    print(report.as_table())
    assert report.ok
    assert all(report.level_ok(level) for level in (1, 2, 3, 4, 5, 6))


def test_lists_stay_lists() -> None:
    code = keras2torch(SEVERAL.replace('{"rating": rating, "like": like}', "[rating, like]")).code
    assert "return [output1.cpu().numpy(), output2.sigmoid().cpu().numpy()]" in code
