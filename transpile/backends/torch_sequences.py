"""Classes that derive from `keras.utils.Sequence`, and pipelines of tf.data, become datasets."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.backends.torch_helpers import Writing
from transpile.backends.torch_image_batches import RANDOM, one_mode
from transpile.backends.torch_sources import dropped_arguments
from transpile.backends.torch_vocabulary_calls import without
from transpile.frontends.keras_utilities import Use
from transpile.interpret.image_batches import FLOWS, class_modes, constructions, flows, is_silent
from transpile.interpret.pipelines import AUTOTUNE, GENERATED, IMAGES, SOURCES, generated_types

# Of PyDataset's own, which a Dataset does not have.
_OWN = frozenset({"workers", "use_multiprocessing", "max_queue_size", "num_batches"})


def write_sequence(writing: Writing, use: Use) -> bool:
    """`class X(keras.utils.Sequence)`: `class X(Dataset)`; whether it could be done."""
    node = use.reference.node
    cls = writing.references.parents[node]
    if not isinstance(cls, ast.ClassDef) or node not in cls.bases:
        return False
    if any(_reads_own(part) for part in ast.walk(cls)):
        return False
    for call in _constructions(cls):
        writing.output.edit(writing.span(call), f"{writing.references.code(call.func)}()")
    writing.output.imports.add("from torch.utils.data import Dataset")
    return writing.replace(node, "Dataset")


def write_pipeline(writing: Writing, use: Use) -> bool:
    """`tf.data.Dataset.from_tensor_slices`: a class that does the same; AUTOTUNE has no meaning."""
    if use.path in AUTOTUNE:
        return writing.replace(use.reference.node, "None")
    if use.path in SOURCES:
        return _write_source(writing, use)
    name = writing.define("Pipeline", writing.references.start(use.reference.node))
    _note(writing, use)
    if use.path == GENERATED and use.call is not None:
        types = generated_types(writing.references, use.reference.node)
        code = writing.references.code(use.call.args[0])
        writing.output.imports.add("import torch")
        writing.output.edit(writing.span(use.call), f"{name}.from_generator({code}, {types})")
        return True
    return writing.replace(use.reference.node, f"{name}.{use.path.rpartition('.')[2]}")


def _note(writing: Writing, use: Use) -> None:
    message = "the pipeline is written out: it draws other random numbers, and nothing runs in parallel"
    writing.output.report("K2T350", writing.span(use.reference.node), message)


def _write_source(writing: Writing, use: Use) -> bool:
    """A function that reads data for a pipeline: one that does the same, without arguments that say nothing."""
    assert use.call is not None
    name = writing.define(use.path.rpartition(".")[2], writing.references.start(use.reference.node))
    _note(writing, use)
    if use.path == IMAGES:
        message = "PIL reads the images: of JPEG files, and of coloured ones made grey, it gives other grey levels"
        writing.output.report("K2T351", writing.span(use.reference.node), message)
    dropped = [k for k in use.call.keywords if k.arg in dropped_arguments(writing.references, use.path)]
    writing.output.edits += without(use.call, dropped, writing.references)
    return writing.replace(use.reference.node, name)


def write_image_batches(writing: Writing, use: Use) -> bool:
    """Puts the class in the place of Keras's, and takes arguments out of the calls that say nothing to it."""
    references = writing.references
    if use.call is None:
        return False
    name = writing.define("ImageDataGenerator", references.start(use.reference.node))
    random = [k for k in use.call.keywords if k.arg in RANDOM]
    message = "the batches of images are written out"
    message += (
        ": numpy draws what alters them, as for Keras; the order of batches is drawn by PyTorch" if random else ""
    )
    writing.output.report("K2T350", writing.span(use.reference.node), message)
    writing.output.edits += without(use.call, [k for k in use.call.keywords if _dropped(k)], references)
    if use.call is constructions(references)[0]:
        fixed = one_mode(class_modes(references))
        for call in (c for m in FLOWS for c in flows(references, m)):
            dropped = [k for k in call.keywords if _dropped(k) or (fixed and k.arg == "class_mode")]
            writing.output.edits += without(call, dropped, references)
    return writing.replace(use.reference.node, name)


def _dropped(keyword: ast.keyword) -> bool:
    return is_silent(str(keyword.arg), keyword.value)


def _reads_own(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _OWN and isinstance(node.value, ast.Name)


def _constructions(cls: ast.ClassDef) -> Iterator[ast.Call]:
    """`super().__init__(**kwargs)`: what it is given is about Keras's own threads."""
    for node in ast.walk(cls):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "__init__":
            inner = node.func.value
            of_super = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "super"
            if of_super and (node.args or node.keywords):
                yield node
