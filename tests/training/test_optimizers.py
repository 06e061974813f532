"""Every optimizer: ten steps on the same batches, against Keras."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from tests.training.programs import (
    HEAD,
    LINEAR,
    SINGLE,
    SOFTMAX,
    compare,
    convert,
    model,
    run_keras,
    run_torch,
    weights,
)
from transpile import keras2torch

FIT = "history = model.fit(x, real, batch_size=6, epochs=3, shuffle=False, verbose=0)\n"

# What Keras computes with Python numbers passes through float32: 0.9 is 0.89999998 there.
FLOAT32 = 2e-6

EXACT = {
    "sgd": '"sgd"',
    "sgd, rate": "keras.optimizers.SGD(0.2)",
    "momentum, decayed weights": "keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=0.1)",
    "adadelta, decayed weights": "keras.optimizers.Adadelta(1.0, weight_decay=0.1)",
    "ftrl": '"ftrl"',
    "ftrl, all": (
        "keras.optimizers.Ftrl(0.1, learning_rate_power=-0.4, initial_accumulator_value=0.2, l1_regularization_strength=0.05, "
        "l2_regularization_strength=0.03, l2_shrinkage_regularization_strength=0.02, beta=0.1)"
    ),
    "lion": '"lion"',
    "lion, decayed weights": "keras.optimizers.Lion(0.01, beta_1=0.8, beta_2=0.9, weight_decay=0.1)",
    "lamb": "keras.optimizers.Lamb(0.01)",
    "lamb, clipped": "keras.optimizers.Lamb(0.01, epsilon=1e-4, beta_1=0.8, clipvalue=0.1)",
    "adafactor": '"adafactor"',
    "adafactor, all": "keras.optimizers.Adafactor(0.01, beta_2_decay=-0.7, clip_threshold=1.5, weight_decay=0.1)",
    "momentum": "keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)",
    "nesterov": "keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)",
    "exponential": "keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.7))",
    "staircase": "keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.7, staircase=True))",
    "inverse time, momentum": (
        "keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5), momentum=0.9)"
    ),
    "polynomial, nesterov": (
        "keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 8), momentum=0.9, nesterov=True)"
    ),
    "polynomial to zero": "keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 30, 0.0, power=2.0))",
    "cosine": "keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9))",
    "cosine above zero": "keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9, alpha=0.2))",
    "momentum rolls on at a rate of zero": (
        "keras.optimizers.SGD(keras.optimizers.schedules.PolynomialDecay(0.1, 3, 0.0, cycle=True), momentum=0.9)"
    ),
    "decoupled decay": "keras.optimizers.SGD(0.05, weight_decay=0.1)",
    "adadelta": "keras.optimizers.Adadelta(0.5)",
    "clipnorm": "keras.optimizers.SGD(0.1, clipnorm=0.3)",
    "global_clipnorm": "keras.optimizers.SGD(0.1, global_clipnorm=0.3)",
    "clipvalue": "keras.optimizers.SGD(0.1, clipvalue=0.05)",
}
for _schedule in (
    "PolynomialDecay(0.1, 3, cycle=True)",
    "PolynomialDecay(0.1, 3, end_learning_rate=0.0, power=2.0, cycle=True)",
    "CosineDecay(0.02, 5, alpha=0.1, warmup_target=0.1, warmup_steps=3)",
    "CosineDecay(0.0, 5, warmup_target=0.1, warmup_steps=4)",
    "CosineDecayRestarts(0.1, 3)",
    "CosineDecayRestarts(0.1, 2, t_mul=1.5, m_mul=0.8, alpha=0.05)",
    "PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01])",
    "PiecewiseConstantDecay(boundaries=[4], values=[0.2, 0.1])",
):
    EXACT[_schedule] = f"keras.optimizers.SGD(keras.optimizers.schedules.{_schedule})"

ALIGNED = {
    "adam": '"adam"',
    "adam, betas": "keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.99, epsilon=1e-4)",
    "amsgrad": "keras.optimizers.Adam(0.01, amsgrad=True)",
    "adam with decay": "keras.optimizers.Adam(0.01, weight_decay=0.1)",
    "adamw": "keras.optimizers.AdamW(0.01)",
    "adam, clipped": "keras.optimizers.Adam(0.01, clipnorm=0.1)",
    "rmsprop": '"rmsprop"',
    "rmsprop, all": "keras.optimizers.RMSprop(0.01, rho=0.8, momentum=0.5, centered=True, epsilon=1e-5)",
    "adagrad": "keras.optimizers.Adagrad(0.05)",
    "adamax": "keras.optimizers.Adamax(0.01)",
    "rmsprop, decayed weights": "keras.optimizers.RMSprop(0.01, weight_decay=0.1)",
    "adagrad, decayed weights": "keras.optimizers.Adagrad(0.05, weight_decay=0.1)",
    "adamax, decayed weights": "keras.optimizers.Adamax(0.01, weight_decay=0.1)",
    "nadam": '"nadam"',
    "nadam, decayed weights": "keras.optimizers.Nadam(0.01, weight_decay=0.1)",
}


def program(optimizer: str, layer: str = LINEAR) -> str:
    compile_ = f'model.compile(optimizer={optimizer}, loss="mse")\n'
    return HEAD + model(layer) + compile_ + FIT


# One of each kind always, the others in the long run.
RARE = {n for n in (*EXACT, *ALIGNED) if n.endswith((", all", "decayed weights", ", clipped")) or "(" in n}
OFTEN = {"momentum rolls on at a rate of zero", "momentum, decayed weights", "nadam, decayed weights", "CosineDecayRestarts(0.1, 3)",
         "PiecewiseConstantDecay([2, 5], [0.1, 0.05, 0.01])",
         "CosineDecay(0.02, 5, alpha=0.1, warmup_target=0.1, warmup_steps=3)", "PolynomialDecay(0.1, 3, cycle=True)"}  # fmt: skip


def marked(names: Iterable[str]) -> list[Any]:
    """The names, with a mark on those that are left out where time is short."""
    return [pytest.param(n, marks=pytest.mark.slow if n in RARE - OFTEN else ()) for n in names]


@pytest.mark.parametrize("name", marked(EXACT))
def test_exact(name: str) -> None:
    compare(program(EXACT[name]), tolerance=FLOAT32)


@pytest.mark.parametrize("name", marked(ALIGNED))
def test_up_to_the_place_of_epsilon(name: str) -> None:
    compare(program(ALIGNED[name]), tolerance=5e-6, aligned=True)


@pytest.mark.parametrize("name", ["adam, betas", "amsgrad", "adam with decay", "adamw"])
def test_exact_style_places_epsilon(name: str) -> None:
    """With a large epsilon, which shows where it stands: equal in this style, not in the other."""
    source = program(ALIGNED[name].replace("0.01", "0.01, epsilon=0.1").replace(", epsilon=1e-4", ""))
    right = weights(run_keras(source))
    exact = weights(run_torch(keras2torch(source, style="exact").code))
    plain = weights(run_torch(keras2torch(source).code))
    assert max(np.abs(a - b).max() for a, b in zip(right, exact, strict=True)) < FLOAT32
    assert max(np.abs(a - b).max() for a, b in zip(right, plain, strict=True)) > 1e-3


def test_clipnorm_is_per_variable() -> None:
    """The trap: clipping all parameters by their common norm."""
    source = program("keras.optimizers.SGD(0.1, clipnorm=0.3)")
    code = convert(source).code
    wrong = code.replace("for parameter in model.parameters():", "nn.utils.clip_grad_norm_(model.parameters(), 0.3)\n"
                         "                for parameter in ():")  # fmt: skip
    assert wrong != code
    right, other = weights(run_keras(source)), weights(run_torch(wrong))
    assert np.abs(right[0] - other[0]).max() > 1e-3


@pytest.mark.parametrize(
    ("optimizer", "wrong"),
    [
        ('"sgd"', "lr=0.001"),
        ("keras.optimizers.Adagrad()", "initial_accumulator_value=0"),
        ("keras.optimizers.Nadam(0.01)", "momentum_decay=0.004"),
        ("keras.optimizers.RMSprop(0.01)", "alpha=0.99"),
        ("keras.optimizers.AdamW(0.1)", "weight_decay=0.01"),
        ("keras.optimizers.Adadelta(1.0)", "rho=0.9"),
    ],
)
def test_defaults_differ(optimizer: str, wrong: str) -> None:
    """The trap: leaving an argument to PyTorch's default."""
    import re

    source = program(optimizer)
    code = convert(source).code
    name = wrong.partition("=")[0]
    changed = re.sub(rf"\b{name}=[\d.e-]+", wrong, code)
    assert changed != code
    right, other = weights(run_keras(source)), weights(run_torch(changed))
    assert max(np.abs(a - b).max() for a, b in zip(right, other, strict=True)) > 1e-4


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ("keras.optimizers.Adam(lr=1e-4)", "torch.optim.Adam(model.parameters(), lr=1e-4, eps=1e-7)"),
        ("keras.optimizers.Adam(1e-3, 0.5)", "torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999), eps=1e-7)"),
        ("keras.optimizers.Adam(epsilon=None)", "torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)"),
        ("keras.optimizers.Adam(epsilon=1e-8)", "torch.optim.Adam(model.parameters(), lr=0.001)"),
        ("'Adam'", "torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)"),
        ("keras.optimizers.legacy.SGD(0.1)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
    ],
)  # fmt: skip
def test_spelling(optimizer: str, text: str) -> None:
    code = convert(program(optimizer)).code
    assert text in " ".join(code.split()).replace("( ", "(").replace(" )", ")")


