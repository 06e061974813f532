"""ImageDataGenerator, written out with the parts that the program uses."""

from __future__ import annotations

import ast

from transpile.backends.templates import render
from transpile.interpret.image_batches import (
    FLOWS,
    GENERATOR_ARGUMENTS,
    arguments,
    class_modes,
    constructions,
    flows,
)
from transpile.references import References

RANDOM = frozenset(
    "rotation_range width_shift_range height_shift_range brightness_range shear_range zoom_range "
    "channel_shift_range horizontal_flip vertical_flip".split()
)
_SHIFTS = ("width_shift_range", "height_shift_range")
# What the batches of a directory carry along, where the program asks for it.
_KEPT = (
    ("samples", "len(paths)"), ("num_classes", "len(classes)"), ("directory", "directory"),
    ("target_size", "target_size"),
    ("class_indices", "{name: i for i, name in enumerate(classes)}"), ("filepaths", "[str(p) for p in paths]"),
    ("filenames", "[str(p.relative_to(directory)) for p in paths]"), ("classes", 'np.array(labels, dtype="int32")'),
)  # fmt: skip


def image_data_generator(references: References) -> str:
    """The class, and that of its batches."""
    used = {n for c in constructions(references) for n in arguments(c)}
    methods = {m for m in FLOWS if flows(references, m)}
    given = {m: {n for c in flows(references, m) for n in arguments(c, m)} for m in FLOWS}
    stored = [n for n in GENERATOR_ARGUMENTS if n in used]
    modes = class_modes(references)
    found = {n.attr for n in ast.walk(references.tree) if isinstance(n, ast.Attribute)}
    reading = [f", {n}={n}" for n in ("color_mode", "target_size", "interpolation")
               if n in given["flow_from_directory"] or n == "target_size"]  # fmt: skip
    labelled = all("y" in arguments(c, "flow") for c in flows(references, "flow"))
    return render(
        "torch/data/ImageDataGenerator.py.j2",
        used=used, stored=stored, parameters=_parameters(GENERATOR_ARGUMENTS, used), methods=methods,
        seeded=any("seed" in g for g in given.values()), flow_used=given["flow"],
        directory_used=given["flow_from_directory"],
        flow_parameters=_parameters(FLOWS["flow"], given["flow"] | {"y", "batch_size", "shuffle"}),
        directory_parameters=_directory_parameters(given["flow_from_directory"], modes),
        modes=sorted(str(m) for m in modes), unlabelled=None in modes or not labelled,
        attributes=found | ({"datagen.fit"} if _fits(references) else set()),
        affine=any(n in used for n in (*_SHIFTS, "rotation_range", "shear_range", "zoom_range")),
        shifts=any(n in used for n in _SHIFTS), drawn=bool(used & RANDOM),
        samplewise=any(n.startswith("samplewise") for n in used), fitted=any(n.startswith("featurewise") for n in used),
        reading="".join(reading), kept=[(n, v) for n, v in _KEPT if n in found],
    )  # fmt: skip


def _parameters(known: dict[str, str], used: set[str]) -> str:
    return "".join(f", {n}={d}" for n, d in known.items() if n in used and d)


def _directory_parameters(used: set[str], modes: set[object]) -> str:
    always = {"target_size", "batch_size", "shuffle", "class_mode"}
    if one_mode(modes):
        always, used = always - {"class_mode"}, used - {"class_mode"}
    return _parameters(FLOWS["flow_from_directory"], used | always)


def one_mode(modes: set[object]) -> bool:
    """Whether all directories give the same kind of labels, which then need no argument."""
    return len(modes) == 1 and modes <= {"categorical", "binary"}


def _fits(references: References) -> bool:
    """Whether the program calls `fit` of an ImageDataGenerator that is in a variable."""
    made = [references.parents[c] for c in constructions(references)]
    names = {t.id for a in made if isinstance(a, ast.Assign) for t in a.targets if isinstance(t, ast.Name)}
    fits = [n.value for n in ast.walk(references.tree) if isinstance(n, ast.Attribute) and n.attr == "fit"]
    return any(isinstance(v, ast.Name) and v.id in names for v in fits)
