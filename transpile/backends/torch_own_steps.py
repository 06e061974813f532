"""Training by a step of the model's own: `compile`, `fit` and `evaluate` around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transpile.backends.templates import render
from transpile.backends.torch_batches import loader, of_batches, one_pass
from transpile.backends.torch_epoch import following, optimizer
from transpile.backends.torch_fit import Loop
from transpile.backends.torch_hooks import ends_training, moments_of
from transpile.backends.torch_paths import makes_folder
from transpile.frontends.compile_objects import Refused
from transpile.frontends.facts import Steps
from transpile.frontends.keras_optimizer import read_optimizer
from transpile.frontends.keras_training import Use
from transpile.frontends.own_steps import optimizers
from transpile.interpret.values import Array
from transpile.ir import Expr
from transpile.training_ir import Batches, Compiled, Data, Evaluate, Fit

if TYPE_CHECKING:
    from transpile.backends.torch_training import TrainingWriter
    from transpile.backends.torch_use import UseWriter


class OwnSteps:
    """Writes the uses of the models of one file that have training steps of their own."""

    def __init__(self, writer: TrainingWriter) -> None:
        self.writer = writer
        self.uses = [u for u in writer.reading.uses if self.steps(u) is not None and self._is_mine(u)]

    def _is_mine(self, use: Use) -> bool:
        return use.kind in ("compile", "fit", "evaluate") and use.problem is None

    def steps(self, use: Use) -> Steps | None:
        """What is known of the steps of the model of a use."""
        return self.writer.facts[use.models[0]].steps

    def write(self, uses: UseWriter) -> None:
        """All edits."""
        self.writing = uses
        for use in self.uses:
            steps = self.steps(use)
            assert steps is not None
            if use.kind == "compile":
                self._compile(use, steps)
            elif isinstance(use.record, Fit):
                self._fit(use, use.record, steps)
            elif isinstance(use.record, Evaluate):
                self._evaluate(use, use.record, steps)

    def _model(self, use: Use) -> str:
        return self.writer._model_text(use)

    # compile

    def _compile(self, use: Use, steps: Steps) -> None:
        writer, model = self.writer, self._model(use)
        statement = writer.sites.statement(use.call)
        if statement is None:
            writer.refuse(use, "K2T182", "compile is used inside of an expression")
            return
        texts: dict[str, str] = {}
        after: list[str] = []
        offset = writer.sites.top(use.call)
        for name, given in optimizers(use.first, steps).items():
            chosen = read_optimizer(given)
            one = optimizer(chosen, "MODEL")
            texts[name] = one.text.replace("MODEL.parameters()", steps.parameters[name].replace("{model}", model))
            writer.functions.helpers(one.helpers, offset)
            extra = following(chosen, f"{model}.{name}", f"{model}.scheduler", exact=writer.exact)
            if extra.text and steps.compiles:
                raise Refused("K2T182", "what is done around the steps of an optimizer")
            writer.functions.helpers(extra.helpers, offset)
            after += [extra.text] if extra.text else []
            writer.cleanup.claim(given, use.call)
        lines = [f"{model}.{name} = {text}" for name, text in texts.items()]
        if steps.compiles:
            kept = {n: texts.get(n, e.text) for n, e in use.first.kwargs.items() if n not in steps.dropped}
            lines = [f"{model}.compile({', '.join(f'{n}={t}' for n, t in kept.items())})"]
            for name in steps.dropped & use.first.kwargs.keys():
                writer.cleanup.claim(use.first.kwargs[name], use.call)
        writer.functions.imports("\n".join(lines) + "torch.")
        writer.cleanup.consumed(writer.source.span(use.call))
        if steps.silent:
            message = "Keras 3 reports 0 as the loss of a step that returns nothing but it, and has no metric of it"
            writer.output.report("K2T355", writer.source.span(use.call), message)
        writer.replace(statement, [*lines, *after])

    # fit

    def _fit(self, use: Use, fit: Fit, steps: Steps) -> None:
        writer = self.writer
        statement = writer.sites.statement(use.call)
        form = writer.histories.form(use.call, statement)
        if statement is None or form is None:
            writer.refuse(use, "K2T125", "fit is used inside of an expression")
            return
        fed = [d for d in (fit.data, fit.validation) if d is not None]
        if len({isinstance(d, Batches) for d in fed}) > 1 or fit.split is not None:
            writer.refuse(use, "K2T182", "a validation on other kinds of data than the training's")
            return
        assert use.compiled is not None
        assert isinstance(use.compiled.record, Compiled)
        model, scope = self._model(use), writer.sites.function(use.call)
        name = writer.histories.namer(scope)
        asked = writer.histories.asked(use, self.uses)
        history = form.history or (name("history") if form.needed or asked else "")
        loop = Loop(
            fit, use.compiled.record, model, "", f"{model}.optimizer", "", self._function(use, fit), history, name,
            rate_key="lr" if writer.reading.reads("lr") else "learning_rate",
            makes_folder=lambda text: makes_folder(text, writer.source.text),
            metrics=steps.metrics.replace("{model}", model), own_loader=self._loader, own_step=True,
            stops=ends_training(fit.callbacks),
        )  # fmt: skip
        if isinstance(fit.data, Batches):
            loop.to_tensors = self._to_tensors(use)
        helpers, notes = of_batches(fit, fed)
        writer.functions.helpers(helpers, writer.sites.top(use.call))
        for code, message in notes:
            writer.output.report(code, writer.source.span(use.call), message)
        lines = [self.writing.text(line) for line in (*loop.lines(), *form.after(history))]
        writer.functions.imports("\n".join(lines))
        writer.output.device(writer.sites.top(use.call))
        writer.cleanup.consumed(writer.source.span(use.call))
        writer._callbacks(use, fit, loop)
        writer.replace(statement, lines)
        if history:
            writer.histories.add(history, use, form, asked)

    def _function(self, use: Use, record: Fit | Evaluate) -> str:
        """The name of the function that goes through the batches."""
        steps = self.steps(use)
        assert steps is not None
        at = moments_of(record.callbacks) if isinstance(record, Fit) else moments_of(())
        unpack, fed = "batch", "tuple(part.to(device) for part in batch)"
        arrays = (*record.data.inputs, *record.data.targets)
        if isinstance(record.data, Batches):
            fed = "batch"
        elif not all(_dtype(e) for e in arrays):
            unpack = unpack if record.data.targets else "(batch,)"
            fed = f"{self._to_tensors(use)}(batch)"
        elif not record.data.targets:
            unpack, fed = "(batch,)", "batch.to(device)"
        return self.writer.functions.add(
            "run_epoch", self._model(use),
            lambda n: render("torch/training/run_steps.py.j2", name=n, resets=bool(steps.metrics), begins=at.begins,
                             ends=at.ends, unpack=unpack, fed=fed),
            self.writer.sites.top(use.call),
        )  # fmt: skip

    def _loader(self, data: Data, batch: str, shuffle: str) -> str:
        """The DataLoader of arrays."""
        tensors = ", ".join(_tensor(Expr(self.writing.text(e.text), e.value)) for e in (*data.inputs, *data.targets))
        return f"DataLoader(TensorDataset({tensors}), batch_size={batch}{shuffle})"

    def _to_tensors(self, use: Use) -> str:
        return self.writer.functions.add(
            "to_tensors", self._model(use), lambda n: render("torch/training/place_batch.py.j2", name=n),
            self.writer.sites.top(use.call),
        )  # fmt: skip

    # evaluate

    def _evaluate(self, use: Use, record: Evaluate, steps: Steps) -> None:
        writer, model = self.writer, self._model(use)
        if isinstance(record.data, Batches):
            read = loader(record.data, self._to_tensors(use))
        else:
            read = self._loader(record.data, record.batch_size.text, "")
        read = one_pass(read, record.data)
        metrics = f", {steps.metrics.replace('{model}', model)}" if steps.metrics else ""
        call = f"{self._function(use, record)}({model}.test_step, {read}{metrics})"
        writer.functions.imports(call)
        writer.output.device(writer.sites.top(use.call))
        node, text = self.writing._result(use, call, steps.tested, record.as_dict)
        self.writing._set(use, node, text)


def _dtype(data: Expr) -> str:
    """The type of an array's elements; "" where it is not known."""
    return data.value.dtype if isinstance(data.value, Array) else ""


def _tensor(data: Expr) -> str:
    """An array in the precision of the model."""
    dtype = _dtype(data)
    if dtype == "float64":
        return f"torch.as_tensor({data.text}, dtype=torch.float32)"
    return f"torch.as_tensor({data.text})" if dtype else f"torch.as_tensor(np.asarray({data.text}))"
