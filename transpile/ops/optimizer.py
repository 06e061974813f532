"""Optimizers. Defaults that differ are written out, the learning rate always.

Where epsilon stands differs (`K2T302`); everything else is exact, or carries a code. Those that
PyTorch lacks are written out as classes. https://keras.io/api/optimizers/
https://docs.pytorch.org/docs/stable/optim.html
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
_FROM_BETAS = {"beta_1": "betas[0]", "beta_2": "betas[1]"}
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
    if op.name == "adafactor" and args["relative_step"].value is not True:
        found.append(("K2T125", "Adafactor without its relative step has no counterpart in PyTorch"))
    return tuple(found)


def expand(op: Op, node: Node, context: Context) -> Lowered:
    """`torch.optim.X(params, lr=...)`: `{params}` stands for the parameters.

    `setup` are statements behind it, with `{optimizer}`.
    """
    args = dict(node.args)
    if args.get("epsilon", literal(0)).value is None:
        args["epsilon"] = literal(1e-7)  # Keras 2: the backend's epsilon
    if op.name == "sgd" and equal(args["momentum"].value, 0):
        args["nesterov"] = literal(False)  # without momentum it means nothing, and PyTorch refuses it
    target = translate(op, "keras", args)
    path, params = signature(op.torch)
    helpers = () if path.startswith("torch.") else (path,)
    decay, setup = args.get("weight_decay"), tuple[str, ...]()
    if decay is not None and not (decay.known and not decay.value):
        how = _decay(op, args)
        target |= {"weight_decay": decay, **how} if how is not None else {}
        path = "torch.optim.AdamW" if op.name == "adam" else path
        if how is None:
            hook = f"lambda optimizer, *_: decay_weights(optimizer, {short(decay.text)})"
            setup, helpers = (f"{{optimizer}}.register_step_pre_hook({hook})",), (*helpers, "decay_weights")
    given = [
        f"{n}={short(target[n].text)}"
        for n, default in params.items()
        if n in target and (n == "lr" or default is None or not _default(path, n, target[n], default))
    ]
    made = f"{path}({{params}}, {', '.join(given)})"
    return Lowered(made, setup=setup, helpers=helpers, diagnostics=problems(op, args))


def _decay(op: Op, args: Mapping[str, Expr]) -> dict[str, Expr] | None:
    """How the PyTorch optimizer itself is told to shrink the weights as Keras does.

    Keras takes lr * decay * weight off each weight, apart from the gradient. None: it cannot.
    """
    if op.name in ("adam", "adamw") or (op.name == "sgd" and equal(args["momentum"].value, 0)):
        return {}
    return {"decoupled_weight_decay": literal(True)} if op.name == "nadam" else None


def _default(path: str, name: str, given: Expr, default: Expr) -> bool:
    if path.endswith("AdamW") and name == "weight_decay":
        return equal(given.value, 0.01)
    return equal(given.value, default.value)


def short(text: str) -> str:
    """1e-07 as a person writes it."""
    return re.sub(r"(?<=\de)([-+])0(\d)\b", r"\1\2", text)


def optimizer(name: str, keras: str, torch: str, relation: Mapping[str, str], *examples: tuple[str, str]) -> Op:
    """An entry; `weight_decay` is written by `expand`. `torch`: of torch.optim, or a helper's class."""
    back = {k: t for t, k in relation.items() if k.isidentifier()} | (_FROM_BETAS if "betas" in relation else {})
    path = torch if torch[0] == "=" else f"=torch.optim.{torch}"
    return Op(
        name, f"optimizers.{keras}, {_TAIL})", f"{path[1:]})", to_torch={"lr": "learning_rate", **relation},
        to_keras={"learning_rate": "lr", **back},
        renamed=_RENAMED, ignored=_IGNORED, expand=expand,
        examples=tuple(Example(f"optimizers.{k}", t, input=(4,)) for k, t in examples),
    )  # fmt: skip


_BETAS = {"betas": "(beta_1, beta_2)", "eps": "epsilon"}
_ADAM = "lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay="
_DECAY = "weight_decay=None"

