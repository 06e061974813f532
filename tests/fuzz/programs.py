"""Random whole programs: imports, data, a model, compile, fit, and what comes after."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from . import training
from .dice import Dice, Draw
from .layers import Shape, layer, to_vector

MERGES = ["Add", "Multiply", "Average", "Maximum", "Concatenate", "Subtract", "Minimum"]
OPERATORS = ["{a} + {b}", "{a} - {b}", "{a} * {b}", "keras.ops.maximum({a}, {b})"]
POINTWISE = [
    "{a} * 0.5",
    "1 - {a}",
    "keras.ops.tanh({a})",
    "keras.ops.abs({a})",
    "keras.ops.square({a})",
    "-{a}",
    "keras.ops.exp(-keras.ops.square({a}))",
    "{a} / 2 + 1",
]


class Model:
    """The lines that make `model`, and the shapes of its inputs and outputs."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.helpers: list[str] = []
        self.lines: list[str] = []
        self.inputs: list[Shape] = []
        self.words: dict[int, int] = {}  # input -> size of its vocabulary
        self.outputs: list[int] = []
        self.final = ""

    def input_shape(self) -> Shape:
        """Vectors, sequences and images."""
        dice = self.dice
        kind = dice.number(1, 3)
        if kind == 1:
            return (dice.number(1, 12),)
        if kind == 2:
            return (dice.number(3, 12), dice.number(1, 6))
        return (dice.number(4, 12), dice.number(4, 12), dice.one([1, 3, 4]))

    def embedding(self, number: int) -> tuple[str, Shape]:
        """An embedding behind an input of ids."""
        length, vocabulary, size = self.inputs[number][0], self.dice.number(5, 30), self.dice.number(2, 6)
        self.words[number] = vocabulary
        return self.dice.call("layers.Embedding", str(vocabulary), str(size), mask_zero=["True"]), (length, size)

    def head(self, shape: Shape, name: str = "") -> list[str]:
        """The layers that end in an output, by the loss that was chosen."""
        lines = []
        if len(shape) > 1:
            text, shape = to_vector(self.dice, shape)
            lines.append(text)
        units, self.final = training.output_of(self.dice)
        options = f", activation='{self.final}'" if self.final else ""
        options += f", name='{name}'" if name else ""
        self.outputs.append(units)
        return [*lines, f"layers.Dense({units}{options})"]


def sequential(dice: Dice) -> Model:
    """A list, or a stack that grows by `add`."""
    model = Model(dice)
    shape = model.input_shape()
    model.inputs = [shape]
    texts = [f"keras.Input({shaped(shape)})"]
    if len(shape) == 1 and dice.chance(30):
        text, shape = model.embedding(0)
        texts.append(text)
    for _ in range(dice.number(0, 5)):
        text, shape = layer(dice, shape)
        texts.append(text)
    texts += model.head(shape)
    if dice.chance(40):
        model.lines = ["model = keras.Sequential()", *(f"model.add({text})" for text in texts)]
    else:
        model.lines = ["model = keras.Sequential(", "    [", *(f"        {text}," for text in texts), "    ]", ")"]
    return model


def functional(dice: Dice) -> Model:
    """A graph: branches, merges, shared layers, helper functions, several inputs and outputs."""
    model = Model(dice)
    live: list[tuple[str, Shape]] = []
    for number in range(dice.one([1, 1, 2])):
        shape = model.input_shape()
        model.inputs.append(shape)
        name = f"input{number}" if number else "inputs"
        model.lines.append(f"{name} = keras.Input({shaped(shape)})")
        if len(shape) == 1 and dice.chance(30):
            text, shape = model.embedding(number)
            model.lines.append(f"{name}_embedded = {text}({name})")
            name += "_embedded"
        live.append((name, shape))
    for _ in range(dice.number(1, 6)):
        step(model, live)
    finish(model, live)
    return model


def step(model: Model, live: list[tuple[str, Shape]]) -> None:
    """One more tensor, from a random one of the last."""
    dice = model.dice
    kind = dice.one(["layer"] * 6 + ["pointwise", "merge", "merge", "shared", "helper", "attention"])
    source, shape = live[-1 - dice.number(0, min(2, len(live) - 1))]
    name = dice.fresh("h")
    if kind == "pointwise":
        model.lines.append(f"{name} = {dice.one(POINTWISE).format(a=source)}")
    elif kind == "merge" and _partner(live, source, shape):
        other = dice.one(_partner(live, source, shape))
        shape = merge(model, name, source, other, shape)
    elif kind == "shared" and _partner(live, source, shape):
        other = dice.one(_partner(live, source, shape))
        text, shape = layer(dice, shape)
        shared = dice.fresh("shared")
        model.lines += [f"{shared} = {text}", f"{name} = {shared}({source})", f"{name}b = {shared}({other})"]
        live.append((f"{name}b", shape))
    elif kind == "helper" and len(shape) > 1:
        helper(model, name, source, shape)
    elif kind == "attention" and len(shape) == 2:
        text = dice.call("layers.MultiHeadAttention", str(dice.number(1, 3)), str(dice.number(1, 4)), dropout=["0.1"])
        model.lines.append(f"{name} = {text}({source}, {source})")
    else:
        text, shape = layer(dice, shape)
        model.lines.append(f"{name} = {text}({source})")
    live.append((name, shape))


