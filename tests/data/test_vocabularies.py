"""Layers that learn a vocabulary, written out as classes, against Keras's own."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pytest

from tests.training.programs import convert, run_keras, run_torch
from transpile import keras2torch

TEXTS = [
    "The cat sat on the mat.", "The dog, the CAT & a bird!", "", "it's Été\u00a0naïve ÉTÉ", "[UNK] a\tb\x1cc  a",
    "dog cat bird bird dog cat mat",
]  # fmt: skip
NEW = ["a cat and THE zebra", "nothing known here", "dog mat dog dog bird", ""]
HEAD = f"""\
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers
texts, new = {TEXTS!r}, {NEW!r}
words = np.array([["red", "green"], ["blue", "red"], ["red", "[UNK]"], ["blue", "white"]])
numbers = np.array([[3, 7], [12, 3], [3, -1], [12, 4]])
"""


def both(source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the Keras program and its conversion leave."""
    source = HEAD + textwrap.dedent(source)
    return run_keras(source), run_torch(convert(source).code)


def agree(source: str, *names: str) -> None:
    """The named values are the same on both sides, types of strings and shapes included."""
    theirs, ours = both(source)
    for name in names:
        a, b = theirs[name], ours[name]
        if isinstance(a, list):
            assert [str(x) for x in a] == [str(x) for x in b], name
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype.kind) == (b.shape, b.dtype.kind), name
        np.testing.assert_allclose(b, a, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "options",
    [
        "", "max_tokens=6", "output_sequence_length=3", "12, output_sequence_length=7, name='words'",
        'output_mode="int", standardize=None', 'standardize="lower"', 'standardize="strip_punctuation", ngrams=2',
        'split="character", ngrams=(1, 3)', 'output_mode="multi_hot", max_tokens=7', 'output_mode="count", ngrams=2',
        'output_mode="tf_idf"', 'output_mode="tf-idf", max_tokens=5', 'output_mode="binary"',
        'output_mode="multi_hot", max_tokens=40, pad_to_max_tokens=True', "standardize=lambda s: s",
    ],
)  # fmt: skip
def test_text_vectorization(options: str) -> None:
    agree(
        f"""\
        vectorizer = layers.TextVectorization({options})
        vectorizer.adapt(texts)
        vocabulary, size = vectorizer.get_vocabulary(), vectorizer.vocabulary_size()
        short = vectorizer.get_vocabulary(include_special_tokens=False)
        known, one = vectorizer(new), vectorizer(new[0])
        column = vectorizer(np.array(new).reshape(-1, 1))
        """,
        *("vocabulary", "size", "short", "known", "one", "column"),
    )


def test_vectorizers_that_differ() -> None:
    """One class serves all calls of a file."""
    agree(
        """\
        first = layers.TextVectorization(output_mode="count", max_tokens=6)
        second = layers.TextVectorization(vocabulary=["cat", "dog"], standardize="lower", output_sequence_length=4)
        third = layers.TextVectorization(output_mode="tf_idf", vocabulary=["cat", "dog"], idf_weights=[0.5, 1.5])
        first.adapt(np.array(texts))
        fourth = layers.TextVectorization()
        fourth.set_vocabulary(["", "[UNK]", "mat", "dog"])
        counts, ids, weighted, own = first(new), second(new), third(new), fourth(new)
        """,
        *("counts", "ids", "weighted", "own"),
    )


@pytest.mark.parametrize("layer", ["StringLookup", "IntegerLookup"])
@pytest.mark.parametrize(
    "options",
    [
        "", "max_tokens=3", "num_oov_indices=1, mask_token=None", "mask_token=MASK", "mask_token=MASK, max_tokens=4",
        'output_mode="one_hot"', 'output_mode="multi_hot"', 'output_mode="count"',
        'output_mode="count", max_tokens=9, pad_to_max_tokens=True',
    ],
)  # fmt: skip
def test_lookups(layer: str, options: str) -> None:
    strings = layer == "StringLookup"
    options = options.replace("MASK", '"green"' if strings else "7")
    agree(
        f"""\
        data = {"words" if strings else "numbers"}
        unseen = {'np.array([["red", "pink"], ["green", "blue"]])' if strings else "np.array([[3, 99], [7, 12]])"}
        lookup = layers.{layer}({options})
        lookup.adapt(data)
        vocabulary, size = lookup.get_vocabulary(), lookup.vocabulary_size()
        found, column = lookup(unseen), lookup(unseen[:, :1])
        """,
        *("vocabulary", "size", "found", "column"),
    )


