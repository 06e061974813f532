"""The import statements of the converted file: what goes, what comes, and where it stands."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from transpile.backends.blank_lines import at_least, exactly, removed
from transpile.frontends.keras_utilities import harmless_queries
from transpile.ir import Edit
from transpile.references import ROOTS, References
from transpile.scopes import Binding
from transpile.splice import apply
from transpile.statements import widened

_LINE = 88
_Key = tuple[int, str, str]


def write_imports(
    text: str,
    imports: Iterable[str],
    exports: Callable[[str, str], bool] | None = None,
    freed: Iterable[str] = (),
    roots: Collection[str] = ROOTS,
    defined: Collection[str] = (),
) -> str:
    """The text with the imports that it needs, and without framework imports that nothing uses.

    `text` is the file with all other edits made. `freed` are names of other modules that
    only converted code used, `defined` those that the file defines itself now: what brought
    them from the framework goes, however often it was imported.
    """
    imports = sorted(imports)
    references = References(text, exports, provided_by(imports), roots)
    unused = _unused(references, set(freed), defined)
    gone, edits = _drop(references, unused)
    edits += _insert(references, imports, gone, unused)
    return apply(text, edits)


def named_in(text: str, imports: Iterable[str]) -> list[str]:
    """The imports of which the text mentions a name; another edit may have taken it away."""
    named = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return [i for i in imports if provided_by([i]) & named]


def plain_imports(references: References) -> set[str]:
    """The names of the standard library and numpy that the program reads."""
    plain = {
        b.name
        for b in references.bindings
        if b.path.split(".")[0] in (*sys.stdlib_module_names, "numpy") and b.path != "__future__"
    }
    return plain & {name.id for name, _ in references.reads}


def provided_by(imports: Iterable[str]) -> set[str]:
    """The names that import statements bind."""
    aliases = [a for node in ast.parse("\n".join(imports)).body for a in _names(node)]
    return {a.asname or a.name.split(".")[0] for a in aliases}


def _names(node: ast.stmt) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


def _unused(references: References, freed: set[str], defined: Collection[str]) -> set[Binding]:
    """The imported names (and aliases of them) that nothing reads."""
    candidates = {b for b in references.bindings if _is_candidate(references, b, freed)}
    replaced = {b for b in candidates if b.kind == "from" and b.name in defined}
    exported = _exported(references)
    while True:
        read = {_same(b) for b in _read(references, candidates)}
        unread = replaced | {b for b in candidates if _same(b) not in read and b.name not in exported}
        if not _shrink(references, unread):
            return unread


def _same(binding: Binding) -> tuple[str, int]:
    """Equal for imports of one name in one scope, as in the branches of a `try`."""
    return (binding.path if binding.kind == "star" else binding.name, id(binding.scope))


def _shrink(references: References, unread: set[Binding]) -> bool:
    """Forgets the reads in statements that go away; whether there were any."""
    names: dict[ast.stmt, int] = defaultdict(int)
    for binding in unread:
        names[binding.statement] += 1
    whole = {s for s, n in names.items() if n == len(_names(s) or [s])}
    going = widened(references, whole, harmless_queries(references))
    kept = [
        (n, s)
        for n, s in references.reads
        if references.statement(n) not in going and not any(a in going for a in references.around(n))
    ]
    shrunk = len(kept) < len(references.reads)
    references.reads = kept
    return shrunk


def _is_candidate(references: References, binding: Binding, freed: set[str]) -> bool:
    framework = references.is_framework(references.path_of(binding, binding.name))
    return framework or (binding.kind in ("import", "from") and binding.name in freed)


def _read(references: References, candidates: set[Binding]) -> set[Binding]:
    found = set()
    for name, scope in references.reads:
        for binding in candidates.intersection(references.candidates(name.id, scope, references.start(name))):
            found.add(binding)
            if binding.kind == "star" and not references.exports(binding.path, name.id):
                found |= {b for b in candidates if b.kind == "star"}  # it may come from any
    return found


def _exported(references: References) -> set[str]:
    """The names in `__all__`."""
    found: set[str] = set()
    for node in references.tree.body:
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                found |= {str(c.value) for c in ast.walk(node.value) if isinstance(c, ast.Constant)}
    return found


def _drop(references: References, unused: set[Binding]) -> tuple[set[ast.stmt], list[Edit]]:
    """The statements that disappear, and the edits that take the unused names away."""
    by_statement: dict[ast.stmt, list[Binding]] = defaultdict(list)
    for binding in unused:
        by_statement[binding.statement].append(binding)
    gone: set[ast.stmt] = set()
    edits: list[Edit] = []
    for statement, bindings in by_statement.items():
        names = getattr(statement, "names", [None])
        if len(bindings) == len(names):
            gone.add(statement)
        elif "#" not in references.code(statement):
            kept = [a for a in names if a not in {b.alias for b in bindings}]
            new = _statement(statement, kept, statement.col_offset)
            edits.append(Edit(references.start(statement), references.end(statement), new))
    return gone, [*edits, *removed(references, gone, harmless_queries(references))]


def _statement(statement: ast.stmt, names: list[ast.alias], indent: int) -> str:
    """An import statement with some of its names."""
    parts = [f"{a.name} as {a.asname}" if a.asname else a.name for a in names]
    if isinstance(statement, ast.Import):
        return f"import {', '.join(parts)}"
    assert isinstance(statement, ast.ImportFrom)
    return _from("." * statement.level + (statement.module or ""), parts, indent)


def _from(module: str, parts: list[str], indent: int = 0) -> str:
    line = f"from {module} import {', '.join(parts)}"
    if indent + len(line) <= _LINE:
        return line
    inner = "".join(f"{' ' * (indent + 4)}{part},\n" for part in parts)
    return f"from {module} import (\n{inner}{' ' * indent})"


# New imports


@dataclass(frozen=True)
class _Line:
    """An import statement to be written."""

    text: str
    module: str
    plain: bool  # `import x`, not `from x import y`

    @property
    def key(self) -> _Key:
        return _key(self.plain, self.module, self.text)

    @property
    def standard(self) -> bool:
        return self.module.split(".")[0] in sys.stdlib_module_names


def _key(plain: bool, module: str, text: str) -> _Key:
    return (0 if plain else 1, module.lower(), text)


def _name_key(name: str) -> tuple[int, str]:
    """Constants, classes, functions: the order of isort."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def _lines(imports: Iterable[str], present: set[tuple[str, str]]) -> list[_Line]:
    """The statements to write, without what is imported already."""
    found: dict[str, _Line] = {}
    merged: dict[str, set[str]] = defaultdict(set)
    for node in ast.parse("\n".join(imports)).body:
        assert isinstance(node, ast.Import | ast.ImportFrom)
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            path = f"{module}.{alias.name}" if module else alias.name
            bound = alias.asname or (alias.name if module else alias.name.split(".")[0])
            if (bound, path) in present:
                continue
            if module and alias.asname is None:
                merged[module].add(alias.name)
            else:
                text = _statement(node, [alias], 0)
                found[text] = _Line(text, module or alias.name, not module)
    for module, names in merged.items():
        text = _from(module, sorted(names, key=_name_key))
        found[text] = _Line(text, module, False)
    return sorted(found.values(), key=lambda line: line.key)


