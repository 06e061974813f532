"""Classes of the user's that derive from keras.layers.Layer or keras.Model: nn.Module, in place."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.class_arguments import bound, layer_arguments
from transpile.backends.bodies.class_bases import takes
from transpile.backends.bodies.class_text import Methods, one_line
from transpile.backends.bodies.forward import MixedLayout
from transpile.backends.bodies.kinds import Kind
from transpile.backends.bodies.modules import Modules
from transpile.backends.bodies.own import OwnClass, derives
from transpile.backends.bodies.own_step import STEPS
from transpile.backends.templates import helper
from transpile.backends.torch_functions import imports_of
from transpile.frontends.facts import ModelFacts, model_facts
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Instance, Layer, ModelValue, UserClass
from transpile.ir import Edit, Shape
from transpile.references import References
from transpile.splice import Output, fragment

LAYER_BASES = ("keras.layers.Layer",)
LOSS_BASES = ("keras.losses.Loss",)
MODEL_BASES = ("keras.Model", "keras.models.Model", "keras.Sequential")
BASES = (*LAYER_BASES, *LOSS_BASES, *MODEL_BASES)


def is_base(path: str) -> bool:
    """Whether classes that derive from one of Keras's are followed: its own layers do more than `Layer`."""
    return path in BASES or path.endswith(".LearningRateSchedule")


