"""Calls of Keras 1 and 2 in Keras 3's words: the edits of one call."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from transpile.interpret.legacy import AVERAGES
from transpile.interpret.values import Event, Layer
from transpile.ir import Edit
from transpile.references import References
from transpile.registry import by_keras_path, signature

# Old arguments -> new, by the end of the path; "" for those that Keras 3 has no more.
_LAYERS = {
    "output_dim": "units", "init": "kernel_initializer", "inner_init": "recurrent_initializer",
    "consume_less": "", "input_dtype": "", "input_length": "", "fused": "",
    "use_learning_phase": "", "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
}  # fmt: skip
_OPTIMIZER = {"lr": "learning_rate", "decay": "", "schedule_decay": ""}
_GENERATORS = {
    "samples_per_epoch": "steps_per_epoch", "nb_val_samples": "validation_steps", "val_samples": "steps",
    "nb_worker": "", "workers": "", "max_q_size": "", "max_queue_size": "", "pickle_safe": "",
    "use_multiprocessing": "", "generator": "x",
}  # fmt: skip
_FIT = {"nb_epoch": "epochs", "show_accuracy": "", **_GENERATORS}
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "keras.Model": {"input": "inputs", "output": "outputs"},
    "keras.Input": {"batch_input_shape": "batch_shape"},
    "keras.layers.BatchNormalization": {"mode": ""},
    "keras.layers.Embedding": {"output_dim": "output_dim", "dropout": ""},
    "keras.utils.to_categorical": {"nb_classes": "num_classes"},
    "keras.regularizers.L1": {"l": "l1"},
    "keras.regularizers.L2": {"l": "l2"},
    "keras.constraints.MaxNorm": {"m": "max_value"},
    "keras.callbacks.ModelCheckpoint": {"period": ""},
    "keras.callbacks.ReduceLROnPlateau": {"epsilon": "min_delta"},
    "keras.callbacks.TensorBoard": {"write_grads": "", "batch_size": ""},
}
_METHODS: Mapping[str, Mapping[str, str]] = {
    "fit": _FIT,
    "fit_generator": _FIT,
    "evaluate": {"show_accuracy": ""},
    "evaluate_generator": _GENERATORS,
    "predict_generator": _GENERATORS,
    "compile": {"class_mode": "", "theano_mode": ""},
}
_METHOD_NAMES = {"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict",
                 "predict_proba": "predict", "predict_classes": "predict"}  # fmt: skip
MERGES = {"sum": "add", "mul": "multiply", "concat": "concatenate", "ave": "average", "max": "maximum",
          "dot": "dot", "cos": "dot"}  # fmt: skip
_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
_RECURRENT = frozenset({"SimpleRNN", "LSTM", "GRU"})


@dataclass
class Call:
    """One call: what is called, and what changes about its arguments."""

    references: References
    node: ast.Call

    def __post_init__(self) -> None:
        self.edits: list[Edit] = []
        self.removed: set[int] = set()
        self.needs_keras = False

    @property
    def arguments(self) -> list[ast.expr | ast.keyword]:
        """In the order of the text."""
        return sorted([*self.node.args, *self.node.keywords], key=self.references.start)

    def keyword(self, name: str) -> ast.keyword | None:
        """An argument that is given by name."""
        return next((k for k in self.node.keywords if k.arg == name), None)

    def rename(self, keyword: ast.keyword, name: str) -> None:
        """Another name for an argument; it goes away where that is empty or given already."""
        if not name or self.keyword(name) not in (None, keyword):
            self.remove(keyword)
        elif name != keyword.arg:
            start = self.references.start(keyword)
            self.edits.append(Edit(start, start + len((keyword.arg or "").encode()), name))

    def remove(self, argument: ast.AST) -> None:
        """Leaves an argument out."""
        self.removed.add(id(argument))

    def replace(self, node: ast.AST, text: str) -> None:
        """Writes something else in the place of a node."""
        self.edits.append(Edit(self.references.start(node), self.references.end(node), text))

    def insert(self, offset: int, text: str) -> None:
        """Adds text."""
        self.edits.append(Edit(offset, offset, text))

    def finished(self) -> list[Edit]:
        """All edits; those of arguments that are left out take their commas along."""
        given, gone = self.arguments, self.removed
        start, end = self.references.start, self.references.end
        last = max((i for i, a in enumerate(given) if id(a) not in gone), default=-1)
        for i, argument in enumerate(given):
            if id(argument) in gone and i < last:
                self.edits.append(Edit(start(argument), start(given[i + 1]), ""))
        if given and last < len(given) - 1:
            self.edits.append(Edit(end(given[last]) if last >= 0 else start(given[0]), end(given[-1]), ""))
        return self.edits


def constant(node: ast.AST | None) -> object:
    """The value of a literal, None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def library_call(call: Call, path: str, layer: Layer | None) -> None:
    """A call of something of Keras's, by its canonical path."""
    section, _, kind = path.removeprefix("keras.").rpartition(".")
    names: dict[str, str] = {}
    if section == "layers":
        if kind == "merge":
            _merge(call)
            return
        _kernel(call, kind, layer)
        _input_shape(call, kind)
        _ordering(call)
        _pool_size(call, kind)
        op = by_keras_path().get(f"layers.{kind}")
        names = _LAYERS | {k: v for k, v in (op.renamed if op else {}).items() if not k.startswith("depthwise")}
        if kind != "Embedding":
            names["weights"] = ""
    elif section == "optimizers":
        names = dict(_OPTIMIZER)
        if _decay(call, kind):
            names.pop("decay")
    elif path == "keras.backend.set_image_dim_ordering" and call.node.args:
        _spell_ordering(call, call.node.args[0])
    elif kind == "ModelCheckpoint":
        _checkpoint(call)
    _rename(call, {**names, **_RENAMED.get(path, {})})