def _insert(references: References, imports: list[str], gone: set[ast.stmt], unused: set[Binding]) -> list[Edit]:
    top = [b for b in references.bindings if b.statement in references.tree.body]
    reads: dict[str, int] = {}
    for name, _ in references.reads:
        reads[name.id] = min(references.start(name), reads.get(name.id, references.start(name)))
    # One that comes after the name is read, as in a later cell of a notebook, comes too late.
    timely = [b for b in top if reads.get(b.name, len(references.data)) >= references.start(b.statement)]
    present = {(b.name, b.path) for b in timely if b not in unused and b.kind != "star"}
    lines = _lines(imports, present)
    if not lines:
        return []
    third = [line for line in lines if not line.standard]
    standard = [line for line in lines if line.standard]
    anchor = _anchor(references)
    places: list[tuple[int, str]] = []
    if anchor is None:
        return _header(references, standard, third)
    places += _place_standard(references, standard, gone)
    places += _place_third(references, third, anchor, gone)
    return _as_edits(places)


def _as_edits(places: list[tuple[int, str]]) -> list[Edit]:
    """Insertions at one place in the order in which they were made."""
    together: dict[int, str] = defaultdict(str)
    for offset, text in places:
        together[offset] += text
    return [Edit(offset, offset, text) for offset, text in together.items()]


def _anchor(references: References) -> ast.stmt | None:
    """The top-level statement that the new imports join: the first with a framework import."""
    body = references.tree.body
    framework = [b for b in references.bindings if references.is_framework(b.path) and b.kind != "assign"]
    for binding in sorted(framework, key=lambda b: references.start(b.statement)):
        for node in (binding.statement, *references.around(binding.statement)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.With):
                break
            if isinstance(node, ast.stmt) and node in body and not _is_main(node):
                return node
    header = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom) and not _is_future(s)]
    return header[-1] if header else None


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _header(references: References, standard: list[_Line], third: list[_Line]) -> list[Edit]:
    """The imports of a file that has none: behind its docstring."""
    groups = ["".join(f"{line.text}\n" for line in part) for part in (standard, third) if part]
    text = exactly(1).join(groups)
    offset = 0
    for statement in references.tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not _is_future(statement):
            break
        offset = references.line_end(references.end(statement) - 1)
    while references.data[offset : offset + 2] == b"#!" or (
        offset < len(references.data) and b"coding" in _line(references, offset)
    ):
        offset = references.line_end(offset)
    lead = "\n" if offset and not references.data[:offset].endswith(b"\n") else ""
    return [Edit(offset, offset, f"{lead}{exactly(1)}{text}{at_least(1)}")]


