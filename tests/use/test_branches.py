"""Uses of models in branches that the calls of the file do not take."""

from __future__ import annotations

from transpile import keras2torch

FUNCTION = """\
import keras
from keras import layers


def build(weights=None, verbose=True):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    {branch}
    return model


model = build()
"""


def converted(branch: str) -> tuple[str, list[str]]:
    result = keras2torch(FUNCTION.format(branch=branch.replace("\n", "\n    ")))
    return result.code, [d.code for d in result.diagnostics]


def test_weights_that_only_some_calls_load() -> None:
    code, codes = converted("if weights:\n    print('loading', weights)\n    model.load_weights(weights)")
    assert "    if weights:\n        print('loading', weights)\n        # K2T202" in code
    assert "        model.load_state_dict(torch.load(weights, map_location=device))" in code
    assert codes == ["K2T202"]


def test_the_other_branch_of_a_test_that_holds() -> None:
    code, codes = converted("if verbose:\n    pass\nelse:\n    model.summary()")
    assert "    else:\n        print(model)" in code
    assert not codes


def test_a_model_that_the_branch_makes_is_another() -> None:
    _, codes = converted("if weights:\n    model = keras.models.load_model(weights)\n    model.load_weights('more.h5')")
    assert "K2T131" in codes


def test_a_compile_there_is_not_in_force() -> None:
    text = FUNCTION.format(branch="if weights:\n        model.compile('sgd', 'mse')")
    result = keras2torch(text + "model.fit(x, y)\n")
    assert {d.code for d in result.diagnostics} >= {"K2T128", "K2T130"}
