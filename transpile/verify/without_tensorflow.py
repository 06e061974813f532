"""Stands for `tensorflow` in a program that runs on another of Keras's backends.

`tf.keras` is Keras; anything else of TensorFlow's says that it is needed.
"""

from __future__ import annotations

from types import SimpleNamespace

import keras

from transpile.verify.programs import TensorFlowMissing

float16, float32, float64 = "float16", "float32", "float64"
int32, int64, bool = "int32", "int64", "bool"
random = SimpleNamespace(set_seed=lambda seed: None)  # the comparison replaces every draw

__all__ = ["bool", "float16", "float32", "float64", "int32", "int64", "keras", "random"]


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(name)
    raise TensorFlowMissing(f"tf.{name} needs TensorFlow, and Keras runs on {keras.config.backend()} here")