def _decay(call: Call, kind: str) -> bool:
    """`decay=d` is the schedule lr / (1 + d * step), as it is converted."""
    decay = call.keyword("decay")
    op = by_keras_path().get(f"optimizers.{kind}")
    if decay is None or op is None or (constant(decay.value) in (0, None) and isinstance(decay.value, ast.Constant)):
        return False
    rate = call.keyword("lr") or call.keyword("learning_rate")
    given = rate.value if rate else call.node.args[0] if call.node.args else None
    default = signature(op.keras)[1]["learning_rate"]
    base = call.references.code(given) if given else default.text if default else "0.001"
    text = f"keras.optimizers.schedules.InverseTimeDecay({base}, 1, {call.references.code(decay.value)})"
    if rate is None and given is not None:
        call.replace(given, text)
    else:
        call.replace(rate or decay, f"learning_rate={text}")
    if given is not None:
        call.remove(decay)
    call.needs_keras = True
    return True


def _rename(call: Call, names: Mapping[str, str]) -> None:
    for keyword in call.node.keywords:
        if keyword.arg and keyword.arg in names and id(keyword) not in call.removed:
            call.rename(keyword, names[keyword.arg])


def _spell_ordering(call: Call, node: ast.expr) -> None:
    new = _ORDERINGS.get(str(constant(node)))
    if new:
        call.replace(node, repr(new))


def _ordering(call: Call) -> None:
    keyword = call.keyword("dim_ordering")
    if keyword is None:
        return
    if constant(keyword.value) == "default":
        call.remove(keyword)
    else:
        _spell_ordering(call, keyword.value)


def _pool_size(call: Call, kind: str) -> None:
    """`AveragePooling2D()`: Keras 3 has no default for the window."""
    given = {k.arg for k in call.node.keywords}
    if AVERAGES.fullmatch(kind) and not call.node.args and not {None, "pool_size", "pool_length"} & given:
        call.insert(call.references.end(call.node) - 1, ", pool_size=2" if given else "pool_size=2")


