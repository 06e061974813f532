"""Initial values: the statements, and that they draw from Keras's distributions."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from transpile import keras2torch
from transpile.ir import Expr, Node, literal
from transpile.ops.initializer import OPS, UnknownInitializer, initialize
from transpile.registry import by_name

from .programs import HEAD, squeezed

STRINGS = (
    "glorot_uniform glorot_normal he_uniform he_normal lecun_uniform lecun_normal uniform normal random_normal "
    "random_uniform truncated_normal zeros ones orthogonal identity variance_scaling GlorotUniform HeNormal Zeros"
).split()
# A layer with a large kernel, and the weight of the module that stands for it.
LAYERS = {
    "layers.Dense(300)": ((200,), "weight"),
    "layers.Conv2D(64, 5)": ((9, 9, 32), "weight"),
    "layers.Conv2DTranspose(64, 4)": ((9, 9, 32), "weight"),
    "layers.DepthwiseConv2D(5, depth_multiplier=2)": ((9, 9, 256), "weight"),
}
CHILD = """
import json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, torch
from keras import layers
keras.utils.set_random_seed(0)
torch.manual_seed(0)

def summary(values):
    values = np.asarray(values, "float64").ravel()
    return [values.mean(), values.std(), values.min(), values.max(), np.percentile(values, 75), values.size]

results = []
for layer, shape, code in json.load(sys.stdin):
    made = eval(layer)
    made.build((None, *shape))
    space = {}
    exec(code, space)
    results.append([summary(made.kernel), summary(space["model"].layer.weight.detach())])
json.dump(results, sys.stdout)
"""


def program(layer: str, shape: tuple[int, ...], initializer: str) -> str:
    argument = "depthwise_initializer" if "Depthwise" in layer else "kernel_initializer"
    call = f"{layer[:-1]}, {argument}={initializer}, name='layer')"
    return HEAD + f"inputs = keras.Input({shape!r})\nx = {call}(inputs)\nmodel = keras.Model(inputs, x)\n"


def cases() -> list[tuple[str, tuple[int, ...], str]]:
    """Layer with initialiser, its input's shape, the program."""
    found = []
    for layer, (shape, _) in LAYERS.items():
        for name in STRINGS:
            unfit = ("identity",) if "Dense(" in layer else ("identity", "orthogonal")
            if name in unfit and ("Dense(" not in layer or name == "identity"):
                continue
            source = program(layer, shape, repr(name))
            found.append((source.splitlines()[-2][4:].removesuffix("(inputs)"), shape, source))
    return found


@pytest.mark.parametrize("name", STRINGS)
def test_a_string_is_known(name: str) -> None:
    dense = by_name()["dense"]
    node = Node("dense", {"units": literal(4)})
    lines = initialize(literal(name), "self.dense.weight", dense, dense.weights[0], node)
    assert len(lines) == 1
    assert lines[0].startswith("nn.init.")
    assert "self.dense.weight" in lines[0]


EXAMPLES = [e for op in OPS for e in op.examples]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.keras)
def test_an_object(example: object) -> None:
    keras, torch = getattr(example, "keras", ""), getattr(example, "torch", "")
    source = program("layers.Dense(8)", (8,), f"keras.{keras}")
    result = keras2torch(source)
    assert not result.diagnostics
    assert squeezed(torch.format("self.layer.weight")) in squeezed(result.code), result.code


@pytest.mark.parametrize("text", ["my_init", "keras.initializers.Unheard()"])
def test_an_unknown_one_is_refused(text: str) -> None:
    dense = by_name()["dense"]
    with pytest.raises(UnknownInitializer):
        initialize(Expr(text), "w", dense, dense.weights[0], Node("dense"))


def test_what_pytorch_has_anyway_is_not_written() -> None:
    norm = by_name()["batch_norm"]
    args = {"scale": literal(True), "center": literal(True)}
    lines = norm.weights_of(Node("batch_norm", args)) if norm.weights_of else ()
    assert initialize(literal("ones"), "self.bn.weight", norm, lines[0], Node("batch_norm")) == []
    assert initialize(literal("zeros"), "self.bn.weight", norm, lines[0], Node("batch_norm")) != []


def test_same_distributions() -> None:
    """Mean, spread, limits and upper quartile of many draws agree."""
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    given = cases()
    jobs = [[layer, list(shape), keras2torch(source).code] for layer, shape, source in given]
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(jobs), capture_output=True, text=True, check=True,
        env=dict(os.environ, KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES=""),
    )  # fmt: skip
    for (layer, _, _), (ours, theirs) in zip(given, json.loads(done.stdout), strict=True):
        spread, count = ours[1], ours[5]
        assert count == theirs[5]
        error = 6 * max(spread, 1e-9) / count**0.5
        assert abs(ours[0] - theirs[0]) <= error, layer
        assert abs(ours[1] - theirs[1]) <= error, layer
        assert abs(ours[4] - theirs[4]) <= 3 * error, layer
        if "truncated" in layer or "uniform" in layer or "he_" in layer or "glorot" in layer:
            assert abs(ours[3] - theirs[3]) <= 0.05 * ours[3] + error, layer
