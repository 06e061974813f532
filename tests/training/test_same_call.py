"""One call of `fit` or `compile` that runs several times with other arguments."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.programs import HEAD, LINEAR, compare, convert, model, run_keras, run_torch, weights
from transpile import keras2torch

BUILD = f"""\
def build(optimizer="sgd", loss="mse", rate=0.1):
    model = keras.Sequential([keras.Input((4,)), {LINEAR}])
    model.compile(OPTIMIZER, loss)
    return model
"""
TRAIN = """\
def train(model, x, y, size=None, epochs=1):
    return model.fit(x, y, batch_size=size, epochs=epochs, shuffle=False, verbose=0)
"""


def program(optimizer: str, rest: str) -> str:
    return HEAD + BUILD.replace("OPTIMIZER", optimizer) + TRAIN + rest


@pytest.mark.parametrize("sizes", [("", ", 7"), (", 7", ""), (", size=5, epochs=3", ", 9"), (", None", ", 4, 2")])
def test_sizes_of_batches_differ(sizes: tuple[str, str]) -> None:
    """None means 32, and another call of the same function gives a number."""
    first, second = sizes
    compare(program('keras.optimizers.SGD(0.1)', f"""\
model = build()
train(model, x, real{first})
history = train(model, x, real{second})
"""))  # fmt: skip


def test_rates_differ() -> None:
    """The optimizer is made in one place, of what the function was given."""
    source = program("keras.optimizers.SGD(rate, momentum=momentum)", """\
first, second = build(momentum=0.9), build(rate=0.01)
train(first, x, real, 8)
train(second, x, real, 8)
""").replace("rate=0.1)", "rate=0.1, momentum=0.0)")  # fmt: skip
    ours, theirs = run_torch(convert(source).code), run_keras(source)
    for name in ("first", "second"):
        for mine, other in zip(weights(ours, name), weights(theirs, name), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("calls", "code"),
    [
        ("for name in ('sgd', keras.optimizers.SGD()):\n    train(build(name), x, real)\n", "K2T121"),
        ("train(build(loss='mae'), x, real)\ntrain(build(), x, real)\n", "K2T120"),
        (
            "for made in (keras.optimizers.SGD(), keras.optimizers.Adam()):\n"
            "    train(build(made), x, real)\n    print(made.name)\n",
            "K2T121",
        ),
        (
            "train(build(keras.optimizers.SGD(clipnorm=0.1)), x, real)\n"
            "train(build(keras.optimizers.SGD()), x, real)\n",
            "K2T121",
        ),
    ],
)
def test_another_optimizer_or_loss_is_left(calls: str, code: str) -> None:
    found = {d.code for d in keras2torch(program("optimizer", calls)).diagnostics if d.level == "error"}
    assert code in found


EACH = """\
losses = {{}}
for key, given in {items}:
    model = build(given)
    history = train(model, x, real, 8, 2)
    losses[key] = history.history["loss"]
