"""Input shapes of models that are only built when they are fitted: from the file's own data."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from transpile.result import InputInfo, ModelPair
from transpile.verify.loaders import no_network
from transpile.verify.programs import Program, ProgramProblem
from transpile.verify.reading import called
from transpile.verify.slicing import local_expression


def from_data(program: Program, pair: ModelPair) -> tuple[InputInfo, ...]:
    """The inputs with sizes filled in from the arrays that `fit` is given.

    Sequences of ids keep their free length: it does not size the model.
    """
    if all(i.high is not None or (i.shape and None not in i.shape[1:]) for i in pair.inputs):
        return pair.inputs
    prefix, inside, model = pair.keras.rpartition(".<locals>.")
    for argument in _fitted(program.tree, model):
        with contextlib.suppress(ProgramProblem), no_network():
            expression = prefix + inside + argument
            program.load([expression])
            value = program.evaluate(expression)
            arrays = list(value) if isinstance(value, (list, tuple)) else [value]
            shapes = [getattr(array, "shape", None) for array in arrays]
            if len(shapes) == len(pair.inputs) and None not in shapes:
                return tuple(
                    _filled(info, tuple(shape))
                    for info, shape in zip(pair.inputs, shapes, strict=True)
                    if shape is not None
                )
    return pair.inputs


def from_tensors(program: Program, pair: ModelPair, takes: Callable[[Sequence[InputInfo]], bool]) -> list[InputInfo]:
    """The inputs with the sizes of the tensors that a PyTorch program hands to its model or its data set.

    `takes` tells whether the model runs with them. Empty where nothing in the file fits.
    """
    if ".<locals>." in pair.torch or not pair.inputs:
        return []
    for arguments in _handed(program.tree, pair.torch):
        with contextlib.suppress(ProgramProblem), no_network():
            program.load(arguments)
            values = [program.evaluate(a) for a in arguments][: len(pair.inputs)]
            infos = [_like(info, value) for info, value in zip(pair.inputs, values)]
            if len(infos) == len(pair.inputs) and takes(infos):
                return infos
    return []


def _like(info: InputInfo, value: object) -> InputInfo:
    """The input as a tensor or an array is, its first axis free."""
    shape = getattr(value, "shape", None)
    if not shape:
        return info
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer):
        return replace(info, shape=(None, *shape[1:]))
    return replace(info, shape=(None, *shape[1:]), dtype="int64", high=int(array.max(initial=1)) + 1)


def _handed(tree: ast.Module, model: str) -> list[list[str]]:
    """The arguments of data sets and of calls of the model, as text."""
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args)
    plain = (n for n in calls if not any(isinstance(a, ast.Starred) for a in n.args))
    made = local_expression(model)
    bound = (n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.value).startswith(made))
    names = {"TensorDataset", made, *(ast.unparse(target) for n in bound for target in n.targets)}
    return [[ast.unparse(a) for a in n.args] for n in plain if called(n) in names or ast.unparse(n.func) in names]


def _filled(info: InputInfo, shape: tuple[int, ...]) -> InputInfo:
    if info.high is not None or (info.shape is not None and len(info.shape) != len(shape)):
        return info
    known = info.shape or (None,) * len(shape)
    sizes = (n if k is None else k for k, n in zip(known[1:], shape[1:], strict=True))
    return replace(info, shape=(known[0], *sizes))


def _fitted(tree: ast.Module, model: str) -> list[str]:
    """What the model is fitted on, as text."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in {"fit", "evaluate", "predict"}:
            receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
            if receiver is not None and ast.unparse(receiver) == local_expression(model):
                named = [k.value for k in node.keywords if k.arg == "x"]
                found += [ast.unparse(a) for a in [*node.args[:1], *named]]
    return found
