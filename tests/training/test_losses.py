"""Every loss: the trace of ten steps and the weights afterwards, against Keras."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, SIGMOID, SINGLE, SOFTMAX, compare, convert, model

FIT = "history = model.fit(x, {y}, batch_size=8, epochs=4, shuffle=False, verbose=0)\n"
PROBABILITIES = 'layers.Dense(3, activation="sigmoid", kernel_initializer=keras.initializers.Constant(0.1))'

CASES = {
    "mse": (LINEAR, '"mse"', "real"),
    "mse, targets (n,)": (SINGLE, '"mean_squared_error"', "yes"),
    "mse, targets (n, 1)": (SINGLE, "keras.losses.MeanSquaredError()", "yes.reshape(-1, 1)"),
    "mae": (LINEAR, '"mae"', "real"),
    "mae, targets (n,)": (SINGLE, "keras.losses.mean_absolute_error", "yes"),
    "huber": (LINEAR, "keras.losses.Huber(delta=0.5)", "real"),
    "huber, default": (LINEAR, '"huber"', "real"),
    "log_cosh": (LINEAR, "keras.losses.LogCosh()", "real"),
    "mape": (LINEAR, '"mape"', "real"),
    "msle": (PROBABILITIES, '"msle"', "positive"),
    "poisson": (PROBABILITIES, '"poisson"', "positive"),
    "kl_divergence": (SOFTMAX, '"kl_divergence"', "positive / positive.sum(axis=1, keepdims=True)"),
    "cosine_similarity": (LINEAR, "keras.losses.CosineSimilarity()", "real"),
    "hinge": (SINGLE, '"hinge"', "yes"),
    "squared_hinge": (SINGLE, '"squared_hinge"', "2 * yes - 1"),
    "categorical_hinge": (LINEAR, '"categorical_hinge"', "onehot"),
    "softmax": (SOFTMAX, '"categorical_crossentropy"', "onehot"),
    "softmax, ids": (SOFTMAX, '"sparse_categorical_crossentropy"', "ids"),
    "softmax, ids (n, 1)": (SOFTMAX, '"sparse_categorical_crossentropy"', "ids.reshape(-1, 1)"),
    "softmax, ids as floats": (SOFTMAX, '"sparse_categorical_crossentropy"', "ids.astype('float64')"),
    "logits": (LINEAR, "keras.losses.CategoricalCrossentropy(from_logits=True)", "onehot"),
    "logits, smoothed": (
        LINEAR, "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)", "onehot"),
    "softmax, smoothed": (SOFTMAX, "keras.losses.CategoricalCrossentropy(label_smoothing=0.2)", "onehot"),
    "logits, ids": (LINEAR, "keras.losses.SparseCategoricalCrossentropy(from_logits=True)", "ids"),
    "ignored class": (
        LINEAR, "keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)", "ids"),
    "sigmoid": (SIGMOID, '"binary_crossentropy"', "yes"),
    "sigmoid, targets (n, 1)": (SIGMOID, '"binary_crossentropy"', "yes.reshape(-1, 1)"),
    "sigmoid, ints": (SIGMOID, '"binary_crossentropy"', "yes.astype(int)"),
    "sigmoid, several": (PROBABILITIES, '"binary_crossentropy"', "onehot"),
    "binary logits": (SINGLE, "keras.losses.BinaryCrossentropy(from_logits=True)", "yes"),
    "binary, smoothed": (SIGMOID, "keras.losses.BinaryCrossentropy(label_smoothing=0.1)", "yes"),
    "focal": (SIGMOID, "keras.losses.BinaryFocalCrossentropy(gamma=1.5)", "yes"),
    "focal, balanced": (
        SIGMOID, "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.3)", "yes"),
    "focal of classes": (SOFTMAX, "keras.losses.CategoricalFocalCrossentropy(gamma=1.5)", "onehot"),
    "focal of logits, smoothed": (
        LINEAR, "keras.losses.CategoricalFocalCrossentropy(alpha=0.5, from_logits=True, label_smoothing=0.1)", "onehot"),
    "generalized": (SOFTMAX, "keras.losses.CategoricalGeneralizedCrossEntropy(q=0.7)", "ids"),
    "tversky": (PROBABILITIES, "keras.losses.Tversky(alpha=0.3, beta=0.7)", "onehot"),
    "summed": (LINEAR, 'keras.losses.MeanSquaredError(reduction="sum")', "real"),
    "summed, logits": (LINEAR, 'keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum")', "onehot"),
    "summed, ids": (SOFTMAX, 'keras.losses.SparseCategoricalCrossentropy(reduction="sum")', "ids"),
    "dice": (PROBABILITIES, "keras.losses.Dice()", "onehot"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_trace(name: str) -> None:
    layer, loss, targets = CASES[name]
    compile_ = f"model.compile(optimizer=keras.optimizers.SGD(0.05), loss={loss})\n"
    compare(HEAD + model(layer) + compile_ + FIT.format(y=targets))


KEPT = {
    "softmax": (SOFTMAX, '"categorical_crossentropy"', "onehot"),
    "softmax, ids": (SOFTMAX, '"sparse_categorical_crossentropy"', "ids"),
    "sigmoid": (SIGMOID, '"binary_crossentropy"', "yes"),
}


@pytest.mark.parametrize("name", KEPT)
def test_activation_stays_where_the_model_goes_elsewhere(name: str) -> None:
    """A model that leaves the file's sight keeps its softmax; the loss reads probabilities."""
    layer, loss, targets = KEPT[name]
    compile_ = f"model.compile(optimizer=keras.optimizers.SGD(0.05), loss={loss})\n"
    seen = "kept = [model]\n"
    _, ours = compare(HEAD + model(layer) + compile_ + FIT.format(y=targets) + seen)
    assert "probabilities" in ours["criterion"].__name__ or "clipped" in ours["criterion"].__name__


