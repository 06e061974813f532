"""Optimizers. Defaults that differ are written out, the learning rate always.

Where epsilon stands differs (`K2T302`); everything else is exact, or carries a code.
https://keras.io/api/optimizers/ https://docs.pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from transpile.ir import Expr, Node, literal
from transpile.registry import Context, Example, Lowered, Op, equal, signature, translate

_TAIL = (
    "clipnorm=None, clipvalue=None, global_clipnorm=None, use_ema=False, ema_momentum=0.99, "
    "ema_overwrite_frequency=None, loss_scale_factor=None, gradient_accumulation_steps=None, name=None"
)
_RENAMED = {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "schedule_decay": "decay"}
# Read by the loop (clipping), or without numerical meaning here; `decay` is ignored by Keras 3.
_IGNORED = ("name", "decay", "clipnorm", "clipvalue", "global_clipnorm", "jit_compile")
_LOST = ("use_ema", "loss_scale_factor", "gradient_accumulation_steps")


def problems(op: Op, args: Mapping[str, Expr]) -> tuple[tuple[str, str], ...]:
    """Arguments that the written optimizer would not follow."""
    found = [
        ("K2T125", f"{op.keras_class}({n}={args[n].text}) cannot be converted")
        for n in _LOST
        if n in args and args[n].value not in (None, False)
    ]
    decay = args.get("weight_decay")
    if decay is not None and decay.value is not None and not _decoupled(op, args):
        found.append(("K2T125", f"{op.keras_class}(weight_decay={decay.text}) has no counterpart in PyTorch"))
    return tuple(found)


def _decoupled(op: Op, args: Mapping[str, Expr]) -> bool:
    """Whether Keras's decay of the weights themselves is what the PyTorch optimizer does."""
    return op.name in ("adam", "adamw") or (op.name == "sgd" and equal(args["momentum"].value, 0))


def expand(op: Op, node: Node, context: Context) -> Lowered:
    """`torch.optim.X(params, lr=...)`: `{params}` stands for the parameters."""
    args = dict(node.args)
    if args.get("epsilon", literal(0)).value is None:
        args["epsilon"] = literal(1e-7)  # Keras 2: the backend's epsilon
    target = translate(op, "keras", args)
    decay = args.get("weight_decay")
    path, params = signature(op.torch)
    if decay is not None and decay.value is not None:
        target["weight_decay"] = decay
        path = "torch.optim.AdamW" if op.name == "adam" else path
    given = [
        f"{n}={short(target[n].text)}"
        for n, default in params.items()
        if n in target and (n == "lr" or default is None or not _default(path, n, target[n], default))
    ]
    return Lowered(f"{path}({{params}}, {', '.join(given)})", diagnostics=problems(op, args))


def _default(path: str, name: str, given: Expr, default: Expr) -> bool:
    if path.endswith("AdamW") and name == "weight_decay":
        return equal(given.value, 0.01)
    return equal(given.value, default.value)


def short(text: str) -> str:
    """1e-07 as a person writes it."""
    return re.sub(r"(?<=\de)([-+])0(\d)\b", r"\1\2", text)


def optimizer(name: str, keras: str, torch: str, relation: Mapping[str, str], *examples: tuple[str, str]) -> Op:
    """An entry; `weight_decay` is written by `expand`, where PyTorch means the same by it."""
    return Op(
        name, f"optimizers.{keras}, {_TAIL})", f"torch.optim.{torch})", to_torch={"lr": "learning_rate", **relation},
        renamed=_RENAMED, ignored=_IGNORED, expand=expand,
        examples=tuple(Example(f"optimizers.{k}", f"torch.optim.{t}", input=(4,)) for k, t in examples),
    )  # fmt: skip


_BETAS = {"betas": "(beta_1, beta_2)", "eps": "epsilon"}
_ADAM = "lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay="

OPS = (
    optimizer("sgd", "SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=None",
              "SGD(params, lr=0.001, momentum=0, dampening=0, weight_decay=0, nesterov=False",
              {"momentum": "momentum", "nesterov": "nesterov"},
              ("SGD()", "SGD({params}, lr=0.01)"),
              ("SGD(0.1, momentum=0.9, nesterov=True)", "SGD({params}, lr=0.1, momentum=0.9, nesterov=True)"),
              ("SGD(0.1, weight_decay=0.01)", "SGD({params}, lr=0.1, weight_decay=0.01)")),
    optimizer("adam", "Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, weight_decay=None",
              f"Adam(params, {_ADAM}0, amsgrad=False", {**_BETAS, "amsgrad": "amsgrad"},
              ("Adam()", "Adam({params}, lr=0.001, eps=1e-7)"),
              ("Adam(1e-4, beta_1=0.5)", "Adam({params}, lr=1e-4, betas=(0.5, 0.999), eps=1e-7)"),
              ("Adam(weight_decay=0.004)", "AdamW({params}, lr=0.001, eps=1e-7, weight_decay=0.004)")),
    optimizer("adamw", "AdamW(learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False",
              f"AdamW(params, {_ADAM}0.01, amsgrad=False", {**_BETAS, "amsgrad": "amsgrad"},
              ("AdamW()", "AdamW({params}, lr=0.001, eps=1e-7, weight_decay=0.004)")),
    optimizer("rmsprop", "RMSprop(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False, weight_decay=None",
              "RMSprop(params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0, momentum=0, centered=False",
              {"alpha": "rho", "eps": "epsilon", "momentum": "momentum", "centered": "centered"},
              ("RMSprop()", "RMSprop({params}, lr=0.001, alpha=0.9, eps=1e-7)"),
              ("RMSprop(0.01, momentum=0.5)", "RMSprop({params}, lr=0.01, alpha=0.9, eps=1e-7, momentum=0.5)")),
    optimizer("adagrad", "Adagrad(learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07, weight_decay=None",
              "Adagrad(params, lr=0.01, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10",
              {"initial_accumulator_value": "initial_accumulator_value", "eps": "epsilon"},
              ("Adagrad()", "Adagrad({params}, lr=0.001, initial_accumulator_value=0.1, eps=1e-7)")),
    optimizer("adadelta", "Adadelta(learning_rate=0.001, rho=0.95, epsilon=1e-07, weight_decay=None",
              "Adadelta(params, lr=1.0, rho=0.9, eps=1e-06, weight_decay=0", {"rho": "rho", "eps": "epsilon"},
              ("Adadelta()", "Adadelta({params}, lr=0.001, rho=0.95, eps=1e-7)")),
    optimizer("adamax", "Adamax(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, weight_decay=None",
              "Adamax(params, lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0", _BETAS,
              ("Adamax()", "Adamax({params}, lr=0.001, eps=1e-7)")),
    optimizer("nadam", "Nadam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, weight_decay=None",
              "NAdam(params, lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, momentum_decay=0.004",
              {**_BETAS, "momentum_decay": "1.0"},
              ("Nadam()", "NAdam({params}, lr=0.001, eps=1e-7, momentum_decay=1.0)")),
)  # fmt: skip
