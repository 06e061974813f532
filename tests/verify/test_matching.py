"""Counterparts by name, by order of creation, by order alone; inputs, outputs and labels."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from transpile.result import InputInfo, LayerPair, ModelPair, TrainingInfo
from transpile.verify import Report, Session

from .pairs import floats, layer


def pair(*inputs: InputInfo, layers: tuple[LayerPair, ...] = (), **options: object) -> ModelPair:
    """A pair of models that are called `model` on both sides."""
    made = ModelPair("model", "model", inputs, (), (), layers)
    return replace(made, **options)  # type: ignore[arg-type]


def check(session: Session, keras: str, torch: str, models: ModelPair, **options: object) -> Report:
    """Compares, and prints the table for a failing test."""
    keras, torch = textwrap.dedent(keras), textwrap.dedent(torch)
    report = session.verify(keras, torch, [models], smoke=False, **options)  # type: ignore[arg-type]
    print(report.as_table())
    return report


TWO_DENSE = """
    import keras
    from keras import layers
    b = layers.Dense(4, name="b")
    a = layers.Dense(4)
    x = keras.Input((4,))
    model = keras.Model(x, a(keras.ops.tanh(b(x))))
"""
TWO_LINEAR = """
    import torch
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.second = nn.Linear(4, 4)
        def forward(self, x):
            return self.ORDER
    model = Model()
