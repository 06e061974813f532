"""Batches that something of the user's yields, on their way into the model."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.templates import render
from transpile.backends.torch_tensors import input_tensors, target_tensor
from transpile.frontends.facts import ModelFacts
from transpile.ir import Expr
from transpile.training_ir import Batches, Compiled, Data, Fit

_ANY = Expr("")


def loader(data: Batches, to_tensors: str, shuffle: bool = False) -> str:
    """What makes tensors of the batches: a DataLoader, or for an iterator, a `map`."""
    source = data.source.text
    if data.kind == "generator":
        return f"map({to_tensors}, {source})"
    shuffled = ", shuffle=True" if shuffle and data.kind == "sequence" else ""
    return f"DataLoader({source}, batch_size=None{shuffled}, collate_fn={to_tensors})"


def going_on(loader: str, data: Data) -> str:
    """A loader of which each pass goes on where the one before stopped, as an iterator does by itself."""
    return f"Passes({loader}, {data.steps.text})" if data.steps is not None and starts_anew(data) else loader


def starts_anew(data: Data) -> bool:
    """Whether every `iter` begins with the first batch: not that of an iterator, which is used up."""
    return not isinstance(data, Batches) or data.kind != "generator"


def one_pass(loader: str, data: Data) -> str:
    """The batches of one pass that begins with the first of a loader (of an iterator: with the next)."""
    return loader if data.steps is None else f"islice({loader}, {data.steps.text})"


def of_batches(fit: Fit, fed: Sequence[Data]) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Helpers and notes of a training, which depend on how its data (training, validation) are fed."""
    found = [d for d in fed if isinstance(d, Batches)]
    notes: list[tuple[str, str]] = []
    ending = [d.source.text for d in found if d.ends]
    if ending:
        notes.append(("K2T349", f"{ending[0]}.on_epoch_end() follows each pass; Keras calls it before the first, too"))
    last = fed[-1]
    if len(fed) > 1 and isinstance(last, Batches) and last.kind == "generator" and fit.epochs.value != 1:
        notes.append(
            ("K2T348", f"the batches of {last.source.text} come one after another; Keras repeats the first two")
        )
    return ("Passes",) if fit.data.steps is not None and starts_anew(fit.data) else (), notes


def batch_function(name: str, compiled: Compiled, facts: ModelFacts, weighted: bool = False) -> str:
    """`to_tensors(batch)`. `weighted`: batches may contain the weights of their samples."""
    count, several = len(facts.input_dtypes), compiled.several
    xs = [f"inputs[{i}]" for i in range(count)] if count > 1 else ["x"]
    ys = [f"targets[{i}]" for i in range(len(compiled.losses))] if several else ["y"]
    tensors = input_tensors(xs, [_ANY] * count, facts)
    tensors += [target_tensor(y, _ANY, loss) for y, loss in zip(ys, compiled.losses)]
    if weighted:
        given = f"weight[0] if weight else np.ones(len({'targets' if several else 'y'}))"
        tensors.append(f"torch.as_tensor(np.asarray({given}), dtype=torch.float32)")
    named = [("inputs", facts.input_names)] if count > 1 else []
    named += [("targets", facts.output_names)] if several else []
    return render(
        "torch/training/to_tensors.py.j2", name=name, inputs="inputs" if count > 1 else "x",
        targets="targets" if several else "y", tensors=tensors, weighted=weighted,
        named=[(variable, ", ".join(f'"{n}"' for n in names)) for variable, names in named if all(names)],
    )  # fmt: skip


def prediction_function(name: str, facts: ModelFacts, activation: str) -> str:
    """`predict_batches(model, batches)`."""
    made = input_tensors(["x"], [_ANY], facts)[0]
    return render("torch/training/predict_batches.py.j2", name=name, tensor=made, activation=activation)
