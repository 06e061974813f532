"""Learning rates that the program sets on the variable that holds the optimizer."""

from __future__ import annotations

import pytest

from tests.training.programs import HEAD, LINEAR, compare, model
from transpile import keras2torch

FIT = "history = model.fit(x, real, batch_size=8, epochs=2, shuffle=False, verbose=0)\n"
CHANGES = {
    "set": "opt.learning_rate = 0.02\n",
    "set by what it is": "opt.learning_rate = opt.learning_rate * 0.3\n",
    "assigned": "opt.learning_rate.assign(0.02)\n",
    "read": "opt.learning_rate = float(opt.learning_rate) / 2\nrate = float(opt.learning_rate)\n",
}


def program(optimizer: str, change: str, before: str = "") -> str:
    made = f"opt = keras.optimizers.{optimizer}\n{before}" + model(LINEAR) + 'model.compile(opt, "mse")\n'
    return HEAD + made + FIT + change + FIT


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("optimizer", ["SGD(0.1)", "SGD(0.1, momentum=0.9)"])
def test_rates_set_between_trainings(optimizer: str, change: str) -> None:
    theirs, ours = compare(program(optimizer, change))
    if "rate" in theirs:
        assert ours["rate"] == pytest.approx(theirs["rate"])


def test_rates_set_in_a_loop() -> None:
    loop = "for step in range(3):\n    opt.learning_rate.assign(0.1 / (step + 1))\n    " + FIT
    compare(program("SGD(0.1, momentum=0.5)", loop))


def test_the_optimizer_keeps_its_name() -> None:
    code = keras2torch(program("SGD(0.1)", "opt.learning_rate = 0.02\n")).code
    assert "opt = torch.optim.SGD(model.parameters(), lr=0.1)" in code
    assert 'opt.param_groups[0]["lr"] = 0.02' in code


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ("opt.learning_rate = 0.5\n", ""),
        ("", "opt.momentum = 0.5\n"),
        ("", "def slower():\n    opt.learning_rate = 0.02\nslower()\n"),
    ],
)
def test_left(before: str, change: str) -> None:
    """Set where there is no optimizer yet, or where it is not seen; what is no rate."""
    codes = {d.code for d in keras2torch(program("SGD(0.1)", change, before)).diagnostics}
    assert "K2T125" in codes
