"""The helpers that stand for Keras's utilities: what they need, and writing them once."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

from transpile.backends.templates import helper
from transpile.backends.torch_rendered import RENDERED
from transpile.ir import Span
from transpile.references import References, is_framework
from transpile.splice import Output
from transpile.statements import import_before

_CACHE = ("import os", "from pathlib import Path", "from urllib.request import urlretrieve")
NUMPY = "import numpy as np"
# Helpers: the helpers and imports that they need in turn.
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "to_categorical": ((), (NUMPY,)),
    "normalize": ((), (NUMPY,)),
    "MeanIoU": ((), (NUMPY, "import torch")),
    "preprocess_input": ((), (NUMPY,)),
    "scale_images": ((), (NUMPY,)),
    "decode_predictions": ((), ("import json", *_CACHE, NUMPY)),
    "pad_sequences": ((), (NUMPY,)),
    "set_random_seed": ((), ("import random", NUMPY, "import torch")),
    "get_file": (
        (),
        (
            "import os",
            "from pathlib import Path",
            "from urllib.parse import urlsplit",
            "from urllib.request import urlretrieve",
        ),
    ),
    "cached_file": ((), _CACHE),
    "encode_words": ((), (NUMPY,)),
    "cifar_archive": (("cached_file",), ("import pickle", "import tarfile", NUMPY)),
    "load_mnist": (("cached_file",), (NUMPY,)),
    "load_fashion_mnist": (("cached_file",), ("import gzip", NUMPY)),
    "load_cifar10": (("cifar_archive",), (NUMPY,)),
    "load_cifar100": (("cifar_archive",), ()),
    "load_boston_housing": (("cached_file",), (NUMPY,)),
    "load_california_housing": (("cached_file",), (NUMPY,)),
    "load_imdb": (("cached_file", "encode_words"), (NUMPY,)),
    "load_reuters": (("cached_file", "encode_words"), (NUMPY,)),
    "load_word_index": (("cached_file",), ("import json",)),
    "Pipeline": ((), ("from torch.utils.data import IterableDataset",)),
    "text_dataset_from_directory": (("Pipeline",), ("from pathlib import Path",)),
    "image_dataset_from_directory": (
        ("Pipeline",),
        ("from pathlib import Path", "import PIL.Image", NUMPY, "import torch", "from torch.nn import functional as F"),
    ),
    "timeseries_dataset_from_array": (("Pipeline",), (NUMPY, "import torch")),
    "ImageDataGenerator": ((), ("import math", NUMPY, "from torch.utils.data import Dataset")),
    "Tokenizer": ((), ("from collections import Counter", NUMPY)),
    "TextVectorization": (("strings_in",), ("from collections import Counter", "import torch")),
    "StringLookup": (("strings_in",), ("from collections import Counter", NUMPY, "import torch")),
    "IntegerLookup": (("integers_in",), ("from collections import Counter", NUMPY, "import torch")),
    "strings_in": ((), ()),
    "Normalization": ((), (NUMPY, "import torch", "from torch import nn")),
    "stack_samples": ((), (NUMPY, "from torch.utils.data import default_collate")),
    "integers_in": ((), (NUMPY, "import torch")),
    "text_to_word_sequence": ((), ()),
    "one_hot": (("text_to_word_sequence",), ()),
    "load_img": ((), ("import PIL.Image",)),
    "img_to_array": ((), (NUMPY,)),
    "array_to_img": ((), ("import PIL.Image", NUMPY)),
    "save_img": (("array_to_img",), ("import PIL.Image", NUMPY)),
}
_OPTIONAL = (
    "import hashlib",
    "import tarfile",
    "import zipfile",
    "import random",
    "import itertools",
    "import math",
    "import string",
    NUMPY,
    "import torch",
    "import PIL.Image",
    "import PIL.ImageEnhance",
    "import scipy.ndimage",
    "from pathlib import Path",
    "from torch.nn import functional as F",
    "from itertools import islice",
    "from functools import partial",
    "from torch.utils.data import default_collate",
)  # where the written parts need them
_ALONG = ("stack_samples", "load_img", "img_to_array")  # helpers that only some forms of another one need
# Functions that a helper replaces: the helper, and the parameters that it takes.
HELPERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "keras.utils.normalize": ("normalize", ("x", "axis", "order")),
    "keras.utils.pad_sequences": (
        "pad_sequences",
        ("sequences", "maxlen", "dtype", "padding", "truncating", "value"),
    ),
    "keras.preprocessing.text.Tokenizer": (
        "Tokenizer",
        ("num_words", "filters", "lower", "split", "char_level", "oov_token"),
    ),
    "keras.preprocessing.text.text_to_word_sequence": (
        "text_to_word_sequence",
        ("input_text", "filters", "lower", "split"),
    ),
    "keras.preprocessing.text.one_hot": ("one_hot", ("input_text", "n", "filters", "lower", "split")),
    "keras.utils.load_img": ("load_img", ("path", "color_mode", "target_size", "interpolation")),
    "keras.utils.img_to_array": ("img_to_array", ("img", "*", "dtype")),
    "keras.utils.array_to_img": ("array_to_img", ("x", "*", "scale")),
    "keras.utils.save_img": ("save_img", ("path", "x", "*", "file_format", "scale")),
    "keras.utils.get_file": (
        "get_file",
        (
            "fname",
            "origin",
            "*",
            "untar",
            "md5_hash",
            "file_hash",
            "cache_subdir",
            "extract",
            "cache_dir",
            "force_download",
        ),
    ),
    "keras.datasets.mnist.load_data": ("load_mnist", ("path",)),
    "keras.datasets.fashion_mnist.load_data": ("load_fashion_mnist", ()),
    "keras.datasets.cifar10.load_data": ("load_cifar10", ()),
    "keras.datasets.cifar100.load_data": ("load_cifar100", ("label_mode",)),
    "keras.datasets.boston_housing.load_data": (
        "load_boston_housing",
        ("path", "test_split", "seed"),
    ),
    "keras.datasets.california_housing.load_data": (
        "load_california_housing",
        ("version", "path", "test_split", "seed"),
    ),
    "keras.datasets.imdb.load_data": (
        "load_imdb",
        ("path", "num_words", "skip_top", "maxlen", "seed", "start_char", "oov_char", "index_from"),
    ),
    "keras.datasets.reuters.load_data": (
        "load_reuters",
        (
            *("path", "num_words", "skip_top", "maxlen", "test_split", "seed"),
            *("start_char", "oov_char", "index_from"),
        ),
    ),
}


@dataclass
class Writing:
    """One file: its references, and what is written for them."""

    references: References
    output: Output
    place: Callable[[int], int] = lambda offset: offset  # of the text, in the source

    def span(self, node: ast.AST) -> Span:
        """Where a node stands."""
        return self.references.span(self.references.start(node), self.references.end(node))

    def replace(self, node: ast.expr, text: str) -> bool:
        """Puts text in the place of a reference, or of a call that holds no other reference."""
        inside = [r for r in self.references.references if _holds(node, r.node, self.references)]
        if isinstance(node, ast.Name | ast.Attribute):
            exact = next(r for r in inside if r.node is node)
            self.output.edit(self.references.span(exact.start, exact.end), text)
            return True
        if len(inside) > 1:
            return False
        self.output.edit(self.span(node), text)
        return True

    def define(self, name: str, offset: int) -> str:
        """Has a helper written behind the imports before a place; returns its name."""
        helpers, imports = _NEEDS[name]
        text = RENDERED[name](self.references) if name in RENDERED else helper(name)
        for other in (*helpers, *(h for h in _ALONG if h != name and f"{h}(" in text)):
            written = self.define(other, offset)
            text = re.sub(rf"\b{other}\b(?=\()", written, text)
        self.output.imports.update(imports)
        self.output.imports.update(i for i in _OPTIONAL if re.search(rf"(?<!\.)\b{i.rpartition(' ')[2]}[.(]", text))
        own = f"keras_{name}" if self._taken(name) else name
        if own in self.output.definitions:
            return own
        offset = self.place(self._behind_imports(offset))
        self.output.define(own, offset, re.sub(rf"\b(def|class) {name}\b", rf"\1 {own}", text))
        return own

    def _behind_imports(self, offset: int) -> int:
        """The first statement behind the imports that stand before a place."""
        statement = self.references.top_level(offset)
        if statement is None:
            return offset
        found = import_before(self.references, self.references.start(statement))
        if found is None or found is statement:
            return offset
        body = self.references.tree.body
        return self.references.start(body[body.index(found) + 1])

    def _taken(self, name: str) -> bool:
        """Whether the user's own code gives a name another meaning."""
        if name in self.output.definitions:
            return False
        scopes = {id(s): s for _, s in self.references.reads}
        scopes[id(self.references.module)] = self.references.module
        entries = [e for s in scopes.values() for e in s.names.get(name, [])]
        return any(b is None or b.kind == "assign" or not is_framework(b.path) for _, b in entries)


def _holds(outer: ast.AST, inner: ast.AST, references: References) -> bool:
    return inner is outer or outer in references.around(inner)
