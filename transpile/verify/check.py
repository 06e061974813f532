"""One comparison in the child process, from the two texts to the report."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from transpile.result import InputInfo, ModelPair, TrainingInfo
from transpile.verify import conventions, levels
from transpile.verify.data_shapes import from_data, from_tensors
from transpile.verify.fixed_modes import AS_WRITTEN
from transpile.verify.floors import floor_constructs, lacks_float64
from transpile.verify.frozen import AS_COMPILED
from transpile.verify.imports import read_imports
from transpile.verify.job import Job
from transpile.verify.keras_side import KerasModel, KerasSide
from transpile.verify.locate import layer_errors
from transpile.verify.optimise import Trainer, custom_step, loss_names, projection
from transpile.verify.probing import complete, probed, runs
from transpile.verify.programs import Program, ProgramProblem, described, first_line
from transpile.verify.report import Curve, LayerError, Report, Row
from transpile.verify.subject import KerasProblem, Subject, Unbuildable
from transpile.verify.tolerances import Tolerances, choose
from transpile.verify.torch_side import TorchModel, TorchProblem, TorchSide
from transpile.verify.training import TorchTraining, TrainingProblem
from transpile.verify.whole import Whole


class Check:
    """Runs a job; collects rows, conventions and notes."""

    def __init__(self, job: Job, keras: KerasSide, torch_side: TorchSide) -> None:
        self.job, self.keras, self.torch = job, keras, torch_side
        self.rows: list[Row] = []
        self.conventions: list[str] = []
        self.notes: list[str] = []
        self.dtypes: list[str] = []
        self.curves: list[Curve] = []
        self.layer_errors: list[LayerError] = []
        self.beside = {path.name for path in Path.cwd().iterdir() if path.is_file()}
        self.old = ""  # why the whole original does not run on this Keras, where another may run it
        self.training_problem = ""  # why the training of the present model cannot be had
        self.device = choose_device(job.device)

    def run(self) -> Report:
        """The report. A Keras program that does not run raises KerasProblem."""
        began = time.monotonic()
        if not self.job.pairs:
            return self.report(began, "there is no model to compare")
        problem = ""
        try:
            for pair in self.job.pairs:
                try:
                    self.compare(pair)
                except TorchProblem as error:
                    if self.job.reference == "torch":
                        raise Unbuildable(str(error)) from None
                    self.fails(pair, "PyTorch", str(error))
                except KerasProblem as error:
                    if self.job.reference == "keras":
                        raise
                    self.fails(pair, "Keras", str(error))
            if 6 in self.job.levels:
                self.whole()
        except KerasProblem:
            raise
        except (ProgramProblem, Unbuildable) as error:
            problem = str(error)
        return self.report(began, problem)

    def fails(self, pair: ModelPair, framework: str, reason: str) -> None:
        """The converted program does not run as far as its model."""
        row = Row(1, f"the {framework} program runs", "FAILED", reason=reason)
        self.rows.append(replace(row, model=pair.title))

    def whole(self) -> None:
        """Level 6."""
        run = Whole(self.job, self.keras, self.torch, self.beside)
        self.rows.extend(run.rows())
        self.notes.extend(run.notes)
        self.curves, self.old = run.curves, run.old

    def report(self, began: float, problem: str) -> Report:
        """What was found so far."""
        return Report(
            rows=tuple(self.rows),
            keras=self.keras.version,
            torch=self.torch.version,
            device=self.device,
            dtype="/".join(dict.fromkeys(self.dtypes)),
            conventions=tuple(dict.fromkeys(self.conventions)),
            notes=tuple(dict.fromkeys(self.notes)),
            problem=problem,
            seconds=time.monotonic() - began,
            curves=tuple(self.curves),
            layers=tuple(self.layer_errors),
        )

    def compare(self, pair: ModelPair) -> None:
        """One model, in float64 where TensorFlow has the kernels, else in float32."""
        try:
            rows = self.levels(pair, "float64")
        except Exception as error:
            if not lacks_float64(error):
                raise
            self.notes.append(
                f"{pair.keras}: compared in float32, TensorFlow has no float64 kernel "
                f"for it on this device ({first_line(error)[:120]})"
            )
            rows = self.levels(pair, "float32")
        if self.job.smoke and self.dtypes[-1] == "float64" and 2 in self.job.levels:
            rows.append(self.smoke(pair))
        self.rows.extend(replace(row, model=pair.title) for row in rows)

    def levels(self, pair: ModelPair, dtype: str) -> list[Row]:
        """The rows of every level that was asked for."""
        subject, torch_program = self.subject(pair, dtype)
        self.dtypes.append(dtype)
        self.notes.extend(subject.notes + subject.counterparts.notes)
        limits = self.limits(subject, dtype)
        rows = levels.counterparts(subject)
        if subject.counterparts.problems:
            return rows
        if 6 in self.job.levels:  # for the reader of a whole report
            subject.load()
            self.layer_errors += layer_errors(subject, subject.batch(np.random.default_rng(2)), False, limits.forward)
        for training in (False, True) if 2 in self.job.levels else ():
            mode = "training mode" if training else "inference mode"
            run = partial(levels.forward, subject, training, limits)
            rows.extend(attempt(2, mode, run))
        if {3, 4, 5} & set(self.job.levels):
            rows.extend(self.training(subject, torch_program, limits))
        if _draws(subject):
            self.conventions.append(conventions.DRAWS)
        return [row for row in rows if row.level in self.job.levels]

    def subject(self, pair: ModelPair, dtype: str) -> tuple[Subject, Program]:
        """Both programs run as far as the models of the pair."""
        self.keras.reset(dtype)
        self.torch.reset(dtype)
        job = self.job
        try:
            keras_program = Program(job.keras_source, job.keras_filename, "keras_program")
            read_imports(keras_program.tree, self.keras.legacy, self.keras.backend.name == "tensorflow")
            keras_program.assume(pair.assumed)
            keras_program.load([pair.keras])
            model = keras_program.evaluate(pair.keras)
            infos = pair.inputs
            if job.reference == "keras" and not getattr(model, "inputs", None):
                infos = from_data(keras_program, pair)
        except ProgramProblem as error:
            raise KerasProblem(f"Keras: {error}", error.kind, error.api) from None
        if not hasattr(model, "weights") or not hasattr(model, "_flatten_layers"):
            raise Unbuildable(f"{pair.keras} is a {type(model).__name__}, not a Keras model")
        module, program = self.torch_module(pair)
        if self.keras.flags.restore(model):
            self.conventions.append(AS_COMPILED)
        if self.keras.modes is not None and self.keras.modes.found:
            self.conventions.append(AS_WRITTEN)
        keras_model = KerasModel(self.keras, model)
        torch_model = TorchModel(self.torch, module, dtype)
        original = job.reference == "torch"
        if original:
            keras_model.separate = True
            infos = self.sized(program, pair, torch_model.module)
            if not infos:
                raise Unbuildable(f"no inputs were found that {pair.torch} takes")
        pair = replace(pair, inputs=infos)
        if pair.training is not None and not self.training_problem:
            torch_model.given_to(program.evaluate(pair.training.optimizer))
        return Subject(pair, keras_model, torch_model, dtype, by_structure=original), program

    def sized(self, program: Program, pair: ModelPair, module: torch.nn.Module) -> tuple[InputInfo, ...]:
        """The inputs of a PyTorch program's model: as the conversion knows them, as its data is, or by trial."""
        if not complete(pair.inputs):
            found = from_tensors(program, pair, partial(runs, module))
            if found:
                return tuple(found)
        return probed(module, pair.inputs) or ()

    def torch_module(self, pair: ModelPair) -> tuple[torch.nn.Module, Program]:
        """The PyTorch program, run as far as the model of the pair."""
        job = self.job
        try:
            program = Program(job.torch_source, job.torch_filename, "torch_program")
            program.assume(pair.assumed)
            self.load_torch(program, pair)
            module = program.evaluate(pair.torch)
        except ProgramProblem as error:
            if error.needs:
                raise
            raise TorchProblem(f"PyTorch: {error}") from None
        if not isinstance(module, torch.nn.Module):
            raise TorchProblem(f"{pair.torch} is a {type(module).__name__}, not a module")
        if self.device == "cuda":
            module = module.to("cuda")
        return module, program

    def load_torch(self, program: Program, pair: ModelPair) -> None:
        """Runs what makes the model and its training; at least the model."""
        self.training_problem = ""
        try:
            program.load([pair.torch, *_training_names(pair.training)])
        except ProgramProblem as error:
            self.training_problem = str(error)
            program.load([pair.torch])

    def limits(self, subject: Subject, dtype: str) -> Tolerances:
        """The tolerances for this model."""
        keras = subject.keras
        loss = " ".join(loss_names(keras, 1)) if keras.compiled else ""
        layers = [keras.model, *keras.all_layers(), *(getattr(keras.model, "operations", ()) or ())]
        floor = floor_constructs(layers, loss, self.job.keras_source)
        if floor and dtype == "float64":
            self.notes.append(f"{', '.join(floor)}: TensorFlow computes this in float32, so the tolerances are wider")
        return choose(dtype, bool(floor))

    def training(self, subject: Subject, program: Program, limits: Tolerances) -> list[Row]:
        """Levels 3 to 5, or why they do not apply."""
        info, keras = subject.pair.training, subject.keras
        reason = ""
        if not keras.compiled:
            reason = "the Keras program does not compile this model"
        elif info is None:
            reason = "the PyTorch file has no training for this model"
        elif custom_step(keras):
            reason = "the model defines its own train_step"
        if self.training_problem and not reason:
            row = attempt(4, "gradients", lambda: [projection(subject, limits)])[0]
            return [Row(3, "training", "FAILED", reason=self.training_problem), row]
        if reason or info is None:
            return [
                Row(3, "loss", "not applicable", reason=reason),
                attempt(4, "gradients", lambda: [projection(subject, limits)])[0],
                Row(5, "optimizer steps", "not applicable", reason=reason),
            ]
        trainer: Trainer | None = None

        def run() -> list[Row]:
            nonlocal trainer
            trainer = Trainer(subject, TorchTraining(program, info, subject.torch), limits)
            return trainer.run(self.job.steps)

        rows = attempt(3, "training", run)
        if trainer is not None:
            self.remember(trainer)
            if rows and rows[-1].title == "training":
                rows = trainer.rows + rows
        return rows

    def remember(self, trainer: Trainer) -> None:
        """The conventions and notes of a training."""
        if trainer.aligned:
            self.conventions.append(conventions.EPSILON)
        kind = type(trainer.subject.keras.model.optimizer).__name__
        if trainer.subject.keras.densified and kind in conventions.ADAPTIVE:
            self.conventions.append(conventions.EMBEDDING)
        self.notes.extend(trainer.training.notes)
        if trainer.inert:
            self.notes.append("no effect on the loss, so not compared after the steps: " + ", ".join(trainer.inert[:6]))

    def smoke(self, pair: ModelPair) -> Row:
        """One forward pass in float32, for information."""
        title = "inference mode, float32"
        try:
            subject, _ = self.subject(pair, "float32")
            row = levels.forward(subject, False, choose("float32", False))[0]
        except Exception as error:
            return Row(2, title, "advisory", reason=f"did not run: {first_line(error)}")
        return replace(row, title=title, verdict="advisory", reason="")


