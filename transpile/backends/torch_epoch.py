"""The function that makes one pass over the data, and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from transpile.backends.templates import render
from transpile.backends.torch_lines import Moments
from transpile.backends.torch_tensors import input_tensors, target_tensor
from transpile.frontends.facts import ModelFacts
from transpile.frontends.texts import is_simple, operand
from transpile.ir import Expr, Node, literal
from transpile.ops.loss import ACTIVATIONS
from transpile.ops.metric import ORDER_ONLY, OVER_EPOCH
from transpile.registry import Context, Lowered, by_name, lower
from transpile.training_ir import CUSTOM, Compiled, Data, Loss, Metric, Optimizer


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the written file, and the helpers that it calls."""

    text: str
    helpers: tuple[str, ...] = ()


# Losses


def criterion(loss: Loss) -> Text:
    """The criterion of one output."""
    if loss.custom is not None:
        return Text(f"averaged({loss.custom.text})", ("averaged",))
    lowered = _lowered(loss.op, loss.args, loss.shape)
    return Text(lowered.module, lowered.helpers)


def criteria(compiled: Compiled, weighted: bool = False) -> Text:
    """The criterion, or a dict of them by the outputs' names. `weighted`: one loss per sample."""
    if weighted:
        text = criterion(compiled.losses[0]).text.removesuffix(")")
        return Text(f'{text}{"" if text.endswith("(") else ", "}reduction="none")')
    if not compiled.losses:
        return Text("")
    each = [criterion(x) for x in compiled.losses]
    helpers = tuple(dict.fromkeys(h for t in each for h in t.helpers))
    if not compiled.several:
        return Text(each[0].text, helpers)
    items = ", ".join(f'"{n}": {t.text}' for n, t in zip(compiled.names, each))
    return Text("{" + items + "}", helpers)


def _lowered(op: str, args: Mapping[str, Expr], shape: object) -> Lowered:
    return lower(by_name()[op], Node(op, args, input_shapes=(shape,)), Context())  # type: ignore[arg-type]


def optimizer(chosen: Optimizer, model: str) -> Text:
    """`torch.optim.X(model.parameters(), lr=...)`."""
    return optimizer_of(chosen, f"{model}.parameters()")


def optimizer_of(chosen: Optimizer, parameters: str) -> Text:
    """`torch.optim.X(parameters, lr=...)`."""
    lowered = _lowered(chosen.op, chosen.args, None)
    return Text(lowered.module.replace("{params}", parameters), lowered.helpers)


def following(chosen: Optimizer, optimizer: str, scheduler: str, *, exact: bool = False) -> Text:
    """Lines behind an optimizer: what is done around every step, such as a change of the rate.

    `exact`: Adam and AdamW add epsilon where Keras adds it.
    """
    lowered = _lowered(chosen.op, chosen.args, None)
    lines, helpers = [x.replace("{optimizer}", optimizer) for x in lowered.setup], tuple[str, ...]()
    if exact and chosen.op in ("adam", "adamw"):
        lines.append(f"{optimizer}.register_step_pre_hook(place_epsilon)")
        helpers = (*helpers, "place_epsilon")
    if chosen.schedule:
        function, needed = _rate_function(chosen)
        lines.append("# the learning rate changes with every batch")
        lines.append(f"{scheduler} = torch.optim.lr_scheduler.LambdaLR({optimizer}, {function})")
        action, helpers = f"{scheduler}.step()", (*helpers, *needed)
        if chosen.has_momentum:
            action, helpers = f"next_rate({optimizer}, {scheduler})", (*helpers, "rescale_momentum", "next_rate")
        lines.append(f"{optimizer}.register_step_post_hook(lambda *_: {action})")
    return Text("\n".join(lines), helpers)


def _rate_function(chosen: Optimizer) -> tuple[str, tuple[str, ...]]:
    """The factor of the first rate at a step, and the helpers that it calls."""
    if chosen.schedule != CUSTOM:
        schedule = _lowered(chosen.schedule, chosen.schedule_args, None)
        return f"lambda step: {schedule.call}", schedule.helpers
    text = chosen.schedule_args["schedule"].text
    if is_simple(text):
        return f"lambda step: float({text}(torch.tensor(step)))", ()
    return f"lambda step, schedule={text}: float(schedule(torch.tensor(step)))", ()


