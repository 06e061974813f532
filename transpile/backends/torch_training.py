"""Training, evaluation and prediction: records of the front end to edits of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import libcst as cst

from transpile.backends.bodies.api import Translated
from transpile.backends.torch_callback_class import CallbackClasses
from transpile.backends.torch_cleanup import Cleanup
from transpile.backends.torch_custom import NotOwn, own_inside, with_own
from transpile.backends.torch_data import Known
from transpile.backends.torch_epoch import (
    criteria,
    epoch_function,
    following,
    loader_function,
    optimizer,
)  # fmt: skip
from transpile.backends.torch_fit import Loop, is_plain
from transpile.backends.torch_freezing import CannotFreeze, Frozen
from transpile.backends.torch_functions import Functions
from transpile.backends.torch_history import Histories
from transpile.backends.torch_hooks import ends_training
from transpile.backends.torch_moments import is_weighted, moments, refuse_weights
from transpile.backends.torch_notes import note_callbacks, note_compile, note_targets
from transpile.backends.torch_own_steps import OwnSteps
from transpile.backends.torch_paths import makes_folder
from transpile.backends.torch_picked import picked
from transpile.backends.torch_rates import rated, write_rates
from transpile.backends.torch_use import UseWriter
from transpile.backends.torch_weights import class_weight_function
from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_compile import arguments
from transpile.frontends.keras_fit import FIT
from transpile.frontends.keras_training import Reading, Use
from transpile.frontends.placing import Home, Names, places
from transpile.frontends.portable_compile import NotPortable, portable
from transpile.frontends.texts import names as names_in
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import ModelValue
from transpile.passes.logits import with_kept
from transpile.passes.optimized_weights import cut_apart
from transpile.result import TrainingInfo
from transpile.source import Source
from transpile.splice import Output, fragment
from transpile.training_ir import Compiled, Fit, Problem, RateSchedule, ReduceRate


def write_training(
    interpreter: Interpreter,
    source: Source,
    output: Output,
    facts: Mapping[ModelValue, ModelFacts],
    frozen: Frozen,
    own: frozenset[str] = frozenset(),
    *,
    exact: bool = False,
) -> dict[ModelValue, TrainingInfo]:
    """Edits everything that the file does with its converted models. `own`: its converted classes.

    `exact`: the style that writes out what differs only by convention.

    Returns, per model, the names under which the written file holds its training.
    """
    if not facts or not interpreter.events:
        return {}
    return TrainingWriter(interpreter, source, output, facts, frozen, own, exact).run()


class TrainingWriter:
    """Writes one file's training."""

    def __init__(
        self,
        interpreter: Interpreter,
        source: Source,
        output: Output,
        facts: Mapping[ModelValue, ModelFacts],
        frozen: Frozen,
        own: frozenset[str],
        exact: bool,
    ) -> None:
        self.own, self.exact = own, exact
        self.source, self.output, self.facts, self.interpreter = source, output, facts, interpreter
        self.frozen = frozen
        self.reading = Reading(interpreter, source, facts)
        self.sites = self.reading.sites
        self.names = Names(self.reading)
        self.functions = Functions(output, self.sites.everywhere())
        self.cleanup = Cleanup(self.sites, source, output)
        self.histories = Histories(self.sites, interpreter, output)
        self.known = Known(self.reading, facts)
        self.classes = CallbackClasses(self.sites, source, output, self.cleanup)
        self.homes: dict[Use, Home] = {}
        self.places: dict[Use, Compiled] = {}
        self.epochs: dict[Use, str] = {}
        self.steps: dict[Use, str] = {}

    def run(self) -> dict[ModelValue, TrainingInfo]:
        """All edits; what cannot be converted is reported and left."""
        steps = OwnSteps(self)
        for use in self.reading.uses:
            if use.kind == "compile" and use.problem is None and use not in steps.uses:
                self._settle(use)
        uses = self.uses = UseWriter(self)
        for use in sorted(self.reading.uses, key=lambda u: len(self.source.code(u.call))):
            if use.problem is not None:
                self._left(use, use.problem)
            elif use.kind not in ("compile", "fit") and use not in steps.uses:
                uses.write(use)
        steps.write(uses)
        for use in self.reading.uses:
            if use.kind == "compile" and use in self.homes:
                self._compile(use)
            elif use.kind == "fit" and use.problem is None and use not in steps.uses:
                self._fit(use)
        write_rates(self, uses)
        uses.names_of_metrics(self.reading.uses)
        self.histories.rewrite()
        self.cleanup.delete()
        return self._infos()

    def _left(self, use: Use, problem: Problem) -> None:
        self.output.report(problem.code, self.source.span(use.call), problem.message, problem.hint)

    def refuse(self, use: Use, code: str, message: str) -> None:
        """Leaves a call as it was, with the reason."""
        use.record = Problem(code, message)
        self._left(use, use.record)

    # compile

    def _settle(self, use: Use) -> None:
        """Decides where criterion and optimizer are made, in words that are valid there."""
        assert isinstance(use.record, Compiled)
        try:
            use.record = with_own(use.record, self.interpreter, lambda made: self._needed(use, made), self.own)
        except NotOwn as error:
            self._give_up(use, error.problem.code, error.problem.message)
            return
        use.record = with_kept(use.record, use.models[0].outputs)
        for message in filter(None, (cut_apart(use.record.optimizer, m) for m in use.models)):
            self._give_up(use, "K2T125", message)
            return
        refuse_weights(use, self.reading)
        moved = {"here": (), "attribute": ("loss",)}
        message = "the model is compiled in another place than it is trained"
        for home in places(use, self.reading, self.names):
            if use.record.choices and home.mode != "here":
                continue
            try:
                self.places[use] = portable(use.record, use, *moved.get(home.mode, ("loss", "optimizer")))
                portable(use.record, use, "loop")
            except NotPortable as error:
                message = str(error)
                continue
            home = self._with_criterion(use, self._named(use, home))
            try:
                self.frozen.settle(use, home)
            except CannotFreeze as error:
                self._give_up(use, "K2T118", str(error))
                return
            self.homes[use] = home
            return
        self._give_up(use, "K2T125", message)

    def _needed(self, use: Use, made: Translated) -> None:
        """The helpers and imports of a lambda of the user's that was translated."""
        self.functions.helpers(made.helpers, self.sites.top(use.call))
        self.functions.imports(made.text)

    def _give_up(self, use: Use, code: str, message: str) -> None:
        use.record = Problem(code, message)
        for user in self.reading.governed(use):
            user.record = Problem(code, message)

    def _named(self, use: Use, home: Home) -> Home:
        """The user's own name for the optimizer, where it was an object with a name."""
        given = use.first.kwargs.get("optimizer") or (use.first.args[0] if use.first.args else None)
        if given is None:
            return home
        if isinstance(use.record, Compiled) and use.record.choices:
            return replace(home, optimizer=given.text)
        goes = self.cleanup.claim(given, use.call) or bool(given.text.isidentifier() and rated(use))
        if goes and home.mode == "here" and "." not in home.optimizer:
            return replace(home, optimizer=given.text)
        return home

    def _compile(self, use: Use) -> None:
        home, compiled = self.homes[use], self.places[use]
        made = criteria(compiled, is_weighted(self.reading, use))
        offset = self.sites.top(home.statement)
        rename = self.functions.helpers(made.helpers, offset)
        lines = [f"{home.criterion} = {rename(made.text)}"]
        if home.mode == "attribute" or not compiled.losses:
            lines = []
        if compiled.choices:
            for span, chosen in compiled.choices:
                one = optimizer(chosen, home.model)
                self.functions.helpers(one.helpers, offset)
                self.output.edit(span, one.text)
        else:
            one = picked(compiled, home.model, offset, self.functions, self.output) or optimizer(
                compiled.optimizer, home.model
            )
            one = replace(one, text=one.text.replace(f"{home.model}.parameters()", self.frozen.parameters[use]))
            self.functions.helpers(one.helpers, offset)
            lines.append(f"{home.optimizer} = {one.text}")
            scheduler = self._scheduler(home)
            after = following(compiled.optimizer, home.optimizer, scheduler, exact=self.exact)
            self.functions.helpers(after.helpers, offset)
            lines += [after.text] if after.text else []
        lines += [f"{home.model}.compile()"] if compiled.jitted else []
        text = "\n".join(lines)
        self.functions.imports(text + "torch.")
        for name in ("loss", "metrics"):
            given = use.first.kwargs.get(name)
            if given is not None and not own_inside(given):
                self.cleanup.claim(given, use.call)
        self.cleanup.consumed(self.source.span(use.call))
        note_compile(self, use)
        statement = self.sites.statement(use.call)
        assert statement is not None
        if home.mode in ("here", "attribute"):
            self.replace(statement, text.split("\n"))
            return
        self.cleanup.remove(statement)
        self._beside(home, text)

    def _scheduler(self, home: Home) -> str:
        """The name of what changes the rate; the optimizer's where there are several."""
        owner, dot, own = home.optimizer.rpartition(".")
        plans = [u.record.optimizer.schedule for u in self.reading.uses if isinstance(u.record, Compiled)]
        if "optimizer" in own:
            name = own.replace("optimizer", "scheduler")
        else:
            name = f"{own}_scheduler" if sum(map(bool, plans)) > 1 else "scheduler"
        return owner + dot + name if owner else self.histories.namer(self.sites.function(home.statement))(name)

    def _beside(self, home: Home, text: str) -> None:
        """The lines before or behind the statement that they belong to."""
        indent = self.sites.indent(home.statement)
        span = self.source.span(home.statement)
        if home.mode == "after":
            end = self.sites.whole(home.statement).end
            added = "\n" + " " * indent + fragment(text, indent)
            self.output.edit(self.source.span_of(end, end), added)
        else:
            added = fragment(text, indent) + "\n" + " " * indent
            self.output.edit(self.source.span_of(span.start, span.start), added)

    def _with_criterion(self, use: Use, home: Home) -> Home:
        """A model that carries its optimizer along needs a criterion that is known everywhere.

        That is a variable behind the imports, or its text where that needs more than PyTorch.
        """
        if not self.places[use].losses:
            return replace(home, criterion="")
        if home.mode != "attribute":
            return home
        made = criteria(self.places[use], is_weighted(self.reading, use))
        if made.helpers or names_in(made.text) - {"nn", "torch"}:
            return replace(home, criterion=self.functions.renaming(made.helpers)(made.text))
        offset = self.sites.top(home.statement)
        return replace(home, criterion=self.functions.constant(home.criterion, made.text, offset))

    def replace(self, statement: cst.SimpleStatementLine, lines: list[str]) -> None:
        """Writes lines in place of a statement; the user's comments inside it come first."""
        span = self.sites.whole(statement)
        indent = self.sites.indent(statement)
        text = "\n".join([*self.sites.comments(span), *lines])
        edits = self.output.edits  # of calls in the arguments: their results are part of the lines
        self.output.edits = [e for e in edits if not (span.start <= e.start and e.end <= span.end) or e.start == e.end]
        self.output.edit(span, fragment(text, indent))

    # fit

    def loader(self, use: Use) -> str:
        """The name of the function that makes loaders for the data of a use."""
        compiled = self.inside(use)
        facts = self.facts[use.models[0]]
        data, weighted = self.known.fed(use), use.compiled is not None and is_weighted(self.reading, use.compiled)
        return self.functions.add(
            "make_loader", self._variable(use), lambda n: loader_function(n, data, compiled, facts, weighted),
            self.sites.top(use.call),
        )  # fmt: skip

    def epoch(self, use: Use) -> str:
        """The name of the function that makes one pass."""
        compiled, facts = self.inside(use), self.facts[use.models[0]]
        offset = self.sites.top(use.call)
        assert use.compiled is not None
        at = moments(self.reading, use.compiled)
        _, helpers = epoch_function("_", compiled, facts, at)
        rename = self.functions.helpers(helpers, offset)
        name = self.functions.add(
            "run_epoch", self._variable(use), lambda n: rename(epoch_function(n, compiled, facts, at)[0]), offset
        )
        if use.compiled not in self.epochs:
            note_targets(self, use.compiled, compiled, self.known.fed(use).targets)
        self.epochs.setdefault(use.compiled, name)
        return name

    def inside(self, use: Use) -> Compiled:
        """What `compile` said, in words that are valid in functions at module level."""
        assert use.compiled is not None
        assert isinstance(use.compiled.record, Compiled)
        return portable(use.compiled.record, use.compiled, "loop", "loss")

    def _variable(self, use: Use) -> str:
        return self.home(use).model

    def home(self, use: Use) -> Home:
        """Where criterion and optimizer of a use were made."""
        assert use.compiled is not None
        return self.homes[use.compiled]

    def _fit(self, use: Use) -> None:
        assert isinstance(use.record, Fit)
        statement = self.sites.statement(use.call)
        form = self.histories.form(use.call, statement)
        if statement is None or form is None:
            self.refuse(use, "K2T125", "fit is used inside of an expression")
            return
        fit, home = use.record, self.home(use)
        compiled, facts = self.inside(use), self.facts[use.models[0]]
        scope, model = self.sites.function(use.call), self._model_text(use)
        name = self.histories.namer(scope)
        asked = self.histories.asked(use, [u for u in self.reading.uses if u.kind == "fit"])
        history = form.history or (name("history") if form.needed or asked else "")
        loop = Loop(
            fit, compiled, model, home.criterion, home.optimizer_of(model), "", "", history, name,
            penalty=facts.has_regularization, rate_key="lr" if self.reading.reads("lr") else "learning_rate",
            momentum=compiled.optimizer.has_momentum, makes_folder=lambda text: makes_folder(text, self.source.text),
        )  # fmt: skip
        others = [u for u in self.reading.uses if u.kind in ("fit", "evaluate") and u is not use and not u.problem]
        if not others and is_plain(fit, compiled, facts):
            loop.tensors = self._tensors(use, fit)
        else:
            loop.make_loader, loop.to_tensors = self.uses.feeding(use, fit)
            loop.epoch_function = self.epoch(use)
            assert use.compiled is not None
            loop.stops = moments(self.reading, use.compiled).stops or ends_training(fit.callbacks)
        if loop.momentum and any(isinstance(c, ReduceRate | RateSchedule) for c in fit.callbacks):
            self.functions.helpers(("rescale_momentum",), self.sites.top(use.call))
        if fit.class_weight is not None:
            loop.weighted = name("weighted_criterion")
            loop.before = class_weight_function(fit.class_weight, compiled.losses[0], loop.weighted, name)
        lines = [self.uses.text(line) for line in (*loop.lines(), *form.after(history))]
        self.functions.imports("\n".join(lines))
        self.output.device(self.sites.top(use.call))
        self.cleanup.consumed(self.source.span(use.call))
        self._callbacks(use, fit, loop)
        self.replace(statement, lines)
        if history:
            self.histories.add(history, use, form, asked)

    def _callbacks(self, use: Use, fit: Fit, loop: Loop) -> None:
        """What becomes of the objects and classes behind the callbacks, and where the program asks them."""
        for node, text in loop.answers.items():
            assert isinstance(node, cst.CSTNode)
            self.uses.replace(node, text)
        given = arguments(use.first, FIT).get("callbacks")
        if given is not None:
            self.cleanup.claim(given, use.call)
            self.classes.write(given.value)
        note_callbacks(self, use, fit)

    def _model_text(self, use: Use) -> str:
        func = use.call.func
        assert isinstance(func, cst.Attribute)
        return self.source.code(func.value)

    def _tensors(self, use: Use, fit: Fit) -> list[str]:
        from transpile.backends.torch_tensors import input_tensors, target_tensor

        facts, compiled = self.facts[use.models[0]], self.inside(use)
        x, y = fit.data.inputs[0], fit.data.targets[0]
        known = self.known.fed(use)
        return [
            *input_tensors([x.text], known.inputs[:1], facts),
            target_tensor(y.text, known.targets[0], compiled.losses[0]),
        ]

    def _infos(self) -> dict[ModelValue, TrainingInfo]:
        infos = {}
        for use, home in self.homes.items():
            if not home.criterion:
                continue
            user = next(iter(self.reading.governed(use)), use)
            chosen = home.optimizer_of("{model}" if home.mode == "attribute" else self._model_text(user))
            info = TrainingInfo(home.criterion, chosen, self.epochs.get(use, "") or self.steps.get(use, ""))
            for model in use.models:
                infos[model] = info
        return infos
