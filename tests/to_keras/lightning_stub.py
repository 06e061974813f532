"""What tests need of PyTorch Lightning: a Trainer that runs the steps of a module, and its schedule."""

from __future__ import annotations

import inspect
import types
from typing import Any

import torch


class LightningModule(torch.nn.Module):  # type: ignore[misc]
    """Keeps its settings and what it logs."""

    def save_hyperparameters(self) -> None:
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        self.hparams = types.SimpleNamespace(**{k: v for k, v in frame.f_back.f_locals.items() if k != "self"})

    def log(self, name: str, value: Any, **_: Any) -> None:
        self.logged = {**getattr(self, "logged", {}), name: float(value)}


class Trainer:
    """Trains by `training_step`, an epoch after the other."""

    def __init__(self, max_epochs: int, gradient_clip_val: float | None = None, **_: Any) -> None:
        self.max_epochs, self.clip = max_epochs, gradient_clip_val

    def fit(self, model: Any, train_dataloaders: Any, val_dataloaders: Any = None) -> None:
        made = model.configure_optimizers()
        parts = made if isinstance(made, dict) else {"optimizer": made}
        if isinstance(made, tuple):
            parts = {"optimizer": made[0][0], "lr_scheduler": made[1][0]}
        optimizer, schedule = parts["optimizer"], parts.get("lr_scheduler")
        settings = schedule if isinstance(schedule, dict) else {"scheduler": schedule}
        step = getattr(settings["scheduler"], "step", lambda *_: None)
        for _ in range(self.max_epochs):
            for i, batch in enumerate(train_dataloaders):
                optimizer.zero_grad()
                model.training_step(batch, i).backward()
                if self.clip:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
                optimizer.step()
                if settings.get("interval") == "step":
                    step()
            for i, batch in enumerate(val_dataloaders or ()):
                model.validation_step(batch, i)
            monitor = settings.get("monitor", parts.get("monitor"))
            if settings.get("interval") != "step":
                step(model.logged[monitor]) if monitor else step()

    def test(self, model: Any, dataloaders: Any) -> None:
        for i, batch in enumerate(dataloaders):
            model.test_step(batch, i)
