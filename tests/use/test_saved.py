"""Models that the program itself saved and loads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.programs import HEAD, LINEAR, model, run_keras, run_torch
from transpile import keras2torch

MODEL = """\
import keras
import numpy as np
from keras import layers

model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
model.compile("adam", "mse")
x, y = np.ones((8, 4)), np.ones((8, 2))
model.fit(x, y, verbose=0)
model.save("last.keras")
"""


def codes(text: str) -> list[str]:
    return sorted({d.code for d in keras2torch(MODEL + text).diagnostics})


def test_a_copy_with_the_saved_weights() -> None:
    result = keras2torch(MODEL + 'other = keras.models.load_model("last.keras")\nprint(other.predict(x))\n')
    assert "other = copy.deepcopy(model)" in result.code
    assert 'other.load_state_dict(torch.load("last.pt", map_location=device))' in result.code
    assert "print(predict(other, x))" in result.code
    assert not result.diagnostics


def test_in_place() -> None:
    result = keras2torch(MODEL + 'model = keras.models.load_model("last.keras")\nmodel.fit(x, y, verbose=0)\n')
    assert "deepcopy" not in result.code
    assert [d.code for d in result.diagnostics] == ["K2T354"]


def test_the_name_counts_when_it_is_loaded() -> None:
    text = """other = keras.models.load_model("last.keras")
print(other.predict(x))
model = keras.Sequential([keras.Input((4,)), layers.Dense(7)])
print(model.predict(x))
"""
    result = keras2torch(MODEL + text)
    assert "other = copy.deepcopy(model)" in result.code
    assert not result.diagnostics


def test_left() -> None:
    assert codes('other = keras.models.load_model("elsewhere.keras")\n') == ["K2T131"]
    assert codes('del model\nother = keras.models.load_model("last.keras")\n') == ["K2T131"]
    text = 'other = keras.models.load_model("last.keras")\nhead = keras.Model(other.input, layers.Dense(3)(other.output))\n'
    assert "K2T131" in codes(text)


def test_model_called_on_data() -> None:
    result = keras2torch(MODEL + "a = np.argmax(model(x), axis=1)\nb = model(x, training=False).numpy()\n")
    assert "a = np.argmax(predict(model, x), axis=1)" in result.code
    assert "b = predict(model, x)" in result.code
    assert not result.diagnostics
    assert "print(predict(model, x))" in keras2torch(MODEL + "print(model(x))\n").code
    dropped = MODEL.replace("layers.Dense(2)", "layers.Dropout(0.5), layers.Dense(2)")
    trained = keras2torch(dropped + "model.predict(x)\nb = model(x, training=True).numpy()\n")
    assert "model.train()\nwith torch.no_grad():\n    b = model(" in trained.code


def test_a_copy_is_trained_by_its_own_compile() -> None:
    text = """other = keras.models.load_model("last.keras")
other.compile("sgd", "mae")
model.fit(x, y, verbose=0)
other.fit(x, y, verbose=0)
"""
    result = keras2torch(MODEL + text)
    assert "run_epoch(model, train_loader, model_criterion, model_optimizer)" in result.code
    assert "run_epoch(other, train_loader, other_criterion, other_optimizer)" in result.code


def test_a_clone_whose_weights_are_set() -> None:
    text = """target = keras.models.clone_model(model)
target.set_weights(model.get_weights())
model.fit(x, y, verbose=0)
print(target.predict(x))
"""
    result = keras2torch(MODEL + text)
    assert "target = copy.deepcopy(model)\ntarget.load_state_dict(model.state_dict())" in result.code
    assert not result.diagnostics


def test_a_clone_with_the_original_weights() -> None:
    text = "target = keras.models.clone_model(model)\nprint(target.predict(x))\n"
    assert codes(text) == ["K2T240"]


def test_a_clone_is_not_compiled() -> None:
    text = "target = keras.models.clone_model(model)\ntarget.set_weights(model.get_weights())\ntarget.fit(x, y)\n"
    assert "K2T128" in codes(text)


JSON = """\
text = model.to_json()
with open("model.json", "w") as file:
    file.write(text)
model.save_weights("described.weights.h5")
from keras.models import model_from_json
with open("model.json") as file:
    loaded = model_from_json(file.read())
loaded.load_weights("described.weights.h5")
loaded.compile("sgd", "mae")
score, old = loaded.evaluate(x, real, verbose=0), model.evaluate(x, real, verbose=0)
"""


def test_a_model_from_its_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The layers are those of the model that was described; the text itself is not what Keras writes."""
    monkeypatch.chdir(tmp_path)
    source = HEAD + model(LINEAR) + 'model.compile("sgd", "mse")\nmodel.fit(x, real, shuffle=False)\n' + JSON
    result = keras2torch(source)
    assert [d.code for d in result.diagnostics] == ["K2T241"]
    ours, theirs = run_torch(result.code), run_keras(source)
    assert (ours["score"], ours["old"]) == pytest.approx((theirs["score"], theirs["old"]), rel=1e-6)


@pytest.mark.parametrize("before", ["", "model.to_json()\nother.to_json()\n"])
def test_a_description_of_no_model_that_is_seen_is_left(before: str) -> None:
    source = HEAD + model(LINEAR) + model(LINEAR).replace("model =", "other =") + before
    source += 'loaded = keras.models.model_from_json(open("model.json").read())\nloaded.predict(x)\n'
    assert "K2T131" in {d.code for d in keras2torch(source).diagnostics}
