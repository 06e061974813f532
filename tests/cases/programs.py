"""Runs a program of fixtures/cases to its end, as a user would: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

# Keras checks the sums of the files of its data sets, and would fetch a stand-in again.
ON_KERAS = """
import runpy, sys
from keras.src.utils import file_utils
file_utils.validate_file = lambda *_, **__: True
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""

# `keras` and `tensorflow.keras` are the tf_keras package.
ON_TF_KERAS = """
import importlib, runpy, sys
for part in ("layers", "models", "optimizers", "regularizers", "utils", "datasets", "backend"):
    importlib.import_module("tf_keras." + part)
for name, module in list(sys.modules.items()):
    if name.partition(".")[0] == "tf_keras":
        sys.modules[name.removeprefix("tf_")] = module
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""

LAUNCHERS = {"keras3": ON_KERAS, "tf_keras": ON_TF_KERAS}


def run(program: Path, scratch: Path, seconds: float, on: str = "") -> str:
    """What the program prints. Fails unless it ends well, in its time.

    A Keras program says on which Keras: "keras3" or "tf_keras".
    """
    launcher = ["-c", LAUNCHERS[on]] if on else []
    command = [sys.executable, "-P", *launcher, str(program)]
    done = subprocess.run(
        command,
        cwd=scratch,
        env=_environment(scratch, on),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    output = done.stdout.decode()
    errors = done.stderr.decode(errors="replace")
    assert done.returncode == 0, f"status {done.returncode}\n{output[-2000:]}\n{errors[-4000:]}"
    return output


def _environment(scratch: Path, on: str) -> dict[str, str]:
    """One thread, no GPU, no screen, and nothing of the user's own files."""
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "PYTHON"))},
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_USE_LEGACY_KERAS": str(int(on == "tf_keras")),
        "KERAS_BACKEND": "tensorflow",
        "COLUMNS": "120",
    }


def put_mnist(scratch: Path) -> None:
    """A small stand-in for MNIST, where Keras and the converted programs look for it."""
    rng = np.random.default_rng(0)
    folder = scratch / "home" / ".keras" / "datasets"
    folder.mkdir(parents=True)
    arrays = {}
    for part, count in (("train", 512), ("test", 128)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (count, 28, 28)).astype("uint8")
        arrays[f"y_{part}"] = (np.arange(count) % 10).astype("uint8")
    np.savez(folder / "mnist.npz", **arrays)


DATA = {"mnist": put_mnist}
