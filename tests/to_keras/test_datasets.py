"""Data sets of tensors become tf.data where that does all that the file does with them; else they stay."""

from __future__ import annotations

import re

import pytest

from tests.to_keras.test_numbers import HEAD, run
from transpile import torch2keras

LOOP = """\
model = Net(3, 5, 4)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
for epoch in range(2):
    for data, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        print(loss.item())
"""

KEPT = {
    "items": "data = TensorDataset(x, ids)\nprint(len(data), data[0][1])\nloader = DataLoader(data, batch_size=8)\n",
    "arguments": "options = {'batch_size': 7}\nloader = DataLoader(TensorDataset(x, ids), **options)\n",
    "subset": """\
from torch.utils.data import Subset

data = TensorDataset(x, ids)
part = Subset(data, range(2, 19))
loader = DataLoader(part, batch_size=8)
""",
    "sampler": """\
from torch.utils.data.sampler import SequentialSampler

data = TensorDataset(x, ids)
loader = DataLoader(data, batch_size=8, sampler=SequentialSampler(data))
""",
    "collate": """\
def collate(items):
    return torch.stack([item[0] for item in items]), torch.tensor([int(item[1]) for item in items])


loader = DataLoader(TensorDataset(x, ids), batch_size=5, collate_fn=collate)
""",
    "collate_lambda": """\
loader = DataLoader(
    TensorDataset(x, ids),
    batch_size=5,
    collate_fn=lambda items: (torch.stack([i[0] for i in items]), torch.tensor([int(i[1]) for i in items])),
)
""",
    "dict": """\
sets = {"train": TensorDataset(x[:20], ids[:20]), "test": TensorDataset(x[20:], ids[20:])}
loader = DataLoader(sets["train"], batch_size=8)
""",
}
CONVERTED = {
    "length": "data = TensorDataset(x, ids)\nprint(len(data))\nloader = DataLoader(data, 8)\n",
    "function": """\
def load(data, size):
    return DataLoader(data, batch_size=size)


loader = load(TensorDataset(x, ids), 8)
""",
}


@pytest.mark.parametrize("name", KEPT)
def test_a_data_set_that_tf_data_cannot_replace_stays(name: str) -> None:
    result = torch2keras(HEAD + KEPT[name] + LOOP)
    assert "tf.data" not in result.code
    assert "torch.from_numpy" in result.code
    assert {d.code for d in result.diagnostics} == {"T2K321"}


@pytest.mark.parametrize("name", CONVERTED)
def test_a_data_set_becomes_tf_data(name: str) -> None:
    result = torch2keras(HEAD + CONVERTED[name] + LOOP)
    assert "tf.data" in result.code
    assert not result.diagnostics


def test_they_yield_the_same() -> None:
    programs = {name: HEAD + text + LOOP for name, text in {**KEPT, **CONVERTED}.items()}
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    for name, (before, after) in run(programs).items():
        expected = [float(n) for n in number.findall(before)]
        assert expected
        assert [float(n) for n in number.findall(after)] == pytest.approx(expected, rel=1e-6), name


def test_a_data_set_of_arrays_that_are_not_named_is_left() -> None:
    result = torch2keras(HEAD + "data = TensorDataset(*[x, ids])\nprint(data[0])\nloader = DataLoader(data)\n" + LOOP)
    assert "T2K121" in {d.code for d in result.diagnostics}
    assert "data = TensorDataset(*[x, ids])" in result.code
