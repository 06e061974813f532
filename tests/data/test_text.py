"""Text utilities: the classes and functions that are written out, against Keras's own."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tests.training.programs import convert, run_keras, run_torch

TEXTS = ["The cat sat on the mat.", "The dog, the CAT & a bird!", "", "cat\tdog dog dog\nbird <OOV>", "zebra oov"]
NEW = ["a cat and THE zebra", "nothing known here", "dog mat"]
HEAD = f"""\
from tensorflow.keras.preprocessing.text import Tokenizer, text_to_word_sequence, one_hot
texts, new = {TEXTS!r}, {NEW!r}
"""


def both(source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the Keras program and its conversion leave."""
    source = HEAD + textwrap.dedent(source)
    return run_keras(source), run_torch(convert(source).code)


@pytest.mark.parametrize(
    "options",
    [
        "", "num_words=4", 'num_words=4, oov_token="<OOV>"', 'oov_token="oov"', "char_level=True",
        "char_level=True, lower=False, num_words=9", 'filters="", lower=False', 'filters=",.", split="a"',
    ],
)  # fmt: skip
def test_tokenizer(options: str) -> None:
    theirs, ours = both(f"""\
        t = Tokenizer({options})
        t.fit_on_texts(texts[:3])
        t.fit_on_texts(texts)
        index, counts, known = t.word_index, dict(t.word_counts), t.texts_to_sequences(new)
        back = t.sequences_to_texts([[1, 2, 3, 4, 99]])
        one_by_one = list(t.texts_to_sequences_generator(new))
        listed = t.texts_to_sequences([["The", "cat", "unseen"]])
        matrices = [t.texts_to_matrix(new, mode=m).tolist() for m in ("binary", "count", "freq", "tfidf")]
        """)
    for name in ("index", "counts", "known", "back", "one_by_one", "listed", "matrices"):
        assert ours[name] == theirs[name], name


def test_words_and_hashes() -> None:
    theirs, ours = both("""\
        words = [text_to_word_sequence(t) for t in texts]
        kept = text_to_word_sequence(texts[1], filters=",", lower=False)
        numbers = [one_hot(t, 20) for t in texts]
        """)
    for name in ("words", "kept", "numbers"):
        assert ours[name] == theirs[name], name


def test_only_what_is_used_is_written() -> None:
    code = convert("from keras.preprocessing.text import Tokenizer\nt = Tokenizer()\nt.fit_on_texts(a)\n").code
    assert "def fit_on_texts" in code
    assert "matrix" not in code


def test_unknown_arguments_stay() -> None:
    from transpile import keras2torch

    result = keras2torch("from keras.preprocessing.text import Tokenizer\nt = Tokenizer(analyzer=split)\n")
    assert [d.code for d in result.diagnostics] == ["K2T132"]
    assert "class Tokenizer" not in result.code
