"""What random PyTorch models are trained for, and with: targets, losses, optimizers, schedules, data."""

from __future__ import annotations

from .dice import Dice
from .torch_models import Model

# kind of target -> (units: 0 for several, module behind the last layer, losses)
TASKS: dict[str, tuple[int, str, list[str]]] = {
    "real": (
        0,
        "",
        [
            *("nn.MSELoss()", "nn.L1Loss()", "nn.SmoothL1Loss()", "nn.HuberLoss(delta=0.5)", "F.mse_loss"),
            *(
                "nn.MSELoss(reduction='sum')",
                "nn.SmoothL1Loss(beta=0.5)",
                "F.l1_loss",
                "rmse",
                "nn.MSELoss(reduction='mean')",
            ),
        ],
    ),
    "ids": (
        0,
        "",
        [
            *(
                "nn.CrossEntropyLoss()",
                "nn.CrossEntropyLoss()",
                "F.cross_entropy",
                "nn.CrossEntropyLoss(label_smoothing=0.1)",
            ),
            *(
                "nn.CrossEntropyLoss(weight=torch.tensor({weights}))",
                "nn.CrossEntropyLoss(reduction='sum')",
                "nn.MultiMarginLoss()",
            ),
        ],
    ),
    "log ids": (0, "LogSoftmax", ["nn.NLLLoss()", "F.nll_loss"]),
    "binary": (1, "Sigmoid", ["nn.BCELoss()", "F.binary_cross_entropy", "nn.MSELoss()", "nn.BCELoss(reduction='sum')"]),
    "logits": (
        1,
        "",
        [
            "nn.BCEWithLogitsLoss()",
            "F.binary_cross_entropy_with_logits",
            "nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0]))",
        ],
    ),
    "many logits": (0, "", ["nn.BCEWithLogitsLoss()", "F.binary_cross_entropy_with_logits"]),
    "positive": (0, "Softplus", ["nn.L1Loss()", "nn.MSELoss()"]),
    "sign": (1, "Tanh", ["nn.MSELoss()", "nn.SmoothL1Loss()"]),
}
RARE = {
    "ids": ["nn.MultiMarginLoss()"],
    "many logits": ["nn.MultiLabelSoftMarginLoss()"],
    "positive": ["nn.PoissonNLLLoss(log_input=False)"],
    "sign": ["nn.SoftMarginLoss()"],
}
TARGETS = {
    "real": ["torch.randn({n}, {units})", "torch.from_numpy(rng.normal(size=({n}, {units})).astype('float32'))"],
    "ids": [
        "torch.randint(0, {units}, ({n},))",
        "torch.from_numpy(rng.integers(0, {units}, {n}))",
        "torch.tensor(rng.integers(0, {units}, {n}), dtype=torch.long)",
    ],
    "log ids": ["torch.randint(0, {units}, ({n},))"],
    "binary": [
        "torch.randint(0, 2, ({n}, 1)).float()",
        "torch.tensor(rng.integers(0, 2, ({n}, 1)), dtype=torch.float32)",
    ],
    "logits": ["torch.randint(0, 2, ({n}, 1)).float()"],
    "many logits": ["torch.randint(0, 2, ({n}, {units})).float()"],
    "positive": ["torch.rand({n}, {units}) + 0.5"],
    "sign": ["torch.randint(0, 2, ({n}, 1)).float() * 2 - 1"],
}
OPTIMIZERS = [
    ("SGD", {"momentum": [0.9], "weight_decay": [1e-3]}, 0.01),
    ("Adam", {"betas": ["(0.5, 0.999)"], "weight_decay": [1e-4], "eps": [1e-6], "amsgrad": ["True"]}, 0.001),
    ("Adam", {}, 0.001),
    ("AdamW", {"weight_decay": [0.05], "betas": ["(0.8, 0.99)"]}, 0.002),
    ("RMSprop", {"alpha": [0.9], "momentum": [0.5], "centered": ["True"], "weight_decay": [1e-3]}, 0.001),
    ("Adagrad", {"initial_accumulator_value": [0.1], "lr_decay": [0.01]}, 0.01),
    ("Adadelta", {"rho": [0.8]}, 1.0),
    ("Adamax", {"weight_decay": [1e-3]}, 0.002),
    ("NAdam", {}, 0.002),
    ("RAdam", {}, 0.002),
    ("Adadelta", {"weight_decay": [1e-3]}, 0.5),
]
SCHEDULES = [
    "StepLR(optimizer, step_size=1, gamma=0.5)",
    "ExponentialLR(optimizer, 0.9)",
    "MultiStepLR(optimizer, milestones=[1, 3], gamma=0.1)",
    "CosineAnnealingLR(optimizer, T_max=4)",
    "LambdaLR(optimizer, lr_lambda=lambda epoch: 0.9 ** epoch)",
    "LinearLR(optimizer, start_factor=0.5, total_iters=3)",
    "CosineAnnealingLR(optimizer, 3, eta_min=1e-5)",
    "OneCycleLR(optimizer, max_lr=0.01, total_steps=20)",
    "ReduceLROnPlateau(optimizer, patience=0)",
    "ReduceLROnPlateau(optimizer, 'min', factor=0.5, patience=1)",
]
N = 16


def data(dice: Dice, model: Model, task: str) -> list[str]:
    """`x` (and `extra`) and `y`."""
    lines = []
    for number, shape in enumerate(model.inputs):
        size = ", ".join(map(str, (N, *shape)))
        forms = [f"torch.randn({size})", f"torch.from_numpy(rng.normal(size=({size})).astype('float32'))"]
        forms += [f"torch.tensor(rng.normal(size=({size})), dtype=torch.float32)", f"torch.rand({size})"]
        if number in model.words:
            forms = [
                f"torch.randint(0, {model.words[number]}, ({size}))",
                f"torch.from_numpy(rng.integers(0, {model.words[number]}, ({size})))",
            ]
        lines.append(f"{('x', 'extra')[number]} = {dice.one(forms)}")
    lines.append(f"y = {dice.one(TARGETS[task]).format(n=N, units=model.outputs[0])}")
    return lines
