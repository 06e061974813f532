"""A model as it was written, and what links it to what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from transpile.frontends.facts import ModelFacts, layer_names, model_facts
from transpile.frontends.keras_model import Reading
from transpile.frontends.regions import Region
from transpile.interpret.values import Layer, ModelValue
from transpile.ir import Model, Node, literal


@dataclass
class Written:
    """A model's text, and what the file needs for it.

    `construct` builds the model ("nn.Sequential(...)" or "Net(hidden)"); `definition` is the
    class, "" for a Sequential; `after` are statements for behind the construction, with
    "{model}" for its name; `paths` maps each module to its attribute path ("dense", "0").
    """

    construct: str
    definition: str = ""
    after: tuple[str, ...] = ()
    helpers: list[str] = field(default_factory=list)
    notes: list[tuple[str, str, Node]] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    regularized: bool = False
    constrained: bool = False
    noted: bool = False  # the penalty contains one that the last pass noted
    blocks: list[tuple[str, Written]] = field(default_factory=list)  # helpers' classes


@dataclass
class Converted:
    """A model that was converted: what was read, what was written, what it is called."""

    values: list[ModelValue]
    reading: Reading
    region: Region
    model: Model
    written: Written
    arguments: str = ""
    external: dict[str, str] = field(default_factory=dict)
    construct: str = ""
    readings: list[Reading] = field(default_factory=list)  # one per model that the code makes
    inlined: bool = False  # written inside the construction of another model


def marked(model: Model, name: str, inner: Written) -> Model:
    """The model, told at the node of a model inside it what that one has beside its computation."""
    marks = {"has:regularization": inner.regularized, "has:constraints": inner.constrained, "has:notes": inner.noted}
    marks_of = {n: literal(True) for n, has in marks.items() if has}
    body = tuple(
        replace(n, args={**n.args, **marks_of}) if isinstance(n, Node) and n.op == "model" and n.name == name else n
        for n in model.body
    )
    return replace(model, body=body)


def facts_of(
    converted: Sequence[Converted], layers: Sequence[Layer], drop: Mapping[int, tuple[str, ...]], native: bool = False
) -> dict[ModelValue, ModelFacts]:
    """The facts of every converted model.

    `layers`: all that the program makes, which Keras counts through; `drop`: the activations that were moved
    out, by id.
    """
    names = layer_names(layers)
    return {
        value: model_facts(
            value,
            names,
            drop.get(id(value), ()),
            has_regularization=done.written.regularized,
            has_constraints=done.written.constrained,
            native=native,
        )
        for done in converted
        for value in done.values
    }
