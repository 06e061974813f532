"""`train_on_batch` and `test_on_batch`: a function that takes one step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from transpile.backends.templates import render
from transpile.backends.torch_epoch import Body, applied, clipping
from transpile.backends.torch_fit import array_list
from transpile.backends.torch_tensors import input_tensors, target_tensor
from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_training import Use
from transpile.ops.metric import OVER_EPOCH
from transpile.training_ir import Compiled, Data, Step

if TYPE_CHECKING:
    from transpile.backends.torch_training import TrainingWriter


def step_call(writer: TrainingWriter, use: Use, record: Step, model: str, data: Data) -> str:
    """`train_on_batch(model, x, y, criterion, optimizer)`; the function is written on the way."""
    compiled, facts, home = writer.inside(use), writer.facts[use.models[0]], writer.home(use)
    known = writer.known.stepped(use)
    offset = writer.sites.top(use.call)
    _, helpers = step_function("_", record, compiled, facts, known)
    rename = writer.functions.helpers(helpers, offset)
    name = writer.functions.add(
        "train_on_batch" if record.train else "test_on_batch", home.model,
        lambda n: rename(step_function(n, record, compiled, facts, known)[0]), offset,
    )  # fmt: skip
    if record.train and use.compiled is not None:
        writer.steps.setdefault(use.compiled, name)
    last = f", {home.optimizer_of(model)}" if record.train else ""
    return f"{name}({model}, {array_list(data.inputs)}, {array_list(data.targets)}, {home.criterion}{last})"


def step_function(
    name: str, record: Step, compiled: Compiled, facts: ModelFacts, data: Data
) -> tuple[str, tuple[str, ...]]:
    """The function's text, and the helpers that it calls."""
    body = Body(compiled, facts)
    several = len(facts.input_dtypes) > 1
    xs = [f"inputs[{i}]" for i in range(len(body.xs))] if several else ["x"]
    ys = [f"targets[{i}]" for i in range(len(body.ys))] if compiled.several else ["y"]
    tensors = [f"{n} = {made}.to(device)" for n, made in zip(body.xs, input_tensors(xs, data.inputs, facts))]
    tensors += [
        f"{n} = {target_tensor(y, e, loss)}.to(device)"
        for n, y, e, loss in zip(body.ys, ys, data.targets, compiled.losses)
    ]
    metrics, values = _metrics(body, compiled)
    text = render(
        "torch/training/on_batch.py.j2", name=name, train=record.train, inputs="inputs" if several else "x",
        targets="targets" if compiled.several else "y", what=_listed(compiled.keys), tensors=tensors,
        forward=body.forward[1:], clip=clipping(compiled.optimizer),
        after=["model.apply_constraints()"] if facts.has_constraints else [], metrics=metrics,
        result=_result(record, compiled, values),
    )  # fmt: skip
    return text, body.helpers


def _listed(keys: tuple[str, ...]) -> str:
    words = [k.replace("_", " ") for k in keys]
    text = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return text if len(text) < 32 else "losses and metrics"


def _result(record: Step, compiled: Compiled, values: list[str]) -> str:
    if record.as_dict:
        return "{" + ", ".join(f'"{k}": {v}' for k, v in zip(compiled.keys, values)) + "}"
    return values[0] if len(values) == 1 else f"[{', '.join(values)}]"


def _metrics(body: Body, compiled: Compiled) -> tuple[list[str], list[str]]:
    """The lines behind the step, and the values that are returned, in Keras's order."""
    lines = []
    for i in sorted(body.activated):
        name = f"output{i + 1}" if compiled.several else "output"
        activation = applied(compiled.losses[i].moved)
        lines.append(f"{name} = {name}.detach(){activation}  # probabilities, which the metrics compare")
    values = ["loss.item()"]
    if compiled.several:
        values += [f"loss{i + 1}.item()" for i in range(len(compiled.names))]
    count = f"len({body.ys[0]})"
    for metric in compiled.metrics:
        text = body.metric(metric)
        if metric.op in OVER_EPOCH:
            output = f"output{metric.output + 1}" if compiled.several else "output"
            text = re.sub(r"\boutputs\b", f"{output}.detach()", text)
            text = re.sub(r"\btargets\b", body.ys[metric.output], text)
        elif text.endswith(f" * {count}"):
            text = text.removesuffix(f" * {count}")
        elif metric not in body.batchwise:  # those have one value for a whole batch
            text = f"{text} / {count}"
        name = re.sub(r"\W", "_", metric.key)
        lines.append(f"{name} = {text}")
        values.append(name)
    return lines, values