OTHER = {
    "softmax, binary": (SOFTMAX, '"binary_crossentropy"', "onehot"),
    "softmax, binary, from_logits": (SOFTMAX, "keras.losses.BinaryCrossentropy(from_logits=True)", "onehot"),
    "softmax, binary, smoothed": (SOFTMAX, "keras.losses.BinaryCrossentropy(label_smoothing=0.1)", "onehot"),
    "sigmoid, categorical": (PROBABILITIES, '"categorical_crossentropy"', "onehot"),
    "sigmoid, ids": (PROBABILITIES, '"sparse_categorical_crossentropy"', "ids"),
}


@pytest.mark.parametrize("name", OTHER)
def test_crossentropy_behind_the_other_activation(name: str) -> None:
    """The trap: Keras on TensorFlow takes what goes into any activation for the logits of the loss."""
    layer, loss, targets = OTHER[name]
    more = ["mae", "accuracy", "binary_accuracy", "categorical_crossentropy", "binary_crossentropy"]
    metrics = ["accuracy"] if targets == "ids" else more
    compile_ = f"model.compile(optimizer=keras.optimizers.SGD(0.05), loss={loss}, metrics={metrics})\n"
    source = HEAD + model(layer) + compile_ + FIT.format(y=targets)
    result = convert(source)
    assert [d.code for d in result.diagnostics] == ["K2T361"]
    compare(source)


def test_the_other_activation_is_kept() -> None:
    """Probabilities do not tell what went into a softmax."""
    source = HEAD + model(SOFTMAX) + 'model.compile("sgd", "binary_crossentropy")\n' + FIT.format(y="onehot")
    assert "K2T250" in [d.code for d in convert(source + "kept = [model]\n").diagnostics]
    source = source.replace('"binary_crossentropy"', '"mse", metrics=["binary_crossentropy"]')
    assert "K2T250" in [d.code for d in convert(source).diagnostics]