def _line(references: References, offset: int) -> bytes:
    line = references.data[offset : references.line_end(offset)]
    return line if line.startswith(b"#") else b""


def _paragraph(references: References, anchor: ast.stmt) -> list[ast.stmt]:
    """The import statements around the anchor, without an empty line or a comment between."""
    body = references.tree.body
    at = body.index(anchor)
    first = last = at
    while first > 0 and _adjacent(references, body[first - 1], body[first]):
        first -= 1
    while last + 1 < len(body) and _adjacent(references, body[last], body[last + 1]):
        last += 1
    return body[first : last + 1]


def _adjacent(references: References, first: ast.stmt, second: ast.stmt) -> bool:
    imports = ast.Import | ast.ImportFrom
    if not isinstance(first, imports) or not isinstance(second, imports):
        return False
    end = references.line_end(references.end(first) - 1)
    return references.line_start(references.start(second)) == end


def _module(statement: ast.stmt) -> str:
    if isinstance(statement, ast.ImportFrom):
        return "." * statement.level + (statement.module or "")
    return statement.names[0].name if isinstance(statement, ast.Import) else ""


def _is_standard(statement: ast.stmt) -> bool:
    return _module(statement).split(".")[0] in sys.stdlib_module_names


def _keys(statements: Sequence[ast.stmt]) -> list[_Key]:
    return [_key(isinstance(s, ast.Import), _module(s), ast.unparse(s)) for s in statements]


def _place_third(
    references: References, lines: list[_Line], anchor: ast.stmt, gone: set[ast.stmt]
) -> list[tuple[int, str]]:
    """Each line at its place among its sorted neighbours, or all where the framework stood."""
    kept = [
        s
        for s in _paragraph(references, anchor)
        if isinstance(s, ast.Import | ast.ImportFrom) and s not in gone and not _is_standard(s) and not _is_future(s)
    ]
    keys = _keys(kept)
    own = references.line_start(references.start(anchor))
    if not _is_removed_framework(anchor, gone) and isinstance(anchor, ast.Import | ast.ImportFrom):
        own = references.line_end(references.end(anchor) - 1)
    if not kept or keys != sorted(keys):
        return [(own, f"{line.text}\n") for line in lines]
    places = []
    for line in lines:
        before = [s for s, key in zip(kept, keys, strict=True) if key < line.key]
        if before:
            offset = references.line_end(references.end(before[-1]) - 1)
        else:
            offset = references.line_start(references.start(kept[0]))
        places.append((offset, _own_line(references, offset, line.text)))
    return places


def _is_removed_framework(anchor: ast.stmt, gone: set[ast.stmt]) -> bool:
    return anchor in gone or not isinstance(anchor, ast.Import | ast.ImportFrom)


def _own_line(references: References, offset: int, text: str) -> str:
    """A line, where the text before may end without a newline."""
    missing = offset == len(references.data) and not references.data.endswith(b"\n")
    return f"\n{text}" if missing else f"{text}\n"


def _place_standard(references: References, lines: list[_Line], gone: set[ast.stmt]) -> list[tuple[int, str]]:
    """The standard library's: among the user's before the first use, or in a group of their own at the top."""
    body = references.tree.body
    names = provided_by(line.text for line in lines)
    needed = min((references.start(n) for n, _ in references.reads if n.id in names), default=len(references.data))
    imports = [s for s in body if isinstance(s, ast.Import | ast.ImportFrom) and not _is_future(s)]
    theirs = [s for s in imports if _is_standard(s) and s not in gone and references.start(s) < needed]
    places = []
    if not theirs and lines:
        first = imports[0] if imports else body[0]
        offset = references.line_start(references.start(first))
        text = "".join(f"{line.text}\n" for line in lines)
        return [(offset, text + exactly(1))]
    theirs = [s for s in _paragraph(references, theirs[0]) if s in theirs] if theirs else []
    keys = _keys(theirs)
    for line in lines:
        before = [s for s, key in zip(theirs, keys, strict=True) if key < line.key]
        if before:
            offset = references.line_end(references.end(before[-1]) - 1)
        else:
            offset = references.line_start(references.start(theirs[0]))
        places.append((offset, _own_line(references, offset, line.text)))
    return places
