"""Is this text Python 3? If not, the reason that helps: Python 2, or the syntax error."""

from __future__ import annotations

import ast
import re
import warnings

from transpile.result import UnusableInput

_START = r"(?:^|[:;])\s*"
_OPERAND = r"(?:\s+(?![=(.\[>]|(?:in|is|if|and|or)\b)\S|\s*[\"'])"
_SIGNS = (
    ("print statement", re.compile(_START + r"(print)" + _OPERAND)),
    ("exec statement", re.compile(_START + r"(exec)" + _OPERAND)),
    ("`except Error, name`", re.compile(r"^\s*(except)\s+(?!\()[\w.]+\s*,\s*\w+\s*:")),
    ("`except Error, name`", re.compile(r"^\s*(except)\s*\([^)]*\)\s*,\s*\w+\s*:")),
    ("`raise Error, value`", re.compile(_START + r"(raise)\s+[\w.]+\s*,")),
    ("ur'' string", re.compile(r"(?<!\w)([uU][rR])[\"']")),
    ("octal number", re.compile(r"(?<![\w.])(0[0-7]+)(?![\w.])[lL]?(?<!^0)")),
    ("long number", re.compile(r"(?<![\w.])(\d+[lL])\b")),
    ("<> operator", re.compile(r"\w\s*(<>)\s*\w")),
    ("backticks", re.compile(r"(`)[^`]+`")),
    ("tuple parameter", re.compile(r"^\s*def\s+\w+\((?:[^()]*,)?\s*(\()")),
)


def check_syntax(text: str) -> None:
    """Raises UnusableInput, with the position, where the text is not Python 3.

    CPython's parser decides, because it gives the better messages and positions, and
    because the output must be what it accepts.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an invalid escape: not ours to report
            ast.parse(text)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        message = f"syntax error: {error.msg}"
        unusable = UnusableInput("K2T005", message, line, column)
        raise python2_error(text, line) or unusable from None
    except (RecursionError, MemoryError):
        raise UnusableInput("K2T008", "the program is nested too deeply") from None
    except ValueError as error:
        raise UnusableInput("K2T005", f"syntax error: {error}") from None


def python2_reason(text: str, error_line: int) -> str | None:
    """Why the line at which Python 3 gave up is Python 2, such as "print statement at line 3"."""
    found = _find(text, error_line)
    return None if found is None else f"{found[0]} at line {found[1]}"


def python2_error(text: str, error_line: int) -> UnusableInput | None:
    """The error to raise where the line at which Python 3 gave up is Python 2."""
    found = _find(text, error_line)
    if found is None:
        return None
    name, line, column = found
    message = f"this is Python 2 ({name} at line {line}): run 2to3 first"
    return UnusableInput("K2T004", message, line, column)


def _find(text: str, error_line: int) -> tuple[str, int, int] | None:
    """The sign, line and column nearest to the error.

    Parsers report the line itself, or one of its neighbours where the statement is longer
    than a line. Signs elsewhere don't count: they may stand in a string of a program whose
    syntax error is an ordinary one.
    """
    lines = text.split("\n")
    for number in (error_line, error_line - 1, error_line + 1):
        if not 1 <= number <= len(lines):
            continue
        line = lines[number - 1]
        code = _blank_strings(line)
        for name, pattern in _SIGNS:
            match = pattern.search(code)
            if match:
                return name, number, match.start(1) + 1
    return None


def _blank_strings(line: str) -> str:
    """The line with the content of its strings and its comment blanked out."""

    def blank(match: re.Match[str]) -> str:
        piece = match[0]
        if piece.startswith("#"):
            return " " * len(piece)
        return piece[0] + " " * (len(piece) - 2) + piece[-1]

    return re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|#.*", blank, line)
