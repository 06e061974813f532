"""Data that come in batches: generators, Sequences, pipelines."""

from __future__ import annotations

import ast

from transpile.frontends.keras_compile import Refused
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Function, Stream
from transpile.ir import UNKNOWN, Expr
from transpile.training_ir import Batches

# What the methods of old take, which Keras 3 has no more: the parameters of their successors.
GENERATOR_METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "fit_generator": (
        "fit",
        ("x", "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps",
         "validation_freq", "class_weight", "max_queue_size", "workers", "use_multiprocessing", "shuffle",
         "initial_epoch"),
    ),
    "evaluate_generator": (
        "evaluate",
        ("x", "steps", "callbacks", "max_queue_size", "workers", "use_multiprocessing", "verbose"),
    ),
    "predict_generator": (
        "predict",
        ("x", "steps", "callbacks", "max_queue_size", "workers", "use_multiprocessing", "verbose"),
    ),
}  # fmt: skip
_IN_SAMPLES = ("samples_per_epoch", "nb_val_samples", "val_samples")


def modern_arguments(given: dict[str, Expr]) -> dict[str, Expr]:
    """The arguments of a `_generator` method in today's names. Raises Refused."""
    if "generator" in given:
        given["x"] = given.pop("generator")
    for name in _IN_SAMPLES:
        if name in given:
            raise Refused("K2T171", f"{name}={given[name].text} counts samples, as Keras 1 did, not batches")
    return given


def batches(expr: Expr | None, steps: Expr | None, required: bool = False) -> Batches | None:
    """The batches that an argument yields; None where it is arrays. Raises Refused.

    `required`: the argument can be nothing else (of `fit_generator`, or without targets).
    """
    if expr is None:
        return None
    value = expr.value
    if not isinstance(value, Stream):
        if required:
            raise Refused("K2T127", f"what {expr.text} yields is not seen")
        return None
    if value.problem:
        if value.kind == "sequence":
            raise Refused("K2T172", f"the ImageDataGenerator of {expr.text} cannot be written out: {value.problem}")
        raise Refused("K2T171", f"the pipeline {expr.text} cannot be written out: {value.problem}")
    if steps is not None and (steps.value is None or steps.text.replace(" ", "") == f"len({expr.text})"):
        steps = None
    steps = whole(steps)
    ends = value.ends or (value.cls is not None and isinstance(class_attribute(value.cls, "on_epoch_end"), Function))
    if value.cls is not None and class_attribute(value.cls, "on_epoch_begin") is not UNKNOWN:
        raise Refused("K2T171", f"{value.cls.node.name.value}.on_epoch_begin cannot be converted")
    weight = Expr("") if value.weighted else None
    return Batches((), weight=weight, source=expr, kind=value.kind, steps=steps, ends=ends)


def whole(steps: Expr | None) -> Expr | None:
    """A number of batches; None for all.

    `len(x) / 32` is as Keras 2 counts them (Keras 3 refuses a part of a batch): the last one is begun.
    """
    if steps is None or steps.value is None:
        return None
    try:
        written = ast.parse(steps.text, mode="eval").body
    except SyntaxError:
        return steps
    divided = isinstance(written, ast.BinOp) and isinstance(written.op, ast.Div)
    return Expr(f"math.ceil({steps.text})") if divided or isinstance(steps.value, float) else steps
