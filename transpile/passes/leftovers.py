"""What of Keras and TensorFlow is still in the file: each gets a code, a place and a reason."""

from __future__ import annotations

import ast
import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from transpile.interpret.interpreter import Interpreter
from transpile.ir import Span
from transpile.references import Reference, References, is_framework
from transpile.scopes import Binding
from transpile.splice import Output

# By canonical path, the first that fits.
_CODES = (
    ("keras.layers", "K2T150"), ("keras.Sequential", "K2T150"), ("keras.Model", "K2T150"),
    ("keras.Input", "K2T150"), ("keras.activations", "K2T150"), ("keras.initializers", "K2T150"),
    ("keras.regularizers", "K2T150"), ("keras.constraints", "K2T150"),
    ("keras.applications", "K2T115"),
    ("keras.models.load_model", "K2T131"), ("keras.models.model_from_", "K2T131"),
    ("tf.saved_model", "K2T131"),
    ("keras.optimizers", "K2T121"), ("tf.train.Checkpoint", "K2T131"), ("tf.train", "K2T121"),
    ("keras.losses", "K2T120"), ("keras.metrics", "K2T122"), ("keras.callbacks", "K2T126"),
    ("keras.preprocessing.image.ImageDataGenerator", "K2T172"),
    ("keras.utils.Sequence", "K2T127"), ("keras.utils.PyDataset", "K2T127"),
    ("keras.utils.image_dataset_from_directory", "K2T127"), ("tf.data", "K2T127"),
    ("keras.preprocessing.image_dataset_from_directory", "K2T127"),
    ("keras.utils.text_dataset_from_directory", "K2T127"), ("keras.utils.timeseries_dataset_from_array", "K2T127"),
    ("tf.GradientTape", "K2T124"),
    ("keras.wrappers", "K2T151"),
    ("tf.function", "K2T152"), ("tf.Module", "K2T152"),
    ("tf.distribute", "K2T133"), ("keras.mixed_precision", "K2T133"), ("tf.device", "K2T133"),
    ("tf.Session", "K2T133"), ("tf.InteractiveSession", "K2T133"), ("tf.ConfigProto", "K2T133"),
    ("tf.GPUOptions", "K2T133"), ("tf.config", "K2T133"), ("tf.compat", "K2T133"),
    ("keras.backend.set_image_", "K2T156"), ("keras.backend.image_", "K2T156"),
    ("keras.config.set_image_", "K2T156"), ("keras.config.image_", "K2T156"),
    ("keras.backend.set_", "K2T133"), ("keras.backend.get_session", "K2T133"),
    ("keras.backend.learning_phase", "K2T133"), ("keras.backend.function", "K2T153"),
    ("tf.global_variables_initializer", "K2T133"), ("keras.distribution", "K2T133"),
    ("keras.backend.", "K2T153"), ("keras.ops.", "K2T153"), ("keras.random.", "K2T153"),
    ("tf.image", "K2T132"), ("tf.io", "K2T132"), ("tf.test", "K2T132"), ("tf.logging", "K2T132"),
    ("tf.__version__", "K2T155"), ("keras.__version__", "K2T155"), ("tf.version", "K2T155"),
    ("tf.contrib", "K2T132"), ("tf.examples", "K2T132"), ("tf.summary", "K2T132"),
    ("tf.", "K2T153"),
)  # fmt: skip
_REASONS = {
    "K2T115": "it belongs to a pretrained network that was not converted",
    "K2T120": "the training that uses it was not converted",
    "K2T121": "the training that uses it was not converted",
    "K2T122": "the training that uses it was not converted",
    "K2T124": "training steps of your own are not converted yet",
    "K2T126": "the training that uses it was not converted",
    "K2T127": "data pipelines are not converted yet",
    "K2T172": "an argument or method of it is not written out, or the training was not converted",
    "K2T131": "the model is not in this file",
    "K2T133": "PyTorch has other means for it",
    "K2T150": "it is not part of a model that was converted",
    "K2T151": "it needs a Keras model",
    "K2T152": "PyTorch runs eagerly and has torch.compile",
    "K2T153": "tensor code outside of a model is not converted yet",
    "K2T156": "the program sets channels first for all of its layers",
    "K2T155": "PyTorch has other version numbers",
}
_BASES = (("keras.layers.", "K2T102"), ("keras.Model", "K2T103"), ("keras.Sequential", "K2T103"))
_MODEL_CODES = ("K2T10", "K2T11", "K2T150")
_TRAINING_CODES = ("K2T120", "K2T121", "K2T122", "K2T125", "K2T126", "K2T127", "K2T128")
_REACH = 15  # lines: as far as one comment speaks for what follows
_BUILT_ON_KERAS = frozenset(
    "keras_tuner kerastuner tensorflow_datasets tensorflow_hub tensorflow_addons tensorflow_text "
    "tensorflow_probability keras_cv keras_nlp keras_hub keras_contrib keras_preprocessing "
    "keras_applications keras_cv_attention_models scikeras autokeras tensorflow_model_optimization "
    "tensorflowjs tf2onnx keras2onnx".split()
)


