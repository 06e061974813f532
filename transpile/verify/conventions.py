"""Conventions on which the frameworks differ and that no sane rewrite removes.

Adam and its relatives place epsilon differently. With t the step, v the running square:

    Adam, AdamW  Keras    lr sqrt(1-b2^t)/(1-b1^t) m / (sqrt(v) + eps)
                 PyTorch  lr m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps)
    RMSprop      Keras    lr g / sqrt(v + eps)      PyTorch  lr g / (sqrt(v) + eps)
    Adagrad      Keras    lr g / sqrt(a + eps)      PyTorch  lr g / (sqrt(a) + eps)
    Adamax       Keras    u = max(b2 u, |g|), m / (u + eps)
                 PyTorch  u = max(b2 u, |g| + eps), m / u

So that everything else is compared exactly, the PyTorch optimizer steps here with Keras's
placement, from its own hyper-parameters: a wrong rate, beta or epsilon is still a difference.
Optimizers that the file defines itself are left alone.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch

EPSILON = "optimizer epsilon: Keras and PyTorch add it in different places; the comparison steps with Keras's placement"
EMBEDDING = (
    "embedding gradients: Keras on TensorFlow squares the rows of repeated ids before it adds "
    "them up; the comparison adds them up first, as PyTorch does"
)
DRAWS = "random draws: the distributions are equal, the values are not; both sides were given the same fixed draws"
ADAPTIVE = ("Adam", "AdamW", "Nadam", "RMSprop", "Adagrad", "Adamax", "Adadelta")


def as_torch(optimizer: Any) -> bool:
    """Whether an optimizer of Keras's is a class of the program's own, which places epsilon as PyTorch does."""
    if optimizer is None or type(optimizer).__module__.partition(".")[0] in {"keras", "tf_keras"}:
        return False
    update = getattr(type(optimizer).__dict__.get("update_step"), "__code__", None)
    return update is not None and "update_step" not in update.co_names  # else Keras's own has the last word


def align_epsilon(optimizer: torch.optim.Optimizer) -> bool:
    """Makes `optimizer.step` place epsilon as Keras does; says whether that was needed."""
    kind = type(optimizer)
    hooks = getattr(optimizer, "_optimizer_step_pre_hooks", {}).values()
    if any(getattr(hook, "__name__", "") == "place_epsilon" for hook in hooks):
        return False  # `--style exact` wrote it out
    steps: dict[type, Callable[[torch.optim.Optimizer], None]] = {
        torch.optim.RMSprop: _rmsprop,
        torch.optim.Adagrad: _adagrad,
        torch.optim.Adamax: _adamax,
    }
    if kind in {torch.optim.Adam, torch.optim.AdamW}:
        _align_adam(optimizer)
    elif kind in steps:
        _replace_step(optimizer, steps[kind])
    else:
        return False
    return True


def _align_adam(optimizer: torch.optim.Optimizer) -> None:
    """eps / sqrt(1-b2^t) in PyTorch's formula is eps in Keras's."""
    first = optimizer.step
    wanted = [group["eps"] for group in optimizer.param_groups]
    count = [0]

    def step(self: torch.optim.Optimizer, *args: Any, **options: Any) -> Any:
        count[0] += 1
        for group, eps in zip(optimizer.param_groups, wanted, strict=True):
            group["eps"] = eps / (1 - group["betas"][1] ** count[0]) ** 0.5
        result = first(*args, **options)
        for group, eps in zip(optimizer.param_groups, wanted, strict=True):
            group["eps"] = eps
        return result

    optimizer.step = types.MethodType(step, optimizer)  # schedulers look for the function behind a method


def _replace_step(optimizer: torch.optim.Optimizer, update: Callable[[torch.optim.Optimizer], None]) -> None:
    def step(self: torch.optim.Optimizer, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else closure()
        with torch.no_grad():
            update(self)
        return loss

    hooked: Any = torch.optim.Optimizer.profile_hook_step(step)  # runs the hooks of the file too
    optimizer.step = types.MethodType(hooked, optimizer)


def _gradients(optimizer: torch.optim.Optimizer) -> Any:
    """Group, parameter, gradient (L2 penalty added, as PyTorch does) and state."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                continue
            gradient = parameter.grad.to_dense()
            if group["weight_decay"]:
                gradient = gradient + group["weight_decay"] * parameter
            yield group, parameter, gradient, optimizer.state[parameter]


def _rmsprop(optimizer: torch.optim.Optimizer) -> None:
    for group, p, g, state in _gradients(optimizer):
        alpha, zeros = group["alpha"], torch.zeros_like(p)
        v = state["square_avg"] = alpha * state.get("square_avg", zeros) + (1 - alpha) * g * g
        if group["centered"]:
            a = state["grad_avg"] = alpha * state.get("grad_avg", zeros) + (1 - alpha) * g
            v = v - a * a
        change = g / torch.sqrt(v + group["eps"])
        if group["momentum"]:
            change = group["momentum"] * state.get("momentum_buffer", zeros) + change
            state["momentum_buffer"] = change.clone()  # under PyTorch's name: the file may rescale it
        p.sub_(group["lr"] * change)


def _adagrad(optimizer: torch.optim.Optimizer) -> None:
    for group, p, g, state in _gradients(optimizer):
        state["step"] += 1
        rate = group["lr"] / (1 + (state["step"].item() - 1) * group["lr_decay"])
        state["sum"].add_(g * g)
        p.sub_(rate * g / torch.sqrt(state["sum"] + group["eps"]))


def _adamax(optimizer: torch.optim.Optimizer) -> None:
    for group, p, g, state in _gradients(optimizer):
        b1, b2 = group["betas"]
        zeros = torch.zeros_like(p)
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = b1 * state.get("m", zeros) + (1 - b1) * g
        u = state["u"] = torch.maximum(b2 * state.get("u", zeros), g.abs())
        p.sub_(group["lr"] * m / ((1 - b1**t) * (u + group["eps"])))


def hyper_parameters(optimizer: Any, keras: Any) -> list[tuple[str, float, float]]:
    """(name, Keras's value, PyTorch's value) for the numbers that small tests may not show."""
    group = optimizer.param_groups[0]
    pairs = [("learning rate", _rate(keras), group.get("lr"))]
    if type(optimizer).__module__.startswith("torch."):
        pairs.append(("epsilon", getattr(keras, "epsilon", None), group.get("eps")))
    return [
        (name, float(ours), float(theirs)) for name, ours, theirs in pairs if ours is not None and theirs is not None
    ]


def _rate(keras: Any) -> float | None:
    try:
        return float(keras.learning_rate)
    except (TypeError, ValueError):
        return None  # a schedule that has no value before the first step
