"""Layers that learn a vocabulary: how a file uses them, and why they cannot be written out."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from transpile.references import References

_LOOKUP = {"max_tokens": "None", "num_oov_indices": "1", "mask_token": "None"}
_LATER = {"vocabulary": "None", "invert": "False", "output_mode": '"int"', "pad_to_max_tokens": "False"}
# The parameters that are written out, in Keras's order of positions, with their defaults.
PARAMETERS: dict[str, dict[str, str]] = {
    "TextVectorization": {
        "max_tokens": "None", "standardize": '"lower_and_strip_punctuation"', "split": '"whitespace"',
        "ngrams": "None", "output_mode": '"int"', "output_sequence_length": "None", "pad_to_max_tokens": "False",
        "vocabulary": "None", "idf_weights": "None",
    },
    "StringLookup": _LOOKUP | {"oov_token": '"[UNK]"'} | _LATER,
    "IntegerLookup": _LOOKUP | {"oov_token": "-1"} | _LATER,
}  # fmt: skip
# How many of them may be given by position: behind these Keras has others.
_POSITIONS = {"TextVectorization": 9, "StringLookup": 5, "IntegerLookup": 5}
_METHODS = frozenset("adapt get_vocabulary set_vocabulary vocabulary_size name".split())
IGNORED = frozenset({"name", "trainable", "ragged", "sparse", "encoding", "dtype"})  # mean nothing for a plain class
_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}  # Keras's older names of the output modes
_MODES = {
    "TextVectorization": ("int", "multi_hot", "count", "tf_idf"),
    "StringLookup": ("int", "one_hot", "multi_hot", "count"),
    "IntegerLookup": ("int", "one_hot", "multi_hot", "count"),
}


def kind_of(path: str) -> str:
    """The class that a canonical path names; "" if it is none of these."""
    name = path.rpartition(".")[2]
    return name if path.startswith("keras.layers.") and name in PARAMETERS else ""


@dataclass
class Vocabulary:
    """One class of layers in one file: its calls, and the arguments that they give."""

    kind: str
    calls: list[ast.Call] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    problem: str = ""

    def given(self, name: str) -> list[ast.expr]:
        """The values that the calls give one parameter."""
        at = list(PARAMETERS[self.kind]).index(name)
        found = [c.args[at] for c in self.calls if len(c.args) > at]
        return found + [k.value for c in self.calls for k in c.keywords if k.arg == name]

    @property
    def parameters(self) -> list[str]:
        """The parameters of the class that is written out."""
        return [n for n in PARAMETERS[self.kind] if self.given(n) and n not in self.dropped]

    @property
    def dropped(self) -> set[str]:
        """The arguments that say nothing to that class: names, Keras's defaults, the one output mode."""
        found = set(IGNORED)
        for name, default in PARAMETERS[self.kind].items():
            plain = {self._text(v) for v in self.given(name)} == {default}
            if any(len(c.args) > list(PARAMETERS[self.kind]).index(name) for c in self.calls):
                continue
            if plain or (name == "output_mode" and self.mode):
                found.add(name)
        return found

    @staticmethod
    def _text(value: ast.expr) -> str:
        return ast.unparse(value).replace("'", '"')

    @property
    def mode(self) -> str:
        """The output mode of all calls; "" if it differs, or is not known."""
        values = self.given("output_mode")
        found = {_NAMES.get(str(v.value), v.value) if isinstance(v, ast.Constant) else "" for v in values}
        found |= {"int"} if len(values) < len(self.calls) else set()
        return str(found.pop()) if len(found) == 1 else ""


def vocabularies(references: References) -> dict[str, Vocabulary]:
    """The layers of a file that learn a vocabulary, by the name of their class."""
    found: dict[str, Vocabulary] = {}
    for reference in references.references:
        kind = kind_of(reference.path)
        if not kind:
            continue
        vocabulary = found.setdefault(kind, Vocabulary(kind))
        call = references.parents[reference.node]
        if isinstance(call, ast.Call) and call.func is reference.node:
            vocabulary.calls.append(call)
            vocabulary.variables |= _variables(references.parents[call])
        else:
            vocabulary.problem = f"{kind} is not only called"
    for vocabulary in found.values():
        vocabulary.problem = vocabulary.problem or _problem(vocabulary) or _used(vocabulary, references)
    return found


