"""One source file: its tree, byte spans, imported names and comments."""

from __future__ import annotations

import ast
import bisect
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from transpile.ir import Span
from transpile.names import canonical
from transpile.result import UnusableInput
from transpile.syntax import check_syntax


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment of the user's. `own_line`: nothing but white space stands before it."""

    start: int  # bytes
    text: str
    own_line: bool


class Source:
    """A parsed file. Raises UnusableInput if the text is not Python 3."""

    def __init__(self, text: str, filename: str = "<string>") -> None:
        self.text = text
        self.filename = filename
        self.data = text.encode()
        wrapper = MetadataWrapper(_parse(text), unsafe_skip_copy=True)
        self.tree = wrapper.module
        self._spans = dict(wrapper.resolve(ByteSpanPositionProvider))
        self._lines = [0]
        for line in self.data.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node stands, without its leading and trailing white space."""
        position = self._spans[node]
        return self.span_of(position.start, position.start + position.length)

    def stands_for(self, made: cst.CSTNode, node: cst.CSTNode) -> None:
        """Gives a node that was made for an occasion the place of one of the file's."""
        self._spans[made] = self._spans[node]

    def span_of(self, start: int, end: int) -> Span:
        """A piece of the file by its byte offsets."""
        row = bisect.bisect_right(self._lines, start) - 1
        column = len(self.data[self._lines[row] : start].decode(errors="replace"))
        return Span(start, end, row + 1, column + 1)

    def code(self, node: cst.CSTNode) -> str:
        """The user's own text of a node."""
        if getattr(node, "lpar", ()):
            return self.tree.code_for_node(node)  # the span of a tuple leaves out its parentheses
        position = self._spans[node]
        return self.data[position.start : position.start + position.length].decode()

    def line_start(self, offset: int) -> int:
        """The byte at which the line of `offset` begins."""
        return self._lines[bisect.bisect_right(self._lines, offset) - 1]

    def line_end(self, offset: int) -> int:
        """The byte after the last of the line of `offset`, its newline included."""
        row = bisect.bisect_right(self._lines, offset)
        return self._lines[row] if row < len(self._lines) else len(self.data)

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """Every comment, in order."""
        found = []
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                start = self._lines[row - 1] + len(token.line[:column].encode())
                found.append(Comment(start, token.string, not token.line[:column].strip()))
        return tuple(found)

    @cached_property
    def used_names(self) -> frozenset[str]:
        """Every name that the file uses in any way."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return frozenset(t.string for t in tokens if t.type == tokenize.NAME)

    @cached_property
    def taken_names(self) -> frozenset[str]:
        """The names in use, but for those of imports from Keras, which go away."""
        tree = ast.parse(self.text)
        taken = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        taken |= {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
        taken |= {
            n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        }
        bases = {
            b.id for n in ast.walk(tree) if isinstance(n, ast.ClassDef) for b in n.bases if isinstance(b, ast.Name)
        }
        leaving = {n for n, path in self.imports.names.items() if path.startswith("keras.")} - bases
        return frozenset(taken - leaving)

    @cached_property
    def imports(self) -> Imports:
        """What the file imports, wherever in it."""
        collector = _ImportCollector()
        self.tree.visit(collector)
        return Imports(collector.names, tuple(collector.stars))


@dataclass(frozen=True)
class Imports:
    """Local names and the canonical dotted paths they stand for; star-imported modules."""

    names: Mapping[str, str]
    stars: tuple[str, ...]

    def uses(self, prefix: str) -> bool:
        """Whether anything below a module is imported."""
        paths = (*self.names.values(), *self.stars)
        return any(p == prefix or p.startswith(prefix + ".") for p in paths)


class _ImportCollector(cst.CSTVisitor):
    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.stars: list[str] = []

    def visit_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            path = dotted(alias.name)
            if alias.asname is None:
                root = path.split(".")[0]
                self.names[root] = root if root != "tf_keras" else "keras"
            else:
                self.names[_asname(alias)] = canonical(path)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.relative or node.module is None:
            return
        module = dotted(node.module)
        if isinstance(node.names, cst.ImportStar):
            self.stars.append(canonical(module))
            return
        for alias in node.names:
            self.names[_asname(alias)] = canonical(f"{module}.{dotted(alias.name)}")


def _asname(alias: cst.ImportAlias) -> str:
    target = alias.asname.name if alias.asname else alias.name
    return target.value if isinstance(target, cst.Name) else dotted(alias.name)


def dotted(node: cst.BaseExpression) -> str:
    """`a.b.c` as text; "" for anything that is not a dotted name."""
    match node:
        case cst.Name(value=value):
            return value
        case cst.Attribute(value=value, attr=attr):
            head = dotted(value)
            return f"{head}.{attr.value}" if head else ""
    return ""


def _parse(text: str) -> cst.Module:
    check_syntax(text)
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        message = error.message.strip().splitlines()[0]
        raise UnusableInput("K2T005", message, error.raw_line, error.raw_column + 1) from None
