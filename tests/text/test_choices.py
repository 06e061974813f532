"""Models that a test of the program chooses, and branches that are not taken as the program stands."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.result import Result

BUILDERS = """
import sys
import numpy as np
from keras.layers import Activation, Dense, Input
from keras.models import Model, Sequential, load_model


def shallow(units):
    return Sequential([Dense(units, activation="softmax", input_shape=(4,))])


def deep(units, activation="relu"):
    inputs = Input((4,))
    x = Activation(activation)(Dense(8)(inputs))
    return Model(inputs, Dense(units, activation="softmax")(x))


x, y = np.ones((8, 4)), np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
"""
TRAINED = 'model.compile("adam", "categorical_crossentropy")\nmodel.fit(x, y)\nprint(model.predict(x))\n'
UNKNOWN = "if len(sys.argv) > 1:\n    model = shallow(3)\nelse:\n    model = deep(3, 'relu')\n"
KNOWN = "SHALLOW = True\nif SHALLOW:\n    model = shallow(3)\nelse:\n    model = deep(3, 'relu')\n"


def clean(source: str) -> Result:
    result = keras2torch(source)
    assert [d.code for d in result.diagnostics if d.level != "note"] == []
    return result


@pytest.mark.parametrize("choice", [UNKNOWN, KNOWN], ids=["unknown", "known"])
def test_every_model_of_a_choice_gives_logits_to_the_loss(choice: str) -> None:
    result = clean(BUILDERS + choice + TRAINED)
    assert "nn.CrossEntropyLoss()" in result.code
    assert "F.softmax" not in result.code
    assert [pair.final_activations for pair in result.models] == [("softmax",)] * 2


def test_no_model_of_a_choice_gives_logits_where_one_cannot() -> None:
    result = clean(BUILDERS + UNKNOWN.replace("deep(3, 'relu')", "deep(3, 'relu')\n    show(model)") + TRAINED)
    assert "nn.CrossEntropyLoss()" not in result.code


def test_the_pairs_say_which_test_chooses_them() -> None:
    unknown = {(p.keras, p.assumed) for p in clean(BUILDERS + UNKNOWN + TRAINED).models}
    assert unknown == {("model", (("len(sys.argv) > 1", True),)), ("model", (("len(sys.argv) > 1", False),))}
    known = {(p.keras, p.assumed) for p in clean(BUILDERS + KNOWN + TRAINED).models}
    assert known == {("model", ()), ("model", (("SHALLOW", False),))}


def test_a_layer_added_to_one_of_several_models_is_reported() -> None:
    source = BUILDERS + (
        "if len(sys.argv) > 1:\n    model = Sequential([Dense(8, input_shape=(4,))])\n"
        "else:\n    model = Sequential([Dense(6, input_shape=(4,))])\n"
        "model.add(Dense(3, activation='softmax'))\n"
    )
    result = keras2torch(source + TRAINED)
    assert "K2T109" in {d.code for d in result.diagnostics if d.level == "error"}


@pytest.mark.parametrize(
    "test", ["augment = False\nif augment:", "mode = 'plain'\nif mode == 'plain':\n    pass\nelif mode == 'noise':"]
)
def test_training_behind_the_other_setting_of_a_switch(test: str) -> None:
    branches = test + (
        "\n    history = model.fit(x + np.random.normal(size=x.shape), y, epochs=7, verbose=0)\n"
        "    print(history.history['loss'])\n"
        "else:\n    history = model.fit(x, y, epochs=2, verbose=0)\n"
    )
    source = BUILDERS + "model = shallow(3)\nmodel.compile('adam', 'categorical_crossentropy')\n" + branches
    result = clean(source)
    assert [n for n in (2, 7) if f"range({n})" in result.code] == [2, 7]
    assert ".fit(" not in result.code


def test_one_callback_for_two_trainings_of_which_one_runs() -> None:
    source = BUILDERS + (
        "from keras.callbacks import ModelCheckpoint\n"
        "model = shallow(3)\nmodel.compile('adam', 'categorical_crossentropy')\n"
        "keep = ModelCheckpoint('best.h5', monitor='loss', save_best_only=True)\naugment = True\n"
        "if augment:\n    model.fit(x + 0.1, y, epochs=9, callbacks=[keep])\n"
        "else:\n    model.fit(x, y, epochs=9, callbacks=[keep])\n"
    )
    assert clean(source).code.count('= float("inf")') == 2  # each begins anew
    one_after_the_other = source.replace("else:\n    model.fit", "model.fit")
    assert clean(one_after_the_other).code.count('= float("inf")') == 1  # the second goes on
