"""Each expression alone: its text, and its value in both frameworks."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import pytest

from transpile import keras2torch

from .expressions import EXPRESSIONS

HEADER = """import tensorflow as tf
from keras import ops
from tensorflow.keras import backend as K
"""
PARAMETERS = "x, y, b, p, q, ids, pairs, n=1.5"
CHILD = """
import json, os, sys
import numpy as np
import tensorflow as tf, torch

rng = np.random.default_rng(3)
def rows(): a = rng.random((5, 8)) + 0.1; return a / a.sum(-1, keepdims=True)
arrays = [rng.normal(size=s).astype("float32") for s in ((5, 8), (5, 8), (3, 4, 6))]
arrays += [rows().astype("float32"), rows().astype("float32")]
arrays += [np.array([1, 0, 3, 2, 1]), np.array([[0, 1], [4, 7], [2, 2]])]
before, after = json.load(sys.stdin)
ours, theirs = {}, {}
exec(before, theirs)
exec(after, ours)
answers = []
for number in range(int(sys.argv[1])):
    name = f"f{number}"
    try:
        expected = theirs[name](*map(tf.constant, arrays))
        expected = np.asarray(expected)
        got = ours[name](*map(torch.tensor, arrays))
        got = np.asarray(got.detach() if hasattr(got, "detach") else got)
        if expected.shape != got.shape:
            answers.append(f"shape {got.shape}, not {expected.shape}")
        elif expected.dtype.kind != got.dtype.kind:
            answers.append(f"dtype {got.dtype}, not {expected.dtype}")
        elif not np.allclose(expected, got, rtol=1e-5, atol=1e-6):
            answers.append(f"differs by {np.abs(expected - got).max()}")
        else:
            answers.append("")
    except Exception as error:
        answers.append(f"{type(error).__name__}: {error}")
json.dump(answers, sys.stdout)
"""


def program() -> str:
    functions = [f"def f{i}({PARAMETERS}):\n    return {e}\n" for i, (e, _) in enumerate(EXPRESSIONS)]
    return HEADER + "\n\n" + "\n\n".join(functions)


@pytest.fixture(scope="module")
def converted() -> str:
    return keras2torch(program()).code


@pytest.fixture(scope="module")
def texts(converted: str) -> dict[str, str]:
    functions = [n for n in ast.parse(converted).body if isinstance(n, ast.FunctionDef)]
    return {f.name: ast.unparse(f.body[-1]) for f in functions}


@pytest.fixture(scope="module")
def answers(converted: str) -> list[str]:
    pytest.importorskip("tensorflow")
    pytest.importorskip("torch")
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(len(EXPRESSIONS))], input=json.dumps([program(), converted]),
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("number", range(len(EXPRESSIONS)), ids=[e for e, _ in EXPRESSIONS])
def test_expression(number: int, texts: dict[str, str], answers: list[str]) -> None:
    expected = EXPRESSIONS[number][1]
    # What stayed could still run: TensorFlow takes PyTorch's tensors.
    assert not re.search(r"\b(tf|K|ops)\.", texts[f"f{number}"])
    if expected is not None:
        assert texts[f"f{number}"] == "return " + ast.unparse(ast.parse(expected))
    assert answers[number] == ""