OPS = (
    optimizer("sgd", f"SGD(learning_rate=0.01, momentum=0.0, nesterov=False, {_DECAY}",
              "SGD(params, lr=0.001, momentum=0, dampening=0, weight_decay=0, nesterov=False",
              {"momentum": "momentum", "nesterov": "nesterov"},
              ("SGD()", "torch.optim.SGD({params}, lr=0.01)"),
              ("SGD(0.1, momentum=0.9, nesterov=True)", "torch.optim.SGD({params}, lr=0.1, momentum=0.9, nesterov=True)"),
              ("SGD(0.1, nesterov=True)", "torch.optim.SGD({params}, lr=0.1)"),
              ("SGD(0.1, weight_decay=0.01)", "torch.optim.SGD({params}, lr=0.1, weight_decay=0.01)")),
    optimizer("adam", f"Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False, {_DECAY}",
              f"Adam(params, {_ADAM}0, amsgrad=False", {**_BETAS, "amsgrad": "amsgrad"},
              ("Adam()", "torch.optim.Adam({params}, lr=0.001, eps=1e-7)"),
              ("Adam(1e-4, beta_1=0.5)", "torch.optim.Adam({params}, lr=1e-4, betas=(0.5, 0.999), eps=1e-7)"),
              ("Adam(weight_decay=0.004)", "torch.optim.AdamW({params}, lr=0.001, eps=1e-7, weight_decay=0.004)")),
    optimizer("adamw", "AdamW(learning_rate=0.001, weight_decay=0.004, beta_1=0.9, beta_2=0.999, epsilon=1e-07, amsgrad=False",
              f"AdamW(params, {_ADAM}0.01, amsgrad=False", {**_BETAS, "amsgrad": "amsgrad"},
              ("AdamW()", "torch.optim.AdamW({params}, lr=0.001, eps=1e-7, weight_decay=0.004)")),
    optimizer("rmsprop", f"RMSprop(learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-07, centered=False, {_DECAY}",
              "RMSprop(params, lr=0.01, alpha=0.99, eps=1e-08, weight_decay=0, momentum=0, centered=False",
              {"alpha": "rho", "eps": "epsilon", "momentum": "momentum", "centered": "centered"},
              ("RMSprop()", "torch.optim.RMSprop({params}, lr=0.001, alpha=0.9, eps=1e-7)"),
              ("RMSprop(0.01, momentum=0.5)", "torch.optim.RMSprop({params}, lr=0.01, alpha=0.9, eps=1e-7, momentum=0.5)")),
    optimizer("adagrad", f"Adagrad(learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-07, {_DECAY}",
              "Adagrad(params, lr=0.01, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10",
              {"initial_accumulator_value": "initial_accumulator_value", "eps": "epsilon"},
              ("Adagrad()", "torch.optim.Adagrad({params}, lr=0.001, initial_accumulator_value=0.1, eps=1e-7)")),
    optimizer("adadelta", f"Adadelta(learning_rate=0.001, rho=0.95, epsilon=1e-07, {_DECAY}",
              "Adadelta(params, lr=1.0, rho=0.9, eps=1e-06, weight_decay=0", {"rho": "rho", "eps": "epsilon"},
              ("Adadelta()", "torch.optim.Adadelta({params}, lr=0.001, rho=0.95, eps=1e-7)")),
    optimizer("adamax", f"Adamax(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, {_DECAY}",
              "Adamax(params, lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0", _BETAS,
              ("Adamax()", "torch.optim.Adamax({params}, lr=0.001, eps=1e-7)")),
    optimizer("nadam", f"Nadam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, {_DECAY}",
              "NAdam(params, lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0, momentum_decay=0.004, decoupled_weight_decay=False",
              {**_BETAS, "momentum_decay": "1.0"},
              ("Nadam()", "torch.optim.NAdam({params}, lr=0.001, eps=1e-7, momentum_decay=1.0)"),
              ("Nadam(weight_decay=0.1)", "torch.optim.NAdam({params}, lr=0.001, eps=1e-7, weight_decay=0.1, "
               "momentum_decay=1.0, decoupled_weight_decay=True)")),
    optimizer("ftrl", "Ftrl(learning_rate=0.001, learning_rate_power=-0.5, initial_accumulator_value=0.1, "
              "l1_regularization_strength=0.0, l2_regularization_strength=0.0, "
              f"l2_shrinkage_regularization_strength=0.0, beta=0.0, {_DECAY}",
              "=Ftrl(params, lr=0.001, power=-0.5, initial=0.1, l1=0.0, l2=0.0, shrinkage=0.0, beta=0.0",
              {"power": "learning_rate_power", "initial": "initial_accumulator_value", "beta": "beta",
               "l1": "l1_regularization_strength", "l2": "l2_regularization_strength",
               "shrinkage": "l2_shrinkage_regularization_strength"},
              ("Ftrl()", "Ftrl({params}, lr=0.001)"),
              ("Ftrl(0.1, l1_regularization_strength=0.01)", "Ftrl({params}, lr=0.1, l1=0.01)")),
    optimizer("lion", f"Lion(learning_rate=0.001, beta_1=0.9, beta_2=0.99, {_DECAY}",
              "=Lion(params, lr=0.001, betas=(0.9, 0.99)", {"betas": "(beta_1, beta_2)"},
              ("Lion()", "Lion({params}, lr=0.001)"), ("Lion(1e-4, beta_2=0.98)", "Lion({params}, lr=1e-4, betas=(0.9, 0.98))")),
    optimizer("lamb", f"Lamb(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07, {_DECAY}",
              "=Lamb(params, lr=0.001, betas=(0.9, 0.999), eps=1e-07", _BETAS, ("Lamb()", "Lamb({params}, lr=0.001)")),
    optimizer("adafactor", "Adafactor(learning_rate=0.001, beta_2_decay=-0.8, epsilon_1=1e-30, epsilon_2=0.001, "
              f"clip_threshold=1.0, relative_step=True, {_DECAY}",
              "Adafactor(params, lr=0.01, beta2_decay=-0.8, eps=(None, 0.001), d=1.0, weight_decay=0.0",
              {"beta2_decay": "beta_2_decay", "eps": "(epsilon_1, epsilon_2)", "d": "clip_threshold"},
              ("Adafactor()", "torch.optim.Adafactor({params}, lr=0.001, eps=(1e-30, 0.001))")),
)  # fmt: skip
