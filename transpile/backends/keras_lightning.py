"""A Trainer of Lightning's as `compile`, `fit` and `evaluate` of the model that it trains."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from transpile.backends.keras_losses import LossText, bound, loss_name, loss_object
from transpile.backends.keras_optimizers import OptimizerText, write_optimizer
from transpile.backends.keras_schedules import Schedule, Schedules
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_lightning import Lightning
from transpile.frontends.torch_lightning_trainers import CALLBACKS, Trainers

_BEST = '"best.weights.h5"'


class LightningWriter:
    """Writes what the Trainers of a file do. `classes` are those that were converted."""

    def __init__(self, e: ScriptExpressions, classes: Mapping[str, Lightning], schedules: Schedules) -> None:
        self.e, self.classes, self.schedules = e, classes, schedules
        self.plan = e.script.plan
        self.references = e.references
        self.trainers = Trainers(e.references, e.kinds.paths)
        self.compiled: set[str] = set()

    def write(self) -> None:
        """Rewrites every call of a Trainer; the Trainers themselves and their callbacks go."""
        if not self.classes:
            return
        for made in self.trainers.made:
            statement = self.references.statement(made)
            assert isinstance(statement, ast.Assign)
            name = statement.targets[0].id  # type: ignore[attr-defined]
            for node in ast.walk(self.references.tree):
                match node:
                    case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=used), attr=attr)) as call):
                        if used == name:
                            self._call(node, call, attr, made)
            self.plan.remove(statement)
            self._remove_parts(made)

    def _call(self, statement: ast.stmt, call: ast.Call, attr: str, made: ast.Call) -> None:
        given = {str(k.arg): k.value for k in call.keywords}
        order = ("model", "train_dataloaders", "val_dataloaders") if attr == "fit" else ("model", "dataloaders")
        given |= dict(zip(order, call.args))
        model = self.e.text(given["model"])
        info = self.classes.get(self.e.class_of(self.e.kind(given["model"])))
        problem = "the class of its model is not known" if info is None else self._compile_problem(info)
        if info is None or problem:
            self.e.script.report("T2K157", statement, f"this call of a Trainer was left: {problem}")
            return
        lines = [*self._compile(model, info, made)] if model not in self.compiled else []
        self.compiled.add(model)
        module = given.get("datamodule")
        if module is not None:
            stage = {"fit": "fit", "validate": "validate", "test": "test"}[attr]
            lines += [f"{self.e.text(module)}.prepare_data()", f'{self.e.text(module)}.setup("{stage}")']
        loaders = [self.e.text(given[n]) for n in (*order[1:], "train_dataloader", "test_dataloaders") if n in given]
        if attr == "fit":
            lines += self._fit(model, info, made, loaders, module)
        else:
            name = {"validate": "val", "test": "test"}[attr]
            data = f"{self.e.text(module)}.{name}_dataloader()" if module is not None else loaders[0]
            lines.append(f"{model}.evaluate({data})")
        self.plan.rewrite(statement, *lines)

    def _compile_problem(self, info: Lightning) -> str:
        """Why loss, optimizer or schedule have no counterpart; "" if they have."""
        loss, optimizer = self._loss(info), self._optimizer(info, None)
        if loss.problem or not loss.text:
            return f"its loss has no counterpart: {loss.problem}"
        if optimizer.problem:
            return optimizer.problem
        schedule = self._schedule(info)
        return self.schedules.problem(schedule) if schedule is not None else ""

    def _loss(self, info: Lightning) -> LossText:
        assert info.loss is not None
        given = self.e.arguments(info.loss)
        path = self.e.path(info.loss.func)
        name = loss_name(path) or "MSELoss"
        args, kwargs = given if given is not None else ([], {})
        return loss_object(
            name, bound(name, args[2:] if path.startswith("torch.nn.functional.") else args, kwargs), False
        )

    def _optimizer(self, info: Lightning, made: ast.Call | None) -> OptimizerText:
        assert info.optimizer is not None
        given = self.e.arguments(info.optimizer)
        args, kwargs = given if given is not None else ([], {})
        limit = [k.value for k in made.keywords if k.arg == "gradient_clip_val"] if made is not None else []
        clip = (
            f"global_clipnorm={self.e.text(limit[0])}" if limit and ast.unparse(limit[0]) not in ("0", "None") else ""
        )
        return write_optimizer(self.e.path(info.optimizer.func), args[1:], kwargs, "", info.scheduler is not None, clip)

    def _compile(self, model: str, info: Lightning, made: ast.Call) -> list[str]:
        loss, optimizer = self._loss(info), self._optimizer(info, made)
        helpers = [optimizer.helper] if optimizer.helper else []
        self.e.needs((*loss.imports, "import keras"), (*loss.helpers, *helpers))
        if optimizer.epsilon:
            node = self.references.statement(made)
            self.e.script.report("T2K320", node, "epsilon stands in another place of the formula than in PyTorch")
        metrics = ', metrics=["accuracy"]' if info.accurate else ""
        return [f"{model}.compile(optimizer={self._of(model, optimizer.text)}, loss={loss.text}{metrics})"]

    def _of(self, model: str, text: str) -> str:
        """Text of the class, outside of it: `self.lr` and `self.hparams.lr` are the model's."""
        return re.sub(r"\bself\b(\.hparams)?", model, text)

    # fit

    def _fit(
        self, model: str, info: Lightning, made: ast.Call, loaders: list[str], module: ast.expr | None
    ) -> list[str]:
        if module is not None:
            loaders = [f"{self.e.text(module)}.{n}_dataloader()" for n in ("train", "val")]
        data = loaders[0]
        if info.validates and len(loaders) > 1:
            data += f", validation_data={loaders[1]}"
        given = {str(k.arg): k.value for k in made.keywords}
        epochs = self.e.text(given["max_epochs"]) if "max_epochs" in given else "1000"
        lines, callbacks = self._schedule_callback(model, info)
        callbacks += self._callbacks(given, info)
        last = f", callbacks=[{', '.join(callbacks)}]" if callbacks else ""
        quiet = ast.unparse(given.get("enable_progress_bar", ast.Constant(value=True))) == "False"
        return [*lines, f"{model}.fit({data}, epochs={epochs}{last}{', verbose=0' if quiet else ''})"]

    def _schedule(self, info: Lightning) -> Schedule | None:
        if info.scheduler is None or info.optimizer is None:
            return None
        holder = ast.Assign(targets=[], value=info.scheduler)
        return Schedule(holder, "schedule", info.scheduler.args[0], info.scheduler, info.optimizer, [])

    def _schedule_callback(self, model: str, info: Lightning) -> tuple[list[str], list[str]]:
        """(statements before, callbacks) that set the learning rate."""
        schedule = self._schedule(info)
        if schedule is None:
            return [], []
        if self.e.path(schedule.call.func).endswith("ReduceLROnPlateau"):
            self.e.needs(("import keras",), ("reduce_lr_on_plateau",))
            given = [self.e.text(a) for a in (*schedule.call.args[1:], *schedule.call.keywords)]
            made = f"ReduceLROnPlateau({', '.join([f'{model}.optimizer', *self._own(given)])})"
            key = self._monitored(info.monitor, info) or '"val_loss"'
            step = f"lambda epoch, logs: reduce_lr.step(logs[{key}])"
            return [f"reduce_lr = {made}"], [f"keras.callbacks.LambdaCallback(on_epoch_end={step})"]
        if not info.per_batch:
            formula = self._of(model, self.schedules.formula(schedule, "epoch"))
            return [], [f"keras.callbacks.LearningRateScheduler(lambda epoch: {formula})"]
        formula = self._of(model, self.schedules.formula(schedule, "step"))
        lines = [
            *("", ""),
            "def schedule(batch, logs=None):",
            f"    step = int({model}.optimizer.iterations)",
            f"    {model}.optimizer.learning_rate = {formula}",
            *("", ""),
            "schedule(0)",
        ]
        return lines, ["keras.callbacks.LambdaCallback(on_train_batch_end=schedule)"]

    def _own(self, given: list[str]) -> list[str]:
        return [g for g in given if not g.startswith("verbose")]

    def _callbacks(self, given: Mapping[str, ast.expr], info: Lightning) -> list[str]:
        found = []
        value = given.get("callbacks")
        for part in self.trainers.callbacks(self.trainers.resolved(value)) if value is not None else ():
            assert isinstance(part, ast.Call)
            name = self.e.path(part.func).rpartition(".")[2]
            if name in CALLBACKS:
                found.append(self._callback(name, part, info))
        return found

    def _callback(self, name: str, part: ast.Call, info: Lightning) -> str:
        given = {str(k.arg): k.value for k in part.keywords} | dict(zip(("monitor",), part.args))
        monitor = self._monitored(given.get("monitor"), info)
        mode = self.e.text(given["mode"]) if "mode" in given else '"min"'
        if name == "EarlyStopping":
            patience = self.e.text(given["patience"]) if "patience" in given else "3"
            delta = f", min_delta={self.e.text(given['min_delta'])}" if "min_delta" in given else ""
            return f"keras.callbacks.EarlyStopping(monitor={monitor}{delta}, patience={patience}, mode={mode})"
        if {"dirpath", "filename", "save_last"} & set(given):
            self.e.script.report("T2K225", part, f"the checkpoint is written to {_BEST}")
        best = f", monitor={monitor}, mode={mode}, save_best_only=True" if monitor else ""
        return f"keras.callbacks.ModelCheckpoint({_BEST}, save_weights_only=True{best})"

    def _monitored(self, monitor: ast.expr | None, info: Lightning) -> str:
        """What Keras calls the value that a callback looks at."""
        if not isinstance(monitor, ast.Constant):
            return ""
        name = str(monitor.value)
        value = info.logged.get(name, "loss")
        return f'"{value}"' if name.startswith("train") else f'"val_{value}"'

    def _remove_parts(self, made: ast.Call) -> None:
        """The statements that made callbacks and loggers for a Trainer."""
        for keyword in made.keywords:
            if keyword.arg in ("callbacks", "logger"):
                self._remove(keyword.value)
            shown = ast.unparse(keyword.value)
            if keyword.arg == "logger" and shown not in ("True", "False", "None"):
                self.e.script.report("T2K225", keyword, "what this logger writes is not written: fit prints it")
            if keyword.arg == "precision" and shown not in ("32", "'32'", "'32-true'"):
                self.e.script.report("T2K330", keyword, "what was converted computes in float32")

    def _remove(self, value: ast.expr) -> None:
        inner = self.trainers.resolved(value)
        parts = inner.elts if isinstance(inner, ast.List) else []
        for part in parts:
            self._remove(part)
        if inner is not value:
            self.plan.remove(self.references.statement(inner))
