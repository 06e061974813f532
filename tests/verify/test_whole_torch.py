"""Level 6 of programs that were PyTorch's: data drawn at random, models that are built on their first batch."""

from __future__ import annotations

import pytest

from transpile import torch2keras
from transpile.verify import Session

TORCH = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(20, 3, 9)
y = torch.randint(0, 4, (20,))
loader = DataLoader(TensorDataset(x, y), batch_size=5, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ConvTranspose1d(3, 4, 2, stride=2)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4 * 18, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        return self.head(x.flatten(1))


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(2):
    model.train()
    for i, (xb, yb) in enumerate(loader):
        loss = criterion(model(xb), yb) / 2
        loss.backward()
        if (i + 1) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
    print(f"epoch {epoch}: {loss.item():.4f}")
"""


def test_everything_agrees(session: Session) -> None:
    result = torch2keras(TORCH)
    report = session.verify(result.code, TORCH, result.models, levels=(6,), reference="torch")
    assert report.ok, report.as_table()
    titles = [row.title for row in report.rows]
    assert titles == ["loss of 4 updates", "weights at the end", "what they print, 2 lines"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("learning_rate=0.05", "learning_rate=0.051"),
        (".batch(5)", ".batch(4)"),
        ("(i + 1) % 2", "(i + 1) % 4"),
        ("training=True", "training=False"),
    ],
)
def test_a_difference_is_seen(session: Session, right: str, wrong: str) -> None:
    result = torch2keras(TORCH)
    assert right in result.code, result.code
    report = session.verify(result.code.replace(right, wrong), TORCH, result.models, levels=(6,), reference="torch")
    assert not report.ok
