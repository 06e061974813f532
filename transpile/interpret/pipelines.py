"""Which pipelines of tf.data can be written out: a question about the file as a whole."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping

from transpile.interpret.vocabularies import is_on_strings, vocabularies
from transpile.references import Reference, References

SLICES = "tf.data.Dataset.from_tensor_slices"
ZIP, GENERATED = "tf.data.Dataset.zip", "tf.data.Dataset.from_generator"
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
    "shuffle": frozenset({"buffer_size", "seed", "reshuffle_each_iteration"}),
    "concatenate": frozenset({"dataset"}),
    "enumerate": frozenset({"start"}),
    "window": frozenset({"size", "shift", "stride", "drop_remainder"}),
    "flat_map": frozenset({"map_func"}),
    "unbatch": frozenset(),
    "repeat": frozenset({"count"}),
    "take": frozenset({"count"}),
    "skip": frozenset({"count"}),
    "map": frozenset({"map_func", "num_parallel_calls"}),
    "filter": frozenset({"predicate"}),
    "cache": frozenset(),
    "prefetch": frozenset({"buffer_size"}),
}
_TYPES = frozenset("tf.float16 tf.float32 tf.float64 tf.int8 tf.int16 tf.int32 tf.int64 tf.uint8 tf.bool".split())
_UNKNOWN = frozenset(
    "interleave padded_batch as_numpy_iterator cardinality scan "
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
        elif reference.path == GENERATED:
            if generated_types(references, reference.node) is None:
                return "the types of from_generator are not seen"
        elif reference.path not in (*AUTOTUNE, ZIP):
            return f"{reference.path} has no counterpart"
    for reference in references.references:
        wrong = _wrong_source(references, reference) if reference.path in SOURCES else ""
        if wrong:
            return wrong
    foreign = {r.node for r in references.references}
    attributes = {n.attr for n in ast.walk(references.tree) if isinstance(n, ast.Attribute)}
    known = {n for v in vocabularies(references).values() if not v.problem for n in v.variables}
    for node in ast.walk(references.tree):
        if isinstance(node, ast.Attribute) and node.attr in _UNKNOWN and not _of_numpy(node):
            return f"the method {node.attr} is not written out"
        if isinstance(node, ast.Attribute) and node.attr == "window" and "repeat" in attributes:
            return "window and repeat in one program are not written out"
        if not isinstance(node, ast.Call) or node.func in foreign:
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS and not _of_numpy(node.func):
            wrong = _wrong(references, node, node.func.attr, known)
            if wrong:
                return wrong
    return ""


def generated_types(references: References, node: ast.AST) -> str | None:
    """The types of what a generator yields, in PyTorch's words; None where they are not seen."""
    call = references.parents[node]
    if not isinstance(call, ast.Call) or call.func is not node or not 1 <= len(call.args) <= 3:
        return None
    given = dict(zip(("generator", "output_types", "output_shapes"), call.args))
    given |= {str(k.arg): k.value for k in call.keywords}
    if not given.keys() <= {"generator", "output_types", "output_shapes", "output_signature"}:
        return None
    paths: dict[ast.AST, str] = {r.node: r.path for r in references.references}
    return _types(given.get("output_signature", given.get("output_types")), paths)


def _types(node: ast.expr | None, paths: Mapping[ast.AST, str]) -> str | None:
    """`(tf.float32, tf.int32)`, or `TensorSpec`s of these: `(torch.float32, torch.int32)`."""
    if isinstance(node, ast.Tuple):
        parts = [_types(n, paths) for n in node.elts]
        return None if None in parts else f"({', '.join(map(str, parts))}{',' if len(parts) == 1 else ''})"
    if isinstance(node, ast.Call) and paths.get(node.func) == "tf.TensorSpec":
        given = dict(zip(("shape", "dtype"), node.args)) | {str(k.arg): k.value for k in node.keywords}
        return _types(given.get("dtype"), paths)
    path = paths.get(node, "") if node is not None else ""
    return path.replace("tf.", "torch.") if path in _TYPES else None


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
    if name not in ("map", "filter", "flat_map"):
        return ""
    given = [*call.args, *(k.value for k in call.keywords if k.arg in ("map_func", "predicate"))]
    function: ast.AST | None = given[0] if given else None
    if isinstance(function, ast.Name):
        wanted = function.id
        function = next((n for n in references.tree.body if isinstance(n, ast.FunctionDef) and n.name == wanted), None)
    if not isinstance(function, ast.Lambda | ast.FunctionDef):
        return f"the function of {name} is not seen"
    if name == "flat_map" and len(function.args.args) != 1:
        return "flat_map of several values at once is not written out"
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
