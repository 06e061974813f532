"""The mode in which a converted class runs under Keras's own training."""

from __future__ import annotations

import pytest

from transpile import torch2keras
from transpile.verify import Session

PROGRAM = """
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.layer = {layer}

    def forward(self, x):
        return self.layer(self.fc(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block(6)
        self.head = nn.Linear(6, 3)

    def forward(self, {parameters}):
        return self.head(self.block(x))


rng = np.random.default_rng(0)
x = torch.from_numpy(rng.normal(size=(12, 6)).astype("float32"))
y = torch.from_numpy(rng.integers(0, 3, 12))
loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    model.train()
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    print(f"epoch {{epoch}}: {{loss.item():.4f}}")
model.eval()
with torch.no_grad():
    print(model(x)[:2])
"""


@pytest.mark.parametrize("layer", ["nn.Dropout(0.5)", "nn.BatchNorm1d(width)"])
def test_fit_tells_a_class_that_it_trains(session: Session, layer: str) -> None:
    """Keras 3 calls a model without `training` in its `call` as for inference, in `fit` too."""
    source = PROGRAM.format(layer=layer, parameters="x")
    result = torch2keras(source)
    assert "def call(self, x, training=None):" in result.code
    assert "train_on_batch" in result.code
    report = session.verify(result.code, source, result.models, levels=(6,), reference="torch")
    assert report.ok, report.as_table()
    wrong = result.code.replace("(self, x, training=None)", "(self, x)")
    assert not session.verify(wrong, source, result.models, levels=(6,), reference="torch").ok


@pytest.mark.parametrize(
    ("parameters", "written"),
    [
        ("x, scale=2", "x, scale=2, training=None"),
        ("x, *more, **rest", "x, *more, training=None, **rest"),
        ("x, *, scale", "x, *, scale, training=None"),
        ("x, training=None", "x, training=None"),
    ],
)
def test_the_mode_is_the_last_parameter(parameters: str, written: str) -> None:
    code = torch2keras(PROGRAM.format(layer="nn.Dropout(0.5)", parameters=parameters)).code
    assert f"def call(self, {written}):" in code


def test_a_class_without_modes_stays_plain() -> None:
    assert "training" not in torch2keras(PROGRAM.format(layer="nn.Tanh()", parameters="x")).code


LOOP = """
import torch
import torch.nn as nn

x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 3))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    {before}
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        print(criterion(model(x), y).item())
    {behind}
"""


@pytest.mark.parametrize(
    ("before", "behind", "codes"),
    [
        ("pass", "pass", ["T2K220"]),  # from the second epoch on it trains in inference mode
        ("model.train()", "pass", []),
        ("pass", "model.train()", []),
        ("model.eval()", "pass", []),
    ],
)
def test_modes_that_a_loop_carries_over(before: str, behind: str, codes: list[str]) -> None:
    result = torch2keras(LOOP.format(before=before, behind=behind))
    assert [d.code for d in result.diagnostics if d.code == "T2K220"] == codes
    assert ("train_on_batch" in result.code) == (before != "model.eval()")