def _kernel(call: Call, kind: str, layer: Layer | None) -> None:
    """`Convolution2D(32, 3, 3)`: the extents of the kernel become one tuple."""
    names = {"2D": ["nb_row", "nb_col"], "3D": ["kernel_dim1", "kernel_dim2", "kernel_dim3"]}.get(kind[-2:], [])
    old = {"border_mode", "subsample", "init", "nb_row", "kernel_dim1"} & {k.arg or "" for k in call.node.keywords}
    if not names or not ("onvolution" in kind or ("Conv" in kind and old)) or call.keyword("kernel_size"):
        return
    extents: list[ast.expr] = call.node.args[1 : 1 + len(names)]
    keywords = [k for n in names[len(extents) :] if (k := call.keyword(n))]
    given = [*extents, *(k.value for k in keywords)]
    if len(given) < len(names) or any(isinstance(e, ast.Tuple | ast.List | ast.Starred) for e in given):
        return
    text = f"({', '.join(call.references.code(e) for e in given)})"
    if layer is not None and "kernel_size" in layer.args and layer.args["kernel_size"].text != text:
        return  # names of tuples: Keras 2's order
    call.replace(given[0], text)
    if not extents:
        start = call.references.start(keywords[0])
        call.edits.append(Edit(start, call.references.start(keywords[0].value), "kernel_size="))
    for later in [*extents[1:], *keywords[0 if extents else 1 :]]:
        call.remove(later)


def _input_shape(call: Call, kind: str) -> None:
    """`input_dim` and `input_length` of a sequence; `batch_input_shape`."""
    dim, length, batch = (call.keyword(n) for n in ("input_dim", "input_length", "batch_input_shape"))
    code = call.references.code
    if batch is not None and not _leading_input(call, batch):
        call.replace(batch, f"input_shape={_without_batch(batch.value, code)}")
    elif dim is not None and kind != "Embedding" and (length is not None or kind in _RECURRENT):
        extent = code(length.value) if length is not None else "None"
        call.replace(dim, f"input_shape=({extent}, {code(dim.value)})")


def _leading_input(call: Call, batch: ast.keyword) -> bool:
    """A `keras.Input` in front of a layer that knows the size of its batches, where there can be one."""
    parents, shape = call.references.parents, batch.value
    if isinstance(shape, ast.Tuple | ast.List) and shape.elts and _is_none(shape.elts[0]):
        return False
    text = f"keras.Input(batch_shape={call.references.code(shape)})"
    parent = parents.get(call.node)
    if isinstance(parent, ast.List):
        call.insert(call.references.start(call.node), f"{text}, ")
    elif isinstance(parent, ast.Call) and call.references.code(parent.func).endswith(".add"):
        start = call.references.start(call.references.statement(parent))
        indent = call.references.data[call.references.line_start(start) : start].decode()
        if indent.strip():
            return False
        call.insert(start, f"{call.references.code(parent.func)}({text})\n{indent}")
    else:
        return False
    call.needs_keras = True
    call.remove(batch)
    return True


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _without_batch(shape: ast.expr, code: Callable[[ast.AST], str]) -> str:
    if isinstance(shape, ast.Tuple | ast.List) and not any(isinstance(e, ast.Starred) for e in shape.elts):
        rest = [code(e) for e in shape.elts[1:]]
        return f"({', '.join(rest)}{',' if len(rest) == 1 else ''})"
    return f"({code(shape)})[1:]"


def _merge(call: Call) -> None:
    """`merge([a, b], mode="concat", concat_axis=3)`: the function is chosen by the caller."""
    mode = call.keyword("mode") or (call.node.args[1] if len(call.node.args) > 1 else None)
    if mode is not None:
        call.remove(mode)
    kind = merge_mode(call.node)
    for name in ("concat_axis", "dot_axes"):
        keyword = call.keyword(name)
        if keyword is not None:
            call.rename(keyword, {"concat": "axis", "dot": "axes", "cos": "axes"}.get(kind, ""))
    for name in ("output_shape", "output_mask", "arguments"):
        keyword = call.keyword(name)
        if keyword is not None:
            call.remove(keyword)
    if kind in ("dot", "cos"):
        extra = "" if call.keyword("dot_axes") else ", axes=-1"
        call.insert(call.references.end(call.node) - 1, extra + (", normalize=True" if kind == "cos" else ""))


def merge_mode(node: ast.Call) -> str:
    """The mode of a `merge`, "sum" unless given."""
    keyword = next((k.value for k in node.keywords if k.arg == "mode"), None)
    given = keyword or (node.args[1] if len(node.args) > 1 else None)
    return "sum" if given is None else str(constant(given))


