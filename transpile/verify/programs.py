"""Runs the slice of a program that builds its model, and says where it fails."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import types
from collections.abc import Iterable, Sequence
from pathlib import Path

from transpile.verify.own_attributes import as_variables
from transpile.verify.slicing import (
    SliceProblem,
    local_expression,
    slice_program,
)


class ProgramProblem(Exception):
    """The program cannot be run as far as its model.

    `kind` is the class of what went wrong; `api` says that it looks like another version of
    the framework, `needs` that something is missing here that the program reads.
    """

    def __init__(self, message: str, kind: str = "", api: bool = False, needs: bool = False) -> None:
        super().__init__(message)
        self.kind, self.api, self.needs = kind, api, needs


API_ERRORS = (ImportError, TypeError, ValueError, AttributeError, KeyError)


class Program:
    """One file: its tree, and the namespace in which slices of it run."""

    def __init__(self, source: str, filename: str, module: str) -> None:
        self.source, self.filename = source, filename
        try:
            self.tree = ast.parse(source, filename)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", 0) or 0
            raise ProgramProblem(
                f"{filename}:{line}: not Python: {getattr(error, 'msg', error)}",
                "SyntaxError",
            ) from None
        self.own = as_variables(self.tree)
        self.module = types.ModuleType(module)
        self.module.__file__ = filename
        self.done: set[tuple[int, str]] = set()

    @property
    def namespace(self) -> dict[str, object]:
        """The module's names."""
        return vars(self.module)

    def assume(self, tests: Iterable[tuple[str, bool]]) -> None:
        """Gives the conditions of `if` statements, by their text, the value that a comparison needs."""
        for text, value in tests:
            wanted = ast.unparse(ast.parse(text.strip(), mode="eval"))
            found = [n for n in ast.walk(self.tree) if isinstance(n, ast.If) and ast.unparse(n.test) == wanted]
            if not found:
                raise ProgramProblem(f"{self.filename}: there is no test {text}")
            for statement in found:
                statement.test = ast.copy_location(ast.Constant(value), statement.test)

    def load(self, expressions: Sequence[str]) -> None:
        """Runs what defines the names in the expressions, once."""
        if not all(expressions):
            raise ProgramProblem(f"{self.filename}: no expression gives this model")
        try:
            statements = slice_program(self.tree, [self.own.get(e, e) for e in expressions])
        except (SliceProblem, SyntaxError) as error:
            raise ProgramProblem(f"{self.filename}: {error}") from None
        self.run(statements)

    def evaluate(self, expression: str) -> object:
        """The value of an expression in the namespace; its slice must have run."""
        text = local_expression(self.own.get(expression, expression))
        node = ast.parse(text, mode="eval").body
        statement = ast.Assign([ast.Name("_transpile_value", ast.Store())], node)
        self.execute([ast.fix_missing_locations(statement)], f" (evaluating {text})")
        return self.namespace["_transpile_value"]

    def run(self, statements: Iterable[ast.stmt]) -> None:
        """Runs the statements that have not run yet."""
        for statement in statements:
            key = (statement.lineno, ast.dump(statement))
            if key not in self.done:
                self.execute([statement])
                self.done.add(key)

    def execute(self, statements: Sequence[ast.stmt], where: str = "") -> None:
        """Runs statements in the namespace; any failure is a ProgramProblem."""
        linecache.cache[self.filename] = (
            len(self.source),
            None,
            self.source.splitlines(keepends=True),
            self.filename,
        )
        sys.modules[self.module.__name__] = self.module
        for statement in statements:
            module = ast.Module([statement], type_ignores=[])
            try:
                exec(compile(module, self.filename, "exec"), self.namespace)
            except (KeyboardInterrupt, MemoryError):
                raise
            except BaseException as error:
                line = self.line_of(error) or statement.lineno
                raise self.problem(error, line, where) from None

    def line_of(self, error: BaseException) -> int:
        """The last line of the file that the traceback passes through."""
        line, frame = 0, error.__traceback__
        while frame is not None:
            if frame.tb_frame.f_code.co_filename == self.filename:
                line = frame.tb_lineno
            frame = frame.tb_next
        return line

    def problem(self, error: BaseException, line: int, where: str) -> ProgramProblem:
        """Names the failure as a person would."""
        place = f"{self.filename}:{line}{where}"
        kind = type(error).__name__
        text = first_line(error)
        if isinstance(error, FileNotFoundError) and error.filename:
            return ProgramProblem(f"{place}: needs the file {error.filename}", kind, needs=True)
        if isinstance(error, ModuleNotFoundError) and error.name:
            root = error.name.partition(".")[0]
            missing = root not in {"keras", "tensorflow", "torch", "tf_keras"}
            if missing:
                return ProgramProblem(f"{place}: needs the module {root}", kind, needs=True)
        if kind == "TBNotInstalledError":  # TensorFlow writes for TensorBoard through its package
            return ProgramProblem(f"{place}: needs the module tensorboard", kind, needs=True)
        if isinstance(error, OSError):
            return ProgramProblem(f"{place}: needs a file or the network: {text}", kind, needs=True)
        if isinstance(error, TensorFlowMissing):
            return ProgramProblem(f"{place}: {text}", kind, needs=True)
        if isinstance(error, SystemExit):
            return ProgramProblem(f"{place}: the program exits here", kind)
        message = f"{place}: {kind}: {text}" if text else f"{place}: {kind}"
        return ProgramProblem(message, kind, api=isinstance(error, API_ERRORS))


class TensorFlowMissing(RuntimeError):
    """A program reads what only TensorFlow has, and Keras runs on another backend."""


def described(error: BaseException, module: str) -> str:
    """An error as `kind: text (file:line)`, the place being in the program's module."""
    frame, place = error.__traceback__, ""
    while frame is not None:
        if frame.tb_frame.f_globals.get("__name__") == module:
            place = f" ({frame.tb_frame.f_code.co_filename}:{frame.tb_lineno})"
        frame = frame.tb_next
    return f"{type(error).__name__}: {first_line(error)}{place}"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else ""
    return text if len(text) <= 300 else text[:297] + "..."


def search_path(filename: str) -> list[str]:
    """Where the program's own modules lie: beside it."""
    folder = Path(filename).resolve().parent if filename and filename[0] != "<" else None
    return [os.fspath(folder)] if folder is not None and folder.is_dir() else []


def line_in(module: str) -> str | None:
    """`file:line` of the innermost line of the program that is running, if it is."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return None