def clipping(chosen: Optimizer) -> list[str]:
    """Lines between the backward pass and the step."""
    limit = chosen.args["clipnorm"]
    if limit.value is not None:
        return [
            "for parameter in model.parameters():  # each on its own",
            "    if parameter.grad is not None:",
            "        norm = parameter.grad.norm()",
            f"        parameter.grad *= {operand(limit.text)} / norm.clamp(min={limit.text})",
        ]
    limit = chosen.args["global_clipnorm"]
    if limit.value is not None:
        return [
            "gradients = [p.grad for p in model.parameters() if p.grad is not None]",
            "norm = torch.stack([g.norm() for g in gradients]).norm()",
            "for gradient in gradients:",
            f"    gradient *= {operand(limit.text)} / norm.clamp(min={limit.text})",
        ]
    limit = chosen.args["clipvalue"]
    if limit.value is not None:
        return [f"nn.utils.clip_grad_value_(model.parameters(), {limit.text})"]
    return []


def clip_texts(chosen: Optimizer) -> list[Expr]:
    """The user's texts that stand inside the function."""
    names = ("clipnorm", "global_clipnorm", "clipvalue")
    return [chosen.args[n] for n in names if chosen.args[n].value is not None]


# Batches


def loader_function(name: str, data: Data, compiled: Compiled, facts: ModelFacts, weighted: bool = False) -> str:
    """`make_loader(x, y, batch_size, shuffle=False)`."""
    several = len(data.inputs) > 1
    xs = [f"inputs[{i}]" for i in range(len(data.inputs))] if several else ["x"]
    ys = [f"targets[{i}]" for i in range(len(data.targets))] if compiled.several else ["y"]
    targets = "targets" if compiled.several else "y" if compiled.losses else ""
    tensors = input_tensors(xs, data.inputs, facts)
    tensors += [target_tensor(y, e, loss) for y, e, loss in zip(ys, data.targets, compiled.losses)]
    return render(
        "torch/training/make_loader.py.j2", weighted=weighted, name=name, inputs="inputs" if several else "x",
        targets=targets, tensors=tensors,
    )  # fmt: skip


# One pass


def epoch_function(
    name: str, compiled: Compiled, facts: ModelFacts, moments: Moments | None = None
) -> tuple[str, tuple[str, ...]]:
    """`run_epoch(model, loader, criterion, optimizer=None)`, and the helpers it calls."""
    at = moments or Moments()
    body = Body(compiled, facts, at.weighted)
    text = render(
        "torch/training/run_epoch.py.j2", name=name, what=_listed(compiled.keys), summed=body.summed,
        single=len(compiled.keys) == 1, collects=body.collects,
        lists=[body.values(m) for m in body.batchwise], unpack=body.unpack, forward=body.forward,
        clip=clipping(compiled.optimizer),
        after=["model.apply_constraints()"] if facts.has_constraints else [], totals=body.totals, results=body.results,
        begins=at.begins, ends=at.ends, stops=at.stops, counts=at.counts, restores=at.restores,
        size=f"len({body.counted})", criterion=bool(compiled.losses),
    )  # fmt: skip
    return text, body.helpers


def _listed(keys: tuple[str, ...]) -> str:
    words = [k.replace("_", " ") for k in keys]
    text = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"mean {text}" if len(text) < 24 else "mean losses and metrics"


