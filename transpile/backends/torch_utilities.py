"""Writes what stands for Keras's utilities: numpy, a few lines of helper, or nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from transpile.backends.torch_branches import fold
from transpile.backends.torch_helpers import HELPERS, NUMPY, Writing
from transpile.backends.torch_metric_objects import METRIC_OBJECTS, write_metric_object
from transpile.backends.torch_predictions import ACTIVATIONS, write_activation
from transpile.backends.torch_pretrained import write_pretrained
from transpile.backends.torch_sequences import write_image_batches, write_pipeline, write_sequence
from transpile.backends.torch_setup import (
    DEVICE_LISTS,
    SEEDS,
    keep_setup,
    remove_setup,
    write_device,
    write_seed,
)
from transpile.backends.torch_strings import write_strings
from transpile.backends.torch_unused import remove_unused
from transpile.backends.torch_vocabulary_calls import write_adapted, write_vocabulary
from transpile.frontends.keras_utilities import Setup, Use, use_of
from transpile.frontends.known_shapes import known_shape
from transpile.interpret.arrays import KERAS_CONSTANTS, OneHot
from transpile.interpret.image_batches import GENERATOR
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.pipelines import SOURCES
from transpile.interpret.values import Array
from transpile.interpret.vocabularies import is_on_strings, kind_of
from transpile.ir import Edit
from transpile.passes.leftovers import remaining
from transpile.references import Reference, References
from transpile.splice import Output

_RENAMED = {"nb_words": "num_words", "nb_classes": "num_classes"}
_MODELS = ("keras.layers", "keras.models", "keras.Model", "keras.Sequential", "keras.applications")
_MODEL_CLASSES = ("keras.Model", "keras.Sequential")
_MAX_EYE = 1000  # np.eye of more classes would be large
_PRINTS = ("print", "format", "info", "debug", "write")


def convert_utilities(references: References, interpreter: Interpreter, output: Output) -> list[tuple[int, int]]:
    """Adds edits for the utilities that have counterparts, and takes the set-up away.

    Returns the spans of statements that will go with the imports in them.
    """
    return _Utilities(references, interpreter, output).run()


def convert_inserted(
    references: References,
    interpreter: Interpreter,
    output: Output,
    inside: Sequence[Reference],
    place: Callable[[int], int],
) -> list[Reference]:
    """Converts utilities in text that other back ends wrote; returns what it could not convert.

    `place` gives the place in the source of a place in that text.
    """
    utilities = _Utilities(references, interpreter, output, place)
    return [r for r in inside if not utilities.pure(use_of(references, r))]


class _Utilities:
    def __init__(
        self,
        references: References,
        interpreter: Interpreter,
        output: Output,
        place: Callable[[int], int] = lambda offset: offset,
    ) -> None:
        self.references = references
        self.interpreter = interpreter
        self.output = output
        self.writing = Writing(references, output, place)
        self.converted = bool(output.edits)

    def run(self) -> list[tuple[int, int]]:
        remove_unused(self.writing, remaining(self.references, self.output))
        uses = [use_of(self.references, r) for r in remaining(self.references, self.output)]
        later = [use for use in uses if not self.pure(use)]
        self._fold_layouts()
        settings = [u for u in later if u.path in SEEDS]
        devices = [u for u in later if u.path.startswith(("tf.test.", *DEVICE_LISTS))]
        live = [u.reference for u in later if u not in settings and u not in devices]
        setup = Setup(self.references, live)
        left = [r for r in live if not setup.covers(r.node)]
        if self.converted or not left:
            for use in settings:
                write_seed(self.writing, use)
        if left:
            keep_setup(self.writing, setup, [*settings, *devices])
            return setup.hollow()
        for use in devices:
            if not setup.covers(use.reference.node):
                write_device(self.writing, use)
        remove_setup(self.writing, setup)
        return setup.hollow()

    # Numpy and helpers

    def pure(self, use: Use) -> bool:
        """Converts what depends on nothing else; whether it did."""
        found = self._of_data(use)
        if found is not None:
            return found
        if use.path in ACTIVATIONS and self.converted and write_activation(self.writing, use):
            return True
        if use.path == "keras.utils.to_categorical":
            return self._to_categorical(use)
        if use.path in ("keras.utils.Sequence", "keras.utils.PyDataset") and (self.converted or self._models_nothing()):
            return write_sequence(self.writing, use)
        if use.path in _MODEL_CLASSES and self._annotates(use.reference.node):
            self.output.imports.add("from torch import nn")
            return self.writing.replace(use.reference.node, "nn.Module")
        if use.path.endswith(("__version__", "tf.version.VERSION")):
            return self._version(use)
        if use.call is not None and use.path in KERAS_CONSTANTS and not use.call.args:
            if self._sets_layout() and "image_" in use.path:
                return False
            return self.writing.replace(use.call, self._literal(KERAS_CONSTANTS[use.path]))
        if use.path == "keras.backend.int_shape" and use.call is not None:
            shape = known_shape(self.references, self.interpreter, use.call)
            return shape is not None and self.writing.replace(use.call, shape)
        if use.path.endswith(".get_word_index"):
            return self._word_index(use)
        if use.path in METRIC_OBJECTS:
            return write_metric_object(self.writing, use)
        if use.path.startswith("keras.applications."):
            return write_pretrained(self.writing, self.interpreter, use)
        helper = HELPERS.get(use.path)
        if helper is None:
            return False
        name, parameters = helper
        renamed = self._renamed(use)
        if use.call is not None and use.arguments(*parameters, *renamed) is None:
            return False
        return self._helper(use, name)

    def _of_data(self, use: Use) -> bool | None:
        """Converts what belongs to texts, categories and pipelines; None for anything else."""
        if kind := kind_of(use.path):
            return not self._in_model(use) and write_vocabulary(self.writing, use, kind)
        if use.path == "keras.layers.Normalization" and use.call is not None and self._adapted(use):
            return write_adapted(self.writing, use)
        if is_on_strings(self.references, use.reference.node, use.path) and not self.interpreter.keras.pipelines:
            self.output.imports.add(NUMPY)
            return self.writing.replace(use.reference.node, "np.expand_dims")
        if (
            use.path == GENERATOR
            and not self.interpreter.keras.image_batches
            and (self.converted or self._models_nothing())
        ):
            return write_image_batches(self.writing, use)
        if use.path.startswith("tf.strings."):
            return write_strings(self.writing, use)
        if (
            (use.path.startswith("tf.data.") or use.path in SOURCES)
            and self.converted
            and not self.interpreter.keras.pipelines
        ):
            return write_pipeline(self.writing, use)
        return None

    def _models_nothing(self) -> bool:
        """Whether the file only prepares data."""
        return not any(r.path.startswith(_MODELS) for r in self.references.references)

    def _in_model(self, use: Use) -> bool:
        """Whether a layer is part of a model, which was left then."""
        models = [m.layers for m in self.interpreter.models]
        at = self.references.start(use.call) if use.call else -1
        return any(x.applications or any(x in m for m in models) for x in self.interpreter.layers if x.span.start == at)

    def _adapted(self, use: Use) -> bool:
        """Whether a layer is a module of its own, in the models that use it."""
        at = self.references.start(use.call) if use.call else -1
        found = [x for x in self.interpreter.layers if x.span.start == at]
        return bool(found) and all(x.adapted and (x.lent or not self._in_model(use)) for x in found)

    def _annotates(self, node: ast.expr) -> bool:
        """Whether an expression is an annotation, in a file whose models were converted."""
        inner: ast.AST = node
        for outer in self.references.around(node):
            if isinstance(outer, ast.arg | ast.AnnAssign):
                return self.converted and outer.annotation is inner
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
                return self.converted and outer.returns is inner
            if isinstance(outer, ast.stmt):
                return False
            inner = outer
        return False

    def _helper(self, use: Use, name: str) -> bool:
        """Replaces a function by one that is written into the file."""
        text = self.writing.define(name, self.references.start(use.reference.node))
        self.writing.replace(use.reference.node, text)
        for keyword in self._renamed(use).values():
            start = self.references.start(keyword)
            assert keyword.arg is not None
            edit = Edit(start, start + len(keyword.arg), _RENAMED[keyword.arg])
            self.output.edits.append(edit)
        return True

    @staticmethod
    def _renamed(use: Use) -> dict[str, ast.keyword]:
        keywords = use.call.keywords if use.call else []
        return {k.arg: k for k in keywords if k.arg in _RENAMED}

    def _literal(self, value: str | float) -> str:
        """A constant as the user would have written it."""
        if not isinstance(value, str):
            return f"{value!r}".replace("e-0", "e-")
        single = self.references.text.count("'") > self.references.text.count('"')
        return f"'{value}'" if single else f'"{value}"'

    def _word_index(self, use: Use) -> bool:
        name = use.path.split(".")[2]
        if use.call is None or name not in ("imdb", "reuters"):
            return False
        arguments = use.arguments("path")
        if arguments is None:
            return False
        function = self.writing.define("load_word_index", self.references.start(use.call))
        path = arguments.get("path")
        text = self.references.code(path) if path is not None else f'"{name}_word_index.json"'
        return self.writing.replace(use.call, f"{function}({text})")

    def _to_categorical(self, use: Use) -> bool:
        arguments = use.arguments("x", "num_classes", "dtype", "y", "nb_classes")
        if arguments is None:
            return self._helper(use, "to_categorical") if use.call is None else False
        labels = arguments.get("x", arguments.get("y"))
        if labels is None:
            return False
        classes = arguments.get("num_classes", arguments.get("nb_classes"))
        inline = self._one_hot(use, labels, classes)
        if inline is None:
            name = self.writing.define("to_categorical", self.references.start(use.reference.node))
            count = f", {self.references.code(classes)}" if classes is not None else ""
            inline = f"{name}({self.references.code(labels)}{count})"
        else:
            self.output.imports.add(NUMPY)
        if "dtype" in arguments:
            inline += f".astype({self.references.code(arguments['dtype'])})"
        assert use.call is not None
        return self.writing.replace(use.call, inline) or self._helper(use, "to_categorical")

    def _one_hot(self, use: Use, labels: ast.expr, classes: ast.expr | None) -> str | None:
        """`np.eye(10)[y]`, where the labels are known to be integers in one dimension."""
        known = self._labels(use, labels)
        if classes is None or known is None or known.shape is None or not known.dtype:
            return None
        value = self._number(classes)
        if value is None or value > _MAX_EYE or "int" not in known.dtype:
            return None
        text = self.references.code(labels)
        if len(known.shape) == 2 and known.shape[1] == 1:
            simple = isinstance(labels, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
            text = f"{text}.ravel()" if simple else f"({text}).ravel()"
        elif len(known.shape) != 1:
            return None
        return f"np.eye({self.references.code(classes)})[{text}]"

    def _number(self, node: ast.expr) -> int | None:
        if isinstance(node, ast.Name):
            module = self.interpreter.module
            value = module.names.get(node.id) if len(module.bound.get(node.id, ())) == 1 else None
        else:
            value = node.value if isinstance(node, ast.Constant) else None
        return value if isinstance(value, int) else None

    def _labels(self, use: Use, labels: ast.expr) -> Array | None:
        """What is known about the labels: the interpreter keeps it with its result."""
        module = self.interpreter.module
        statement = self.references.statement(use.reference.node)
        if statement not in self.references.tree.body or not isinstance(statement, ast.Assign):
            return None
        target = statement.targets[0]
        if statement.value is not use.call or not isinstance(target, ast.Name):
            return None
        result = module.names.get(target.id)
        reads = isinstance(labels, ast.Name) and labels.id == target.id
        fits = len(module.bound.get(target.id, ())) <= (2 if reads else 1)
        return result.labels if isinstance(result, OneHot) and fits else None

    # Versions

    def _version(self, use: Use) -> bool:
        """A version that is printed, or shown by a notebook; decisions on it are left."""
        if isinstance(self.references.parents[use.reference.node], ast.Expr):
            self.output.imports.add("import torch")
            return self.writing.replace(use.reference.node, "torch.__version__")
        for node in self.references.around(use.reference.node):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                name = node.func.id if isinstance(node.func, ast.Name) else name
                if name in _PRINTS:
                    self.output.imports.add("import torch")
                    return self.writing.replace(use.reference.node, "torch.__version__")
                return False
            if isinstance(node, ast.IfExp | ast.stmt):
                return False
        return False

    # Image layout

    def _sets_layout(self) -> bool:
        """Whether the program sets channels first for all of its layers."""
        for reference in self.references.references:
            if reference.path.endswith((".set_image_data_format", ".set_image_dim_ordering")):
                call = self.references.parents[reference.node]
                values = [a.value for a in getattr(call, "args", []) if isinstance(a, ast.Constant)]
                if values not in (["channels_last"], ["tf"]):
                    return True
        return False

    def _fold_layouts(self) -> None:
        """`if K.image_data_format() == "channels_first"`: keeps the branch that is taken."""
        constants = {self._literal(v) for k, v in KERAS_CONSTANTS.items() if "image_" in k}
        literals = {(e.start, e.end): e.text for e in self.output.edits if e.text in constants}
        fold(self.references, self.output, literals)
