"""Which pipelines of tf.data can be written out: a question about the file as a whole."""

from __future__ import annotations

import ast
import builtins

from transpile.interpret.vocabularies import is_on_strings, vocabularies
from transpile.references import Reference, References

SLICES = "tf.data.Dataset.from_tensor_slices"
IMAGES = "keras.utils.image_dataset_from_directory"
AUTOTUNE = ("tf.data.AUTOTUNE", "tf.data.experimental.AUTOTUNE")
# What functions of samples may call: each has a counterpart that takes what a pipeline yields.
ON_SAMPLES = frozenset(
    "tf.cast tf.float16 tf.float32 tf.float64 tf.int32 tf.int64 tf.uint8 tf.bool tf.reshape tf.expand_dims "
    "tf.squeeze tf.transpose tf.one_hot tf.concat tf.stack tf.tile tf.pad tf.shape tf.where tf.equal "
    "tf.zeros_like tf.ones_like tf.sqrt tf.math.sqrt tf.abs tf.math.abs tf.square tf.math.square tf.exp "
    "tf.math.exp tf.math.log tf.minimum tf.maximum tf.clip_by_value tf.divide tf.math.divide tf.multiply "
    "tf.math.multiply tf.add tf.subtract tf.argmax tf.math.argmax tf.reduce_mean tf.math.reduce_mean "
    "tf.reduce_sum tf.math.reduce_sum tf.reduce_max tf.math.reduce_max tf.reduce_min tf.math.reduce_min "
    "tf.math.reduce_std tf.nn.softmax".split()
)
# What stands in a call of these is part of the text of a training, of which tensor code is no part.
_TAKERS = frozenset("fit evaluate predict fit_generator evaluate_generator predict_generator".split())
# Functions of Keras's that make a pipeline: the parameters that are written out, with their defaults ("": none).
SOURCES: dict[str, dict[str, str]] = {
    "keras.utils.text_dataset_from_directory": {
        "directory": "", "labels": '"inferred"', "label_mode": '"int"', "class_names": "None", "batch_size": "32",
        "max_length": "None", "shuffle": "True", "seed": "None", "validation_split": "None", "subset": "None",
    },
    IMAGES: {
        "directory": "", "labels": '"inferred"', "label_mode": '"int"', "class_names": "None", "color_mode": '"rgb"',
        "batch_size": "32", "image_size": "(256, 256)", "shuffle": "True", "seed": "None", "validation_split": "None",
        "subset": "None", "interpolation": '"bilinear"',
    },
    "keras.utils.timeseries_dataset_from_array": {
        "data": "", "targets": "", "sequence_length": "", "sequence_stride": "1", "sampling_rate": "1",
        "batch_size": "128", "shuffle": "False", "seed": "None", "start_index": "None", "end_index": "None",
    },
}  # fmt: skip
# The methods that are written out, and the arguments that they take.
METHODS: dict[str, frozenset[str]] = {
    "batch": frozenset({"batch_size", "drop_remainder"}),
    "shuffle": frozenset({"buffer_size"}),
    "repeat": frozenset({"count"}),
    "take": frozenset({"count"}),
    "skip": frozenset({"count"}),
    "map": frozenset({"map_func", "num_parallel_calls"}),
    "filter": frozenset({"predicate"}),
    "cache": frozenset(),
    "prefetch": frozenset({"buffer_size"}),
}
_UNKNOWN = frozenset(
    "interleave window padded_batch flat_map unbatch as_numpy_iterator cardinality concatenate enumerate scan "
    "with_options element_spec group_by_window bucket_by_sequence_length shard snapshot rebatch ragged_batch "
    "sparse_batch rejection_resample choose_from_datasets sample_from_datasets assert_cardinality".split()
)