@pytest.mark.parametrize(
    "optimizer",
    [
        "keras.optimizers.Adam(use_ema=True)",
        "keras.optimizers.Adafactor(relative_step=False)",
        "keras.optimizers.Muon()",
        "my_optimizer()",
    ],
)
def test_refused(optimizer: str) -> None:
    """What has no exact counterpart is left, with a code."""
    from transpile import keras2torch

    result = keras2torch(program(optimizer))
    assert "model.compile(" in result.code
    assert any(d.code in ("K2T121", "K2T125") for d in result.diagnostics)


def test_old_decay_is_reported() -> None:
    from transpile import keras2torch

    result = keras2torch(program("keras.optimizers.SGD(learning_rate=0.1, decay=1e-6)"))
    assert "torch.optim.SGD(model.parameters(), lr=0.1)" in result.code
    assert [d.code for d in result.diagnostics if d.level == "warning"] == ["K2T205"]
    clean = keras2torch(program("keras.optimizers.SGD(lr=0.1, decay=0.0)"))
    assert clean.exit_status == 0


def test_old_decay_with_the_old_name_of_the_rate() -> None:
    """Who writes `lr=` does not run Keras 3: the rate falls with every batch, as in Keras 2."""
    old = program("keras.optimizers.SGD(lr=0.1, decay=0.05, momentum=0.9)")
    new = program("keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.05), momentum=0.9)")
    ours, theirs = weights(run_torch(convert(old).code)), weights(run_keras(new))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=FLOAT32, atol=FLOAT32)


