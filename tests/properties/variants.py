"""Random variants of a program that mean the same: other layout, other names, other imports."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Iterator

from hypothesis import strategies as st

ODD = 'print( "step",{0} )  # spaced   as typed'


def boundaries(source: str) -> list[tuple[int, str]]:
    """Every place between two statements: the line before which it is, and its indentation."""
    places = []
    for body in _bodies(ast.parse(source)):
        for before, statement in zip([None, *body], body, strict=False):
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if docstring or future or (before is not None and before.end_lineno == statement.lineno):
                continue
            decorators = getattr(statement, "decorator_list", [])
            first = min([statement.lineno, *(d.lineno for d in decorators)])
            places.append((first, " " * statement.col_offset))
    return sorted(places)


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and not _is_elif(node, name, body):
                yield body


def _is_elif(node: ast.AST, name: str, body: list[ast.stmt]) -> bool:
    return name == "orelse" and isinstance(node, ast.If) and isinstance(body[0], ast.If)


@st.composite
def with_lines(draw: st.DrawFn, source: str, kinds: tuple[str, ...]) -> tuple[str, list[str]]:
    """The source with a few lines put between its statements, and what must be kept of them."""
    places = boundaries(source)
    chosen = draw(st.lists(st.sampled_from(places), min_size=1, max_size=5, unique=True))
    lines, kept = source.split("\n"), []
    for number, (line, indent) in reversed(list(enumerate(sorted(chosen)))):
        kind = draw(st.sampled_from(kinds))
        if kind == "blank":
            new = [""] * draw(st.integers(1, 3))
        else:
            text = f"# remark {number}" if kind == "comment" else ODD.format(number)
            new = [indent + text]
            kept.append(text)
        lines[line - 1 : line - 1] = new
    return "\n".join(lines), kept[::-1]


def variables(source: str) -> list[str]:
    """The program's own variables that may be renamed by their tokens alone."""
    tree = ast.parse(source)
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    taken = {n.arg for n in ast.walk(tree) if isinstance(n, ast.keyword | ast.arg)}
    taken |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    formatted = "\n".join(ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr))
    return sorted(n for n in bound - taken if not re.search(rf"\b{n}\b", formatted))


@st.composite
def with_names(draw: st.DrawFn, source: str) -> str:
    """The source with a few variables renamed to names that occur nowhere in it."""
    chosen = draw(st.lists(st.sampled_from(variables(source)), min_size=1, max_size=4, unique=True))
    words = st.from_regex(r"[a-z]{3,9}", fullmatch=True)
    new = words.filter(lambda w: not keyword.iskeyword(w) and not re.search(rf"\b{w}\b", source))
    # A prefix keeps them apart from the words that the back end chooses itself.
    names = {name: f"my_{draw(new)}_{i}" for i, name in enumerate(chosen)}
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type == tokenize.NAME and token.string in names:
            (row, start), (_, end) = token.start, token.end
            line = lines[row - 1]
            lines[row - 1] = line[:start] + names[token.string] + line[end:]
    return "".join(lines)


SPELLINGS = ("keras", "tensorflow.keras", "tensorflow.python.keras")


@st.composite
def with_imports(draw: st.DrawFn, source: str) -> str:
    """The source with Keras imported from another place."""
    home = draw(st.sampled_from(SPELLINGS))
    text = re.sub(r"^from (?:tensorflow\.)?keras(?=[. ])", f"from {home}", source, flags=re.M)
    imports = [
        f"import {home} as keras",
        f"from {home.rpartition('.')[0] or 'tensorflow'} import keras",
    ]
    return re.sub(r"^import keras$", draw(st.sampled_from(imports)), text, flags=re.M)


def in_main(source: str) -> str:
    """Everything but the imports moved into a function `main`."""
    tree = ast.parse(source)
    lines = source.split("\n")
    outside, inside = [], []
    edges = [statement.lineno - 1 for statement in tree.body] + [len(lines)]
    for statement, start, end in zip(tree.body, edges, edges[1:], strict=False):
        (outside if _is_import(statement) else inside).extend(lines[start:end])
    body = ["    " + line if line.strip() else "" for line in inside]
    return "\n".join([*outside, "", "", "def main():", *body, "", "main()", ""])


def meaning(code: str, *, names: bool = True) -> list[str]:
    """The program without its layout and comments; without `names`, whatever things are called."""
    tree = ast.parse(code)
    for node in [] if names else ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = "_"
        elif isinstance(node, ast.arg):
            node.arg = "_"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.name = "_"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            node.attr = "_" if node.value.id in ("self", "_") else node.attr
    # Comments above an import decide where it is sorted to.
    tree.body.sort(key=lambda node: ast.dump(node) if _is_import(node) else "")
    return ast.dump(tree, indent=1).split("\n")


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
