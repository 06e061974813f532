"""Which names of a file stand for a library, scope by scope, as byte spans."""

from __future__ import annotations

import ast
import bisect
import builtins
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from transpile.ir import Span
from transpile.names import canonical
from transpile.scopes import Binding, Collector, Scope, blocks, chain

ROOTS = ("keras", "tf")
# Libraries that work on PyTorch's tensors and modules: what is left of them gets a code, too.
TORCH_ROOTS = (
    "torch", "torchvision", "pytorch_lightning", "lightning", "torchmetrics", "torchtext", "torchaudio",
    "torch_geometric", "ignite", "timm", "kornia", "accelerate", "transformers", "einops",
)  # fmt: skip
# What of them works with any framework.
NEUTRAL = re.compile(
    r"transformers\.(\w*(Tokenizer\w*|Config|Processor|FeatureExtractor)|set_seed|logging)\b"
    r"|einops\.(rearrange|repeat|reduce|einsum|pack|unpack)$"
)


def is_framework(path: str, roots: Collection[str] = ROOTS) -> bool:
    """Whether a canonical path lies in Keras or TensorFlow (or below other roots)."""
    return path.partition(".")[0] in roots


@dataclass(frozen=True, eq=False)
class Reference:
    """A use of a library's name, with its attributes: `keras.layers.Dense`."""

    path: str
    start: int
    end: int
    node: ast.expr
    name: ast.Name
    binding: Binding


