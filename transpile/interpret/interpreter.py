"""The abstract interpreter: runs a file, and calls of the user's own functions and classes.

It never executes the user's code and does no I/O. Steps are bounded; what it cannot know is
UNKNOWN. Keras's objects become the values of values.py, and what is done with models is
recorded as events.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress

import libcst as cst

from transpile.interpret.attributes import class_attribute
from transpile.interpret.calls import Calls
from transpile.interpret.expressions import Expressions
from transpile.interpret.index_inputs import note_index_inputs
from transpile.interpret.keras_calls import KerasCalls
from transpile.interpret.record import OutOfSteps
from transpile.interpret.statements import Broken, Continued, Returned, Statements
from transpile.interpret.streams import yields_three
from transpile.interpret.values import Frame, Function, Instance, Ref, Stream, UserClass
from transpile.ir import UNKNOWN
from transpile.source import Source

MAX_DEPTH = 40
MAX_RECURSION = 12
_SEARCH = re.compile(r"\w+Search(CV)?\(|\.set_params\(|validation_curve\(")


def is_generator(function: cst.FunctionDef | cst.Lambda) -> bool:
    """Whether a call of a function gives an iterator over what it yields."""
    if isinstance(function, cst.Lambda):
        return False
    stack: list[cst.CSTNode] = [function.body]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Yield):
            return True
        if not isinstance(node, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            stack += node.children
    return False


class Interpreter(Statements):
    """Runs one file. After `run()`: `models`, `events` and `module` hold what was seen."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.expressions = Expressions(self)
        self.calls = Calls(self)
        self.keras = KerasCalls(self)

    def run(self) -> None:
        """Runs the module, then what nothing in it calls."""
        try:
            with suppress(Returned):  # by `raise`: the program ends there
                self.execute_all(self.source.tree.body, self.module)
            self.rest()
            self._run_uncalled()
        except OutOfSteps:
            pass  # what was seen until then stands; models that are incomplete say so
        for model in self.models:
            self.keras.build(model, final=True)
        note_index_inputs(self.models, self.applies)

    def value_of(self, node: cst.BaseExpression, frame: Frame) -> object:
        """The value of an expression after the run; UNKNOWN where it takes too many steps."""
        self.steps = 0
        self.rest()
        try:
            return self.expressions.evaluate(node, frame)
        except OutOfSteps:
            return UNKNOWN

    def _run_uncalled(self) -> None:
        for function in list(self.functions):
            if not function.calls and function.closure is self.module:
                self._try(function, ())
        for cls in list(self.classes):
            instance = Instance(cls) if cls.made else self.instantiate(cls, (), {})
            if cls.objects:  # the one of which most was seen
                instance = max(reversed(cls.objects), key=lambda o: len(o.attributes))
            for value in list(cls.attributes.values()):
                if isinstance(value, Function) and not value.calls and isinstance(instance, Instance):
                    self._try(value, (instance,))

    def _try(self, function: Function, args: Sequence[object]) -> None:
        """Runs a function that nothing calls, as far as its steps lead to something."""
        self.rest()
        try:
            self.call_function(function, args, {})
        except OutOfSteps:
            self.depth, self.loops, self.uncertain = 0, (), 0
            if self.exhausted:
                raise

    def call_function(
        self,
        function: Function,
        args: Sequence[object],
        kwargs: dict[str, object],
        caller: Frame | None = None,
    ) -> object:
        """Runs a function of the user's; UNKNOWN when it recurses too deeply."""
        function.calls += 1
        if self.depth >= MAX_DEPTH or function.running >= MAX_RECURSION:
            return UNKNOWN
        frame = Frame(function=function, parent=function.closure, caller=caller, site=self.statement)
        self._bind_parameters(function, args, kwargs, frame)
        if args and isinstance(args[0], Instance) and function.name == "__init__":
            args[0].given[id(function)] = dict(frame.arguments)
        self.frames.append(frame)
        self.depth += 1
        function.running += 1
        outer, loops, self.loops = self.statement, self.loops, ()
        self.last_frame = frame
        try:
            if isinstance(function.node, cst.Lambda):
                return self.expressions.evaluate(function.node.body, frame)
            self.execute(function.node.body, frame)
            result: object = None
        except Returned as returned:
            result = returned.value
        except (Broken, Continued):
            result = UNKNOWN
        finally:
            self.depth -= 1
            function.running -= 1
            self.statement, self.loops = outer, loops
            self.last_frame = frame
        if is_generator(function.node):
            return Stream("generator", weighted=yields_three(function))
        for early in frame.returned:
            result = result if early is UNKNOWN or early is None else self._merge_results(early, result)
        return result

    def _merge_results(self, early: object, late: object) -> object:
        if late is None or late is UNKNOWN:
            return early
        return self._phi(early, late, self.source.tree)

    def _bind_parameters(
        self, function: Function, args: Sequence[object], kwargs: dict[str, object], frame: Frame
    ) -> None:
        params = function.node.params
        names = [p.name.value for p in (*params.posonly_params, *params.params)]
        keyword_only = [p.name.value for p in params.kwonly_params]
        values = (
            function.defaults
            | dict(zip(names, args))
            | {k: v for k, v in kwargs.items() if k in names or k in keyword_only}
        )
        for name in (*names, *keyword_only):
            frame.set(name, values.get(name, UNKNOWN), self.next_order())
        frame.arguments = dict(frame.names)
        if isinstance(params.star_arg, cst.Param):
            frame.set(params.star_arg.name.value, tuple(args[len(names) :]), self.next_order())
        if params.star_kwarg is not None:
            rest = {k: v for k, v in kwargs.items() if k not in names and k not in keyword_only}
            frame.set(params.star_kwarg.name.value, rest, self.next_order())

    def instantiate(
        self,
        cls: UserClass,
        args: Sequence[object],
        kwargs: dict[str, object],
        caller: Frame | None = None,
    ) -> object:
        """An object of a user's class; its constructor is run."""
        instance = Instance(cls)
        cls.objects.append(instance)
        cls.made = True
        constructor = class_attribute(cls, "__init__")
        if isinstance(constructor, Function) and not cls.keras_base:
            self.call_function(constructor, (instance, *args), kwargs, caller)
            if self._is_searched(cls):
                for name in {p.name.value for p in constructor.node.params.params} & instance.attributes.keys():
                    instance.attributes[name] = UNKNOWN
        return instance

    def _is_searched(self, cls: UserClass) -> bool:
        """Whether scikit-learn gives the objects of an estimator other parameters than the program does."""
        bases = [b.path for b in cls.bases if isinstance(b, Ref)]
        return any(b.startswith("sklearn.") for b in bases) and bool(_SEARCH.search(self.source.text))
