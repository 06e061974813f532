"""Functions of Keras's that read data for a pipeline, written out with what the program asks of them."""

from __future__ import annotations

import ast

from transpile.backends.templates import render
from transpile.interpret.pipelines import SOURCES
from transpile.interpret.vocabularies import vocabularies
from transpile.references import References

TEXTS, SERIES = "keras.utils.text_dataset_from_directory", "keras.utils.timeseries_dataset_from_array"
IMAGES = "keras.utils.image_dataset_from_directory"
_DIRECTORIES = (TEXTS, IMAGES)


def _given(references: References, path: str) -> list[dict[str, ast.expr]]:
    """The arguments of each call of a function, by name."""
    calls = [references.parents[r.node] for r in references.references if r.path == path]
    every = [c for c in calls if isinstance(c, ast.Call)]
    return [dict(zip(SOURCES[path], c.args)) | {str(k.arg): k.value for k in c.keywords} for c in every]


def _constants(given: list[dict[str, ast.expr]], name: str, default: str | bool | int) -> set[object]:
    """The values that the calls give an argument; "?" for one that only the program knows."""
    values = [g.get(name, ast.Constant(default)) for g in given]
    return {v.value if isinstance(v, ast.Constant) else "?" for v in values}


def reads_texts(references: References) -> bool:
    """Whether the program reads texts from a directory."""
    return bool(_given(references, TEXTS))


def reads_files(references: References) -> bool:
    """Whether the program reads texts or images from a directory."""
    return any(_given(references, path) for path in _DIRECTORIES)


def of_shuffles(references: References) -> set[str]:
    """The arguments that the program's shuffles are given, besides the size of their buffer."""
    parameters = ("buffer_size", "seed", "reshuffle_each_iteration")
    found: set[str] = set()
    for node in ast.walk(references.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "shuffle":
            found |= {str(k.arg) for k in node.keywords} | set(parameters[: len(node.args)])
    return found - {"buffer_size"}


def holds_strings(references: References) -> bool:
    """Whether strings run through the pipelines of a program."""
    return reads_texts(references) or bool(vocabularies(references).keys() & {"TextVectorization", "StringLookup"})


def dropped_arguments(references: References, path: str) -> set[str]:
    """The arguments of all calls that say nothing to the function that is written out."""
    given = _given(references, path)
    used = {n for g in given for n in g}
    found = {n for n in used if SOURCES[path][n] and {ast.unparse(g[n]).replace("'", '"') for g in given if n in g}
             == {SOURCES[path][n]}}  # fmt: skip
    if path not in _DIRECTORIES:
        return found
    found |= {"labels", "interpolation"} | ({"label_mode"} if _labelled(given) == "none" else set())
    found |= {"subset"} if _both(given) else set()
    return found - ({"label_mode"} if _labelled(given) == "some" else set())


def _both(given: list[dict[str, ast.expr]]) -> bool:
    """Whether the calls give data for training and for validation at once."""
    return _constants(given, "subset", "") == {"both"}


def _labelled(given: list[dict[str, ast.expr]]) -> str:
    """Whether all, some or none of the calls ask for labels."""
    without = [None in (_constants([g], "labels", "inferred") | _constants([g], "label_mode", "int")) for g in given]
    return "none" if all(without) else "some" if any(without) else "all"


def _parameters(references: References, path: str) -> tuple[str, set[str]]:
    used = {n for g in _given(references, path) for n in g} - dropped_arguments(references, path)
    defaults = {n: d for n, d in SOURCES[path].items() if d}
    always = ("batch_size", "image_size")
    return ", ".join(f"{n}={d}" for n, d in defaults.items() if n in used or n in always), used


def dataset_from_directory(path: str, references: References) -> str:
    """The function that reads texts or images, with the parts that the program uses."""
    given = _given(references, path)
    parameters, used = _parameters(references, path)
    shuffles = _constants(given, "shuffle", True)
    labelled = _labelled(given)
    return render(
        "torch/data/dataset_from_directory.py.j2",
        images=path == IMAGES, parameters=parameters, labelled="" if labelled == "none" else labelled,
        names="class_names" in used, shuffled=shuffles != {False}, optional=shuffles != {True}, seeded="seed" in used,
        split="validation_split" in used, both=_both(given), longest="max_length" in used, modes="label_mode" in used,
        color_mode="color_mode" in used, paths=any(isinstance(n, ast.Attribute) and n.attr == "file_paths"
        for n in ast.walk(references.tree)), unbatched=None in _constants(given, "batch_size", 32),
    )  # fmt: skip


def timeseries_dataset_from_array(references: References) -> str:
    """The function, with the parts that the program uses."""
    parameters, used = _parameters(references, SERIES)
    return render(
        "torch/data/timeseries_dataset_from_array.py.j2",
        parameters=parameters, used=used, rate=" * sampling_rate" if "sampling_rate" in used else "",
        part="[start:end]" if used & {"start_index", "end_index"} else "",
    )  # fmt: skip
