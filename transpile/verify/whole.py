"""Level 6: both programs run to their end, and everything that can be seen of them is compared.

Both start from the same weights (those of `Subject`), take the samples in their order, and draw
the same fixed values; PyTorch's optimizers place epsilon as Keras does. The comparison is in
float64: what a program makes in float32 is widened. Where that does not work, in float32.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from transpile.result import InputInfo, ModelPair
from transpile.verify.batches import random_inputs
from transpile.verify.imports import read_imports
from transpile.verify.job import Job
from transpile.verify.keras_side import KerasModel, KerasSide
from transpile.verify.programs import Program, ProgramProblem, first_line
from transpile.verify.report import Curve, Row
from transpile.verify.structures import flatten
from transpile.verify.subject import Subject, Unbuildable, input_infos
from transpile.verify.torch_side import TorchModel, TorchProblem, TorchSide
from transpile.verify.whole_compare import compared
from transpile.verify.whole_keras import KerasRun
from transpile.verify.whole_record import Cuts, Record
from transpile.verify.whole_text import EPOCHS, MADE, MODEL, WATCHED, instrumented, unnamed
from transpile.verify.whole_torch import TorchRun

Key = tuple[int, int]


class Whole:
    """Both programs, from the first line to the last."""

    def __init__(self, job: Job, keras: KerasSide, torch: TorchSide, beside: set[str]) -> None:
        self.job, self.keras, self.torch = job, keras, torch
        self.beside = beside  # data files in the working directory, for both programs
        self.cuts = Cuts(job.max_epochs, job.max_batches, job.max_samples)
        self.original = job.reference == "torch"
        self.subjects: dict[Key, Subject] = {}
        self.given: dict[Key, tuple[InputInfo, ...]] = {}  # what the Keras program calls its models with
        self.notes: list[str] = []
        self.old = ""  # why the original does not run on this Keras, where another may run it
        self.curves: list[Curve] = []

    def rows(self) -> list[Row]:
        """What the comparison found; a program that does not run is a row that failed."""
        title = "the programs run to their end"
        if self.keras.backend.name == "jax":  # what a compiled step computes is not seen
            reason = "whole programs are compared with Keras on TensorFlow or PyTorch"
            return [Row(6, title, "not applicable", reason=reason)]
        try:
            return self.compare("float64")
        except (ProgramProblem, Unbuildable, TorchProblem) as wide:
            try:
                rows = self.compare("float32")
            except (ProgramProblem, Unbuildable, TorchProblem) as problem:
                # What is missing here is said, and says nothing about the conversion.
                missing = getattr(problem, "needs", False) or self.old
                return [Row(6, title, "not applicable" if missing else "FAILED", reason=str(problem))]
            self.notes.append(f"whole programs: compared in float32 ({first_line(wide)[:120]})")
            return rows

    def compare(self, dtype: str) -> list[Row]:
        """Both runs in that dtype."""
        self.subjects = {}
        self.keras.reset(dtype)
        self.torch.reset(dtype)
        ours, exact = self.run_keras()
        run = self.run_torch(ours, exact, dtype)
        self.curves = [Curve("loss of every update", tuple(ours.updates), tuple(run.record.updates))]
        return compared(ours, run, self.subjects, dtype)

    def run_keras(self) -> tuple[Record, set[str]]:
        """The Keras program; its optimizers that place epsilon as PyTorch does."""
        program = Program(self.job.keras_source, self.job.keras_filename, "keras_program")
        read_imports(program.tree, self.keras.legacy, self.keras.backend.name == "tensorflow")
        run = KerasRun(self.keras, self.cuts, self.build, summed=self.original)
        self.old = ""
        with run.hooked():
            try:
                self.execute(program, [pair.keras for pair in self.job.pairs], run, self.keras.keras.Model)
            except ProgramProblem as problem:
                self.old = str(problem) if problem.api and self.job.reference == "keras" else ""
                raise
        for key, model in run.record.models.items():
            if id(model) not in run.fresh:  # else the program never used it
                run.record.weights[key] = KerasModel(self.keras, model).read()
        return run.record, run.exact

    def build(self, key: Key, model: KerasModel, given: tuple[Any, ...]) -> None:
        """Makes the weights of a model that Keras would make on the first batch."""
        model.separate = self.original
        if given:
            self.given[key] = infos_of(given)
        if model.weights and getattr(model.model, "built", True):
            return
        if given:
            with self.keras.real_draws():
                model.model(*given, training=False)
            return
        infos = input_infos(self.pair(key), model)
        model.call(random_inputs(infos, "float32", np.random.default_rng(1)), False)

    def pair(self, key: Key) -> ModelPair:
        """The pair of a model, with the sizes that the program gives it."""
        pair = self.job.pairs[key[0]]
        return replace(pair, inputs=self.given[key]) if self.original and key in self.given else pair

    def run_torch(self, ours: Record, exact: set[str], dtype: str) -> TorchRun:
        """The PyTorch program, its models started with the weights of Keras's."""

        def load(key: Key, module: Any) -> None:
            if key not in ours.weights:
                raise ProgramProblem(f"{self.job.torch_filename}: uses a model that the Keras program does not use")
            model = KerasModel(self.keras, ours.models[key])
            model.separate = self.original
            subject = self.subject(key, model, TorchModel(self.torch, module, dtype), dtype)
            if subject.counterparts.problems:
                raise ProgramProblem(f"{self.job.torch_filename}: {subject.counterparts.problems[0]}")
            self.subjects[key] = subject

        program = Program(self.job.torch_source, self.job.torch_filename, "torch_program")
        run = TorchRun(self.torch, self.cuts, dtype, load, summed=self.original)
        run.exact = exact
        import torch

        with run.hooked():
            self.execute(program, [pair.torch for pair in self.job.pairs], run, torch.nn.Module)
        return run

    def subject(self, key: Key, model: KerasModel, module: TorchModel, dtype: str) -> Subject:
        """The models of a pair; of those that one variable may hold, the pair that they are."""
        first = self.pair(key)
        alike = [p for p in self.job.pairs if p.assumed and p.keras == first.keras and p.assumed != first.assumed]
        made = [Subject(pair, model, module, dtype, self.original, draws=1) for pair in (first, *alike)]
        return next((s for s in made if not s.counterparts.problems), made[0])

    def execute(self, program: Program, models: list[str], run: KerasRun | TorchRun, framework: Any) -> None:
        """The program in a folder of its own, as `__main__`."""
        watched = {p.training.run_epoch for p in self.job.pairs if p.training and p.training.run_epoch}
        run.unnamed = unnamed(models)
        tree = instrumented(program.tree, models, watched if isinstance(run, TorchRun) else set())
        hooks: dict[str, Callable[..., Any]] = {
            MODEL: run.seen,
            MADE: run.seen,
            EPOCHS: self.cuts.shortened,
            WATCHED: getattr(run, "watched", lambda function: function),
            "print": run.record.print(framework),
        }
        folder = Path.cwd() / program.module.__name__
        program.namespace.update(hooks, __name__="__main__")
        np.random.seed(0)
        random.seed(0)
        before = Path.cwd()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in self.beside:
            shutil.copy(before / name, folder)
        os.chdir(folder)
        try:
            program.execute(tree.body)
        except ProgramProblem as problem:
            if problem.kind != "SystemExit":
                raise
        finally:
            os.chdir(before)
        run.record.look(folder, self.beside)


def infos_of(given: tuple[Any, ...]) -> tuple[InputInfo, ...]:
    """The shapes, dtypes and largest ids of what a model is called with."""
    infos = []
    for number, array in enumerate(flatten(list(given))):
        values = np.asarray(array)
        high = int(values.max()) + 1 if np.issubdtype(values.dtype, np.integer) and values.size else None
        infos.append(InputInfo(f"input{number}", tuple(values.shape), str(values.dtype), high))
    return tuple(infos)
