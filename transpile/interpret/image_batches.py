"""Which ImageDataGenerators can be written out: a question about the file as a whole."""

from __future__ import annotations

import ast

from transpile.references import References

GENERATOR = "keras.preprocessing.image.ImageDataGenerator"
# What is written out, with Keras's defaults: the constructor and the two methods that give batches ("": none).
GENERATOR_ARGUMENTS = {
    "featurewise_center": "False", "samplewise_center": "False", "featurewise_std_normalization": "False",
    "samplewise_std_normalization": "False", "rotation_range": "0", "width_shift_range": "0.0",
    "height_shift_range": "0.0", "brightness_range": "None", "shear_range": "0.0", "zoom_range": "0.0",
    "channel_shift_range": "0.0", "fill_mode": '"nearest"', "cval": "0.0", "horizontal_flip": "False",
    "vertical_flip": "False", "rescale": "None", "preprocessing_function": "None", "validation_split": "0.0",
}  # fmt: skip
FLOWS: dict[str, dict[str, str]] = {
    "flow": {"x": "", "y": "None", "batch_size": "32", "shuffle": "True", "seed": "None", "subset": "None"},
    "flow_from_directory": {
        "directory": "", "target_size": "(256, 256)", "color_mode": '"rgb"', "classes": "None",
        "class_mode": '"categorical"', "batch_size": "32", "shuffle": "True", "seed": "None", "subset": "None",
        "interpolation": '"nearest"',
    },
}  # fmt: skip
_POSITIONS = {"flow": ("x", "y", "batch_size", "shuffle"),
              "flow_from_directory": tuple(FLOWS["flow_from_directory"])[:2]}  # fmt: skip
# Written out as nothing, where they have these values.
_SILENT = {"data_format": ("channels_last", None), "zca_whitening": (False,), "interpolation_order": (1,),
           "save_to_dir": (None,), "follow_links": (False,), "keep_aspect_ratio": (False,)}  # fmt: skip
_OTHER = ("flow_from_dataframe", "random_transform", "apply_transform", "get_random_transform", "standardize")


def constructions(references: References) -> list[ast.Call]:
    """The calls that make an ImageDataGenerator."""
    found = [references.parents[r.node] for r in references.references if r.path == GENERATOR]
    return [c for c in found if isinstance(c, ast.Call)]


def flows(references: References, method: str) -> list[ast.Call]:
    """The calls of a method of that name."""
    calls = [n for n in ast.walk(references.tree) if isinstance(n, ast.Call)]
    return [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == method]


def arguments(call: ast.Call, method: str = "") -> dict[str, ast.expr]:
    """The arguments of a call by name, without those that are at what is written out anyway."""
    given = dict(zip(_POSITIONS.get(method, ()), call.args)) | {str(k.arg): k.value for k in call.keywords}
    return {n: v for n, v in given.items() if not is_silent(n, v)}


def is_silent(name: str, value: ast.expr) -> bool:
    """Whether an argument has a value that is written out as nothing."""
    return name in _SILENT and isinstance(value, ast.Constant) and value.value in _SILENT[name]


def class_modes(references: References) -> set[object]:
    """The kinds of labels that the program asks of its directories; "?" for one that is not seen."""
    given = [arguments(c, "flow_from_directory") for c in flows(references, "flow_from_directory")]
    values = [g.get("class_mode", ast.Constant("categorical")) for g in given]
    return {v.value if isinstance(v, ast.Constant) else "?" for v in values}


def problem(references: References) -> str:
    """Why the file's ImageDataGenerators cannot be written out; "" where they can."""
    mentions = [r for r in references.references if r.path == GENERATOR]
    calls = constructions(references)
    if len(calls) < len([r for r in mentions if not isinstance(references.parents[r.node], ast.alias)]):
        return "ImageDataGenerator is not only called"
    for call in calls:
        unknown = [n for n in arguments(call) if n not in GENERATOR_ARGUMENTS]
        if call.args or unknown:
            return f"its argument {unknown[0]} is not written out" if unknown else "its arguments are not told apart"
    for node in ast.walk(references.tree):
        if isinstance(node, ast.Attribute) and node.attr in _OTHER:
            return f"the method {node.attr} is not written out"
    if any(k.arg in ("augment", "rounds", "seed") for c in flows(references, "fit") for k in c.keywords):
        return "fit(augment=...) is not written out"
    return next((w for m in FLOWS for c in flows(references, m) if (w := _wrong(c, m))), "") or (
        "the class_mode of a directory is not understood"
        if class_modes(references) - {"categorical", "binary", "sparse", "input", None}
        else ""
    )


def _wrong(call: ast.Call, method: str) -> str:
    """What is not understood about one call that gives batches."""
    if len(call.args) > len(_POSITIONS[method]) or any(isinstance(a, ast.Starred) for a in call.args):
        return f"the arguments of {method} are not told apart"
    given = arguments(call, method)
    unknown = [n if n != "None" else "**" for n in given if n not in FLOWS[method]]
    if unknown:
        return f"{method}({unknown[0]}=...) is not written out"
    if isinstance(given.get("x"), ast.Tuple | ast.List):
        return "flow of several arrays at once is not written out"
    return ""
