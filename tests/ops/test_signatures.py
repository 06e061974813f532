"""The written signatures are those of the installed frameworks: names, order and defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from transpile.registry import Op, all_ops, signature

CHILD = """
import inspect, json, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, torch
from torch import nn
from torch.nn import functional as F

roots = {"layers": keras.layers, "ops": keras.ops, "activations": keras.activations, "nn": nn, "F": F,
         "initializers": keras.initializers, "losses": keras.losses, "metrics": keras.metrics,
         "optimizers": keras.optimizers, "torch": torch}

def find(path):
    head, *rest = path.split(".")
    found = roots.get(head)
    for name in rest:
        found = getattr(found, name, None)
    return found

def describe(path):
    found = find(path)
    if found is None:
        return None
    try:
        parameters = inspect.signature(found.__init__ if inspect.isclass(found) else found).parameters
    except (TypeError, ValueError):
        return "builtin"
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [
        [n, "required" if p.default is inspect.Parameter.empty else repr(p.default)]
        for n, p in parameters.items()
        if n != "self" and p.kind not in kinds
    ]

json.dump({path: describe(path) for path in json.load(sys.stdin)}, sys.stdout)
"""
# Of Keras 1 and 2, or of no public place: there is nothing to compare with.
GONE = ("layers.merge", "layers.ThresholdedReLU")
# Written with the name that a later step reads; `renamed` takes the framework's own.
THROUGH_KEYWORDS = {("layers.dot", "normalize")}  # taken by **kwargs
ROOTS = ("layers.", "ops.", "activations.", "initializers.", "nn.", "F.", "torch.")


def paths() -> list[str]:
    texts = [t for op in all_ops() for t in (op.keras, op.torch, op.function) if t]
    return sorted({signature(t)[0] for t in texts})


@pytest.fixture(scope="module")
def installed() -> dict[str, object]:
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    environment = dict(os.environ, KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="")
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(paths()), capture_output=True, text=True,
        check=True, env=environment,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def written(text: str) -> list[tuple[str, str | None]]:
    return [(n, None if d is None else repr(d.value)) for n, d in signature(text)[1].items()]


@pytest.mark.parametrize("op", all_ops(), ids=lambda op: op.name)
def test_signature(op: Op, installed: dict[str, object]) -> None:
    for text in filter(None, (op.keras, op.torch, op.function)):
        path = signature(text)[0]
        if not path.startswith(ROOTS) or path in GONE:
            continue
        real = installed[path]
        assert real is not None, f"{path} does not exist"
        if real == "builtin":
            continue
        assert isinstance(real, list)
        compare(op, text, [(str(n), str(d)) for n, d in real])


def compare(op: Op, text: str, real: list[tuple[str, str]]) -> None:
    """Names and order agree (tensors have names of ours), defaults are equal."""
    defaults = dict(real)
    names = [n for n, _ in real]
    if not names or "args" in names:
        return  # nn.LSTM and its like take *args, **kwargs
    positions = []
    for name, default in written(text):
        renamed = op.renamed if text == op.keras else {}
        own = [n for n in names if renamed.get(n, n) == name]
        if not own:
            if (signature(text)[0], name) in THROUGH_KEYWORDS:
                continue
            assert name.rstrip("0123456789") in ("x", "xs", "tensors", "shape", "tensor", "inputs"), f"{text}: {name}"
            continue
        positions.append(names.index(own[0]))
        if default is not None:
            assert _number(defaults[own[0]]) == _number(default), f"{text}: {name}"
    assert positions == sorted(positions), text


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
