"""Fully connected layers.

https://keras.io/api/layers/core_layers/dense/ https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
"""

from transpile.registry import Example, Op
from transpile.shapes import last_axis

DENSE = Op(
    name="dense",
    keras="layers.Dense(units, activation=None, use_bias=True, kernel_initializer='glorot_uniform', "
    "bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, "
    "kernel_constraint=None, bias_constraint=None)",
    torch="nn.Linear(in_features, out_features, bias=True)",
    same={"units": "out_features", "use_bias": "bias"},
    to_torch={"in_features": "channels"},
    layout="keras",
    shape=last_axis("units"),
    weights=("kernel: i o -> weight: o i", "bias: o -> bias: o"),
    mask="keep",
    renamed={
        "output_dim": "units",
        "init": "kernel_initializer",
        "W_regularizer": "kernel_regularizer",
        "b_regularizer": "bias_regularizer",
        "W_constraint": "kernel_constraint",
        "b_constraint": "bias_constraint",
        "bias": "use_bias",
    },
    examples=(
        Example("layers.Dense(4)", "nn.Linear(8, 4)", input=(8,)),
        Example("layers.Dense(4, use_bias=False)", "nn.Linear(8, 4, bias=False)", input=(8,)),
        Example("layers.Dense(4)", "nn.Linear(8, 4)", input=(5, 8)),
        Example("layers.Dense(4)", "nn.Linear(8, 4)", input=(5, 6, 8)),
    ),
)

OPS = (DENSE,)
