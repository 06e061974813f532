"""The plain statements of a PyTorch function: read in order, and edited where they change."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from transpile.backends.body_calls import Bodies
from transpile.backends.body_constants import with_numpy
from transpile.backends.body_keywords import enter_keywords, keyword_edit
from transpile.backends.body_layout import laid_out
from transpile.frontends.torch_program import FunctionInfo, parameter_value
from transpile.ir import Edit
from transpile.ops._functions import Left, Operand, like, permutation, relaid
from transpile.torch_values import (
    UNKNOWN_VALUE,
    ClassValue,
    Extents,
    FunctionValue,
    Items,
    Many,
    Mixed,
    Plain,
    Tensor,
    Value,
    in_layout,
    join,
    key,
    opened,
)

_MODULES = {
    "layers": re.compile(r"(?<![\w.])layers\.(?=[A-Z])"),
    "ops": re.compile(r"(?<![\w.])ops\.(?!(?:append|extend|insert|items|keys|values|pop|get)\b)(?=[a-z])"),
}
_REMARK = "  # channels last, as Keras convolves"


class Statements(Bodies):
    """Reads one function; `edits` are what it changes."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.edits: list[Edit] = []
        self.entry_ranks: set[int | None] = set()  # of parameters that lie channels last
        self.warnings: list[tuple[ast.AST, str]] = []
        self.gradient_stops = False  # inside of `with torch.no_grad()`
        self.dead = False  # behind a return or raise
        self.problem: tuple[Left, ast.AST] | None = None

    def run(self) -> None:
        """Reads the function; its FunctionInfo learns what it returns."""
        info = self.info
        assert info is not None
        if info.active or not isinstance(info.node, ast.FunctionDef):
            return
        info.active = True
        self.in_numpy = self.constructing and any(
            isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name)
            for n in ast.walk(info.node)
        )
        try:
            self.enter()
            self.block(info.node.body)
        finally:
            info.active = False

    def enter(self) -> None:
        """The parameters and their layouts; at a boundary, images are laid channels last."""
        info = self.info
        assert info is not None
        assert isinstance(info.node, ast.FunctionDef)
        forward = not self.constructing
        if self.owner is not None and len(info.parameters) < len(info.node.args.args):
            self.env["self"] = UNKNOWN_VALUE
        lines = []
        for default in info.defaults.values():
            if any(id(n) in self.program.paths for n in ast.walk(default)):
                self.change(default, self.expr(default).text)
        for arg in info.every:
            value = self.parameter(info, arg)
            if isinstance(value, Tensor):
                last = value.rank.spatial and value.rank.value is not None
                if last and info.boundary:
                    rank = value.rank.value
                    assert rank is not None
                    lines.append(f"{arg.arg} = ops.transpose({arg.arg}, {permutation(rank, True)}){_REMARK}")
                    self.uses_ops = True
                value = replace(value, last=last)
                if last:
                    self.entry_ranks.add(value.rank.value)
            self.env[arg.arg] = value
        if info.node.args.vararg:
            self.env[info.node.args.vararg.arg] = Many(Tensor() if forward else UNKNOWN_VALUE)
        if kwarg := info.node.args.kwarg:
            self.env[kwarg.arg] = UNKNOWN_VALUE
            enter_keywords(info, self.env)
            edit = keyword_edit(info, self.references.start(kwarg), self.references.end(kwarg))
            self.edits += [edit] if edit is not None else []
        if lines:
            self.at_start(info.node, lines)

    def parameter(self, info: FunctionInfo, arg: ast.arg) -> Value:
        """What a parameter is: as the calls say, else a guess that stays the same."""
        value = info.values.get(arg.arg)
        default = info.defaults.get(arg.arg)
        if value is None or value is UNKNOWN_VALUE:
            guess = info.guesses.get(arg.arg)
            if guess is None or (self.constructing and isinstance(guess, Tensor)):
                guess = parameter_value(info, arg, not self.constructing)
            info.guesses[arg.arg] = guess
            value = guess
            if default is None or isinstance(value, Tensor):
                return value
            given = self.expr(default).value
            named = isinstance(given, ClassValue | FunctionValue)
            return self.from_outside(given if named else join(given, value))
        value = self.from_outside(value)
        if default is not None and not isinstance(value, Tensor):
            return self.from_outside(join(self.expr(default).value, value))
        return value

    def from_outside(self, value: Value) -> Value:
        """A parameter to which other files may give something else."""
        return value if self.owner is not None and self.owner.inner else opened(value)

    def at_start(self, node: ast.FunctionDef, lines: list[str]) -> None:
        """Statements in front of the body, behind the docstring."""
        first = node.body[0]
        docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        at = node.body[1] if docstring and len(node.body) > 1 else first
        self.insert_before(at, lines)

    def insert_before(self, statement: ast.stmt, lines: list[str]) -> None:
        start = self.references.start(statement)
        indent = self.references.data[self.references.line_start(start) : start].decode()
        if indent.strip():
            raise Left("several statements on a line")
        self.edits.append(Edit(start, start, "".join(f"{line}\n{indent}" for line in lines)))

    def insert_after(self, statement: ast.stmt, line: str) -> None:
        start, end = self.references.start(statement), self.references.end(statement)
        indent = self.references.data[self.references.line_start(start) : start].decode()
        if indent.strip():
            raise Left("several statements on a line")
        self.edits.append(Edit(end, end, f"\n{indent}{line}"))

    def change(self, node: ast.expr, text: str) -> None:
        """The expression gets this text."""
        source = self.source(node)
        if self.in_numpy and text != source:
            new = with_numpy(text, _MODULES["ops"])
            self.imports |= {"import numpy as np"} if new != text else set()
            text = new
        text = self.qualified(text, source)
        if text.startswith("(") and not source.startswith("(") and enclosed(text):
            text = text[1:-1]
        if text != source:
            self.edits.append(Edit(self.references.start(node), self.references.end(node), text))

    def qualified(self, text: str, source: str) -> str:
        """`keras.layers.Dense` where the user's own `layers` hides the module."""
        for name, pattern in _MODULES.items():
            if text != source and self.hides(name) and pattern.search(text):
                text = pattern.sub(f"keras.{name}.", text)
                self.imports.add("import keras")
        return text

    def hides(self, name: str) -> bool:
        """Whether a variable of the user's has the name of a module that we use."""
        if name in self.env or name in self.program.hidden:
            return True
        node = self.info.node if self.info is not None else None
        stores = (n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name) if node else ()
        return any(isinstance(n.ctx, ast.Store) for n in stores)

    # Statements

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            try:
                self.statement(statement)
            except (Left, Mixed) as problem:
                left = problem if isinstance(problem, Left) else Left("images that lie differently meet", "T2K104")
                if self.problem is None:
                    self.problem = (left, statement)
                self.forget(statement)

    def forget(self, statement: ast.stmt) -> None:
        """What a statement binds that could not be read is not known."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.env[node.id] = UNKNOWN_VALUE

    def statement(self, node: ast.stmt) -> None:
        """Reads a statement; one that becomes too long for its line is laid out anew."""
        before = len(self.edits)
        self.read(node)
        if self.final and isinstance(node, ast.Assign | ast.Return | ast.AugAssign | ast.Expr | ast.AnnAssign):
            laid = laid_out(self.references, node, self.edits[before:])
            if laid is not None:
                self.edits[before:] = [laid]

    def read(self, node: ast.stmt) -> None:
        method = getattr(self, f"do_{type(node).__name__}", None)
        if method is not None:
            method(node)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.change(child, self.expr(child).text)
        for name in ("body", "orelse", "finalbody"):
            self.block(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            self.block(handler.body)

    def do_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function inside of a function: it is read with what is known around it."""
        self.env[node.name] = FunctionValue(node)
        info = self.program.nested.setdefault(id(node), FunctionInfo(node, boundary=False))
        inner = self.child(info)
        inner.env = dict(self.env)
        inner.run()
        self.edits += inner.edits
        self.helpers |= inner.helpers
        self.imports |= inner.imports
        self.uses_ops = self.uses_ops or inner.uses_ops
        self.problem = self.problem or inner.problem

    def child(self, info: FunctionInfo) -> Statements:
        """A walker for a function inside of this one."""
        inner = type(self)(self.program, info, self.owner)
        inner.constructing = self.constructing
        return inner

    def do_ClassDef(self, node: ast.ClassDef) -> None:
        raise Left("a class inside of a function")

    def do_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        return

    do_ImportFrom = do_Pass = do_Global = do_Nonlocal = do_Break = do_Continue = do_Import

    def do_Return(self, node: ast.Return) -> None:
        info = self.info
        assert info is not None
        if node.value is None:
            self.dead = True
            return
        found = self.stopped_value(self.expr(node.value))
        value, text = found.value, found.text
        if info.boundary:
            text, value = self.outward(node.value, found)
        elif info.mixed:
            text, value = self.laid(found, False), in_layout(value, False)
        elif isinstance(value, Tensor) and not value.last and value.rank.value in self.entry_ranks:
            text = self.laid(found, True)  # what takes images channels last gives them so
            value = like(value, last=True)
        old = info.returns
        if isinstance(old, Tensor) and isinstance(value, Tensor) and old.last != value.last:
            info.mixed = True
            raise Left("what is returned lies differently from place to place", "T2K104")
        info.returns = value if old is None or key(old) == key(value) else join(old, value)
        self.change(node.value, text)
        self.dead = True

    def stopped_value(self, found: Operand) -> Operand:
        """A value from which no gradient goes back, inside of `with torch.no_grad()`."""
        if not self.gradient_stops or isinstance(found.value, Plain | Extents):
            return found
        if not isinstance(found.value, Tensor):
            raise Left("with torch.no_grad() around more than tensors")
        if found.text.startswith("ops.stop_gradient("):
            return found
        return self.made(f"ops.stop_gradient({found.text})", found.value)

    def outward(self, node: ast.expr, found: Operand) -> tuple[str, Value]:
        """A result with its axes as PyTorch has them."""
        if isinstance(node, ast.Tuple | ast.List) and found.elements is not None and isinstance(found.value, Items):
            parts = [(n, relaid(o.text, o.value, False)) for n, o in zip(node.elts, found.elements)]
            self.uses_ops = self.uses_ops or any(o.value.last for o in found.elements if isinstance(o.value, Tensor))
            return self.rebuilt(node, parts), in_layout(found.value, False)
        text = relaid(found.text, found.value, False)
        self.uses_ops = self.uses_ops or text != found.text
        return text, in_layout(found.value, False)

    def do_Raise(self, node: ast.Raise) -> None:
        self.dead = True


def enclosed(text: str) -> bool:
    """Whether the first parenthesis closes at the very end."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return i == len(text) - 1
    return False