"""
B_FIRST = TWO_LINEAR.replace("self.ORDER", "self.second(torch.tanh(self.first(x)))")
A_FIRST = TWO_LINEAR.replace("self.ORDER", "self.first(torch.tanh(self.second(x)))")


@pytest.mark.parametrize(
    ("layers", "torch"),
    [
        ((layer("Dense", "first", "b"), layer("Dense", "second")), B_FIRST),
        ((layer("Dense", "second", "b"), layer("Dense", "first")), A_FIRST),
        ((layer("Dense", "first"), layer("Dense", "second")), B_FIRST),  # order of creation
        ((layer("Dense", ""), layer("Dense", "")), B_FIRST),
        ((layer("Dense", "second", "b"), layer("Dense", "")), A_FIRST),
        ((), B_FIRST),
        ((layer("Dense", "one"), layer("Dense", "two")), B_FIRST),  # names that are not there
    ],
)
def test_counterparts(session: Session, layers: tuple[LayerPair, ...], torch: str) -> None:
    assert check(session, TWO_DENSE, torch, pair(floats(4), layers=layers)).ok


def test_wrong_counterpart_is_a_difference(session: Session) -> None:
    layers = (layer("Dense", "second", "b"), layer("Dense", "first"))
    report = check(session, TWO_DENSE, B_FIRST, pair(floats(4), layers=layers))
    assert report.failed_levels[0] == 2


def test_surplus_layer_is_named(session: Session) -> None:
    torch = B_FIRST.replace("self.second = ", "self.third = nn.Linear(2, 2)\n            self.second = ")
    layers = (layer("Dense", "first", "b"), layer("Dense", "second"))
    report = check(session, TWO_DENSE, torch, pair(floats(4), layers=layers))
    assert report.failed_levels == (1,)
    assert "third.weight has no counterpart" in report.rows[0].reason


def test_two_inputs_and_outputs(session: Session) -> None:
    keras = """
    import keras
    from keras import layers
    ids, x = keras.Input((5,), dtype="int32"), keras.Input((3,))
    e = layers.Flatten()(layers.Embedding(9, 2)(ids))
    h = layers.Concatenate()([e, x])
    one = layers.Dense(1, activation="sigmoid", name="one")(h)
    many = layers.Dense(4, activation="softmax", name="many")(h)
    model = keras.Model([ids, x], [one, many])
    model.compile("sgd", loss=["binary_crossentropy", "sparse_categorical_crossentropy"],
                  loss_weights=[1.0, 0.5])
    """
    torch = """
    import torch
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(9, 2)
            self.one = nn.Linear(13, 1)
            self.many = nn.Linear(13, 4)
        def forward(self, ids, x):
            h = torch.cat([self.embedding(ids).flatten(1), x], dim=1)
            return self.one(h), self.many(h)
    model = Model()
    def criterion(outputs, targets):
        one, many = outputs
        return (nn.functional.binary_cross_entropy_with_logits(one, targets[0])
                + 0.5 * nn.functional.cross_entropy(many, targets[1]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    def run_epoch(model, loader, criterion, optimizer=None):
        model.train(optimizer is not None)
        total = 0.0
        for ids, x, one, many in loader:
            loss = criterion(model(ids, x), (one, many))
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
        return {"loss": total / len(loader.dataset)}
    """
    models = pair(
        InputInfo("ids", (None, 5), "int32", 9),
        floats(3),
        final_activations=("sigmoid", "softmax"),
        training=TrainingInfo("criterion", "optimizer", "run_epoch"),
    )
    report = check(session, keras, torch, models)
    assert report.ok
    assert all(report.level_ok(level) for level in (1, 2, 3, 4, 5))


REGRESSION = """
    import keras
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
"""
LOADER = """
    import numpy as np
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset
    x, y = np.zeros((40, 3), "float32"), np.zeros(SHAPE, "float32")
    model = nn.Sequential(nn.Linear(3, 1))
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loader = DataLoader(TensorDataset(torch.as_tensor(x), torch.as_tensor(y)), batch_size=8)
    for epoch in range(2):
        for step, (inputs, targets) in enumerate(loader):
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
        print(epoch, history)
"""


def test_targets_that_broadcast(session: Session) -> None:
    """(N,) against (N, 1) is an (N, N) difference in PyTorch, and none in Keras."""
    models = pair(floats(3), training=TrainingInfo("criterion", "optimizer"))
    assert check(session, REGRESSION, LOADER.replace("SHAPE", "(40, 1)"), models).ok
    report = check(session, REGRESSION, LOADER.replace("SHAPE", "40"), models)
    assert report.failed_levels[0] == 3


def test_float32_where_float64_has_no_kernel(session: Session) -> None:
    keras = """
    import keras
    from keras import layers
    model = keras.Sequential([keras.Input((4, 4, 4, 2)), layers.Conv3D(3, 2),
                              layers.MaxPooling3D(2)])
    """
    torch = """
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(2, 3, 2)
            self.pool = nn.MaxPool3d(2)
        def forward(self, x):
            return self.pool(self.conv(x.movedim(-1, 1))).movedim(1, -1)
    model = Model()
    """
    report = check(session, keras, torch, pair(floats(4, 4, 4, 2)))
    assert report.ok
    assert report.dtype == "float32"
    assert "no float64 kernel" in report.notes[0]


def test_channels_first_model(session: Session) -> None:
    keras = """
    import keras
    model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3)])
    """
    torch = """
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv2d = nn.Conv2d(2, 3, 3)
        def forward(self, x):
            return self.conv2d(x).permute(0, 2, 3, 1)
    model = Model()
    """
    report = check(session, keras, torch, pair(floats(6, 6, 2)))
    assert report.ok
    assert "channels first" in report.notes[0]


def test_constant_output_proves_nothing(session: Session) -> None:
    keras = """
    import keras
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="softmax")])
    """
    torch = "from torch import nn\nmodel = nn.Sequential(nn.Linear(3, 1), nn.Softmax(dim=-1))"
    report = check(session, keras, torch, pair(floats(3)))
    assert not report.ok
    assert "is constant (1)" in " ".join(row.reason for row in report.rows)


def test_frozen_layer(session: Session) -> None:
    keras = TWO_DENSE + "    model.get_layer('b').trainable = False\n"
    frozen = B_FIRST + "    model.first.requires_grad_(False)\n"
    layers = (layer("Dense", "first", "b"), layer("Dense", "second"))
    assert check(session, keras, frozen, pair(floats(4), layers=layers)).ok
    report = check(session, keras, B_FIRST, pair(floats(4), layers=layers))
    assert report.failed_levels[0] == 1
    assert "Keras 20, PyTorch 40" in report.rows[1].reason


def test_data_set_stand_ins(session: Session) -> None:
    keras = """
    from tensorflow.keras.datasets import mnist
    from tensorflow.keras import layers, models
    (x_train, y_train), _ = mnist.load_data()
    x_train = x_train.reshape((len(x_train), 28 * 28)) / 255
    model = models.Sequential()
    model.add(layers.Dense(5, input_shape=x_train.shape[1:]))
    model.fit(x_train, y_train)
    """
    torch = "from torch import nn\nmodel = nn.Sequential(nn.Linear(784, 5))"
    assert check(session, keras, torch, pair(floats(784))).ok


def test_multi_head_attention_by_order(session: Session) -> None:
    keras = """
    import keras
    from keras import layers
    x = keras.Input((5, 6))
    model = keras.Model(x, layers.MultiHeadAttention(2, 3, dropout=0.2)(x, x))
    """
    torch = """
    from torch import nn
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 2, dropout=0.2, batch_first=True)
        def forward(self, x):
            return self.attention(x, x, x)[0]
    model = Model()
    """
    assert check(session, keras, torch, pair(floats(5, 6))).ok


def test_first_layer_that_differs_is_named(session: Session) -> None:
    keras = TWO_DENSE.replace("keras.ops.tanh(b(x))", "keras.ops.relu(b(x))")
    layers = (layer("Dense", "first", "b"), layer("Dense", "second"))
    report = check(session, keras, B_FIRST, pair(floats(4), layers=layers))
    reasons = " ".join(row.reason for row in report.rows)
    assert "the first layer that differs is dense" in reasons
    assert "b (first) still agrees" in reasons


def test_narrow_relus_are_compared_alive(session: Session) -> None:
    """Under most random weights a chain of narrow ReLUs is constant: others are drawn."""
    sizes = [64, 16, 8, 4, 2]
    layers = ", ".join(f"keras.layers.Dense({n}, activation='relu')" for n in sizes)
    keras = f"import keras\nmodel = keras.Sequential([keras.Input((10,)), {layers}, keras.layers.Dense(1)])"
    modules = ", ".join(f"nn.Linear({a}, {b}), nn.ReLU()" for a, b in zip([10, *sizes], sizes))
    torch = f"from torch import nn\nmodel = nn.Sequential({modules}, nn.Linear(2, 1))"
    report = check(session, keras, torch, pair(floats(10)))
    assert report.ok
    assert report.level_ok(2)
