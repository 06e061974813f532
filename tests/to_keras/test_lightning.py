"""LightningModules and their Trainers become `compile` and `fit`, or stay with a reason."""

from __future__ import annotations

import re

import pytest

from tests.to_keras.test_numbers import HEAD, run
from transpile import torch2keras

CLASS = """\
import pytorch_lightning as pl


class Classifier(pl.LightningModule):
    def __init__(self, learning_rate=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.out = nn.Linear(3, 4)
        self.criterion = nn.CrossEntropyLoss()
        nn.init.constant_(self.out.weight, 0.1)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        return self.out(x)

    def _shared_step(self, batch, stage):
        inputs, targets = batch
        logits = self(inputs)
        loss = {loss}
        predicted = logits.argmax(dim=1)
        self.log(f"{{stage}}_loss", loss)
        self.log(f"{{stage}}_acc", {accuracy}, prog_bar=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self._shared_step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self._shared_step(batch, "val")

    def configure_optimizers(self):
        optimizer = {optimizer}
        return {returned}


"""
USE = """\
loader = DataLoader(TensorDataset(x, ids), batch_size=8)
model = Classifier()
trainer = pl.Trainer(max_epochs=3, accelerator="auto", enable_progress_bar=False{more})
trainer.fit(model, loader, loader)
with torch.no_grad():
    print(model(x[:3]).sum().item(), model(x[:3]).max().item())
"""
PLAIN = {
    "loss": "self.criterion(logits, targets)",
    "accuracy": "(predicted == targets).float().mean()",
    "optimizer": "torch.optim.SGD(self.parameters(), lr=self.hparams.learning_rate, momentum=0.9)",
    "returned": "optimizer",
    "more": "",
}
EPOCHS = "torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)"
STEPS = "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=9)"
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5, threshold=0.5)"
CONVERTED = {
    "plain": {},
    "function": {"loss": "F.cross_entropy(logits, targets)", "accuracy": "predicted.eq(targets).sum() / len(targets)"},
    "adam": {"optimizer": "torch.optim.Adam(self.parameters(), lr=1e-2)"},
    "epochs": {"returned": f"[optimizer], [{EPOCHS}]"},
    "steps": {"returned": f'{{"optimizer": optimizer, "lr_scheduler": {{"scheduler": {STEPS}, "interval": "step"}}}}'},
    "plateau": {"returned": f'{{"optimizer": optimizer, "lr_scheduler": {PLATEAU}, "monitor": "val_loss"}}'},
    "clipped": {"more": ", gradient_clip_val=0.01"},
}
LEFT = {
    "accumulates": {"more": ", accumulate_grad_batches=2"},
    "strange_loss": {"loss": "(logits - 1).pow(2).mean()"},
    "part": {"optimizer": "torch.optim.SGD(self.out.bias, lr=0.1)"},
    "penalty": {"loss": "self.criterion(logits, targets) + 0.1 * self.out.weight.norm()"},
    "two": {"returned": "[optimizer, optimizer]"},
    "other_steps": {"returned": f'{{"optimizer": optimizer, "lr_scheduler": {{"scheduler": {EPOCHS}, "frequency": 2}}}}'},
    "tested_otherwise": {"accuracy": "logits.mean()"},
}  # fmt: skip


def program(changes: dict[str, str]) -> str:
    given = {**PLAIN, **changes}
    return HEAD + CLASS.format(**given) + USE.format(**given)


def test_text() -> None:
    code = torch2keras(program({})).code
    assert "    self.learning_rate = learning_rate\n" in code
    assert "criterion" not in code
    assert "lightning" not in code
    assert (
        "model.compile(\n"
        "    optimizer=keras.optimizers.SGD(learning_rate=model.learning_rate, momentum=0.9),\n"
        "    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),\n"
        '    metrics=["accuracy"],\n'
        ")\n"
        "model.fit(loader, validation_data=loader, epochs=3, verbose=0)\n"
    ) in code


def test_computes_the_same() -> None:
    number = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
    for name, (before, after) in run({n: program(c) for n, c in CONVERTED.items()}).items():
        expected = [float(n) for n in number.findall(before)]
        assert len(expected) == 2
        loose = {"adam": 1e-4, "clipped": 1e-5}.get(name, 1e-6)
        assert [float(n) for n in number.findall(after)] == pytest.approx(expected, rel=loose), name


@pytest.mark.parametrize("name", CONVERTED)
def test_nothing_is_left(name: str) -> None:
    result = torch2keras(program(CONVERTED[name]))
    assert {d.code for d in result.diagnostics} <= {"T2K320"}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_more_than_fit_stays(name: str) -> None:
    result = torch2keras(program(LEFT[name]))
    assert "T2K157" in {d.code for d in result.diagnostics}
    assert "class Classifier(pl.LightningModule):" in result.code
    assert "trainer.fit(model, loader, loader)" in result.code


def test_a_module_without_its_trainer_stays() -> None:
    result = torch2keras(HEAD + CLASS.format(**PLAIN))
    assert [d.message for d in result.diagnostics] == ["the class Classifier was left: its Trainer is not in this file"]


def test_callbacks_look_at_the_names_of_keras() -> None:
    text = program(
        {
            "more": ', callbacks=[pl.callbacks.EarlyStopping(monitor="val_acc", mode="max", patience=4), '
            'pl.callbacks.ModelCheckpoint(monitor="val_loss"), pl.callbacks.LearningRateMonitor()]'
        }
    )
    result = torch2keras(text)
    assert not result.diagnostics
    assert 'EarlyStopping(monitor="val_accuracy", patience=4, mode="max")' in result.code
    assert 'monitor="val_loss"' in result.code
    assert "LearningRateMonitor" not in result.code


def test_loggers_and_places_of_checkpoints_are_told() -> None:
    text = program({"more": ', logger=pl.loggers.CSVLogger("logs"), precision=16'})
    assert [d.code for d in torch2keras(text).diagnostics] == ["T2K225", "T2K330"]