def problem(references: References) -> str:
    """Why the file's pipelines cannot be written out; "" where they can."""
    inside = [r for r in references.references if r.path.startswith("tf.data.")]
    for reference in inside:
        if reference.path == SLICES:
            call = references.parents[reference.node]
            if not isinstance(call, ast.Call) or len(call.args) != 1 or call.keywords:
                return f"{reference.path} is not called with arrays"
        elif reference.path not in AUTOTUNE:
            return f"{reference.path} has no counterpart"
    for reference in references.references:
        wrong = _wrong_source(references, reference) if reference.path in SOURCES else ""
        if wrong:
            return wrong
    known = {n for v in vocabularies(references).values() if not v.problem for n in v.variables}
    for node in ast.walk(references.tree):
        if isinstance(node, ast.Attribute) and node.attr in _UNKNOWN and not _of_numpy(node):
            return f"the method {node.attr} is not written out"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            wrong = _wrong(references, node, node.func.attr, known)
            if wrong:
                return wrong
    return ""


def _of_numpy(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy")


def _wrong_source(references: References, reference: Reference) -> str:
    """What is not understood about a call of a function that makes a pipeline."""
    call, known, name = references.parents[reference.node], SOURCES[reference.path], reference.path.rpartition(".")[2]
    if not isinstance(call, ast.Call) or call.func is not reference.node:
        return f"{name} is not only called"
    if len(call.args) > list(known.values()).count("") or any(isinstance(a, ast.Starred) for a in call.args):
        return f"the arguments of {name} are not told apart"
    given = dict(zip(known, call.args)) | {str(k.arg): k.value for k in call.keywords}
    unknown = [n for n in given if n not in known]
    if unknown:
        return f"{name}({unknown[0]}=...) is not written out"
    values = {n: v.value if isinstance(v, ast.Constant) else "" for n, v in given.items()}
    calls = [references.parents[r.node] for r in references.references if r.path == reference.path]
    both = ("both",) if len(calls) == 1 else ()
    known_labels = values.get("labels", "inferred") in ("inferred", None) and values.get("label_mode", "int") != ""
    if not known_labels:
        return f"{name}: its labels are not understood"
    if values.get("interpolation", "bilinear") != "bilinear":
        return f"{name}(interpolation={ast.unparse(given['interpolation'])}) is not written out"
    if values.get("subset", "training") not in ("training", "validation", None, *both):
        return f"{name}(subset={ast.unparse(given['subset'])}) is not written out"
    if name == "timeseries_dataset_from_array" and values.get("batch_size", "") is None:
        return f"{name}(batch_size=None) is not written out"
    return ""


def _wrong(references: References, call: ast.Call, name: str, layers: set[str]) -> str:
    """What is not understood about one call of a method."""
    for keyword in call.keywords:
        if keyword.arg not in METHODS[name]:
            return f"{name}({keyword.arg}=...) is not written out"
    if name not in ("map", "filter"):
        return ""
    given = [*call.args, *(k.value for k in call.keywords if k.arg in ("map_func", "predicate"))]
    function: ast.AST | None = given[0] if given else None
    if isinstance(function, ast.Name):
        wanted = function.id
        function = next((n for n in references.tree.body if isinstance(n, ast.FunctionDef) and n.name == wanted), None)
    if not isinstance(function, ast.Lambda | ast.FunctionDef):
        return f"the function of {name} is not seen"
    inside = [r for r in references.references if function in references.around(r.node)]
    taken = {
        n.func.attr for n in references.around(call) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
    }
    known = frozenset() if taken & _TAKERS else ON_SAMPLES
    if any(not is_on_strings(references, r.node, r.path) and r.path not in known for r in inside):
        return f"the function of {name} uses TensorFlow"
    parameters = {p.arg for p in ast.walk(function) if isinstance(p, ast.arg)} | layers
    shaping = {r.node for r in inside}
    for inner in ast.walk(function):
        if isinstance(inner, ast.Call) and inner.func not in shaping and not _is_plain(inner.func, parameters):
            return f"the function of {name} calls {references.code(inner.func)}"
    return ""


def _is_plain(function: ast.expr, parameters: set[str]) -> bool:
    """Whether a call is of Python's own, of numpy's, or of a method of what came in: no layer."""
    while isinstance(function, ast.Attribute):
        function = function.value
    known = {"np", "numpy", "math", *parameters, *dir(builtins)}
    return isinstance(function, ast.Name) and function.id in known