def test_momentum_contains_the_rate() -> None:
    """The trap: PyTorch's momentum buffer under a changing learning rate."""
    source = program("keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5), momentum=0.9)")
    code = convert(source).code
    wrong = code.replace("buffer *= old_rate", "old_rate")
    assert wrong != code
    right, other = weights(run_keras(source)), weights(run_torch(wrong))
    assert np.abs(right[0] - other[0]).max() > 1e-3


def test_named_optimizer_keeps_its_name() -> None:
    source = HEAD + model(SOFTMAX) + (
        "opt = keras.optimizers.SGD(0.05)\n"
        'model.compile(optimizer=opt, loss="categorical_crossentropy")\n'
        "history = model.fit(x, onehot, batch_size=8, epochs=2, shuffle=False, verbose=0)\n"
    )  # fmt: skip
    code = convert(source).code
    assert "opt = torch.optim.SGD(model.parameters(), lr=0.05)" in code
    assert "keras" not in code.partition("criterion")[2]
    compare(source)


def test_single_output() -> None:
    """Targets (n,) and outputs (n, 1): PyTorch alone would compare each with each."""
    source = HEAD + model(SINGLE) + (
        'model.compile("sgd", "mse", metrics=["mae"])\n'
        "history = model.fit(x, yes, batch_size=8, epochs=2, shuffle=False, verbose=0)\n"
    )  # fmt: skip
    compare(source)