class Body:
    """The lines of the pass that depend on losses, metrics and the number of arrays."""

    def __init__(self, compiled: Compiled, facts: ModelFacts, weighted: bool = False) -> None:
        self.compiled, self.weighted = compiled, weighted
        self.several_inputs = len(facts.input_dtypes) > 1
        self.several = compiled.several
        self.helpers: tuple[str, ...] = ()
        over = [m for m in compiled.metrics if m.op in OVER_EPOCH]
        self.collects = [self._collected(i) for i in sorted({m.output for m in over})]
        self.batchwise = [m for m in compiled.metrics if m.custom is not None and m.custom.whole]
        self.activated = {i for i in range(len(compiled.losses)) if self._reads_probabilities(i)}
        summed = [k for k in compiled.keys if k not in {m.key for m in (*over, *self.batchwise)}]
        self.summed = "{" + ", ".join(f'"{k}": 0.0' for k in summed) + "}"
        self.unpack = self._unpack(len(facts.input_dtypes))
        self.forward = self._forward(facts)
        self.totals, self.results = self._totals(over)

    def _reads_probabilities(self, output: int) -> bool:
        """Whether a metric compares the probabilities of an output that has become logits."""
        metrics = [m for m in self.compiled.metrics if m.output == output and m.moved]
        return any(
            m.op not in ORDER_ONLY and m.op not in ACTIVATIONS
            and not (m.op == "binary_accuracy" and m.moved == "sigmoid" and m.args["threshold"].value == 0.5)
            for m in metrics
        )  # fmt: skip

    def _unpack(self, inputs: int) -> str:
        xs = [f"x{i + 1}" for i in range(inputs)] if self.several_inputs else ["x"]
        ys = [f"y{i + 1}" for i in range(len(self.compiled.losses))] if self.several else ["y"]
        self.xs, self.ys = xs, ys
        self.counted = ys[0] if self.compiled.losses else xs[0]
        if not self.compiled.losses:
            self.ys = []
            return "batch" if self.several_inputs else "(x,)"
        if self.several_inputs or self.several:
            return "batch"
        return "x, y, weight" if self.weighted else "x, y"

    def _forward(self, facts: ModelFacts) -> list[str]:
        names = ", ".join([*self.xs, *self.ys, *(["weight"] if self.weighted else [])])
        if self.several_inputs or self.several:
            lines = [f"{names} = (tensor.to(device) for tensor in batch)"]
        else:
            moved = ", ".join(f"{n}.to(device)" for n in names.split(", "))
            lines = [f"{names} = {moved}"]
        call = f"model({', '.join(self.xs)})"
        penalty = " + model.regularization_loss()" if facts.has_regularization else ""
        if not self.compiled.losses:
            return [*lines, f"{call}  # notes what is added to the loss", "loss = model.regularization_loss()"]
        if not self.several:
            loss = f"({self._per_sample()} * weight).mean()" if self.weighted else "criterion(output, y)"
            lines += [f"output = {call}", f"loss = {self._factor(0)}{loss}{penalty}"]
            return lines
        outputs = [f"output{i + 1}" for i in range(len(self.ys))]
        lines.append(f"{', '.join(outputs)} = {call}")
        terms = []
        for i, name in enumerate(self.compiled.names):
            lines.append(f'loss{i + 1} = criterion["{name}"]({outputs[i]}, {self.ys[i]})')
            terms.append(f"{self._factor(i)}loss{i + 1}")
        lines.append(f"loss = {' + '.join(terms)}{penalty}")
        return lines

    def _factor(self, output: int) -> str:
        """`0.5 * `, the weight of an output's loss."""
        weight = self.compiled.weights[output] if self.compiled.weights else None
        return "" if weight is None or weight.value == 1 else f"{operand(weight.text)} * "

    def _per_sample(self) -> str:
        """The losses of the samples, by a criterion without reduction."""
        loss = self.compiled.losses[0]
        if criterion(loss).text.startswith(("nn.CrossEntropyLoss", "nn.NLLLoss")) and len(loss.shape or ()) == 2:
            return "criterion(output, y)"
        flat = "" if len(loss.shape or ()) == 2 else ".flatten(1)"
        return f"criterion(output, y){flat}.mean(dim=1)"

    def _totals(self, over: list[Metric]) -> tuple[list[str], str]:
        count = f"len({self.counted})"
        if len(self.compiled.keys) == 1:
            return [f"total_loss += loss.item() * {count}"], ""
        lines = [f'totals["loss"] += loss.item() * {count}']
        if self.several:
            lines += [f'totals["{n}_loss"] += loss{i + 1}.item() * {count}' for i, n in enumerate(self.compiled.names)]
        crossed = [m for m in self.compiled.metrics if m.op in ACTIVATIONS]  # from logits, as the losses
        lines += [f'totals["{m.key}"] += {self.metric(m)}' for m in crossed]
        for i in sorted(self.activated):
            activation = self.compiled.losses[i].moved
            name = f"output{i + 1}" if self.several else "output"
            lines.append(f"{name} = {name}.detach(){applied(activation)}  # probabilities, which the metrics compare")
        results = ["**means"]
        for metric in (m for m in self.compiled.metrics if m not in crossed):
            text = self.metric(metric)
            if metric in self.batchwise:
                values = self.values(metric)
                lines.append(f"{values}.append({text})")
                results.append(f'"{metric.key}": sum({values}) / len({values})')
            elif metric in over:
                results.append(f'"{metric.key}": {text}')
            else:
                lines.append(f'totals["{metric.key}"] += {text}')
        if not over:
            return lines, self._ordered(self.batchwise, results) if self.batchwise else ""
        for i in sorted({m.output for m in over}):
            outputs, targets = self._collected(i).split(", ")
            output = f"output{i + 1}" if self.several else "output"
            lines += [f"{outputs}.append({output}.detach())", f"{targets}.append({self.ys[i]})"]
        return lines, self._ordered([*over, *self.batchwise], results)

    def _collected(self, output: int) -> str:
        """The lists of all outputs and targets of one pass."""
        return f"outputs{output + 1}, targets{output + 1}" if self.several else "outputs, targets"

    def _ordered(self, over: list[Metric], results: list[str]) -> str:
        """The results in Keras's order."""
        texts = dict(r.split(": ", 1) for r in results[1:])
        after = False
        ordered = True
        for metric in self.compiled.metrics:
            after |= metric in over
            ordered &= not (after and metric not in over)
        if ordered:
            return "{" + ", ".join(results) + "}"
        items = [f'"{k}": ' + texts.get(f'"{k}"', f'means["{k}"]') for k in self.compiled.keys]
        return "{" + ", ".join(items) + "}"

    @staticmethod
    def values(metric: Metric) -> str:
        """The list of a metric that has one value for a whole batch: Keras averages those."""
        return re.sub(r"\W", "_", metric.key) + "_values"

    def _own(self, metric: Metric) -> str:
        """A metric of the user's: a function of targets and output."""
        assert metric.custom is not None
        y = self.ys[metric.output]
        output = f"output{metric.output + 1}" if self.several else "output"
        text = metric.custom.text
        call = f"{f'({text})' if text.startswith('lambda') else text}({y}, {output})"
        return f"{call}.item()" if metric.custom.whole else f"{call}.mean().item() * len({self.ys[metric.output]})"

    def metric(self, metric: Metric) -> str:
        """The expression that adds up a metric over a batch."""
        if metric.custom is not None:
            return self._own(metric)
        i = metric.output
        moved = "" if i in self.activated else metric.moved
        if metric.op in ACTIVATIONS:  # a crossentropy as a metric
            made = _lowered(metric.op, metric.args, metric.shape)
            text = f"{made.module}(output, y).item() * n"
        else:
            made = _lowered(metric.op, {**metric.args, "moved": literal(moved)}, metric.shape)
            text = made.call
        self.helpers = tuple(dict.fromkeys([*self.helpers, *made.helpers]))
        text = re.sub(r"\bn\b(?!=)", f"len({self.ys[0]})", text)
        if self.several:
            text = re.sub(r"\boutput\b", f"output{i + 1}", text)
            text = re.sub(r"\by\b", self.ys[i], text)
            text = re.sub(r"\b(outputs|targets)\b", rf"\g<1>{i + 1}", text)
        return text


def applied(activation: str) -> str:
    """The activation as a method call."""
    return {"softmax": ".softmax(dim=-1)", "sigmoid": ".sigmoid()"}.get(activation, "")


def moved_metric(metric: Metric, moved: str) -> Metric:
    """A metric of an output that has another activation left."""
    return replace(metric, moved=moved)
