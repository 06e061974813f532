"""The text of a scikit-learn estimator around a function that builds a Keras model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimator:
    """What the class is made of.

    `own` and `fit`: the parameters of the function and of `fit`, with their defaults; `baked`: what
    `fit` is given whatever the estimator holds. `several`: `evaluate` returns metrics, too.
    """

    name: str
    function: str
    own: Mapping[str, str]
    fit: Mapping[str, str]
    baked: Mapping[str, str]
    several: bool
    classifier: bool
    binary: bool
    categorical: bool


def imports_of(np: str, one_hot: str, kinds: Collection[str], names: Mapping[str, str]) -> list[str]:
    """The imports that the classes need and the file has not."""
    mixins = [f"{kind.capitalize()}Mixin" for kind in sorted(kinds)]
    lines = [f"from sklearn.base import {', '.join(['BaseEstimator', *mixins])}"]
    if np not in names:
        lines.insert(0, f"import numpy as {np}")
    if one_hot not in names and "classifier" in kinds:
        lines.append("from keras.utils import to_categorical")
    return lines


def text_of(estimator: Estimator, np: str, one_hot: str) -> str:
    """The class, with blank lines around it."""
    mixin = "ClassifierMixin" if estimator.classifier else "RegressorMixin"
    held = {**estimator.own, **estimator.fit}
    parameters = ", ".join(["self", *(f"{n}={default}" for n, default in held.items())])
    lines = [
        f"class {estimator.name}({mixin}, BaseEstimator):",
        f"    def __init__({parameters}):",
        *(f"        self.{name} = {name}" for name in held),
        "",
        "    def fit(self, X, y):",
        *(f"        {line}" for line in _labels(estimator, np, one_hot)),
        f"        self.model = {estimator.function}({', '.join(f'{n}=self.{n}' for n in estimator.own)})",
        f"        self.history = self.model.fit(X, y, {_given(estimator)})",
        "        return self",
        "",
        *(f"    {line}" if line else "" for line in _methods(estimator, np)),
    ]
    return "\n\n" + "\n".join(lines) + "\n\n\n"


def _given(estimator: Estimator) -> str:
    given = {n: f"self.{n}" for n in (*estimator.own, *estimator.fit) if n in estimator.fit or n in _SHARED}
    return ", ".join(f"{n}={text}" for n, text in (given | dict(estimator.baked)).items())


# Parameters of a function that `fit` reads, too, if they have these names.
_SHARED = frozenset({"epochs", "batch_size", "verbose"})


def _labels(estimator: Estimator, np: str, one_hot: str) -> list[str]:
    """Classes by their numbers."""
    if not estimator.classifier:
        return []
    if not estimator.categorical:
        return [f"self.classes_ = {np}.unique(y)", f"y = {np}.searchsorted(self.classes_, y)"]
    return [
        f"y = {np}.array(y)",
        "if y.ndim == 2:",
        f"    self.classes_ = {np}.arange(y.shape[1])",
        "else:",
        f"    self.classes_ = {np}.unique(y)",
        f"    y = {one_hot}({np}.searchsorted(self.classes_, y))",
    ]


def _methods(estimator: Estimator, np: str) -> list[str]:
    if not estimator.classifier:
        first = "[0]" if estimator.several else ""
        return [
            "def predict(self, X):",
            f"    return {np}.squeeze(self.model.predict(X, verbose=0), axis=-1)",
            "",
            "def score(self, X, y):",
            f"    return -self.model.evaluate(X, y, verbose=0){first}",
        ]
    if estimator.binary:
        number = ['(self.model.predict(X, verbose=0) > 0.5).astype("int32")', "[:, 0]"]
        probabilities = ["probabilities = self.model.predict(X, verbose=0)",
                         f"return {np}.hstack([1 - probabilities, probabilities])"]  # fmt: skip
    else:
        number = ["self.model.predict(X, verbose=0).argmax(axis=-1)", ""]
        probabilities = ["return self.model.predict(X, verbose=0)"]
    truth = f"{np}.searchsorted(self.classes_, y)"
    if estimator.categorical:
        truth = f"y.argmax(axis=-1) if {np}.ndim(y) == 2 else {truth}"
    elif estimator.binary:
        truth += ".ravel()"
    return [
        "def predict(self, X):",
        f"    return self.classes_[{number[0]}]",
        "",
        "def predict_proba(self, X):",
        *(f"    {line}" for line in probabilities),
        "",
        "def score(self, X, y):",
        f"    y = {truth}",
        f"    return {np}.mean({number[0]}{number[1]} == y)",
    ]
