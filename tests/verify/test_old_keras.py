"""Programs for Keras 1 and 2: on tf_keras where they run there, else in their Keras 3 spelling."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from transpile.result import TrainingInfo
from transpile.verify import Session

from .pairs import LINEAR, floats

pytest.importorskip("tf_keras")

KERAS_2 = """
from keras.models import Sequential
from keras.layers.core import Dense, Dropout
from keras.layers.normalization import BatchNormalization
model = Sequential()
model.add(Dense(6, batch_input_shape=(None, 4), activation="relu"))
model.add(BatchNormalization())
model.add(Dropout(0.5))
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam")
"""
KERAS_1 = """
from keras.models import Sequential
from keras.layers import Dense
model = Sequential()
model.add(Dense(output_dim=3, input_dim=4, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam")
model.fit(x, y, nb_epoch=2)
"""
MODERN = KERAS_1.replace("output_dim", "units").replace("nb_epoch", "epochs")
TORCH = """
import torch
from torch import nn
from torch.nn import functional as F


class BatchNorm1d(nn.BatchNorm1d):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            var, mean = torch.var_mean(x, 0, unbiased=False)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var, self.momentum)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


model = nn.Sequential(
    nn.Linear(4, 6), nn.ReLU(), BatchNorm1d(6, eps=1e-3, momentum=0.01), nn.Dropout(0.5),
    nn.Linear(6, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
"""
SMALL = "import torch\nfrom torch import nn\n\nmodel = nn.Linear(4, 3)\n"
SMALL += TORCH[TORCH.index("criterion = ") :]
PAIR = replace(
    LINEAR.pair,
    inputs=(floats(4),),
    layers=(),
    final_activations=("softmax",),
    training=TrainingInfo("criterion", "optimizer"),
)


def test_keras_2_runs_on_tf_keras(session: Session) -> None:
    report = session.verify(KERAS_2, TORCH, [PAIR])
    print(report.as_table())
    assert report.ok
    assert report.keras.startswith("tf_keras 2.")
    assert all(report.level_ok(level) for level in (1, 2, 3, 4, 5))
    assert "does not run on Keras 3" in report.notes[-1]


def test_differences_show_on_tf_keras_too(session: Session) -> None:
    for old, new, level in (("eps=1e-3, ", "", 2), ("lr=1e-3", "lr=1e-2", 5), ("0.5", "0.4", 2)):
        report = session.verify(KERAS_2, TORCH.replace(old, new), [PAIR], smoke=False)
        assert report.failed_levels[0] == level


def test_keras_1_in_its_keras_3_spelling(session: Session) -> None:
    report = session.verify(KERAS_1, SMALL, [PAIR], modern_source=MODERN)
    print(report.as_table())
    assert report.ok
    assert report.keras.startswith("Keras 3.")
    assert "Keras 3 spelling" in report.notes[-1]


def test_rates_mean_what_they_meant(session: Session) -> None:
    """`lr`, and `decay` as lr / (1 + decay * iterations): tf_keras ignores or refuses them."""
    keras = """
from keras.layers.core import Dense
from keras.models import Sequential
from keras.optimizers import SGD
model = Sequential([Dense(3, batch_input_shape=(None, 4))])
model.compile(loss="mse", optimizer=SGD(lr=0.1, decay=0.5))
"""
    torch = """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 3))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + 0.5 * step))
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    scheduler.step()
"""
    pair = replace(PAIR, final_activations=("",))
    report = session.verify(keras, torch, [pair], smoke=False)
    print(report.as_table())
    assert report.ok
    assert report.level_ok(5)
    report = session.verify(keras, torch.replace("    scheduler.step()\n", ""), [pair], smoke=False)
    assert report.failed_levels == (5,)


def test_a_loss_that_only_keras_2_has(session: Session) -> None:
    """The model runs on Keras 3; its loss calls a function that went with Keras 2."""
    keras = """
from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential


def flat_loss(y_true, y_pred):
    return K.mean(K.square(K.flatten(y_true) - K.flatten(y_pred)))


model = Sequential([Dense(3, input_shape=(4,))])
model.compile(loss=flat_loss, optimizer="sgd")
"""
    torch = """
import torch
from torch import nn


def flat_loss(y_true, y_pred):
    return (y_true.flatten() - y_pred.flatten()).square().mean()


model = nn.Sequential(nn.Linear(4, 3))
criterion = lambda output, y: flat_loss(y, output)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
"""
    report = session.verify(keras, torch, [replace(PAIR, final_activations=("",))], smoke=False)
    print(report.as_table())
    assert report.ok
    assert report.keras.startswith("tf_keras 2.")
    assert report.level_ok(3)


def test_keras_1_alone_cannot_be_run(session: Session) -> None:
    report = session.verify(KERAS_1, SMALL, [PAIR])
    assert not report.ok
    assert "keras.py:5: TypeError" in report.problem


@pytest.mark.parametrize(
    "imports",
    [
        "import tensorflow as tf\nkeras = tf.keras",
        "from tensorflow import keras",
        "import tensorflow.keras as keras",
        "import keras",
        "from tensorflow.python import keras",
    ],
)
def test_every_spelling_is_tf_keras(session: Session, imports: str) -> None:
    keras = """
    model = keras.Sequential([keras.layers.Dense(2, batch_input_shape=(None, 4))])
    model.compile("sgd", "mse")
    """
    torch = "from torch import nn\nmodel = nn.Sequential(nn.Linear(4, 2))"
    source = imports + textwrap.dedent(keras)
    report = session.verify(source, torch, [replace(PAIR, training=None, final_activations=("",))], smoke=False)
    assert report.ok
    assert report.keras.startswith("tf_keras")
