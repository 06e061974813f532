"""Helpers of which only those parts are written that the program uses."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial

from transpile.backends.templates import render
from transpile.backends.torch_image_batches import image_data_generator
from transpile.backends.torch_sources import (
    IMAGES,
    TEXTS,
    dataset_from_directory,
    holds_strings,
    of_shuffles,
    reads_files,
    timeseries_dataset_from_array,
)
from transpile.backends.torch_vocabularies import lookup, text_vectorization
from transpile.references import References


def attributes(references: References) -> set[str]:
    """The names that stand behind a dot anywhere in the file."""
    return {n.attr for n in ast.walk(references.tree) if isinstance(n, ast.Attribute)}


def _tokenizer(references: References) -> str:
    used = attributes(references)
    return render(
        "torch/data/Tokenizer.py.j2",
        generator="texts_to_sequences_generator" in used,
        backwards="sequences_to_texts" in used,
        matrix=bool(used & {"texts_to_matrix", "sequences_to_matrix"}),
    )


_FILE_DEFAULTS = {
    "untar": "False", "md5_hash": "None", "file_hash": "None", "cache_subdir": '"datasets"',
    "hash_algorithm": '"auto"', "extract": "False", "archive_format": '"auto"', "cache_dir": "None",
    "force_download": "False",
}  # fmt: skip


def _keywords(references: References, path: str) -> set[str]:
    """The keyword arguments in all calls of a function of Keras's."""
    calls = [references.parents[r.node] for r in references.references if r.path == path]
    return {k.arg for c in calls if isinstance(c, ast.Call) for k in c.keywords if k.arg is not None}


def _get_file(references: References) -> str:
    used = _keywords(references, "keras.utils.get_file")
    own = [n for n in _FILE_DEFAULTS if n in used]
    hashes = [n for n in ("file_hash", "md5_hash") if n in used]
    given = " or ".join(hashes)
    long = f'"sha256" if len({given}) == 64 else "md5"' if len(hashes) == 1 else '"md5" if md5_hash else "sha256"'
    return render(
        "torch/data/get_file.py.j2",
        parameters=["fname=None", "origin=None", *(f"{n}={_FILE_DEFAULTS[n]}" for n in own)],
        cache_dir="cache_dir" in used, cache_subdir="cache_subdir" in used, force="force_download" in used,
        extracts=" or ".join(n for n in ("extract", "untar") if n in used), hash=given, algorithm=long,
    )  # fmt: skip


def _pipeline(references: References) -> str:
    used = attributes(references) | ({"batch"} if reads_files(references) else set())
    return render(
        "torch/data/Pipeline.py.j2", used=used, strings=holds_strings(references), shuffles=of_shuffles(references)
    )


RENDERED: dict[str, Callable[[References], str]] = {
    "Tokenizer": _tokenizer,
    "ImageDataGenerator": image_data_generator,
    "get_file": _get_file,
    "Pipeline": _pipeline,
    "text_dataset_from_directory": partial(dataset_from_directory, TEXTS),
    "image_dataset_from_directory": partial(dataset_from_directory, IMAGES),
    "timeseries_dataset_from_array": timeseries_dataset_from_array,
    "TextVectorization": text_vectorization,
    "StringLookup": partial(lookup, "StringLookup"),
    "IntegerLookup": partial(lookup, "IntegerLookup"),
}
