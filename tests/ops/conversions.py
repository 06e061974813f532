"""Converts a Keras model and compares both programs; wrong translations are made by hand."""

from __future__ import annotations

from dataclasses import dataclass

from transpile import keras2torch
from transpile.result import Result
from transpile.verify import Report, Session

HEAD = "import keras\nfrom keras import layers\n\n"


@dataclass(frozen=True)
class Case:
    """A model, and plausible wrong translations of it: (in our text, instead)."""

    name: str
    keras: str
    wrong: tuple[tuple[str, str], ...] = ()
    holds: str = ""  # what the converted text must contain
    level: int = 2  # the level at which the wrong ones fail


def sequential(*layers: str, shape: str = "(7, 5)", ids: bool = False) -> str:
    """A Sequential of these layers; `ids`: on integers below 4, so that zeros occur."""
    parts = ["keras.Input((9,), dtype='int32')", *layers] if ids else [f"keras.Input({shape})", *layers]
    return HEAD + f"model = keras.Sequential([{', '.join(parts)}])\n"


def compiled(program: str) -> str:
    """The program with a loss and SGD, so that training is compared too."""
    return program + "model.compile(keras.optimizers.SGD(0.1), 'mse')\n"


def convert(program: str) -> Result:
    """The conversion, which must be complete."""
    result = keras2torch(program)
    errors = [d for d in result.diagnostics if d.code < "K2T3"]
    assert not errors, [(d.code, d.message) for d in errors]
    assert "layers." not in result.code
    return result


def verified(
    session: Session,
    program: str,
    result: Result,
    code: str,
    levels: tuple[int, ...] = (1, 2, 4, 5),
) -> Report:
    """Both programs, compared."""
    return session.verify(program, code, result.models, smoke=False, steps=3, levels=levels)


def check(session: Session, case: Case) -> None:
    """The conversion agrees, and every wrong translation is noticed."""
    program = compiled(case.keras)
    result = convert(program)
    assert case.holds in result.code, result.code
    report = verified(session, program, result, result.code)
    print(result.code, report.as_table())
    assert report.ok
    assert report.level_ok(4)
    assert report.level_ok(5)
    for old, new in case.wrong:
        assert old in result.code, (old, result.code)
        broken = verified(session, program, result, result.code.replace(old, new), (1, case.level))
        print(old, "->", new, broken.as_table())
        assert case.level in broken.failed_levels
