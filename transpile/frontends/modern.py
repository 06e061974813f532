"""A program for Keras 1 or 2 in Keras 3's spelling, for the verifier to run.

Names, arguments and methods change; what they mean is what Keras 3 means by them, as in the
conversion: `lr` is the learning rate, `decay` a schedule of it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from transpile.frontends.modern_calls import (
    MERGES,
    Call,
    library_call,
    merge_mode,
    method_call,
    renamed_strings,
)  # fmt: skip
from transpile.interpret.interpreter import Interpreter
from transpile.ir import Edit
from transpile.references import Reference, References
from transpile.scopes import Binding
from transpile.splice import apply

_ROOT = re.compile(r"^(tensorflow\.(compat\.v1\.)?keras|tf\.(compat\.v1\.)?keras|tf_keras)(?=\.|$)")
# Where Keras 3 has nothing.
_OLD = re.compile(
    r"^(tensorflow\.(python|contrib)\.keras\b|keras\.(layers\.[a-z_0-9]+\.|models\.\w+\.|engine\b|legacy\b"
    r"|objectives\b|initializations\b|backend\.(?!(clear_session|epsilon|floatx|image_data_format|set_\w+)$)"
    r"|utils\.(np|generic|vis|data|layer|all)_utils\b|preprocessing\.(text|image|sequence)\b"
    r"|optimizers\.[a-z]+$|(regularizers|initializers|activations|constraints|losses|metrics)\.\w+\.\w"
    r"|constraints\.(maxnorm|nonneg|unitnorm)$|(losses|metrics)\.[a-z]{2,4}$|layers\.(merge|\w*onvolution\w*)$"
    r"|layers\.(CuDNN|Deconv|BatchNormalizationV)\w*$)|keras\.optimizers\.legacy\.)"
)
_MODULES = re.compile(
    r"^keras\.(layers\.(core|convolutional|pooling|recurrent|normalization|embeddings|advanced_activations|noise"
    r"|wrappers|local|convolutional_recurrent|merge)|engine(\.\w+)*|objectives|initializations"
    r"|utils\.(np|generic|vis|data|layer)_utils|preprocessing\.(text|image|sequence))$"
)
_PUBLIC = re.compile(
    r"keras\.backend\.(backend|clear_session|epsilon|floatx|image_data_format|is_float_dtype|is_int_dtype"
    r"|is_keras_tensor|result_type|set_epsilon|set_floatx|set_image_data_format|standardize_dtype)$"
)
_SHORT = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "kld": "kl_divergence",
}  # fmt: skip
_NAMES = {
    "keras.backend.image_dim_ordering": "keras.backend.image_data_format",
    "keras.backend.set_image_dim_ordering": "keras.backend.set_image_data_format",
    "keras.constraints.maxnorm": "keras.constraints.MaxNorm",
    "keras.constraints.nonneg": "keras.constraints.NonNeg",
    "keras.constraints.unitnorm": "keras.constraints.UnitNorm",
    "keras.layers.CuDNNLSTM": "keras.layers.LSTM",
    "keras.layers.CuDNNGRU": "keras.layers.GRU",
    "keras.layers.AtrousConvolution2D": "keras.layers.Conv2D",
}
_ONLY_IN_TENSORFLOW = ("keras.backend", "keras.preprocessing")


def modern_source(interpreter: Interpreter) -> str:
    """The interpreter's program as Keras 3 takes it; unchanged where nothing in it is old."""
    text = interpreter.source.text
    new = _Modern(interpreter).text()
    try:
        ast.parse(new)
    except SyntaxError:
        return text
    return new


