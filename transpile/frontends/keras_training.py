"""What the file does with its models: one record per call site, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import libcst as cst

from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_compile import Refused, read_compile
from transpile.frontends.keras_fit import read_evaluate, read_fit, read_predict, read_step
from transpile.frontends.keras_optimizer import old_decay
from transpile.frontends.keras_streams import GENERATOR_METHODS
from transpile.frontends.merged_events import merged_event
from transpile.frontends.metric_names import MetricNames
from transpile.frontends.optimizers_in_turn import (
    given_optimizer,
    in_turn,
    most_general,
    optimizers_in_turn,
    read_alike,
    with_optimizer,
)
from transpile.frontends.own_steps import read_own, refuse_untested
from transpile.frontends.read_as_arrays import Call, read_as_array
from transpile.frontends.sites import Sites, assignments
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Event, KerasObject, ModelValue
from transpile.ir import Expr, Span
from transpile.source import Source
from transpile.training_ir import Compiled, EarlyStopping, Evaluate, Fit, Optimizer, Predict, Problem, Step, Store

PREDICTIONS = frozenset({"predict", "predict_proba", "predict_on_batch", "predict_classes"})
# Calls that are written for any converted model, whatever their arguments.
PLAIN = frozenset({"summary", "count_params", "build", "clone_model", "to_json", "to_yaml"})
# What gives a second model with the layers of one.
COPIES = frozenset({"load_model", "clone_model"})
STEPS = frozenset({"train_on_batch", "test_on_batch"})
# Left to those who convert layers and weights.
_ELSEWHERE = frozenset({"trainable", "get_weights", "set_weights", "get_layer"})
Record = Compiled | Fit | Evaluate | Predict | Step | Store | Problem | None


@dataclass(eq=False)
class Use:
    """A call site on a model (or on several, in a loop or a function), and what it says.

    `compiled` is the `compile` in force: its site.
    """

    kind: str
    call: cst.Call
    events: list[Event] = field(default_factory=list)
    record: Record = None
    compiled: Use | None = None

    @property
    def models(self) -> list[ModelValue]:
        found: list[ModelValue] = []
        for event in self.events:
            if event.model is not None and event.model not in found:
                found.append(event.model)
        return found

    @property
    def first(self) -> Event:
        return self.events[0]

    @property
    def problem(self) -> Problem | None:
        return self.record if isinstance(self.record, Problem) else None


class Reading:
    """Every use of every model that has facts, in program order."""

    def __init__(
        self,
        interpreter: Interpreter,
        source: Source,
        facts: Mapping[ModelValue, ModelFacts],
        sites: Sites | None = None,
    ) -> None:
        self.interpreter = interpreter
        self.source = source
        self.facts = facts
        self.sites = sites or Sites(source)
        self.uses = self._group()
        self.arrays: dict[Use, Call] = {}  # calls of models on data that are predictions
        self._old_accuracy = _reads_acc(source.text)
        self._metric_names = MetricNames()
        for use in self.uses:
            use.compiled = self._in_force(use)
        for use in self.uses:
            use.record = self._read(use)

    def reads(self, key: str) -> bool:
        """Whether the file has a subscript with that string."""
        return re.search(rf"""\[['"]{key}['"]\]""", self.source.text) is not None

    def _group(self) -> list[Use]:
        uses: dict[int, Use] = {}
        for event in self.interpreter.events:
            if event.model is None or event.model not in self.facts or event.kind in _ELSEWHERE:
                continue
            use = uses.setdefault(id(event.call), Use(_kind(event), event.call))
            use.events.append(event)
        return list(uses.values())

    def _in_force(self, use: Use) -> Use | None:
        """The last `compile` of the model before the first time that the call is made."""
        event = use.first
        before = [
            (e.order, other) for other in self.uses if other.kind == "compile"
            for e in other.events if e.model is event.model and e.order < event.order
        ]  # fmt: skip
        copies = [e for e in self.interpreter.events if e.kind in COPIES and e.model is event.model]
        if copies:
            before = _of_holder(_holder(use.call, self.source), event.order, before, copies, self.source)
        return max(before, key=lambda found: found[0], default=(0, None))[1]

    def governed(self, compiled: Use) -> list[Use]:
        """The uses that train or evaluate by a `compile`."""
        return [u for u in self.uses if u.compiled is compiled and u.kind in ("fit", "evaluate", *STEPS)]

    # Records

    def _read(self, use: Use) -> Record:
        records: list[Record] = []
        for model in use.models:
            event = merged_event(next(e for e in use.events if e.model is model), use.events)
            try:
                records.append(self._read_one(use, event, self.facts[model]))
            except Refused as refused:
                return refused.problem
        first = records[0]
        if any(r != first for r in records[1:]) and not _alike(use, self.facts):
            return Problem("K2T128", f"this {use.kind} is called on models that differ")
        return first

    def _read_one(self, use: Use, event: Event, facts: ModelFacts) -> Record:
        kind = use.kind
        if facts.steps is not None and kind in ("compile", "train_on_batch", "test_on_batch"):
            return read_own(event, facts.steps)
        if kind == "compile":
            choices = self._choices(use, event)
            turns = [] if choices else optimizers_in_turn(use.events, event, self.sites)
            if choices or turns:
                event = with_optimizer(event, most_general(choices or turns))
            read = read_compile(event, facts, self._old_accuracy, self._metric_names)
            self._refuse_changed(event)
            return replace(read, choices=self._chosen(choices)) if choices else in_turn(read, use.first, turns)
        if kind in ("fit", "evaluate"):
            compiled = self._compiled(use)
            if kind == "evaluate":
                return refuse_untested(read_evaluate(event, compiled, facts), facts)
            fit = read_fit(event, compiled, facts, self.source, self._others(event))
            self._refuse_asked(use, fit)
            return refuse_untested(fit, facts)
        if kind in STEPS:
            if not self._compiled(use).losses:
                raise Refused("K2T130", f"{kind} of a model that is compiled without a loss")
            return read_step(event, facts)
        if kind in PREDICTIONS:
            return read_predict(event, facts)
        if kind in ("save", "save_weights", "load_weights", "load_model"):
            return _store(event)
        if kind == "call" and (array := self._array(use)) is not None:
            self.arrays[use] = array
            return read_predict(replace(event, kwargs={}), facts)
        if kind in PLAIN:
            return None
        what = "calling the model on data" if kind == "call" else f"the method {kind}"
        raise Refused("K2T130", f"{what} has no counterpart yet")

    def _refuse_changed(self, event: Event) -> None:
        """The rate of an optimizer that a variable holds can be set where the written optimizer is seen."""
        given = given_optimizer(event)
        value = given.value if given is not None else None
        if not isinstance(value, KerasObject) or not value.attributes:
            return
        scope = self.sites.function(event.call)
        for asked in value.uses:
            if asked.order < event.order or self.sites.function(asked.node) is not scope:
                raise Refused("K2T125", "the optimizer is changed after it is made")

    def _refuse_asked(self, use: Use, fit: Fit) -> None:
        """What a callback holds is in variables of the function that trains."""
        scope = self.sites.function(use.call)
        asked = [n for c in fit.callbacks if isinstance(c, EarlyStopping) for nodes in c.asked.values() for n in nodes]
        if any(self.sites.function(n) is not scope for n in asked if isinstance(n, cst.CSTNode)):
            raise Refused("K2T126", "an EarlyStopping is read in another function than trains")

    def _array(self, use: Use) -> Call | None:
        """`np.argmax(model(x))`, `model(x).numpy()`, `y = model(x)` of which only numbers are read: a prediction."""
        training = use.first.kwargs.get("training")
        if set(use.first.kwargs) - {"training"} or (training is not None and training.value is not False):
            return None
        fed = {u.call.func.value for u in self.uses if isinstance(u.call.func, cst.Attribute)}
        return read_as_array(use.call, self.sites, self.source, fed.__contains__)

    def _others(self, event: Event) -> list[Event]:
        """The other trainings of a run of the program: an object may serve several."""
        fits = [e for e in self.interpreter.events if e.kind == "fit" and e.order != event.order]
        return [e for e in fits if not self._excludes(e, event)]

    def _excludes(self, one: Event, other: Event) -> bool:
        """Whether a run of the program does only one of the two."""
        if one.turn and one.turn == other.turn:
            return True
        return one.frame is other.frame and self.sites.exclude(one.call, other.call)

    def _choices(self, use: Use, event: Event) -> list[Expr]:
        """The optimizers that a variable can hold, where a test of the program decides."""
        given = given_optimizer(event)
        if given is None or given.known or not given.text.isidentifier():
            return []
        scope = self.sites.function(use.call)
        found = []
        for statement in assignments(given.text, self.source):
            value = statement.body[0].value  # type: ignore[attr-defined]
            if self.sites.function(statement) is not scope or not isinstance(value, cst.Call):
                return []
            made = self.interpreter.value_of(value, event.frame)
            if not isinstance(made, KerasObject) or not made.path.startswith("keras.optimizers."):
                return []
            model = event.model
            if model is None or self.sites.function(model.call or use.call) is not scope:
                return []
            if model.span.start > made.span.start:
                return []
            found.append(Expr(self.source.code(value), made))
        return found if len(found) > 1 else []

    def _chosen(self, choices: list[Expr]) -> tuple[tuple[Span, Optimizer], ...]:
        spans = [c.value.span for c in choices if isinstance(c.value, KerasObject)]
        return tuple(zip(spans, read_alike(choices)))

    def _compiled(self, use: Use) -> Compiled:
        if use.compiled is None:
            raise Refused("K2T128", f"no compile of the model is seen before this {use.kind}")
        record = use.compiled.record
        if record is None:  # in program order below a later definition
            record = use.compiled.record = self._read(use.compiled)
        if isinstance(record, Problem):
            raise Refused(record.code, f"its compile was left: {record.message}")
        assert isinstance(record, Compiled)
        return record

    def decay(self, compiled: Use) -> Expr | None:
        """`decay=` of the optimizer, which Keras 3 ignores."""
        given = given_optimizer(compiled.first)
        return old_decay(given) if given is not None else None


def _holder(call: cst.Call, source: Source) -> str:
    """The variable of which a method is called."""
    return source.code(call.func.value) if isinstance(call.func, cst.Attribute) else source.code(call.func)


def _of_holder(
    holder: str, order: int, compiles: list[tuple[int, Use]], copies: list[Event], source: Source
) -> list[tuple[int, Use]]:
    """Of the compiles of a model and its copies: those of the one that a variable holds at some moment."""
    made = max((e for e in copies if e.values["holder"] == holder and e.order < order),
               key=lambda e: e.order, default=None)  # fmt: skip
    since = made.order if made is not None else 0
    found = [(at, u) for at, u in compiles if since < at < order and _holder(u.call, source) == holder]
    if found or made is None:
        return found
    return (
        _of_holder(str(made.values["original"]), since, compiles, copies, source) if made.kind == "load_model" else []
    )


def _kind(event: Event) -> str:
    return GENERATOR_METHODS.get(event.kind, (event.kind,))[0]


def _alike(use: Use, facts: Mapping[ModelValue, ModelFacts]) -> bool:
    """Whether the models differ in nothing that the written code depends on."""
    keys = {
        (f.final_activations, f.input_dtypes, f.has_regularization, f.has_constraints, _extents(f))
        for f in (facts[m] for m in use.models)
    }
    return len(keys) == 1


def _extents(facts: ModelFacts) -> tuple[object, ...]:
    return tuple(None if s is None else (len(s), s[-1].value == 1, s[-1].known) for s in facts.output_shapes)


def _store(event: Event) -> Store:
    allowed = {"overwrite", "save_format", "include_optimizer", "by_name", "filepath"}
    allowed |= {"custom_objects", "compile"} if event.kind == "load_model" else set()
    path = event.args[0] if event.args else event.kwargs.get("filepath")
    if path is None or set(event.kwargs) - allowed:
        raise Refused("K2T125", f"these arguments of {event.kind} cannot be converted")
    by_name = event.kwargs.get("by_name")
    if by_name is not None and by_name.value is not False:
        raise Refused("K2T125", "load_weights(by_name=True) cannot be converted")
    return Store(path, event.kind in ("load_weights", "load_model"))


def _reads_acc(text: str) -> bool:
    """Whether the file expects the accuracy under the name that Keras gave it until 2.3."""
    old = re.search(r"""['"](val_)?acc['"]\s*\]|\.get\(\s*['"](val_)?acc['"]""", text)
    new = re.search(r"""['"](val_)?accuracy['"]\s*\]\s*(?!\))|\.get\(\s*['"](val_)?accuracy['"]""", text)
    return old is not None and new is None
