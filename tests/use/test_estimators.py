"""KerasClassifier and KerasRegressor, of which every function that builds a model gets a class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.programs import HEAD, convert, run_keras, run_torch
from transpile import keras2torch
from transpile.frontends.estimators import Estimators
from transpile.source import Source

IMPORT = "from keras.wrappers.scikit_learn import KerasClassifier, KerasRegressor\n"


def build(units: int, activation: str, loss: str, metrics: str = 'metrics=["accuracy"]') -> str:
    return f"""\
def create_model(scale=0.1):
    model = keras.Sequential([
        keras.Input((4,)),
        layers.Dense({units}, activation="{activation}", kernel_initializer=keras.initializers.Constant(0.1)),
    ])
    model.compile(keras.optimizers.SGD(scale), "{loss}", {metrics})
    return model
"""


def both(source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the converted program leaves, and what the program itself leaves with the classes in Keras."""
    return run_torch(convert(source).code), run_keras(Estimators(Source(source)).expanded)


def program(builder: str, use: str) -> str:
    return IMPORT + HEAD + builder + use


FITTED = """\
clf = KerasClassifier(build_fn=create_model, epochs=3, batch_size=32, scale=0.5, shuffle=False, verbose=0)
clf.fit(x, targets)
labels, score, chances = clf.predict(x), clf.score(x, targets), clf.predict_proba(x)
"""


@pytest.mark.parametrize(
    ("builder", "targets", "columns"),
    [
        (build(3, "softmax", "categorical_crossentropy"), 'np.array(["a", "c", "b"])[ids]', 3),
        (build(3, "softmax", "categorical_crossentropy"), "onehot", 3),
        (build(3, "softmax", "sparse_categorical_crossentropy"), "ids * 10", 3),
        (build(1, "sigmoid", "binary_crossentropy"), "yes", 2),
        (build(1, "sigmoid", "binary_crossentropy"), "yes.astype(bool)", 2),
    ],
)
def test_classifiers(builder: str, targets: str, columns: int) -> None:
    ours, theirs = both(program(builder, f"targets = {targets}\n" + FITTED))
    np.testing.assert_array_equal(ours["labels"], theirs["labels"])
    np.testing.assert_allclose(ours["chances"], theirs["chances"], atol=1e-7)
    np.testing.assert_allclose(ours["score"], theirs["score"], atol=1e-7)
    assert ours["chances"].shape == (22, columns)
    # As in Keras 2: the accuracy that the model itself evaluates.
    truth = theirs["clf"].classes_.searchsorted(theirs["targets"]) if np.ndim(theirs["targets"]) == 1 else None
    if truth is not None and columns == 2:
        np.testing.assert_allclose(theirs["score"], theirs["clf"].model.evaluate(theirs["x"], truth, verbose=0)[1])


@pytest.mark.parametrize("metrics", ["metrics=[]", 'metrics=["mae"]'])
def test_regressors(metrics: str) -> None:
    """`score` is the loss with a minus, and more is better."""
    ours, theirs = both(program(build(1, "linear", "mse", metrics), """\
reg = KerasRegressor(create_model, epochs=2, shuffle=False, verbose=0)
reg.fit(x, real[:, 0])
values, score = reg.predict(x), reg.score(x, real[:, 0])
"""))  # fmt: skip
    assert ours["values"].shape == (22,)
    np.testing.assert_allclose(ours["values"], theirs["values"], atol=1e-7)
    np.testing.assert_allclose(ours["score"], theirs["score"], atol=1e-7)
    np.testing.assert_allclose(theirs["score"], -np.mean((theirs["values"] - theirs["real"][:, 0]) ** 2))


def test_what_fit_is_given_goes_into_the_class() -> None:
    """It comes before what the estimator holds, also where scikit-learn hands it on."""
    source = program(build(3, "softmax", "categorical_crossentropy"), """\
from sklearn.model_selection import GridSearchCV
clf = KerasClassifier(build_fn=create_model, epochs=1, shuffle=False)
grid = GridSearchCV(clf, {"scale": [0.001, 0.9]}, cv=2)
grid.fit(x, ids, epochs=4, verbose=0)
best, score = grid.best_params_, grid.cv_results_["mean_test_score"]
epochs = len(grid.best_estimator_.history["loss"])
""")  # fmt: skip
    ours = run_torch(convert(source.replace(".best_estimator_.history", ".best_estimator_ .history")).code)
    theirs = run_keras(Estimators(Source(source[: source.index("epochs = len")])).expanded)
    assert (ours["best"], ours["epochs"]) == (theirs["best"], 4)
    np.testing.assert_allclose(ours["score"], theirs["score"], atol=1e-7)


SOFTMAX = build(3, "softmax", "categorical_crossentropy")
CALL = "clf = KerasClassifier(build_fn=create_model)\n"


@pytest.mark.parametrize(
    ("builder", "use"),
    [
        (build(3, "softmax", "categorical_crossentropy", "metrics=[]"), CALL),  # score needs the accuracy
        (build(3, "softmax", "mse"), CALL),
        (build(3, "linear", "mse"), CALL.replace("Classifier", "Regressor")),
        (SOFTMAX, "make = create_model\nclf = KerasClassifier(build_fn=make)\n"),
        (SOFTMAX, "clf = KerasClassifier(create_model, unknown=3)\n"),
        (SOFTMAX, CALL + "print(clf.sk_params)\n"),
        (SOFTMAX, CALL + "print(search.best_estimator_.model.predict(x))\n"),
        (SOFTMAX, CALL + "clf.fit(x, ids, callbacks=made())\n"),
        (SOFTMAX, CALL + "clf.fit(x, ids, epochs=1)\nclf.fit(x, ids, epochs=2)\n"),
        (SOFTMAX, CALL + "def create_model(scale=0.1):\n    return None\n"),
        (SOFTMAX, CALL.replace("clf", "create_model")),  # which the class would call
        (SOFTMAX, "kinds = [KerasClassifier]\n"),
    ],
)
def test_what_a_class_would_not_do_is_left(builder: str, use: str) -> None:
    source = program(builder, use)
    result = keras2torch(source)
    assert "K2T151" in {d.code for d in result.diagnostics}
    assert "BaseEstimator" not in result.code


def test_what_a_search_varies_is_not_known() -> None:
    """The optimizer is one of several: the class would make the default's."""
    builder = SOFTMAX.replace("scale=0.1", 'optimizer="sgd"').replace("keras.optimizers.SGD(scale)", "optimizer")
    search = "from sklearn.model_selection import GridSearchCV\n" + CALL
    found = keras2torch(program(builder, search + 'GridSearchCV(clf, {"optimizer": ["sgd", "adam"]}).fit(x, ids)\n'))
    assert "K2T151" in {d.code for d in found.diagnostics}
    assert not [d for d in convert(program(builder, CALL)).diagnostics if d.level == "error"]


def test_places_are_those_of_the_file() -> None:
    source = program(SOFTMAX, CALL + "clf.fit(x, ids)\nkeras.utils.unknown_thing(x)\n")
    found = [d for d in keras2torch(source).diagnostics if d.level == "error"]
    assert [source.splitlines()[d.span.line - 1] for d in found] == ["keras.utils.unknown_thing(x)"]