def target(path: str) -> str:
    """Where Keras 3 has what is known by a canonical path."""
    path = _NAMES.get(path, path).replace("keras.initializations", "keras.initializers")
    path = re.sub(r"^keras\.layers\.(Separable)?Convolution(\dD)", r"keras.layers.\1Conv\2", path)
    path = re.sub(r"^keras\.layers\.(Deconvolution|Deconv)(\dD)$", r"keras.layers.Conv\2Transpose", path)
    path = re.sub(r"^keras\.layers\.BatchNormalizationV\d$", "keras.layers.BatchNormalization", path)
    section, _, name = path.rpartition(".")
    if section in ("keras.losses", "keras.metrics"):
        path = f"{section}.{_SHORT.get(name, name)}"
    path = path.replace("keras.backend.tensorflow_backend", "keras.backend")
    if path.startswith(_ONLY_IN_TENSORFLOW) and not _PUBLIC.match(path):
        return f"tf.{path}"
    return path


class _Modern:
    """The edits of one program."""

    def __init__(self, interpreter: Interpreter) -> None:
        source = interpreter.source
        self.references = References(source.text, interpreter.keras.exports)
        self.layers = {}
        for layer in interpreter.layers:
            self.layers[layer.span.start, layer.span.end] = layer
        self.events = {}
        for event in interpreter.events:
            span = source.span(event.call)
            self.events[span.start, span.end] = event
        self.by_node = {id(r.node): r for r in self.references.references}
        self.roots: set[str] = set()

    def text(self) -> str:
        edits = [e for node in ast.walk(self.references.tree) if isinstance(node, ast.Call) for e in self._call(node)]
        edits += renamed_strings(self.references)
        gone = self._old_bindings()
        edits += self._names(gone)
        edits += self._imports(gone)
        edits = _outermost(edits)
        return apply(self.references.text, edits) if edits else self.references.text

    # Calls

    def _call(self, node: ast.Call) -> list[Edit]:
        place = self.references.start(node), self.references.end(node)
        call = Call(self.references, node)
        reference = self.by_node.get(id(node.func))
        layer = self.layers.get(place)
        if reference is not None:
            library_call(call, reference.path, layer)
        elif layer is not None:
            library_call(call, layer.path, layer)
        elif isinstance(node.func, ast.Attribute):
            method_call(call, node.func.attr, self.events.get(place))
        if call.needs_keras:
            self.roots.add("keras")
        return call.finished()

    # Names

    def _written(self, binding: Binding) -> str:
        """The path that an import says, with Keras as its root."""
        statement, alias = binding.statement, binding.alias
        if alias is None:
            return binding.path
        if isinstance(statement, ast.ImportFrom):
            path = f"{statement.module}.{alias.name}" if alias.name != "*" else str(statement.module)
        else:
            path = alias.name if alias.asname else alias.name.partition(".")[0]
        return _rooted(path)

    def _raw(self, reference: Reference) -> str:
        written = self._written(reference.binding)
        code = ast.unparse(reference.node)
        if reference.binding.kind == "star":
            return f"{written}.{code}"
        _, dot, rest = code.partition(".")
        return _rooted(f"{written}{dot}{rest}")

    def _old(self, path: str) -> bool:
        return bool(_OLD.match(path) or _MODULES.match(path))

    def _old_bindings(self) -> set[int]:
        """The imports that Keras 3 does not have, or of which a use is spelled anew."""
        bindings = [b for b in self.references.bindings if b.kind != "assign" and b.path.startswith("keras")]
        gone = {id(b) for b in bindings if self._old(self._written(b))}
        for reference in self.references.references:
            if self._plain_root(reference.binding) or reference.binding.kind == "assign":
                continue
            if reference.path.startswith("keras.") and self._old(self._raw(reference)):
                gone.add(id(reference.binding))
        stars = [b for b in bindings if b.kind == "star" and not self._old(self._written(b))]
        return gone - {id(b) for b in stars}

    @staticmethod
    def _plain_root(binding: Binding) -> bool:
        """`import keras`, `import tensorflow as tf`: they stay."""
        return binding.path in ("keras", "tf")

    def _names(self, gone: set[int]) -> Iterator[Edit]:
        for reference in self.references.references:
            if not reference.path.startswith("keras.") or reference.binding.kind == "assign":
                continue
            raw = self._raw(reference)
            if not self._old(raw) and id(reference.binding) not in gone:
                continue
            new = self._new_path(reference, raw)
            self.roots.add(new.partition(".")[0])
            if ast.unparse(reference.node) != new:
                yield Edit(reference.start, reference.end, new)

    def _new_path(self, reference: Reference, raw: str) -> str:
        call = self.references.parents.get(reference.node)
        if reference.path == "keras.layers.merge" and isinstance(call, ast.Call):
            return f"keras.layers.{MERGES.get(merge_mode(call), 'add')}"
        return target(raw if raw.startswith("keras.") and not self._old(raw) else reference.path)

    # Imports

    def _imports(self, gone: set[int]) -> list[Edit]:
        statements: dict[int, ast.stmt] = {}
        removed: dict[int, list[Binding]] = defaultdict(list)
        for binding in self.references.bindings:
            if id(binding) in gone and isinstance(binding.statement, ast.Import | ast.ImportFrom):
                statements[id(binding.statement)] = binding.statement
                removed[id(binding.statement)].append(binding)
        added = self._added()
        edits = []
        ordered = sorted(statements.values(), key=self.references.start)
        first = next((s for s in ordered if s in self.references.tree.body), None)
        if added and first is None:
            at = self._top()
            edits.append(Edit(at, at, "".join(f"{line}\n" for line in added)))
        for statement in ordered:
            lines = self._kept(statement, removed[id(statement)])
            edits.append(self._replaced(statement, [*(added if statement is first else ()), *lines]))
        return edits

    def _added(self) -> list[str]:
        module = self.references.module.names
        lines = {"keras": "import keras", "tf": "import tensorflow as tf"}
        have = {n for n in lines if any(b is not None and b.path == n for _, b in module.get(n, []))}
        return [line for name, line in lines.items() if name in self.roots - have]

    def _top(self) -> int:
        """Behind the docstring and the imports from `__future__`."""
        at = 0
        for statement in self.references.tree.body:
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not text and not future:
                break
            at = self.references.line_end(self.references.end(statement))
        return at

    @staticmethod
    def _kept(statement: ast.stmt, removed: Sequence[Binding]) -> list[str]:
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        names = [a for a in statement.names if all(a is not b.alias for b in removed)]
        if not names:
            return []
        if isinstance(statement, ast.Import):
            return [ast.unparse(ast.Import(names))]
        return [ast.unparse(ast.ImportFrom(statement.module, names, statement.level))]

    def _replaced(self, statement: ast.stmt, lines: Sequence[str]) -> Edit:
        references = self.references
        start, end = references.start(statement), references.end(statement)
        top, bottom = references.line_start(start), references.line_end(end)
        indent = references.data[top:start].decode()
        if lines and not indent.strip():
            return Edit(start, end, f"\n{indent}".join(lines))
        rest = references.data[end:bottom].decode().strip()
        if not lines and not indent and (not rest or rest.startswith("#")):
            return Edit(top, bottom, "")
        return Edit(start, end, "; ".join(lines) or "pass")


def _rooted(path: str) -> str:
    """A path below `keras`; TensorFlow has some of Keras 2 that Keras 3 has not."""
    short = _ROOT.sub("keras", path)
    return path if short.startswith(_ONLY_IN_TENSORFLOW) else short


def _outermost(edits: Sequence[Edit]) -> list[Edit]:
    """Without the edits inside of others."""
    kept: list[Edit] = []
    for edit in sorted(set(edits), key=lambda e: (e.start, -e.end)):
        before = edit.start == edit.end and bool(kept) and edit.start == kept[-1].start
        if kept and edit.start < kept[-1].end and not before:
            continue
        kept.append(edit)
    return sorted(kept, key=lambda e: (e.start, e.end))


__all__ = ["modern_source", "target"]
