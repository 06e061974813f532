"""Runs PyTorch programs and their translations in one process, on the same weights, in float64.

The programs take their models from a module `nets`, of which there is one for each framework. Reads
{name: [original, translation]} from standard input, writes {name: [output, output]}.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import sys
import types
from itertools import pairwise
from pathlib import Path

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}

import keras
import numpy as np
import torch

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
torch.set_default_dtype(torch.float64)


def weights(*sizes: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same weights for both frameworks: kernels (in, out) and biases."""
    rng = np.random.default_rng(sum(sizes))
    return [(rng.normal(size=(a, b)) / a, rng.normal(size=b) / 10) for a, b in pairwise(sizes)]


def torch_net(*sizes: int, end: str = "") -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for kernel, bias in weights(*sizes):
        linear = torch.nn.Linear(*kernel.shape)
        linear.weight.data = torch.from_numpy(kernel.T.copy())
        linear.bias.data = torch.from_numpy(bias)
        layers += [linear, torch.nn.Tanh()]
    last = {"sigmoid": [torch.nn.Sigmoid()], "log_softmax": [torch.nn.LogSoftmax(1)]}.get(end, [])
    return torch.nn.Sequential(*layers[:-1], *last)


def keras_net(*sizes: int, end: str = "") -> keras.Model:
    layers: list[keras.layers.Layer] = [keras.Input((sizes[0],))]
    parts = weights(*sizes)
    for i, (kernel, _) in enumerate(parts):
        layers.append(keras.layers.Dense(kernel.shape[1], activation="tanh" if i + 1 < len(parts) else None))
    if end:
        layers.append(keras.layers.Activation(end))
    model = keras.Sequential(layers)
    model.set_weights([w for pair in parts for w in pair])
    return model


def lightning() -> types.ModuleType:
    """The stub in the place of PyTorch Lightning."""
    spec = importlib.util.spec_from_file_location("lightning_stub", Path(__file__).with_name("lightning_stub.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def output(source: str, nets: types.ModuleType) -> str:
    """What a program prints, or how it fails."""
    sys.modules["nets"] = nets
    np.random.seed(0)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(source, "program", "exec"), {"__name__": "__main__"})
    except Exception as error:
        return f"{printed.getvalue()}{type(error).__name__}: {error}"
    return printed.getvalue()


def main() -> None:
    sys.modules["pytorch_lightning"] = lightning()
    modules = []
    for make in (torch_net, keras_net):
        module = types.ModuleType("nets")
        module.Net = make  # type: ignore[attr-defined]
        modules.append(module)
    programs = json.load(sys.stdin)
    found = {name: [output(text, module) for text, module in zip(pair, modules)] for name, pair in programs.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
