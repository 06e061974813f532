"""What is compared is the training code of the file, in the forms that files have."""

from __future__ import annotations

import textwrap
from dataclasses import replace

import pytest

from transpile.result import TrainingInfo
from transpile.verify import Report, Session

from .pairs import LINEAR, floats

OPTIMIZERS = (
    ("SGD(0.1, momentum=0.9, nesterov=True)", "SGD(P, lr=0.1, momentum=0.9, nesterov=True)"),
    ("Adam(0.01, epsilon=1e-3)", "Adam(P, lr=0.01, eps=1e-3)"),
    ("Adam(0.01, amsgrad=True)", "Adam(P, lr=0.01, eps=1e-7, amsgrad=True)"),
    ("AdamW(0.01, weight_decay=0.1)", "AdamW(P, lr=0.01, eps=1e-7, weight_decay=0.1)"),
    (
        "RMSprop(0.01, momentum=0.5, centered=True)",
        "RMSprop(P, lr=0.01, alpha=0.9, momentum=0.5, centered=True, eps=1e-7)",
    ),
    ("Adagrad(0.1)", "Adagrad(P, lr=0.1, initial_accumulator_value=0.1, eps=1e-7)"),
    ("Adamax(0.01)", "Adamax(P, lr=0.01, eps=1e-7)"),
    ("Nadam(0.01)", "NAdam(P, lr=0.01, momentum_decay=1.0, eps=1e-7)"),
    ("Adadelta(0.5)", "Adadelta(P, lr=0.5, rho=0.95, eps=1e-7)"),
    ("SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5))", None),
)
KERAS = """
import keras
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(2)])
model.compile(keras.optimizers.OPTIMIZER, "LOSS")
"""
TORCH = """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
criterion = CRITERION
optimizer = torch.optim.OPTIMIZER
"""
DECAY = """SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 ** (step / 2))
def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    for x, y in loader:
        loss = criterion(model(x), y)
        if optimizer is not None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {"loss": loss.item()}
"""
PAIR = replace(
    LINEAR.pair,
    inputs=(floats(3),),
    layers=(),
    training=TrainingInfo("criterion", "optimizer"),
)


def check(session: Session, optimizer: str, theirs: str, **options: object) -> Report:
    """Compares two small networks."""
    loss, criterion = options.pop("losses", ("mse", "nn.MSELoss()"))  # type: ignore[misc]
    keras = KERAS.replace("OPTIMIZER", optimizer).replace("LOSS", loss)
    torch = TORCH.replace("OPTIMIZER", theirs).replace("CRITERION", criterion)
    pair = replace(PAIR, **options)  # type: ignore[arg-type]
    report = session.verify(keras, textwrap.dedent(torch), [pair], smoke=False)
    print(report.as_table())
    return report


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS, ids=lambda text: str(text)[:24])
def test_optimizer(session: Session, ours: str, theirs: str | None) -> None:
    if theirs is None:
        training = TrainingInfo("criterion", "optimizer", "run_epoch")
        report = check(session, ours, DECAY, training=training)
    else:
        report = check(session, ours, theirs.replace("(P", "(model.parameters()"))
    assert report.ok
    assert report.level_ok(5)


@pytest.mark.parametrize(
    ("losses", "final"),
    [
        (("mae", "nn.L1Loss()"), ""),
        (("huber", "nn.HuberLoss()"), ""),
        (("categorical_crossentropy", "nn.CrossEntropyLoss()"), "SOFTMAX"),
        (("sparse_categorical_crossentropy", "nn.CrossEntropyLoss()"), "SOFTMAX"),
        (("binary_crossentropy", "nn.BCEWithLogitsLoss()"), "SIGMOID"),
    ],
    ids=str,
)
def test_labels_suit_the_loss(session: Session, losses: tuple[str, str], final: str) -> None:
    name = final.lower()
    keras = KERAS.replace("OPTIMIZER", "SGD(0.1)").replace("LOSS", losses[0])
    if final:
        keras = keras.replace("Dense(2)", f"Dense(2, '{name}')")
    torch = TORCH.replace("OPTIMIZER", "SGD(model.parameters(), lr=0.1)")
    torch = torch.replace("CRITERION", losses[1])
    report = session.verify(keras, torch, [replace(PAIR, final_activations=(name,))], smoke=False)
    print(report.as_table())
    assert all(report.level_ok(level) for level in (2, 3, 4, 5))