def _checkpoint(call: Call) -> None:
    keyword = call.keyword("filepath")
    path = keyword.value if keyword else call.node.args[0] if call.node.args else None
    only = call.keyword("save_weights_only")
    ending = ".weights.h5" if only is not None and constant(only.value) else ".keras"
    _ending(call, path, ending)


def _ending(call: Call, path: ast.expr | None, ending: str) -> None:
    value = constant(path)
    if path is not None and isinstance(value, str) and not value.endswith((ending, ".keras", ".weights.h5")):
        stem = value.rpartition(".")[0] or value
        call.replace(path, repr(stem + ending))


# Methods of models


def method_call(call: Call, name: str, event: Event | None) -> None:
    """`model.fit(...)`; `event` is what the interpreter made of it, None where it did not see it."""
    node = call.node
    assert isinstance(node.func, ast.Attribute)
    if name == "as_list" and event is None and not node.args:
        _shape_list(call, node.func.value)
        return
    olds = {"nb_epoch", "samples_per_epoch", "show_accuracy"}
    if event is None and not name.endswith("_generator") and not olds & {k.arg for k in node.keywords}:
        return
    _rename(call, _METHODS.get(name, {}))
    if name in _METHOD_NAMES:
        end = call.references.end(node.func)
        call.edits.append(Edit(end - len(name), end, _METHOD_NAMES[name]))
    if name == "predict_classes":
        _classes(call, event)
    elif name in ("save_weights", "load_weights") and node.args:
        _ending(call, node.args[0], ".weights.h5")
    elif name == "compile" and len(node.args) > 2 and _strings(node.args[2]):
        call.insert(call.references.start(node.args[2]), "metrics=")


def _shape_list(call: Call, shape: ast.expr) -> None:
    """`x.get_shape().as_list()`: in Keras 3 the shape of a symbolic tensor is a tuple."""
    if isinstance(shape, ast.Call) and isinstance(shape.func, ast.Attribute) and shape.func.attr == "get_shape":
        tensor = shape.func.value
    elif isinstance(shape, ast.Attribute) and shape.attr == "shape":
        tensor = shape.value
    else:
        return
    call.replace(call.node, f"list({call.references.code(tensor)}.shape)")


def _strings(node: ast.expr) -> bool:
    return isinstance(node, ast.List) and bool(node.elts) and all(isinstance(constant(e), str) for e in node.elts)


def _classes(call: Call, event: Event | None) -> None:
    start, end = call.references.start(call.node), call.references.end(call.node)
    shapes: Sequence[object] = event.model.output_shapes if event is not None and event.model is not None else ()
    shape = shapes[0] if shapes else None
    if isinstance(shape, tuple) and shape and getattr(shape[-1], "value", None) == 1:
        call.insert(start, "(")
        call.insert(end, ' > 0.5).astype("int32")')
    else:
        call.insert(end, ".argmax(axis=-1)")


# Names that are strings


def renamed_strings(references: References) -> Iterator[Edit]:
    """'th' beside `image_dim_ordering()`, and the keys of the history that were called "acc"."""
    tree = references.tree
    metrics = [k.value for k in ast.walk(tree) if isinstance(k, ast.keyword) and k.arg == "metrics"]
    acc = any(constant(part) == "acc" for value in metrics for part in ast.walk(value))
    for node in ast.walk(tree):
        new: Mapping[str, str] = {}
        if isinstance(node, ast.Compare) and "image_dim_ordering" in references.code(node):
            parts, new = [node.left, *node.comparators], _ORDERINGS
        elif isinstance(node, ast.Subscript) and not acc and references.code(node.value).endswith(".history"):
            parts, new = [node.slice], {"acc": "accuracy", "val_acc": "val_accuracy"}
        elif isinstance(node, ast.keyword) and node.arg == "monitor" and not acc:
            parts, new = [node.value], {"acc": "accuracy", "val_acc": "val_accuracy"}
        else:
            continue
        for part in parts:
            if str(constant(part)) in new:
                yield Edit(references.start(part), references.end(part), repr(new[str(constant(part))]))