def test_lookups_both_ways() -> None:
    agree(
        """\
        chars = sorted(set("hello world"))
        numbered = layers.StringLookup(vocabulary=list(chars), mask_token=None)
        back = layers.StringLookup(vocabulary=numbered.get_vocabulary(), mask_token=None, invert=True)
        ids = numbered(np.array(list("old world!")))
        names = [b if isinstance(b, str) else b.decode() for b in np.asarray(back(ids)).tolist()]
        spread = layers.IntegerLookup(num_oov_indices=3, vocabulary=[10, 20])
        places = spread(np.array([10, 20, 30, 31, -4]))
        strict = layers.StringLookup(num_oov_indices=0, vocabulary=["a", "b"])
        exact = strict(np.array([["a"], ["b"]]))
        """,
        *("ids", "names", "places", "exact"),
    )


def test_a_mixture_of_modes_keeps_the_argument() -> None:
    agree(
        """\
        first = layers.IntegerLookup(output_mode="one_hot", vocabulary=[4, 5])
        second = layers.IntegerLookup(vocabulary=[4, 5])
        a, b = first(np.array([[5], [6]])), second(np.array([[5], [6]]))
        """,
        *("a", "b"),
    )


@pytest.mark.parametrize(
    "use",
    [
        "v = layers.TextVectorization(split=None)",
        "v = layers.TextVectorization(ragged=True)",
        'v = layers.TextVectorization(vocabulary="words.txt")',
        "v = layers.StringLookup(num_oov_indices=2)",
        'v = layers.StringLookup(output_mode="tf_idf")',
        "v = layers.TextVectorization()\nweights = v.get_weights()",
        "v = layers.TextVectorization()\nv.adapt(texts, steps=3)",
        "known = isinstance(texts, layers.TextVectorization)",
    ],
)
def test_left(use: str) -> None:
    result = keras2torch(HEAD + use + "\n")
    assert [d.code for d in result.diagnostics if d.level == "error"] == ["K2T192"]
    assert f"layers.{'StringLookup' if 'StringLookup' in use else 'TextVectorization'}" in result.code
    assert "\nclass " not in result.code


def test_only_what_is_used_is_written() -> None:
    code = convert(HEAD + "v = layers.TextVectorization(output_mode='int', name='v')\nv.adapt(texts)\n").code
    assert "v = TextVectorization()" in code
    assert not {"ngrams", "callable", "_vectors", "vocabulary_size", "output_mode"} & set(code.split())


STANDARDIZERS = [
    """\
def clean(input_data):
    lowercase = tf.strings.lower(input_data)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, f"[{re.escape(string.punctuation)}]", "")
""",
    """\
def clean(text):
    return tf.strings.strip(tf.strings.regex_replace(tf.strings.lower(text, encoding="utf-8"), r"\\w+t\\b", "<hit>"))
""",
]


@pytest.mark.parametrize("function", STANDARDIZERS)
def test_functions_of_strings(function: str) -> None:
    source = "import re, string\nimport tensorflow as tf\n" + function
    source += f"texts = {[*TEXTS, 'Fine<br />it IS']!r}\n" + textwrap.dedent("""\
        v = layers.TextVectorization(standardize=clean, output_sequence_length=7)
        w = layers.TextVectorization(
            standardize=lambda s: tf.strings.join(["[start]", s, "[end]"], separator=" "),
            split=lambda s: tf.strings.split(s, sep=" "),
        )
        v.adapt(texts)
        w.adapt(texts)
        first, second, third = v(texts), w(texts[1:2]), w.get_vocabulary()
        """)
    theirs, ours = run_keras(HEAD + source), run_torch(convert(HEAD + source).code)
    np.testing.assert_array_equal(np.asarray(ours["first"]), np.asarray(theirs["first"]))
    np.testing.assert_array_equal(np.asarray(ours["second"]), np.asarray(theirs["second"]))
    assert ours["third"] == theirs["third"]


@pytest.mark.parametrize(
    "body",
    [
        r'tf.strings.regex_replace(s, r"\pN", "")', "tf.strings.length(s)", r'tf.strings.regex_replace(s, "a", r"\0\0")',
        "tf.strings.lower(tf.reverse(s, [0]))",
    ],
)  # fmt: skip
def test_functions_of_strings_that_are_left(body: str) -> None:
    source = f"def clean(s):\n    return {body}\nv = layers.TextVectorization(standardize=clean)\n"
    result = keras2torch(HEAD + source)
    assert "K2T193" in {d.code for d in result.diagnostics}
    assert f"return {body}" in result.code
