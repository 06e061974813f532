"""evaluate, predict, summary, save, load: calls that become expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import libcst as cst

from transpile.backends.templates import render
from transpile.backends.torch_batches import batch_function, loader, of_batches, one_pass, prediction_function
from transpile.backends.torch_epoch import applied
from transpile.backends.torch_fit import array_list
from transpile.backends.torch_moments import is_weighted
from transpile.backends.torch_paths import keeps_name, torch_path
from transpile.backends.torch_steps import step_call
from transpile.backends.torch_tensors import input_tensors
from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_training import PREDICTIONS, Use
from transpile.frontends.sites import assigned
from transpile.interpret.values import Event
from transpile.ir import Expr
from transpile.passes.weight_counts import Uncounted, lines_of, numbers
from transpile.source import Source
from transpile.training_ir import Batches, Data, Evaluate, Fit, Predict, Step, Store

if TYPE_CHECKING:
    from transpile.backends.torch_training import TrainingWriter


class UseWriter:
    """Writes the calls; inner ones first, so that outer ones contain what they became."""

    def __init__(self, writer: TrainingWriter) -> None:
        self.writer = writer
        self.source, self.output, self.sites = writer.source, writer.output, writer.sites
        self.done: dict[str, str] = {}
        self.saved = {
            u.record.path.text for u in writer.reading.uses if isinstance(u.record, Store) and not u.record.load
        }

    def write(self, use: Use) -> None:
        """Edits one call."""
        record = use.record
        if isinstance(record, Evaluate):
            self._evaluate(use, record)
        elif isinstance(record, Predict) or use.kind in PREDICTIONS:
            assert isinstance(record, Predict)
            self._predict(use, record)
        elif isinstance(record, Step):
            model = self._model(use)
            self._set(use, use.call, step_call(self.writer, use, record, model, self._data(record.data)))
        elif isinstance(record, Store):
            (self._reload if use.kind == "load_model" else self._store)(use, record)
        elif use.kind == "summary":
            self._summary(use)
        elif use.kind == "clone_model":
            self._clone(use)
        elif use.kind in ("to_json", "to_yaml"):
            text = self.source.code(use.call)
            self.output.report(
                "K2T241", self.source.span(use.call), f"{text}: the text shows the layers, and that is all"
            )
            self._set(use, use.call, f"str({self._model(use)})")
        elif use.kind == "count_params":
            self._count_params(use)
        elif use.kind == "build":
            statement = self.sites.statement(use.call)
            if statement is not None:
                self.writer.cleanup.remove(statement)

    def _predict(self, use: Use, record: Predict) -> None:
        called = self.writer.reading.arrays.get(use)
        self._set(use, called.node if called else use.call, self._prediction(use, record))
        for call in called.numpy if called else ():
            assert isinstance(call.func, cst.Attribute)
            start, end = self.source.span(call.func.value).end, self.source.span(call).end
            if not any(e.start <= start and end <= e.end for e in self.output.edits):
                self.output.edit(self.source.span_of(start, end), "")

    def _count_params(self, use: Use) -> None:
        try:
            texts = {numbers(self._model(use), lines_of(model)) for model in use.models}
            if len(texts) > 1:
                raise Uncounted("it is asked of several models")
        except Uncounted as problem:
            self.output.report("K2T130", self.source.span(use.call), f"count_params was left: {problem}")
            return
        self._set(use, use.call, texts.pop())

    def _model(self, use: Use) -> str:
        func = use.call.func
        if use.kind == "call":
            return self.source.code(func)
        assert isinstance(func, cst.Attribute)
        return self.source.code(func.value)

    def _set(self, use: Use, node: cst.CSTNode, text: str) -> None:
        """Replaces a call (or an expression around it)."""
        self.replace(node, text)

    def replace(self, node: cst.CSTNode, text: str) -> None:
        """Replaces a node of the program; edits inside of it go."""
        span = self.source.span(node)
        text = self.sites.quoted(node, text)
        self.done[self.source.code(node)] = text
        self.writer.cleanup.consumed(span)
        self.output.edits = [e for e in self.output.edits if not (span.start <= e.start and e.end <= span.end)]
        self.output.edit(span, text)

    def text(self, text: str) -> str:
        """The user's text with the calls inside it as they became."""
        for before in sorted(self.done, key=len, reverse=True):
            text = text.replace(before, self.done[before])
        return text

    def _data(self, data: Data) -> Data:
        def each(exprs: tuple[Expr, ...]) -> tuple[Expr, ...]:
            return tuple(Expr(self.text(e.text), e.value) for e in exprs)

        weight = None if data.weight is None else each((data.weight,))[0]
        return Data(each(data.inputs), each(data.targets), weight)

    def names_of_metrics(self, uses: list[Use]) -> None:
        """`model.metrics_names` as the list that it is."""
        keys: dict[str, tuple[str, ...]] = {}
        for use in uses:
            if use.compiled is not None and use.kind in ("fit", "evaluate") and use.problem is None:
                keys.setdefault(self._model(use), self.writer.inside(use).keys)
        reader = _MetricsNames(self.source, keys)
        self.source.tree.visit(reader)
        for node, text in reader.found:
            self.output.edit(self.source.span(node), self.sites.quoted(node, text))

    # evaluate

    def _evaluate(self, use: Use, record: Evaluate) -> None:
        keys = self.writer.inside(use).keys
        fed = record.data
        if isinstance(fed, Batches):
            text = loader(replace(fed, source=Expr(self.text(fed.source.text))), self.to_tensors(use))
            self._note_ends(use, fed)
        else:
            data = self._data(fed)
            weight = f", weight={data.weight.text}" if data.weight is not None else ""
            arrays = ", ".join(array_list(each) for each in (data.inputs, data.targets) if each)
            text = f"{self.writer.loader(use)}({arrays}, {record.batch_size.text}{weight})"
        text = one_pass(text, fed)
        self.writer.functions.imports(text)
        criterion = ", ".join(["", self.writer.home(use).criterion] if self.writer.inside(use).losses else [])
        call = f"{self.writer.epoch(use)}({self._model(use)}, {text}{criterion})"
        node, text = self._result(use, call, keys, record.as_dict)
        self._set(use, node, text)

    def _result(self, use: Use, call: str, keys: tuple[str, ...], as_dict: bool) -> tuple[cst.CSTNode, str]:
        """The node to replace, and what gives there what Keras's list or number gave."""
        parent = self.sites.parents.get(use.call)
        if isinstance(parent, cst.Expr):
            verbose = use.first.kwargs.get("verbose")
            return use.call, call if verbose is not None and verbose.value == 0 else f"print({call})"
        if as_dict:
            return use.call, call
        if len(keys) == 1:
            return use.call, f'{call}["loss"]'
        index = _literal_index(parent) if isinstance(parent, cst.Subscript) and parent.value is use.call else None
        if index is not None and -len(keys) <= index < len(keys):
            assert parent is not None
            return parent, f'{call}["{keys[index]}"]'
        if isinstance(parent, cst.Assign) and all(
            isinstance(t.target, cst.Tuple) and not any(isinstance(e, cst.StarredElement) for e in t.target.elements)
            for t in parent.targets
        ):
            return use.call, f"{call}.values()"
        return use.call, f"list({call}.values())"

    def to_tensors(self, use: Use) -> str:
        """The name of the function that makes tensors of a batch of arrays."""
        assert use.compiled is not None
        weighted = is_weighted(self.writer.reading, use.compiled)
        inside = self.writer.inside(use), self.writer.facts[use.models[0]], weighted
        top = self.sites.top(use.call)
        return self.writer.functions.add("to_tensors", self._model(use), lambda n: batch_function(n, *inside), top)

    def feeding(self, use: Use, fit: Fit) -> tuple[str, str]:
        """The functions that make loaders of arrays, and tensors of batches, as far as they are needed."""
        fed = [d for d in (fit.data, fit.validation) if d is not None]
        make = "" if all(isinstance(d, Batches) for d in fed) else self.writer.loader(use)
        helpers, notes = of_batches(fit, fed)
        self.writer.functions.helpers(helpers, self.sites.top(use.call))
        for code, message in notes:
            self.output.report(code, self.source.span(use.call), message)
        return make, self.to_tensors(use) if any(isinstance(d, Batches) for d in fed) else ""

    # predict

    def _prediction(self, use: Use, record: Predict) -> str:
        facts = self.writer.facts[use.models[0]]
        model = self._model(use)
        if isinstance(record.data, Batches):
            return self._predicted_batches(use, record.data, facts)
        name = self.predict_function(use, facts)
        batch = f", batch_size={record.batch_size.text}" if record.batch_size is not None else ""
        data = self._data(record.data)
        call = f"{name}({model}, {array_list(data.inputs)}{batch})"
        if not record.classes:
            return call
        shape = facts.output_shapes[0]
        if shape is not None and shape[-1].value == 1:
            return f'({call} > 0.5).astype("int32")'
        return f"{call}.argmax(axis=-1)"

    def _note_ends(self, use: Use, data: Batches) -> None:
        if data.ends:
            message = f"{data.source.text}.on_epoch_end() is called behind a pass of fit only"
            self.output.report("K2T349", self.source.span(use.call), message)

    def _predicted_batches(self, use: Use, data: Batches, facts: ModelFacts) -> str:
        """Keras looks at the inputs in the batches only."""
        self._note_ends(use, data)
        finals = facts.final_activations
        name = self.writer.functions.add(
            "predict_batches", self._model(use), lambda n: prediction_function(n, facts, applied(finals[0])),
            self.sites.top(use.call),
        )  # fmt: skip
        source = self.text(data.source.text)
        text = f"map({source}.__getitem__, range(len({source})))" if data.kind == "sequence" else source
        text = one_pass(text, data)
        self.writer.functions.imports(text)
        return f"{name}({self._model(use)}, {text})"

    def predict_function(self, use: Use, facts: ModelFacts) -> str:
        """The name of the function that predicts for models like this one."""
        data = self.writer.known.predicted(use)
        several = len(data.inputs) > 1
        xs = [f"inputs[{i}]" for i in range(len(data.inputs))] if several else ["x"]
        tensors = input_tensors(xs, data.inputs, facts)
        finals = facts.final_activations
        count = len(facts.output_shapes) or 1
        names = [f"output{i + 1}" for i in range(count)]
        keys = use.models[0].output_keys
        what = "probabilities" if any(finals) and count == 1 else "outputs" if count > 1 else "output"

        def text(name: str) -> str:
            return render(
                "torch/training/predict.py.j2", name=name, inputs="inputs" if several else "x", what=what,
                kind="arrays" if count > 1 else "an array", count=len(xs), keys=keys, tensors=tensors, outputs=count,
                activations=[applied(a) for a in finals] or [""], names=", ".join(names),
                finals=[f"{n}{applied(a)}.cpu().numpy()" for n, a in zip(names, finals)],
            )  # fmt: skip

        return self.writer.functions.add("predict", self._model(use), text, self.sites.top(use.call))

    # the rest

    def _summary(self, use: Use) -> None:
        if "print_fn" in use.first.kwargs:
            self.writer.refuse(use, "K2T125", "summary(print_fn=...) cannot be converted")
            return
        model = self._model(use)
        arg = self.sites.parents.get(use.call)
        outer = self.sites.parents.get(arg) if isinstance(arg, cst.Arg) else None
        printed = isinstance(outer, cst.Call) and self.source.code(outer.func) == "print"
        self._set(use, use.call, model if printed else f"print({model})")

    def _store(self, use: Use, record: Store) -> None:
        model, path = self._model(use), torch_path(record.path)
        span = self.source.span(use.call)
        foreign = record.load and record.path.text not in self.saved and not self._checkpointed(record.path.text)
        if keeps_name(record.path) and not foreign:
            self.output.report("K2T209", span, f"the name {record.path.text} of the file was kept")
        if not record.load:
            self.writer.functions.imports("torch.")
            self._set(use, use.call, f"torch.save({model}.state_dict(), {path})")
            return
        if foreign:
            self.output.report("K2T202", span, f"{record.path.text} must be a file that the converted program saved")
        self.output.device(self.sites.top(use.call))
        self._set(use, use.call, f"{model}.load_state_dict(torch.load({path}, map_location=device))")

    def _reload(self, use: Use, record: Store) -> None:
        """`loaded = load_model(path)` of a model that the program saved: a copy with the saved weights."""
        statement = self.sites.statement(use.call)
        target = assigned(statement) if statement is not None else ""
        original = use.first.values["original"]
        gone = re.search(rf"\bdel\b.*\b{original}\b", self.source.text)
        if statement is None or not target or not original or gone or len(use.events) > 1:
            self.writer.refuse(use, "K2T131", "the model that was saved cannot be named here")
            return
        if self._trained_after(use):
            message = "training goes on with the loaded model: its weights are loaded, the optimizer's state is not"
            self.output.report("K2T354", self.source.span(use.call), message)
        path = torch_path(record.path)
        lines = [f"{target} = copy.deepcopy({original})"] if target != original else []
        lines.append(f"{target}.load_state_dict(torch.load({path}, map_location=device))")
        self.writer.functions.imports("\n".join(lines))
        self.output.device(self.sites.top(use.call))
        self.writer.cleanup.consumed(self.source.span(use.call))
        self.writer.replace(statement, lines)

    def _clone(self, use: Use) -> None:
        """`clone_model(model)`: a copy, of which the weights are set before anything else is done with it."""
        original, holder = use.first.values["original"], use.first.values["holder"]
        later = [e for e in self.writer.reading.interpreter.events if e.order > use.first.order]
        first = next((e.kind for e in later if e.kind != "compile" and self._receiver(e) == holder), "")
        if first not in ("set_weights", "load_weights"):
            message = "the copy begins with the weights of the original, Keras's with new ones"
            self.output.report("K2T240", self.source.span(use.call), message)
        self.writer.functions.imports("copy.deepcopy")
        self._set(use, use.call, f"copy.deepcopy({original})")

    def _receiver(self, event: Event) -> str:
        func = event.call.func
        return self.source.code(func.value) if isinstance(func, cst.Attribute) else ""

    def _trained_after(self, use: Use) -> bool:
        """Whether a model is trained on after it was loaded, by the `compile` from before."""
        loaded, model, holder = use.first.order, use.models[0], use.first.values["holder"]
        return any(
            u.kind in ("fit", "train_on_batch") and u.compiled is not None and u.compiled.first.order < loaded
            for u in self.writer.reading.uses
            if any(e.model is model and e.order > loaded and self._receiver(e) == holder for e in u.events)
        )

    def _checkpointed(self, text: str) -> bool:
        from transpile.training_ir import Checkpoint

        fits = [u.record for u in self.writer.reading.uses if isinstance(u.record, Fit)]
        return any(isinstance(c, Checkpoint) and c.path.text == text for f in fits for c in f.callbacks)


def _literal_index(node: cst.Subscript) -> int | None:
    """The index of `x[1]`."""
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return None
    value = node.slice[0].slice.value
    if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Minus):
        inner = value.expression
        return -int(inner.value) if isinstance(inner, cst.Integer) else None
    return int(value.value) if isinstance(value, cst.Integer) else None


class _MetricsNames(cst.CSTVisitor):
    def __init__(self, source: Source, keys: Mapping[str, tuple[str, ...]]) -> None:
        self.source, self.keys = source, keys
        self.found: list[tuple[cst.Attribute, str]] = []

    def visit_Attribute(self, node: cst.Attribute) -> None:
        model = self.source.code(node.value)
        if node.attr.value == "metrics_names" and model in self.keys:
            self.found.append((node, "[" + ", ".join(f'"{k}"' for k in self.keys[model]) + "]"))