@dataclass
class Classes:
    """The classes of one file that are converted. `failed` are names that an earlier attempt left."""

    interpreter: Interpreter
    references: References
    style: str
    failed: Mapping[str, Refusal] = field(default_factory=dict)
    own: dict[str, OwnClass] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.modules = Modules(self.interpreter, self.style)
        self.every = {r.node: r.path for r in self.references.references}
        self.problems: dict[str, Refusal] = {}

    def find(self) -> None:
        """Converts each class in thought, inner ones first; those that fail keep their reasons."""
        for node, cls in self._ordered():
            name = node.name
            if name in self.failed:
                self.problems[name] = self.failed[name]
                continue
            own = self._own(node, cls)
            try:
                self._convert(own)
            except Refusal as refusal:
                self.problems[name] = refusal
                continue
            self.own[name] = own
            for layer in own.layers:
                layer.problems, layer.adds_loss = [], own.adds_loss
                layer.args = layer_arguments(own, layer.args)
            for model in own.models:
                model.problems = []

    def _ordered(self) -> list[tuple[ast.ClassDef, UserClass]]:
        """The classes, each behind those that it makes objects of."""
        found: dict[str, tuple[ast.ClassDef, UserClass]] = {}
        nodes = {n.name: n for n in ast.walk(self.references.tree) if isinstance(n, ast.ClassDef)}
        for cls in self.interpreter.classes:
            name = cls.node.name.value
            if name in nodes and is_base(cls.keras_base):
                found[name] = (nodes[name], cls)
        ordered: list[str] = []

        def place(name: str, above: tuple[str, ...]) -> None:
            if name in ordered or name in above:
                return
            for inner in ast.walk(found[name][0]):
                if isinstance(inner, ast.Name) and inner.id in found:
                    place(inner.id, (*above, name))
            ordered.append(name)

        for name in found:
            place(name, ())
        return [found[n] for n in ordered]

    def _own(self, node: ast.ClassDef, cls: UserClass) -> OwnClass:
        layers = [x for x in self.interpreter.layers if x.instance is not None and x.instance.cls is cls]
        models = [x for x in self.interpreter.models if x.instance is not None and x.instance.cls is cls]
        every = [x.instance for x in self.interpreter.layers] + [x.instance for x in self.interpreter.models]
        instances = [i for i in every if i is not None and derives(i.cls, cls)]
        own = OwnClass(node, cls, instances or cls.objects[:1], layers, models, made=bool(instances))
        own.outputs, own.several = _outputs(layers, models)
        own.parent = next((self.own[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in self.own), None)
        own.inner = own.parent is None and not self._is_derived(cls) and self._is_inner(own)
        return own

    def _is_derived(self, cls: UserClass) -> bool:
        return any(other is not cls and derives(other, cls) for other in self.interpreter.classes)

    def _is_inner(self, own: OwnClass) -> bool:
        """Whether all of its objects live in other classes and take and give images only."""
        made = [(x.frame, x.applications) for x in own.layers]
        if not made or own.models:
            return False
        for frame, applications in made:
            function = frame.function
            inside = function is not None and function.closure is not None and "self" in frame.names
            holder = frame.names.get("self")
            if not inside or not isinstance(holder, Instance) or not holder.cls.keras_base:
                return False
            for record in applications:
                tensors = [*record.inputs, *record.outputs]
                if any(t.shape is None or len(t.shape) < 4 for t in tensors):
                    return False
        return bool(own.outputs) and own.spatial(self.modules)

    def _convert(self, own: OwnClass) -> None:
        if own.parent is not None:
            own.inherit()
            stepping = own.parent.steps is not None or any(own.method(n) for n in STEPS)
            if len(own.node.bases) > 1 or stepping or own.is_schedule:
                raise Refusal("K2T189", f"{own.node.name} derives from another class of yours", own.node.bases[0])
        for base in own.node.bases if own.parent is None else ():
            path = self.every.get(base, "")
            if not is_base(path):
                raise Refusal("K2T189", f"{own.node.name} derives from another class of yours", base)
        for wrapped in (False, True):
            methods = Methods(self, own, wrapped)
            try:
                methods.run()
            except MixedLayout:
                if wrapped:
                    raise Refusal("K2T111", "the rank of a tensor is not known", own.node) from None
                continue
            own.edits, own.helpers, own.notes = methods.edits, methods.body.helpers, methods.notes
            own.attributes = dict(methods.body.attributes)
            return

    # Output

    def write(self, output: Output, converted: Collection[ModelValue] = ()) -> dict[str, Refusal]:
        """The edits of every class that was converted; returns those that failed after all."""
        failed: dict[str, Refusal] = {}
        ready = {*converted, *(m for own in self.own.values() for m in own.models)}
        for name, own in self.own.items():
            inner = [e for e in output.edits if self._inside(e, own.node)]
            for start in own.models_inside:
                if not any(e.start <= start < e.end for e in inner):
                    failed[name] = Refusal("K2T190", f"a model inside {name} could not be converted", own.node)
            for model, node in own.steps.models if own.steps is not None else ():
                if model not in ready:
                    failed[name] = Refusal("K2T191", "a model that its step calls was left", node)
        classes = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.ClassDef) and n.name in self.problems]
        for below, base in ((c, b) for c in classes for b in c.bases if isinstance(b, ast.Name) and b.id in self.own):
            failed[base.id] = Refusal("K2T189", f"{below.name} derives from it and was left", base)
            failed[below.name] = self.problems[below.name]
        if failed:
            return failed
        for own in self.own.values():
            self._emit(own, output)
        for name, refusal in self.problems.items():
            self._report(name, refusal, output)
        return {}

    def _inside(self, edit: Edit, node: ast.ClassDef) -> bool:
        return self.references.start(node) <= edit.start and edit.end <= self.references.end(node)

    def _emit(self, own: OwnClass, output: Output) -> None:
        offset = self.references.start(own.node)
        for edit in dict.fromkeys(own.edits):
            output.edit(self.references.span(edit.start, edit.end), edit.text)
            imports_of(edit.text, output)
            if "device=device" in edit.text:
                output.device(offset)
        for name in dict.fromkeys(own.helpers):
            output.define(name, offset, fragment(helper(name)))
            imports_of(helper(name), output)
        output.imports |= {"import torch", "from torch import nn"}
        for code, message, start in own.notes:
            output.report(code, self.references.span(start, start + 1), message)
        for model in own.models:
            self._construct(own, model, output)

    def _construct(self, own: OwnClass, model: ModelValue, output: Output) -> None:
        """`Net(10)` outside of a class: with its sizes, on the device."""
        if model.call is None:
            return
        start = self.interpreter.source.span(model.call).start
        if any(self._encloses(other.node, start) for other in self.own.values()):
            return
        node = self._call_at(start)
        if node is None or any(e.start <= start < e.end for e in output.edits):
            return
        text = self.construction(own, node, self.references.code)
        output.edit(self.references.span(start, self.references.end(node)), f"{text}.to(device)")
        output.device(start)

    def construction(self, own: OwnClass, node: ast.Call, code) -> str:  # type: ignore[no-untyped-def]
        """The construction of an object without what only Keras takes."""
        known = takes(own)
        given = {k.arg: k.value for k in node.keywords if k.arg is not None}
        first, named = bound(own, node.args, {n: v for n, v in given.items() if n in known})
        parts = [*(code(a) for a in first), *(f"{n}={code(v)}" for n, v in named.items())]
        parts += [f"**{code(k.value)}" for k in node.keywords if k.arg is None]
        return f"{own.node.name}({', '.join(parts)})"

    def _call_at(self, start: int) -> ast.Call | None:
        calls = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Call) and n.lineno]
        return next((n for n in calls if self.references.start(n) == start), None)

    def _encloses(self, node: ast.ClassDef, start: int) -> bool:
        return self.references.start(node) <= start < self.references.end(node)

    def _report(self, name: str, refusal: Refusal, output: Output) -> None:
        start, end = self.references.start(refusal.node), self.references.end(refusal.node)
        message = one_line(f"the class {name} was left: {refusal}")
        output.report(refusal.code, self.references.span(start, end), message)

    def facts(self) -> dict[ModelValue, ModelFacts]:
        """What the training side must know of the models that are objects of the classes."""
        plain = {m: own for own in self.own.values() for m in own.models if m.outputs and len(m.inputs) == 1}
        stepped = {m: own for own in self.own.values() for m in own.models if own.facts is not None}
        found = (plain | stepped).items()
        return {m: replace(model_facts(m, {}, has_regularization=o.adds_loss), steps=o.facts) for m, o in found}

    def left(self) -> list[tuple[int, int]]:
        """The spans of the classes that stay: one word on each is enough."""
        nodes = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.ClassDef) and n.name in self.problems]
        return [(self.references.start(n), self.references.end(n)) for n in nodes]

    def answered(self, output: Output) -> None:
        """Takes back what was said about calls of models inside of steps that were converted."""
        stepped = [own.node for own in self.own.values() if own.facts is not None]
        output.diagnostics[:] = [
            d for d in output.diagnostics
            if d.code != "K2T130" or not any(self._encloses(n, d.span.start) for n in stepped)
        ]  # fmt: skip

    def holds(self, start: int) -> bool:
        """Whether a place lies in a class that was converted: what it makes is part of its objects."""
        return any(self._encloses(own.node, start) for own in self.own.values())

    @property
    def unmade(self) -> set[str]:
        """The classes that were converted and of which the file makes no object."""
        bases = (*LAYER_BASES, *MODEL_BASES)
        return {n for n, own in self.own.items() if not own.made and own.cls.keras_base in bases}

    def kinds(self) -> dict[str, Kind]:
        """The classes that were converted, as names of the module."""
        return {name: Kind("object", path="class", node=own) for name, own in self.own.items()}


def _outputs(layers: Sequence[Layer], models: Sequence[ModelValue]) -> tuple[tuple[Shape | None, ...], bool]:
    for layer in layers:
        for record in layer.applications:
            if record.outputs:
                return tuple(t.shape for t in record.outputs), len(record.outputs) > 1
    for model in models:
        if model.outputs:
            return tuple(t.shape for t in model.outputs), not model.single_output
    return (), False
