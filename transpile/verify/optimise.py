"""Levels 3 to 5: loss, gradients and optimizer steps."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from transpile.verify import conventions
from transpile.verify.batches import Label, difference, label_kind, random_label
from transpile.verify.keras_side import KerasModel
from transpile.verify.levels import verdict_row
from transpile.verify.recipes import Array
from transpile.verify.report import Row
from transpile.verify.subject import Subject
from transpile.verify.tolerances import INERT, Tolerances
from transpile.verify.training import TorchTraining, TrainingProblem

UPDATE_LIMIT = 1e-5  # of the largest change of a tensor; plain Adam's epsilon shows at 7e-6


def loss_names(keras: KerasModel, outputs: int) -> list[str]:
    """The name of the compiled loss of every output."""
    loss = getattr(keras.model, "loss", None)
    if isinstance(loss, dict):
        names = list(getattr(keras.model, "output_names", ()) or loss)
        loss = [loss.get(name) for name in names]
    losses = list(loss) if isinstance(loss, (list, tuple)) else [loss] * outputs
    return [_loss_name(one) for one in losses]


def _kind(loss: str, output: Array) -> str:
    """Targets for a loss; where the name does not say, yes and no for outputs like probabilities."""
    kind = label_kind(loss)
    probable = bool(output.size) and float(output.min()) >= 0 and float(output.max()) <= 1
    return "binary" if kind == "real" and probable else kind


def _loss_name(loss: Any) -> str:
    if loss is None or isinstance(loss, str):
        return loss or ""
    loss = loss.func if isinstance(loss, functools.partial) else loss
    return str(getattr(loss, "__name__", type(loss).__name__))


def custom_step(keras: KerasModel) -> bool:
    """The model defines its own training step."""
    method = type(keras.model).train_step
    return str(method.__module__).partition(".")[0] not in {"keras", "tf_keras"}


class Trainer:
    """Trains both sides on the same batches and compares as it goes."""

    def __init__(self, subject: Subject, training: TorchTraining, limits: Tolerances) -> None:
        self.subject, self.training, self.limits = subject, training, limits
        subject.keras.settle_training()
        outputs = subject.keras.forward(subject.batch(), False)
        self.shapes = [o.shape for o in outputs]
        names = loss_names(subject.keras, len(outputs))
        self.kinds = [_kind(name, output) for name, output in zip(names, outputs, strict=True)]
        own = conventions.as_torch(getattr(subject.keras.model, "optimizer", None))
        self.aligned = not own and conventions.align_epsilon(training.optimizer)
        self.largest: dict[str, float] = {}
        self.inert: list[str] = []
        self.rows: list[Row] = []

    def labels(self) -> list[Label]:
        """Targets for one batch."""
        subject = self.subject
        return [
            random_label(kind, shape, subject.dtype, subject.rng)
            for kind, shape in zip(self.kinds, self.shapes, strict=True)
        ]

    def run(self, steps: int) -> list[Row]:
        """All rows of levels 3 to 5."""
        subject = self.subject
        subject.load()
        subject.torch.clear_gradients()
        inputs, labels = subject.batch(), self.labels()
        self.parameters()
        trace: list[tuple[float, float]] = []
        for number in range(steps):
            if number:
                inputs, labels = subject.batch(), self.labels()
            trace.append(self.step(inputs, labels, first=number == 0))
        self.after(steps, trace)
        subject.load()
        self.evaluation(inputs, labels)
        return sorted(self.rows, key=lambda row: row.level)

    def step(self, inputs: Sequence[Array], labels: Sequence[Label], first: bool) -> tuple[float, float]:
        """One batch on both sides; the losses."""
        keras = self.subject.keras
        loss, gradients = keras.loss_and_gradients(inputs, targets_of(labels))
        watch, reported = self.training.step(inputs, labels)
        if not watch.backwards:
            raise TrainingProblem(f"{self.training.how} ran no backward pass")
        ours = self.subject.as_parameters(self.subject.numbered(gradients))
        for name, gradient in ours.items():
            size = float(np.abs(gradient).max(initial=0.0))
            self.largest[name] = max(size, self.largest.get(name, 0.0))
        if first:
            theirs = watch.backwards[0]
            errors = [(f"{self.training.how}, backward pass", relative(loss, theirs.loss))]
            if reported is not None:
                errors.append(("the loss that it reports", relative(loss, reported)))
            title = f"training loss, {self.training.how}"
            self.rows.append(verdict_row(3, title, errors, len(errors), self.limits.loss))
            if not all(watch.modes):
                reason = f"{self.training.how} updates the model in inference mode"
                self.rows.append(Row(3, "mode", "FAILED", 1, reason=reason))
            self.rows.append(gradient_row(self.subject, ours, theirs.gradients, self.limits, "of the loss"))
        keras.step(gradients)
        return loss, watch.backwards[0].loss

    def evaluation(self, inputs: Sequence[Array], labels: Sequence[Label]) -> None:
        """The loss of an evaluation pass, where the file has a function for it."""
        if not self.training.evaluates:
            return
        loss, _ = self.subject.keras.loss_and_gradients(inputs, targets_of(labels), training=False)
        watch, reported = self.training.step(inputs, labels, update=False)
        if reported is None:
            return
        title = f"evaluation loss, {self.training.how}"
        errors = [("the loss that it reports", relative(loss, reported))]
        self.rows.append(verdict_row(3, title, errors, 1, self.limits.loss))
        if any(watch.modes):
            reason = f"{self.training.how} evaluates in training mode (no model.eval())"
            self.rows.append(Row(3, "mode of the evaluation", "FAILED", 1, reason=reason))

    def after(self, steps: int, trace: Sequence[tuple[float, float]]) -> None:
        """The loss trace and the weights after the last step."""
        errors = [(f"step {n + 1}", relative(a, b)) for n, (a, b) in enumerate(trace)]
        self.rows.append(verdict_row(5, f"loss of {steps} steps", errors, len(trace), self.limits.trace))
        subject = self.subject
        ours, theirs = subject.converted(), subject.torch.read()
        start = subject.counterparts.convert(subject.start)
        top = max(self.largest.values(), default=0.0)
        trainable = {n for n, p in subject.torch.state().items() if p.requires_grad}
        self.inert = [n for n in ours if n in trainable and self.largest.get(n, 0.0) < INERT * top]
        names = [n for n in ours if n not in self.inert and np.issubdtype(ours[n].dtype, np.floating)]
        if subject.dtype == "float32":
            names = [n for n in names if "running_" not in n]
        errors = [(n, difference(ours[n], theirs[n])) for n in names]
        count = sum(ours[n].size for n in names)
        title = f"weights after {steps} steps"
        self.rows.append(verdict_row(5, title, errors, count, self.limits.weights))
        if subject.dtype == "float64" and self.limits.weights <= 1e-7:
            errors = [
                (n, difference(ours[n] - start[n], theirs[n] - start[n]))
                for n in names
                if n in trainable and np.abs(ours[n] - start[n]).max(initial=0.0) > 0
            ]
            if errors:
                title = f"changes of the weights in {steps} steps"
                self.rows.append(verdict_row(5, title, errors, count, UPDATE_LIMIT))

    def parameters(self) -> None:
        """Numbers of the optimizer, as it starts, that a short run may not show."""
        optimizer = self.subject.keras.model.optimizer
        found = conventions.hyper_parameters(self.training.optimizer, optimizer)
        if found:
            errors = [(f"{n}: Keras {a:g}, PyTorch {b:g}", relative(a, b)) for n, a, b in found]
            title = "optimizer " + " and ".join(n for n, _, _ in found)
            self.rows.append(verdict_row(5, title, errors, len(found), 1e-6))


def targets_of(labels: Sequence[Label]) -> Any:
    """The labels as Keras takes them."""
    arrays = [label.array for label in labels]
    return arrays[0] if len(arrays) == 1 else arrays


def relative(ours: float, theirs: float) -> float:
    """The relative difference of two numbers; infinite where one is not finite."""
    if not (np.isfinite(ours) and np.isfinite(theirs)):
        return float("inf")
    return abs(ours - theirs) / max(abs(ours), 1e-12)


def gradient_row(
    subject: Subject,
    ours: dict[str, Array],
    theirs: dict[str, Array],
    limits: Tolerances,
    what: str,
) -> Row:
    """Every gradient, each relative to its own largest value; inert ones to the model's."""
    state = subject.torch.state()
    names = [n for n in ours if state[n].requires_grad]
    sizes = {n: float(np.abs(ours[n]).max(initial=0.0)) for n in names}
    top = max(sizes.values(), default=0.0)
    errors, count = [], 0
    for name in names:
        found = theirs.get(name)
        if found is None:
            found = np.zeros_like(ours[name])
        if sizes[name] < INERT * top:
            large = float(np.abs(found).max(initial=0.0)) > 10 * INERT * top
            errors.append((name, float("inf") if large else 0.0))
        else:
            errors.append((name, difference(ours[name], found)))
            count += ours[name].size
    if not names:
        return Row(4, what, "not applicable", reason="the model has nothing to train")
    return verdict_row(4, f"gradients {what}", errors, count, limits.gradient)


def projection(subject: Subject, limits: Tolerances) -> Row:
    """Level 4 where there is no loss: gradients of random sums of the outputs."""
    subject.load()
    inputs = subject.batch()
    outputs = subject.keras.forward(inputs, False)
    directions = [subject.rng.standard_normal(o.shape).astype(subject.dtype) for o in outputs]
    if not subject.keras.model.trainable_weights:
        return Row(4, "gradients", "not applicable", reason="the model has nothing to train")
    _, gradients = subject.keras.projected_gradients(inputs, directions)
    final = subject.pair.final_activations
    _, theirs = subject.torch.projected_gradients(inputs, directions, final)
    ours = subject.as_parameters(subject.numbered(gradients))
    return gradient_row(subject, ours, theirs, limits, "of a projection of the outputs")
