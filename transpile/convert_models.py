"""Models of a file: read, claim, pass, write."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import libcst as cst

from transpile.backends.model_edits import ModelEdits
from transpile.backends.templates import helper
from transpile.backends.torch_model import write_model
from transpile.backends.torch_nodes import CannotWrite
from transpile.backends.torch_shared import given_attributes, inside_class, write_shared
from transpile.backends.written_model import Converted, Written, marked
from transpile.frontends.blocks import Blocks, names_in, simple_statements
from transpile.frontends.comments import with_comments, with_inner_comments
from transpile.frontends.freezing import Freezing
from transpile.frontends.frozen_parts import has_frozen_parts, with_frozen_parts
from transpile.frontends.keras_model import Reader, Reading
from transpile.frontends.keras_training import COPIES
from transpile.frontends.naming import Namespace
from transpile.frontends.portable import NotPortable
from transpile.frontends.regions import (
    Region,
    lost_names,
    models_of,
    region_of,
    stored_in,
)  # fmt: skip
from transpile.frontends.sameness import depends_on_parameters, same_network
from transpile.frontends.scope import Unconvertible, Unstructured
from transpile.frontends.structured_model import read_structured, wants_structure
from transpile.frontends.unrolled_model import read_unrolled
from transpile.frontends.variables import variable_of
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Layer, ModelValue
from transpile.ir import Model, Span
from transpile.passes.layout import Helper, arrange, arrange_helper
from transpile.passes.parameters import lift, parameters
from transpile.source import Source
from transpile.splice import Output, fragment


class ModelConverter:
    """Converts every model of a file that can be converted; reports the others."""

    def __init__(
        self, interpreter: Interpreter, output: Output, drop: Mapping[int, tuple[str, ...]],
        layout: str, style: str, names: Namespace, freezing: Freezing, left: Sequence[tuple[int, int]],
    ) -> None:  # fmt: skip
        self.interpreter = interpreter
        self.left = left  # the spans of classes that stay as they are, with the models inside of them
        self.source = interpreter.source
        self.output = output
        self.drop = drop
        self.native = layout == "native"
        self.style = style
        self.names = names
        self.freezing = freezing
        self.blocks = Blocks(self.source.tree)
        self.converted: list[Converted] = []
        self._statements: Counter[int] = Counter()  # how many models each statement makes
        self.readings: dict[int, list[Reading]] = {}
        self.folded: list[cst.CSTNode] = []

    def run(self) -> list[Converted]:
        """All models, in order; edits and definitions go to the output."""
        owners: dict[int, tuple[ModelValue, str]] = {}
        candidates: list[_Candidate] = []
        taken: set[int] = set()
        models = [m for m in self.interpreter.models if (m.instance is None or m.problems) and not self._stays(m)]
        for values in models_of(models).values():
            try:
                reading = self._read(values, owners)
                region = region_of(reading, self.interpreter, self.blocks, taken)
                candidates.append((values, reading, region))
                taken |= {id(a) for a in reading.applies}
            except Unconvertible as error:
                self._report(error)
                continue
            for name, layer in reading.layers.items():
                owners.setdefault(id(layer), (reading.value, name))
        self._drop_entangled(candidates)
        self._statements = Counter(id(region.statement) for _, _, region in candidates)
        for _, reading, _ in candidates:
            lent = {id(owner) for owner, attribute in reading.external.values() if attribute}
            for _, other, _ in candidates:
                other.shared |= id(other.value) in lent
        for values, reading, region in _owners_first(candidates):
            self._convert(values, reading, region)
        ModelEdits(self.interpreter, self.blocks, self.output, self.converted).write(self.folded)
        return self.converted

    def _stays(self, model: ModelValue) -> bool:
        return any(start <= model.span.start < end for start, end in self.left)

    def _read(self, values: list[ModelValue], owners: dict[int, tuple[ModelValue, str]]) -> Reading:
        """What one piece of code builds, each time that it runs."""
        errors: list[Unconvertible] = []
        readings: list[Reading] = []
        for value in values:
            try:
                drop = self.drop.get(id(value), ())
                reading = Reader(self.interpreter, value, drop, owners).read()
                readings.append(with_frozen_parts(reading, self.freezing))
            except Unconvertible as error:
                errors.append(error)
        if errors:
            raise errors[0]
        first = readings[0]
        first.varies = any(not same_network(first.model, r.model) for r in readings[1:])
        self.readings[id(first)] = readings
        return first

    def _report(self, error: Unconvertible) -> None:
        for code, message, span in error.reasons:
            self.output.report(code, span, message)

    def _drop_entangled(self, candidates: list[_Candidate]) -> None:
        """Leaves models whose tensors other, remaining code reads: it would lose its names."""
        while True:
            lost, self.folded = lost_names([c[2] for c in candidates], self.interpreter, self.blocks)
            bad = [i for i in range(len(candidates)) if lost[i]]
            if not bad:
                return
            for i in reversed(bad):
                region = candidates.pop(i)[2]
                names = ", ".join(sorted(lost[i]))
                message = f"{names} is also used by code that is not part of the model"
                self.output.report("K2T110", region.construct, message)

    def _convert(self, values: list[ModelValue], reading: Reading, region: Region) -> None:
        try:
            external = self._external(reading, region)
            name = self.names.unique_class(reading.model.class_name)
            written, model, arguments = self._write(values[0], reading, region, external, name)
        except CannotWrite as error:
            span = error.node.span or reading.value.span
            self.output.report(error.code, span, error.message)
            return
        except Unconvertible as error:
            self._report(error)
            return
        done = Converted(values, reading, region, model, written, arguments, external)
        done.readings = self.readings[id(reading)]
        self.converted.append(done)
        for layer in reading.layers.values():
            if isinstance(layer, Layer):
                layer.lent |= layer.adapted
        self._emit(done)

    def _write(
        self,
        value: ModelValue,
        reading: Reading,
        region: Region,
        external: dict[str, str],
        name: str,
    ) -> tuple[Written, Model, str]:
        """The model with its structure kept if possible, else flattened.

        Flattened at once where the program asks for single layers: they have their names there.
        """
        flat = partial(self._flat, value, reading, region, external, name)
        whole = value.added or reading.shared or reading.reordered or has_frozen_parts(reading)
        if whole or not wants_structure(reading):
            return flat()
        if any(id(x) in self.interpreter.asked for r in self.readings[id(reading)] for x in r.layers.values()):
            with suppress(CannotWrite, NotPortable, Unconvertible):
                return flat()
        for read in (self._read_structured, self._read_unrolled):
            try:
                return self._structured(reading, region, external, name, read)
            except (Unstructured, CannotWrite, NotPortable, Unconvertible):
                reading.structured = False  # some rule is missing: the next form says the same
        return flat()

    def _flat(
        self,
        value: ModelValue,
        reading: Reading,
        region: Region,
        external: dict[str, str],
        name: str,
    ) -> tuple[Written, Model, str]:
        self._check_flat(reading)
        model, _ = with_comments(arrange(reading.model, self.native), region, self.source)
        model = replace(model, class_name=name)
        as_class = value.variable == "" or self._statements[id(region.statement)] > 1
        model, arguments = self._with_parameters(model, reading, external, as_class=as_class)
        written = write_shared(model, self.style, external, as_class=as_class)
        self._check_names(region, arguments if written.definition else written.construct)
        return written, model, arguments

    def _check_names(self, region: Region, text: str) -> None:
        """What the construction reads must not be assigned by statements that go away."""
        gone = set().union(*(stored_in(s) for s in region.deleted), set())
        kept = {n for n in gone if self._assigned_before(n, region)}
        lost = gone.intersection(re.findall(r"[A-Za-z_]\w*", text)) - kept
        if lost:
            message = f"{', '.join(sorted(lost))} is assigned among the layers and used by them"
            raise Unconvertible([("K2T109", message, region.construct)])

    def _assigned_before(self, name: str, region: Region) -> bool:
        scope = self.blocks.scope(region.statement)
        return any(
            name in names_in(s)[1] and self.blocks.scope(s) is scope
            for s in self.blocks.places
            if isinstance(s, cst.SimpleStatementLine) and not any(s in simple_statements(d) for d in region.deleted)
        ) or (isinstance(scope, cst.FunctionDef) and name in {p.name.value for p in scope.params.params})

    def _check_flat(self, reading: Reading) -> None:
        """The flat form holds for the calls in this file only: is that said?"""
        span = reading.value.span
        if found := next(filter(None, (r.undecided for r in self.readings[id(reading)])), None):
            raise Unconvertible([("K2T109", found.reason, found.span)])
        if self._supposed(reading):
            message = "how many layers the loop adds is only known when the program runs, and it cannot be kept"
            raise Unconvertible([("K2T109", message, span)])
        if reading.unportable:
            message = f"`{reading.unportable[0].text}` is only known inside the function that uses it"
            raise Unconvertible([("K2T105", message, span)])
        if reading.varies:
            message = "this code builds other layers from call to call"
            raise Unconvertible([("K2T109", message, span)])
        function = reading.value.frame.function
        if function is None or not depends_on_parameters(reading, self.blocks):
            return
        if function.called:
            return  # every call in the file builds these layers
        message = f"converted for the default arguments of {function.name}(): others may need other layers"
        self.output.report("K2T206", span, message)

    def _supposed(self, reading: Reading) -> bool:
        """Whether a loop around the model's own statements has a length that only the program knows."""
        supposed = self.interpreter.supposed
        frames = {id(r.value.frame) for r in self.readings[id(reading)]}
        if not supposed:
            return False
        calls = [c.loops for c in self.interpreter.user_calls if id(c.caller) in frames]
        applies = [a.loops for r in self.readings[id(reading)] for a in r.all_applies if id(a.frame) in frames]
        return any(id(node) in supposed for loops in (*calls, *applies) for node, _ in loops)

    def _read_structured(self, reading: Reading, names: Namespace) -> tuple[Model, list[Model]]:
        drop = self.drop.get(id(reading.value), ())
        return read_structured(self.readings[id(reading)], self.interpreter, self.blocks, names, drop)

    def _read_unrolled(self, reading: Reading, names: Namespace) -> tuple[Model, list[Model]]:
        drop = self.drop.get(id(reading.value), ())
        found = read_unrolled(reading, self.interpreter, names, drop)
        self._check_flat(reading)
        return found

    def _structured(
        self, reading: Reading, region: Region, external: dict[str, str], name: str,
        read: Callable[[Reading, Namespace], tuple[Model, list[Model]]],
    ) -> tuple[Written, Model, str]:  # fmt: skip
        """The model in one of the forms that keep its helpers. Raises Unstructured, CannotWrite."""
        trial = self.names.copy()
        model, blocks = read(reading, trial)
        helpers: dict[str, Helper] = {}
        definitions: list[tuple[str, Written]] = []
        for block in blocks:
            arranged, helpers[block.class_name] = arrange_helper(block, helpers)
            arranged = with_inner_comments(arranged, self.source)
            definitions.append((block.class_name, write_model(arranged, self.style, {})))
        model, _ = with_comments(arrange(model, self.native, helpers), region, self.source)
        model = replace(model, class_name=name)
        model, arguments = self._with_parameters(model, reading, external, definitions)
        written = write_shared(model, self.style, external, definitions)
        written.blocks = definitions
        for _, block_text in definitions:
            written.helpers += block_text.helpers
            written.notes += block_text.notes
        self._check_names(region, arguments)
        self.names = trial
        reading.structured = True
        return written, model, arguments

    def _external(self, reading: Reading, region: Region) -> dict[str, str]:
        """For each module that another model owns: the expression that gives it."""
        result = {}
        for name, (owner, attribute) in reading.external.items():
            if isinstance(owner, Layer):
                result[name] = self._adapted(owner, reading)
                continue
            found = next((c for c in self.converted if owner in c.values), None)
            if found is None:
                raise Unconvertible([("K2T110", "a model used here is not converted", reading.value.span)])
            if any(e.kind in COPIES and e.model is owner for e in self.interpreter.events):
                message = "a model that was loaded from a file or cloned is used in another one"
                raise Unconvertible([("K2T131", message, reading.value.span)])
            variable = variable_of(owner, reading.value.scopes)
            if not variable and not attribute and _inside(found.region.construct, region, self.source):
                found.inlined, variable = True, found.construct
            if not variable:
                raise Unconvertible([("K2T110", "the model used here has no name of its own", reading.value.span)])
            if not attribute:
                reading.model = marked(reading.model, name, found.written)
            path = found.written.paths.get(attribute, attribute)
            result[name] = variable if not attribute else _access(variable, path)
        return result

    def _adapted(self, layer: Layer, reading: Reading) -> str:
        """The variable of a layer that is a module of its own."""
        variable = variable_of(layer, reading.value.scopes)
        if not variable.isidentifier():
            message = f"this {layer.kind}, which learns by adapt(), has no variable of its own"
            raise Unconvertible([("K2T194", message, layer.span)])
        return variable

    def _with_parameters(
        self,
        model: Model,
        reading: Reading,
        external: dict[str, str],
        blocks: Sequence[tuple[str, Written]] = (),
        as_class: bool = False,
    ) -> tuple[Model, str]:
        """The class's constructor parameters: what its text needs of the function it is built in."""
        probe = write_model(model, self.style, external, blocks, as_class)
        if not probe.definition:
            return model, ""
        home = reading.value.frame
        lifted, attributes = lift(model, home)
        text = write_model(lifted, self.style, inside_class(external), blocks, as_class).definition
        names = parameters(text, home)
        names += [n for n in attributes if n not in names and re.search(rf"\b{n}\b", text)]
        attributes |= given_attributes(external)
        params = tuple(dict.fromkeys([*names, *_roots(inside_class(external).values())]))
        arguments = ", ".join(attributes.get(n, n) for n in params)
        return replace(lifted, params=params), arguments

    def _emit(self, done: Converted) -> None:
        written, region = done.written, done.region
        offset = self.source.span(region.statement).start
        for name in dict.fromkeys(written.helpers):
            self.output.define(name, offset, helper(name))
            if name in self.source.taken_names:
                message = f"the file has a {name} of its own; the converted model needs another"
                self.output.report("K2T210", region.construct, message)
        for name, block in written.blocks:
            self.output.define(name, offset, fragment(block.definition))
        if written.definition:
            self.output.define(done.model.class_name, offset, fragment(written.definition))
            construct = f"{done.model.class_name}({done.arguments})"
        else:
            construct = written.construct
        self.output.device(offset)
        done.construct = construct
        for code, message, node in written.notes:
            self.output.report(code, node.span or region.construct, message)


_Candidate = tuple[list[ModelValue], Reading, Region]


def _owners_first(candidates: list[_Candidate]) -> list[_Candidate]:
    """The models in an order in which what a model uses comes before it."""
    ordered: list[_Candidate] = []
    left = list(candidates)
    while left:
        waiting = {id(v) for values, _, _ in left for v in values}
        ready = [c for c in left if not any(id(o) in waiting and o not in c[0] for o, _ in c[1].external.values())]
        ordered += ready or left
        left = [c for c in left if c not in ready] if ready else []
    return ordered


def _inside(construct: Span, region: Region, source: Source) -> bool:
    """Whether a construction stands inside the code of another model."""
    spans = [region.construct, *(source.span(s) for s in region.deleted)]
    return any(s.start <= construct.start and construct.end <= s.end for s in spans)


def _access(variable: str, path: str) -> str:
    """`model.dense`, or `model[0]` for a position in a Sequential."""
    return f"{variable}[{path}]" if path.isdigit() else f"{variable}.{path}"


def _roots(expressions: Iterable[str]) -> list[str]:
    """The variables that shared modules come from: the class is given them."""
    return list(dict.fromkeys(re.split(r"[.\[]", e)[0] for e in expressions if "(" not in e))
