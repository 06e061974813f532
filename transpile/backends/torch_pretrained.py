"""Writes what goes with a pretrained network: how images are scaled, and the names of the classes."""

from __future__ import annotations

import ast

from transpile.backends.torch_helpers import Writing
from transpile.frontends.keras_utilities import Use
from transpile.interpret.interpreter import Interpreter
from transpile.ops.pretrained import IMAGENET, NETWORKS, PREPROCESSING


def write_pretrained(writing: Writing, interpreter: Interpreter, use: Use) -> bool:
    """Converts `preprocess_input` and `decode_predictions` of keras.applications; whether it did."""
    name = use.path.rpartition(".")[2]
    if name == "decode_predictions" and (use.call is None or use.arguments("preds", "top") is not None):
        return _helper(writing, use, name)
    return name == "preprocess_input" and _preprocessing(writing, interpreter, use)


def _preprocessing(writing: Writing, interpreter: Interpreter, use: Use) -> bool:
    """Of pretrained networks that have become those of torchvision, where all take the same images."""
    replaced = any(d.code == "K2T233" for d in writing.output.diagnostics)
    arguments = use.arguments("x") if use.call is not None else {}
    module = use.path.split(".")[2]
    made = [x.kind for x in interpreter.layers if x.kind in NETWORKS]
    named = made[:1] if module == "imagenet_utils" else PREPROCESSING.get(module, ())
    kinds = {(NETWORKS[n].scales or NETWORKS[n].inputs) for n in (*made, *named)}
    if not replaced or arguments is None or not named or len(kinds) != 1:
        return False
    kind = kinds.pop()
    if kind is True:
        return _unchanged(writing, use, arguments)
    return _helper(writing, use, "preprocess_input" if kind == IMAGENET else "scale_images")


def _unchanged(writing: Writing, use: Use, arguments: dict[str, ast.expr]) -> bool:
    """The network scales its images itself: this function does nothing, as in Keras."""
    if use.call is None:
        return writing.replace(use.reference.node, "(lambda images: images)")
    if "x" not in arguments:
        return False
    simple = isinstance(arguments["x"], ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    text = writing.references.code(arguments["x"])
    return writing.replace(use.call, text if simple else f"({text})")


def _helper(writing: Writing, use: Use, name: str) -> bool:
    """Replaces a function by one that is written into the file."""
    return writing.replace(use.reference.node, writing.define(name, writing.references.start(use.reference.node)))
