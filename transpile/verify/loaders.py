"""What the loaders of the written PyTorch file give, where its data can be had.

Only the form is of interest: how many arrays a batch holds, their ranks and dtypes. A target
of shape (N,) against an output of (N, 1) broadcasts in PyTorch without an error; whether that
happens depends on what the file's own loader gives.
"""

from __future__ import annotations

import ast
import contextlib
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from transpile.verify.programs import Program, ProgramProblem
from transpile.verify.reading import called
from transpile.verify.recipes import Array
from transpile.verify.structures import flatten


@dataclass(frozen=True, slots=True)
class Template:
    """The form of a batch. `nested`: inputs and targets come in tuples of their own."""

    ranks: tuple[int, ...]
    floating: tuple[bool, ...]
    nested: bool

    def fits(self, arrays: Sequence[Array], nested: bool) -> bool:
        """The arrays, inputs and then targets, look like a batch of the file's."""
        if len(arrays) != len(self.ranks) or (nested != self.nested and len(arrays) > 2):
            return False
        ranks = tuple(a.ndim for a in arrays)
        floating = tuple(a.dtype.kind == "f" for a in arrays)
        return ranks == self.ranks and floating == self.floating


def find_template(program: Program, run_epoch: str, loop: ast.For | None) -> Template | None:
    """The form of the batches that the file trains on; None where that cannot be told."""
    for expression in _loaders(program.tree, run_epoch, loop):
        with contextlib.suppress(ProgramProblem), no_network():
            program.load([expression])
            template = _template(program.evaluate(expression))
            if template is not None:
                return template
    return None


def _loaders(tree: ast.Module, run_epoch: str, loop: ast.For | None) -> list[str]:
    """The expressions over which the file trains."""
    if loop is not None:
        inner = [n for n in ast.walk(loop) if isinstance(n, ast.For)][-1].iter
        if isinstance(inner, ast.Call) and called(inner) == "enumerate":
            inner = inner.args[0]
        return [ast.unparse(inner)]
    arguments = [
        (argument, call)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and called(call) == run_epoch
        for argument in call.args
        if isinstance(argument, ast.Name)
    ]
    return list(
        dict.fromkeys(_made(tree, a.id, call) for a, call in arguments if "loader" in a.id or "batches" in a.id)
    )


def _made(tree: ast.Module, name: str, call: ast.Call) -> str:
    """A loader, or what made it where the file gives another one its name later on."""
    made = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) and n.targets[0].id == name
    ]
    before = [n for n in made if n.lineno < call.lineno]
    return ast.unparse(max(before, key=lambda n: n.lineno).value) if len(made) > 1 and before else name


def _template(loader: Any) -> Template | None:
    try:
        batch = next(iter(loader))
    except Exception:  # the file's own data may not suit its loader without its files
        return None
    leaves = [leaf for leaf in flatten(batch) if isinstance(leaf, torch.Tensor)]
    if not isinstance(batch, (tuple, list)) or len(leaves) < 2:
        return None
    return Template(
        tuple(leaf.ndim for leaf in leaves),
        tuple(leaf.is_floating_point() for leaf in leaves),
        nested=any(isinstance(part, (tuple, list)) for part in batch),
    )


@contextlib.contextmanager
def no_network() -> Iterator[None]:
    """Looking at a loader must not start a download."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no downloads while the loaders are looked at")

    connect, resolve = socket.socket.connect, socket.getaddrinfo
    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.getaddrinfo = resolve