def test_softmax_is_not_applied_twice() -> None:
    """The trap: CrossEntropyLoss on what is a probability already."""
    code = convert(HEAD + model(SOFTMAX) + 'model.compile("sgd", "categorical_crossentropy")\n'
                   + FIT.format(y="onehot")).code  # fmt: skip
    assert "nn.CrossEntropyLoss()" in code
    assert "softmax" not in code.partition("criterion")[0].lower().replace("nn.softmax", "softmax")


SEQUENCE = """\
x = rng.normal(size=(12, 5, 4))
steps = rng.integers(0, 3, size=(12, 5))
"""


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        ('"sparse_categorical_crossentropy"', "steps"),
        ('"sparse_categorical_crossentropy"', "steps[..., None]"),
        ('"categorical_crossentropy"', "np.eye(3)[steps]"),
        ("keras.losses.CategoricalCrossentropy(label_smoothing=0.1)", "np.eye(3)[steps]"),
    ],
)
def test_sequences(loss: str, targets: str) -> None:
    """Keras has the classes in the last axis, PyTorch in the second."""
    compile_ = f'model.compile(optimizer=keras.optimizers.SGD(0.05), loss={loss}, metrics=["accuracy"])\n'
    compare(HEAD + SEQUENCE + model(SOFTMAX, "keras.Input((5, 4))") + compile_ + FIT.format(y=targets))


@pytest.mark.parametrize("name", KEPT)
def test_from_logits_of_probabilities(name: str) -> None:
    """The trap: Keras looks behind a softmax although told that it gets logits."""
    layer, loss, targets = KEPT[name]
    cls = {"categorical": "Categorical", "sparse": "SparseCategorical", "binary": "Binary"}[
        loss.strip('"').split("_")[0]
    ]
    compile_ = f"model.compile(keras.optimizers.SGD(0.05), keras.losses.{cls}Crossentropy(from_logits=True))\n"
    for seen in ("", "kept = [model]\n"):
        compare(HEAD + model(layer) + compile_ + FIT.format(y=targets) + seen)


INSIDE = {
    "a model inside": "inner = keras.Sequential([keras.Input((4,)), LAYER])\n"
    "inputs = keras.Input((4,))\n"
    "model = keras.Model(inputs, inner(inputs))\n",
    "a class": "class Net(keras.Model):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.out = LAYER\n\n"
    "    def call(self, x):\n"
    "        scores = self.out(x)\n"
    "        return scores\n\n"
    "model = Net()\n",
}


@pytest.mark.parametrize("form", INSIDE)
def test_probabilities_from_inside_are_no_logits(form: str) -> None:
    """Keras looks behind the softmax of a model inside, and of a class."""
    compile_ = "model.compile(keras.optimizers.SGD(0.05), keras.losses.CategoricalCrossentropy(from_logits=True))\n"
    source = HEAD + INSIDE[form].replace("LAYER", SOFTMAX) + compile_ + FIT.format(y="onehot")
    assert [d.code for d in convert(source).diagnostics] == ["K2T306"]
    compare(source)
    other = source.replace("keras.losses.CategoricalCrossentropy(from_logits=True)", '"binary_crossentropy"')
    assert [d.code for d in convert(other).diagnostics] == ["K2T250"]
    assert not convert(source.replace(SOFTMAX, LINEAR)).diagnostics
    compare(source.replace(SOFTMAX, LINEAR))


def test_binary_focal_crossentropy_behind_a_softmax_is_told() -> None:
    """Its crossentropy is that of the softmax's logits, on TensorFlow."""
    source = HEAD + model(SOFTMAX) + 'model.compile("sgd", "binary_focal_crossentropy")\nmodel.fit(x, onehot)\n'
    assert "K2T250" in [d.code for d in convert(source).diagnostics]
    assert "K2T250" not in [d.code for d in convert(source.replace('"softmax"', '"sigmoid"')).diagnostics]
