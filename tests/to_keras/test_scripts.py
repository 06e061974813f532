"""Scripts without classes: initial values set from outside, predictions in parts, models that are compared."""

from __future__ import annotations

from textwrap import dedent

import pytest

from transpile import torch2keras
from transpile.verify import Session

HEAD = """\
import numpy as np
import torch
from torch import nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
x = np.random.default_rng(0).random((64, 6)).astype("float32")
y = x.sum(axis=1, keepdims=True)

"""
CHAIN = (
    HEAD
    + """\
model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).to(device)
for layer in (model[0], model[2]):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
"""
)
CLASS = (
    HEAD
    + """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [], 6
        for units in (8, 4):
            layers.append(nn.Linear(width, units))
            nn.init.kaiming_uniform_(layers[-1].weight, nonlinearity="relu")
            nn.init.zeros_(layers[-1].bias)
            layers.append(nn.ReLU())
            width = units
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.layers(x))


model = Net().to(device)
nn.init.normal_(model.head.weight, std=0.01)
nn.init.constant_(model.head.bias, 0.5)
"""
)


def test_initial_values_of_a_chain_from_outside(session: Session) -> None:
    result = torch2keras(CHAIN)
    assert not result.diagnostics
    assert "nn.init" not in result.code
    assert result.code.count('kernel_initializer="glorot_uniform"') == 2
    report = session.verify(result.code, CHAIN, result.models, reference="torch")
    assert report.ok, report.as_table()
    assert all(row.verdict == "ok" for row in report.rows if row.title.startswith("initial values"))


def test_initial_values_of_what_a_list_holds_last(session: Session) -> None:
    result = torch2keras(CLASS)
    assert not [d for d in result.diagnostics if d.level != "note"]
    assert "VarianceScaling(" in result.code
    assert "RandomNormal(stddev=0.01)" in result.code
    report = session.verify(result.code, CLASS, result.models, reference="torch")
    assert report.ok, report.as_table()


@pytest.mark.parametrize(
    ("made", "part"),
    [
        ("torch.as_tensor(x)", "x[start : start + size]"),
        ("torch.as_tensor(np.asarray(x), dtype=torch.float32)", "np.asarray(x[start : start + size])"),
    ],
)
def test_predictions_in_parts(made: str, part: str) -> None:
    text = (
        CHAIN
        + f"""

def predict(model, x, size=10):
    model.eval()
    with torch.no_grad():
        batches = {made}.split(size)
        return torch.cat([model(batch.to(device)).cpu() for batch in batches]).numpy()


outputs = predict(model, x)
"""
    )
    result = torch2keras(text)
    assert not result.diagnostics
    assert part in result.code
    names: dict[str, object] = {}
    pytest.importorskip("keras")
    exec(compile(result.code, "keras.py", "exec"), names)
    assert names["outputs"].shape == (64, 1)  # type: ignore[attr-defined]


def test_parts_of_sizes_that_are_listed_are_left_to_the_other_rule() -> None:
    result = torch2keras(CHAIN + "a, b = torch.as_tensor(x).split([20, 44])\nprint(a.shape)\n")
    assert "start :" not in result.code


def test_kept_weights_and_counted_ones() -> None:
    text = (
        CHAIN
        + """
import copy

best_loss, best_state = float("inf"), None
for epoch in range(2):
    loss = float(model(torch.as_tensor(x)).mean())
    if loss < best_loss:
        best_loss = loss
        best_state = copy.deepcopy(model.state_dict())
model.load_state_dict(best_state)
print(sum(p.numel() for p in model.state_dict().values() if p.is_floating_point()))
"""
    )
    result = torch2keras(text)
    assert "best_state = model.get_weights()" in result.code
    assert "model.set_weights(best_state)" in result.code
    assert "print(model.count_params())" in result.code
    assert {d.code for d in result.diagnostics} == {"T2K222"}


def test_summaries_for_tensorboard_are_tensorflows() -> None:
    text = """\
    import torch
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(log_dir="runs/first")
    for step in range(3):
        writer.add_scalar("loss", torch.ones(3).mean().item(), step)
    writer.add_scalar("last", 1.0)
    writer.close()
    """
    result = torch2keras(dedent(text))
    assert 'writer = tf.summary.create_file_writer("runs/first")' in result.code
    assert '    with writer.as_default():\n        tf.summary.scalar("loss", float(' in result.code
    assert ", step=step)" in result.code
    assert [(d.code, d.span.line) for d in result.diagnostics] == [("T2K155", 7)]  # TensorFlow asks for the step


PARTS = (
    HEAD
    + """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 8)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(torch.tanh(self.body(x)))


model = Net()
optimizer = torch.optim.SGD({given}, lr=0.1)
inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
for epoch in range(3):
    model.zero_grad()
    loss = nn.functional.mse_loss(model(inputs), targets)
    loss.backward()
    optimizer.step()
"""
)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("model.head.parameters()", "model.head.trainable_variables"),
        (
            "list(model.head.parameters()) + list(model.body.parameters())",
            "model.head.trainable_variables + model.body.trainable_variables",
        ),
    ],
)
def test_optimizers_of_parts_of_a_model(given: str, written: str) -> None:
    result = torch2keras(PARTS.replace("{given}", given))
    assert {d.code for d in result.diagnostics} == {"T2K322"}
    assert f"tape.gradient(loss, {written})" in " ".join(result.code.split()).replace("( ", "(").replace(" )", ")")


def test_two_schedulers_of_one_optimizer_are_left() -> None:
    schedulers = "".join(
        f"{name} = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)\n" for name in ("first", "second")
    )
    text = PARTS.replace("{given}", "model.parameters()").replace("inputs, targets", f"{schedulers}inputs, targets", 1)
    result = torch2keras(text + "    first.step()\n    second.step()\n")
    assert [d.message for d in result.diagnostics if d.code == "T2K154"] == [
        "another scheduler changes the same rate"
    ] * 2


PHASES = (
    HEAD
    + """\
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.fc = nn.Linear(8, 1)

    def forward(self, x):
        return self.fc(self.features(x))


sets = {p: TensorDataset(torch.from_numpy(x), torch.from_numpy(y)) for p in ["train", "val"]}
loaders = {p: DataLoader(sets[p], batch_size=8) for p in ["train", "val"]}


def train_model(model, criterion, optimizer):
    for phase in ["train", "val"]:
        if phase == "train":
            model.train()
        else:
            model.eval()
        total = 0.0
        for inputs, labels in loaders[phase]:
            inputs = inputs.to(device)
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                loss = criterion(model(inputs), labels)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            total += loss.item() * inputs.size(0)
    return model


model_ft = Net()
for param in model_ft.features.parameters():
    param.requires_grad = False
criterion = nn.MSELoss()
optimizer_ft = torch.optim.SGD(model_ft.fc.parameters(), lr=0.01)
model_ft = train_model(model_ft, criterion, optimizer_ft)
"""
)


def test_phases_with_loaders_in_a_dict() -> None:
    result = torch2keras(PHASES)
    assert {d.code for d in result.diagnostics} == {"T2K226", "T2K321", "T2K322"}
    assert (
        "        for inputs, labels in loaders[phase]:\n            inputs, labels = inputs.numpy(), labels.numpy()\n"
        in (result.code)
    )
    assert "gradients = tape.gradient(loss, model.fc.trainable_variables)" in result.code
    assert "model_ft.features.trainable = False" in result.code
