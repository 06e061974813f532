"""Random training: targets, losses, optimizers, metrics, `fit` and what follows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dice import Dice
from .layers import Shape

if TYPE_CHECKING:
    from .programs import Model

# kind of target -> (units: 0 for several, final activation, losses)
TASKS: dict[str, tuple[int, str, list[str]]] = {
    "real": (
        0,
        "",
        ["'mse'", "'mae'", "'huber'", "keras.losses.Huber(delta=0.5)", "'log_cosh'", "'mean_squared_error'"],
    ),
    "ids": (
        0,
        "softmax",
        ["'sparse_categorical_crossentropy'", "keras.losses.SparseCategoricalCrossentropy()"],
    ),
    "onehot": (
        0,
        "softmax",
        [
            "'categorical_crossentropy'",
            "keras.losses.CategoricalCrossentropy(label_smoothing=0.1)",
            "'kl_divergence'",
        ],
    ),
    "binary": (
        1,
        "sigmoid",
        [
            "'binary_crossentropy'",
            "keras.losses.BinaryCrossentropy(label_smoothing=0.2)",
            "keras.losses.BinaryFocalCrossentropy()",
        ],
    ),
    "logits": (1, "", ["keras.losses.BinaryCrossentropy(from_logits=True)"]),
    "id logits": (0, "", ["keras.losses.SparseCategoricalCrossentropy(from_logits=True)"]),
    "positive": (0, "softplus", ["'poisson'", "'msle'", "'mape'"]),
    "sign": (1, "tanh", ["'hinge'", "'squared_hinge'"]),
    "direction": (0, "", ["'cosine_similarity'"]),
}
METRICS = {
    "real": ["'mae'", "'mse'", "keras.metrics.RootMeanSquaredError()"],
    "ids": ["'accuracy'", "'sparse_categorical_accuracy'", "keras.metrics.SparseTopKCategoricalAccuracy(k=2)"],
    "onehot": ["'accuracy'", "'categorical_accuracy'", "keras.metrics.AUC()"],
    "binary": [
        "'accuracy'",
        "keras.metrics.Precision()",
        "keras.metrics.AUC()",
        "keras.metrics.BinaryAccuracy(threshold=0.3)",
    ],
}
TARGETS = {
    "real": "rng.normal(size=({n}, {units}))",
    "direction": "rng.normal(size=({n}, {units}))",
    "ids": "rng.integers(0, {units}, {n})",
    "id logits": "rng.integers(0, {units}, {n})",
    "onehot": "keras.utils.to_categorical(rng.integers(0, {units}, {n}), {units})",
    "binary": "rng.integers(0, 2, ({n}, 1))",
    "logits": "rng.integers(0, 2, ({n}, 1)).astype('float32')",
    "positive": "rng.uniform(0.5, 2.0, ({n}, {units}))",
    "sign": "2 * rng.integers(0, 2, ({n}, 1)) - 1",
}
OPTIMIZERS = [
    ("SGD", {"momentum": [0.9], "nesterov": ["True"]}, 0.01),
    ("Adam", {"beta_1": [0.8], "beta_2": [0.99], "epsilon": [1e-8], "amsgrad": ["True"]}, 0.001),
    ("RMSprop", {"rho": [0.8], "momentum": [0.5], "centered": ["True"]}, 0.001),
    ("Adagrad", {"initial_accumulator_value": [0.2]}, 0.01),
    ("Adadelta", {"rho": [0.9]}, 1.0),
    ("Adamax", {"beta_1": [0.8]}, 0.002),
    ("Nadam", {"beta_2": [0.99]}, 0.002),
    ("AdamW", {"weight_decay": [0.01]}, 0.001),
    ("Ftrl", {"l1_regularization_strength": [0.01]}, 0.01),
    ("Lion", {"beta_1": [0.8]}, 0.0005),
]
SCHEDULES = [
    "keras.optimizers.schedules.ExponentialDecay({rate}, 4, 0.9)",
    "keras.optimizers.schedules.ExponentialDecay({rate}, decay_steps=3, decay_rate=0.5, staircase=True)",
    "keras.optimizers.schedules.CosineDecay({rate}, 20)",
    "keras.optimizers.schedules.PiecewiseConstantDecay([3, 6], [{rate}, 0.0005, 0.0001])",
    "keras.optimizers.schedules.InverseTimeDecay({rate}, 5, 0.5)",
    "keras.optimizers.schedules.PolynomialDecay({rate}, 10)",
]
N = 24


def output_of(dice: Dice) -> tuple[int, str]:
    """The units and the final activation of an output; the task is remembered on the dice."""
    task = dice.one(list(TASKS))
    units, final, _ = TASKS[task]
    dice.tasks.append(task)
    return units or dice.number(2, 5), final


def data(dice: Dice, inputs: list[Shape], words: dict[int, int], model: Model) -> list[str]:
    """`x` and `y`, or `x0`, `x1`, ... and `y0`, ...; made with a seed."""
    lines = []
    for number, shape in enumerate(inputs):
        name = "x" if len(inputs) == 1 else f"x{number}"
        if number in words:
            lines.append(f"{name} = rng.integers(0, {words[number]}, ({N}, {shape[0]}))")
        else:
            size = ", ".join(map(str, (N, *shape)))
            lines.append(f"{name} = rng.normal(size=({size})).astype('float32')")
    for number, (units, task) in enumerate(zip(model.outputs, dice.tasks, strict=True)):
        name = "y" if len(model.outputs) == 1 else f"y{number}"
        lines.append(f"{name} = {TARGETS[task].format(n=N, units=units)}")
    return lines


def optimizer(dice: Dice, model: Model) -> str:
    """By name, or with arguments and perhaps a schedule.

    Lion steps by the sign of a gradient, which is rounding noise where a bias has no effect: before a
    normalization, or in the keys of an attention.
    """
    text = "".join([*model.helpers, *model.lines])
    noisy = "Normalization" in text or "MultiHeadAttention" in text
    name, options, rate = dice.one([o for o in OPTIMIZERS if o[0] != "Lion" or not noisy])
    if dice.chance(25):
        return f"'{name.lower()}'"
    first = f"learning_rate={rate}" if dice.chance(60) else str(rate)
    if dice.chance(20):
        first = dice.one(SCHEDULES).format(rate=rate)
    clips = {"clipnorm": [0.5], "clipvalue": [0.1], "global_clipnorm": [0.7]}
    clip = dice.one(["", "", "", *clips])
    extra = [f"{clip}={clips[clip][0]}"] if clip else []
    return dice.call(f"keras.optimizers.{name}", first, *extra, **options)


def compiled(dice: Dice, model: Model) -> list[str]:
    """The call of compile."""
    losses = [dice.one(TASKS[task][2]) for task in dice.tasks]
    several = len(losses) > 1
    arguments = [
        f"optimizer={optimizer(dice, model)}",
        f"loss=[{', '.join(losses)}]" if several else f"loss={losses[0]}",
    ]
    if several and dice.chance(30):
        arguments.append("loss_weights=[1.0, 0.3]")
    found = METRICS.get(dice.tasks[0])
    if not several and found and dice.chance(50):
        arguments.append(f"metrics=[{dice.one(found)}]")
    return [f"model.compile({', '.join(arguments)})"]


def fitted(dice: Dice, model: Model) -> list[str]:
    """fit, and perhaps evaluate and predict."""
    xs = [f"x{i}" for i in range(len(model.inputs))] if len(model.inputs) > 1 else ["x"]
    ys = [f"y{i}" for i in range(len(model.outputs))] if len(model.outputs) > 1 else ["y"]
    x = xs[0] if len(xs) == 1 else f"[{', '.join(xs)}]"
    y = ys[0] if len(ys) == 1 else f"[{', '.join(ys)}]"
    options = {
        "batch_size": [8, 5],
        "validation_split": [0.25],
        "shuffle": ["False"],
        "verbose": [0, 2],
        "callbacks": ["[keras.callbacks.EarlyStopping(monitor='loss', patience=1)]"],
    }
    lines = [f"history = {dice.call('model.fit', x, y, f'epochs={dice.number(1, 2)}', **options)}"]
    if dice.chance(40):
        lines.append(f"print(model.evaluate({x}, {y}, verbose=0))")
    if dice.chance(40) and len(ys) == 1:
        lines.append(f"print(model.predict({x}, verbose=0)[:2])")
    return lines