def _partner(live: list[tuple[str, Shape]], source: str, shape: Shape) -> list[str]:
    return [other for other, theirs in live if theirs == shape and other != source]


def merge(model: Model, name: str, a: str, b: str, shape: Shape) -> Shape:
    """Two tensors of one shape become one."""
    dice = model.dice
    if dice.chance(40):
        model.lines.append(f"{name} = {dice.one(OPERATORS).format(a=a, b=b)}")
        return shape
    kind = dice.one(MERGES)
    if kind != "Concatenate":
        functional_name = kind.lower()
        if dice.chance(30):
            model.lines.append(f"{name} = layers.{functional_name}([{a}, {b}])")
        else:
            model.lines.append(f"{name} = layers.{kind}()([{a}, {b}])")
        return shape
    axis = dice.one([-1, len(shape), 1])
    place = (axis if axis > 0 else len(shape)) - 1
    model.lines.append(f"{name} = layers.Concatenate({f'axis={axis}' if axis != -1 else ''})([{a}, {b}])")
    return tuple(2 * n if i == place else n for i, n in enumerate(shape))


def helper(model: Model, name: str, source: str, shape: Shape) -> None:
    """A residual block as a function that is called twice, or in a loop."""
    dice = model.dice
    function, rank, channels = dice.fresh("block"), len(shape) - 1, shape[-1]
    norm = dice.one(["", "x = layers.BatchNormalization()(x)", "x = layers.LayerNormalization()(x)"])
    first = dice.one([f"layers.Conv{rank}D(filters, 3, padding='same', activation='relu')", "layers.Dense(filters)"])
    body = [f"def {function}(x, filters, rate=0.2):", "    shortcut = x", f"    x = {first}(x)"]
    body += [f"    {norm}"] if norm else []
    if dice.chance(50):
        body.append("    x = layers.Dropout(rate)(x)")
    body += ["    return layers.Add()([x, shortcut])", ""]
    model.helpers += body
    if dice.chance(50):
        model.lines.append(f"{name} = {function}({source}, {channels})")
    else:
        model.lines += [f"{name} = {source}", f"for _ in range({dice.number(1, 2)}):"]
        model.lines.append(f"    {name} = {function}({name}, {channels}, rate=0.1)")


def finish(model: Model, live: list[tuple[str, Shape]]) -> None:
    """One or two heads on what nothing read yet, concatenated; then the model.

    Dead ends are rare in programs that people wrote, and are left out of the model by both
    frameworks: one in twenty stays.
    """
    dice, count = model.dice, len(model.inputs)
    read = set(re.findall(r"[a-z]\w*", " ".join(line.partition("=")[2] for line in model.lines)))
    loose = [item for item in live[count:-1] if item[0] not in read and not dice.chance(5)]
    vectors = [_vector(model, name, shape) for name, shape in dict.fromkeys([live[-1], *loose, *live[:count]])]
    joined = vectors[0]
    if len(vectors) > 1:
        model.lines.append(f"joined = layers.Concatenate()([{', '.join(vectors)}])")
        joined = "joined"
    for number in range(dice.one([1, 1, 1, 2])):
        *_, last = model.head((1,), f"out{number}" if dice.chance(20) else "")
        model.lines.append(f"output{number} = {last}({joined})")
    inputs = ["inputs", *(f"input{i}" for i in range(1, count))]
    outputs = [f"output{i}" for i in range(len(model.outputs))]
    model.lines.append(f"model = keras.Model({_listed(inputs)}, {_listed(outputs)})")


def _vector(model: Model, name: str, shape: Shape) -> str:
    """The tensor with one axis left."""
    return name if len(shape) == 1 else f"{to_vector(model.dice, shape)[0]}({name})"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def shaped(shape: Shape) -> str:
    return f"shape={shape}"


@st.composite
def keras_program(draw: Draw) -> str:
    """The text of a program, which hypothesis can shrink."""
    return written(Dice(draw))


def written(dice: Dice) -> str:
    """The text of a program."""
    model = dice.one([sequential, functional])(dice)
    lines = ["import keras", "import numpy as np", "from keras import layers", ""]
    lines += ["rng = np.random.default_rng(7)", *training.data(dice, model.inputs, model.words, model)]
    lines += ["", *model.helpers, *model.lines, *training.compiled(dice, model), *training.fitted(dice, model)]
    return "\n".join(lines) + "\n"