@dataclass
class Covered:
    """Spans of the file that need no further word: edits, and what has a diagnostic."""

    spans: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.spans.sort()
        self._reach: list[int] = []
        for _, end in self.spans:
            self._reach.append(max(end, self._reach[-1] if self._reach else 0))

    def holds(self, start: int, end: int) -> bool:
        """Whether a piece of the file lies inside one of the spans."""
        at = bisect.bisect_right(self.spans, (start, len(self.spans) and 1 << 60)) - 1
        while at >= 0 and self._reach[at] >= end:
            if self.spans[at][1] >= end:
                return True
            at -= 1
        return False


def remaining(references: References, output: Output) -> list[Reference]:
    """The references that no edit replaces. `K = keras.backend` counts where K is used."""
    edits = Covered([(e.start, e.end) for e in output.edits])
    read = {n.id for n, _ in references.reads}
    aliases = {
        b.statement: b.name in read
        for b in references.bindings
        if b.kind == "assign" and is_framework(references.path_of(b, b.name))
    }
    unedited = [r for r in references.references if not edits.holds(r.start, r.end)]
    found = [r for r in unedited if references.statement(r.node) not in aliases]
    if not found or edits.spans:
        return found  # aliases that nothing reads go with the imports
    return [r for r in unedited if not aliases.get(references.statement(r.node), False)]


def report_leftovers(
    references: References,
    interpreter: Interpreter,
    output: Output,
    going: Sequence[tuple[int, int]] = (),
) -> None:
    """Adds diagnostics for what remains and is not named by another one.

    `going` are spans of statements that disappear with the imports in them.
    """
    _Reporter(references, interpreter, output, going).run()


