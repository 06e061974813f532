"""TextVectorization, StringLookup and IntegerLookup as classes of the written file."""

from __future__ import annotations

import ast

from transpile.backends.templates import render
from transpile.interpret.vocabularies import PARAMETERS, Vocabulary, vocabularies
from transpile.references import References

_STANDARDIZE = {"lower": {"lower"}, "strip_punctuation": {"strip"}, "lower_and_strip_punctuation": {"lower", "strip"}}


def _attributes(references: References) -> set[str]:
    return {n.attr for n in ast.walk(references.tree) if isinstance(n, ast.Attribute)}


def _common(vocabulary: Vocabulary, references: References) -> dict[str, object]:
    """What both templates are given."""
    names = vocabulary.parameters
    defaults = PARAMETERS[vocabulary.kind]
    mode = vocabulary.mode
    parameters = ", ".join(f"{n}={defaults[n]}" for n in names)
    kept = [n for n in names if n not in ("vocabulary", "idf_weights", "mask_token")]
    padded = "pad_to_max_tokens" in names
    depth = "self.max_tokens if self.pad_to_max_tokens else len(self.vocabulary)" if padded else "len(self.vocabulary)"
    return {
        "parameters": parameters, "kept": kept, "mode": mode, "depth": depth, "module": False, "device": "",
        "vocabulary": "vocabulary" in names, "max_tokens": "max_tokens" in names, "used": _attributes(references),
    }  # fmt: skip


def text_vectorization(references: References) -> str:
    """The class for the texts of a file: with the parts that the file uses."""
    vocabulary = vocabularies(references)["TextVectorization"]
    common, mode = _common(vocabulary, references), vocabulary.mode
    standardize = _standardizes(vocabulary, references)
    special = {"int": '["", "[UNK]"]', "": "self.special"}.get(mode, '["[UNK]"]')
    count = {"int": "2", "": "len(self.special)"}.get(mode, "1")
    adapt = [k.arg for c in _calls_of(references, "adapt") for k in c.keywords]
    names = vocabulary.parameters
    if "standardize" in names and not standardize:
        common["kept"] = [n for n in common["kept"] if n != "standardize"]  # type: ignore[attr-defined]
    return render(
        "torch/data/TextVectorization.py.j2", **common,
        standardize=standardize, split="split" in names, ngrams="ngrams" in names,
        length="output_sequence_length" in names, idf_weights="idf_weights" in names, tf_idf=mode in ("", "tf_idf"),
        special=special, special_count=count, unknown={"int": "1", "": "len(self.special) - 1"}.get(mode, "0"),
        given="vocabulary" in names or bool(_calls_of(references, "set_vocabulary")),
        adapt_parameters=", batch_size=None" if "batch_size" in adapt else "",
    )  # fmt: skip


def _calls_of(references: References, method: str) -> list[ast.Call]:
    calls = [n for n in ast.walk(references.tree) if isinstance(n, ast.Call)]
    return [c for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == method]


def _standardizes(vocabulary: Vocabulary, references: References) -> set[str]:
    """What the texts may be subjected to; empty for the default alone."""
    values = vocabulary.given("standardize")
    functions = {n.name for n in ast.walk(references.tree) if isinstance(n, ast.FunctionDef)}
    found: set[str] = set()
    for value in values:
        if isinstance(value, ast.Constant):
            found |= _STANDARDIZE.get(str(value.value), {"none"})
        elif isinstance(value, ast.Lambda) or (isinstance(value, ast.Name) and value.id in functions):
            found.add("callable")
        else:
            found |= {"callable", "lower", "strip"}
    return found | {"lower", "strip"} if values and len(values) < len(vocabulary.calls) else found


def lookup(kind: str, references: References) -> str:
    """The class for the categories of a file."""
    vocabulary = vocabularies(references)[kind]
    names, string = vocabulary.parameters, kind == "StringLookup"
    masked = "mask_token" in names
    several = "num_oov_indices" in names
    unknown = "oov_token" if "oov_token" in names else PARAMETERS[kind]["oov_token"]
    fallback = "self.oov_token" if "oov_token" in names else unknown
    special = f"[{unknown}] * num_oov_indices" if several else f"[{unknown}]"
    if masked:
        mask = "([] if mask_token is None else [mask_token])"
        special = f"{mask} + {special}" if several else f"{special} if mask_token is None else [mask_token, {unknown}]"
    first = "0" if not masked else f"len(self.special) - {'self.num_oov_indices' if several else 1}"
    common = _common(vocabulary, references)
    kept = [n for n in common["kept"] if n != "oov_token"]  # type: ignore[attr-defined]
    invert = "invert" in names
    if invert and "oov_token" in names:
        kept.append("oov_token")
    common["kept"] = kept
    return render(
        "torch/data/Lookup.py.j2", **common, name=kind, string=string, special=special, first=first,
        what="strings" if string else "integers", invert=invert, fallback=fallback, oov=0 if several else 1,
        tokens="strings_in(data)" if string else "integers_in(data)",
    )  # fmt: skip
