"""The whole story on one page: read, claim, pass, write, splice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.class_pairs import own_pairs
from transpile.backends.bodies.classes import Classes
from transpile.backends.pairs import pairs_of
from transpile.backends.torch_attributes import write_attributes
from transpile.backends.torch_file import finish
from transpile.backends.torch_freezing import Frozen, freeze_statistics
from transpile.backends.torch_training import write_training
from transpile.backends.written_model import facts_of
from transpile.convert_models import ModelConverter
from transpile.diagnostics import Diagnostic
from transpile.frontends.estimators import Estimators
from transpile.frontends.freezing import Freezing
from transpile.frontends.module_attributes import ModuleAttributes
from transpile.frontends.naming import Namespace
from transpile.indentation import Indentation
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Layer
from transpile.passes.decided import report_decided
from transpile.passes.logits import final_activations
from transpile.passes.model_attributes import report_attributes, report_unreached
from transpile.passes.old_meanings import report_masks, report_old_meanings
from transpile.references import References
from transpile.result import Result
from transpile.source import Source
from transpile.splice import Output

Layout = Literal["drop-in", "native"]
Style = Literal["default", "exact", "idiomatic"]


def keras2torch(
    source: str, *, filename: str = "<string>", layout: Layout = "drop-in", style: Style = "default"
) -> Result:
    """Converts a Keras program to PyTorch.

    `layout` "drop-in": the converted model takes the arrays that the Keras model took, in the
    same layout; "native": images are channels first. `style` "idiomatic" leaves out what
    changes no result, "exact" also writes out optimizers whose formulas differ in rounding.

    Raises UnusableInput if the source is not a Python 3 program.
    """
    indentation = Indentation(source)
    parsed = Source(indentation.expanded, filename)
    if not (parsed.imports.uses("keras") or parsed.imports.uses("tf")):
        return Result(source, (), (), filename, source)
    attributes = ModuleAttributes(parsed)
    parsed = Source(attributes.expanded, filename) if attributes.edits else parsed
    estimators = Estimators(parsed)
    result = _convert(Source(estimators.expanded, filename) if estimators.edits else parsed, layout, style)
    result = _convert(parsed, layout, style) if estimators.left_by(result) else estimators.restore(result)
    return indentation.restore(attributes.restore(result))


def _convert(parsed: Source, layout: Layout, style: Style) -> Result:
    """The conversion in which as many classes are converted as can be."""
    failed: dict[str, Refusal] = {}
    while True:
        found = _attempt(parsed, layout, style, failed)
        if isinstance(found, Result):
            return found
        failed |= found


def _attempt(
    parsed: Source, layout: Layout, style: Style, failed: Mapping[str, Refusal]
) -> Result | dict[str, Refusal]:
    """One conversion in which the classes that `failed` stay; or the classes that must stay, too."""
    output = Output()
    if parsed.imports.uses("torch"):
        output.report("K2T201", parsed.span_of(0, 0), "this file uses PyTorch as well as Keras: its PyTorch code stays")
    interpreter = Interpreter(parsed)
    interpreter.run()
    references = References(parsed.text, interpreter.keras.exports)
    classes = Classes(interpreter, references, style, failed)
    classes.find()
    drop = {id(model): names for model, names in final_activations(interpreter).items()}
    freezing = Freezing(interpreter)
    names = Namespace(parsed.taken_names)
    converted = ModelConverter(interpreter, output, drop, layout, style, names, freezing, classes.left()).run()
    left = classes.write(output, [model for c in converted for model in c.values])
    if left:
        return left
    facts = facts_of(converted, interpreter.layers, drop, layout == "native") | classes.facts()
    frozen, own = Frozen(freezing, converted), frozenset(classes.own)
    trainings = write_training(interpreter, parsed, output, facts, frozen, own, exact=style == "exact")
    classes.answered(output)
    write_attributes(interpreter, converted, freezing, output)
    if freezing.freezes_statistics:
        freeze_statistics(output)
    layers = [x for c in converted for x in c.reading.layers.values() if isinstance(x, Layer)]
    report_attributes(interpreter, facts, layers, output)
    report_unreached(interpreter, facts, output)
    report_old_meanings(interpreter, layers, output)
    report_masks((c.reading for c in converted), output)
    code = finish(parsed, interpreter, output, classes, {id(m): f.has_regularization for m, f in facts.items()})
    report_decided(parsed, code, output, classes.unmade)
    named = [c for c in converted if not classes.holds(c.region.construct.start)]
    pairs = (*pairs_of(named, interpreter, drop, trainings), *own_pairs(classes, trainings))
    return Result(code, _ordered(output.diagnostics), pairs, parsed.filename, parsed.text)


def _ordered(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(diagnostics, key=lambda d: (d.span.start, d.code, d.message)))
