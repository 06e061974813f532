"""Runs one batch through the training code of the written PyTorch file.

What is compared is that code, not a stand-in: the file's `run_epoch`, or its loop in line,
is given a loader of one batch. Where the file has neither, the plain step is taken:
criterion, backward, step.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from transpile.result import TrainingInfo
from transpile.verify.batches import Label
from transpile.verify.loaders import find_template
from transpile.verify.programs import Program, ProgramProblem, described
from transpile.verify.reading import bound_names, called, free_names, runs_backward
from transpile.verify.recipes import Array
from transpile.verify.slicing import local_expression
from transpile.verify.structures import flatten
from transpile.verify.torch_side import TorchModel, Watch

Batch = tuple[Any, ...]


class TrainingProblem(Exception):
    """The training code cannot be run on a batch."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which form of every label, and whether inputs and targets come in tuples.

    `weighted`: the weights of the samples come last.
    """

    numbers: tuple[int, ...]
    nested: bool
    weighted: bool = False

    def choose(self, labels: Sequence[Label]) -> list[Array]:
        """The labels in this form."""
        return [label.forms()[n] for label, n in zip(labels, self.numbers, strict=True)]


class Batches(list[Batch]):
    """A loader of one batch."""

    def __init__(self, batch: Batch) -> None:
        super().__init__([batch])
        first = flatten(batch)[0]
        self.batch_size = len(first)
        self.dataset = range(len(first))
        self.sampler = None


class TorchTraining:
    """The training of one model, as its file writes it."""

    def __init__(self, program: Program, info: TrainingInfo, model: TorchModel) -> None:
        self.program, self.info, self.model = program, info, model
        self.criterion: Any = program.evaluate(info.criterion) if info.criterion else None
        self.optimizer: Any = program.evaluate(info.optimizer)
        for thing in flatten(self.criterion):
            if isinstance(thing, torch.nn.Module):
                thing.to(model.device, model.dtype)
        self.how = "the plain step"
        self.notes: list[str] = []
        self.form: Form | None = None
        self.inputs = 1  # how many arrays of a batch the model takes
        self.loop = None if info.run_epoch else find_loop(program.tree)
        self.run = self._runner()

    def _runner(self) -> Callable[[Batch, bool], Any]:
        if self.info.run_epoch:
            self.how = f"{local_expression(self.info.run_epoch)}()"
            return self._run_epoch
        if self.loop is not None:
            try:
                return self._inline(self.loop)
            except ProgramProblem as problem:
                self.notes.append(f"the loop was not run as written: {problem}")
        return self._plain

    @property
    def evaluates(self) -> bool:
        """Whether the file has a function that also evaluates: one that takes a loader, not a batch."""
        if not self.info.run_epoch:
            return False
        function: Any = self.program.evaluate(self.info.run_epoch)
        return any(_meaning(name) == "loader" for name in inspect.signature(function).parameters)

    def _run_epoch(self, batch: Batch, update: bool) -> Any:
        function: Any = self.program.evaluate(self.info.run_epoch)
        if not self.evaluates:
            return self._on_batch(function, batch)
        return function(**self._arguments(function, batch, update))

    def _on_batch(self, function: Any, batch: Batch) -> Any:
        """A function that takes one step: `train_on_batch(model, x, y, criterion, optimizer)`."""
        tensors = [t.cpu() for t in flatten(batch)]
        inputs, targets = tensors[: self.inputs], tensors[self.inputs :]
        given = {
            "model": self.model.module,
            "criterion": self.criterion,
            "optimizer": self.optimizer,
            "x": inputs[0],
            "inputs": inputs,
            "y": targets[0],
            "targets": targets,
        }
        names = [n for n, p in inspect.signature(function).parameters.items() if p.default is p.empty]
        unknown = [n for n in names if n not in given]
        if unknown:
            raise TrainingProblem(f"{self.how} takes {unknown[0]!r}, which is not known here")
        with self.model.own_dtype():
            return function(**{n: given[n] for n in names})

    def _arguments(self, function: Any, batch: Batch, update: bool) -> dict[str, Any]:
        """Fills the parameters by their names."""
        known: dict[str, Any] = {
            "model": self.model.module,
            "loader": Batches(batch),
            "criterion": self.criterion,
            "optimizer": self.optimizer if update else None,
            "train": update,
            "device": self.model.device,
        }
        values = {}
        for name, parameter in inspect.signature(function).parameters.items():
            meaning = _meaning(name)
            if meaning in known:
                values[name] = known[meaning]
            elif parameter.default is parameter.empty:
                raise TrainingProblem(f"{self.how} takes {name!r}, which is not known here")
        return values

    def _inline(self, loop: ast.For) -> Callable[[Batch, bool], Any]:
        statement, needs = one_batch(loop)
        self.program.load(sorted(needs))
        self.how = f"the loop of line {loop.lineno}"

        def run(batch: Batch, update: bool) -> Any:
            if not update:
                raise TrainingProblem("a loop in line only trains")
            self.program.namespace["_transpile_batches"] = Batches(batch)
            self.program.execute([statement])
            return None

        return run

    def _plain(self, batch: Batch, update: bool) -> Any:
        *inputs, target = batch
        self.model.module.train(update)
        output = self.model.module(*inputs)
        if self.criterion is None:
            raise TrainingProblem("the file has no criterion")
        loss = self.criterion(output, target)
        if update:
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss

    def step(self, inputs: Sequence[Array], labels: Sequence[Label], update: bool = True) -> tuple[Watch, float | None]:
        """One batch: what was watched, and the loss that the code reports."""
        self.inputs = len(inputs)
        if self.form is None:
            return self._first(inputs, labels, update)
        return self._step(self._batch(inputs, labels, self.form), update)

    def _step(self, batch: Batch, update: bool) -> tuple[Watch, float | None]:
        with self.model.watched() as watch:
            try:
                result = self.run(batch, update)
            except (TrainingProblem, ProgramProblem):
                raise
            except Exception as error:
                text = described(error, "torch_program")
                raise TrainingProblem(f"{self.how}: {text}") from None
        return watch, reported_loss(result)

    def _first(self, inputs: Sequence[Array], labels: Sequence[Label], update: bool) -> tuple[Watch, float | None]:
        """The first batch, in the form that the file's own loader gives; where that cannot
        be told, in the first form that the code takes without complaint."""
        nestings = (False, True) if len(inputs) > 1 or len(labels) > 1 else (False,)
        numbers = list(itertools.product(*(range(len(label.forms())) for label in labels)))
        choices = [Form(n, nested) for n in numbers for nested in nestings][:64]
        choices += [Form(n, False, weighted=True) for n in numbers][:32]
        template = find_template(self.program, self.info.run_epoch, self.loop)
        fitting = [
            form for form in choices if template and template.fits(self._arrays(inputs, labels, form), form.nested)
        ]
        if fitting:
            self.form = fitting[0]
            return self.step(inputs, labels, update)
        before = self.model.read()
        state = copy.deepcopy(self.optimizer.state_dict())
        for form in choices:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("error", message=".*target size.*")
                    result = self._step(self._batch(inputs, labels, form), update)
            except (TrainingProblem, ProgramProblem):
                self.model.write(before)
                self.model.clear_gradients()
                self.optimizer.load_state_dict(state)
            else:
                self.form = form
                return result
        self.form = choices[0]
        return self.step(inputs, labels, update)

    @staticmethod
    def _arrays(inputs: Sequence[Array], labels: Sequence[Label], form: Form) -> list[Array]:
        weights = [np.ones(len(inputs[0]))] if form.weighted else []
        return [*inputs, *form.choose(labels), *weights]

    def _batch(self, inputs: Sequence[Array], labels: Sequence[Label], form: Form) -> Batch:
        """The tensors as the loop unpacks them: flat, or inputs and targets in tuples."""
        xs = self.model.arguments(inputs)
        ys = [self.model.tensor(array) for array in form.choose(labels)]
        ys += [self.model.tensor(np.ones(len(inputs[0])))] if form.weighted else []
        if form.nested:
            return (
                xs[0] if len(xs) == 1 else tuple(xs),
                ys[0] if len(ys) == 1 else tuple(ys),
            )
        return (*xs, *ys)


def _meaning(name: str) -> str:
    """What a parameter of a training function stands for."""
    name = name.lower()
    for meaning, words in (
        ("optimizer", ("optim", "opt")),
        ("criterion", ("criterion", "loss")),
        ("loader", ("loader", "data", "batches")),
        ("model", ("model", "net", "module")),
        ("device", ("device",)),
        ("train", ("train", "training", "update")),
    ):
        if any(name == word or word in name.split("_") or (len(word) > 4 and name.startswith(word)) for word in words):
            return meaning
    if name.endswith("loader"):
        return "loader"
    return name


def reported_loss(result: Any) -> float | None:
    """The loss among what a training function returns."""
    if isinstance(result, dict):
        result = result.get("loss")
    if isinstance(result, (tuple, list)):
        result = result[0] if result else None
    try:
        return None if result is None else float(result)
    except (TypeError, ValueError):
        return None


def find_loop(tree: ast.Module) -> ast.For | None:
    """The outermost loop at top level that trains."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.If, ast.With)):
            for statement in node.body:
                if isinstance(statement, ast.For) and runs_backward(statement):
                    return statement
    return None


def one_batch(loop: ast.For) -> tuple[ast.stmt, set[str]]:
    """The loop over `_transpile_batches` once, without what follows the inner loop.

    Also the names that it needs from the rest of the file.
    """
    outer = copy.deepcopy(loop)
    current = outer
    while True:
        inner = next((s for s in current.body if isinstance(s, ast.For) and runs_backward(s)), None)
        if inner is None:
            break
        current.iter = ast.parse("[0]", mode="eval").body
        current.body = current.body[: current.body.index(inner) + 1]
        current.orelse = []
        current = inner
    batches: ast.expr = ast.Name("_transpile_batches", ast.Load())
    if isinstance(current.iter, ast.Call) and called(current.iter) == "enumerate":
        current.iter.args[0] = batches
    else:
        current.iter = batches
    current.orelse = []
    needs = free_names(outer) - bound_names(outer) - {"_transpile_batches"}
    needs -= set(vars(builtins))
    return ast.fix_missing_locations(outer), needs
