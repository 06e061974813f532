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
)