"""


@pytest.mark.parametrize(
    "items",
    [
        "enumerate(['sgd', 'adamax'])",
        "{'slow': keras.optimizers.SGD(0.01), 'fast': keras.optimizers.Adagrad(0.5)}.items()",
        "enumerate([keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2, momentum=0.9)])",
    ],
)
def test_optimizers_in_turn(items: str) -> None:
    """By their names, or as objects: each model gets its own."""
    source = program("optimizer", EACH.format(items=items))
    theirs, ours = compare(source, tolerance=1e-4)
    assert list(ours["losses"]) == list(theirs["losses"])
    for key, values in theirs["losses"].items():
        np.testing.assert_allclose(ours["losses"][key], values, rtol=1e-4)


def test_a_velocity_of_some_optimizers_follows_the_rate() -> None:
    source = program("optimizer", EACH.format(items="enumerate([keras.optimizers.SGD(0.1), MOMENTUM])"))
    source = source.replace("MOMENTUM", "keras.optimizers.SGD(0.2, momentum=0.9)").replace(
        "verbose=0)", "verbose=0, callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))])"
    )
    theirs, ours = compare(source)
    np.testing.assert_allclose(ours["losses"][1], theirs["losses"][1], rtol=1e-6)


def test_optimizers_of_a_list_by_name_and_place() -> None:
    """The objects stay where the program makes them."""
    source = program("optimizer", "made = [keras.optimizers.SGD(0.1), keras.optimizers.Adam()]\n"
                     + EACH.format(items="enumerate(made)"))  # fmt: skip
    code = convert(source).code
    assert "made = [functools.partial(torch.optim.SGD, lr=0.1), functools.partial(torch.optim.Adam" in code
    assert "optimizer(model.parameters())" in code


def test_weights_of_classes_for_some_models_only() -> None:
    layer = 'layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.Constant(0.1))'
    source = HEAD + "losses = []\nfor weights in (None, {0: 1.0, 1: 3.0, 2: 1.0}):\n" + "".join(
        f"    {line}\n" for line in (
            f"model = keras.Sequential([keras.Input((4,)), {layer}])",
            'model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")',
            "history = model.fit(x, ids, batch_size=8, shuffle=False, verbose=0, class_weight=weights)",
            'losses.append(history.history["loss"][0])',
        )
    )  # fmt: skip
    theirs, ours = compare(source)
    np.testing.assert_allclose(ours["losses"], theirs["losses"], rtol=1e-6)


def test_a_limit_of_some_optimizers_only_is_left() -> None:
    """What is done with a limit is not done without one."""
    source = HEAD + "for limit in (None, 0.1):\n" + "".join(
        f"    {line}\n" for line in (
            f"model = keras.Sequential([keras.Input((4,)), {LINEAR}])",
            'model.compile(keras.optimizers.SGD(0.1, clipnorm=limit), "mse")',
            "model.fit(x, real)",
        )
    )  # fmt: skip
    assert "K2T121" in {d.code for d in keras2torch(source).diagnostics}


def test_a_parameter_that_decided_is_noted() -> None:
    """What the function was given says what is written, for every call that may come."""
    found = keras2torch(program("optimizer", "train(build(), x, real, 8)\n")).diagnostics
    assert [(d.code, d.span.line) for d in found if d.code == "K2T320"] == [("K2T320", HEAD.count("\n") + 1)] * 2
    assert "size" not in " ".join(d.message for d in found)


def test_methods_that_nothing_calls_are_converted() -> None:
    source = HEAD + f"""\
class Net:
    def __init__(self, size=None):
        self.model = keras.Sequential([keras.Input((4,)), {LINEAR}])
        self.model.compile(keras.optimizers.SGD(0.1), "mse")
        self.size = size

    def learn(self, x, y):
        self.model.fit(x, y, batch_size=self.size, shuffle=False, verbose=0)

    def guess(self, x):
        return self.model.predict(x, verbose=0)

    def score(self, x, y):
        return self.model.evaluate(x, y, verbose=0)

small, net = Net(6), Net()
small.learn(x, real)
net.learn(x, real)
"""  # fmt: skip
    ours, theirs = run_torch(convert(source).code), run_keras(source)
    for name in ("small", "net"):
        np.testing.assert_allclose(ours[name].guess(ours["x"]), theirs[name].guess(theirs["x"]), atol=1e-6)
        score = ours[name].score(ours["x"], ours["real"])
        np.testing.assert_allclose(score, theirs[name].score(theirs["x"], theirs["real"]), atol=1e-6)


def test_a_method_out_of_reach_is_reported() -> None:
    """The receiver is an attribute, and no run is seen to come there."""
    source = HEAD + model(LINEAR) + """\
class Holder:
    def __init__(self, held):
        self.model = held

    def show(self):
        self.model.summary()

def later(self):
    return self.model.predict(x)

Holder(model).show()
"""  # fmt: skip
    found = [d for d in keras2torch(source).diagnostics if d.code == "K2T130"]
    assert [d.message.partition(" ")[0] for d in found] == ["predict"]