class _Reporter:
    def __init__(
        self,
        references: References,
        interpreter: Interpreter,
        output: Output,
        going: Sequence[tuple[int, int]],
    ) -> None:
        self.references = references
        self.interpreter = interpreter
        self.output = output
        self.paths: dict[ast.AST, str] = {r.node: r.path for r in references.references}
        errors = [d for d in output.diagnostics if d.level == "error" or d.code == "K2T331"]
        spans = list(going)
        self.contexts: dict[ast.AST, set[tuple[str, int]]] = defaultdict(set)  # codes, lines
        for diagnostic in errors:
            start, end = diagnostic.span.start, diagnostic.span.end
            statement = references.statement_at(start)
            if statement is None or end <= start:
                continue
            spans += [(start, end), self._header(statement)]
            self.contexts[self._context(statement)].add((diagnostic.code, diagnostic.span.line))
        self.covered = Covered(spans)

    def run(self) -> None:
        groups: dict[tuple[ast.AST, str], list[Reference]] = defaultdict(list)
        for reference in remaining(self.references, self.output):
            if self.covered.holds(reference.start, reference.end):
                continue
            place, code = self._place(reference)
            groups[place, code].append(reference)
        runs = [(p, c, run) for (p, c), found in groups.items() for run in self._runs(c, found)]
        for place, code, run in sorted(runs, key=lambda r: (r[1] == "K2T153", r[2][0].start)):
            if not self._named(place, code, run):
                self._report(code, run)
        self._events()
        self._packages()

    def _place(self, reference: Reference) -> tuple[ast.AST, str]:
        """What a reference is reported for: its class, its function or its statement."""
        node: ast.AST = reference.node
        for outer in self.references.around(node):
            if isinstance(outer, ast.ClassDef) and (base := self._base(outer)):
                return outer, base
        code = code_of(reference.path)
        context = self._context(self.references.statement(node))
        if isinstance(context, ast.Module) and not code.startswith(_MODEL_CODES):
            return self.references.statement(node), code
        return context, code

    def _base(self, node: ast.ClassDef) -> str:
        """The code of a class that derives from one of Keras's; "" for any other class."""
        for base in node.bases:
            path = self.paths.get(base)
            if path is not None:
                own = [c for prefix, c in _BASES if path.startswith(prefix)]
                return own[0] if own else code_of(path)
        return ""

    def _context(self, node: ast.AST) -> ast.AST:
        functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
        if isinstance(node, functions):
            return node
        return next(a for a in self.references.around(node) if isinstance(a, functions))

    def _header(self, statement: ast.stmt) -> tuple[int, int]:
        """The span of a simple statement; of a compound one, that of its header."""
        start, end = self.references.start(statement), self.references.end(statement)
        body = getattr(statement, "body", None)
        return (start, self.references.start(body[0]) if body else end)

    def _runs(self, code: str, found: list[Reference]) -> list[list[Reference]]:
        """Pieces of models and training in runs without large gaps; others together."""
        if not code.startswith((*_MODEL_CODES, *_TRAINING_CODES)):
            return [found]
        runs: list[list[Reference]] = []
        for reference in found:
            if runs and self._line(reference) - self._line(runs[-1][-1]) <= _REACH:
                runs[-1].append(reference)
            else:
                runs.append([reference])
        return runs

    def _line(self, reference: Reference) -> int:
        return self.references.span(reference.start, reference.end).line

    def _named(self, place: ast.AST, code: str, run: list[Reference]) -> bool:
        """Whether a diagnostic nearby says already why this was left."""
        context = self._context(place)
        known = self.contexts[context]
        if code == "K2T153" and not isinstance(context, ast.Module):
            return bool({c for c, _ in known} & {"K2T123", "K2T124", "K2T152", "K2T185", "K2T186"})
        if code.startswith(_MODEL_CODES):
            reasons: tuple[str, ...] = _MODEL_CODES
        elif code.startswith(_TRAINING_CODES):
            reasons = (*_MODEL_CODES, *_TRAINING_CODES)
        else:
            return False
        first, last = self._line(run[0]), self._line(run[-1])
        near = any(c.startswith(reasons) and first - _REACH <= line <= last + _REACH for c, line in known)
        if near:
            known |= {(code, self._line(r)) for r in run}
        return near

    def _report(self, code: str, found: list[Reference]) -> None:
        first = found[0]
        names = list(dict.fromkeys(" ".join(self.references.code(r.node).split()) for r in found))
        listed = ", ".join(names[:3])
        if len(names) > 3:
            listed += f" and {len(names) - 3} more"
        verb = "was" if len(names) == 1 else "were"
        reason = reason_of(code)
        if code in ("K2T102", "K2T103"):
            listed, verb = f"the class {self._class(first)}", "was"
            reason = "classes of your own are not converted yet"
        self._add(code, first.start, first.end, f"{listed} {verb} left: {reason}")

    def _class(self, reference: Reference) -> str:
        around = self.references.around(reference.node)
        return next((a.name for a in around if isinstance(a, ast.ClassDef)), "")

    def _add(self, code: str, start: int, end: int, message: str) -> None:
        span = self.interpreter.source.span_of(start, end)
        self.output.report(code, span, message)
        statement = self.references.statement_at(start)
        if statement is not None:
            self.contexts[self._context(statement)].add((code, span.line))

    def _events(self) -> None:
        """Training of models that were left."""
        edits = Covered([(e.start, e.end) for e in self.output.edits])
        for event in self.interpreter.events:
            span: Span = self.interpreter.source.span(event.call)
            if edits.holds(span.start, span.end) or self.covered.holds(span.start, span.end):
                continue
            if self._touched(span) or event.model is None:
                continue
            statement = self.references.statement_at(span.start)
            code, message = _left_event(event.kind)
            if statement is None:
                continue
            known = self.contexts[self._context(statement)]
            reasons = (*_MODEL_CODES, *_TRAINING_CODES)
            if any(c.startswith(reasons) and abs(span.line - n) <= _REACH for c, n in known):
                known.add(("K2T128", span.line))
            else:
                self._add(code, span.start, span.end, message)

    def _touched(self, span: Span) -> bool:
        claimed = any((c.start, c.end) == (span.start, span.end) for c in self.output.claimed)
        return claimed or any(e.start < span.end and span.start < e.end for e in self.output.edits)

    def _packages(self) -> None:
        """Imports of packages that bring Keras with them."""
        seen: set[str] = set()
        for binding in self.references.bindings:
            root = _root(binding)
            if root in _BUILT_ON_KERAS and root not in seen:
                seen.add(root)
                start = self.references.start(binding.statement)
                end = self.references.end(binding.statement)
                if not self.covered.holds(start, end):
                    message = f"{root} was left: it needs Keras or TensorFlow"
                    self._add("K2T154", start, end, message)


def _root(binding: Binding) -> str:
    if isinstance(binding.statement, ast.ImportFrom):
        return (binding.statement.module or "").split(".")[0]
    return binding.alias.name.split(".")[0] if binding.alias else ""


def code_of(path: str) -> str:
    """The code for a canonical path that nothing converts."""
    return next((code for prefix, code in _CODES if path.startswith(prefix)), "K2T132")


def reason_of(code: str) -> str:
    """Why something with this code is left."""
    return _REASONS.get(code, "no counterpart is known")


def _left_event(kind: str) -> tuple[str, str]:
    """The code and message for something that is done with a model and was left."""
    if kind in ("compile", "fit", "evaluate", "predict", "fit_generator", "train_on_batch"):
        return "K2T128", f"{kind} was left: its model was not converted"
    if kind == "trainable":
        return "K2T118", "setting trainable was left: it is not converted here"
    return "K2T130", f"{kind} was left: this use of a model is not converted"
