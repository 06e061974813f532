"""Losses, optimizers, schedules and steps compute the same after the translation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from textwrap import dedent, indent

import pytest

from tests.to_keras.gradients import GRADIENT_WARNINGS, GRADIENTS
from tests.to_keras.loops import LOOPS, WARNINGS
from tests.to_keras.rates import RATES
from tests.to_keras.tensors import ALIASES, TENSORS
from transpile import torch2keras

HEAD = """\
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset
from nets import Net

rng = np.random.default_rng(1)
x = torch.from_numpy(rng.normal(size=(24, 3)))
ids = torch.from_numpy(rng.integers(0, 4, size=24))
values = torch.from_numpy(rng.normal(size=(24, 4)))
bits = torch.from_numpy((rng.random((24, 4)) > 0.5).astype("float64"))
shares = torch.from_numpy(rng.dirichlet(np.ones(4), size=24))
"""

STEP = """\
{before}
for epoch in range(6):
    output = model(x)
    loss = {loss}
    optimizer.zero_grad()
    loss.backward()
    {clip}
    optimizer.step()
    {after}
    print(epoch, loss.item())
"""


def step(loss: str, optimizer: str = "optim.SGD(model.parameters(), lr=0.1)", *, end: str = "", criterion: str = "",
         clip: str = "pass", after: str = "pass", before: str = "") -> str:  # fmt: skip
    """A program of six steps on all the data."""
    made = f"model = Net(3, 5, 4, end={end!r})\n" if end else "model = Net(3, 5, 4)\n"
    made += f"criterion = {criterion}\n" if criterion else ""
    made += f"optimizer = {optimizer}\n{before}"
    return HEAD + STEP.format(before=made, loss=loss, clip=clip, after=after)


MSE = "((output - values) ** 2).mean() / 1"
CRITERION = "criterion(output, {})"

PROGRAMS = {
    # Losses
    "cross_entropy": step("criterion(output, ids)", criterion="nn.CrossEntropyLoss()"),
    "cross_entropy_sum": step("criterion(output, ids)", "optim.SGD(model.parameters(), lr=0.01)",
                              criterion="nn.CrossEntropyLoss(reduction='sum')"),
    "cross_entropy_weight": step("criterion(output, ids)",
                                 criterion="nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 0.5, 3.0]))"),
    "cross_entropy_smoothing": step("criterion(output, ids)", criterion="nn.CrossEntropyLoss(label_smoothing=0.1)"),
    "cross_entropy_ignore": step("criterion(output, ids)", criterion="nn.CrossEntropyLoss(ignore_index=1)"),
    "cross_entropy_functional": step("F.cross_entropy(output, ids)"),
    "nll": step("F.nll_loss(output, ids)", end="log_softmax"),
    "nll_sum": step("F.nll_loss(output, ids, reduction='sum')", "optim.SGD(model.parameters(), lr=0.01)",
                    end="log_softmax"),
    "bce": step("criterion(output, bits)", end="sigmoid", criterion="nn.BCELoss()"),
    "bce_sum": step("F.binary_cross_entropy(output, bits, reduction='sum')", "optim.SGD(model.parameters(), lr=0.01)",
                    end="sigmoid"),
    "bce_logits": step("criterion(output, bits)", criterion="nn.BCEWithLogitsLoss()"),
    "bce_pos_weight": step("criterion(output, bits)",
                           criterion="nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))"),
    "mse": step("criterion(output, values)", criterion="nn.MSELoss()"),
    "mse_sum": step("criterion(output, values)", "optim.SGD(model.parameters(), lr=0.01)",
                    criterion="nn.MSELoss(reduction='sum')"),
    "l1": step("criterion(output, values)", criterion="nn.L1Loss()"),
    "smooth_l1": step("criterion(output, values)", criterion="nn.SmoothL1Loss()"),
    "smooth_l1_beta": step("criterion(output, values)", criterion="nn.SmoothL1Loss(beta=0.5)"),
    "huber": step("criterion(output, values)", criterion="nn.HuberLoss(delta=0.5)"),
    "kl_div": step("F.kl_div(output, shares, reduction='batchmean')", end="log_softmax"),
    # Optimizers
    **{
        name: step("F.mse_loss(output, values)", f"optim.{call}")
        for name, call in {
            "sgd_momentum": "SGD(model.parameters(), lr=0.1, momentum=0.9)",
            "sgd_nesterov": "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
            "sgd_decay": "SGD(model.parameters(), lr=0.1, weight_decay=0.1)",
            "sgd_momentum_decay": "SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=0.1)",
            "adam": "Adam(model.parameters(), lr=0.01, betas=(0.5, 0.99))",
            "adam_decay": "Adam(model.parameters(), lr=0.01, weight_decay=0.1)",
            "adamw": "AdamW(model.parameters(), lr=0.01)",
            "rmsprop": "RMSprop(model.parameters())",
            "rmsprop_momentum": "RMSprop(model.parameters(), lr=0.001, momentum=0.5, centered=True, weight_decay=0.01)",
            "adagrad": "Adagrad(model.parameters(), lr=0.1)",
            "adadelta": "Adadelta(model.parameters(), lr=1.0)",
            "adamax": "Adamax(model.parameters())",
        }.items()
    },
    "clip_norm": step("F.mse_loss(output, values)", clip="nn.utils.clip_grad_norm_(model.parameters(), 0.05)"),
    "clip_value": step("F.mse_loss(output, values)", clip="nn.utils.clip_grad_value_(model.parameters(), 0.01)"),
    # Schedules
    **{
        name: step("F.mse_loss(output, values)", "optim.SGD(model.parameters(), lr=0.1, momentum=0.5)",
                   before=f"scheduler = optim.lr_scheduler.{call}",
                   after="scheduler.step(); print(optimizer.param_groups[0]['lr'])")
        for name, call in {
            "step_lr": "StepLR(optimizer, step_size=2, gamma=0.5)",
            "multi_step_lr": "MultiStepLR(optimizer, milestones=[1, 4], gamma=0.5)",
            "exponential_lr": "ExponentialLR(optimizer, gamma=0.9)",
            "cosine_lr": "CosineAnnealingLR(optimizer, T_max=4, eta_min=0.01)",
            "warm_restarts": "CosineAnnealingWarmRestarts(optimizer, T_0=3)",
            "lambda_lr": "LambdaLR(optimizer, lr_lambda=lambda step: 1 / (1 + step))",
            "linear_lr": "LinearLR(optimizer, total_iters=3)",
            "polynomial_lr": "PolynomialLR(optimizer, total_iters=4, power=2.0)",
        }.items()
    },
    "plateau": step("F.mse_loss(output, values)", "optim.SGD(model.parameters(), lr=1.5)",
                    before="scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)",
                    after="scheduler.step(loss.item()); print(optimizer.param_groups[0]['lr'])"),
    # Loops
    "batches": HEAD + dedent("""\
        loader = DataLoader(TensorDataset(x, ids), batch_size=7)
        model = Net(3, 5, 4)
        criterion = nn.CrossEntropyLoss()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(2):
            model.train()
            total = 0.0
            for i, (data, target) in enumerate(loader):
                optimizer.zero_grad()
                output = model(data)
                loss = criterion(output, target)
                loss.backward()
                optimizer.step()
                total += loss.item()
                if i % 2 == 0:
                    print(epoch, i, loss.item(), len(loader.dataset))
            print(f"{epoch}: {total / len(loader):.6f}")
        """),
    "fit": HEAD + dedent("""\
        loader = DataLoader(TensorDataset(x, ids), batch_size=8)
        model = Net(3, 5, 4)
        criterion = nn.CrossEntropyLoss()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for epoch in range(1, 4):
            total = 0.0
            for data, target in loader:
                loss = criterion(model(data), target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item() * data.size(0)
            losses.append(total / len(loader.dataset))
            if epoch % 2:
                print(f"epoch {epoch}: {total / len(loader.dataset):.6f}")
        print(losses)
        """),
    "accumulate": HEAD + dedent("""\
        loader = DataLoader(TensorDataset(x, values), batch_size=4)
        model = Net(3, 5, 4)
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        optimizer.zero_grad()
        for i, (data, target) in enumerate(loader):
            loss = F.mse_loss(model(data), target) / 2
            loss.backward()
            if (i + 1) % 2 == 0:
                optimizer.step()
                optimizer.zero_grad()
            print(i, loss.item())
        """),
    "gan": HEAD + dedent("""\
        generator, critic = Net(3, 6, 4), Net(4, 5, 1, end="sigmoid")
        criterion = nn.BCELoss()
        optimizer_G = optim.Adam(generator.parameters(), lr=0.01, betas=(0.5, 0.999))
        optimizer_D = optim.Adam(critic.parameters(), lr=0.01)
        real, fake = torch.ones(24, 1), torch.zeros(24, 1)
        for epoch in range(4):
            critic.zero_grad()
            loss_real = criterion(critic(values), real)
            loss_real.backward()
            made = generator(x)
            loss_fake = criterion(critic(made.detach()), fake)
            loss_fake.backward()
            optimizer_D.step()
            generator.zero_grad()
            loss = criterion(critic(made), real)
            loss.backward()
            optimizer_G.step()
            print(epoch, loss_real.item(), (loss_real + loss_fake).item(), loss.item())
        """),
    "wgan": HEAD + dedent("""\
        generator, critic = Net(3, 6, 4), Net(4, 5, 1)
        optimizer_G = optim.RMSprop(generator.parameters(), lr=0.001)
        optimizer_D = optim.RMSprop(critic.parameters(), lr=0.001)
        for i in range(6):
            optimizer_D.zero_grad()
            made = generator(x).detach()
            loss_D = -torch.mean(critic(values)) + torch.mean(critic(made))
            loss_D.backward()
            optimizer_D.step()
            for p in critic.parameters():
                p.data.clamp_(-0.1, 0.1)
            if i % 2 == 0:
                optimizer_G.zero_grad()
                loss_G = -torch.mean(critic(generator(x)))
                loss_G.backward()
                optimizer_G.step()
                print(i, loss_D.item(), loss_G.item())
        """),
    **{name: HEAD + text for name, text in {**LOOPS, **GRADIENTS, **RATES, **TENSORS}.items()},
}  # fmt: skip


def run(programs: dict[str, str]) -> dict[str, list[str]]:
    """What each program prints, before and after; all in one process."""
    pytest.importorskip("torch", reason="needs both frameworks")
    pairs = {name: [text, torch2keras(text).code] for name, text in programs.items()}
    done = subprocess.run(
        [sys.executable, "-P", str(Path(__file__).with_name("numbers.py"))],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@cache
def outputs() -> dict[str, list[str]]:
    """What the programs of this file print."""
    return run(PROGRAMS)


# Where the formulas differ by the place of epsilon, or Keras computes in float32.
LOOSE = {"adam": 1e-5, "adam_decay": 1e-5, "adamw": 1e-5, "adagrad": 1e-5, "adamax": 1e-5, "gan": 1e-5,
         "accumulate": 1e-5, "kl_div": 1e-6}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_computes_the_same(name: str) -> None:
    before, after = outputs()[name]
    number = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
    shown = f"\n{indent(torch2keras(PROGRAMS[name]).code, '    ')}\n{before}\n{after}"
    assert number.sub("N", before) == number.sub("N", after), shown
    expected = [float(n) for n in number.findall(before)]
    assert expected
    assert [float(n) for n in number.findall(after)] == pytest.approx(expected, rel=LOOSE.get(name, 1e-6)), shown


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_left(name: str) -> None:
    result = torch2keras(PROGRAMS[name])
    assert {d.code for d in result.diagnostics if d.level != "note"} == {**WARNINGS, **GRADIENT_WARNINGS}.get(
        name, set()
    )
    assert "torch" not in result.code


def test_other_names_of_what_changes_in_place_are_told_of() -> None:
    result = torch2keras(HEAD + dedent(ALIASES))
    first = HEAD.count("\n")
    assert [(d.code, d.span.line - first) for d in result.diagnostics] == [("T2K203", 3), ("T2K203", 5)]


def test_what_a_longer_expression_leaves_is_told() -> None:
    text = """\
import torch
from torch import nn
from torch.distributions import Categorical

model = nn.Linear(4, 2)
for i in range(3):
    action = Categorical(torch.softmax(model(torch.ones(1, 4)), 1)).sample().item()
    print(action)
x = torch.zeros(2, 3)
x.t_()
"""
    result = torch2keras(text)
    assert [(d.code, d.span.line) for d in result.diagnostics] == [("T2K100", 7), ("T2K103", 10)]
    assert "Categorical(ops.softmax" in result.code


def test_loaders_of_tensors_that_have_no_counterpart() -> None:
    text = """\
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

dataset = TensorDataset(x, y)
plain = DataLoader(dataset, batch_size=4, num_workers=2, drop_last=True)
sampled = DataLoader(dataset, batch_size=4, sampler=RandomSampler(dataset))
"""
    result = torch2keras(HEAD + text)
    assert {d.code for d in result.diagnostics if d.code != "T2K100"} == {"T2K321"}
    assert "torch.from_numpy(ops.convert_to_numpy(x))" in result.code
    assert "plain = DataLoader(dataset, batch_size=4, num_workers=2, drop_last=True)" in result.code
