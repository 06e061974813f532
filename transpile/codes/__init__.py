"""The table of diagnostic codes, one file per range.

K2T0xx  the file cannot be used; nothing is written (exit status 2)
K2T1xx  error: the construct was left as it was (exit status 1)
K2T2xx  warning: converted, but a person must look at it (exit status 1)
K2T3xx  note: converted; something to know (exit status 0)
T2K1xx, T2K2xx, T2K3xx  the same for the other direction
"""

from __future__ import annotations

from transpile.codes.bodies import BODIES
from transpile.codes.callbacks import CALLBACKS
from transpile.codes.code import Code, Level
from transpile.codes.compiling import COMPILING
from transpile.codes.data import DATA
from transpile.codes.left import LEFT
from transpile.codes.look import LOOK
from transpile.codes.model import MODEL
from transpile.codes.notes import NOTES
from transpile.codes.outside import OUTSIDE
from transpile.codes.steps import STEPS
from transpile.codes.text import TEXT
from transpile.codes.to_keras import TO_KERAS
from transpile.codes.to_keras_script import TO_KERAS_SCRIPT
from transpile.codes.unusable import UNUSABLE
from transpile.codes.use import USE

__all__ = ["CODES", "Code", "Level"]

_EVERY = (
    *BODIES,
    *CALLBACKS,
    *LEFT,
    *DATA,
    *LOOK,
    *MODEL,
    *NOTES,
    *OUTSIDE,
    *STEPS,
    *TEXT,
    *TO_KERAS,
    *TO_KERAS_SCRIPT,
    *UNUSABLE,
    *USE,
    *COMPILING,
)
CODES: dict[str, Code] = {code.code: code for code in sorted(_EVERY, key=lambda c: c.code)}