def test_penalty_belongs_to_the_loss(session: Session) -> None:
    keras = KERAS.replace("OPTIMIZER", "SGD(0.1)").replace("LOSS", "mse")
    keras = keras.replace("Dense(2)", "Dense(2, kernel_regularizer='l2')")
    torch = TORCH.replace("OPTIMIZER", "SGD(model.parameters(), lr=0.1)")
    torch = torch.replace("CRITERION", "nn.MSELoss()")
    loop = """
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)PENALTY
    loss.backward()
    optimizer.step()
"""
    right = torch + loop.replace("PENALTY", " + 0.01 * model[2].weight.square().sum()")
    assert session.verify(keras, right, [PAIR], smoke=False).ok
    report = session.verify(keras, torch + loop.replace("PENALTY", ""), [PAIR], smoke=False)
    assert report.failed_levels[0] == 3


def test_clipping_comes_after_the_gradients(session: Session) -> None:
    """Level 4 sees the gradients before they are clipped, level 5 the step after."""
    keras = KERAS.replace("OPTIMIZER", "SGD(0.1, clipvalue=0.01)").replace("LOSS", "mse")
    torch = TORCH.replace("OPTIMIZER", "SGD(model.parameters(), lr=0.1)")
    torch = torch.replace("CRITERION", "nn.MSELoss()")
    loop = """
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.01)
    optimizer.step()
"""
    assert session.verify(keras, torch + loop, [PAIR], smoke=False).ok
    report = session.verify(keras, torch, [PAIR], smoke=False)
    assert report.failed_levels == (5,)


def test_training_that_cannot_be_had_is_a_failure(session: Session) -> None:
    keras = KERAS.replace("OPTIMIZER", "SGD(0.1)").replace("LOSS", "mse")
    torch = TORCH.replace("OPTIMIZER", "SGD(model.parameters(), lr=0.1)")
    torch = torch.replace("CRITERION", "nn.NoSuchLoss()")
    report = session.verify(keras, torch, [PAIR], smoke=False)
    assert report.level_ok(2)
    assert report.failed_levels == (3,)


def test_not_compiled_is_not_applicable(session: Session) -> None:
    keras = KERAS.partition("model.compile")[0]
    torch = TORCH.replace("OPTIMIZER", "SGD(model.parameters(), lr=0.1)")
    torch = torch.replace("CRITERION", "nn.MSELoss()")
    report = session.verify(keras, torch, [PAIR], smoke=False)
    assert report.ok
    assert [r.level for r in report.rows if r.verdict == "not applicable"] == [3, 5]
    assert report.level_ok(4)


def test_what_tensorboard_gets_is_no_part_of_a_step(session: Session) -> None:
    """The package may be missing, and the lines that write hand over the optimizer's rate."""
    loop = """
    from torch.utils.tensorboard import SummaryWriter
    def run_epoch(model, loader, criterion, optimizer=None):
        model.train(optimizer is not None)
        total = 0.0
        for x, y in loader:
            loss = criterion(model(x), y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(y)
        return {"loss": total / len(loader.dataset)}
    writer = SummaryWriter("logs")
    for epoch in range(2):
        logs = run_epoch(model, train_loader, criterion, optimizer)
        for name, value in logs.items():
            writer.add_scalar(name, value, epoch)
        writer.add_scalar("learning_rate", optimizer.param_groups[0]["lr"], epoch)
    writer.close()
    """
    made = f"SGD(model.parameters(), lr=0.1)\ntrain_loader = []\n{textwrap.dedent(loop)}"
    report = check(session, "SGD(0.1)", made, training=TrainingInfo("criterion", "optimizer", "run_epoch"))
    assert report.ok
    assert report.level_ok(5)
