"""K2T0xx: the file cannot be used. Nothing is converted, nothing is written."""

from __future__ import annotations

from transpile.codes.code import Code

UNUSABLE = (
    Code(
        "K2T001",
        "error",
        "not a text file",
        """\
The file contains NUL bytes, so it is not Python source: a picture, an archive, saved
weights (`.h5`, `.keras`) or a compiled `.pyc`.""",
        "give the .py file that defines the model",
    ),
    Code(
        "K2T002",
        "error",
        "cannot be decoded",
        """\
Python source is UTF-8 unless its first two lines name another encoding (PEP 263). These
bytes are neither valid UTF-8 nor valid in the encoding that the file names.

Declare the encoding the file is really in:

    # -*- coding: latin-1 -*-""",
        "save the file as UTF-8, or declare its encoding in the first line",
    ),
    Code(
        "K2T003",
        "error",
        "too large",
        """\
The file is larger than any program that a person wrote; it is probably data with the
wrong name, or a program with its data inside.""",
        "move the data out of the program",
    ),
    Code(
        "K2T004",
        "error",
        "Python 2",
        """\
The file uses syntax that only Python 2 has: a print statement, `except Error, e`,
backticks, `0777`, `ur''`, `exec "..."`. What it computes under Python 3 can differ too
(`/` on integers), so it is not guessed at here.

    print "loss", loss      # Python 2
    print("loss", loss)     # Python 3""",
        "run 2to3 first (Python 3.12 and older have it: 2to3 -w FILE)",
    ),
    Code(
        "K2T005",
        "error",
        "syntax error",
        "The file does not parse as Python 3. The position is where the parser gave up.",
        "mend the syntax error first",
    ),
    Code(
        "K2T006",
        "error",
        "notebooks are not supported yet",
        "The file is a Jupyter notebook. This version reads Python files only.",
        "convert a script: jupyter nbconvert --to script FILE.ipynb",
    ),
    Code(
        "K2T007",
        "error",
        "cannot be read",
        "There is no such file, it is a directory, or it may not be read.",
        "",
    ),
    Code(
        "K2T008",
        "error",
        "nested too deeply",
        """\
An expression is nested more deeply than Python's own limits allow. Such files are
generated.""",
        "",
    ),
    Code(
        "K2T009",
        "error",
        "error of this program",
        """\
The converter failed on this file. That is a defect of `transpile`, not of your file.
Nothing was written. With `TRANSPILE_DEBUG=1` in the environment the traceback is shown.""",
        "please report it with the file, or with the few lines of it that still fail",
    ),
    Code(
        "K2T010",
        "error",
        "cannot be written",
        "The output cannot be written: no such directory, no permission, no space left.",
        "",
    ),
    Code(
        "K2T011",
        "error",
        "the output was edited by hand",
        """\
The output file exists and is not what this program wrote there, so writing would lose
somebody's work. A file counts as written by this program when its content is what would
be written now, what was last written there on this machine, or what the committed
version (git HEAD) of the source converts to.""",
        "--force overwrites it; or move your edits into the Keras file",
    ),
)