def _variables(parent: ast.AST) -> set[str]:
    """The variables that an assignment gives its value."""
    targets = parent.targets if isinstance(parent, ast.Assign) else []
    return {t.id for t in targets if isinstance(t, ast.Name)}


def _problem(vocabulary: Vocabulary) -> str:
    """What is not understood about the calls."""
    kind, known = vocabulary.kind, PARAMETERS[vocabulary.kind]
    for call in vocabulary.calls:
        if len(call.args) > _POSITIONS[kind] or any(isinstance(a, ast.Starred) for a in call.args):
            return f"{kind}: the arguments are not told apart"
        for keyword in call.keywords:
            plain = isinstance(keyword.value, ast.Constant) and keyword.value.value in (None, False)
            named = keyword.arg in ("name", "trainable") or (keyword.arg in IGNORED and plain)
            if keyword.arg not in known and not named:
                return f"{kind}: {keyword.arg or '**'}= is not written out"
    for value in vocabulary.given("output_mode"):
        if isinstance(value, ast.Constant) and _NAMES.get(str(value.value), value.value) not in _MODES[kind]:
            return f"{kind}: output_mode={value.value!r} is not written out"
    if any(isinstance(v, ast.Constant | ast.JoinedStr) and not _is_none(v) for v in vocabulary.given("vocabulary")):
        return f"{kind}: a vocabulary in a file is not read"
    if kind == "TextVectorization":
        return f"{kind}: split=None is not written out" if any(map(_is_none, vocabulary.given("split"))) else ""
    return _lookup_problem(vocabulary)


def _lookup_problem(vocabulary: Vocabulary) -> str:
    spread = [v.value if isinstance(v, ast.Constant) else None for v in vocabulary.given("num_oov_indices")]
    if vocabulary.kind == "StringLookup" and not set(spread) <= {0, 1}:
        return "StringLookup: num_oov_indices: PyTorch has no FarmHash to spread unknown strings with"
    if vocabulary.mode != "int" and not all(map(_is_none, vocabulary.given("mask_token"))):
        return f"{vocabulary.kind}: mask_token with an output mode other than int is not written out"
    return ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _used(vocabulary: Vocabulary, references: References) -> str:
    """A use of a layer that the class which is written out does not have."""
    for node in ast.walk(references.tree):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            continue
        if node.value.id not in vocabulary.variables:
            continue
        if node.attr not in _METHODS:
            return f"{vocabulary.kind}.{node.attr} is not written out"
        call = references.parents[node]
        if node.attr == "adapt" and isinstance(call, ast.Call) and any(k.arg != "batch_size" for k in call.keywords):
            return f"{vocabulary.kind}.adapt with other arguments than the data is not written out"
    return ""


def text_functions(references: References) -> set[ast.AST]:
    """The functions of the file that its TextVectorization layers call, with one text each time."""
    vocabulary = vocabularies(references).get("TextVectorization")
    if vocabulary is None or vocabulary.problem:
        return set()
    given = [*vocabulary.given("standardize"), *vocabulary.given("split")]
    names = {v.id for v in given if isinstance(v, ast.Name)}
    found: set[ast.AST] = {v for v in given if isinstance(v, ast.Lambda)}
    return found | {n for n in ast.walk(references.tree) if isinstance(n, ast.FunctionDef) and n.name in names}


def mapped_functions(references: References) -> set[ast.AST]:
    """The functions that pipelines map over their strings: they call a layer with a vocabulary."""
    layers = {n for v in vocabularies(references).values() if not v.problem for n in v.variables}
    if not layers:
        return set()
    calls = [n for n in ast.walk(references.tree) if isinstance(n, ast.Call)]
    maps = [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "map"]
    given = [a for c in maps for a in (*c.args[:1], *(k.value for k in c.keywords if k.arg == "map_func"))]
    names = {a.id for a in given if isinstance(a, ast.Name)}
    found: list[ast.AST] = [a for a in given if isinstance(a, ast.Lambda)]
    found += [n for n in references.tree.body if isinstance(n, ast.FunctionDef) and n.name in names]
    return {f for f in found if any(isinstance(n, ast.Name) and n.id in layers for n in ast.walk(f))}


def is_on_strings(references: References, node: ast.AST, path: str) -> bool:
    """Whether a function of TensorFlow's only shapes the strings that a layer with a vocabulary is given."""
    functions = mapped_functions(references) if path == "tf.expand_dims" else set()
    return any(n in functions for n in references.around(node))