class References:
    """The names of a text, resolved. The text must be Python."""

    def __init__(
        self,
        text: str,
        exports: Callable[[str, str], bool] | None = None,
        provided: Collection[str] = (),
        roots: Collection[str] = ROOTS,
    ) -> None:
        self.text = text
        self.roots = roots  # the libraries whose names are resolved
        self.provided = provided  # names that no import with a star needs to bring
        self.data = text.encode()
        self.tree = ast.parse(text)
        self.exports = exports or (lambda module, name: True)
        self._lines = [0]
        for line in self.data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        collector = Collector(self.start, self.end)
        collector.visit(self.tree)
        self.bindings: list[Binding] = collector.bindings
        self.reads: list[tuple[ast.Name, Scope]] = collector.reads
        self.module: Scope = collector.module

    # Places

    def offset(self, line: int, column: int) -> int:
        """The byte at a position of the syntax tree."""
        return self._lines[line - 1] + column

    def start(self, node: ast.AST) -> int:
        """The first byte of a node; of a function or class, that of its first decorator."""
        decorators = getattr(node, "decorator_list", None)
        if decorators:
            return self.data.rindex(b"@", 0, self.start(decorators[0]))
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        """The byte after a node."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def line_start(self, offset: int) -> int:
        """Where the line of a byte begins."""
        return self._lines[bisect.bisect_right(self._lines, offset) - 1]

    def line_end(self, offset: int) -> int:
        """The byte behind the line of a byte, behind its newline."""
        row = bisect.bisect_right(self._lines, offset)
        return self._lines[row] if row < len(self._lines) else len(self.data)

    def span(self, start: int, end: int) -> Span:
        """A piece of the text with its position."""
        line = bisect.bisect_right(self._lines, start)
        column = len(self.data[self._lines[line - 1] : start].decode(errors="replace"))
        return Span(start, end, line, column + 1)

    def code(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.data[self.start(node) : self.end(node)].decode()

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement around a node."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node lies in, from the inside out; the module comes last."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def top_level(self, offset: int) -> ast.stmt | None:
        """The statement of the module that holds a byte, or the next one after it."""
        for statement in self.tree.body:
            if offset < self.end(statement):
                return statement
        return None

    def statement_at(self, offset: int) -> ast.stmt | None:
        """The innermost statement that holds a byte."""
        found = None
        body: list[ast.stmt] = self.tree.body
        while body:
            inside = [s for s in body if self.start(s) <= offset < self.end(s)]
            if not inside:
                break
            found = inside[-1]
            body = [s for block in blocks(found) for s in block]
        return found

    # Names

    def is_framework(self, path: str) -> bool:
        """Whether a path lies in one of the libraries that are resolved here."""
        return is_framework(path, self.roots)

    def resolve(self, name: str, scope: Scope, offset: int) -> Binding | None:
        """What a name stands for where it is read; None for a variable of the user's."""
        home, straight = self._home(name, scope)
        if home is None:
            return self._star(name)
        found = self._pick(home.names[name], offset, straight)
        return found if found is None or self._is_sure(found, home.names[name], offset) else None

    def candidates(self, name: str, scope: Scope, offset: int) -> list[Binding]:
        """All that a name may stand for where it is read: several where tests and loops decide."""
        found = self.resolve(name, scope, offset)
        home, _ = self._home(name, scope)
        return [found] if found else [b for _, b in home.names[name] if b is not None] if home else []

    @staticmethod
    def _home(name: str, scope: Scope) -> tuple[Scope | None, bool]:
        """The scope that binds a name which is read in another, and whether it is the same."""
        here: Scope | None = scope
        while here is not None:
            visible = here.kind != "class" or here is scope
            if visible and name in here.names and name not in here.outer:
                return here, here is scope
            here = here.parent
        return None, False

    @staticmethod
    def _pick(entries: list[tuple[int, Binding | None]], offset: int, straight: bool) -> Binding | None:
        ordered = sorted(entries, key=lambda e: e[0])
        before = [e for e in ordered if e[0] <= offset] if straight else ordered
        return (before or ordered)[-1][1]

    def _is_sure(self, found: Binding, entries: list[tuple[int, Binding | None]], offset: int) -> bool:
        """Whether an alias (`K = keras.backend`) is all that a name can stand for where it is read."""
        path = self.path_of(found, found.name) if found.kind == "assign" else ""
        others = [(at, b) for at, b in entries if b is not found]
        if not path or all(b is not None and self.path_of(b, b.name) == path for _, b in others):
            return True
        reader = self.statement_at(offset)
        around = [reader, *self.around(reader)] if reader is not None else []
        loops = [a for a in around if isinstance(a, ast.For | ast.While)]
        if any(self.start(loop) <= at <= self.end(loop) for loop in loops for at, _ in others):
            return False
        home = self.parents[found.statement]
        block = next((b for b in blocks(home) if found.statement in b), [])
        return any(a in block for a in around)

    def _star(self, name: str) -> Binding | None:
        if hasattr(builtins, name) or name.startswith("__") or name in self.provided:
            return None
        stars = [b for b in self.bindings if b.kind == "star"]
        framework = [b for b in stars if self.is_framework(b.path)]
        for binding in reversed(framework):
            if self.exports(binding.path, name):
                return binding
        return framework[-1] if framework and len(framework) == len(stars) else None

    def path_of(self, binding: Binding, name: str) -> str:
        """The canonical path that a name has by its binding."""
        if binding.kind == "star":
            return canonical(f"{binding.path}.{name}")
        if binding.kind == "assign" and not binding.path and binding.value is not None:
            binding.path = "?"  # against a circle
            binding.path = self._assigned_path(binding)
        return binding.path

    def _assigned_path(self, binding: Binding) -> str:
        assert binding.value is not None
        assert binding.scope is not None
        root, attributes = chain(binding.value)
        base = self.resolve(root.id, binding.scope, self.start(root)) if root else None
        if base is None or root is None:
            return "?"
        path = self.path_of(base, root.id)
        return canonical(".".join([path, *attributes])) if self.is_framework(path) else "?"

    @cached_property
    def references(self) -> list[Reference]:
        """Every use of a name of Keras or TensorFlow, in order."""
        found = []
        for name, scope in self.reads:
            binding = self.resolve(name.id, scope, self.start(name))
            if binding is None:
                continue
            path = self.path_of(binding, name.id)
            if not self.is_framework(path):
                continue
            node: ast.expr = name
            while isinstance(parent := self.parents.get(node), ast.Attribute):
                node, path = parent, f"{path}.{parent.attr}"
            span = self._exact(name, node)
            found.append(Reference(_modern(path), *span, node, name, binding))
        return sorted(found, key=lambda r: r.start)

    def _exact(self, name: ast.Name, node: ast.expr) -> tuple[int, int]:
        """The span of a reference; Python 3.11 misplaces what stands in f-strings."""
        start, end = self.start(name), self.end(node)
        text = ast.unparse(node).encode()
        string = next((a for a in self.around(node) if isinstance(a, ast.JoinedStr)), None)
        if string is None or self.data[start:end] == text:
            return start, end
        start = self.data.find(text, self.start(string), self.end(string))
        return (start, start + len(text)) if start >= 0 else (self.start(string), self.end(string))

    @cached_property
    def uses_keras(self) -> bool:
        """Whether anything of Keras is imported or used."""
        imported = any(b.path.split(".")[0] == "keras" for b in self.bindings)
        return imported or any(r.path.split(".")[0] == "keras" for r in self.references)


def _modern(path: str) -> str:
    """The canonical path, without the module of TensorFlow 1 in it."""
    path = canonical(path)
    for old in ("tf.compat.v1.", "tf.compat.v2."):
        path = path.replace(old, "tf.")
    return canonical(path)
