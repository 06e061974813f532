"""K2T192 to K2T194, K2T340 to K2T343: text and categories."""

from __future__ import annotations

from transpile.codes.code import Code

TEXT = (
    Code(
        "K2T192",
        "error",
        "a layer with a vocabulary that was left",
        """\
TextVectorization, StringLookup and IntegerLookup become small classes of the written file. This
one is given an argument, or is used in a way, for which that class has nothing.

    layers.StringLookup(num_oov_indices=4)    # left: PyTorch has no FarmHash
    layers.StringLookup()                     # converted""",
        "do without the argument, or write the numbering of the tokens by hand",
    ),
    Code(
        "K2T193",
        "error",
        "a function of tf.strings that was left",
        """\
The functions that a TextVectorization calls take one text in the converted program, and `tf.strings`
in them becomes Python's methods and `re`. This call has no counterpart, or its pattern means
something else in Python.

    tf.strings.regex_replace(text, r"\\pN", "")      # left: a class of RE2's
    tf.strings.regex_replace(text, "<br />", " ")   # converted: re.sub("<br />", " ", text)""",
        "write the function for one text, with Python's own methods",
    ),
    Code(
        "K2T194",
        "error",
        "a layer that learns by adapt() without a variable",
        """\
A layer that learns from data by `adapt` becomes a module of its own, which the model is given. For
that it must be in a variable.

    model.add(layers.Normalization())     # left: nothing can adapt it
    normalizer = layers.Normalization()   # converted
    normalizer.adapt(x)
    model.add(normalizer)""",
        "assign the layer to a variable before the model is made",
    ),
)
