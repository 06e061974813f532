"""Random whole PyTorch programs: imports, data, a model, its training, and what comes after."""

from __future__ import annotations

from hypothesis import strategies as st

from . import torch_models, torch_tasks, torch_training
from .dice import Dice, Draw


@st.composite
def torch_program(draw: Draw) -> str:
    """The text of a program, which hypothesis can shrink."""
    return written(Dice(draw))


def written(dice: Dice) -> str:
    """The text of a program."""
    task = dice.one(list(torch_tasks.TASKS))
    units, final, _ = torch_tasks.TASKS[task]
    make = dice.one([torch_models.sequential, torch_models.classed, torch_models.classed])
    model = make(dice, units or dice.number(2, 5), final)
    data = torch_tasks.data(dice, model, task)
    loop = torch_training.Loop(dice, model, task)
    lines = dice.one(torch_training.LOOPS)(loop)
    after = torch_training.behind(loop)
    setup = list(model.lines)
    if loop.device:
        setup.insert(0, "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')")
        if setup[-1].startswith("model = ") and dice.chance(50):
            setup[-1] += ".to(device)"
        else:
            setup.append(dice.one(["model.to(device)", "model = model.to(device)"]))
    body = [*data, "", *setup, *loop.setup, *lines, *after]
    parts = [*model.helpers, *loop.helpers]
    if any("rng." in line for line in body):
        body.insert(0, "rng = np.random.default_rng(7)")
    if any("torch.rand" in line for line in body):
        body.insert(0, "torch.manual_seed(0)")
    return "\n".join([*_imports([*parts, *body], model.imports), "", *parts, *body]) + "\n"


def _imports(lines: list[str], more: set[str]) -> list[str]:
    """What the lines read."""
    text = "\n".join(lines)
    found = sorted(more)
    found += ["import numpy as np"] if "np." in text else []
    found += ["import torch", "import torch.nn as nn"]
    found += ["import torch.nn.functional as F"] if "F." in text else []
    found += ["from torch import optim"] if "= optim." in text else []
    return [*found, *(["from torch.utils.data import DataLoader, TensorDataset"] if "DataLoader(" in text else [])]