# A loss or metric of the program's calls what this version of Keras does not have (`keras.backend.flatten`).
_OTHER_VERSION = re.compile(r"module '(keras|tf_keras|tensorflow)\b.*' has no attribute")


def attempt(level: int, title: str, run: Callable[[], list[Row]]) -> list[Row]:
    """Rows, or one that says why the code could not be run. Raises KerasProblem where another Keras may run it."""
    try:
        return run()
    except (TrainingProblem, ProgramProblem, TorchProblem) as error:
        return [Row(level, title, "FAILED", reason=str(error))]
    except Exception as error:
        if lacks_float64(error):
            raise
        if isinstance(error, AttributeError) and _OTHER_VERSION.match(str(error)):
            raise KerasProblem(f"Keras: {described(error, 'keras_program')}", "AttributeError", True) from None
        reason = f"{type(error).__name__}: {first_line(error)}"
        return [Row(level, title, "FAILED", reason=reason)]


def choose_device(wanted: str) -> str:
    """The device of both sides; asking for a GPU that is not there is an error."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unbuildable("device cuda was asked for, and PyTorch sees no GPU")
    return wanted


def _training_names(info: TrainingInfo | None) -> list[str]:
    if info is None:
        return []
    return [n for n in (info.criterion, info.optimizer, info.run_epoch) if n]


def _draws(subject: Subject) -> bool:
    kinds = {type(layer).__name__ for layer in subject.keras.all_layers()}
    return any("Dropout" in kind or "Noise" in kind for kind in kinds)