@pytest.mark.parametrize(("optimizer", "layer", "code"), [
    ("keras.optimizers.Adam(clipnorm=1.0)", "layers.GRU(3)", "K2T125"),
    ("keras.optimizers.Lamb()", "layers.GRU(3)", "K2T125"),
    ("keras.optimizers.Adam(clipnorm=1.0)", "layers.LSTM(3)", ""),
    ("keras.optimizers.Adam(global_clipnorm=1.0)", "layers.GRU(3)", ""),
    ("keras.optimizers.Adafactor()", "layers.Conv1D(3, 2)", "K2T204"),
    ("keras.optimizers.Adafactor()", "layers.LSTM(3)", ""),
])  # fmt: skip
def test_weights_that_are_cut_apart(optimizer: str, layer: str, code: str) -> None:
    """What looks at a whole weight sees another one in PyTorch."""
    from transpile import keras2torch

    source = (
        HEAD
        + f"model = keras.Sequential([keras.Input((5, 4)), {layer}])\n"
        + (f'model.compile({optimizer}, "mse")\nmodel.fit(steps, real)\n')
    )
    codes = [d.code for d in keras2torch(source).diagnostics if d.level != "note"]
    assert (code in codes) if code else not codes


@pytest.mark.parametrize(
    "statement",
    [
        "from keras.optimizer_v2.gradient_descent import SGD",
        "from tensorflow.python.keras.optimizer_v2.gradient_descent import SGD",
        "from keras.optimizers.optimizer_v2.gradient_descent import SGD",
        "from keras.optimizer_v2 import gradient_descent\nSGD = gradient_descent.SGD",
    ],
)
def test_old_homes(statement: str) -> None:
    """Where Keras kept its optimizers between 2.3 and 2.12."""
    source = HEAD + statement + "\n" + model(LINEAR) + 'model.compile(SGD(0.1), "mse")\nmodel.fit(x, real)\n'
    assert "torch.optim.SGD(model.parameters(), lr=0.1)" in convert(source).code


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ("tf.train.AdamOptimizer()", "torch.optim.Adam(model.parameters(), lr=0.001)"),
        ("tf.train.AdamOptimizer(0.01, beta1=0.5)", "torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.5, 0.999))"),
        ("tf.compat.v1.train.GradientDescentOptimizer(0.1)", "torch.optim.SGD(model.parameters(), lr=0.1)"),
        ("tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)",
         "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)"),
        ("tf.train.RMSPropOptimizer(0.1)", "K2T121"),
        ("tf.train.AdamOptimizer(0.01, 0.9, 0.999, 1e-8, False)", "K2T121"),
    ],
)  # fmt: skip
def test_optimizers_of_tensorflow_1(optimizer: str, text: str) -> None:
    """Epsilon is 1e-8 there, as in PyTorch; RMSProp places it elsewhere, and begins with other moments."""
    from transpile import keras2torch

    source = (
        HEAD + "import tensorflow as tf\n" + model(LINEAR) + f'model.compile({optimizer}, "mse")\nmodel.fit(x, real)\n'
    )
    assert text in keras2torch(source).code
