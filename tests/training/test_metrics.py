"""Every metric: its value per epoch in training and validation, against Keras."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, SIGMOID, SINGLE, SOFTMAX, compare, convert, model

# Three batches of 8, 8 and 2 samples: means of batch means would be wrong.
FIT = (
    "history = model.fit(x[:18], {y}[:18], batch_size=8, epochs=3, shuffle=False, verbose=0, "
    "validation_data=(x[18:], {y}[18:]))\n"
)
PROBABILITIES = 'layers.Dense(3, activation="sigmoid", kernel_initializer=keras.initializers.Constant(0.1))'

CASES = {
    "accuracy, one output": (SIGMOID, "binary_crossentropy", "yes", '"accuracy"'),
    "accuracy, one-hot": (SOFTMAX, "categorical_crossentropy", "onehot", '"accuracy"'),
    "accuracy, ids": (SOFTMAX, "sparse_categorical_crossentropy", "ids", '"acc"'),
    "accuracy, ids (n, 1)": (SOFTMAX, "sparse_categorical_crossentropy", "ids[:, None]", '"accuracy"'),
    "accuracy, several sigmoids": (PROBABILITIES, "binary_crossentropy", "onehot", '"accuracy"'),
    "accuracy, regression": (LINEAR, "mse", "real", '"accuracy"'),
    "accuracy, regression of one": (SINGLE, "mse", "yes", '"accuracy"'),
    "binary_accuracy": (PROBABILITIES, "binary_crossentropy", "onehot", '"binary_accuracy"'),
    "threshold": (SIGMOID, "binary_crossentropy", "yes", "keras.metrics.BinaryAccuracy(threshold=0.4)"),
    "errors": (LINEAR, "mse", "real", '"mae", "mse", "mean_absolute_percentage_error"'),
    "errors of probabilities": (SOFTMAX, "categorical_crossentropy", "onehot", '"accuracy", "mae", "mse"'),
    "rmse": (LINEAR, "mse", "real", 'keras.metrics.RootMeanSquaredError(), "mae"'),
    "rmse first": (LINEAR, "mse", "real", 'keras.metrics.RootMeanSquaredError(name="rmse")'),
    "logarithms": (PROBABILITIES, "mse", "positive", '"msle", "poisson", keras.metrics.KLDivergence()'),
    "log_cosh": (LINEAR, "mse", "real", "keras.metrics.LogCoshError()"),
    "cosine": (LINEAR, "mse", "real", '"cosine_similarity"'),
    "hinges": (SINGLE, "hinge", "yes[:, None]", '"hinge", "squared_hinge"'),
    "categorical": (SOFTMAX, "categorical_crossentropy", "onehot", '"categorical_accuracy", "categorical_crossentropy"'),
    "sparse": (SOFTMAX, "sparse_categorical_crossentropy", "ids",
               "keras.metrics.SparseCategoricalAccuracy(), keras.metrics.SparseCategoricalCrossentropy()"),
    "binary crossentropy": (SIGMOID, "mse", "yes[:, None]", '"binary_crossentropy"'),
    "precision and recall": (SIGMOID, "binary_crossentropy", "yes",
                             'keras.metrics.Precision(name="p"), keras.metrics.Recall(name="r"), "accuracy"'),
    "counts": (SIGMOID, "binary_crossentropy", "yes",
               'keras.metrics.TruePositives(name="tp"), keras.metrics.TrueNegatives(name="tn"), '
               'keras.metrics.FalsePositives(name="fp"), keras.metrics.FalseNegatives(name="fn")'),
    "auc": (SIGMOID, "binary_crossentropy", "yes", 'keras.metrics.AUC(name="auc")'),
    "precision of a class": (SOFTMAX, "categorical_crossentropy", "onehot",
                             'keras.metrics.Precision(class_id=1, name="p"), keras.metrics.Recall(class_id=2, thresholds=0.3, name="r")'),
    "auc of the precision": (SIGMOID, "binary_crossentropy", "yes",
                             'keras.metrics.AUC(curve="PR", name="pr"), keras.metrics.AUC(num_thresholds=20)'),
    "auc of labels": (PROBABILITIES, "binary_crossentropy", "onehot",
                      'keras.metrics.AUC(multi_label=True, name="auc"), keras.metrics.AUC(curve="PR", multi_label=True, name="pr")'),
    "auc of logits": (SINGLE, "mse", "yes", 'keras.metrics.AUC(from_logits=True, name="auc")'),
    "iou of classes": (SOFTMAX, "categorical_crossentropy", "onehot",
                       "keras.metrics.OneHotMeanIoU(num_classes=3), keras.metrics.OneHotIoU(3, [0, 2])"),
    "iou of ids": (SOFTMAX, "sparse_categorical_crossentropy", "ids",
                   "keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False), "
                   "keras.metrics.IoU(num_classes=3, target_class_ids=[1], sparse_y_pred=False, ignore_class=0)"),
    "iou of numbers": (SIGMOID, "binary_crossentropy", "yes", 'keras.metrics.MeanIoU(num_classes=2, name="iou")'),
    "binary iou": (SIGMOID, "binary_crossentropy", "yes", "keras.metrics.BinaryIoU(threshold=0.45), keras.metrics.BinaryIoU([1], name='one')"),
    "f1": (SOFTMAX, "categorical_crossentropy", "onehot", 'keras.metrics.F1Score(average="macro")'),
    "f1 with a threshold": (SIGMOID, "binary_crossentropy", "yes[:, None]", "keras.metrics.F1Score('micro', threshold=0.4)"),
    "f beta": (PROBABILITIES, "binary_crossentropy", "onehot",
               'keras.metrics.FBetaScore(average="weighted", beta=2.0, threshold=0.5), '
               'keras.metrics.FBetaScore("micro", 0.5, name="micro")'),
    "r2": (LINEAR, "mse", "real", 'keras.metrics.R2Score(), keras.metrics.R2Score("variance_weighted_average", name="v")'),
    "equality": (LINEAR, "mse", "real", "keras.metrics.Accuracy(), keras.metrics.CategoricalHinge()"),
    "recall with a threshold": (SIGMOID, "binary_crossentropy", "yes",
                                'keras.metrics.Recall(thresholds=0.45, name="r")'),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_history(name: str) -> None:
    layer, loss, targets, metrics = CASES[name]
    compile_ = f'model.compile(optimizer=keras.optimizers.SGD(0.05), loss="{loss}", metrics=[{metrics}])\n'
    compare(HEAD + model(layer) + compile_ + FIT.format(y=targets), tolerance=2e-6)


def test_evaluate_gives_a_list_in_the_order_of_compile() -> None:
    source = HEAD + model(SOFTMAX) + (
        'model.compile("sgd", "categorical_crossentropy", metrics=["mae", "accuracy"])\n'
        "history = model.fit(x, onehot, shuffle=False, verbose=0)\n"
        "score = model.evaluate(x, onehot, verbose=0)\n"
        "loss, mae, accuracy = model.evaluate(x, onehot, batch_size=5, verbose=0)\n"
        "second = model.evaluate(x, onehot, verbose=0)[1]\n"
        "last = model.evaluate(x, onehot, verbose=0)[-1]\n"
        "named = model.evaluate(x, onehot, verbose=0, return_dict=True)\n"
    )  # fmt: skip
    theirs, ours = compare(source)
    assert ours["score"] == pytest.approx(theirs["score"], rel=1e-6)
    for name in ("loss", "mae", "accuracy", "second", "last"):
        assert ours[name] == pytest.approx(float(theirs[name]), rel=1e-6)
    assert ours["named"] == pytest.approx(theirs["named"], rel=1e-6)


def test_evaluate_without_metrics_is_a_number() -> None:
    source = HEAD + model(LINEAR) + (
        'model.compile("sgd", "mse")\n'
        "history = model.fit(x, real, shuffle=False, verbose=0)\n"
        'text = f"{model.evaluate(x, real, verbose=0):.6f}"\n'
    )  # fmt: skip
    theirs, ours = compare(source)
    assert ours["text"] == theirs["text"]


def test_a_metric_for_other_targets_is_refused() -> None:
    from transpile import keras2torch

    source = HEAD + model(SOFTMAX) + (
        'model.compile("sgd", "sparse_categorical_crossentropy", metrics=["mae"])\nmodel.fit(x, ids)\n'
    )  # fmt: skip
    result = keras2torch(source)
    assert [d.code for d in result.diagnostics][:1] == ["K2T122"]
    assert "model.compile(" in result.code
    assert "model.fit(" in result.code


def test_old_name_of_the_accuracy() -> None:
    """Until Keras 2.3 the key was "acc", and files of that time read it."""
    source = HEAD + model(SOFTMAX) + (
        'model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])\n'
        "history = model.fit(x, onehot, validation_split=0.2)\n"
        'print(history.history["acc"], history.history["val_acc"])\n'
    )  # fmt: skip
    code = convert(source).code
    assert '"acc": []' in code
    assert 'history["acc"]' in code


@pytest.mark.parametrize("sparse", [False, True])
def test_top_k(sparse: bool) -> None:
    """Ties count as hits. (TensorFlow has no such operation in float64, so not by a program.)"""
    import keras
    import numpy as np
    import torch

    from transpile.backends.templates import helper

    names: dict[str, object] = {"torch": torch}
    exec(helper("top_k_hits"), names)
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, size=(40, 6)).astype("float32")  # many ties
    ids = rng.integers(0, 6, size=40)
    for k in (1, 2, 5):
        if sparse:
            metric = keras.metrics.SparseTopKCategoricalAccuracy(k=k, dtype="float32")
            metric.update_state(ids, scores)
        else:
            metric = keras.metrics.TopKCategoricalAccuracy(k=k, dtype="float32")
            metric.update_state(np.eye(6, dtype="float32")[ids], scores)
        hits = names["top_k_hits"](torch.as_tensor(scores), torch.as_tensor(ids), k=k)  # type: ignore[operator]
        assert hits == pytest.approx(float(metric.result()))


def test_top_k_is_written() -> None:
    source = HEAD + model(SOFTMAX) + (
        'model.compile("sgd", "categorical_crossentropy", metrics=[keras.metrics.TopKCategoricalAccuracy(k=2)])\n'
    ) + FIT.format(y="onehot")  # fmt: skip
    code = convert(source).code
    assert "top_k_hits(output,y.argmax(dim=-1),k=2)*len(y)" in "".join(code.split())
