"""Layers that are made one by one outside of classes, and what else random programs found in scripts."""

from __future__ import annotations

import pytest

from transpile import torch2keras
from transpile.verify import Session

HEAD = """
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(0)
x = torch.from_numpy(rng.normal(size=(12, 3, 6, 6)).astype("float32"))
y = torch.from_numpy(rng.integers(0, 4, 12))
"""
LOOP = """
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01, weight_decay=0.001)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
for epoch in range(2):
    order = torch.arange(len(x) - 1, -1, -1)
    for i in range(0, len(x), 4):
        optimizer.zero_grad()
        loss = criterion(model(x[order[i : i + 4]]), y[order[i : i + 4]])
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(epoch, loss.item())
model.eval()
with torch.no_grad():
    print(torch.max(model(x), 1)[1][:5], model(x).max(dim=1).values, model(x).shape, f"{x.shape}")
"""


@pytest.mark.parametrize("name", ["layers", "parts"])
def test_images_through_layers_of_a_list(session: Session, name: str) -> None:
    """Each layer takes and gives its images channels first; a list called `layers` hides Keras's module."""
    made = f"""
{name} = []
{name}.append(nn.Conv2d(3, 4, 3, padding=(1, 0)))
{name}.append(nn.Threshold(0.1, 0.0))
{name}.append(nn.BatchNorm2d(4))
{name}.append(nn.Dropout(0.25))
{name}.append(nn.MaxPool2d(2))
{name}.append(nn.Flatten())
{name}.append(nn.Linear(24, 4))
model = nn.Sequential(*{name})
"""
    source = HEAD + made + LOOP
    result = torch2keras(source)
    assert [d.code for d in result.diagnostics if d.level != "note"] == []
    report = session.verify(result.code, source, result.models, levels=(1, 2, 6), smoke=False, reference="torch")
    assert report.ok, f"{report.as_table()}\n{result.code}"
    assert {row.level for row in report.rows if row.verdict == "ok"} == {1, 2, 6}


def test_what_stands_in_a_list_may_depend_on_the_mode() -> None:
    code = """
parts = [nn.Linear(4, 4), nn.Dropout(0.5)]
model = nn.Sequential(*parts)
whole = nn.Sequential(model, nn.Linear(4, 2))
plain = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
print(model(x), whole(x), plain(x))
"""
    written = torch2keras(HEAD + code).code
    assert "model(x, training=True), whole(x, training=True), plain(x)" in " ".join(written.split())


def test_parts_that_are_added_by_name_are_left_with_a_code() -> None:
    code = """
model = nn.Sequential()
model.add_module("first", nn.Linear(3, 4))
model.append(nn.ReLU())
"""
    result = torch2keras(HEAD + code)
    assert sorted(d.code for d in result.diagnostics) == ["T2K155", "T2K155"]


def test_a_threshold_to_another_value_is_left() -> None:
    assert [d.code for d in torch2keras(HEAD + "model = nn.Threshold(0.1, 0.5)\n").diagnostics] == ["T2K100"]


def test_gradients_of_embeddings_add_up_and_are_clipped(session: Session) -> None:
    """TensorFlow gives them by rows, which take neither `+` nor `*`."""
    source = """
import torch
import torch.nn as nn

x, y = torch.randint(0, 9, (8, 4)), torch.randint(0, 2, (8,))
model = nn.Sequential(nn.Embedding(9, 3), nn.Flatten(), nn.Linear(12, 2))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
optimizer.zero_grad()
for epoch in range(2):
    for i in range(4):
        loss = criterion(model(x[2 * i : 2 * i + 2]), y[2 * i : 2 * i + 2])
        loss.backward()
        if (i + 1) % 2 == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            optimizer.zero_grad()
    print(loss.item())
"""
    result = torch2keras(source)
    report = session.verify(result.code, source, result.models, levels=(6,), reference="torch")
    assert report.ok, f"{report.as_table()}\n{result.code}"


def test_a_layer_that_is_never_called(session: Session) -> None:
    """Keras makes no weights for it."""
    source = """
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, with_norm=False):
        super().__init__()
        self.with_norm = with_norm
        self.norm = nn.LayerNorm(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        if self.with_norm:
            x = self.norm(x)
        return self.fc(x)


model = Net()
"""
    result = torch2keras(source)
    report = session.verify(result.code, source, result.models, levels=(1, 2, 4), reference="torch", smoke=False)
    assert report.ok, report.as_table()
    assert "norm is never called" in report.notes
    wrong = result.code.replace("if self.with_norm:", "if True:")
    assert not session.verify(wrong, source, result.models, levels=(1, 2), reference="torch", smoke=False).ok
